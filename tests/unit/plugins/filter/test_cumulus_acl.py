# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netports.core.plugins.filter.cumulus_acl import FilterModule

cumulus_acl = FilterModule().filters()["cumulus_acl"]

LISTENERS = [
    {"name": "api", "protocol": "tcp", "port": 5681, "clients": ["app"]},
    {"name": "admin", "protocol": "tcp", "port": 9901, "bind": "loopback"},
    {"name": "dns", "protocol": "udp", "port": 53, "family": "ipv6"},
]


def test_the_text_of_the_file() -> None:
    text = cumulus_acl(LISTENERS, label="web", clients={"app": ["192.0.2.0/24"]}, interfaces=[])
    assert [line for line in text.splitlines() if line and not line.startswith("#")] == [
        "[iptables]",
        "-A INPUT -s 192.0.2.0/24 -p tcp --dport 5681 -m comment --comment netports:web -j ACCEPT",
        "[ip6tables]",
        "-A INPUT -p udp --dport 53 -m comment --comment netports:web -j ACCEPT",
    ]


def test_ports_of_the_switch_are_named_as_well() -> None:
    assert cumulus_acl(LISTENERS[:1]).count("-i swp+") == 2
    assert cumulus_acl([]) == ""


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        ({}, {}, "netports.core.cumulus_acl: listeners: is not a list of listeners"),
        ([{"name": "a", "protocol": "tcp", "port": 0}], {}, r"listeners\[0\].port: 0 is not a port"),
        (LISTENERS, {"clients": {"app": ["10.0.0.1/8"]}}, r"clients.app\[0\]"),
        (LISTENERS, {"label": "a b"}, "label: 'a b' is not a label"),
        (LISTENERS, {"interfaces": ["eth+"]}, r"interfaces: 'eth\+' is no wildcard; swp\+ and bond\+ are"),
    ],
)
def test_what_it_refuses(value: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        cumulus_acl(value, **options)
