# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils import _spec_options, _verify
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_listeners
from ansible_collections.netports.core.plugins.module_utils._socket_table import FOUND, Owner, Socket, SocketTable


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 100.0
        self.slept = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


WEB, DNS = parse_listeners(
    [
        {"name": "web", "protocol": "tcp", "port": 80, "process": "nginx"},
        {"name": "dns", "protocol": "udp", "port": 53},
    ]
)
WEB_SOCKET = Socket("tcp", "ipv4", "0.0.0.0", 80, inode=7)
DNS_SOCKET = Socket("udp", "ipv4", "0.0.0.0", 53, inode=8)
STRANGER = Socket("tcp", "ipv4", "127.0.0.1", 631, inode=9)


def options(**given):
    params = {name: argument.get("default") for name, argument in _verify.verify_arguments().items()}
    params.update(given)
    diff = params.pop("diff", False)
    return _verify.parse_options(params, diff)


def looks(*sockets_of_each_look):
    """A gatherer that sees these sockets, one look after the other, the last ones ever after."""
    remaining = list(sockets_of_each_look)

    def gather():
        sockets = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return SocketTable(tuple(sockets), "sock_diag", True, True, notes=("a note",))

    return gather


def nginx_owns_all(table, wanted):
    assert wanted
    found = [s._replace(owners=(Owner(5, "nginx"),), owner_state=FOUND) if s.inode in wanted else s for s in table.sockets]
    return table._replace(sockets=tuple(found))


def verify(gather, clock=None, listeners=(WEB, DNS), **given):
    return _verify.verify(gather, nginx_owns_all, listeners, options(**given), clock or Clock())


def test_one_look_when_all_is_well():
    clock = Clock()
    result = verify(looks([WEB_SOCKET, DNS_SOCKET]), clock, timeout=30)
    assert clock.slept == []
    assert (result["failed"], result["changed"], result["waited"], result["msg"]) == (False, False, 0.0, "2 ok")
    assert result["gathered_by"] == "sock_diag" and result["notes"] == ["a note"]
    assert result["listeners"][0]["observed"][0]["owners"] == [{"pid": 5, "name": "nginx"}]


def test_without_timeout_a_failure_is_told_at_once_with_every_key():
    clock = Clock()
    result = verify(looks([WEB_SOCKET]), clock)
    assert clock.slept == []
    assert result["failed"] is True and result["changed"] is False
    assert sorted(result) == sorted(
        ["changed", "failed", "msg", "listeners", "unexpected", "summary", "report", "gathered_by", "notes", "waited"],
    )
    assert result["msg"].splitlines() == [
        "1 of 2 listeners is not as expected (1 ok, 1 absent)",
        "dns (udp/53): absent: nothing listens on it",
    ]


def test_one_loop_waits_for_all():
    clock = Clock()
    result = verify(looks([], [WEB_SOCKET], [DNS_SOCKET], [WEB_SOCKET, DNS_SOCKET]), clock, timeout=30, interval=2)
    assert clock.slept == [2, 2, 2]
    assert result["failed"] is False and result["waited"] == 6.0


def test_the_last_look_is_at_the_end_of_the_timeout():
    clock = Clock()
    result = verify(looks([], [], [], [WEB_SOCKET, DNS_SOCKET]), clock, timeout=5, interval=2)
    assert clock.slept == [2, 2, 1]
    assert result["failed"] is False and result["waited"] == 5.0


def test_timeout_over():
    clock = Clock()
    result = verify(looks([]), clock, timeout=3, interval=2)
    assert clock.slept == [2, 1]
    assert result["failed"] is True and result["summary"]["absent"] == 2


def test_errors_of_gathering_are_not_waited_for():
    def gather():
        raise OSError("no evidence")

    with pytest.raises(OSError, match="no evidence"):
        verify(gather, timeout=30)


def test_owners_are_not_looked_for_where_none_is_wanted():
    def fail(table, wanted):
        raise AssertionError("looked for owners")

    result = _verify.verify(looks([WEB_SOCKET, DNS_SOCKET]), fail, (WEB, DNS), options(check_process=False), Clock())
    assert result["failed"] is False


def test_unexpected_sockets_fail_by_option():
    gather = looks([WEB_SOCKET, DNS_SOCKET, STRANGER])
    assert verify(gather)["unexpected"] == []
    result = verify(gather, unexpected="report")
    assert (result["failed"], result["msg"], len(result["unexpected"])) == (False, "2 ok, 1 unexpected", 1)
    result = verify(gather, unexpected="fail")
    assert result["failed"] is True
    assert result["msg"].splitlines() == [
        "1 unexpected (2 ok, 1 unexpected)",
        "unexpected: tcp/631 on 127.0.0.1 nginx",
    ]
    assert verify(gather, unexpected="fail", tolerate=["tcp/631"])["failed"] is False


def test_diff_shows_only_what_differs():
    result = verify(looks([WEB_SOCKET, DNS_SOCKET]), diff=True)
    assert result["diff"]["before"] == result["diff"]["after"] == "tcp/80 web: any, any, nginx\nudp/53 dns: any, any\n"
    local = DNS_SOCKET._replace(address="127.0.0.1")
    result = verify(looks([local, STRANGER]), diff=True, unexpected="report")
    assert result["diff"]["after"].splitlines() == [
        "udp/53 dns: 127.0.0.1 nginx (confined)",
        "tcp/631 on 127.0.0.1 nginx (unexpected)",
    ]
    assert (result["diff"]["before_header"], result["diff"]["after_header"]) == ("expected", "seen")


@pytest.mark.parametrize(
    "given, message",
    [
        ({"timeout": -1}, "^timeout: -1 is not"),
        ({"timeout": float("nan")}, "^timeout: nan is not"),
        ({"timeout": float("inf")}, "^timeout: inf is not"),
        ({"interval": 0}, "^interval: 0 is not"),
        ({"tolerate": ["22"]}, r"^tolerate\[0\]: '22' is none of"),
        ({"check_firewall": True, "state": "free"}, "^check_firewall: goes with state: listening"),
    ],
)
def test_wrong_options_are_refused_by_name(given, message):
    with pytest.raises(Problem, match=message):
        options(**given)


def test_a_module_without_its_action_plugin_says_so():
    params = dict.fromkeys(_spec_options.spec_arguments())
    with pytest.raises(Problem, match="^role: is resolved on the controller"):
        _spec_options.expected(dict(params, role="kuma_zone_cp"))


def test_what_was_resolved_is_told_for_a_role_only():
    params = dict.fromkeys(_spec_options.spec_arguments())
    assert _spec_options.resolved(params) == {}
    resolved = _spec_options.resolved(dict(params, role="r", version="1", conditions={"a": True}, ports={"x": 1}))
    assert resolved == {"role": "r", "version": "1", "conditions": {"a": True}}
