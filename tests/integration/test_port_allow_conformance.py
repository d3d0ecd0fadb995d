# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every backend of port_allow must do, with a real firewall and the real packets of a peer."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Dict, List, Sequence, Set, Tuple

import pytest

from tests.integration import _watchdog
from tests.integration._killing import Journey
from tests.integration.rigs import Rig, Scene, discovered, texts, unchanged
from tests.lab.machine import Machines
from tests.lab.sandbox import FAMILIES, Host, Lab

BOTH_AND_EACH = pytest.mark.parametrize(
    "families",
    [
        pytest.param(("ipv4",), id="ipv4 only", marks=pytest.mark.slow),
        pytest.param(("ipv6",), id="ipv6 only", marks=pytest.mark.slow),
        pytest.param(FAMILIES, id="both"),
    ],
)


def _on_its_hosts(rig: Rig) -> Any:
    marks = [pytest.mark.machines] * rig.machines + [pytest.mark.slow] * (not rig.quick)
    return pytest.param(rig, id=rig.name or rig.backend, marks=marks)


@pytest.fixture(params=[_on_its_hosts(rig) for rig in discovered()])
def rig(request: pytest.FixtureRequest) -> Rig:
    made: Rig = request.param
    return made


NewHost = Callable[..., Host]


@pytest.fixture
def new_host(request: pytest.FixtureRequest, rig: Rig) -> NewHost:
    """Makes a host by its name and families: in a lab, or with a systemd. Machines that only knock are kept."""
    if not rig.machines:
        lab: Lab = request.getfixturevalue("lab")
        return lab.host
    machines: Machines = request.getfixturevalue("machines")

    def machine(name: str, families: Sequence[str] = FAMILIES) -> Host:
        return machines.renewed(name, families) if name == "host" or name not in machines.hosts else machines.hosts[name]

    return machine


@pytest.fixture
def scene(new_host: NewHost, rig: Rig) -> Scene:
    return Scene(rig, new_host("host"), new_host("peer"))


STEPS: Dict[str, Tuple[Tuple[str, ...], Dict[str, Any], Set[str]]] = {
    "create": (("api", "low"), {}, {"admin", "api", "low"}),
    "create it again": (("api", "low"), {}, {"admin", "api", "low"}),
    "modify": (("api", "high", "dns", "tunnel"), {}, {"admin", "api", "high", "dns", "tunnel"}),
    "delete": ((), {"state": "absent"}, {"admin"}),
}


@BOTH_AND_EACH
def test_twelve_steps(new_host: NewHost, rig: Rig, families: Tuple[str, ...]) -> None:
    scene = Scene(rig, new_host("host", families), new_host("peer"))
    assert scene.reached() == {"admin"}
    for step, (names, options, expected) in STEPS.items():
        before, could = rig.state(scene.host), scene.reached()
        foreseen = scene.allow(*names, check=True, **options)
        assert unchanged(before, rig.state(scene.host)), step
        assert scene.reached() == could, step

        done = scene.allow(*names, **options)
        assert foreseen == done, step
        assert done["changed"] == (step != "create it again"), step
        assert (done["diff"]["before"] != done["diff"]["after"]) == done["changed"], step
        if step == "delete":
            scene.forget_connections()
        assert scene.reached() == expected, step

        before = rig.state(scene.host)
        for check in (True, False):
            again = scene.allow(*names, check=check, **options)
            assert not again["changed"], step
            assert again["diff"]["before"] == again["diff"]["after"], step
            assert again["rules"] == done["rules"], step
        assert unchanged(before, rig.state(scene.host)), step
    assert done["rules"] == []


def test_deleting_leaves_the_host_as_it_was(scene: Scene) -> None:
    before = scene.rig.contents(scene.host)
    scene.allow("api", "dns", "tunnel")
    scene.allow(state="absent")
    assert scene.rig.contents(scene.host) == before


@pytest.mark.slow
def test_rules_outlast_a_boot(scene: Scene) -> None:
    result = scene.allow("api", "dns")
    assert result["persisted"] is True
    scene.reboot()
    assert scene.reached() == {"admin", "api", "dns"}
    before = scene.rig.state(scene.host)
    assert not scene.allow("api", "dns")["changed"]
    assert unchanged(before, scene.rig.state(scene.host))
    scene.allow(state="absent")
    scene.reboot()
    assert scene.reached() == {"admin"}


@pytest.mark.slow
def test_without_persist_no_file_is_written_until_asked_for(scene: Scene) -> None:
    before = scene.rig.state(scene.host)
    result = scene.allow("api", persist=False)
    assert result["changed"] and result["persisted"] is False
    assert scene.rig.state(scene.host)["files"] == before["files"]
    assert scene.reached() == {"admin", "api"}
    kept = scene.allow("api")
    assert kept["changed"] and kept["persisted"] is True
    scene.reboot()
    assert scene.reached() == {"admin", "api"}


