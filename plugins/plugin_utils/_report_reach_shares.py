# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many of the edges behind each connection of a report are broken. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.netports.core.plugins.module_utils._firewall.model import ANY
from ansible_collections.netports.core.plugins.plugin_utils import _reach, _report
from ansible_collections.netports.core.plugins.plugin_utils._report import Report


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
        listener = _reach.listener(edge)
        for client in clients.get((edge["role"], listener), ()):
            if edge["from"] in members.get(client.replace("-", "_"), ()):
                key = client, edge["role"], listener
                asked[key] += 1
                broken[key] += edge["failing"]
    return {key: Share(broken[key], count) for key, count in asked.items()}


def by_connection(report: Report) -> list[Share]:
    """The same for each connection as a whole."""
    found = shares(report)
    return [
        together(found.get((one["from"], one["to"], listener), Share()) for listener in one["listeners"])
        for one in report["connections"]
    ]


def _members(report: Report) -> dict[str, set[str]]:
    """Hosts by role and group, and everybody. Many keep hyphens out of the names of groups."""
    members: dict[str, set[str]] = {ANY: {host["host"] for host in report["hosts"]}}
    for host in report["hosts"]:
        for name in [*host["groups"], *(role["role"] for role in host["roles"])]:
            members.setdefault(name.replace("-", "_"), set()).add(host["host"])
    return members
