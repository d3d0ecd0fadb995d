# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the roles of an inventory to its edges: who has to reach which listener of whom, and who must not. Pure.

A mesh of 10,000 hosts has 100,000,000 pairs, so who asks is a set of hosts for each listener, and edges are made for the pairs
that were chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _address, _coverage, _hold_fit
from ansible_collections.netports.core.plugins.module_utils._listener import Listener
from ansible_collections.netports.core.plugins.plugin_utils import _topology
from ansible_collections.netports.core.plugins.plugin_utils._reach import CLOSED, OPEN, NotProbed

ANY = "any"
# In the place of a host that asks, where it is nobody in particular.
NOBODY = "*"

LOOPBACK = "it is bound to loopback: no other host reaches it"
NOT_ADMITTED = "no other host has to reach it"
NO_PORT = "an IP protocol has no port that could be asked"
DYNAMIC = "its port is not known before the service runs"
RANGE = "it is one port of a range"
NOT_SEEN = "there is nothing to connect to: rules of the packet filter serve it"
NO_CLIENTS = "the port spec does not say who its clients are"
NO_CLIENT = "the inventory has no group for this client"
NOT_IN_RUN = "the asking host is not part of this run"
TARGET_NOT_IN_RUN = "the target is not part of this run, so that nothing could hold its port"
NO_ADDRESS = "the addresses of the target are not known"
NO_ADDRESS_OF_FAMILY = "the target has no address of the family"
DUPLICATE = "another host has each of the target's addresses too, so that it is not known who answers"

_LONGEST_LIST = 3
_NO_SERVICE = ("redirect", "protocol")


class Host(NamedTuple):
    """A host of the inventory: its listeners by role, and its addresses; `problem` is why they are not known."""

    roles: Mapping[str, Sequence[Listener]]
    addresses: Sequence[str]
    problem: str = ""


class Inventory(NamedTuple):
    """`sources` are the hosts of this run. `kinds` are the roles that a word of clients stands for, none for other words."""

    hosts: Mapping[str, Host]
    groups: Mapping[str, Sequence[str]]
    sources: Collection[str]
    kinds: Callable[[str], Collection[str]]


class Edge(NamedTuple):
    """One listener of `target`, to be asked by `source` at `addresses`, of which one has to be open, or all of them closed.

    `family` is `any` where the addresses are of both.
    """

    source: str
    target: str
    role: str
    listener: Listener
    family: str
    addresses: tuple[str, ...]
    expect: str


class Question(NamedTuple):
    """A listener of a host that `askers` have to reach, or must not; addresses by family."""

    target: str
    role: str
    listener: Listener
    addresses: Mapping[str, Sequence[str]]
    askers: frozenset[str]
    expect: str


class Mesh:
    """All that can be asked, and what cannot be."""

    def __init__(self, questions: Iterable[Question], left_out: Sequence[NotProbed], inventory: Inventory) -> None:
        self._of_target: dict[str, list[Question]] = {}
        for question in questions:
            self._of_target.setdefault(question.target, []).append(question)
        self._families = {name: _families(host.addresses) for name, host in inventory.hosts.items()}
        self._sources = [name for name in inventory.hosts if name in set(inventory.sources)]
        self.not_probed = left_out

    def peers(self) -> dict[str, Sequence[str]]:
        """The targets of every source; sources with the same targets have one sequence. It may name the source itself."""
        askers = list(dict.fromkeys(question.askers for questions in self._of_target.values() for question in questions))
        shared: dict[tuple[bool, ...], Sequence[str]] = {}
        found = {}
        for source in self._sources:
            member = tuple(source in group for group in askers)
            if member not in shared:
                mine = set(itertools.compress(askers, member))
                shared[member] = [
                    target for target, questions in self._of_target.items() if any(one.askers in mine for one in questions)
                ]
            if set(shared[member][:2]) - {source}:
                found[source] = shared[member]
        return found

    def edges(self, source: str, target: str) -> Iterator[Edge]:
        """What one host asks another."""
        for question in self._of_target.get(target, ()) if source != target else ():
            if source in question.askers:
                yield from _edges(question, source, self._families[source])


def mesh(inventory: Inventory, strict: bool = False, before_install: bool = False) -> Mesh:
    """`strict`: also who must not reach what. `before_install`: only what port_listen can stand in for."""
    survey = _Survey(inventory, before_install)
    questions = [question for name in inventory.hosts for question in survey.positive(name)]
    if strict:
        questions += [question for name in inventory.hosts for question in survey.negative(name)]
    return Mesh(questions, survey.left_out.listed(), inventory)


