# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix of the report's page of who reaches whom: who asks is on the left, who is asked above. Pure.

There is a cell for each pair of hosts, so a cell is a few bytes: the style sheet has its sign, and the word for who does not see
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from ansible_collections.netports.core.plugins.module_utils._probing import model
from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_reach
from ansible_collections.netports.core.plugins.plugin_utils._reach import EdgeResult
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_markup import escaped
from ansible_collections.netports.core.plugins.plugin_utils._report_reach import Matrix

# More pairs than these are shown by site or role: browsers, and people, have had enough.
_MOST_PAIRS = 15_000
# So many columns fit beside each other on a desk with signs large enough to read.
_ROOMY_COLUMNS = 8
_WIDE_COLUMNS = 30
_EDGES_NAMED = 8


def render(report: Report) -> str:
    matrix = _report_reach.of_hosts(report["reach"])
    if matrix.size > _MOST_PAIRS:
        return _of_groups(_report_reach.in_few(report, _MOST_PAIRS))
    return _of_hosts(matrix, report["reach"]["sites"])


def style_class(kind: str) -> str:
    """A kind of edges as the style sheet calls it."""
    return _report.FAILED if kind == model.ERROR else kind


def _of_hosts(matrix: Matrix, sites: Mapping[str, str]) -> str:
    rows, columns = (
        [(site, list(hosts)) for site, hosts in groupby(side, lambda host: sites.get(host, ""))] for side in matrix[1:3]
    )
    several = len(rows) > 1 or len(columns) > 1
    width = len(matrix.columns)
    size = "roomy" if width <= _ROOMY_COLUMNS else "dense" if width > _WIDE_COLUMNS else ""
    bodies = "\n".join(_body(matrix, hosts, columns, site if several else "") for site, hosts in rows)
    return '<table class="matrix reach %s">%s\n%s</table>\n' % (size, _head(columns, several), bodies)


def _head(columns: Sequence[tuple[str, list[str]]], several: bool) -> str:
    corner = '<th class="corner"%s scope="col">from \\ to</th>' % (' rowspan="2"' * several)
    rest = '<td class="rest"%s></td>' % (' rowspan="2"' * several)
    names = "".join(_names(hosts, several) for _site, hosts in columns)
    if not several:
        return "<thead><tr>%s%s%s</tr></thead>" % (corner, names, rest)
    sites = "".join(
        '<th class="group first" colspan="%d" scope="colgroup"><span>%s</span></th>' % (len(hosts), escaped(site or "no site"))
        for site, hosts in columns
    )
    return "<thead><tr>%s%s%s</tr><tr>%s</tr></thead>" % (corner, sites, rest, names)


def _names(hosts: Sequence[str], several: bool) -> str:
    cells = ['<th class="port" scope="col"><span>%s</span></th>' % escaped(host) for host in hosts]
    return cells[0].replace('class="', 'class="first ' if several else 'class="', 1) + "".join(cells[1:])


def _body(matrix: Matrix, sources: Sequence[str], columns: Sequence[tuple[str, list[str]]], site: str) -> str:
    # To the right end of the table, as its head.
    width = len(matrix.columns) + 1
    title = '<tr class="site"><th scope="rowgroup">%s</th><td colspan="%d"></td></tr>\n' % (escaped(site), width)
    rows = [_row(matrix, source, columns) for source in sources]
    return "<tbody>%s%s</tbody>\n" % (title if site else "", "\n".join(rows))


def _row(matrix: Matrix, source: str, columns: Sequence[tuple[str, list[str]]]) -> str:
    cells = "".join(cell for _site, targets in columns for cell in _cells(matrix, source, targets, len(columns) > 1))
    well = not any(edge["failing"] for target in matrix.columns for edge in matrix.cells.get((source, target), ())[:1])
    name = escaped(source).replace(".", ".<wbr>")
    return '<tr class="%s"><th scope="row">%s</th>%s</tr>' % ("well" if well else "bad", name, cells)


def _cells(matrix: Matrix, source: str, targets: Sequence[str], marked: bool) -> Iterator[str]:
    """The cells below one site; what nobody asked is one gap. The first one is marked where sites are."""
    first = "first " * marked
    for asked, group in groupby(targets, lambda target: (source, target) in matrix.cells):
        members = list(group)
        if not asked:
            yield "<td%s%s></td>" % (' class="first"' * bool(first), ' colspan="%d"' % len(members) if len(members) > 1 else "")
            first = ""
            continue
        for target in members:
            edges = matrix.cells[source, target]
            kind = style_class(_report_reach.look(edges[0]))
            yield '<td class="%s%s" title="%s"></td>' % (first, kind, _title(source, target, edges))
            first = ""


def _title(source: str, target: str, edges: Sequence[EdgeResult]) -> str:
    """All about a pair. Who is meant is said where something is wrong: there are few of these, and of the others many."""
    named = [_edge_text(edge) for edge in edges[:_EDGES_NAMED]]
    more = ["and %d more" % (len(edges) - _EDGES_NAMED)] if len(edges) > _EDGES_NAMED else []
    head = [] if all(edge["passed"] for edge in edges) else ["%s \N{RIGHTWARDS ARROW} %s" % (source, target)]
    return "&#10;".join(map(escaped, [*head, *named, *more]))


def _edge_text(edge: EdgeResult) -> str:
    """`dp-server tcp/5678: filtered, no answer within 3 s (network)`."""
    family = "" if edge["family"] == "any" else " " + edge["family"]
    kind = _report_reach.words(_report_reach.look(edge))
    text = "%s %s/%s%s: %s" % (edge["listener"], edge["protocol"], edge["port"], family, kind)
    if edge["passed"]:
        return text
    cause = " (%s)" % edge["cause"] if edge["cause"] else ""
    return "%s, %s%s" % (text, _report.shortened(edge["reason"]), cause)


# --- more hosts than fit -----------------------------------------------------------------------------------------------------


def _of_groups(matrix: Matrix) -> str:
    names = "".join('<th class="level" scope="col">%s</th>' % escaped(name) for name in matrix.columns)
    head = '<thead><tr><th class="corner" scope="col">from \\ to</th>%s<td class="rest"></td></tr></thead>' % names
    rows = []
    for source in matrix.rows:
        cells = "".join(_sum(matrix.cells.get((source, target), ())) for target in matrix.columns)
        rows.append('<tr><th scope="row">%s</th>%s</tr>' % (escaped(source), cells))
    return '<table class="matrix reach groups">%s\n<tbody>\n%s\n</tbody></table>\n' % (head, "\n".join(rows))


def _sum(edges: Sequence[EdgeResult]) -> str:
    """How many edges are broken of how many, in the colour of the worst."""
    if not edges:
        return "<td></td>"
    broken = sum(edge["failing"] for edge in edges)
    kinds = _report_reach.counts(edges)
    said = "%d of %d" % (broken, len(edges)) if broken else str(len(edges))
    kind = style_class(next(iter(kinds)))
    return '<td class="wide %s" title="%s">%s</td>' % (kind, escaped(_report_reach.counts_text(kinds)), said)
