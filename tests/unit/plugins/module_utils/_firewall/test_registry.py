# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import registry

HEAD = ":INPUT %s [0:0]\n:FORWARD DROP [0:0]\n:sub - [0:0]\n"


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("", False),
        (HEAD % "ACCEPT", False),
        (HEAD % "DROP", True),
        (HEAD % "ACCEPT" + "-A INPUT -p tcp -m tcp --dport 25 -j REJECT --reject-with icmp-port-unreachable\n", True),
        (HEAD % "ACCEPT" + "-A FORWARD -j DROP\n-A sub -j DROP\n-A INPUT -j ACCEPT\n", False),
        (HEAD % "ACCEPT" + "-A INPUT -i eth0 -j sub\n-A sub -s 192.0.2.0/24 -j DROP\n", True),
        (HEAD % "ACCEPT" + "-A INPUT -g sub\n-A sub -j sub\n-A sub -j RETURN\n", False),
    ],
)
def test_what_tables_of_the_old_iptables_can_drop(text, refuses):
    assert registry.saved_tables_refuse(text) is refuses
