# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reaches whom as text: a matrix where it fits, what is broken by cause, what was looked at and what was not. Pure."""

from __future__ import annotations

import textwrap
from itertools import groupby

from ansible_collections.netports.core.plugins.module_utils._probing import model
from ansible_collections.netports.core.plugins.plugin_utils import _reach, _report, _report_reach, _report_reach_blocks
from ansible_collections.netports.core.plugins.plugin_utils._reach_cause import CAUSES
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_table import WIDTH, some, table

# A letter each: what is well is not to be read, only what is not.
_LETTERS = {
    _report_reach.EXPOSED: "E",
    model.ERROR: "!",
    model.REFUSED: "R",
    model.FILTERED: "F",
    model.UNREACHABLE: "X",
    model.UNRESOLVED: "D",
    model.NO_ANSWER: "N",
    _report_reach.TLS: "T",
    _report_reach.UNTOLD: "?",
    _reach.NOT_RUN: "-",
    _report_reach.OPTIONAL: "o",
    _report_reach.CLOSED: "=",
    _report_reach.OPEN: ".",
}
_CORNER = "FROM \\ TO"
_LONGEST_NAME = 40
_MOST_ROWS = 60
_SITES = 20


def overview(report: Report) -> list[str]:
    """Everything but what is wrong."""
    return [_matrix(report), _coverage(report), _not_probed(report)]


def _matrix(report: Report) -> str:
    matrix = _report_reach.of_hosts(report["reach"])
    if not matrix.cells:
        return "nobody asks anybody"
    numbers = {host: str(number) for number, host in enumerate(matrix.all, 1)}
    names = {host: _report.plain(host)[:_LONGEST_NAME] for host in matrix.all}
    digits = len(str(len(matrix.all)))
    longest = max(*map(len, names.values()), len(_CORNER) - digits - 1)
    if digits + 1 + longest + len(matrix.columns) * (digits + 2) > WIDTH or len(matrix.all) > _MOST_ROWS:
        return _by_role(report)
    lines = [_CORNER.ljust(digits + 1 + longest) + "".join("  " + numbers[target].rjust(digits) for target in matrix.columns)]
    for source in matrix.all:
        letters = [_letter(matrix, source, target) for target in matrix.columns]
        name = "%s %s" % (numbers[source].rjust(digits), names[source].ljust(longest))
        lines.append((name + "".join("  " + letter.rjust(digits) for letter in letters)).rstrip())
    seen = {_report_reach.look(edges[0]) for edges in matrix.cells.values()}
    known = ["%s %s" % (_LETTERS[kind], _report_reach.words(kind)) for kind in _report_reach.KINDS if kind in seen]
    return "\n".join([*lines, *textwrap.wrap("the worst of each pair: " + ", ".join(known), WIDTH)])


def _letter(matrix: _report_reach.Matrix, source: str, target: str) -> str:
    edges = matrix.cells.get((source, target))
    return _LETTERS[_report_reach.look(edges[0])] if edges else ""


def _by_role(report: Report) -> str:
    matrix = _report_reach.of_roles(report)
    rows = [("FROM ROLE", "TO ROLE", "EDGES", "OF THEM")]
    for source in matrix.rows:
        for target in matrix.columns:
            edges = matrix.cells.get((source, target), [])
            if edges:
                rows.append((source, target, str(len(edges)), _report_reach.counts_text(_report_reach.counts(edges))))
    return table(rows)


def broken(report: Report) -> str:
    """The broken edges in blocks, those with the same cause together."""
    blocks = _report_reach_blocks.blocks(report)
    if not blocks:
        return ""
    rows = [("FROM", "TO", "LISTENER", "STATE", "REASON, AND WHAT TO DO")]
    remedies = {}
    for cause, of_cause in groupby(blocks, key=lambda block: block.cause):
        for block in of_cause:
            listener, state = "%s %s" % (block.role, block.listener), _report_reach.words(block.kind)
            rows.append((some(block.sources), some(block.targets), listener, state, block.reason))
        remedies[len(rows) - 1] = ("%s: %s; what to do: %s" % (cause, *CAUSES[cause])).replace("`", "")
    count = _report.plural(sum(block.edges for block in blocks), "broken edge")
    return "%s\n\n%s" % (count.upper(), table(rows, remedies))


def _coverage(report: Report) -> str:
    """How much was looked at, and between which sites it was not all, those that were left out first."""
    parts = [one for one in report["reach"]["coverage"]["sites"] if one["probed"] < one["pairs"]]
    parts.sort(key=lambda one: (one["probed"] > 0, _report.natural(one["from"]), _report.natural(one["to"])))
    rows = [(one["from"] or "-", one["to"] or "-", str(one["pairs"]), str(one["probed"])) for one in parts]
    lines = textwrap.wrap(_report_reach.coverage_text(report["reach"]), WIDTH)
    if len(rows) > 1:
        lines.append(table([("FROM SITE", "TO SITE", "PAIRS OF HOSTS", "PROBED"), *rows[:_SITES]]))
    if len(rows) > _SITES:
        lines.append("and %s of sites; the report in JSON has all" % _report.plural(len(rows) - _SITES, "pair"))
    return "\n".join(lines)


def _not_probed(report: Report) -> str:
    left = report["reach"]["not_probed"]
    rows = [(str(one["count"]), one["reason"], "; ".join(one["examples"])) for one in left]
    return table([("NOT PROBED", "BECAUSE", "SUCH AS"), *rows]) if rows else ""
