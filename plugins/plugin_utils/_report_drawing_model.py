# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the drawing of the report's page shows, in an order in which its lines cross little. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.netports.core.plugins.module_utils._firewall import model
from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_reach_shares
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_reach_shares import Share

# Turns of sorting either side by the other, and how far apart boxes are for that, in rows.
_TURNS = 8
_ROWS_BETWEEN = 3

# The edges behind connections, as `_report_reach_shares.shares` has them.
Shares = Mapping[tuple[str, str, str], Share]


class Node(NamedTuple):
    name: str
    external: bool
    note: str
    state: str


class Ports(NamedTuple):
    """Listeners of one target that have the same clients. `shares`: the edges of each client, empty where none were asked."""

    listeners: list[str]
    clients: tuple[str, ...]
    shares: tuple[Share, ...]


class Target(NamedTuple):
    node: Node
    ports: list[Ports]


def of_report(report: Report) -> tuple[list[Node], list[Target]]:
    """Clients and what they connect to."""
    hosts, shares = _hosts(report), _report_reach_shares.shares(report)
    external = {connection["from"] for connection in report["connections"] if connection["external"]}
    broken = [{key[side] for key, share in shares.items() if share.broken} for side in (0, 1)]
    found = [Target(_node(name, hosts, False, name in broken[1]), ports) for name, ports in _targets(report, shares).items()]
    targets, names = _untangled(found)
    return [_node(name, hosts, name in external, name in broken[0]) for name in names], targets


def _hosts(report: Report) -> dict[str, list[str]]:
    """The states of a role on its hosts."""
    states: dict[str, list[str]] = {}
    for host in report["hosts"]:
        for role in host["roles"]:
            states.setdefault(role["role"], []).append(role["state"])
    return states


def _node(name: str, hosts: Mapping[str, Sequence[str]], external: bool, broken: bool) -> Node:
    """`broken`: an edge from there or to there is."""
    states = hosts.get(name, ())
    if external or not states:
        note = "everybody" if name == model.ANY else "external" if external else "no host"
        return Node(name, external, note, "bad" if broken else "none")
    failed = sum(state == _report.FAILED for state in states)
    unknown = sum(state in (_report.SKIPPED, _report.NOT_RUN) for state in states)
    note = "%d of %d failed" % (failed, len(states)) if failed else "%d of %d not run" % (unknown, len(states))
    if not failed and not unknown:
        note = _report.plural(len(states), "host")
    return Node(name, False, note, "bad" if failed or broken else "none" if unknown else "good")


def _targets(report: Report, shares: Shares) -> dict[str, list[Ports]]:
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
        targets[target] = [
            Ports(members, names, tuple(_share(shares, name, target, members) for name in names))
            for names, members in groups.items()
        ]
    return targets


def _share(shares: Shares, client: str, target: str, listeners: Iterable[str]) -> Share:
    return _report_reach_shares.together(shares.get((client, target, listener), Share()) for listener in listeners)


def _untangled(targets: Sequence[Target]) -> tuple[list[Target], list[str]]:
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


def _clients(targets: Iterable[Target]) -> list[str]:
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
