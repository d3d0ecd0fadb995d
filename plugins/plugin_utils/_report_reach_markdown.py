# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reaches whom in Markdown: what is broken, a small matrix, what was not looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.netports.core.plugins.plugin_utils import _report_reach, _report_reach_blocks
from ansible_collections.netports.core.plugins.plugin_utils._reach import NotProbed
from ansible_collections.netports.core.plugins.plugin_utils._reach_cause import CAUSES
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_markdown_table import escaped, hosts, section
from ansible_collections.netports.core.plugins.plugin_utils._report_reach import Matrix

_MOST_PAIRS = 150


def sections(report: Report, room: int) -> list[str]:
    """What is broken has most of the room."""
    matrix = _report_reach.of_hosts(report["reach"])
    if matrix.size > _MOST_PAIRS:
        matrix = _report_reach.in_few(report, _MOST_PAIRS)
    header = ("From", *map(escaped, matrix.columns))
    left = report["reach"]["not_probed"]
    return [
        section("Broken edges", ("From", "To", "Listener", "Cause", "Reason", "What to do"), _broken(report), room * 2 // 3),
        section("Who reaches whom", header, _matrix(matrix), room // 6) if matrix.cells else "",
        escaped(_report_reach.coverage_text(report["reach"])) + ".\n",
        section("Not probed", ("Edges", "Because", "Such as"), map(_left, left), room // 6),
    ]


def _broken(report: Report) -> Iterator[Sequence[str]]:
    for block in _report_reach_blocks.blocks(report):
        what = escaped("%s %s" % (block.role, block.listener))
        reason = escaped("%s: %s" % (_report_reach.words(block.kind), block.reason))
        remedy = CAUSES[block.cause].remedy.replace("|", "\\|")
        yield hosts(block.sources), hosts(block.targets), what, "**%s**" % escaped(block.cause), reason, remedy


def _matrix(matrix: Matrix) -> Iterator[Sequence[str]]:
    for source in matrix.rows:
        counts = [_report_reach.counts(matrix.cells.get((source, target), ())) for target in matrix.columns]
        yield escaped(source), *(escaped(_report_reach.counts_text(one)) for one in counts)


def _left(one: NotProbed) -> Sequence[str]:
    return str(one["count"]), escaped(one["reason"]), escaped("; ".join(one["examples"]))
