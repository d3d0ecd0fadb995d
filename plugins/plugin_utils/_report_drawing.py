# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drawing of the report's page: who connects to whom, and to which ports. Pure.

Clients are on the left and what they connect to is on the right, with a line to each group of ports that has the same
clients. A role that does both is on both sides: lines never turn back, and names never meet lines, however many there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.netports.core.plugins.module_utils._firewall import model
from ansible_collections.netports.core.plugins.plugin_utils import _report
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_markup import escaped


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
# Turns of sorting either side by the other, and how far apart boxes are for that, in rows.
_TURNS = 8
_ROWS_BETWEEN = 3
# Widths of a letter, generously: what does not fit is cut, and whole in the title.
_LETTER = 8.2
_SMALL_LETTER = 6.2
_NUMBER_LETTER = 7.3


class _Node(NamedTuple):
    name: str
    external: bool
    note: str
    state: str


class _Ports(NamedTuple):
    """Listeners of one target that have the same clients."""

    listeners: list[str]
    clients: tuple[str, ...]


class _Target(NamedTuple):
    node: _Node
    ports: list[_Ports]


def render(report: Report) -> str:
    """Two drawings of the same, for wide and for narrow pages; empty if nobody connects to anything."""
    if not report["connections"]:
        return ""
    hosts = _hosts(report)
    external = {connection["from"] for connection in report["connections"] if connection["external"]}
    targets, names = _untangled([_Target(_node(name, hosts, False), ports) for name, ports in _targets(report).items()])
    clients = [_node(name, hosts, name in external) for name in names]
    return "".join(_drawing(sheet, clients, targets) for sheet in _SHEETS)


def _hosts(report: Report) -> dict[str, list[str]]:
    """The states of a role on its hosts."""
    states: dict[str, list[str]] = {}
    for host in report["hosts"]:
        for role in host["roles"]:
            states.setdefault(role["role"], []).append(role["state"])
    return states


def _node(name: str, hosts: Mapping[str, Sequence[str]], external: bool) -> _Node:
    states = hosts.get(name, ())
    if external or not states:
        note = "everybody" if name == model.ANY else "external" if external else "no host"
        return _Node(name, external, note, "none")
    failed = sum(state == _report.FAILED for state in states)
    unknown = sum(state in (_report.SKIPPED, _report.NOT_RUN) for state in states)
    note = "%d of %d failed" % (failed, len(states)) if failed else "%d of %d not run" % (unknown, len(states))
    if not failed and not unknown:
        note = _report.plural(len(states), "host")
    return _Node(name, False, note, "bad" if failed else "none" if unknown else "good")


def _targets(report: Report) -> dict[str, list[_Ports]]:
    """The listeners of each target, together where they have the same clients, in their order."""
    clients: dict[str, dict[str, dict[str, None]]] = {}
    for connection in report["connections"]:
        listeners = clients.setdefault(connection["to"], {})
        for listener in connection["listeners"]:
            listeners.setdefault(listener, {}).setdefault(connection["from"])
    targets = {}
    for target, listeners in clients.items():
        groups: dict[tuple[str, ...], list[str]] = {}
        for listener, names in listeners.items():
            groups.setdefault(tuple(sorted(names)), []).append(listener)
        targets[target] = [_Ports(members, names) for names, members in groups.items()]
    return targets


def _untangled(targets: Sequence[_Target]) -> tuple[list[_Target], list[str]]:
    """Targets, their ports and their clients in an order in which lines cross little.

    Each side in turn is sorted by the middle of what it is connected with on the other, which soon changes no more.
    """
    ordered = list(targets)
    clients = _clients(ordered)
    for _turn in range(_TURNS):
        places = {client: float(number) for number, client in enumerate(clients)}
        ordered = [
            target._replace(ports=sorted(target.ports, key=lambda ports: _middle(ports.clients, places))) for target in ordered
        ]
        ordered.sort(key=lambda target: _middle([client for ports in target.ports for client in ports.clients], places))
        clients = _clients(ordered)
    return ordered, clients


def _clients(targets: Iterable[_Target]) -> list[str]:
    """All clients, by the middle of the listeners that they connect to."""
    places: dict[str, list[float]] = {}
    row = 0.0
    for target in targets:
        for ports in target.ports:
            for client in ports.clients:
                places.setdefault(client, []).append(row + len(ports.listeners) / 2)
            row += len(ports.listeners)
        row += _ROWS_BETWEEN
    return sorted(places, key=lambda client: sum(places[client]) / len(places[client]))


def _middle(names: Sequence[str], places: Mapping[str, float]) -> float:
    return sum(places[name] for name in names) / len(names)


# --- one drawing -------------------------------------------------------------------------------------------------------------


def _drawing(sheet: _Sheet, clients: Sequence[_Node], targets: Sequence[_Target]) -> str:
    heights = [_head(sheet.client_width, node) + _NODE_FOOT for node in clients]
    least = sum(heights) + _GAP * (len(heights) - 1) + 2 * _MARGIN
    spare = least - _right_side(sheet, targets, 0)[2]
    right, anchors, bottom = _right_side(sheet, targets, max(_MARGIN, spare / 2))
    height = max(least, bottom + _MARGIN)
    ends = [[y for name, y in anchors if name == node.name] for node in clients]
    tops = _left_side(ends, heights, height)
    left = [_client(sheet, *client) for client in zip(clients, tops, heights, ends)]
    title = "Who connects to whom: %s; the list below says the same in words" % _report.plural(len(anchors), "connection")
    start = '<svg class="%s" viewBox="0 0 %d %d" role="img" aria-label="%s">' % (sheet.name, sheet.width, height, escaped(title))
    return "\n".join([start, *left, *right, "</svg>\n"])


def _right_side(sheet: _Sheet, targets: Sequence[_Target], y: float) -> tuple[list[str], list[tuple[str, float]], float]:
    """The boxes of the targets from `y` on, where lines of which client end, and where the boxes do."""
    drawn, anchors = [], []
    x = sheet.width - sheet.target_width - _MARGIN
    for target in targets:
        top, parts = y, []
        y += _head(sheet.target_width, target.node) + _FOOT
        for number, ports in enumerate(target.ports):
            if number:
                parts.append('<path class="rule" d="M%d %gh%d"/>' % (x + _INDENT, y, sheet.target_width - 2 * _INDENT))
            middle = y + len(ports.listeners) * sheet.row / 2
            anchors += [(client, middle) for client in ports.clients]
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


def _client(sheet: _Sheet, node: _Node, top: float, height: float, ends: Sequence[float]) -> str:
    start, end = sheet.client_width + _MARGIN, sheet.width - sheet.target_width - _MARGIN - 7
    middle, bend = top + height / 2, (sheet.width - sheet.target_width - sheet.client_width) / 2
    edges = [
        '<path class="edge" d="M%d %gC%g %g %g %g %d %g"/>' % (start, middle, start + bend, middle, end - bend, y, end, y)
        for y in ends
    ]
    kind = "client external" if node.external else "client"
    return '<g class="%s">%s</g>' % (kind, "".join([*edges, _box(node, _MARGIN, top, sheet.client_width, height)]))


def _head(width: float, node: _Node) -> float:
    """The height of a node's name and note."""
    return 21 + _LINE * len(_lines(node.name, width))


def _box(node: _Node, x: float, y: float, width: float, height: float) -> str:
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
