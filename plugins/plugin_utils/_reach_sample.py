# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which peers each host probes when a mesh is too large to probe all of it, and what that leaves out. Pure.

The same inventory gives the same sample. What is chosen covers, in this order of importance: as many targets as can be, as
many ordered pairs of sites as are found, and every target about as often as others. That no further target could be covered
is certain; of pairs of sites it is not.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

Pair = tuple[str, str]
# The targets of each source, the source itself not counted. Sources that have one sequence in common are quick to sample.
Peers = Mapping[str, Sequence[str]]

NO_SITE = ""


class SitePair(NamedTuple):
    """How many ordered pairs of hosts there are from one site to another, and how many of them are probed."""

    source: str
    target: str
    pairs: int
    probed: int


def choose(pairs: Iterable[Pair], site_of: Mapping[str, str], count: int) -> set[Pair]:
    """At most `count` of the pairs of each source, exactly as many where it has them; below 1 all of them.

    Hosts without a site are a site of their own.
    """
    return choose_peers(by_source(pairs), site_of, count)


def choose_peers(peers: Peers, site_of: Mapping[str, str], count: int) -> set[Pair]:
    """`choose`, without the need to write down every pair of a mesh."""
    if count < 1:
        return {(source, target) for source, targets in peers.items() for target in targets if target != source}
    sample = _Sample(peers, site_of, count)
    sample.choose()
    return {(source, target) for source, targets in sample.chosen.items() for target in targets}


def by_source(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    peers: dict[str, list[str]] = {}
    for source, target in pairs:
        peers.setdefault(source, []).append(target)
    return peers


def coverage(peers: Peers, chosen: Collection[Pair], site_of: Mapping[str, str]) -> list[SitePair]:
    """Every ordered pair of sites that has a pair of hosts, sorted by name. Those with nothing probed are not covered."""
    pairs: Counter[Pair] = Counter()
    for group in _groups(peers):
        targets = Counter(site_of.get(target, NO_SITE) for target in group.targets)
        sources = Counter(site_of.get(source, NO_SITE) for source in group.sources)
        for source, number in sources.items():
            for target, times in targets.items():
                pairs[source, target] += number * times
        for both in group.sources.keys() & set(group.targets):
            site = site_of.get(both, NO_SITE)
            pairs[site, site] -= 1
    probed = Counter((site_of.get(source, NO_SITE), site_of.get(target, NO_SITE)) for source, target in chosen)
    return [SitePair(*key, number, probed[key]) for key, number in sorted(pairs.items()) if number]


class _Group:
    """Sources that may probe the same targets."""

    def __init__(self, targets: Sequence[str]) -> None:
        self.targets = sorted(set(targets))
        self.sources: dict[str, None] = {}
        self.unvisited: dict[str, None] = {}  # the sources that no search has come by yet, see _Sample._reach

    def add(self, source: str) -> None:
        self.sources[source] = self.unvisited[source] = None


def _shuffled(names: Iterable[str], purpose: str) -> dict[str, int]:
    """The place of each name in an order that has nothing to do with names: neighbours by name are often neighbours in a rack."""
    key = purpose.encode()
    digests = {name: blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8, key=key).digest() for name in names}
    return {name: place for place, name in enumerate(sorted(digests, key=lambda name: (digests[name], name)))}


def _groups(peers: Peers) -> list[_Group]:
    groups: dict[int, _Group] = {}
    for source in sorted(peers):
        targets = peers[source]
        if id(targets) not in groups:
            groups[id(targets)] = _Group(targets)
        groups[id(targets)].add(source)
    return list(groups.values())


class _Heap:
    """Targets by how often they are probed; the counts of `load` may have grown since they were put in."""

    def __init__(self, targets: Iterable[str], load: Mapping[str, int], order: Mapping[str, int]) -> None:
        self._load = load
        self._entries = sorted((0, order[target], target) for target in targets)

    def lightest(self, without: Collection[str]) -> str | None:
        entries, aside = self._entries, []
        while entries:
            times, place, target = entries[0]
            if times != self._load[target]:
                heapq.heapreplace(entries, (self._load[target], place, target))
            elif target in without:
                aside.append(heapq.heappop(entries))
            else:
                break
        found = entries[0][2] if entries else None
        for entry in aside:
            heapq.heappush(entries, entry)
        return found


class _Menu:
    """What the sources of a group can choose from: all targets, and those of each site."""

    def __init__(self, group: _Group, site_of: Mapping[str, str], load: Mapping[str, int], order: Mapping[str, int]) -> None:
        self.members = frozenset(group.targets)
        self.everywhere = _Heap(group.targets, load, order)
        by_site: dict[str, list[str]] = {}
        for target in group.targets:
            by_site.setdefault(site_of.get(target, NO_SITE), []).append(target)
        self.by_site = by_site
        self.heaps = {site: _Heap(targets, load, order) for site, targets in by_site.items()}
        self._sites = sorted(by_site)
        self._places = {site: place for place, site in enumerate(self._sites)}
        self._turns: dict[tuple[str, bool], Iterator[str]] = {}

    def sites_in_turn(self, site: str, again: bool) -> Iterator[str]:
        """The sites, each once for all sources of `site`, those behind it first: not all begin with the same."""
        key = (site, again)
        if key not in self._turns:
            start = self._places.get(site, 0) + 1
            self._turns[key] = iter(self._sites[start:] + self._sites[:start])
        return self._turns[key]


