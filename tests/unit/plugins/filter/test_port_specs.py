# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netports.core.plugins.filter.port_specs import FilterModule

port_specs = FilterModule().filters()["port_specs"]

LISTENERS = [
    {"name": "api", "protocol": "tcp", "port": 5681},
    {"name": "dns", "protocol": "udp", "port": 53},
    {"name": "admin", "protocol": "tcp", "port": 9901, "bind": "loopback"},
    {"name": "range", "protocol": "tcp", "port": "30001-30010"},
    {"name": "later", "protocol": "tcp", "port": "dynamic"},
    {"name": "ipip", "protocol": "ip", "number": 4},
    {"name": "again", "protocol": "tcp", "port": 5681, "bind": "10.0.0.1"},
]


def test_what_a_firewall_has_to_admit() -> None:
    assert port_specs(LISTENERS) == ["5681/tcp", "53/udp", "30001-30010/tcp"]


def test_all_ports() -> None:
    assert port_specs(LISTENERS, admitted_only=False) == ["5681/tcp", "53/udp", "9901/tcp", "30001-30010/tcp"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "netports.core.port_specs: wants a list of listeners, not dict"),
        (
            [{"name": "a", "protocol": "tcp", "port": 1}, {"name": "b", "protocol": "tcp", "port": 0}],
            "[1].port: 0 is not a port (1-65535)",
        ),
        ([5], "[0]: 5 is not a listener"),
    ],
)
def test_what_is_no_listener_is_refused(value: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        port_specs(value)
    assert message in str(caught.value)
