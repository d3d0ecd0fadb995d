# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reaches whom: the data model of the playbook `reach`, as it is in the report and in its JSON. Pure.

`_reach_edges.py` says what is to be probed, `_reach_collect.py` makes this of what the hosts answered, `_reach_cause.py` says
what kind of broken an edge is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypedDict

from ansible_collections.netports.core.plugins.module_utils._probing import model

OPEN = "open"
CLOSED = "closed"
# The states of port_probe, and that of an edge whose source could not ask.
NOT_RUN = "not_run"
STATES = (*model.STATES, NOT_RUN)

# What is known of a listener on its host without being asked over the network.
HELD = "held"
NOT_HELD = "not_held"
NOT_KNOWN = "not_known"


# "from" is a keyword of Python. One edge is one listener of one host, asked by one other host over one family.
#   role: that of the target. port: a number, as text. family: ipv4, ipv6, or any where one of both is enough.
#   passed: None where nothing can be told. failing: counts against the run; never for an optional or an untold one.
#   address: the best one of the target's. cause, remedy: "" where nothing is wrong.
EdgeResult = TypedDict(
    "EdgeResult",
    {
        "from": str,
        "to": str,
        "role": str,
        "listener": str,
        "protocol": str,
        "port": str,
        "family": str,
        "expect": str,
        "optional": bool,
        "state": str,
        "passed": "bool | None",
        "failing": bool,
        "reason": str,
        "address": "str | None",
        "seconds": "float | None",
        "attempts": int,
        "tls": "dict[str, Any] | None",
        "cause": str,
        "remedy": str,
    },
)

# Ordered pairs of sites: how many pairs of hosts there are, and how many of them were probed. A host without a site is of "".
SiteCoverage = TypedDict("SiteCoverage", {"from": str, "to": str, "pairs": int, "probed": int})


class Coverage(TypedDict):
    """Pairs are ordered pairs of hosts with at least one edge. `sample` is 0 where all of them were to be probed."""

    pairs: int
    probed: int
    sample: int
    hosts: int
    sources: int
    targets: int
    sites: list[SiteCoverage]


class NotProbed(TypedDict):
    """What was left out, by reason, with at most three examples: `zone1 -> global1 kds tcp/5685`."""

    reason: str
    count: int
    examples: list[str]


class ReachResult(TypedDict):
    """The key `reach` of a report. `summary` counts the edges by state; every state has a count.

    `sites`: where hosts are, for those that have a site.
    """

    edges: list[EdgeResult]
    sites: dict[str, str]
    coverage: Coverage
    not_probed: list[NotProbed]
    summary: dict[str, int]
    before_install: bool
    strict: bool


class RoleOptions(TypedDict):
    """How a role is resolved. `problem` is why its options are not known."""

    given: dict[str, Any]
    problem: str


class HostData(TypedDict):
    """What the inventory says about a host. `problem` is why its addresses are not known."""

    groups: list[str]
    roles: dict[str, RoleOptions]
    addresses: list[str]
    problem: str
    site: str


class Listening(TypedDict):
    """What a role of a host listens on; `problem` is why that is not known."""

    version: str
    listeners: list[dict[str, Any]]
    problem: str


class Evidence(NamedTuple):
    """What the target says of a listener that was not reached: a verdict of port_verify with check_firewall, or HELD or NOT_HELD
    of port_listen, with its reason; NOT_KNOWN, and why.
    """

    verdict: str
    reason: str


def summary(edges: Iterable[EdgeResult]) -> dict[str, int]:
    counts = dict.fromkeys(STATES, 0)
    for edge in edges:
        counts[edge["state"]] += 1
    return counts


def label(edge: EdgeResult | Mapping[str, Any]) -> str:
    """`zone1 -> global1 kds tcp/5685`."""
    return "%s -> %s %s" % (edge["from"], edge["to"], listener(edge))


def listener(edge: EdgeResult | Mapping[str, Any]) -> str:
    """`kds tcp/5685`."""
    return "%s %s/%s" % (edge["listener"], edge["protocol"], edge["port"])
