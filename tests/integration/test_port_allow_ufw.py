# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_allow on ufw, beyond the conformance suite: what ufw itself and its operators make of it."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from typing import Any, Dict, Iterator, List

import pytest

from tests.integration.rigs import Scene, unchanged
from tests.integration.rigs.ufw import UfwRig
from tests.lab.machine import Machines
from tests.lab.sandbox import Host

pytestmark = [pytest.mark.machines, pytest.mark.slow]


# As after the installation of the rig.
_RESET = """
rm -rf /etc/ufw
cp -a /root/kept/ufw /etc
cp -a /root/kept/default /etc/default/ufw
/lib/ufw/ufw-init flush-all
/lib/ufw/ufw-init start
"""


@pytest.fixture(scope="module")
def host_behind_ufw(machines: Machines) -> Scene:
    peer = machines.hosts.get("peer") or machines.host("peer")
    made = Scene(UfwRig(), machines.host("behind-ufw"), peer)
    made.host.run(["sh", "-ec", "mkdir /root/kept; cp -a /etc/ufw /root/kept; cp -a /etc/default/ufw /root/kept/default"])
    return made


@pytest.fixture
def scene(host_behind_ufw: Scene) -> Scene:
    host_behind_ufw.host.run(["sh", "-ec", _RESET])
    return host_behind_ufw


@contextlib.contextmanager
def replaced(host: Host, program: str, script: str) -> Iterator[None]:
    """The program is that script, which finds the old one behind its own name and `.kept`."""
    host.run(["mv", program, program + ".kept"])
    host.write(program, "#!/bin/sh\n" + script, mode=0o755)
    try:
        yield
    finally:
        host.run(["mv", program + ".kept", program])


def ufw(host: Host, *arguments: str) -> str:
    return host.run(["ufw", *arguments]).stdout


def shown(host: Host) -> List[str]:
    """The lines of `ufw status` for what port_allow opened, blanks as one."""
    return [" ".join(line.split()) for line in ufw(host, "status").splitlines() if "netports" in line]


def test_ufw_takes_the_rules_for_its_own(scene: Scene) -> None:
    host, app = scene.host, str(scene.peer.ipv4)
    scene.allow("api", "xds", "dns", label="kuma", clients={"app": [app]})
    assert shown(host) == [
        "netports-kuma ALLOW Anywhere # netports:kuma",
        "netports-kuma+2 ALLOW %s # netports:kuma" % app,
        "netports-kuma (v6) ALLOW Anywhere (v6) # netports:kuma",
    ]
    assert "netports-kuma+2" in ufw(host, "app", "list")
    info = ufw(host, "app", "info", "netports-kuma")
    assert "Ports of kuma" in info and "5678/tcp" in info and "5353/udp" in info

    # Whatever ufw does to its files and chains, the rules stay as they are to be.
    for arguments in (("app", "update", "netports-kuma"), ("app", "update", "all"), ("reload",), ("logging", "medium")):
        ufw(host, *arguments)
        assert not scene.allow("api", "xds", "dns", label="kuma", clients={"app": [app]})["changed"], arguments
    ufw(host, "logging", "low")
    ufw(host, "allow", "7000/tcp")
    assert not scene.allow("api", "xds", "dns", label="kuma", clients={"app": [app]})["changed"]
    assert scene.reached() == {"admin", "api", "xds ipv4", "dns", "other"}

    # What is taken away by hand comes back.
    ufw(host, "delete", "allow", "netports-kuma")
    assert scene.reached() == {"admin", "xds ipv4", "other"}
    assert scene.allow("api", "xds", "dns", label="kuma", clients={"app": [app]})["changed"]
    scene.allow(label="kuma", state="absent")
    assert shown(host) == [] and "netports" not in ufw(host, "app", "list")
    assert "7000/tcp" in ufw(host, "status")


def test_rules_survive_what_is_done_to_the_service(scene: Scene) -> None:
    host = scene.host
    scene.allow("api", "dns", "tunnel")
    for command in (
        ["ufw", "reload"],
        ["sh", "-c", "ufw disable && ufw --force enable"],
        ["systemctl", "restart", "ufw"],
        ["/lib/ufw/ufw-init", "force-reload"],
    ):
        host.run(command)
        assert scene.reached() == {"admin", "api", "dns", "tunnel"}, command
        before = scene.rig.state(host)
        assert not scene.allow("api", "dns", "tunnel")["changed"], command
        assert unchanged(before, scene.rig.state(host))