def test_ranges_are_one_rule(scene: Scene) -> None:
    listener = {"name": "range", "protocol": "tcp", "port": "6000-6002"}
    result = scene.allow(listeners=[listener])
    assert texts(result["rules"]) == {"tcp 6000-6002 both"}
    assert scene.reached() == {"admin", "low", "high"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_listener_of_one_family_is_opened_for_it_alone(scene: Scene, family: str) -> None:
    result = scene.allow(listeners=[{"name": "api", "protocol": "tcp", "port": 5678, "family": family}])
    assert scene.reached() == {"admin", "api " + family}
    assert texts(result["rules"]) == {"tcp 5678 " + family}
    assert not scene.allow(listeners=[{"name": "api", "protocol": "tcp", "port": 5678, "family": family}])["changed"]


def test_loopback_and_disallowed_listeners_are_not_opened(scene: Scene) -> None:
    listeners = [
        {"name": "api", "protocol": "tcp", "port": 5678, "bind": "loopback"},
        {"name": "xds", "protocol": "tcp", "port": 5681, "allow": False},
        {"name": "low", "protocol": "tcp", "port": "dynamic"},
    ]
    result = scene.allow(listeners=listeners)
    assert not result["changed"] and result["rules"] == []
    assert any("low" in warning for warning in result["warnings"])
    assert scene.reached() == {"admin"}


@pytest.mark.slow
def test_clients_restrict_a_listener_whose_clients_are_all_known(new_host: NewHost, scene: Scene) -> None:
    stranger = new_host("stranger")
    app = [scene.peer.ipv4, scene.peer.ipv6]
    result = scene.allow("api", "xds", clients={"app": app})
    assert scene.reached() == {"admin", "api", "xds"}
    # `operator` is a client of api too, and nobody said where it is.
    assert scene.reached(stranger) == {"admin", "api"}
    assert any("api" in warning and "operator" in warning for warning in result["warnings"])
    assert not scene.allow("api", "xds", clients={"app": app})["changed"]

    neighbours = str(ipaddress.ip_network("%s/64" % scene.peer.ipv6, strict=False))
    narrowed = scene.allow("api", "xds", clients={"app": [scene.peer.ipv4], "operator": [neighbours]})
    assert scene.reached() == {"admin", "api", "xds ipv4"}
    assert scene.reached(stranger) == {"admin", "api ipv6"}
    assert texts(narrowed["rules"]) == {
        "tcp 5678,5681 ipv4 %s" % scene.peer.ipv4,
        "tcp 5678 ipv6 %s" % neighbours,
    } or texts(narrowed["rules"]) == {
        "tcp 5678 ipv4 %s" % scene.peer.ipv4,
        "tcp 5681 ipv4 %s" % scene.peer.ipv4,
        "tcp 5678 ipv6 %s" % neighbours,
    }
    scene.reboot()
    assert scene.reached(stranger) == {"admin", "api ipv6"}


@pytest.mark.slow
def test_hundreds_of_sources_are_one_rule(scene: Scene) -> None:
    sources = ["10.%d.%d.0/25" % (i, j) for i in range(20) for j in range(20)] + [str(scene.peer.ipv4)]
    result = scene.allow("xds", clients={"app": sources})
    assert len(result["rules"]) == 1 and len(result["rules"][0]["sources"]) == 401
    assert scene.reached() == {"admin", "xds ipv4"}
    assert not scene.allow("xds", clients={"app": list(reversed(sources))})["changed"]


BAD_INPUT: List[Tuple[Dict[str, Any], str]] = [
    ({"clients": {"app": ["10.0.0.1/8"]}}, "clients.app[0]: '10.0.0.1/8' has bits set behind its prefix; write 10.0.0.0/8"),
    (
        {"clients": {"app": ["10.0.0.1", "example.org"]}},
        "clients.app[1]: 'example.org' is neither an IP address nor a network",
    ),
    ({"clients": {"app": ["2001:db8::/129"]}}, "clients.app[0]: '2001:db8::/129': the part behind the slash"),
    ({"clients": {"app": {"a": 1}}}, "clients.app: is not a list of addresses"),
    ({"clients": {"app": [10]}}, "clients.app[0]: 10 is not an address"),
    ({"label": 'x" accept'}, "label: 'x\" accept' is not a label"),
    ({"label": "x" * 65}, "is not a label"),
    ({"listeners": [{"name": "a", "protocol": "tcp", "port": 70000}]}, "listeners[0].port: 70000 is not a port (1-65535)"),
]


def test_bad_input_is_refused_and_nothing_changed(scene: Scene) -> None:
    before = scene.rig.state(scene.host)
    for options, said in BAD_INPUT:
        result = scene.allow("api", "xds", **options)
        assert result["failed"] and said in result["msg"], (options, result)
    assert unchanged(before, scene.rig.state(scene.host))


@pytest.mark.slow
def test_labels_do_not_disturb_each_other(scene: Scene) -> None:
    scene.allow("api", "low", label="one")
    scene.allow("api", "high", label="two")
    assert scene.reached() == {"admin", "api", "low", "high"}
    assert not scene.allow("api", "low", label="one")["changed"]
    scene.allow(label="one", state="absent")
    # Both had opened api; it is shut only when the second lets go.
    assert scene.reached() == {"admin", "api", "high"}
    scene.reboot()
    assert scene.reached() == {"admin", "api", "high"}


@pytest.mark.slow
def test_exclusive_takes_away_other_labels(scene: Scene) -> None:
    scene.allow("api", label="one")
    scene.allow("low", label="two")
    result = scene.allow("high", label="three", exclusive=True)
    assert result["changed"]
    assert scene.reached() == {"admin", "high"}
    scene.reboot()
    assert scene.reached() == {"admin", "high"}
    assert not scene.allow("high", label="three", exclusive=True)["changed"]


def test_refuses_to_shut_out_the_connection_by_which_it_came(scene: Scene) -> None:
    came_by = {"SSH_CONNECTION": "%s 40000 %s 5678" % (scene.peer.ipv4, scene.host.ipv4)}
    scene.allow("api", "low", label="ssh", env=came_by)
    scene.allow("high", label="other", env=came_by)
    before = scene.rig.state(scene.host)
    for names, options in (
        ((), {"state": "absent", "label": "ssh"}),
        (("low",), {"label": "ssh"}),
        (("high",), {"label": "other", "exclusive": True}),
        (("api",), {"label": "ssh", "clients": {"app": ["10.0.0.1"], "operator": []}}),
    ):
        for check in (True, False):
            result = scene.allow(*names, check=check, env=came_by, **options)
            assert result["failed"], (names, options)
            assert "it would shut out %s port 5678, used from %s" % (scene.host.ipv4, scene.peer.ipv4) in result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))
    # What leaves that way open is done.
    peer = {"app": [scene.peer.ipv4], "operator": []}
    assert scene.allow("api", label="ssh", clients=peer, env=came_by)["changed"]
    assert scene.reached() == {"admin", "api ipv4", "high"}


