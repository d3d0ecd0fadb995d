# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the report's page that say who reaches whom: totals, what is broken, the matrix, coverage, notes. Pure."""

from __future__ import annotations

from itertools import groupby

from ansible_collections.netports.core.plugins.plugin_utils import (
    _reach,
    _report,
    _report_reach,
    _report_reach_blocks,
    _report_reach_matrix,
)
from ansible_collections.netports.core.plugins.plugin_utils._reach_cause import CAUSES
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_markup import (
    escaped,
    fault,
    faults,
    legend,
    note,
    sentence,
    switch,
    table,
    who,
)
from ansible_collections.netports.core.plugins.plugin_utils._report_reach_blocks import Block
from ansible_collections.netports.core.plugins.plugin_utils._report_reach_matrix import style_class

# What is more is in the JSON: a page of a thousand hosts has to open.
_HOSTS_NAMED = 100
_BLOCKS_SHOWN = 100
_EDGES_NAMED = 50
_SITES_NAMED = 400


def totals(report: Report) -> list[tuple[int, str, str]]:
    """Edges by kind, what is well first, as hosts and listeners are counted."""
    found = _report_reach.counts(_report.edges(report))
    return [(count, style_class(kind), _report_reach.words(kind)) for kind, count in reversed(found.items())]


def faults_of(report: Report) -> list[str]:
    """A card for each cause."""
    cards = []
    for cause, of_cause in groupby(_report_reach_blocks.blocks(report), key=lambda block: block.cause):
        found = list(of_cause)
        shown = [_fault(block) for block in found[:_BLOCKS_SHOWN]]
        if len(found) > _BLOCKS_SHOWN:
            rest = sum(block.edges for block in found[_BLOCKS_SHOWN:])
            shown.append(fault("", "", "and %s; the report in JSON has all" % _report.plural(rest, "more edge")))
        count = sum(block.edges for block in found)
        cards.append(faults(style_class(found[0].kind), cause.replace("_", " "), count, CAUSES[cause], shown))
    return cards


def _fault(block: Block) -> str:
    ends = "%s<small>to</small>%s" % (who(block.sources, _HOSTS_NAMED), who(block.targets, _HOSTS_NAMED))
    listener, _blank, port = block.listener.rpartition(" ")
    what = "%s <code>%s</code><small>%s</small>" % (escaped(listener), escaped(port), escaped(block.role))
    return fault(ends, what, "%s: %s" % (escaped(_report_reach.words(block.kind)), escaped(block.reason)))


def matrix(report: Report) -> str:
    if not _report.edges(report):
        return ""
    drawn = _report_reach_matrix.render(report)
    return '<section id="reach"><h2>Who reaches whom</h2>%s<div class="card scroll" tabindex="0">\n%s</div>%s%s</section>' % (
        switch("Only hosts that do not get through", drawn),
        drawn,
        _legend(report),
        _coverage(report),
    )


def _legend(report: Report) -> str:
    kinds = _report_reach.counts(_report.edges(report))
    return legend((style_class(kind), _report_reach.words(kind), _report_reach.KINDS[kind]) for kind in kinds)


def _coverage(report: Report) -> str:
    """How much was probed, and what of it by site."""
    said = report["reach"]["coverage"]
    empty = "An empty cell: the one does not connect to the other%s" % (", or the sample left it out" if said["sample"] else "")
    text = "<p>%s. %s.</p>" % (escaped(_report_reach.coverage_text(report["reach"])), empty)
    rows = [(one["from"] or "-", one["to"] or "-", str(one["pairs"]), str(one["probed"])) for one in said["sites"]]
    # Between which nobody asked is first.
    rows.sort(key=lambda row: (row[3] != "0", _report.natural(row[0]), _report.natural(row[1])))
    if len(rows) < 2:
        return '<div class="coverage">%s</div>' % text
    missed = sum(row[3] == "0" for row in rows)
    left = "%d of %d pairs of sites without a probe" % (missed, len(rows)) if missed else "All %d pairs of sites" % len(rows)
    more = [("and %d more" % (len(rows) - _SITES_NAMED), "", "", "")] if len(rows) > _SITES_NAMED else []
    words = table(("From site", "To site", "Pairs of hosts", "Probed"), [*rows[:_SITES_NAMED], *more])
    shown = " open" if missed else ""
    return '<div class="coverage">%s<details%s><summary>%s</summary>%s</details></div>' % (text, shown, left, words)


# --- what is no failure ------------------------------------------------------------------------------------------------------


def notes(report: Report) -> list[str]:
    found = report["reach"]["not_probed"]
    rows = [(str(one["count"]), one["reason"], "; ".join(one["examples"])) for one in found]
    count = _report.plural(sum(one["count"] for one in found), "edge")
    left = note("%s not probed" % count, "What cannot be asked is counted.", table(("Edges", "Because", "Such as"), rows))
    return [*([left] if rows else []), *_edges_of(report)]


def _edges_of(report: Report) -> list[str]:
    """Edges of the kinds that fail nothing and are not well."""
    found = []
    for kind in (_report_reach.UNTOLD, _reach.NOT_RUN, _report_reach.OPTIONAL):
        edges = [edge for edge in _report.edges(report) if _report_reach.look(edge) == kind]
        rows = [(_reach.label(edge), _report.shortened(edge["reason"])) for edge in edges[:_EDGES_NAMED]]
        if len(edges) > _EDGES_NAMED:
            rows.append(("and %d more" % (len(edges) - _EDGES_NAMED), ""))
        if edges:
            title = "%s %s" % (_report.plural(len(edges), "edge"), _report_reach.words(kind))
            found.append(note(title, sentence(_report_reach.KINDS[kind]), table(("Edge", "Reason"), rows)))
    return found
