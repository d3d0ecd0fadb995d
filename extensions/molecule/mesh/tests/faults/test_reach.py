# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reaches whom in an inventory in which something is wrong on each host, and between two: what, and why."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def report(reach: Any) -> Any:
    return reach("reach_with_faults.json")


def test_each_broken_edge_has_the_cause_of_its_own_fault(report: Any) -> None:
    broken = {edge: (one["state"], one["cause"]) for edge, one in report.edges("open").items() if one["passed"] is False}
    assert broken == {
        # Stopped.
        ("zone", "global", "tcp 5685", "any"): ("refused", "service"),
        # Locked out by hand.
        ("web", "zone", "tcp 5678", "any"): ("filtered", "host_firewall"),
        # On loopback.
        ("zone", "web", "tcp 9901", "ipv4"): ("refused", "bind"),
        # Lost on the way.
        ("backend", "web", "tcp 8080", "ipv4"): ("filtered", "network"),
    }


def test_what_may_be_absent_is_told_and_does_not_count(report: Any) -> None:
    failing = {edge[:3] for edge, one in report.edges("open").items() if one["failing"]}
    assert failing == {
        ("zone", "global", "tcp 5685"),
        ("web", "zone", "tcp 5678"),
        ("backend", "web", "tcp 8080"),
    }


def test_what_is_to_be_closed_is(report: Any) -> None:
    assert not [edge for edge, one in report.edges("closed").items() if one["failing"]]


def test_connections_find_what_the_report_says(report: Any, connected: Any) -> None:
    states = report.states()
    assert connected(set(states)) == states
