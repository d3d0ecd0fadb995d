# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""After `state: absent`: shut as before, with everyone else's rules in place."""

from __future__ import annotations

from typing import Any


def test_other_hosts_reach_ssh_and_nothing_else(fleet: Any, judged: str) -> None:
    assert fleet.found(judged) == fleet.expected(judged, opened=False)


def test_no_rule_of_ours_is_left(fleet: Any, judged: str) -> None:
    assert "netports" not in fleet.rules(judged)