def test_ufw_is_never_called(scene: Scene) -> None:
    with replaced(scene.host, "/usr/sbin/ufw", "echo $@ >> /run/ufw-calls\n"):
        for options in ({}, {}, {"state": "absent"}):
            scene.allow("api", "xds", "dns", **options)
    assert scene.host.run(["cat", "/run/ufw-calls"], check=False).returncode != 0


def test_ufw_that_is_off_is_not_switched_on(scene: Scene) -> None:
    host = scene.host
    scene.allow("api", "tunnel", label="old")
    ufw(host, "disable")
    before = scene.rig.state(host)
    result = scene.allow("low", backend="ufw")
    assert not result["changed"] and result["enforcing"] is False and result["rules"] == []
    assert any("ufw is switched off" in warning for warning in result["warnings"])
    assert unchanged(before, scene.rig.state(host))
    # What was opened before can be taken away.
    result = scene.allow(label="old", state="absent")
    assert result["changed"] and result["backend"] == "ufw" and not result["enforcing"]
    ufw(host, "--force", "enable")
    assert scene.reached() == {"admin"}

    host.run(["/lib/ufw/ufw-init", "force-stop"])
    result = scene.allow("low", backend="ufw")
    assert not result["changed"] and result["enforcing"] is False
    assert any("its rules are not loaded" in warning for warning in result["warnings"])


def test_rules_of_the_operator_stay_in_force_and_are_told(scene: Scene) -> None:
    host = scene.host
    ufw(host, "deny", "5678/tcp")
    result = scene.allow("api", "low")
    assert scene.reached() == {"admin", "low"}
    told = [warning for warning in result["warnings"] if "tcp 5678" in warning]
    assert told and "--dport 5678 -j DROP" in told[0], result["warnings"]
    assert not any("6000" in warning for warning in result["warnings"])
    assert scene.allow("api", "low")["warnings"] == result["warnings"]


def test_changed_ports_keep_their_place_before_later_rules(scene: Scene) -> None:
    host = scene.host
    scene.allow("api")
    ufw(host, "deny", "5000:6999/tcp")
    assert scene.reached() == {"admin", "api"}
    assert not [w for w in scene.allow("api", "low")["warnings"] if "dropped" in w]
    assert scene.reached() == {"admin", "api", "low"}
    ufw(host, "reload")
    assert scene.reached() == {"admin", "api", "low"}


def test_without_ipv6_it_opens_ipv4_and_says_so(scene: Scene) -> None:
    host = scene.host
    host.run(["sed", "-i", "s/^IPV6=.*/IPV6=no/", "/etc/default/ufw"])
    host.run(["sh", "-c", "ufw disable && ufw --force enable"])
    before = scene.rig.contents(host)
    result = scene.allow("api", "tunnel")
    assert [rule["family"] for rule in result["rules"]] == ["ipv4", "ipv4"]
    assert any("IPV6=no" in note for note in result["notes"]) and not result["warnings"]
    assert scene.reached() == {"admin ipv4", "api ipv4", "tunnel ipv4"}
    assert not scene.allow("api", "tunnel")["changed"]
    alone = scene.allow(label="six", listeners=[{"name": "api", "protocol": "tcp", "port": 5678, "family": "ipv6"}])
    assert not alone["changed"] and any("IPV6=no" in warning for warning in alone["warnings"])
    scene.allow(state="absent")
    assert scene.rig.contents(host) == before


BAN = "f2b-sshd"


def test_what_others_put_into_the_chains_stays(scene: Scene) -> None:
    host = scene.host
    scene.allow("api")
    lines = [
        "-N " + BAN,
        "-A %s -s 192.0.2.66/32 -j REJECT" % BAN,
        "-I INPUT -p tcp --dport 22 -j " + BAN,
        "-I ufw-user-input 1 -p tcp --dport 7000 -j ACCEPT",
        "-N DOCKER-USER",
        "-I FORWARD -j DOCKER-USER",
    ]
    for line in lines:
        host.run(["iptables", *line.split()])
    before = _without_counters(host.run(["iptables-save"]).stdout)
    ufw_files = host.run(["sh", "-c", "cat /etc/ufw/before*.rules /etc/ufw/after*.rules"]).stdout
    scene.allow("api", "low", "dns")
    scene.allow("tunnel")
    scene.allow("api")
    assert _without_counters(host.run(["iptables-save"]).stdout) == before
    assert host.run(["sh", "-c", "cat /etc/ufw/before*.rules /etc/ufw/after*.rules"]).stdout == ufw_files


def _without_counters(saved: str) -> str:
    return re.sub(r"(?m)^#.*$| \[\d+:\d+\]$", "", saved)


