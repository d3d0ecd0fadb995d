# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any, Dict, Set

import pytest

from tests.lab import role_host

HOST = ("198.51.100.1", "2001:db8::1")


def item(**keys: Any) -> Dict[str, Any]:
    return {"name": "one", "protocol": "tcp", "port": 5678, "allow": True, **keys}


@pytest.mark.parametrize(
    ("keys", "stack", "families"),
    [
        ({}, "dual", {"ipv4", "ipv6"}),
        ({}, "ipv6", {"ipv6"}),
        ({"family": "ipv4"}, "dual", {"ipv4"}),
        ({"bind": "loopback"}, "dual", set()),
        ({"bind": HOST[1]}, "dual", {"ipv6"}),
        ({"bind": "192.0.2.7"}, "dual", set()),
        ({"device": "mgmt"}, "dual", set()),
        ({"seen_as": "nodeport"}, "dual", set()),
        ({"process": ["kernel"], "protocol": "udp"}, "dual", {"ipv4", "ipv6"}),
    ],
)
def test_families_that_reach_the_lab_s_sockets(keys: Dict[str, Any], stack: str, families: Set[str]) -> None:
    assert role_host.serving(item(**keys), stack, HOST) == families


def test_what_the_firewall_must_admit() -> None:
    listeners = [
        item(),
        item(name="range", port="7000-7001", family="ipv4"),
        item(name="ipip", protocol="ip", number=4, port=None, family="ipv6"),
        item(name="address", port=8080, bind="2001:db8::1"),
        item(name="inner", port=9901, allow=False),
        item(name="any", port="dynamic"),
    ]
    assert role_host.to_admit(listeners) == {
        ("tcp", "ipv4", 5678),
        ("tcp", "ipv6", 5678),
        ("tcp", "ipv4", 7000),
        ("tcp", "ipv4", 7001),
        ("ip", "ipv6", 4),
        ("tcp", "ipv6", 8080),
    }


def test_a_port_shared_between_loopback_and_outside_is_bound_to_the_address() -> None:
    listeners = [item(name="admin", bind="loopback"), item(name="proxy", bind="any"), item(name="other", port=1, bind="any")]
    assert [one["bind"] for one in role_host.placed(listeners, HOST[0])] == ["loopback", HOST[0], "any"]
