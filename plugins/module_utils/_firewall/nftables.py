# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nftables by its own command line: one `nft -j list ruleset` to read, one `nft -f -` to change."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import (
    answers,
    intervals,
    model,
    nft_persist,
    nft_plan,
    nft_ruleset,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend, FilesPlan, Plan, Request, StaleError
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Connection, FirewallError
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import ChainKey, Ruleset
from ansible_collections.netports.core.plugins.module_utils._run import Answer, Effects

_KNOWN_FLAGS = frozenset(("dormant", "owner", "persist"))


def local_addresses(effects: Effects, enter: Sequence[str] = ()) -> Dict[str, intervals.Intervals]:
    """The addresses of the host, or of the namespace that the command `enter` runs its arguments in, by family."""
    ip = _run.find_program("ip")
    if ip is None:
        return {}  # any address then, and rules that ask for one are not certain
    return nft_ruleset.local_addresses(effects.query((*enter, ip, "-oneline", "address")).stdout)


class _Details(NamedTuple):
    ruleset: Ruleset
    edits: nft_plan.Edits
    files: FilesPlan


class Nftables(Backend):
    """Plain nftables, where the operator's own ruleset filters."""

    name = "nftables"

    def __init__(self, effects: Effects, enter: Sequence[str] = ()) -> None:
        """`enter` is a command that runs its arguments in the network namespace to read."""
        super().__init__(effects)
        self._enter = tuple(enter)
        self._program: Optional[str] = None

    @property
    def _nft(self) -> str:
        if self._program is None:
            self._program = _run.find_program("nft")
        if self._program is None:
            raise FirewallError("the command nft is not installed (package nftables)")
        return self._program

    def ruleset(self) -> Ruleset:
        """The ruleset of the kernel. Raises FirewallError."""
        answer = self._query("-j", "list", "ruleset")
        try:
            # Old versions end with 0 and nothing when they were refused.
            if answer.rc != 0 or not answer.stdout.strip():
                raise FirewallError("cannot read the ruleset: %s" % _why(answer))
            ruleset = nft_ruleset.parse(json.loads(answer.stdout))
        except (ValueError, KeyError, TypeError) as error:
            raise FirewallError("cannot read the ruleset: `nft -j list ruleset` printed no usable JSON (%s)" % error) from None
        if '"daddr"' in answer.stdout:
            ruleset = ruleset._replace(local=local_addresses(self.effects, self._enter))
        for table, flags in ruleset.flags.items():
            if not flags <= _KNOWN_FLAGS:
                listed = self._query("list", "table", *table)
                ruleset.flags[table] = nft_ruleset.flags_from_text(listed.stdout)
        return ruleset

    def _query(self, *arguments: str) -> Answer:
        return self.effects.query((*self._enter, self._nft, *arguments))

    def plan(self, request: Request) -> Plan:
        ruleset = self.ruleset() if self.shown is None else self.shown
        edits = nft_plan.plan(ruleset, request.label, request.rules, request.exclusive)
        idle = bool(request.rules) and not edits.enforcing
        if request.persist and not idle:
            files = nft_persist.plan(self.effects, self._nft, request, edits, ruleset.local)
        else:
            files = FilesPlan((), (), ())
        after = nft_plan.after(ruleset, edits)
        return Plan(
            changed=bool(edits.delete or edits.insert or files.changes),
            enforcing=edits.enforcing,
            rules=tuple(_described(edits.placed)),
            before=_text(nft_plan.lines(ruleset), files.before),
            after=_text(nft_plan.lines(after), files.after),
            persisted=request.persist and not idle,
            warnings=edits.warnings + files.warnings,
            notes=edits.notes + files.notes,
            details=_Details(ruleset, edits, files),
            previous=tuple(_previous(ruleset, request)),
        )

    def apply(self, plan: Plan) -> None:
        details: _Details = plan.details
        with self.effects.staged(details.files.changes) as staged:
            script = details.edits.script()
            if script:
                answer = self.effects.change([self._nft, "-f", "-"], script)
                if answer.rc != 0:
                    if self.ruleset().shape() != details.ruleset.shape():
                        raise StaleError
                    raise FirewallError("nft refused the rules, nothing was changed: %s" % nft_persist.first_error(answer))
            staged.commit()

    def cuts(self, plan: Plan, connection: Connection) -> Optional[str]:
        details: _Details = plan.details
        return answers.cut(details.ruleset, nft_plan.after(details.ruleset, details.edits), connection)


def _why(answer: Answer) -> str:
    said = nft_persist.first_error(answer)
    if "ermission" in said or "not permitted" in said:
        return "%s. Run the task with become: true" % said
    if "JSON" in said or "unrecognized option" in said or "invalid option" in said:
        return "%s. This nft cannot print JSON; version 0.9.0 or later, built with it, can" % said
    if "not supported" in said or "Invalid argument" in said:
        return "%s. This kernel has no nf_tables" % said
    return said


def _described(placed: Sequence[Tuple[ChainKey, model.Rule]]) -> List[Dict[str, Any]]:
    """Each rule once, with the chains that have it."""
    chains: Dict[model.Rule, List[str]] = {}
    for key, rule in placed:
        chains.setdefault(rule, []).append(" ".join(key))
    return [dict(rule.as_dict(), chains=names) for rule, names in chains.items()]


def _previous(ruleset: Ruleset, request: Request) -> Iterator[Tuple[str, Tuple[model.Rule, ...]]]:
    """The label and, when it is to be the only one, all others, with the rules that they have."""
    rules: Dict[str, List[model.Rule]] = {request.label: []}
    for marked in ruleset.marked():
        own = nft_ruleset.parse_own(marked)
        if own is not None and (request.exclusive or own.label == request.label):
            known = rules.setdefault(own.label, [])
            known.extend([own] if own not in known else [])
    for label, had in rules.items():
        yield label, tuple(had)


def _text(running: Sequence[str], saved: Sequence[str]) -> str:
    lines = list(running) + ["%s: %s" % (nft_persist.OWN_FILE, line) for line in saved]
    return "".join(line + "\n" for line in lines)
