# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what hosts listen on to what each host of the run does: whom it asks, and what it holds. Pure.

Everything here is plain data, which goes into files of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

from ansible_collections.netports.core.plugins.module_utils._listener import Listener, parse_listeners
from ansible_collections.netports.core.plugins.plugin_utils import _reach_edges, _reach_sample
from ansible_collections.netports.core.plugins.plugin_utils._reach import OPEN, Coverage, HostData, Listening, NotProbed
from ansible_collections.netports.core.plugins.plugin_utils._reach_edges import Edge

LISTENERS_NOT_KNOWN = "the listeners of the target are not known"
# Longest time for which port_listen holds ports.
_LONGEST_HOLD = 3600
_TLS = ("server", "mutual")


class Options(NamedTuple):
    """`sample` is the number of peers of each host, 0 for all. `token` is what held ports answer."""

    strict: bool
    before_install: bool
    sample: int
    timeout: float
    token: str

    def is_held(self, listener: Listener) -> bool:
        """Whether port_listen stands in for the listener. What the system has before the product is there already."""
        return self.before_install and not listener.preinstalled


class SourcePlan(TypedDict):
    """What a host asks: options of port_probe, and the edges, each with the indexes of its targets in `asks`."""

    options: dict[str, Any]
    edges: list[dict[str, Any]]


class TargetPlan(TypedDict):
    """What a host holds before the installation: options of port_listen, with listeners whose names are unique on the host, and
    whose they are.
    """

    options: dict[str, Any]
    held: dict[str, list[str]]


class Plan(NamedTuple):
    sources: dict[str, SourcePlan]
    targets: dict[str, TargetPlan]
    coverage: Coverage
    not_probed: list[NotProbed]


def make(
    hosts: Mapping[str, HostData],
    listening: Mapping[str, Mapping[str, Listening]],
    groups: Mapping[str, Sequence[str]],
    run: Collection[str],
    kinds: Callable[[str], Collection[str]],
    options: Options,
) -> Plan:
    """`listening` is what the roles of each host listen on, `run` are the hosts of this run, `kinds` as in `_reach_edges`."""
    inventory = _reach_edges.Inventory(_hosts(hosts, listening), groups, run, kinds)
    mesh = _reach_edges.mesh(inventory, options.strict, options.before_install)
    peers = mesh.peers()
    sites = {name: host["site"] for name, host in hosts.items() if host["site"]}
    chosen = _reach_sample.choose_peers(peers, sites, options.sample)
    places = {name: place for place, name in enumerate(hosts)}
    sources: dict[str, _Source] = {}
    held: dict[str, dict[tuple[str, str], Listener]] = {}
    for source, target in sorted(chosen, key=lambda pair: (places[pair[0]], places[pair[1]])):
        for edge in mesh.edges(source, target):
            sources.setdefault(source, _Source(options)).add(edge)
            if options.is_held(edge.listener):
                held.setdefault(target, {})[edge.role, edge.listener.name] = edge.listener
    return Plan(
        {name: source.plan() for name, source in sources.items()},
        {name: _target(listeners, options, len(run)) for name, listeners in held.items()},
        _coverage(peers, chosen, sites, options.sample),
        [*mesh.not_probed, *_not_known(listening)],
    )


def _hosts(hosts: Mapping[str, HostData], listening: Mapping[str, Mapping[str, Listening]]) -> dict[str, _reach_edges.Host]:
    parsed: dict[int, Sequence[Listener]] = {}
    found = {}
    for name, host in hosts.items():
        roles = {}
        for role, one in listening[name].items():
            if id(one) not in parsed:
                parsed[id(one)] = parse_listeners(one["listeners"])
            roles[role] = parsed[id(one)]
        found[name] = _reach_edges.Host(roles, host["addresses"], host["problem"])
    return found


class _Source:
    """The plan of a host as it grows. What several edges ask is asked once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._edges: list[dict[str, Any]] = []
        self._targets: dict[tuple[tuple[str, Any], ...], int] = {}

    def add(self, edge: Edge) -> None:
        asks = [self._targets.setdefault(self._target(edge, address), len(self._targets)) for address in edge.addresses]
        self._edges.append({**_known(edge), "asks": asks})

    def plan(self) -> SourcePlan:
        targets = [dict(target) for target in self._targets]
        return {"options": {"targets": targets, "timeout": self._options.timeout}, "edges": self._edges}

    def _target(self, edge: Edge, address: str) -> tuple[tuple[str, Any], ...]:
        """A target of port_probe, as something that can be a key."""
        listener = edge.listener
        target = {"host": address, "port": int(listener.port_text), "protocol": listener.protocol, "expect": edge.expect}
        if self._options.is_held(listener):
            target["token"] = self._options.token
        elif edge.expect == OPEN and listener.protocol == "tcp" and listener.given.get("tls") in _TLS:
            target["tls"] = True
        return tuple(target.items())


def _known(edge: Edge) -> dict[str, Any]:
    """What is known of an EdgeResult before it is asked for."""
    return {
        "from": edge.source,
        "to": edge.target,
        "role": edge.role,
        "listener": edge.listener.name,
        "protocol": edge.listener.protocol,
        "port": edge.listener.port_text,
        "family": edge.family,
        "expect": edge.expect,
        "optional": edge.listener.optional,
    }


def _target(listeners: Mapping[tuple[str, str], Listener], options: Options, hosts: int) -> TargetPlan:
    names = {"held-%d" % number: key for number, key in enumerate(listeners)}
    given = [{**listeners[key].given, "name": name} for name, key in names.items()]
    return {
        "options": {"listeners": given, "token": options.token, "seconds": _hold_seconds(hosts, options.timeout)},
        "held": {name: list(key) for name, key in names.items()},
    }


def _hold_seconds(hosts: int, timeout: float) -> int:
    """For how long ports are held unless they are released: generously, as Ansible by itself works on 5 hosts at a time."""
    return min(_LONGEST_HOLD, 300 + int(hosts * (5 + timeout)))


def _coverage(
    peers: Mapping[str, Sequence[str]],
    chosen: Collection[tuple[str, str]],
    sites: Mapping[str, str],
    sample: int,
) -> Coverage:
    of_sites = _reach_sample.coverage(peers, chosen, sites)
    shared = {id(targets): targets for targets in peers.values()}
    return {
        "pairs": sum(one.pairs for one in of_sites),
        "probed": len(chosen),
        "sample": sample,
        "hosts": len({*peers, *(target for targets in shared.values() for target in targets)}),
        "sources": len({source for source, _target in chosen}),
        "targets": len({target for _source, target in chosen}),
        "sites": [{"from": one.source, "to": one.target, "pairs": one.pairs, "probed": one.probed} for one in of_sites],
    }


def _not_known(listening: Mapping[str, Mapping[str, Listening]]) -> list[NotProbed]:
    said = [
        "%s %s: %s" % (host, role, one["problem"])
        for host, roles in listening.items()
        for role, one in roles.items()
        if one["problem"]
    ]
    return [{"reason": LISTENERS_NOT_KNOWN, "count": len(said), "examples": said[:3]}] if said else []
