# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the renderers of who reaches whom have in common: kinds of edges, a matrix of hosts or of groups of them, blocks. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.module_utils._firewall.model import ANY
from ansible_collections.netports.core.plugins.module_utils._probing import model
from ansible_collections.netports.core.plugins.plugin_utils import _reach, _report
from ansible_collections.netports.core.plugins.plugin_utils._reach import EdgeResult, ReachResult
from ansible_collections.netports.core.plugins.plugin_utils._reach_cause import CAUSES
from ansible_collections.netports.core.plugins.plugin_utils._report import Report

EXPOSED = _verdict.EXPOSED
TLS = "tls"
UNTOLD = _verdict.UNVERIFIABLE
OPTIONAL = "optional"
CLOSED = _reach.CLOSED
OPEN = _report.OK

# What an edge is for people, the worst first, and what that means. Those but the last five are broken, unless they are optional.
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


# --- blocks ------------------------------------------------------------------------------------------------------------------


class Block(NamedTuple):
    """Edges that are broken alike: from each of `sources` to each of `targets`, but for hosts to themselves."""

    cause: str
    kind: str
    role: str
    listener: str
    reason: str
    sources: list[str]
    targets: list[str]
    edges: int


def blocks(report: Report) -> list[Block]:
    """All broken edges in as few blocks as are found cheaply, the most urgent cause first, then the largest block.

    A host that reaches nobody is one block, and one that nobody reaches too, however many the others are.
    """
    alike: dict[tuple[str, str, str, str], list[EdgeResult]] = {}
    for edge in _report.edges(report):
        if edge["failing"]:
            alike.setdefault((edge["cause"], look(edge), edge["role"], _listener(edge)), []).append(edge)
    found = [block for key, edges in alike.items() for block in _blocks(key, edges)]
    causes = list(CAUSES)
    return sorted(found, key=lambda block: (causes.index(block.cause), -block.edges, _report.natural(block.sources[0])))


def _blocks(key: tuple[str, str, str, str], edges: Sequence[EdgeResult]) -> Iterator[Block]:
    by_target = _rectangles([(edge["to"], edge["from"]) for edge in edges])
    by_source = _rectangles([(edge["from"], edge["to"]) for edge in edges])
    pairs = min(([(s, t) for t, s in by_target], by_source), key=len)
    # More than one of a pair are of several families.
    reasons: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        reasons.setdefault((edge["from"], edge["to"]), []).append(_report.shortened(edge["reason"]))
    for sources, targets in pairs:
        said = Counter(reason for source in sources for target in targets for reason in reasons.get((source, target), ()))
        (most, _count), *others = said.most_common()
        more = " (and %s)" % _report.plural(len(others), "other reason") if others else ""
        yield Block(*key, most + more, sources, targets, said.total())


def _rectangles(pairs: Iterable[tuple[str, str]]) -> list[tuple[list[str], list[str]]]:
    """Those of the one side that have the same partners on the other, with these; nobody is missed as a partner of itself."""
    partners: dict[str, set[str]] = {}
    for one, other in pairs:
        partners.setdefault(one, set()).add(other)
    everybody = {other for others in partners.values() for other in others}
    groups: dict[frozenset[str], list[str]] = {}
    for one, others in partners.items():
        # All but itself are all.
        whole = others | {one} if one in everybody else others
        groups.setdefault(frozenset(whole if whole == everybody else others), []).append(one)
    return [(sorted(ones, key=_report.natural), sorted(others, key=_report.natural)) for others, ones in groups.items()]


# --- connections -------------------------------------------------------------------------------------------------------------


class Share(NamedTuple):
    """How many edges are broken, of how many."""

    broken: int = 0
    all: int = 0

    @property
    def text(self) -> str:
        return "%d of %d" % (self.broken, self.all) if self.all else ""


def together(parts: Iterable[Share]) -> Share:
    members = list(parts)
    return Share(sum(one.broken for one in members), sum(one.all for one in members))


def shares(report: Report) -> dict[tuple[str, str, str], Share]:
    """The edges behind each connection, by who connects, the role it connects to, and the listener: `dp-server tcp/5678`."""
    members = _members(report)
    clients: dict[tuple[str, str], list[str]] = {}
    for connection in report["connections"]:
        for listener in connection["listeners"]:
            clients.setdefault((connection["to"], listener), []).append(connection["from"])
    broken: Counter[tuple[str, str, str]] = Counter()
    asked: Counter[tuple[str, str, str]] = Counter()
    for edge in _report.edges(report):
        listener = _listener(edge)
        for client in clients.get((edge["role"], listener), ()):
            if edge["from"] in members.get(client.replace("-", "_"), ()):
                key = client, edge["role"], listener
                asked[key] += 1
                broken[key] += edge["failing"]
    return {key: Share(broken[key], count) for key, count in asked.items()}


def _members(report: Report) -> dict[str, set[str]]:
    """Hosts by role and group, and everybody. Many keep hyphens out of the names of groups."""
    members: dict[str, set[str]] = {ANY: {host["host"] for host in report["hosts"]}}
    for host in report["hosts"]:
        for name in [*host["groups"], *(role["role"] for role in host["roles"])]:
            members.setdefault(name.replace("-", "_"), set()).add(host["host"])
    return members


def _listener(edge: EdgeResult) -> str:
    return "%s %s/%s" % (edge["listener"], edge["protocol"], edge["port"])


# --- coverage ----------------------------------------------------------------------------------------------------------------


def coverage_text(reach: ReachResult) -> str:
    """`300 of 9900 pairs of hosts were probed, 100 sources and 100 targets, 3 peers each: a sample`."""
    said = reach["coverage"]
    ends = "%s and %s" % (_report.plural(said["sources"], "source"), _report.plural(said["targets"], "target"))
    text = "%d of %s of hosts were probed, %s" % (said["probed"], _report.plural(said["pairs"], "pair"), ends)
    return text + (", a sample of %s for each host" % _report.plural(said["sample"], "peer") if said["sample"] else "")
