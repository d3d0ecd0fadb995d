# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to change in firewalld, at run time and for good, so that a label has what it should. Pure."""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils._firewall import fwd_files, fwd_model
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_files import Permanent
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_model import Entries, Group, Zone
from ansible_collections.netports.core.plugins.module_utils._run import FileChange

# The daemon takes some 20 s for so many, and four times as long for twice as many.
MOST_STOPGAPS = 1000
# Of a group whose service the running firewalld has as it should be: the members of its set there. None of one that it has not.
Knows = Callable[[Group], Optional[Sequence[str]]]
# Stopgaps that were added at run time, by label and zone.
Claims = Mapping[str, Mapping[str, Sequence[str]]]


class Edit(NamedTuple):
    """A zone as it was read, and what goes and comes."""

    held: Entries
    drop: Entries
    add: Entries

    @property
    def after(self) -> Entries:
        return self.held.changed(self.drop, self.add)


class Runtime(NamedTuple):
    """`edits` by zone; `claims` as they are to be; `sets` that get other members, old and new.

    `late` are groups with too many stopgaps to serve before a reload.
    """

    edits: Mapping[str, Edit]
    claims: Claims
    claims_before: Claims
    late: Tuple[Group, ...] = ()
    sets: Mapping[str, Tuple[Sequence[str], Sequence[str]]] = {}

    @property
    def changed(self) -> bool:
        return bool(self.sets) or any(edit.after != edit.held for edit in self.edits.values())

    def lines(self, after: bool) -> List[str]:
        claims = self.claims if after else self.claims_before
        result = []
        for zone, edit in sorted(self.edits.items()):
            held = fwd_model.own_entries(edit.after if after else edit.held, fwd_model.joined_claims(claims, zone))
            result += ["runtime, zone %s: %s" % (zone, line) for line in sorted(held.lines())]
        return result + ["runtime, ipset %s: %s" % (name, ", ".join(both[after])) for name, both in self.sets.items()]


class Files(NamedTuple):
    """The permanent configuration: services with their sets as they are to be, by name (None: gone), and edits of zones."""

    before: Permanent
    groups: Mapping[str, Optional[Group]]
    sets: Mapping[str, Optional[Group]]
    zones: Mapping[str, Edit]

    @property
    def changed(self) -> bool:
        return bool(self.groups or self.sets or self.zones)

    def changes(self) -> List[FileChange]:
        """The files in an order in which none ever names what is not there."""
        kept: List[FileChange] = []
        gone: List[FileChange] = []
        for name, group in self.sets.items():
            path = fwd_files.path_of("ipsets", name)
            (gone if group is None else kept).append(FileChange(path, fwd_files.set_text(group) if group else None))
        for name, group in self.groups.items():
            path = fwd_files.path_of("services", name)
            (gone if group is None else kept).append(FileChange(path, fwd_files.service_text(group) if group else None))
        for zone, edit in self.zones.items():
            text = fwd_files.zone_text(self.before.zones[zone], edit.drop, edit.add)
            kept.append(fwd_files.zone_change(zone, text))
        return kept + gone

    def lines(self, after: bool) -> List[str]:
        groups: Dict[str, Optional[Group]] = dict(self.before.groups)
        sets: Dict[str, Optional[Group]] = dict(self.before.sets)
        if after:
            groups.update(self.groups)
            sets.update(self.sets)
        result = []
        for name, group in sorted(groups.items()):
            if group is not None:
                ports = ["%s/%s" % port for port in group.ports] + ["protocol %s" % number for number in group.protocols]
                result.append("permanent, service %s: %s" % (name, ", ".join(ports)))
        for name, group in sorted(sets.items()):
            if group is not None:
                result.append("permanent, ipset %s: %s" % (name, ", ".join(group.sources)))
        for zone in sorted(self.before.zones):
            edit = self.zones.get(zone)
            held = (edit.after if after else edit.held) if edit else self.before.entries(zone)
            result += ["permanent, zone %s: %s" % (zone, line) for line in sorted(held.lines())]
        return result


class Wish(NamedTuple):
    """What a label is to have, and where. `exclusive`: others are to have nothing."""

    label: str
    groups: Tuple[Group, ...]
    zones: Tuple[str, ...]
    exclusive: bool