def test_finds_the_connection_behind_a_cleaned_environment(scene: Scene) -> None:
    """sudo and its like hand no SSH_CONNECTION on; the shell that called them still has it."""
    scene.allow("api")
    clean = {"SSH_CONNECTION": "%s 40000 %s 5678" % (scene.peer.ipv6, scene.host.ipv6)}
    wrapper = 'env -u SSH_CONNECTION "$@"; exit $?'
    result = scene.allow(state="absent", env=clean, wrapper=wrapper)
    assert result["failed"] and "it would shut out %s port 5678" % scene.host.ipv6 in result["msg"]


@pytest.mark.slow
def test_runs_at_once_do_not_lose_each_others_rules(scene: Scene) -> None:
    names = ["api", "xds", "low", "high", "dns", "tunnel"]
    started = [scene.start(name, label=name) for name in names]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    assert scene.reached() == {"admin", *names}
    scene.reboot()
    assert scene.reached() == {"admin", *names}


@pytest.mark.slow
def test_killed_at_any_step_it_leaves_the_old_or_the_new(scene: Scene) -> None:
    """kill -9, or a loss of power: what runs is the one or the other, what boots too, and the next run completes it."""
    steps = Journey(scene).run()
    assert steps > 4, "there was next to nothing to kill"


def contents_of(scene: Scene) -> List[List[str]]:
    """The rules and the files, in no order and without the numbers that the kernel gives to rules."""
    return [sorted(re.sub(r" # handle \d+", "", part).splitlines()) for part in scene.rig.contents(scene.host)]


@pytest.mark.slow
def test_what_is_not_confirmed_is_taken_back(scene: Scene) -> None:
    scene.allow("api", "dns", label="one")
    before = contents_of(scene)
    done = scene.allow("low", label="two", exclusive=True, rollback_after=600)
    assert done["rollback"]["armed"]
    assert scene.reached() == {"admin", "low"}
    # As at shutdown, which ends the wait.
    scene.host.run(["kill", str(_watchdog.process(scene.host))])
    assert _watchdog.eventually(lambda: _watchdog.decided(scene.host))
    assert scene.reached() == {"admin", "api", "dns"}
    assert contents_of(scene) == before
    again = scene.allow("api", "dns", label="one")
    assert not again["changed"] and any("for two was not confirmed" in warning for warning in again["warnings"])
    assert scene.allow("low", label="two", exclusive=True)["changed"]
    assert scene.reached() == {"admin", "low"}


@pytest.mark.slow
def test_a_full_disk_leaves_the_old(scene: Scene) -> None:
    scene.allow("api")
    size = "size=$(($(du -sk /etc | cut -f1) + 512))k"
    copy = "mkdir /run/full && mount -t tmpfs -o %s full /run/full && cp -a /etc/. /run/full && mount --bind /run/full /etc"
    scene.host.run(["sh", "-ec", copy % size])
    scene.host.run(["sh", "-c", "cat /dev/zero > /etc/filler 2>/dev/null; test -s /etc/filler"])
    before = scene.rig.contents(scene.host)
    refused = scene.allow("low", "dns")
    assert refused["failed"] and "No space left on device" in refused["msg"], refused
    assert scene.reached() == {"admin", "api"}
    assert scene.rig.contents(scene.host) == before
    scene.host.run(["rm", "/etc/filler"])
    assert scene.allow("low", "dns")["changed"]
    assert scene.reached() == {"admin", "low", "dns"}
