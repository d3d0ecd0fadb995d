# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ufw, by its own files and chains.

A call of `ufw` takes 0.2 s and changes one rule; it writes its files in place, and goes through the chains rule by rule. So
it is not called. The rules go into the files in its own format, and it takes them for its own: `ufw status`, `ufw delete`
and `ufw app update` work. The running chains get the difference by one `iptables-restore --noflush` for each family, which
the kernel takes whole or not at all. `ufw reload` would come to the same rules, but it flushes all chains of ufw, sets the
policies anew, and takes with it what others put into its chains.

The order: all files are written and safe on the disk beside those that they replace; then the chains change; then the files
take their places, the profiles before the rules that name them, and profiles that are no more needed go last. Killed in
between, the running host or the next boot, and one family or the other, has the old rules or the new. The next run
compares chains, rules and profiles, each with what they are to be, and repairs what is left.

New rules are appended, as `ufw allow` does it: a rule of the operator that refuses the same packets stays in force and is
told as a warning. Rules that replace older ones of the label come to where those stood.

While it reads and while it writes, ufw's own lock keeps `ufw` commands out.
"""

from __future__ import annotations

import fcntl
import os
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import (
    answers,
    nft_plan,
    nft_ruleset,
    observed,
    ufw_chains,
    ufw_files,
    ufw_rules,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend, Plan, Request, StaleError, unchanged
from ansible_collections.netports.core.plugins.module_utils._firewall.model import (
    BOTH,
    Connection,
    FirewallError,
    Rule,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import LEGACY, Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.ufw_chains import FamilyEdit, Own
from ansible_collections.netports.core.plugins.module_utils._firewall.ufw_files import Block, Settings
from ansible_collections.netports.core.plugins.module_utils._firewall.ufw_rules import Entry, Layout
from ansible_collections.netports.core.plugins.module_utils._run import FileChange, RunError

LOCK = "/run/ufw.lock"
_XTABLES_SECONDS = "60"
_FAMILIES = (IPV4, IPV6)
_PROGRAMS = {IPV4: "iptables", IPV6: "ip6tables"}


class _State(NamedTuple):
    """What is there. `files` are the texts by path, None where there is none; `table` is None when ufw is not running."""

    settings: Settings
    files: Mapping[str, Optional[str]]
    stored: Mapping[str, Sequence[Block]]
    ruleset: Ruleset
    table: Optional[str]

    @property
    def families(self) -> Tuple[str, ...]:
        """Those that ufw admits anything of."""
        return _FAMILIES if self.settings.ipv6 else (IPV4,)

    def rules_file(self, paths: Mapping[str, str], family: str) -> str:
        """Raises FirewallError when it is not there."""
        text = self.files[paths[family]]
        if text is None:
            raise FirewallError("%s is not there; put the file of the package ufw back" % paths[family])
        return text


class _Details(NamedTuple):
    state: _State
    edits: Tuple[FamilyEdit, ...]
    changes: Tuple[FileChange, ...]
    after: Ruleset


class Ufw(Backend):
    """ufw where it is switched on; it is never switched on here."""

    name = "ufw"

    def plan(self, request: Request) -> Plan:
        with self.effects.lock(LOCK, fcntl.lockf):
            state = self._read(request)
        if request.rules and (state.table is None or not state.settings.enabled):
            return _idle(state)
        layout = ufw_rules.layout(request.label, request.rules, state.families)
        edits = tuple(_family_edits(state, request, layout))
        changes = tuple(_file_changes(state, request, layout)) if request.persist else ()
        rules = [rule for rule in (_effective(rule, state.families) for rule in request.rules) if rule is not None]
        after = ufw_chains.after(state.ruleset, edits, rules)
        after_files = dict(state.files, **{change.path: change.text for change in changes})
        return Plan(
            changed=bool(changes) or any(edit.changes for edit in edits),
            enforcing=state.table is not None,
            rules=tuple(_described(rule, state.table or "") for rule in rules),
            before=_text(ufw_chains.lines(edits, False) + _file_lines(state.files, request)),
            after=_text(ufw_chains.lines(edits, True) + _file_lines(after_files, request)),
            persisted=request.persist,
            warnings=tuple(nft_plan.warnings(after, rules)) + tuple(_family_warnings(state, request)),
            notes=tuple(_notes(state, request)),
            details=_Details(state, edits, changes, after),
            previous=tuple(_previous(state, request, edits)),
        )

    def apply(self, plan: Plan) -> None:
        details: _Details = plan.details
        with self.effects.lock(LOCK, fcntl.lockf):
            for path, text in details.state.files.items():
                if _run.read_text(path) != text:
                    raise StaleError
            with self.effects.staged(details.changes) as staged:
                done: List[FamilyEdit] = []
                try:
                    for edit in details.edits:
                        if edit.changes:
                            self._restore(edit, edit.script(), details.state)
                            done.append(edit)
                    staged.commit()
                except (FirewallError, RunError, StaleError):
                    for edit in reversed(done):
                        self._restore(edit, edit.inverse(), details.state)
                    raise

    def cuts(self, plan: Plan, connection: Connection) -> Optional[str]:
        details: _Details = plan.details
        return answers.cut(details.state.ruleset, details.after, connection)

    def _read(self, request: Request) -> _State:
        defaults, conf = _run.read_text(ufw_files.DEFAULTS), _run.read_text(ufw_files.CONF)
        if defaults is None or conf is None:
            missing = ufw_files.CONF if conf is None else ufw_files.DEFAULTS
            raise FirewallError("%s is not there: ufw is not installed, or not as the distributions have it" % missing)
        paths = [*ufw_files.USER.values(), *ufw_files.AFTER.values(), *_profile_files(request)]
        files = {path: _run.read_text(path) for path in paths}
        stored = {family: ufw_files.blocks(files[path] or "", family) for family, path in ufw_files.USER.items()}
        ruleset = observed.of(self)
        return _State(ufw_files.settings(defaults, conf), files, stored, ruleset, ufw_chains.table(ruleset))

    def _restore(self, edit: FamilyEdit, script: str, state: _State) -> None:
        program = _restore_program(edit.family, state)
        answer = self.effects.change([program, "--noflush", "-w", _XTABLES_SECONDS], script)
        if answer.rc != 0:
            if ufw_chains.shape(observed.read(self.effects), edit.family) != ufw_chains.shape(state.ruleset, edit.family):
                raise StaleError
            said = (answer.stderr.strip().splitlines() or ["no reason given"])[0]
            raise FirewallError("%s refused the rules, nothing was changed: %s" % (os.path.basename(program), said))


def _restore_program(family: str, state: _State) -> str:
    """Of the flavour that loaded the rules of ufw."""
    flavour = "legacy" if (state.table or "").startswith(LEGACY) else "nft"
    names = ("%s-%s-restore" % (_PROGRAMS[family], flavour), "%s-restore" % _PROGRAMS[family])
    for name in names:
        program = _run.find_program(name)
        if program is not None:
            return program
    raise FirewallError("%s is not installed (package iptables)" % names[1])


def _profile_files(request: Request) -> List[str]:
    """The files with profiles that the request may change. Raises RunError."""
    own = ufw_files.profile_path(request.label)
    try:
        names = os.listdir(ufw_files.PROFILES) if request.exclusive else []
    except OSError as error:
        raise RunError("cannot list %s: %s" % (ufw_files.PROFILES, error.strerror)) from None
    found = ["%s/%s" % (ufw_files.PROFILES, name) for name in names if name.startswith(ufw_rules.PREFIX)]
    return sorted({own, *found})


def _idle(state: _State) -> Plan:
    if state.settings.enabled:
        said = "ufw is switched on (%s), but its rules are not loaded, and nothing was opened. Start it: systemctl start ufw"
    else:
        said = "ufw is switched off (%s), and nothing was opened. Open the ports when it is on: ufw enable"
    return unchanged(said % ufw_files.CONF, _Details(state, (), (), state.ruleset))


def _theirs(state: _State, family: str) -> List[Entry]:
    """What others made of profiles of ours: rules without our mark."""
    return [block.read.entry for block in state.stored[family] if block.read.label is None and block.read.entry is not None]


def _labels(state: _State, request: Request) -> Dict[str, str]:
    """By first profile, the labels whose whole name is known."""
    found = {ufw_rules.profile_base(request.label): request.label}
    for family in _FAMILIES:
        for block in state.stored[family]:
            if block.read.label is not None:
                found[ufw_rules.profile_base(block.read.label)] = block.read.label
    return found


def _family_edits(state: _State, request: Request, layout: Layout) -> Iterator[FamilyEdit]:
    labels = _labels(state, request)
    for family in _FAMILIES if state.table else ():
        edits = []
        theirs = _theirs(state, family)
        for key in ufw_chains.keys(state.table or "", family, state.ruleset):
            own = ufw_chains.own_rules(state.ruleset, key, family, labels, theirs)
            wanted = [entry for entry in layout.entries[family] if ufw_rules.chain_of(entry, family) == key[2]]
            edits.append(ufw_chains.edit(key, own, request.label, wanted, request.exclusive))
        yield FamilyEdit(family, request.label, tuple(edits))


def _file_changes(state: _State, request: Request, layout: Layout) -> Iterator[FileChange]:
    """In the order in which they take their places."""
    own_path = ufw_files.profile_path(request.label)
    profiles = ufw_files.profile_text(request.label, layout.profiles)
    old = state.files[own_path]
    if old is not None and not ufw_files.is_ours(old):
        raise FirewallError("%s is there and was not written by port_allow. Rename it, or choose another label" % own_path)
    if profiles is not None and profiles != old:
        yield FileChange(own_path, profiles)
    for family in _FAMILIES:
        ports = [entry for entry in layout.entries[family] if entry.protocol != "ip"]
        protocols = [entry for entry in layout.entries[family] if entry.protocol == "ip"]
        for paths, entries, write in (
            (ufw_files.USER, ports, ufw_files.with_rules),
            (ufw_files.AFTER, protocols, ufw_files.with_protocols),
        ):
            if not entries and state.files[paths[family]] is None:
                continue
            text = state.rules_file(paths, family)
            new = write(text, family, request.label, entries, request.exclusive)
            if new != text:
                yield FileChange(paths[family], new)
    for path in sorted(state.files):
        text_there = state.files[path] or ""
        is_profile = path.startswith(ufw_files.PROFILES) and ufw_files.is_ours(text_there)
        if is_profile and (profiles is None if path == own_path else request.exclusive):
            yield FileChange(path, None)


def _effective(rule: Rule, families: Sequence[str]) -> Optional[Rule]:
    """The rule for the families that ufw admits."""
    left = [family for family in rule.families if family in families]
    if not left:
        return None
    return rule._replace(family=left[0]) if rule.family == BOTH and len(left) == 1 else rule


def _described(rule: Rule, table: str) -> Dict[str, Any]:
    place = 1 if rule.protocol == "ip" else 0
    names = {IPV4: "ip", IPV6: "ip6"}
    chains = [nft_ruleset.chain_text((names[family], table, ufw_rules.chains(family)[place])) for family in rule.families]
    return dict(rule.as_dict(), chains=chains)


def _family_warnings(state: _State, request: Request) -> Iterator[str]:
    if not state.settings.ipv6 and any(rule.family == IPV6 for rule in request.rules):
        yield "not opened for IPv6: IPV6=no in %s, with which ufw admits no IPv6 from other hosts" % ufw_files.DEFAULTS
    loaded = state.table is None or bool(ufw_chains.keys(state.table, IPV6, state.ruleset))
    if state.settings.ipv6 and not loaded and any(IPV6 in rule.families for rule in request.rules):
        yield "the rules of ufw for IPv6 are not loaded. Look at the output of `ufw reload`"


def _notes(state: _State, request: Request) -> Iterator[str]:
    if not request.rules:
        return
    if state.settings.admits:
        yield "ufw admits what no rule refuses: DEFAULT_INPUT_POLICY is ACCEPT in %s" % ufw_files.DEFAULTS
    if not state.settings.ipv6 and any(rule.family == BOTH for rule in request.rules):
        yield "opened for IPv4 alone: IPV6=no in %s, with which ufw admits no IPv6 from other hosts" % ufw_files.DEFAULTS
    if any(rule.protocol == "ip" for rule in request.rules):
        files = " and ".join(ufw_files.AFTER[family] for family in state.families)
        yield "`ufw status` does not show rules for IP protocols by number; they are in %s" % files
    if not request.persist:
        yield "rules that are not persistent are gone after `ufw reload`, and `ufw status` does not show them"


def _previous(state: _State, request: Request, edits: Sequence[FamilyEdit]) -> Iterator[Tuple[str, Tuple[Rule, ...]]]:
    """Of the running rules where ufw runs, else of the files."""
    had: Dict[str, Dict[str, List[Entry]]] = {request.label: {}}
    for label, family, entry in _running(edits) if state.table else _stored(state, request):
        found = had.setdefault(label, {}).setdefault(family, [])
        found.extend([entry] if entry not in found else [])
    for label, entries in had.items():
        yield label, ufw_rules.rules_of(label, entries)


def _running(edits: Sequence[FamilyEdit]) -> Iterator[Tuple[str, str, Entry]]:
    owns: Iterable[Tuple[str, Own]]
    owns = ((edit.family, own) for edit in edits for chain in edit.chains for own in chain.kept + chain.delete)
    return ((own.label, family, own.entry) for family, own in owns if own.entry is not None)


def _stored(state: _State, request: Request) -> Iterator[Tuple[str, str, Entry]]:
    for family in _FAMILIES:
        for block in state.stored[family]:
            label, entry = block.read
            if label is not None and entry is not None and (request.exclusive or label == request.label):
                yield label, family, entry


def _file_lines(files: Mapping[str, Optional[str]], request: Request) -> List[str]:
    """What the labels that the request is about have in the files, for people."""
    if not request.persist:
        return []
    result: List[str] = []
    for path in sorted(files):
        text = files[path]
        if text is None:
            continue
        if path.startswith(ufw_files.PROFILES):
            found = text.splitlines() if ufw_files.is_ours(text) else []
        else:
            found = list(_marked_lines(path, text, request))
        result += ["%s: %s" % (path, line) for line in found if line]
    return result


def _marked_lines(path: str, text: str, request: Request) -> Iterator[str]:
    for family in _FAMILIES:
        if path == ufw_files.USER[family]:
            for block in ufw_files.blocks(text, family):
                label, entry = block.read
                if label is not None and (request.exclusive or label == request.label):
                    yield entry.text(family) if entry else block.line
        elif path == ufw_files.AFTER[family]:
            for label, (start, end) in ufw_files.protocol_blocks(text, path).items():
                if request.exclusive or label == request.label:
                    yield from text.splitlines()[start:end]


def _text(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in lines)