def test_an_operators_use_of_a_profile_is_the_operators(scene: Scene) -> None:
    host = scene.host
    scene.allow("api", label="a")
    ufw(host, "allow", "from", "10.0.0.0/8", "to", "any", "app", "netports-a")
    assert not scene.allow("api", label="a")["changed"]
    scene.allow(label="a", state="absent")
    assert shown(host) == ["netports-a ALLOW 10.0.0.0/8"]
    assert "-s 10.0.0.0/8 -p tcp -m tcp --dport 5678" in host.run(["iptables-save"]).stdout


def test_profiles_of_others_are_left_alone(scene: Scene) -> None:
    path = "/etc/ufw/applications.d/netports-a"
    scene.host.write(path, "[netports-a]\ntitle=x\ndescription=y\nports=1/tcp\n")
    before = scene.rig.state(scene.host)
    result = scene.allow("api", label="a")
    assert result["failed"] and path in result["msg"] and "Rename it" in result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))
    scene.allow("api", label="b", exclusive=True)
    assert "ports=1/tcp" in scene.host.run(["cat", path]).stdout


@pytest.fixture
def held(scene: Scene) -> Iterator[subprocess.Popen[str]]:
    """Somebody's ufw command that takes its time."""
    script = "import fcntl, time; f = open('/run/ufw.lock', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True)"
    process = scene.host.popen(["python3", "-c", script + "; time.sleep(2)"], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_it_waits_for_ufw_and_ufw_for_it(scene: Scene, held: subprocess.Popen[str]) -> None:
    begun = time.monotonic()
    assert scene.allow("api")["changed"]
    assert time.monotonic() - begun > 1
    assert scene.reached() == {"admin", "api"}


def test_a_refusal_of_one_family_takes_the_other_back(scene: Scene) -> None:
    host = scene.host
    scene.allow("api", "low")
    program = host.run(["sh", "-c", "command -v ip6tables-nft-restore"]).stdout.strip()
    with replaced(host, program, "echo line 2 is no good >&2\nexit 2\n"):
        before = _without_counters(host.run(["iptables-save"]).stdout), scene.rig.contents(host)[1]
        result = scene.allow("high", "dns", "tunnel")
        assert result["failed"] and "line 2 is no good" in result["msg"] and "nothing was changed" in result["msg"]
        assert (_without_counters(host.run(["iptables-save"]).stdout), scene.rig.contents(host)[1]) == before


def test_many_ports_are_whole_profiles_of_ufw(scene: Scene) -> None:
    host = scene.host
    ports = [*range(10000, 10400, 2), "20000-20100", "21000-21001"]
    listeners = [{"name": "p%s" % port, "protocol": "tcp", "port": port} for port in ports]
    listeners.append({"name": "low", "protocol": "tcp", "port": 6000})
    result = scene.allow(listeners=listeners, label="many")
    assert len(result["rules"]) == 1 and scene.reached() == {"admin", "low"}
    assert "WARN" not in ufw(host, "app", "list")
    ufw(host, "app", "update", "all")
    ufw(host, "reload")
    assert not scene.allow(listeners=listeners, label="many")["changed"]
    assert scene.reached() == {"admin", "low"}


def test_established_connections_go_on(scene: Scene) -> None:
    scene.allow("api", "low")
    script = (
        "import socket, sys; s = socket.create_connection((sys.argv[1], 5678)); print('up', flush=True);"
        " sys.stdin.readline(); s.settimeout(2); s.sendall(b'x\\n'); print(s.recv(1) is not None)"
    )
    client: Dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with scene.peer.popen(["python3", "-c", script, str(scene.host.ipv4)], **client) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "up\n"
        scene.allow("low", "dns")
        assert "api" not in scene.reached()
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "True\n"


def test_on_the_old_iptables(machines: Machines, host_behind_ufw: Scene) -> None:
    host = machines.host("ufw-on-legacy")
    for name in ("iptables", "ip6tables"):
        host.run(["update-alternatives", "--set", name, "/usr/sbin/%s-legacy" % name])
    scene = Scene(UfwRig(), host, host_behind_ufw.peer)
    scene.allow("api", "low", "tunnel")
    assert scene.reached() == {"admin", "api", "low", "tunnel"}
    before = scene.rig.contents(host)
    assert not scene.allow("api", "low", "tunnel")["changed"]
    assert scene.rig.contents(host) == before
    scene.allow("dns")
    scene.forget_connections()
    assert scene.reached() == {"admin", "dns"}
