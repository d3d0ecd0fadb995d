# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rollback_after: a change that is not confirmed over a new connection is taken back by the host itself."""

from __future__ import annotations

import functools
import json
from typing import Any, Dict, Iterator, Set, Tuple

import pytest

from tests.integration import _module, _watchdog
from tests.integration._watchdog import FILES, decided, eventually
from tests.integration.rigs import listeners
from tests.lab import ansible_runs, firewall
from tests.lab.machine import Machine, Machines
from tests.lab.sandbox import Host, Lab
from tests.lab.ssh_runs import OPERATOR, Controller

SECONDS = 5
LOCK = "/run/netports-firewall.lock"


def allow(host: Host, *names: str, check: bool = False, **options: Any) -> Dict[str, Any]:
    """Run the module alone: nobody confirms."""
    return _module.run(host, "port_allow", {"listeners": listeners(*names), **options}, check)


def configuration(host: Host) -> Tuple[str, str]:
    """The firewall as it runs and as it will after a boot."""
    files = host.run(["sh", "-c", "cd /etc; md5sum nftables.conf netports.nft 2>&1"], check=False).stdout
    return firewall.ruleset(host), files


def labels(host: Host) -> Set[str]:
    return {word.strip('"').partition(":")[2] for word in firewall.ruleset(host).split() if word.startswith('"netports:')}


@pytest.fixture
def host(lab: Lab) -> Host:
    made = lab.host("host")
    firewall.install(made)
    return made


@pytest.mark.slow
def test_what_nobody_confirms_is_taken_back_with_all_labels(host: Host) -> None:
    allow(host, "api", "tunnel", label="one")
    allow(host, "low", "dns", label="two")
    before = configuration(host)
    done = allow(host, "high", label="three", exclusive=True, rollback_after=SECONDS)
    assert done["changed"] and done["rollback"]["armed"] and not done["rollback"]["confirmed"]
    assert labels(host) == {"three"}
    assert eventually(lambda: decided(host))
    after = configuration(host)
    assert (sorted(after[0].splitlines()), after[1]) == (sorted(before[0].splitlines()), before[1])
    # The next run says so, once.
    said = allow(host, "low", "dns", label="two")
    assert not said["changed"]
    assert any("three was not confirmed within %d s and was taken back at " % SECONDS in w for w in said["warnings"])
    assert not allow(host, "low", "dns", label="two")["warnings"]


@pytest.mark.slow
def test_another_run_waits_for_the_outcome(host: Host) -> None:
    allow(host, "api", label="one", rollback_after=SECONDS)
    foreseen = allow(host, "low", label="two", check=True)
    assert any("one waits to be confirmed" in warning for warning in foreseen["warnings"])
    assert not decided(host)
    done = allow(host, "low", label="two")
    assert decided(host)
    assert any("one was not confirmed" in warning for warning in done["warnings"])
    assert labels(host) == {"two"}


# Runs the module with a backend whose `apply` is killed before or after its work.
_KILLED = """
import importlib, os, signal, sys
from ansible.module_utils import basic
from ansible_collections.netports.core.plugins.module_utils._firewall.nftables import Nftables
apply, module = Nftables.apply, os.getpid()
def killed(self, plan):
    if sys.argv[2] == "after" or os.getpid() != module:
        apply(self, plan)
    if os.getpid() == module:
        os.kill(module, signal.SIGKILL)
Nftables.apply = killed
basic._ANSIBLE_ARGS = sys.argv[1].encode()
basic._ANSIBLE_PROFILE = "legacy"
importlib.import_module("ansible_collections.netports.core.plugins.modules.port_allow").main()
"""


@pytest.mark.slow
def test_a_module_that_is_killed_is_undone_too(lab: Lab) -> None:
    hosts = {moment: lab.host(moment) for moment in ("before", "after")}
    states = {}
    for moment, host in hosts.items():
        firewall.install(host)
        allow(host, "api", label="one")
        states[moment] = configuration(host)
        options = {"listeners": listeners("low"), "label": "one", "rollback_after": SECONDS}
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": options})
        done = host.run([host.python, "-c", _KILLED, arguments, moment], check=False, env=_module.environment())
        assert done.returncode == -9
        assert (configuration(host) == states[moment]) == (moment == "before")
    for moment, host in hosts.items():
        assert eventually(functools.partial(decided, host))
        assert configuration(host) == states[moment]
        said = allow(host, "api", label="one")
        assert not said["changed"] and bool(said["warnings"]) == (moment == "after")


@pytest.mark.slow
def test_a_watchdog_that_is_told_to_end_takes_the_change_back_first(host: Host) -> None:
    """As at shutdown. What cannot be taken back is told, and tried again."""
    allow(host, "api", rollback_after=600)
    host.run(["sh", "-c", "rm %s && mkdir %s" % (LOCK, LOCK)])
    host.run(["kill", str(_watchdog.process(host))])
    assert eventually(lambda: bool(host.run(["sh", "-c", "cat %s/undone.*" % FILES], check=False).stdout))
    told = host.run(["sh", "-c", "cat %s/undone.*" % FILES]).stdout
    assert "could not be taken back: " in told and "cannot open the lock" in told
    assert labels(host) == {"custom"}
    host.run(["rmdir", LOCK])
    assert eventually(lambda: decided(host))
    assert labels(host) == set()
    assert any("was taken back at " in warning for warning in allow(host, "api", check=True)["warnings"])


