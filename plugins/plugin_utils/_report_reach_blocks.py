# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is broken between hosts, told in as few words as that takes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ansible_collections.netports.core.plugins.plugin_utils import _reach, _report
from ansible_collections.netports.core.plugins.plugin_utils._reach import EdgeResult
from ansible_collections.netports.core.plugins.plugin_utils._reach_cause import CAUSES
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_reach import look


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
            alike.setdefault((edge["cause"], look(edge), edge["role"], _reach.listener(edge)), []).append(edge)
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
