# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""After `state: absent`: shut as before, with everyone else's rules in place."""

from __future__ import annotations

from typing import Any

SSH = {"protocol": "tcp", "port": 22}


def test_the_peer_reaches_ssh_and_nothing_else(fleet: Any, judged: str) -> None:
    found = fleet.reached("peer", judged, [SSH, *fleet.hosts[judged]["opens"], *fleet.hosts[judged]["stays_shut"]])
    assert {where for where, state in found.items() if state == "open"} == {"ipv4 tcp 22", "ipv6 tcp 22"}


def test_no_rule_of_ours_is_left(fleet: Any, judged: str) -> None:
    assert "netports" not in fleet.rules(judged)