class _LeftOut:
    """What is not probed, counted by reason, with some examples."""

    def __init__(self) -> None:
        self._found: dict[str, NotProbed] = {}

    def add(self, reason: str, askers: Collection[str], target: str, listener: Listener, detail: str = "") -> None:
        """`askers` may be nobody, and may have the target itself among them."""
        one = self._found.setdefault(reason, {"reason": reason, "count": 0, "examples": []})
        one["count"] += max(len(askers) - (target in askers), 1)
        if len(one["examples"]) < _LONGEST_LIST:
            names = sorted(name for name in askers if name != target) or [NOBODY]
            for name in names[: _LONGEST_LIST - len(one["examples"])]:
                said = "%s -> %s %s %s/%s" % (name, target, listener.name, listener.protocol, listener.port_text)
                one["examples"].append("%s: %s" % (said, detail) if detail else said)

    def listed(self) -> list[NotProbed]:
        return sorted(self._found.values(), key=lambda one: (-one["count"], one["reason"]))


class _Clients(NamedTuple):
    """The hosts that words of clients stand for, in this run and not, and the words that the inventory does not know."""

    hosts: frozenset[str]
    here: frozenset[str]
    elsewhere: frozenset[str]
    unknown: tuple[str, ...]


class _Survey:
    def __init__(self, inventory: Inventory, before_install: bool) -> None:
        self._inventory = inventory
        self._before_install = before_install
        self._sources = frozenset(inventory.sources)
        self._with_role = frozenset(name for name, host in inventory.hosts.items() if host.roles)
        self._claims = _claims(inventory.hosts)
        self._clients: dict[tuple[str, ...], _Clients] = {}
        self._strangers: dict[frozenset[tuple[str, ...]], frozenset[str]] = {}
        # Equal sets of askers are one object: to compare two of 10,000 hosts takes longer than all the rest.
        self._known: dict[frozenset[str], frozenset[str]] = {}
        self.left_out = _LeftOut()

    def positive(self, name: str) -> Iterator[Question]:
        for role, listener in _listeners(self._inventory.hosts[name]):
            clients = self._clients_of(listener.clients)
            reason = self._why_not(listener)
            if reason:
                self.left_out.add(reason, clients.hosts or clients.unknown, name, listener)
                continue
            if clients.unknown:
                self.left_out.add(NO_CLIENT, clients.unknown, name, listener)
            if clients.elsewhere - {name}:
                self.left_out.add(NOT_IN_RUN, clients.elsewhere, name, listener)
            yield from self._asked(name, role, listener, clients.here, OPEN)

    def negative(self, name: str) -> Iterator[Question]:
        """Listeners for the host itself, or for some roles alone, asked by hosts for which they are not."""
        host = self._inventory.hosts[name]
        for role, listener in _listeners(host):
            if not self._is_closed_to_some(listener):
                continue
            on_port = [one for _role, one in _listeners(host) if _meets(one, listener)]
            if all(self._is_closed_to_some(one) for one in on_port):
                words = frozenset(one.clients for one in on_port if not _coverage.wants_loopback(one))
                yield from self._asked(name, role, listener, self._strangers_to(words), CLOSED)

    def _asked(self, name: str, role: str, listener: Listener, askers: frozenset[str], expect: str) -> Iterator[Question]:
        if not askers or askers == {name}:
            return
        addresses, reason = self._addresses(name, listener)
        if addresses:
            yield Question(name, role, listener, addresses, askers, expect)
        else:
            detail = self._inventory.hosts[name].problem if reason == NO_ADDRESS else ""
            self.left_out.add(reason, askers, name, listener, detail)

    def _why_not(self, listener: Listener) -> str:
        """Why nobody can be asked to reach it, whoever the clients are; empty where there is no such reason."""
        if _coverage.wants_loopback(listener):
            return LOOPBACK
        if not listener.allow:
            return NOT_ADMITTED
        if not _coverage.is_fixed(listener):
            return NO_PORT if listener.protocol == "ip" else DYNAMIC if listener.dynamic else RANGE
        if listener.seen_as in _NO_SERVICE:
            return NOT_SEEN
        if not listener.clients:
            return NO_CLIENTS
        return _hold_fit.unfit(listener) if self._before_install else ""

    def _is_closed_to_some(self, listener: Listener) -> bool:
        if not _coverage.is_fixed(listener) or listener.seen_as in _NO_SERVICE:
            return False
        if _coverage.wants_loopback(listener):
            return not self._before_install  # nothing is there yet that could be bound wider
        return bool(listener.clients) and listener.allow and all(self._inventory.kinds(word) for word in listener.clients)

    def _clients_of(self, words: tuple[str, ...]) -> _Clients:
        if words not in self._clients:
            members = {word: self._members(word) for word in words}
            hosts = frozenset(name for of_word in members.values() for name in of_word or ())
            unknown = tuple(word for word, of_word in members.items() if of_word is None)
            self._clients[words] = _Clients(hosts, self._one(hosts & self._sources), hosts - self._sources, unknown)
        return self._clients[words]

    def _strangers_to(self, clients: frozenset[tuple[str, ...]]) -> frozenset[str]:
        """The hosts of this run with a role, without the clients of some listeners."""
        if clients not in self._strangers:
            friends = [self._clients_of(words).here for words in clients]
            self._strangers[clients] = self._one((self._with_role & self._sources).difference(*friends))
        return self._strangers[clients]

    def _one(self, hosts: frozenset[str]) -> frozenset[str]:
        return self._known.setdefault(hosts, hosts)

    def _members(self, word: str) -> Collection[str] | None:
        """The hosts that a word stands for; None where nobody in the inventory is one."""
        found = self._inventory
        if word == ANY and ANY not in found.groups:
            return self._with_role
        members = _topology.members(word, found.groups, found.kinds(word))
        return None if members is None else [name for name in members if name in found.hosts]

    def _addresses(self, name: str, listener: Listener) -> tuple[dict[str, list[str]], str]:
        """Where the listener of a host is asked, by family; the reason where it is nowhere."""
        host = self._inventory.hosts[name]
        if self._before_install and name not in self._sources and not listener.preinstalled:
            return {}, TARGET_NOT_IN_RUN
        known = [_bound(listener)] if _bound(listener) else [one for one in host.addresses if "/" not in one]
        if not known:
            return {}, NO_ADDRESS
        wanted = [one for one in known if _address.family_of(one) in _wanted(listener)]
        if not wanted:
            return {}, NO_ADDRESS_OF_FAMILY
        own: dict[str, list[str]] = {}
        for address in wanted:
            if self._claims[address] == 1:
                own.setdefault(_address.family_of(address), []).append(address)
        return own, DUPLICATE


