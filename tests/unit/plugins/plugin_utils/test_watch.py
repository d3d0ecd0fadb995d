# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which looks at a host make which events. tests/integration has the event source with real sockets."""

from __future__ import annotations

from typing import Any

from ansible_collections.netports.core.plugins.module_utils._listener import parse_listener
from ansible_collections.netports.core.plugins.module_utils._socket_table import FOUND, HIDDEN, KERNEL, Owner, Socket
from ansible_collections.netports.core.plugins.module_utils._verdict import Finding
from ansible_collections.netports.core.plugins.plugin_utils import _watch

WEB = parse_listener({"name": "web", "protocol": "tcp", "port": 80})
DATA = parse_listener({"name": "data", "protocol": "tcp", "port": "81-90", "optional": True})


def held(*owners: str, verdict: str = "ok", listener: Any = WEB, state: str = FOUND) -> Finding:
    holders = tuple(Owner(number, name) for number, name in enumerate(owners, 100))
    sock = Socket("tcp", "ipv6", "::", 80, None, False, 1, holders, state)
    return Finding(listener, verdict, "as it is", (sock,))


def absent(listener: Any = WEB) -> Finding:
    return Finding(listener, "absent", "nothing listens on it")


def watch(debounce: float = 0, initial: bool = False) -> _watch.Watch:
    return _watch.Watch({"role": "shop", "host": "here"}, debounce, initial)


def changes(watching: _watch.Watch, *looks: Finding) -> list[list[str]]:
    """The changes that each look makes, a second between them."""
    return [[event["port_change"]["change"] for event in watching.seen([look], now)] for now, look in enumerate(looks)]


def test_the_first_look_is_no_change() -> None:
    assert watch().seen([held("nginx"), absent(DATA)], 0) == []


def test_the_first_look_is_told_where_it_is_asked_for() -> None:
    watching = watch(debounce=60, initial=True)
    events = [event["port_change"] for event in watching.seen([held("nginx"), absent(DATA)], 0)]
    assert [(event["listener"], event["change"], event["port"]) for event in events] == [
        ("web", "present", 80),
        ("data", "absent", "81-90"),
    ]
    assert events[0]["previous"] is None
    assert watching.seen([held("nginx"), absent(DATA)], 1) == []


def test_an_event_says_what_is_and_what_was() -> None:
    watching = watch()
    watching.seen([held("nginx")], 0)
    (event,) = watching.seen([held("haproxy", verdict="wrong_owner")], 1)
    told = event["port_change"]
    assert told.pop("observed")[0]["owners"] == [{"pid": 100, "name": "haproxy"}]
    assert told == {
        "role": "shop",
        "host": "here",
        "change": "changed_hands",
        "listener": "web",
        "protocol": "tcp",
        "port": 80,
        "present": True,
        "verdict": "wrong_owner",
        "owners": ["haproxy"],
        "reason": "as it is",
        "failed": True,
        "previous": {"present": True, "verdict": "ok", "owners": ["nginx"]},
    }


def test_each_change_is_told_once() -> None:
    looks = [held("nginx"), absent(), absent(), held("nginx"), held("nginx"), held("haproxy"), held("haproxy")]
    assert changes(watch(), *looks) == [[], ["vanished"], [], ["appeared"], [], ["changed_hands"], []]


def test_a_bind_that_is_wider_is_another_verdict() -> None:
    looks = [held("nginx"), held("nginx", verdict="exposed"), held("nginx", verdict="exposed")]
    assert changes(watch(), *looks) == [[], ["verdict_changed"], []]


def test_what_does_not_last_is_not_told() -> None:
    restart = [held("nginx"), absent(), absent(), held("nginx"), held("nginx"), held("nginx"), held("nginx")]
    assert changes(watch(debounce=3), *restart) == [[]] * 7


def test_what_does_not_stay_up_is_told_after_the_third_time() -> None:
    looks = [held("nginx"), absent()] * 7
    assert [at for at, told in enumerate(changes(watch(debounce=3), *looks)) if told == ["flapping"]] == [6, 12]


def test_restarts_that_are_far_apart_are_no_flapping() -> None:
    watching = watch(debounce=3)
    watching.seen([held("nginx")], 0)
    for start in (10, 60, 110, 160):
        assert watching.seen([absent()], start) == []
        assert watching.seen([held("nginx")], start + 1) == []


def test_what_lasts_is_told_when_it_did() -> None:
    looks = [held("nginx"), absent(), absent(), absent(), absent(), absent()]
    assert changes(watch(debounce=3), *looks) == [[], [], [], [], ["vanished"], []]


def test_a_change_into_another_change_begins_anew() -> None:
    looks = [held("nginx"), absent(), absent(), held("haproxy"), held("haproxy"), held("haproxy"), held("haproxy")]
    assert changes(watch(debounce=3), *looks) == [[], [], [], [], [], [], ["changed_hands"]]


def test_each_change_has_to_last_of_itself() -> None:
    looks = [held("a"), held("b"), held("b"), held("b"), held("c"), held("c"), held("c")]
    assert changes(watch(debounce=2), *looks) == [[], [], [], ["changed_hands"], [], [], ["changed_hands"]]


def test_a_verdict_without_a_socket_is_no_presence() -> None:
    assert _watch.state_of(Finding(WEB, "unverifiable", "the evidence cannot tell")).present is False


def test_hands_have_not_changed_while_one_of_them_holds_it() -> None:
    looks = [held("systemd", "sshd"), held("sshd"), held("sshd", "sshd-session"), held("sshd-session"), held("systemd")]
    assert changes(watch(), *looks) == [[], [], [], [], ["changed_hands"]]


def test_an_owner_that_cannot_be_seen_has_not_changed() -> None:
    hidden = held(state=HIDDEN)
    assert changes(watch(), held("nginx"), hidden, held("nginx")) == [[], [], []]
    # The last one that was seen is what counts.
    assert changes(watch(), held("nginx"), hidden, held("haproxy")) == [[], [], ["changed_hands"]]
    assert changes(watch(), hidden, held("nginx"), held(state=KERNEL)) == [[], [], ["changed_hands"]]


def test_lost_evidence_is_told_once_and_nothing_vanishes() -> None:
    watching = watch(debounce=1)
    watching.seen([held("nginx")], 0)
    assert watching.blind("no netlink") == [
        {"port_evidence": {"role": "shop", "host": "here", "state": "lost", "reason": "no netlink"}}
    ]
    assert watching.blind("no netlink") == []
    assert [event["port_evidence"]["state"] for event in watching.seen([held("nginx")], 3)] == ["back"]
    assert watching.seen([held("nginx")], 4) == []


def test_what_was_waiting_has_to_last_after_the_evidence_is_back() -> None:
    watching = watch(debounce=5)
    watching.seen([held("nginx")], 0)
    watching.seen([absent()], 1)
    watching.blind("no netlink")
    assert [list(event) for event in watching.seen([absent()], 10)] == [["port_evidence"]]
    assert watching.seen([absent()], 14) == []
    assert [event["port_change"]["change"] for event in watching.seen([absent()], 15)] == ["vanished"]
