# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the renderers of who reaches whom have in common: kinds of edges, and a matrix of hosts or of groups of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.module_utils._probing import model
from ansible_collections.netports.core.plugins.plugin_utils import _reach, _report
from ansible_collections.netports.core.plugins.plugin_utils._reach import EdgeResult, ReachResult
from ansible_collections.netports.core.plugins.plugin_utils._report import Report

EXPOSED = _verdict.EXPOSED
TLS = "tls"
UNTOLD = _verdict.UNVERIFIABLE
OPTIONAL = "optional"
CLOSED = _reach.CLOSED
OPEN = _report.OK

# What an edge is for people, the worst first, and what that means. All but the last five fail the host that asks.
KINDS = {
    EXPOSED: "open, and has to be closed for this host",
    model.ERROR: "the asking host could not ask",
    model.REFUSED: "the target says that nothing listens there",
    model.FILTERED: "no answer, or a firewall that refuses",
    model.UNREACHABLE: "there is no way to the address",
    model.UNRESOLVED: "the name has no address",
    model.NO_ANSWER: "a service is silent, or something took the connection that is not what was asked for",
    TLS: "open, and the TLS handshake fails",
    UNTOLD: "silence of UDP proves nothing",
    _reach.NOT_RUN: "the asking host did not ask",
    OPTIONAL: "broken, and optional",
    CLOSED: "closed for this host, as it has to be",
    OPEN: "open, as it has to be",
}
_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


def look(edge: EdgeResult) -> str:
    """The one of KINDS that an edge is."""
    if edge["passed"] is None:
        return _reach.NOT_RUN if edge["state"] == _reach.NOT_RUN else UNTOLD
    if edge["passed"]:
        return CLOSED if edge["expect"] == _reach.CLOSED else OPEN
    if not edge["failing"]:
        return OPTIONAL
    if edge["cause"] == EXPOSED:
        return EXPOSED
    return TLS if edge["state"] == model.OPEN else edge["state"]


def counts(edges: Iterable[EdgeResult]) -> dict[str, int]:
    """The edges by kind, the worst first."""
    found = Counter(map(look, edges))
    return {one: found[one] for one in KINDS if found[one]}


def words(kind: str) -> str:
    return {OPEN: "open", UNTOLD: "not known", TLS: "no TLS"}.get(kind, kind.replace("_", " "))


def counts_text(found: Mapping[str, int]) -> str:
    """`2 filtered, 98 open`."""
    return ", ".join("%d %s" % (count, words(one)) for one, count in found.items())


# --- the matrix --------------------------------------------------------------------------------------------------------------


class Matrix(NamedTuple):
    """Who asks, who is asked, both in the order of `all`, and the edges between the two, the worst first."""

    all: list[str]
    rows: list[str]
    columns: list[str]
    cells: dict[tuple[str, str], list[EdgeResult]]

    @property
    def size(self) -> int:
        return len(self.rows) * len(self.columns)


def of_hosts(reach: ReachResult) -> Matrix:
    """Hosts of a site are beside each other, so that what is broken between two sites is a block."""
    sites = reach["sites"]
    return _matrix(reach["edges"], lambda edge: (edge["from"], edge["to"]), lambda host: _place(sites, host))


def _place(sites: Mapping[str, str], host: str) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    return _report.natural(sites.get(host, "")), _report.natural(host)


def of_sites(reach: ReachResult) -> Matrix:
    """The same by site; hosts without one are of "-"."""
    sites = reach["sites"]
    return _matrix(reach["edges"], lambda edge: (sites.get(edge["from"]) or "-", sites.get(edge["to"]) or "-"), _report.natural)


def of_roles(report: Report) -> Matrix:
    """The same by the roles of who asks, and the role of which the listener is."""
    roles = {host["host"]: ", ".join(role["role"] for role in host["roles"]) or "-" for host in report["hosts"]}
    return _matrix(_report.edges(report), lambda edge: (roles.get(edge["from"], "-"), edge["role"]), _report.natural)


def in_few(report: Report, most: int) -> Matrix:
    """The matrix for more hosts than anybody can look at: by site where there are several, and not too many, else by role."""
    by_site = of_sites(report["reach"])
    return by_site if len(by_site.all) > 1 and by_site.size <= most else of_roles(report)


def _matrix(edges: Iterable[EdgeResult], ends: Callable[[EdgeResult], tuple[str, str]], order: Callable[[str], Any]) -> Matrix:
    cells: dict[tuple[str, str], list[EdgeResult]] = {}
    for edge in edges:
        cells.setdefault(ends(edge), []).append(edge)
    for of_cell in cells.values():
        of_cell.sort(key=lambda edge: _RANK[look(edge)])
    everybody = sorted({name for pair in cells for name in pair}, key=order)
    rows, columns = ({pair[side] for pair in cells} for side in (0, 1))
    return Matrix(everybody, [name for name in everybody if name in rows], [name for name in everybody if name in columns], cells)


# --- coverage ----------------------------------------------------------------------------------------------------------------


def coverage_text(reach: ReachResult) -> str:
    """`300 of 9900 pairs of hosts were probed, 100 sources and 100 targets, a sample of 3 peers for each host`."""
    said = reach["coverage"]
    parts = ["%d of %s of hosts were probed" % (said["probed"], _report.plural(said["pairs"], "pair"))]
    parts.append("%s and %s" % (_report.plural(said["sources"], "source"), _report.plural(said["targets"], "target")))
    if said["sample"]:
        parts.append("a sample of %s for each host" % _report.plural(said["sample"], "peer"))
    if reach["before_install"]:
        parts.append("before installation")
    if reach["strict"]:
        parts.append("what has to be closed too")
    return ", ".join(parts)