def test_a_watchdog_that_was_killed_is_missed(host: Host) -> None:
    allow(host, "api", rollback_after=600)
    host.run(["kill", "-KILL", str(_watchdog.process(host))])
    for check in (True, False):
        said = allow(host, "low", label="two", check=check)
        assert any("custom back has ended; it was never confirmed" in warning for warning in said["warnings"])
    assert not allow(host, "low", label="two")["warnings"]
    assert labels(host) == {"custom", "two"}


def test_a_change_that_fails_waits_for_nobody(host: Host) -> None:
    in_the_way = host.path("/etc/.netports.nft.netports-new")
    in_the_way.mkdir()
    before = configuration(host)
    refused = allow(host, "api", rollback_after=600)
    assert refused["failed"] and "cannot write" in refused["msg"], refused
    assert eventually(lambda: decided(host), 10)
    in_the_way.rmdir()
    assert configuration(host) == before
    assert not allow(host, "api")["warnings"]


def test_nothing_waits_where_nothing_changes(host: Host) -> None:
    foreseen = allow(host, "api", check=True, rollback_after=SECONDS)
    assert foreseen["changed"] and foreseen["rollback"] == {"armed": False, "confirmed": False, "seconds": SECONDS}
    assert not host.path(FILES).exists()
    allow(host, "api")
    again = allow(host, "api", rollback_after=SECONDS)
    assert not again["changed"] and not again["rollback"]["armed"]
    assert not host.path(FILES).exists()
    refused = allow(host, "low", rollback_after=4)
    assert refused["failed"] and "rollback_after: 4 s are too few" in refused["msg"]
    assert labels(host) == {"custom"}


def test_connection_local_confirms(host: Host) -> None:
    options = {"listeners": listeners("api"), "rollback_after": 30}
    # As in a shell that came over ssh: the variable is that of the operator's own login.
    login = {"environment": {"SSH_CONNECTION": "192.0.2.1 40000 192.0.2.2 22"}}
    done = ansible_runs.playbook(host, [{"netports.core.port_allow": options, **login}])
    assert done.result("port_allow")["rollback"] == {"armed": True, "confirmed": True, "seconds": 30}, done.output
    assert decided(host)
    assert labels(host) == {"custom"}
    refused = ansible_runs.playbook(host, [{"netports.core.port_allow": options, "async": 10}])
    assert "rollback_after: cannot be used with async" in refused.output


@pytest.fixture(scope="module")
def controller(machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    machine = machines.renewed("rollback")
    # Whatever a user leaves behind is killed when the session ends.
    machine.write("/etc/systemd/logind.conf.d/kill.conf", "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=\n")
    machine.run(["systemctl", "restart", "systemd-logind"])
    made = Controller(machine, tmp_path_factory.mktemp("controller"))
    yield made
    made.close()


@pytest.fixture
def machine(controller: Controller) -> Machine:
    firewall.install(controller.machine)
    controller.machine.run(["sh", "-c", "rm -rf /etc/netports.nft %s" % FILES])
    return controller.machine


def task(*names: str, **options: Any) -> Dict[str, Any]:
    return {"netports.core.port_allow": {"listeners": listeners(*names), **options}}


def ways(*pairs: Tuple[str, bool]) -> Any:
    named = [("%s%s" % (user, ", pipelining" if pipe else ""), {"user": user, "pipelining": pipe}) for user, pipe in pairs]
    return pytest.mark.parametrize("way", [pytest.param(way, id=name) for name, way in named])


EVERY_WAY = ways(("root", True), ("root", False), (OPERATOR, True), (OPERATOR, False))
TWO_WAYS = ways(("root", True), (OPERATOR, False))


@pytest.mark.machines
@pytest.mark.slow
@EVERY_WAY
def test_confirmed_over_a_new_connection(controller: Controller, machine: Machine, way: Dict[str, Any]) -> None:
    before = controller.connections()
    # The first task makes the connection that ControlPersist keeps.
    done = controller.playbook([{"ansible.builtin.command": "true"}, task("api", rollback_after=30)], **way)
    assert done.result("port_allow")["rollback"] == {"armed": True, "confirmed": True, "seconds": 30}, done.output
    assert controller.connections() - before >= 1
    assert decided(machine)
    assert labels(machine) == {"custom"}


# Who is connected stays so, and nobody gets in: a rule that is not for the guard to find, since it is there before.
SHUT = {
    "ansible.builtin.shell": """
        export PATH="$PATH:/usr/sbin"
        nft add table inet other
        nft 'add chain inet other pre { type filter hook prerouting priority raw; }'
        nft 'add rule inet other pre tcp dport 22 tcp flags & (syn | ack) == syn drop'"""
}


@pytest.mark.machines
@pytest.mark.slow
@TWO_WAYS
def test_taken_back_when_there_is_no_new_connection(controller: Controller, machine: Machine, way: Dict[str, Any]) -> None:
    allow(machine, "api")
    before = configuration(machine)
    done = controller.playbook([SHUT, task("low", rollback_after=SECONDS)], **way)
    result = done.result("port_allow")
    assert done.code != 0 and result["changed"] and not result["rollback"]["confirmed"]
    assert "was not confirmed over a new connection within %d s, and the host takes it back" % SECONDS in result["msg"]
    assert eventually(lambda: decided(machine), 3)
    machine.run(["nft", "delete", "table", "inet", "other"])
    assert configuration(machine) == before
    journal = machine.run(["journalctl", "--identifier", "netports", "--output", "cat"]).stdout
    assert "custom was not confirmed within %d s and was taken back" % SECONDS in journal
    again = controller.playbook([task("low", rollback_after=30)], **way).result("port_allow")
    assert again["rollback"]["confirmed"]
    assert any("was taken back at " in warning for warning in again["warnings"])