def _edges(question: Question, source: str, families: frozenset[str]) -> Iterator[Edge]:
    """The edges of one source: over the families that both have, or over all of the target's if they have none in common."""
    common = [family for family in question.addresses if family in families] or list(question.addresses)
    # Each family has to be open where the spec wants both. Where one is enough, and for what must be closed, it is one edge.
    apart = question.listener.family == "both" and question.expect == OPEN
    for group in [[family] for family in common] if apart else [common]:
        addresses = tuple(address for family in group for address in question.addresses[family])
        family = group[0] if len(group) == 1 else ANY
        yield Edge(source, question.target, question.role, question.listener, family, addresses, question.expect)


def _listeners(host: Host) -> Iterator[tuple[str, Listener]]:
    for role, listeners in host.roles.items():
        for listener in listeners:
            yield role, listener


def _meets(one: Listener, other: Listener) -> bool:
    """Whether they may be on the same port."""
    if one.protocol != other.protocol or one.ports is None or other.ports is None:
        return False
    return one.ports[0] <= other.ports[1] and other.ports[0] <= one.ports[1]


def _bound(listener: Listener) -> str:
    """The one address at which it can be asked; empty where that is any."""
    if not _coverage.has_address(listener) or _coverage.wants_loopback(listener) or _address.is_wildcard(listener.bind):
        return ""
    return _address.plain(listener.bind)


def _wanted(listener: Listener) -> frozenset[str]:
    if _coverage.has_address(listener) and _address.plain(listener.bind) == "::" and listener.family != _address.IPV6:
        return frozenset((_address.IPV4, _address.IPV6))  # one socket for both, unless the spec says otherwise
    return _coverage.wanted_families(listener)


def _claims(hosts: Mapping[str, Host]) -> dict[str, int]:
    """How many hosts have each address, by the inventory or by what their listeners bind."""
    counts: dict[str, int] = {}
    for host in hosts.values():
        bound = {_bound(listener) for _role, listener in _listeners(host)} - {""}
        for address in {*host.addresses, *bound}:
            counts[address] = counts.get(address, 0) + 1
    return counts


def _families(addresses: Iterable[str]) -> frozenset[str]:
    return frozenset(_address.family_of(address) for address in addresses if "/" not in address)
