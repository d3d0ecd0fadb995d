# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cumulus Linux by a policy file of our own and `cl-acltool -i`, which brings it to the kernel and the hardware.

The order of a change: the new set of files is rehearsed where cl-acltool can do that, the file is put in place, and then
installed. Killed in between, the kernel has the old rules and the next boot the new ones; the next run sees that and
installs them. Where NVUE owns the rules for the control plane, nothing is opened here: the plan has its commands.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import (
    answers,
    cl_own,
    cl_policy,
    cl_release,
    cl_switch,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend, Plan, Request, unchanged
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_own import Entry
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_switch import Needs, Switch
from ansible_collections.netports.core.plugins.module_utils._firewall.model import (
    NOTHING_FILTERS,
    Connection,
    FirewallError,
    Rule,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Ruleset
from ansible_collections.netports.core.plugins.module_utils._run import Answer, Effects, FileChange, RunError

# Where a set of files stands that is rehearsed, or installed and not kept.
_STAGE = "/run/netports-acl"
# From so many entries on, it is worth a word what they take of the hardware's tables; the smallest has room for 250 to 500.
_MANY = 100
_PROGRAMS = {"ipv4": "iptables", "ipv6": "ip6tables"}

Labels = Dict[str, Tuple[Entry, ...]]


class _Details(NamedTuple):
    switch: Switch
    after: Ruleset
    running: Labels  # as they are to be in the kernel
    change: Tuple[FileChange, ...]
    install: bool
    kept: bool  # the kernel is to have what the files have


class CumulusAcl(Backend):
    """Cumulus Linux without NVUE, or before NVUE owned the rules for the control plane (5.9)."""

    name = "cumulus_acl"

    def plan(self, request: Request) -> Plan:
        switch = cl_switch.read(self.effects)
        needs = Needs(switch, switch.policy(), cl_policy.OWN_FILE)
        had, saved = cl_switch.running(switch.inputs), _own_file(switch)
        if request.rules and not needs.enforcing(request.rules):
            return unchanged(NOTHING_FILTERS)
        rules = tuple(needs.split(request.rules, cl_own.rules_of(_both(had, saved, request.label))))
        entries = cl_own.merged(entry for rule in rules for entry in _entries(rule, needs))
        if _is_for_nvue(had, saved, request, entries) and cl_release.nvue_in_charge(self.effects):
            return _left_to_nvue(self.effects, request)
        kept = _with(saved, request, entries) if request.persist else saved
        runs = _with({**saved, **had}, request, entries)
        details = _details(switch, had, saved, kept, runs)
        plan = Plan(
            changed=bool(details.change or details.install),
            enforcing=True if request.rules else needs.enforcing(()),
            rules=tuple(rule.as_dict() for rule in rules),
            before=_text(had, saved),
            after=_text(runs if details.install else had, kept),
            persisted=request.persist,
            warnings=cl_switch.warnings(switch, details.after, rules),
            notes=_notes(entries),
            details=details,
            previous=tuple(_previous(had, saved, request)),
        )
        if plan.changed:
            self._tool()
            _check(switch, needs)
        return plan

    def apply(self, plan: Plan) -> None:
        details: _Details = plan.details
        text = cl_own.render(details.running)
        with self.effects.staged(details.change) as staged, _staged_policy(self.effects, details.switch, text) as stage:
            if details.install and self._can_rehearse():
                answer = self.effects.change([self._tool(), "-n", "-i", "-P", stage])
                if _failed(answer):
                    raise FirewallError("cl-acltool would not take the rules, nothing was changed: %s" % _said(answer))
            staged.commit()
            if details.install:
                answer = self._install([] if details.kept else ["-P", stage])
                if _failed(answer) or not self._is_installed(details):
                    self._take_back(details, answer)

    def _tool(self) -> str:
        # A shell that is no login shell does not look where Cumulus has it.
        program = _run.find_program("cl-acltool") or _run.find_program("/usr/cumulus/bin/cl-acltool")
        if program is None:
            raise FirewallError("the command cl-acltool is not here; Cumulus Linux brings it in /usr/cumulus/bin")
        return program

    def _install(self, options: Sequence[str]) -> Answer:
        """One that does not end, or cannot be started, has failed."""
        try:
            return self.effects.change([self._tool(), "-i", *options])
        except RunError as error:
            return Answer(1, "", str(error))

    def _can_rehearse(self) -> bool:
        return "--dry-run" in self.effects.query([self._tool(), "-h"]).stdout

    def _is_installed(self, details: _Details) -> bool:
        """Its exit status is not enough: what counts is in the kernel."""
        if self.effects.check_mode:
            return True
        return cl_switch.running(cl_switch.read_inputs(self.effects, details.switch.legacy)) == details.running

    def _take_back(self, details: _Details, answer: Answer) -> None:
        """Raises FirewallError in any case, with what is so now."""
        said = _said(answer) if _failed(answer) else "the rules are not in the kernel after it"
        if details.change:
            with self.effects.staged([FileChange(cl_policy.OWN_FILE, details.switch.own_text)]) as staged:
                staged.commit()
        with _staged_policy(self.effects, details.switch, cl_own.render(cl_switch.running(details.switch.inputs))) as stage:
            again = self._install(["-P", stage])
        if _failed(again):
            then = "installing them again failed too: %s. Look at `cl-acltool -L all`" % _said(again)
        else:
            then = "the rules were installed as before"
        raise FirewallError("cl-acltool -i failed: %s. The files are as they were, and %s" % (said, then))

    def cuts(self, plan: Plan, connection: Connection) -> Optional[str]:
        details: _Details = plan.details
        return answers.cut(details.switch.kernel, details.after, connection)


def _own_file(switch: Switch) -> Labels:
    """What our file has, by label. Raises FirewallError for what somebody else wrote to it."""
    lines = list(cl_policy.lines(cl_policy.PolicyFile(cl_policy.OWN_FILE, switch.own_text or "")))
    rules = [cl_policy.rule_of(line, cl_policy.input_key(line.family, switch.legacy), 0) for line in lines]
    found, others = cl_own.read(rules)
    if others:
        raise FirewallError(
            "%s has a rule that is not of this collection: %s. Move it to a file of its own, as this one is written anew"
            % (cl_policy.OWN_FILE, others[0].line)
        )
    return found


def _both(had: Labels, saved: Labels, label: str) -> Tuple[Entry, ...]:
    """What the label has in the kernel and in the file."""
    return tuple(entry for entry in had.get(label, ()) if entry in saved.get(label, ()))


def _entries(rule: Rule, needs: Needs) -> Iterator[Entry]:
    for family in rule.families:
        yield from cl_own.entries_of(rule._replace(family=family), needs.devices(family))


def _with(labels: Labels, request: Request, entries: Tuple[Entry, ...]) -> Labels:
    result = {} if request.exclusive else dict(labels)
    result.pop(request.label, None)
    if entries:
        result[request.label] = entries
    return result


def _details(switch: Switch, had: Labels, saved: Labels, kept: Labels, runs: Labels) -> _Details:
    change = [FileChange(cl_policy.OWN_FILE, cl_own.render(kept) or None)] if kept != saved else []
    installed = cl_policy.installed(switch.kernel, switch.with_file(cl_policy.OWN_FILE, cl_own.render(runs)), switch.legacy)
    return _Details(
        switch=switch,
        after=installed if runs != had else switch.kernel,
        running=runs,
        change=tuple(change),
        install=runs != had,
        kept=runs == kept,
    )


def _is_for_nvue(had: Labels, saved: Labels, request: Request, entries: Tuple[Entry, ...]) -> bool:
    """Would NVUE, where it is in charge, have to do it? What is in our own file is taken away there."""
    if entries:
        return not set(entries) <= set(_both(had, saved, request.label))
    return request.label not in had and request.label not in saved


def _left_to_nvue(effects: Effects, request: Request) -> Plan:
    """What NVUE would have to be told; nothing is changed."""
    from ansible_collections.netports.core.plugins.module_utils._firewall.cumulus_nvue import CumulusNvue

    plan = CumulusNvue(effects).plan(request)
    if not plan.commands:
        return plan._replace(changed=False)
    warning = (
        "NVUE writes the access lists of this switch, and nothing was changed: run the %d commands of `commands`, "
        "or this task with backend: cumulus_nvue" % len(plan.commands)
    )
    return plan._replace(
        changed=False, rules=(), after=plan.before, persisted=False, warnings=(warning,), previous=(), details=None
    )


def _check(switch: Switch, needs: Needs) -> None:
    """Raises FirewallError where installing the files would not do what it should."""
    if not cl_policy.is_included(switch.patterns, cl_policy.OWN_FILE):
        raise FirewallError(
            "%s does not include %s, so that its rules would not be installed. Add the line: include %s/*.rules"
            % (cl_policy.CONFIGURATION, cl_policy.OWN_FILE, os.path.dirname(cl_policy.OWN_FILE))
        )
    if needs.lost:
        raise FirewallError(
            "the kernel has a rule that no policy file has, and cl-acltool -i would take it away: %s. "
            "Put it into a file under %s, or remove it" % (needs.lost[0].line, os.path.dirname(cl_policy.OWN_FILE))
        )


def _notes(entries: Sequence[Entry]) -> Tuple[str, ...]:
    size = sum(entry.size for entry in entries)
    return ("the rules take %d entries of the hardware's tables for access lists" % size,) if size > _MANY else ()


def _previous(had: Labels, saved: Labels, request: Request) -> Iterator[Tuple[str, Tuple[Rule, ...]]]:
    labels = {*had, *saved, request.label} if request.exclusive else {request.label}
    for label in sorted(labels):
        yield label, cl_own.rules_of(had.get(label, ()))


def _text(running: Labels, saved: Labels) -> str:
    parts = [("kernel", running), (cl_policy.OWN_FILE, saved)]
    entries = [(where, entry) for where, labels in parts for label in sorted(labels) for entry in labels[label]]
    return "".join("%s: %s %s\n" % (where, _PROGRAMS[e.family], text) for where, e in entries for text in e.texts())


@contextlib.contextmanager
def _staged_policy(effects: Effects, switch: Switch, own: str) -> Iterator[str]:
    """A directory with the files as they are to be; their names keep the order."""
    files = [file for file in switch.files if file.path != cl_policy.OWN_FILE]
    files += [cl_policy.PolicyFile(cl_policy.OWN_FILE, own)] if own else []
    try:
        if not effects.check_mode:
            _write_stage(cl_policy.in_order(switch.patterns, files))
        yield _STAGE
    finally:
        if not effects.check_mode:
            shutil.rmtree(_STAGE, ignore_errors=True)


def _write_stage(files: Sequence[cl_policy.PolicyFile]) -> None:
    shutil.rmtree(_STAGE, ignore_errors=True)
    try:
        os.mkdir(_STAGE, 0o700)
        for number, file in enumerate(files):
            path = os.path.join(_STAGE, "%03d_%s" % (number, os.path.basename(file.path)))
            with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as opened:
                opened.write(file.text)
    except OSError as error:
        raise RunError("cannot write %s: %s; nothing was changed" % (_STAGE, error.strerror)) from None


def _failed(answer: Answer) -> bool:
    return answer.rc != 0 or bool(re.search(r"(?mi)^error:", answer.stdout + answer.stderr))


def _said(answer: Answer) -> str:
    """The line that says what is wrong."""
    lines = [line.strip() for line in (answer.stderr + "\n" + answer.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["exit status %d" % answer.rc])[0]
