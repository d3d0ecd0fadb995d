# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of the scenario, as ../../shared/tests/conftest.py has them for all scenarios, and what the reports say."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import runpy
from typing import Any

import pytest

_shared = runpy.run_path(str(pathlib.Path(__file__).parents[2] / "shared/tests/conftest.py"))
fleet, pytest_generate_tests = _shared["fleet"], _shared["pytest_generate_tests"]

# Who asks, who is asked, what, over which family: `any` is over one of both.
Edge = tuple[str, str, str, str]
FAMILIES = ("ipv4", "ipv6")


class Reach:
    """What a report of `reach` says of its edges."""

    def __init__(self, name: str) -> None:
        path = pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], name)
        self.result = json.loads(path.read_text())["reach"]

    def edges(self, expect: str) -> dict[Edge, dict[str, Any]]:
        """Those that are to be `open`, or `closed`."""
        return {
            (one["from"], one["to"], f"{one['protocol']} {one['port']}", one["family"]): one
            for one in self.result["edges"]
            if one["expect"] == expect
        }

    def states(self) -> dict[Edge, str]:
        return {edge: one["state"] for expect in ("open", "closed") for edge, one in self.edges(expect).items()}


@pytest.fixture(scope="session")
def reach() -> type[Reach]:
    return Reach


@pytest.fixture(scope="session")
def permitted(fleet: Any) -> set[Edge]:
    """The edges that the inventory, by hand, says are there between hosts with roles."""
    return {
        (source, target, f"{listener['protocol']} {listener['port']}", listener.get("family", "any"))
        for target in fleet.judged
        for listener in fleet.hosts[target]["opens"]
        for source in listener["from"]
        if source in fleet.judged
    }


@pytest.fixture(scope="session")
def connected(fleet: Any) -> Any:
    """What comes of real connections over these edges, in the words of a report. All hosts ask at once."""

    def ask(edges: set[Edge]) -> dict[Edge, str]:
        asked: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for source, target, what in {edge[:3] for edge in edges}:
            protocol, port = what.split()
            asked.setdefault(source, {}).setdefault(target, []).append({"protocol": protocol, "port": int(port)})
        with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
            found = dict(zip(asked, pool.map(fleet.reached, asked, asked.values()), strict=True))
        return {edge: _over(edge, found[edge[0]]) for edge in edges}

    return ask


def _over(edge: Edge, found: dict[tuple[str, str], str]) -> str:
    _source, target, what, family = edge
    states = [found[target, f"{one} {what}"] for one in FAMILIES if family in (one, "any")]
    return "open" if "open" in states else states[0]
