# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""After the role, and again after a reboot: the role's ports are open to another host in both families, and no others."""

from __future__ import annotations

from typing import Any

SSH = {"protocol": "tcp", "port": 22}


def test_the_peer_reaches_what_the_role_opens(fleet: Any, judged: str) -> None:
    found = fleet.reached("peer", judged, [SSH, *fleet.hosts[judged]["opens"]])
    assert set(found.values()) == {"open"}, found


def test_everything_else_stays_shut(fleet: Any, judged: str) -> None:
    found = fleet.reached("peer", judged, fleet.hosts[judged]["stays_shut"])
    assert set(found.values()) == {"filtered"}, found


def test_the_rules_are_marked(fleet: Any, judged: str) -> None:
    rules = fleet.rules(judged)
    for role in fleet.hosts[judged]["roles"]:
        # firewalld has names and no comments.
        assert f"netports:{role}" in rules or f"netports-{role}" in rules
