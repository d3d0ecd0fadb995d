# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drawing of the report's page: who connects to whom, and to which ports. Pure.

Clients are on the left and what they connect to is on the right, with a line to each group of ports that has the same
clients. A role that does both is on both sides: lines never turn back, and names never meet lines, however many there are.
A line behind which edges are broken says how many of how many.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_drawing_model
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_drawing_model import Node, Target
from ansible_collections.netports.core.plugins.plugin_utils._report_markup import escaped
from ansible_collections.netports.core.plugins.plugin_utils._report_reach_shares import Share


class _Sheet(NamedTuple):
    """The measures of a drawing, in pixels at its natural size. `stacked`: the name of a port is below its number."""

    name: str
    width: int
    client_width: int
    target_width: int
    stacked: bool

    @property
    def row(self) -> int:
        return 36 if self.stacked else 24


# The same for desks and for phones; the style sheet shows one of them.
_SHEETS = (_Sheet("wide", 960, 250, 350, stacked=False), _Sheet("narrow", 358, 132, 168, stacked=True))

_MARGIN = 1
_GAP = 18
_NODE_FOOT = 12
_FOOT = 8
_LINE = 17
_INDENT = 14
# Widths of a letter, generously: what does not fit is cut, and whole in the title.
_LETTER = 8.2
_SMALL_LETTER = 6.2
_NUMBER_LETTER = 7.3
# Where on a line its number may be, the best place first.
_PLACES = (0.5, 0.4, 0.6, 0.3, 0.7)


# The four points of a Bezier curve.
_Curve = tuple[float, float, float, float, float, float, float, float]


class _Anchor(NamedTuple):
    """Where the line of a client ends, and the edges behind it."""

    client: str
    y: float
    share: Share


def render(report: Report) -> str:
    """Two drawings of the same, for wide and for narrow pages; empty if nobody connects to anything."""
    if not report["connections"]:
        return ""
    clients, targets = _report_drawing_model.of_report(report)
    return "".join(_drawing(sheet, clients, targets) for sheet in _SHEETS)


# --- one drawing -------------------------------------------------------------------------------------------------------------


def _drawing(sheet: _Sheet, clients: Sequence[Node], targets: Sequence[Target]) -> str:
    heights = [_head(sheet.client_width, node) + _NODE_FOOT for node in clients]
    least = sum(heights) + _GAP * (len(heights) - 1) + 2 * _MARGIN
    spare = least - _right_side(sheet, targets, 0)[2]
    right, anchors, bottom = _right_side(sheet, targets, max(_MARGIN, spare / 2))
    height = max(least, bottom + _MARGIN)
    ends = [[anchor for anchor in anchors if anchor.client == node.name] for node in clients]
    tops = _left_side([[anchor.y for anchor in anchors] for anchors in ends], heights, height)
    left = [_client(sheet, *client) for client in zip(clients, tops, heights, ends)]
    labels = _labels(sheet, [(top + tall / 2, anchor) for top, tall, of in zip(tops, heights, ends) for anchor in of])
    title = "Who connects to whom: %s; the list below says the same in words" % _report.plural(len(anchors), "connection")
    start = '<svg class="%s" viewBox="0 0 %d %d" role="img" aria-label="%s">' % (sheet.name, sheet.width, height, escaped(title))
    return "\n".join([start, *left, *right, *labels, "</svg>\n"])


def _right_side(sheet: _Sheet, targets: Sequence[Target], y: float) -> tuple[list[str], list[_Anchor], float]:
    """The boxes of the targets from `y` on, where lines of which client end, and where the boxes do."""
    drawn: list[str] = []
    anchors: list[_Anchor] = []
    x = sheet.width - sheet.target_width - _MARGIN
    for target in targets:
        top, parts = y, []
        y += _head(sheet.target_width, target.node) + _FOOT
        for number, ports in enumerate(target.ports):
            if number:
                parts.append('<path class="rule" d="M%d %gh%d"/>' % (x + _INDENT, y, sheet.target_width - 2 * _INDENT))
            middle = y + len(ports.listeners) * sheet.row / 2
            anchors += [_Anchor(client, middle, share) for client, share in zip(ports.clients, ports.shares)]
            parts.append('<path class="tip" d="M%d %gl-8 -4.5v9z"/>' % (x, middle))
            for listener in ports.listeners:
                parts += _port(sheet, listener, x + _INDENT, y)
                y += sheet.row
        y += _FOOT
        drawn.append("<g>%s</g>" % "".join([_box(target.node, x, top, sheet.target_width, y - top), *parts]))
        y += _GAP
    return drawn, anchors, y - _GAP


def _left_side(ends: Sequence[Sequence[float]], heights: Sequence[float], room: float) -> list[float]:
    """The tops of the clients' boxes: near the middle of where their lines end, none upon another, all within the room."""
    tops: list[float] = []
    free = float(_MARGIN)
    for ys, height in zip(ends, heights):
        tops.append(max(free, sum(ys) / len(ys) - height / 2))
        free = tops[-1] + height + _GAP
    # What was pushed out at the bottom pushes the others up.
    limit = room - _MARGIN
    for number in reversed(range(len(tops))):
        tops[number] = min(tops[number], limit - heights[number])
        limit = tops[number] - _GAP
    return tops


