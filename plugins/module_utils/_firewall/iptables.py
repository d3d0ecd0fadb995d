# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""iptables in either flavour: rules by one `iptables-restore --noflush` a family, sources by ipset where it is there.

A run changes up to two families, and each of them is one transaction of its own: the kernel has none over both (the old
iptables replaces a table of one family at once, and iptables-nft sends what one command read). A run that is killed
between the two leaves each family with the old rules or with the new ones, never with a part, and the next run makes
them agree. The same holds for a second table, such as mangle, where the operator drops there too.
"""

from __future__ import annotations

import os
from typing import Any, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import (
    answers,
    intervals,
    ipt_persist,
    ipt_plan,
    observed,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend, FilesPlan, Plan, Request, StaleError
from ansible_collections.netports.core.plugins.module_utils._firewall.ipt_plan import FAMILY_OF, PROGRAMS, Edits, TableEdits
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Connection, FirewallError, Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import LEGACY, Ruleset, in_xtables
from ansible_collections.netports.core.plugins.module_utils._run import Answer, Effects

# For how long to wait for another program that holds the lock of iptables, in seconds.
_WAIT = "60"
_TRIES = 5
_LOCKED = 4  # what iptables ends with when that was not long enough


class _Transaction(NamedTuple):
    """One call of a restore program, and the input that takes it back."""

    program: str
    text: str
    undo: str


class _Details(NamedTuple):
    ruleset: Ruleset
    edits: Edits
    transactions: Tuple[_Transaction, ...]
    new_sets: Tuple[Rule, ...]
    old_sets: Tuple[str, ...]
    files: FilesPlan


class Iptables(Backend):
    """The chain INPUT of iptables and ip6tables, where the operator's own rules filter."""

    name = "iptables"

    def __init__(self, effects: Effects) -> None:
        super().__init__(effects)
        self._default: Optional[str] = None

    def plan(self, request: Request) -> Plan:
        ruleset = observed.of(self)
        if request.rules:
            _check_one_flavour(ruleset)
        sets, why_none = self._can_use_sets(request.rules)
        edits = ipt_plan.plan(ruleset, request.label, request.rules, request.exclusive, sets)
        transactions = self._transactions(ruleset, edits)
        idle = bool(request.rules) and not edits.enforcing
        files = FilesPlan((), (), ())
        if request.persist and not idle:
            files = ipt_persist.plan(self.effects, request, edits)
        after = ipt_plan.after(ruleset, edits)
        details = _Details(ruleset, edits, transactions, *_sets(ruleset, edits, after), files)
        return Plan(
            changed=bool(edits.tables or files.changes),
            enforcing=edits.enforcing,
            rules=tuple(ipt_plan.described(request.label, edits.placed)),
            before=_text(ipt_plan.lines(ruleset), files.before),
            after=_text(ipt_plan.lines(after), files.after),
            persisted=request.persist and not idle,
            warnings=edits.warnings + files.warnings,
            notes=edits.notes + files.notes + ((why_none,) if why_none and not idle else ()),
            details=details,
            previous=tuple(ipt_plan.previous(ruleset, request.label, request.exclusive)),
        )

    def _can_use_sets(self, rules: Sequence[Rule]) -> Tuple[bool, str]:
        """Are sets of ipset to be had here? Where they would help and are not, also why."""
        if not any(ipt_plan.wants_set(rule) for rule in rules):
            return False, ""
        program = _run.find_program("ipset")
        if program is None:
            return False, "ipset is not installed: one rule of iptables for every source"
        answer = self.effects.query([program, "-n", "list"])
        if answer.rc != 0:
            return False, "ipset does not work here (%s): one rule of iptables for every source" % ipt_persist.first_error(answer)
        return True, ""

    def _transactions(self, ruleset: Ruleset, edits: Edits) -> Tuple[_Transaction, ...]:
        by_program: Dict[str, List[TableEdits]] = {}
        for table in edits.tables:
            by_program.setdefault(self._restore_program(table.key[0], table.key[1].startswith(LEGACY)), []).append(table)
        return tuple(
            _Transaction(program, _input(line for table in tables for line in table.script()), _undo(ruleset, tables))
            for program, tables in by_program.items()
        )

    def _restore_program(self, family: str, legacy: bool) -> str:
        name = PROGRAMS[family]
        flavour = observed.LEGACY_FLAVOUR if legacy else observed.NFT_FLAVOUR
        program = _run.find_program("%s-%s-restore" % (name, flavour))
        if program is None and self._default_flavour() == flavour:
            program = _run.find_program("%s-restore" % name)
        if program is None:
            raise FirewallError(
                "the rules to change are those of %s (%s flavour), and %s-%s-restore is not installed (package iptables)"
                % (name, flavour, name, flavour)
            )
        return program

    def _default_flavour(self) -> str:
        """The flavour of `iptables-restore`; by the file that it is where that tells."""
        if self._default is None:
            program = _run.find_program("iptables-restore")
            binary = os.path.basename(os.path.realpath(program)) if program else ""
            if "nft" not in binary and "legacy" not in binary and program:
                binary = self.effects.query([program, "-V"]).stdout
            self._default = observed.NFT_FLAVOUR if "nf" in binary else observed.LEGACY_FLAVOUR
        return self._default

    def apply(self, plan: Plan) -> None:
        details: _Details = plan.details
        with self.effects.staged(details.files.changes) as staged:
            self._make_sets(details.new_sets)
            try:
                self._carry_out(details)
            except (FirewallError, StaleError):
                self._destroy_sets([ipt_plan.set_name(rule) for rule in details.new_sets])
                raise
            staged.commit()
        self._destroy_sets(details.old_sets)
        self._mend(details.edits.tables)

    def _destroy_sets(self, names: Sequence[str]) -> None:
        for name in names:
            # One that cannot be destroyed is in use by a rule, and harmless.
            self.effects.change([_run.find_program("ipset") or "ipset", "destroy", name])

    def _make_sets(self, rules: Sequence[Rule]) -> None:
        """Sets under their final names, each whole before a rule can ask it."""
        if not rules:
            return
        program = _run.find_program("ipset") or "ipset"
        listed = self.effects.query([program, "-n", "list"])
        lines = [line for rule in rules for line in _set_commands(rule, frozenset(listed.stdout.split()))]
        answer = self.effects.change([program, "restore"], _input(lines))
        if answer.rc != 0:
            raise FirewallError("ipset refused the sources, nothing was changed: %s" % ipt_persist.first_error(answer))

    def _carry_out(self, details: _Details) -> None:
        done: List[_Transaction] = []
        for transaction in details.transactions:
            answer = self.effects.change([transaction.program, "--noflush", "--wait", _WAIT], transaction.text)
            if answer.rc == 0:
                done.append(transaction)
                continue
            stale = _shape(observed.read(self.effects)) != _shape(details.ruleset) if not done else False
            for other in reversed(done):
                self._undo(other)
            if stale:
                raise StaleError
            raise FirewallError("%s, nothing was changed" % _why(transaction.program, answer))

    def _undo(self, transaction: _Transaction) -> None:
        answer = self.effects.change([transaction.program, "--noflush", "--wait", _WAIT], transaction.undo)
        if answer.rc != 0:
            raise FirewallError(
                "the other family's rules were refused, and those of %s could not be taken back: %s. Run the task again"
                % (transaction.program, ipt_persist.first_error(answer))
            )

    def _mend(self, tables: Sequence[TableEdits]) -> None:
        """Somebody may have moved the rules of INPUT since they were read: put our jump where it has to be."""
        moved = [table for table in tables if table.jump]
        if self.effects.check_mode or not moved:
            return
        for _try in range(_TRIES):
            ruleset = observed.read(self.effects)
            mending = [edits for edits in (ipt_plan.mending(ruleset, table) for table in moved) if edits is not None]
            if not mending:
                return
            for table in mending:
                program = self._restore_program(table.key[0], table.key[1].startswith(LEGACY))
                self.effects.change([program, "--noflush", "--wait", _WAIT], _input(table.script()))
        raise FirewallError(
            "another program keeps changing the chain INPUT: the rules are there, and it drops before them. Run again"
        )

    def cuts(self, plan: Plan, connection: Connection) -> Optional[str]:
        details: _Details = plan.details
        return answers.cut(details.ruleset, ipt_plan.after(details.ruleset, details.edits), connection)