def runtime(wish: Wish, zones: Mapping[str, Zone], claims: Claims, knows: Knows) -> Runtime:
    """`knows` is asked only where it matters."""
    held = {zone: zones[zone].entries for zone in wish.zones if zone in zones}
    serving: Dict[Group, Entries] = {}
    sets: Dict[str, Tuple[Sequence[str], Sequence[str]]] = {}
    for group in wish.groups:
        members = knows(group) if _asks(group, wish.label, held, claims) else None
        many = _count(group) > MOST_STOPGAPS
        serving[group] = fwd_model.entries(group) if members is not None else Entries() if many else fwd_model.stopgaps(group)
        if members is not None and group.set_name and sorted(members) != sorted(group.sources):
            sets[group.set_name] = (tuple(members), group.sources)
    edits: Dict[str, Edit] = {}
    stopgaps: Dict[str, List[str]] = {}
    for name, zone in zones.items():
        wanted = Entries()
        for group in wish.groups if name in wish.zones else ():
            wanted = wanted.joined(serving[group])
            stopgaps.setdefault(name, []).extend(fwd_model.of_priority(serving[group], (fwd_model.priority(wish.label),)).rules)
        ours = _ours(wish, name, zone.entries, claims)
        others = Entries((), tuple(fwd_model.joined_claims(claims, name, () if wish.exclusive else (wish.label,))))
        drop = ours.without(wanted).without(Entries() if wish.exclusive else others)
        edits[name] = Edit(zone.entries, drop, wanted.without(zone.entries))
    after: Dict[str, Mapping[str, Sequence[str]]] = {}
    if not wish.exclusive:
        after = {label: dict(where) for label, where in claims.items() if label != wish.label}
    mine = {zone: rules for zone, rules in stopgaps.items() if rules}
    if mine:
        after[wish.label] = mine
    return Runtime(edits, _sorted(after), claims, tuple(group for group in wish.groups if serving[group] == Entries()), sets)


def _ours(wish: Wish, zone: str, held: Entries, claims: Claims) -> Entries:
    if wish.exclusive:
        return fwd_model.own_entries(held, fwd_model.joined_claims(claims, zone))
    return fwd_model.of_label(held, wish.label, claims.get(wish.label, {}).get(zone, ()))


def _count(group: Group) -> int:
    return max(1, len(group.sources)) * (len(group.ports) + len(group.protocols))


def _asks(group: Group, label: str, held: Mapping[str, Entries], claims: Claims) -> bool:
    """May the service serve at run time? Stopgaps that stand stay, until a reload sweeps them."""
    if _count(group) > MOST_STOPGAPS:
        return True
    entries, stopgaps = fwd_model.entries(group), set(fwd_model.stopgaps(group).rules)
    named = any(found.common(entries) != Entries() for found in held.values())
    stand = all(stopgaps <= set(found.rules) for found in held.values())
    noted = all(stopgaps <= set(claims.get(label, {}).get(zone, ())) for zone in held)
    return named or not (stand and noted)


def _sorted(claims: Claims) -> Claims:
    return {label: {zone: sorted(set(rules)) for zone, rules in sorted(where.items())} for label, where in sorted(claims.items())}


def merged_claims(first: Claims, second: Claims) -> Claims:
    """What stands in either: written before the change, so that nothing that was added is ever without an owner."""
    result: Dict[str, Dict[str, List[str]]] = {}
    for claims in (first, second):
        for label, zones in claims.items():
            for zone, rules in zones.items():
                result.setdefault(label, {}).setdefault(zone, []).extend(rules)
    return _sorted(result)


def files(wish: Wish, permanent: Permanent) -> Files:
    services = {group.service: group for group in wish.groups}
    sets = {group.set_name: group for group in wish.groups if group.set_name}
    zones = {zone: _zone_edit(wish, zone, permanent) for zone in permanent.zones}
    return Files(
        permanent,
        _difference(wish, permanent.groups, services, same_service),
        _difference(wish, permanent.sets, sets, same_set),
        {zone: edit for zone, edit in zones.items() if edit.after != edit.held},
    )


def _difference(
    wish: Wish, had: Mapping[str, Group], wanted: Mapping[str, Group], same: Callable[[Group, Group], bool]
) -> Dict[str, Optional[Group]]:
    result: Dict[str, Optional[Group]] = {}
    for name, group in wanted.items():
        if name not in had or not same(had[name], group):
            result[name] = group
    for name, old in had.items():
        if name not in wanted and (wish.exclusive or old.label == wish.label):
            result[name] = None
    return result


def same_set(first: Group, second: Group) -> bool:
    return first.label == second.label and sorted(first.sources) == sorted(second.sources)


def same_service(first: Group, second: Group) -> bool:
    return (
        first.label == second.label
        and sorted(first.ports) == sorted(second.ports)
        and sorted(first.protocols) == sorted(second.protocols)
    )


def _zone_edit(wish: Wish, zone: str, permanent: Permanent) -> Edit:
    stayed = fwd_files.kept_stopgaps(permanent.zones[zone], labels(wish, permanent, {}))
    held = permanent.entries(zone).joined(stayed)
    wanted = Entries()
    for group in wish.groups if zone in wish.zones else ():
        wanted = wanted.joined(fwd_model.entries(group))
    ours = held if wish.exclusive else fwd_model.of_label(held, wish.label).joined(stayed)
    return Edit(held, ours.without(wanted), wanted.without(held))


def reverse(plan: Files) -> Files:
    """What undoes it."""
    zones = {zone: Edit(edit.after, edit.add, edit.drop) for zone, edit in plan.zones.items()}
    groups = {name: plan.before.groups.get(name) for name in plan.groups}
    return Files(plan.before, groups, {name: plan.before.sets.get(name) for name in plan.sets}, zones)


def labels(wish: Wish, permanent: Permanent, claims: Claims) -> List[str]:
    """The labels whose rules change: the wish's own, and with `exclusive` all that have any."""
    found = [wish.label]
    if wish.exclusive:
        found += [group.label for group in permanent.groups.values()] + list(claims)
    return list(dict.fromkeys(found))