def _client(sheet: _Sheet, node: Node, top: float, height: float, ends: Sequence[_Anchor]) -> str:
    # What is broken lies upon what is not.
    edges = [
        '<path class="edge%s" d="M%d %gC%g %g %g %g %d %g"/>'
        % ((" broken" if anchor.share.broken else ""), *_curve(sheet, top + height / 2, anchor.y))
        for anchor in sorted(ends, key=lambda anchor: anchor.share.broken > 0)
    ]
    kind = "client external" if node.external else "client"
    return '<g class="%s">%s</g>' % (kind, "".join([*edges, _box(node, _MARGIN, top, sheet.client_width, height)]))


def _curve(sheet: _Sheet, start: float, end: float) -> _Curve:
    """The line between two heights."""
    left, right = sheet.client_width + _MARGIN, sheet.width - sheet.target_width - _MARGIN - 7
    bend = (sheet.width - sheet.target_width - sheet.client_width) / 2
    return left, start, left + bend, start, right - bend, end, right, end


def _labels(sheet: _Sheet, lines: Iterable[tuple[float, _Anchor]]) -> Iterator[str]:
    """How many edges are broken, on the lines of which some are, beside each other."""
    taken: list[tuple[float, float]] = []
    for start, anchor in lines:
        if not anchor.share.broken:
            continue
        text = "%d/%d" % (anchor.share.broken, anchor.share.all)
        if len(text) * _NUMBER_LETTER > sheet.width - sheet.target_width - sheet.client_width:
            text = str(anchor.share.broken)
        places = [_point(_curve(sheet, start, anchor.y), part) for part in _PLACES]
        width = len(text) * _NUMBER_LETTER + _GAP / 2
        free = [place for place in places if all(abs(place[0] - x) > width or abs(place[1] - y) > _LINE for x, y in taken)]
        x, y = (free or places)[0]
        taken.append((x, y))
        title = "%s edges are broken" % anchor.share.text
        yield '<text class="share" x="%.1f" y="%.1f"><title>%s</title>%s</text>' % (x, y + 4, title, text)


def _point(curve: _Curve, part: float) -> tuple[float, float]:
    """The point of a Bezier curve after that part of its way."""
    rest = 1 - part
    weights = (rest**3, 3 * rest**2 * part, 3 * rest * part**2, part**3)
    return sum(w * x for w, x in zip(weights, curve[::2])), sum(w * y for w, y in zip(weights, curve[1::2]))


def _head(width: float, node: Node) -> float:
    """The height of a node's name and note."""
    return 21 + _LINE * len(_lines(node.name, width))


def _box(node: Node, x: float, y: float, width: float, height: float) -> str:
    parts = ['<rect class="box" x="%g" y="%g" width="%g" height="%g" rx="8"/>' % (x, y, width, height)]
    parts.append('<circle class="dot %s" cx="%g" cy="%g" r="4"/>' % (node.state, x + _INDENT, y + 16.5))
    lines = _lines(node.name, width)
    for number, line in enumerate(lines):
        parts.append(_text("name", x + _INDENT + 12, y + 21 + number * _LINE, line, _room(width)))
    parts.append(_text("sub", x + _INDENT + 12, y + 21 + len(lines) * _LINE, node.note, _room(width) * _LETTER / _SMALL_LETTER))
    return "".join(parts)


def _room(width: float) -> float:
    return (width - 2 * _INDENT - 4) / _LETTER


def _lines(name: str, width: float) -> list[str]:
    """A name, in two lines where it is long and its parts allow it."""
    name = _report.plain(name)
    if len(name) <= _room(width):
        return [name]
    breaks = [found.end() for found in re.finditer("[-_. ]", name) if found.end() <= _room(width)]
    return [name[: breaks[-1]], name[breaks[-1] :]] if breaks else [name]


def _port(sheet: _Sheet, listener: str, x: float, y: float) -> list[str]:
    """`dp-server tcp/5678`: the port, and its name beside or below it."""
    name, _blank, port = listener.rpartition(" ")
    room = sheet.target_width - 2 * _INDENT
    number = _text("number", x, y + 16, port, room / _NUMBER_LETTER)
    if sheet.stacked:
        return [number, _text("service", x, y + 30, name, room / _SMALL_LETTER)]
    beside = max(96.0, min(len(port), room / _NUMBER_LETTER / 2) * _NUMBER_LETTER + _INDENT)
    return [number, _text("service", x + beside, y + 16, name, (room - beside) / _SMALL_LETTER)]


def _text(kind: str, x: float, y: float, text: str, room: float) -> str:
    text = _report.plain(text)
    cut = text if len(text) <= room else text[: max(1, int(room) - 1)] + "…"
    title = "<title>%s</title>" % escaped(text) if cut != text else ""
    return '<text class="%s" x="%g" y="%g">%s%s</text>' % (kind, x, y, title, escaped(cut))
