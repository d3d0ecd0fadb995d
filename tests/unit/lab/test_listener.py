# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import pytest

from tests.lab.standins import listener as standin

V4, V6 = standin.V4, standin.V6


def item(**keys: Any) -> Dict[str, Any]:
    return {"name": "one", "protocol": "tcp", "port": 5678, **keys}


@pytest.mark.parametrize(
    ("keys", "stack", "sockets"),
    [
        ({}, "dual", [(V6, "::", False)]),
        ({"family": "both"}, "dual", [(V6, "::", False)]),
        ({"family": "both"}, "ipv4", [(V6, "::", False)]),
        ({}, "ipv4", [(V4, "0.0.0.0", False)]),
        ({}, "ipv6", [(V6, "::", True)]),
        ({"family": "ipv4"}, "dual", [(V4, "0.0.0.0", False)]),
        ({"family": "ipv6"}, "dual", [(V6, "::", True)]),
        ({"bind": "loopback"}, "dual", [(V4, "127.0.0.1", False)]),
        ({"bind": "loopback", "family": "both"}, "dual", [(V4, "127.0.0.1", False), (V6, "::1", True)]),
        ({"bind": "192.0.2.1"}, "dual", [(V4, "192.0.2.1", False)]),
        ({"bind": "2001:db8::1"}, "dual", [(V6, "2001:db8::1", True)]),
        ({"protocol": "ip", "number": 4}, "dual", [(V4, "0.0.0.0", False), (V6, "::", True)]),
    ],
)
def test_sockets_are_those_of_a_dual_stack_server(keys: Dict[str, Any], stack: str, sockets: List[Tuple[int, str, bool]]) -> None:
    assert standin.sockets(item(**keys), stack) == sockets


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({}, True),
        ({"process": ["kernel"]}, False),
        ({"seen_as": "nodeport"}, False),
        ({"seen_as": "redirect"}, False),
        ({"protocol": "ip", "number": 4, "seen_as": "protocol"}, True),
    ],
)
def test_only_what_a_process_serves_gets_a_socket(keys: Dict[str, Any], wanted: bool) -> None:
    assert standin.wants_socket(item(**keys)) is wanted


def test_a_listener_belongs_to_its_first_process() -> None:
    listeners = [item(name="a", process=["ntpd", "chronyd"]), item(name="b", process="sshd"), item(name="c", process=[])]
    assert [standin.owner(one) for one in listeners] == ["ntpd", "sshd", "stand-in"]
    assert [plan.listener for plan in standin.plans(listeners, "ntpd", [], "dual")] == ["a"]


@pytest.mark.parametrize(
    ("port", "first", "last"), [(22, 22, 22), ("22", 22, 22), ("30001-65535", 30001, 65535), ("dynamic", 0, 0)]
)
def test_ports_of_a_listener(port: Any, first: int, last: int) -> None:
    ports = list(standin.ports(item(port=port)))
    assert (ports[0], ports[-1]) == (first, last)