def _check_one_flavour(ruleset: Ruleset) -> None:
    if len(observed.flavours(ruleset)) > 1:
        raise FirewallError(
            "rules of both flavours of iptables filter on this host, iptables-legacy and iptables-nft, and a packet has to pass "
            "both. Move all rules to one (iptables-legacy-save shows the old ones), and empty the other"
        )


def _sets(ruleset: Ruleset, edits: Edits, after: Ruleset) -> Tuple[Tuple[Rule, ...], Tuple[str, ...]]:
    """Those to make, as a rule that has such sources, and the names of those that no rule of ours asks any longer."""
    new = {line.set_name: line.rule for table in edits.tables for line in table.add if line.set_name}
    old = ipt_plan.set_names(ruleset) - ipt_plan.set_names(after) - new.keys()
    return tuple(new.values()), tuple(sorted(old))


def _input(lines: Any) -> str:
    return "".join(line + "\n" for line in lines)


def _text(running: Sequence[str], saved: Sequence[str]) -> str:
    return _input([*running, *saved])


def _shape(ruleset: Ruleset) -> Dict[Any, Any]:
    """Which rules of iptables there are, without what packets change in them."""
    return {key: [(r.handle, r.line) for r in rules] for key, rules in ruleset.rules.items() if in_xtables(key)}


def _undo(ruleset: Ruleset, tables: Sequence[TableEdits]) -> str:
    return _input(line for table in tables for line in ipt_plan.undo_script(ruleset, table))


def _set_commands(rule: Rule, existing: FrozenSet[str]) -> Iterator[str]:
    """Fill a set under another name, then give it the name at once."""
    name, temporary = ipt_plan.set_name(rule), ipt_plan.set_name(rule) + "-t"
    networks = [part for source in rule.sources for part in intervals.blocks(source, rule.family)]
    if temporary in existing:  # a run that was killed left it
        yield "destroy %s" % temporary
    family = "inet" if rule.family == FAMILY_OF["ip"] else "inet6"
    yield "create %s hash:net family %s maxelem %d" % (temporary, family, max(len(networks), 65536))
    for network in networks:
        yield "add %s %s" % (temporary, intervals.network_text(network, rule.family))
    if name in existing:  # somebody changed what is in it
        yield "swap %s %s" % (temporary, name)
        yield "destroy %s" % temporary
    else:
        yield "rename %s %s" % (temporary, name)


def _why(program: str, answer: Answer) -> str:
    said = ipt_persist.first_error(answer)
    name = os.path.basename(program)
    if answer.rc == _LOCKED and "lock" in said:
        return "another program has held the lock of iptables for %s s (%s)" % (_WAIT, said)
    if "ermission" in said or "must be root" in said:
        return "%s. Run the task with become: true" % said
    return "%s refused the rules: %s" % (name, said)
