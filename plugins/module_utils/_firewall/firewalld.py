# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""firewalld over D-Bus: at run time and for good in one go, without a reload, which would drop what others have added.

Order of a change: what is about to be added at run time is noted under /run; each zone of the running firewall is changed by
one call; the permanent configuration is changed in the daemon's memory, which writes it; the files as planned, written and
on the disk before all that, take the place of what the daemon wrote. A run that was killed leaves the running firewall new
and the configuration old at the worst, and the next run sees the difference.
"""

from __future__ import annotations

import contextlib
import json
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _address, _run
from ansible_collections.netports.core.plugins.module_utils._firewall import (
    fwd_files,
    fwd_model,
    fwd_plan,
    fwd_zones,
    nft_plan,
    nft_ruleset,
    observed,
    units,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend, Plan, Request, StaleError
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_bus import Bus
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_files import Permanent
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_model import Binding, Entries, Group, Zone
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Connection, FirewallError, Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import MARK, ChainKey, NftRule, Ruleset
from ansible_collections.netports.core.plugins.module_utils._run import FileChange, RunError

# Gone at boot, as what it tells of is.
CLAIMS = "/run/netports-firewalld.json"
_MANY = 50
_STARTS = ("enabled", "enabled-runtime", "static", "generated", "alias", "linked")


class _Host(NamedTuple):
    """What was read. `default` is the default zone; `zones` are those that may matter."""

    running: bool
    starts: bool
    permanent: Permanent
    claims: fwd_plan.Claims
    interfaces: Mapping[str, Sequence[str]]
    bound: Mapping[str, Binding]
    default: str
    zones: Mapping[str, Zone]
    entered: Tuple[str, ...]


class _Details(NamedTuple):
    host: _Host
    runtime: Optional[fwd_plan.Runtime]
    files: Optional[fwd_plan.Files]


class Firewalld(Backend):
    """A host whose zones firewalld keeps."""

    name = "firewalld"

    def __init__(self, effects: _run.Effects) -> None:
        super().__init__(effects)
        self._bus = Bus(effects)

    def plan(self, request: Request) -> Plan:
        host = self._read()
        enforcing = host.running and bool(host.entered)
        idle = bool(request.rules) and not host.entered
        dormant = not host.running and not host.starts
        skip = bool(request.rules) and (idle or dormant)
        wish = _wish(request, host)
        runtime = fwd_plan.runtime(wish, host.zones, host.claims, self._knows) if host.running and not skip else None
        if runtime is not None and runtime.late and not request.persist:
            raise FirewallError("too many sources for the running firewalld, which learns of sets by a reload; use persist: true")
        files = fwd_plan.files(wish, host.permanent) if request.persist and not skip else None
        changed = bool(runtime and (runtime.changed or _adopts(runtime))) or bool(files and files.changed)
        if changed and host.running:
            self._check_state()
        return Plan(
            changed=changed,
            enforcing=enforcing,
            rules=() if skip else tuple(dict(rule.as_dict(), zones=list(wish.zones)) for rule in request.rules),
            before=_text(host, runtime, files, False),
            after=_text(host, runtime, files, True),
            persisted=request.persist and not skip,
            warnings=tuple(self._warnings(request, wish, host, runtime)),
            notes=tuple(_notes(request, wish, host, runtime, skip)),
            details=_Details(host, runtime, files),
            previous=tuple(_previous(wish, host)),
        )

    # What is there.

    def _read(self) -> _Host:
        running = self._bus.runs()
        permanent = fwd_files.read()
        if not permanent.zones:
            raise FirewallError("firewalld is not installed: no zones in %s or %s" % (fwd_files.LIB, fwd_files.ETC))
        claims = _read_claims() if running else {}
        interfaces = self._interfaces()
        if running:
            bound, default, chosen = self._bus.active_zones(), self._bus.default_zone, []
        else:
            bound, default, chosen = fwd_files.bindings(permanent), permanent.default_zone, fwd_files.chosen_zones()
        entered = list(dict.fromkeys([*fwd_zones.entered(interfaces, bound, default), *chosen]))
        ours = [zone for zone in permanent.zones if permanent.entries(zone) != Entries()]
        names = list(dict.fromkeys([*entered, *ours, *(zone for where in claims.values() for zone in where)]))
        zones: Dict[str, Zone] = {}
        for name in names:
            zone = self._bus.zone(name) if running else fwd_files.zone(permanent, name)
            if zone is not None:
                zones[name] = zone
        filtering = fwd_zones.filtering(entered, zones, interfaces, bound, default)
        starts = running or units.firewalld(self.effects)[1] in _STARTS
        return _Host(running, starts, permanent, claims, interfaces, bound, default, zones, tuple(filtering))

    def _interfaces(self) -> Dict[str, List[str]]:
        ip = _run.find_program("ip")
        return fwd_zones.interfaces_of(self.effects.query([ip, "-oneline", "address"]).stdout) if ip else {}

    def _knows(self, group: Group) -> Optional[Sequence[str]]:
        known = self._bus.service(group.service)
        if known is None or sorted(known[0]) != sorted(group.ports) or sorted(known[1]) != sorted(group.protocols):
            return None
        return self._bus.set_entries(group.set_name) if group.set_name else ()

    def _check_state(self) -> None:
        state = self._bus.state()
        if state != "RUNNING":
            raise FirewallError("firewalld is in state %s; see its log (journalctl -u firewalld) and mend it first" % state)
        if self._bus.panics():
            raise FirewallError("firewalld is in panic mode and drops everything; leave it with firewall-cmd --panic-off")

    # Change.

    def apply(self, plan: Plan) -> None:
        details: _Details = plan.details
        host, runtime, files = details.host, details.runtime, details.files
        changes = files.changes() if files is not None else []
        if host.running and changes:
            changes += _backups(changes)
        changes += fwd_files.leftovers() if changes else []
        with self.effects.staged(changes) as staged:
            if runtime is not None:
                self._check_fresh(runtime)
                self._note(fwd_plan.merged_claims(runtime.claims_before, runtime.claims))
                self._run_time(runtime)
            if files is not None and host.running:
                try:
                    self._for_good(files)
                except (FirewallError, RunError):
                    self._undo(files, changes, runtime)
                    raise
            staged.commit()
        if runtime is not None:
            self._note(runtime.claims)

    def _check_fresh(self, runtime: fwd_plan.Runtime) -> None:
        """The call that changes a zone says all that it holds: what somebody added since it was read would be lost."""
        for name, edit in runtime.edits.items():
            if edit.after != edit.held:
                zone = self._bus.zone(name)
                if zone is None or zone.entries != edit.held:
                    raise StaleError

    def _run_time(self, runtime: fwd_plan.Runtime) -> None:
        try:
            for set_, (_old, members) in runtime.sets.items():
                self._bus.fill_set(set_, members)
            for name, edit in runtime.edits.items():
                if edit.after != edit.held:
                    self._bus.set_zone(name, edit.after)
        except (FirewallError, RunError):
            self._undo_run_time(runtime)
            raise

    def _undo_run_time(self, runtime: fwd_plan.Runtime) -> None:
        for name, edit in runtime.edits.items():
            if edit.after != edit.held:
                with contextlib.suppress(FirewallError, RunError):
                    self._bus.set_zone(name, edit.held)
        for set_, (members, _new) in runtime.sets.items():
            with contextlib.suppress(FirewallError, RunError):
                self._bus.fill_set(set_, members)
        with contextlib.suppress(RunError):
            self._note(runtime.claims_before)

    def _for_good(self, files: fwd_plan.Files) -> None:
        for name, group in files.sets.items():
            if group is not None:
                self._bus.keep_set(name, group, fwd_files.MARK + group.label, name in files.before.sets)
        for name, group in files.groups.items():
            if group is not None:
                self._bus.keep_service(group, fwd_files.MARK + group.label, name in files.before.groups)
        for zone, edit in files.zones.items():
            self._bus.keep_zone(zone, edit.drop, edit.add)
        for kind, gone in (("Service", files.groups), ("IPSet", files.sets)):
            for name, group in gone.items():
                if group is None:
                    self._bus.forget(kind, name)

    def _undo(self, files: fwd_plan.Files, changes: Sequence[FileChange], runtime: Optional[fwd_plan.Runtime]) -> None:
        with contextlib.suppress(FirewallError, RunError):
            self._for_good(fwd_plan.reverse(files))
        old = [FileChange(change.path, text) for change, text in zip(changes, _texts(files, changes))]
        with contextlib.suppress(RunError), self.effects.staged(old) as staged:
            staged.commit()
        if runtime is not None:
            self._undo_run_time(runtime)

    def _note(self, claims: fwd_plan.Claims) -> None:
        text = json.dumps(claims, sort_keys=True, indent=1) + "\n" if claims else None
        if text != _run.read_text(CLAIMS):
            with self.effects.staged([FileChange(CLAIMS, text)]) as staged:
                staged.commit()

    # Judge.

    def cuts(self, plan: Plan, connection: Connection) -> Optional[str]:
        details: _Details = plan.details
        if details.runtime is None or connection.client == connection.server or _address.is_loopback(connection.client):
            return None
        host = details.host
        for zone in fwd_zones.zones_of_connection(connection, host.interfaces, host.bound, host.default):
            edit = details.runtime.edits.get(zone)
            if edit is None or (edit.drop == Entries() and not details.runtime.sets):
                continue
            before = self._effective(edit.held, fwd_model.joined_claims(details.runtime.claims_before, zone))
            members = {name: new for name, (_old, new) in details.runtime.sets.items()}
            after = self._effective(edit.after, fwd_model.joined_claims(details.runtime.claims, zone), members)
            lost = fwd_zones.admits(before, connection) and not fwd_zones.admits(after, connection)
            if lost and not self._others_admit(host.zones[zone], edit, connection):
                return "zone %s of firewalld" % zone
        return None

    def _effective(
        self, held: Entries, claims: Iterable[str], members: Optional[Mapping[str, Sequence[str]]] = None
    ) -> List[Rule]:
        """The rules that the entries of ours in a zone come to at run time; `members` of sets that are to change."""
        ours = fwd_model.own_entries(held, claims)
        rules = fwd_model.stopgap_rules("", ours.rules)
        named = [(name, "") for name in ours.services] + [(fwd_model.own_service(rule) or "", rule) for rule in ours.rules]
        for name, rule in named:
            known = self._bus.service(name) if name else None
            if known is None:
                continue
            sources: Tuple[str, ...] = ()
            kind, value = fwd_model.named_source(rule)
            if kind:
                sources = (
                    (value,) if kind == "address" else tuple((members or {}).get(value) or self._bus.set_entries(value) or ())
                )
                if not sources:
                    continue  # an empty set admits nobody
            rules += fwd_model.rules_of(Group("", name, fwd_model.family_in(name), sources, *known))
        return rules

    def _others_admit(self, zone: Zone, edit: fwd_plan.Edit, connection: Connection) -> bool:
        """Does anything else in the zone admit it? Only what is sure counts."""
        if fwd_zones.opened(zone.ports, zone.protocols, connection.port):
            return True
        if any(fwd_zones.rule_admits(rule, connection) for rule in edit.after.rules):
            return True
        for name in edit.after.services:
            known = self._bus.service(name) if fwd_model.label_in(name) is None else None
            if known is not None and fwd_zones.opened(*known, connection.port):
                return True
        return False

    def _warnings(self, request: Request, wish: fwd_plan.Wish, host: _Host, runtime: Optional[fwd_plan.Runtime]) -> Iterator[str]:
        if request.rules and not host.running and not host.starts:
            yield "firewalld is neither running nor enabled: it filters nothing, and no port was opened"
        elif request.rules and not host.entered:
            yield "every zone by which clients come in accepts all (target ACCEPT); no port needed opening"
        elif request.rules and not host.running and not request.persist:
            yield "firewalld is not running, and with persist: false there is nothing to change"
        for group in runtime.late if runtime else ():
            yield (
                "%d sources are too many for the running firewalld, which learns of a new set only by a reload: they are "
                "admitted after `firewall-cmd --reload`, which also drops what was added at run time alone" % len(group.sources)
            )
        if runtime is not None and request.rules:
            ruleset = _with_rules(observed.of(self), wish.zones, request.rules)
            if ruleset is not None:
                yield from nft_plan.warnings(ruleset, request.rules)


def _adopts(runtime: fwd_plan.Runtime) -> bool:
    """Stopgaps that stand and nobody noted: a run was stopped before it could, or the note was lost."""
    noted = {(zone, rule) for where in runtime.claims_before.values() for zone, rules in where.items() for rule in rules}
    return any((zone, rule) not in noted for where in runtime.claims.values() for zone, rules in where.items() for rule in rules)


def _wish(request: Request, host: _Host) -> fwd_plan.Wish:
    """Where the label is to have its rules: where clients come in, and where it had them as long as the zone is in use."""
    zones = list(host.entered)
    for name, zone in host.zones.items():
        had = fwd_model.of_label(zone.entries, request.label, host.claims.get(request.label, {}).get(name, ()))
        had = had.joined(fwd_model.of_label(host.permanent.entries(name), request.label))
        in_use = name == host.default or name in host.bound
        if had != Entries() and in_use and zone.target != fwd_zones.ACCEPT and name not in zones:
            zones.append(name)
    groups = fwd_model.groups(request.label, request.rules)
    return fwd_plan.Wish(request.label, groups, tuple(zones) if groups else (), request.exclusive)


def _read_claims() -> fwd_plan.Claims:
    text = _run.read_text(CLAIMS)
    try:
        found = json.loads(text) if text else {}
        return {label: {zone: [str(r) for r in rules] for zone, rules in zones.items()} for label, zones in found.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise FirewallError(
            "%s, where port_allow notes what it added to the running firewalld, cannot be read (%s). Remove it and reload "
            "firewalld when that disturbs nobody" % (CLAIMS, error)
        ) from None


def _backups(changes: Sequence[FileChange]) -> List[FileChange]:
    """firewalld keeps the file before it changes one, `.old`; those of our changes are of no use to anybody."""
    return [FileChange(change.path + ".old", _run.read_text(change.path + ".old")) for change in changes]


def _texts(files: fwd_plan.Files, changes: Sequence[FileChange]) -> List[Optional[str]]:
    """What the files held before: as it was read, since firewalld may have written them by now."""
    undone = {change.path: change.text for change in fwd_plan.reverse(files).changes()}
    return [undone.get(change.path, change.text) for change in changes]


def _text(host: _Host, runtime: Optional[fwd_plan.Runtime], files: Optional[fwd_plan.Files], after: bool) -> str:
    lines = runtime.lines(after) if runtime else []
    shown = files or fwd_plan.Files(host.permanent, {}, {}, {})
    return "".join(line + "\n" for line in lines + shown.lines(after and files is not None))


def _notes(request: Request, wish: fwd_plan.Wish, host: _Host, runtime: Optional[fwd_plan.Runtime], skip: bool) -> Iterator[str]:
    if request.rules and not skip and not host.running:
        yield "firewalld is not running: the rules are in its permanent configuration and serve when it starts"
    if runtime is not None and runtime.claims.get(wish.label) and request.persist:
        count = max(len(rules) for rules in runtime.claims[wish.label].values())
        if count > _MANY:
            yield (
                "the running firewalld serves %d rich rules until its next reload, and one service and ipset from then on: it "
                "learns of new ones only by a reload, which would drop what others have added at run time" % count
            )


def _previous(wish: fwd_plan.Wish, host: _Host) -> Iterator[Tuple[str, Tuple[Rule, ...]]]:
    for label in fwd_plan.labels(wish, host.permanent, host.claims):
        kept = [rule for group in fwd_files.groups_of(host.permanent, label) for rule in fwd_model.rules_of(group)]
        noted = [
            rule
            for zone, rules in host.claims.get(label, {}).items()
            for rule in rules
            if zone in host.zones and rule in host.zones[zone].entries.rules
        ]
        yield label, tuple(kept or fwd_model.stopgap_rules(label, dict.fromkeys(noted)))


def _with_rules(ruleset: Ruleset, zones: Sequence[str], rules: Sequence[Rule]) -> Optional[Ruleset]:
    """The ruleset with the rules where firewalld puts those of a service; None where a zone's chains are not found."""
    changed: Dict[ChainKey, List[NftRule]] = dict(ruleset.rules)
    for zone in zones:
        keys: List[ChainKey] = [("inet", "firewalld", "filter_IN_%s_allow" % zone)]
        if keys[0] not in changed:
            keys = [(family, "filter", "IN_%s_allow" % zone) for family in ("ip", "ip6")]
        if not all(key in changed for key in keys):
            return None
        for key in keys:
            projected = [found for found in (nft_ruleset.project(rule, key[0]) for rule in rules) if found is not None]
            added = [NftRule(key, None, MARK + rule.label, nft_ruleset.expression(rule, key[0])) for rule in projected]
            changed[key] = added + list(changed[key])
    return ruleset._replace(rules=changed)
