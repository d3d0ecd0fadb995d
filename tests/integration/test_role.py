# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A role end to end: the real ansible-playbook, a real firewall, the packets of a peer."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, Tuple

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load
from tests.lab import ansible_runs as ansible
from tests.lab import firewall
from tests.lab.role_host import Admission, RoleHost, admit, to_admit
from tests.lab.sandbox import FAMILIES, Host, Lab

ROLE = "kuma_zone_cp"
SSH = admit("tcp", 22)
QUICK = {"timeout": 0}


def listeners() -> List[Dict[str, Any]]:
    return _resolve.resolve(_spec_load.load(role=ROLE), ROLE).listeners


class Scene:
    """A firewalled host with the role's listeners, and a peer."""

    def __init__(self, lab: Lab, families: Tuple[str, ...] = FAMILIES) -> None:
        self.host, self.peer = lab.host("host", families), lab.host("peer")
        firewall.install(self.host)
        self.served = RoleHost(self.host, listeners(), stack=families[0] if len(families) == 1 else "dual")
        self.served.start()
        self.admitted = frozenset(to_admit(listeners()))

    def state(self) -> Dict[str, str]:
        """All that the role may change: the ruleset, and every file under /etc."""
        digests = self.host.run(["sh", "-c", "find /etc -type f -exec sha256sum {} +"]).stdout
        return {"ruleset": firewall.ruleset(self.host), "files": "\n".join(sorted(digests.splitlines()))}

    def knock(self, admitted: FrozenSet[Admission] = frozenset()) -> None:
        """The peer finds `admitted` open, and nothing else."""
        found, wrong = self.served.disagreements(self.peer, SSH | admitted)
        assert wrong == []
        assert len(found) == len(self.served.listeners) * len(self.host.addresses)


def changed(run: ansible.Run) -> List[str]:
    return [event.action for event in run.events if event.result.get("changed")]


@pytest.mark.parametrize(
    "families",
    [
        pytest.param(("ipv4",), id="ipv4 only", marks=pytest.mark.slow),
        pytest.param(("ipv6",), id="ipv6 only", marks=pytest.mark.slow),
        pytest.param(FAMILIES, id="both"),
    ],
)
def test_a_role_opens_and_verifies(lab: Lab, families: Tuple[str, ...]) -> None:
    scene = Scene(lab, families)
    scene.knock()
    run = ansible.role(scene.host, ROLE, QUICK)
    assert run.code == 0, run.output
    assert changed(run) == ["port_allow"]
    scene.knock(scene.admitted)
    verdicts = {one["name"]: one["verdict"] for one in run.result("port_verify")["listeners"]}
    assert verdicts == dict.fromkeys((one["name"] for one in scene.served.listeners), "ok")


@pytest.mark.slow
def test_check_mode_is_exact_and_a_second_run_changes_nothing(lab: Lab) -> None:
    scene = Scene(lab)
    before = scene.state()
    foreseen = ansible.role(scene.host, ROLE, QUICK, "--check", "--diff")
    assert (foreseen.code, changed(foreseen)) == (0, ["port_allow"]), foreseen.output
    assert scene.state() == before
    scene.knock()

    done = ansible.role(scene.host, ROLE, QUICK, "--diff")
    assert done.code == 0, done.output
    after = scene.state()
    assert after["ruleset"] != before["ruleset"] and after["files"] != before["files"]
    assert foreseen.result("port_allow")["diff"] == done.result("port_allow")["diff"]
    assert foreseen.result("port_allow")["rules"] == done.result("port_allow")["rules"]

    for options in ((), ("--check",)):
        again = ansible.role(scene.host, ROLE, QUICK, *options)
        assert (again.code, changed(again)) == (0, []), again.output
    assert scene.state() == after


@pytest.mark.slow
def test_a_role_is_there_after_a_boot_and_goes_when_told(lab: Lab) -> None:
    scene = Scene(lab)
    before = scene.state()
    assert ansible.role(scene.host, ROLE, QUICK).code == 0
    firewall.load(scene.host)
    scene.knock(scene.admitted)

    gone = ansible.role(scene.host, ROLE, {"state": "absent"})
    assert (gone.code, changed(gone)) == (0, ["port_allow"]), gone.output
    assert scene.state() == before
    scene.knock()


@pytest.mark.slow
def test_a_role_fails_for_a_missing_listener_and_says_which(lab: Lab) -> None:
    scene = Scene(lab)
    scene.served.stop("dp-server")
    run = ansible.role(scene.host, ROLE, QUICK)
    assert run.code == 2
    failed = [event for event in run.events if event.outcome == "failed"]
    assert [event.action for event in failed] == ["port_verify"]
    assert {one["name"]: one["verdict"] for one in failed[0].result["listeners"]}["dp-server"] == "absent"
    assert "dp-server" in failed[0].result["msg"]


@pytest.mark.slow
def test_a_role_moves_with_its_ports(lab: Lab) -> None:
    host, peer = lab.host("host"), lab.host("peer")
    firewall.install(host)
    moved = [dict(one, port=15678) if one["name"] == "dp-server" else one for one in listeners()]
    served = RoleHost(host, moved)
    served.start()
    assert ansible.role(host, ROLE, QUICK).code == 2
    run = ansible.role(host, ROLE, {**QUICK, "ports": {"dp-server": 15678}})
    assert run.code == 0, run.output
    assert peer.connect(host.ipv4 or "", 15678) == peer.connect(host.ipv6 or "", 15678) == "open"
    # The port of the first run is no longer the role's.
    assert peer.connect(host.ipv4 or "", 5678) == "filtered"


@pytest.mark.slow
def test_a_role_leaves_a_host_alone_that_filters_nothing(lab: Lab) -> None:
    host: Host = lab.host("host")
    firewall.install(host, firewall.DEBIAN_DEFAULT)
    RoleHost(host, listeners()).start()
    before = firewall.ruleset(host)
    run = ansible.role(host, ROLE, QUICK)
    assert (run.code, changed(run)) == (0, []), run.output
    assert run.result("port_allow")["enforcing"] is False
    assert firewall.ruleset(host) == before


@pytest.mark.slow
def test_a_role_has_its_change_confirmed_when_told(lab: Lab) -> None:
    scene = Scene(lab)
    run = ansible.role(scene.host, ROLE, {**QUICK, "rollback_after": 60})
    assert run.code == 0, run.output
    assert run.result("port_allow")["rollback"] == {"armed": True, "confirmed": True, "seconds": 60}
    scene.knock(scene.admitted)
    assert "rollback" not in ansible.role(scene.host, ROLE, {**QUICK, "rollback_after": "0"}).result("port_allow")
    refused = ansible.role(scene.host, ROLE, {**QUICK, "rollback_after": "soon"})
    assert refused.code == 2 and "port_allow" not in {event.action for event in refused.events}