class _Sample:
    def __init__(self, peers: Peers, site_of: Mapping[str, str], count: int) -> None:
        self._count = count
        self._site_of = site_of
        self._load: dict[str, int] = {}
        self._groups = _groups(peers)
        self._groups_of_target: dict[str, list[_Group]] = {}
        self._menus: dict[str, _Menu] = {}
        self.chosen: dict[str, dict[str, None]] = {}
        self._probers: dict[str, dict[str, None]] = {}
        self._covered: Counter[Pair] = Counter()
        for group in self._groups:
            for target in group.targets:
                self._load[target] = 0
                self._probers[target] = {}
                self._groups_of_target.setdefault(target, []).append(group)
        order = _shuffled(self._load, "target")
        for group in self._groups:
            menu = _Menu(group, site_of, self._load, order)
            for source in group.sources:
                self._menus[source] = menu
                self.chosen[source] = {}

    def choose(self) -> None:
        # Not in the order of the targets, or the first would always meet the first.
        sources = list(_shuffled(self.chosen, "source"))
        for _turn in range(self._count):
            for source in sources:
                target = self._next(source)
                if target is not None:
                    self._add(source, target)
        self._cover_targets()
        self._cover_sites()

    def _site(self, host: str) -> str:
        return self._site_of.get(host, NO_SITE)

    def _sites(self, source: str, target: str) -> Pair:
        return self._site(source), self._site(target)

    def _add(self, source: str, target: str) -> None:
        self.chosen[source][target] = None
        self._probers[target][source] = None
        self._load[target] += 1
        self._covered[self._sites(source, target)] += 1

    def _remove(self, source: str, target: str) -> None:
        del self.chosen[source][target], self._probers[target][source]
        self._load[target] -= 1
        self._covered[self._sites(source, target)] -= 1

    def _replace(self, source: str, old: str, new: str) -> None:
        self._remove(source, old)
        self._add(source, new)

    # -- the first choice

    def _next(self, source: str) -> str | None:
        """A target that nobody probes yet, in a site that nobody of this site probes yet; else what comes nearest to that."""
        menu, taken = self._menus[source], self.chosen[source].keys() | {source}
        lightest = menu.everywhere.lightest(taken)
        if lightest is None:
            return None
        probed = self._load[lightest] > 0
        here = self._site(source)
        for site in menu.sites_in_turn(here, probed):
            if self._covered[here, site]:
                continue
            target = menu.heaps[site].lightest(taken)
            if target is not None and (probed or not self._load[target]):
                return target
        return lightest

    # -- targets that the first choice left out

    def _cover_targets(self) -> None:
        """Chains of changes, each of which frees a source for the target before (augmenting paths of a matching)."""
        for target in [target for target, times in self._load.items() if not times]:
            visited: list[tuple[_Group, str]] = []
            for source, old, new in self._reach(target, visited):
                self._replace(source, old, new)
            if self._load[target]:
                for group, source in visited:
                    group.unvisited[source] = None
            # Else they stay visited: what led nowhere leads nowhere for the next target either.

    def _reach(self, goal: str, visited: list[tuple[_Group, str]]) -> list[tuple[str, str, str]]:
        """The changes (source, old target, new target) that cover `goal` and leave no other target without a source."""
        came_from: dict[str, Pair] = {}
        waiting = deque([goal])
        while waiting:
            wanted = waiting.popleft()
            for group in self._groups_of_target[wanted]:
                for source in [source for source in group.unvisited if source != wanted]:
                    del group.unvisited[source]
                    visited.append((group, source))
                    # Who else probes one of these would end the search here: none of them comes twice.
                    for old in self.chosen[source]:
                        came_from[old] = (source, wanted)
                        if self._load[old] > 1:
                            return self._chain(old, goal, came_from)
                        waiting.append(old)
        return []

    @staticmethod
    def _chain(end: str, goal: str, came_from: Mapping[str, Pair]) -> list[tuple[str, str, str]]:
        chain, old = [], end
        while old != goal:
            source, wanted = came_from[old]
            chain.append((source, old, wanted))
            old = wanted
        return chain

    # -- pairs of sites that it left out

    def _cover_sites(self) -> None:
        sources_of: dict[str, list[str]] = {}
        for source in self.chosen:
            sources_of.setdefault(self._site(source), []).append(source)
        for here, sources in sources_of.items():
            for source in sources:
                for old in list(self.chosen[source]):
                    if self._covered[self._sites(source, old)] > 1:
                        self._use_for_new_site(here, source, old)

    def _use_for_new_site(self, here: str, source: str, old: str) -> None:
        """Have `source` probe a site that nobody of its site probes, instead of `old` in one that others probe too."""
        menu = self._menus[source]
        for site, targets in menu.by_site.items():
            if self._covered[here, site]:
                continue
            for new in targets:
                if new != source and new not in self.chosen[source] and self._exchange(source, old, new):
                    return

    def _exchange(self, source: str, old: str, new: str) -> bool:
        if self._load[old] > 1:
            self._replace(source, old, new)
            return True
        for other in self._probers[new]:
            spare = self._covered[self._sites(other, new)] > 1
            if spare and old != other and old in self._menus[other].members and old not in self.chosen[other]:
                self._replace(source, old, new)
                self._replace(other, new, old)
                return True
        return False
