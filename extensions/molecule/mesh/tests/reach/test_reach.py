# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reaches whom, before the services are there and with them: what the inventory says by hand, and what connections find."""

from __future__ import annotations

from typing import Any

import pytest

REPORTS = ("reach_before_install.json", "reach.json")


@pytest.mark.parametrize("name", REPORTS)
def test_every_host_reaches_what_it_is_to_reach_and_nothing_else_is_asked(reach: Any, permitted: Any, name: str) -> None:
    edges = reach(name).edges("open")
    assert set(edges) == permitted
    assert {edge: one["state"] for edge, one in edges.items()} == dict.fromkeys(permitted, "open")


def test_what_is_for_others_is_asked_too(reach: Any) -> None:
    assert {
        # For the host itself, for other control planes of its kind, for zones, for proxies.
        ("backend", "web", "tcp 10000", "any"),
        ("zone", "global", "tcp 5683", "any"),
        ("web", "global", "tcp 5685", "any"),
        ("global", "zone", "tcp 5678", "any"),
    } <= set(reach("reach.json").edges("closed"))


@pytest.mark.parametrize("name", REPORTS)
def test_what_is_for_others_is_closed(reach: Any, name: str) -> None:
    edges = reach(name).edges("closed")
    assert edges
    assert "open" not in {one["state"] for one in edges.values()}
    assert {one["passed"] for one in edges.values()} == {True}


def test_connections_find_what_the_report_says(reach: Any, connected: Any) -> None:
    states = reach("reach.json").states()
    assert connected(set(states)) == states
