# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cumulus Linux by NVUE: access lists of our own on the control plane, in one `nv config apply`.

`nv set` and `nv unset` gather in a pending revision, which is detached when one of them is refused. A pending revision of
somebody else would be applied along with ours, so it is not touched.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import (
    answers,
    cl_nvue,
    cl_own,
    cl_policy,
    cl_release,
    cl_switch,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend, Plan, Request, unchanged
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_own import Entry
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_policy import Line
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_switch import Needs, Switch
from ansible_collections.netports.core.plugins.module_utils._firewall.model import NOTHING_FILTERS, Connection, FirewallError
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Ruleset
from ansible_collections.netports.core.plugins.module_utils._run import Answer, RunError

_APPLY = "nv config apply -y"
_SAVE = "nv config save"


class _Details(NamedTuple):
    kernel: Ruleset
    after: Ruleset
    configuration: cl_nvue.Configuration


class CumulusNvue(Backend):
    """Cumulus Linux 5.5 and later, where NVUE writes the access lists."""

    name = "cumulus_nvue"

    def plan(self, request: Request) -> Plan:
        release = self._release()
        configuration = self._configuration()
        switch = cl_switch.read(self.effects)
        policy = [line for line in switch.policy() if not _is_ours(line)]
        needs = Needs(switch, policy, cl_policy.NVUE_FILE)
        had = cl_nvue.entries(configuration)
        if request.rules and not needs.enforcing(request.rules):
            return unchanged(NOTHING_FILTERS)
        rules = tuple(needs.split(request.rules, cl_own.rules_of(had.get(request.label, ()))))
        halves = (rule._replace(family=family) for rule in rules for family in rule.families)
        entries = cl_own.merged(entry for half in halves for entry in cl_own.entries_of(half))
        labels = [request.label, *(label for label in cl_nvue.labels(configuration) if request.exclusive)]
        labels = list(dict.fromkeys(labels))
        lists = cl_nvue.wanted(request.label, entries, release)
        commands = cl_nvue.commands(configuration, lists, labels)
        after = self._after(switch, policy, labels, entries) if commands else switch.kernel
        ends = self._ends(request, cl_nvue.saves_itself(configuration, release), labels, bool(commands))
        if commands:
            commands[:0] = self._left_behind()
        return Plan(
            changed=bool(ends),
            enforcing=True if request.rules else needs.enforcing(()),
            rules=tuple(rule.as_dict() for rule in rules),
            before=_text(configuration.lists, labels) + _unsaved(commands, ends),
            after=_text(lists, labels),
            persisted=request.persist,
            warnings=cl_switch.warnings(switch, after, rules),
            notes=(),
            details=_Details(switch.kernel, after, configuration),
            previous=tuple((label, cl_own.rules_of(had.get(label, ()))) for label in labels),
            commands=(*commands, *ends),
        )

    def apply(self, plan: Plan) -> None:
        for command in plan.commands:
            answer = self._changed(*command.split()[1:])
            if answer.rc == 0:
                continue
            if command == _SAVE:
                raise FirewallError("the ports are open, and not kept over a reboot: `%s` failed: %s" % (command, _said(answer)))
            raise FirewallError("`%s` failed, %s: %s" % (command, self._take_back(plan.details), _said(answer)))

    def _take_back(self, details: _Details) -> str:
        """Drop the pending revision; says what is so now."""
        detached = self._changed("config", "detach")
        if detached.rc != 0:
            return "and `nv config detach` too (%s)" % _said(detached)
        if not self.effects.check_mode and self._configuration() != details.configuration:
            return "and a part of it was applied (see nv config history)"
        return "nothing was changed"

    def _changed(self, *arguments: str) -> Answer:
        """One that does not end, or cannot be started, has failed."""
        try:
            return self.effects.change([self._nv, *arguments])
        except RunError as error:
            return Answer(1, "", str(error))

    @property
    def _nv(self) -> str:
        program = _run.find_program("nv")
        if program is None:
            raise FirewallError("the command nv is not here: NVUE came with Cumulus Linux 5.0. Use backend: cumulus_acl")
        return program

    def _release(self) -> Tuple[int, ...]:
        release = cl_release.release()
        if release is None:
            raise FirewallError("neither /etc/lsb-release nor /etc/os-release names a release of Cumulus Linux")
        if release < cl_nvue.CONTROL_PLANE_FROM:
            raise FirewallError(
                "NVUE of Cumulus Linux %s binds access lists to single interfaces only. Use backend: cumulus_acl, "
                "whose file NVUE leaves alone" % ".".join(map(str, release))
            )
        return release

    def _asked(self, *arguments: str) -> str:
        answer = self.effects.query([self._nv, *arguments])
        if answer.rc != 0:
            raise FirewallError("`nv %s` failed: %s" % (" ".join(arguments), _said(answer)))
        return answer.stdout

    def _configuration(self) -> cl_nvue.Configuration:
        return cl_nvue.parse(self._asked("config", "show", "-o", "commands"))

    def _left_behind(self) -> List[str]:
        """What drops a pending revision that a killed run has left. Raises FirewallError for one of somebody else."""
        if self._asked("config", "diff").strip() in ("", "[]", "{}"):
            return []
        foreign = cl_nvue.not_ours(self._asked("config", "diff", "-o", "commands"))
        if foreign:
            raise FirewallError(
                "NVUE has a pending change of somebody else, which would be applied along with this one: it has %r. "
                "Apply it (nv config apply) or drop it (nv config detach) first" % foreign[0]
            )
        return ["nv config detach"]

    def _ends(self, request: Request, saves_itself: bool, labels: Sequence[str], changes: bool) -> List[str]:
        """What comes after the commands that change something. What a killed run has not saved is saved too."""
        if changes and not request.persist and saves_itself:
            raise FirewallError(
                "NVUE saves whatever it applies (system config auto-save), so that persist: false cannot be had; "
                "nothing was changed"
            )
        ends = [_APPLY] if changes else []
        if request.persist and not saves_itself and (changes or self._is_unsaved(labels)):
            ends.append(_SAVE)
        return ends

    def _is_unsaved(self, labels: Sequence[str]) -> bool:
        changes = self._asked("config", "diff", "startup", "applied", "-o", "commands").split()
        return any(cl_nvue.name_of(label, family) in changes for label in labels for family in cl_policy.TABLES)

    def _after(self, switch: Switch, policy: Sequence[Line], labels: Sequence[str], entries: Sequence[Entry]) -> Ruleset:
        """The rules of the files when NVUE has written its own anew."""
        kept = [line for line in switch.policy() if _is_ours(line) and not any(_is_of(line, label) for label in labels)]
        texts = (switch.own_text or "", cl_own.render({"": tuple(entries)}))
        ours = [line for text in texts for line in cl_policy.lines(cl_policy.PolicyFile(cl_policy.OWN_FILE, text))]
        lines: List[Line] = []
        for family in cl_policy.FAMILIES:
            here = [line for line in policy if line.family == family]
            inputs = [line for line in here if (line.table, line.chain) == ("filter", "INPUT")]
            place = switch.before(policy, cl_policy.NVUE_FILE, family)
            middle = [line for line in (*ours, *kept) if line.family == family]
            lines += [line for line in here if line not in inputs] + inputs[:place] + middle + inputs[place:]
        return cl_policy.installed(switch.kernel, lines, switch.legacy)

    def cuts(self, plan: Plan, connection: Connection) -> Optional[str]:
        details: _Details = plan.details
        return answers.cut(details.kernel, details.after, connection)


def _is_ours(line: Line) -> bool:
    return line.path == cl_policy.NVUE_FILE and cl_policy.made_by_nvue_for_us(line.text)


def _is_of(line: Line, label: str) -> bool:
    names = (cl_nvue.name_of(label, family) for family in cl_policy.TABLES)
    return any("acl_name:%s," % name in line.text for name in names)


def _unsaved(commands: Sequence[str], ends: Sequence[str]) -> str:
    """What the diff says where there is nothing to do but to save."""
    return "(not saved for the next boot)\n" if ends and not commands else ""


def _text(lists: Dict[str, Tuple[str, ...]], labels: Sequence[str]) -> str:
    names = [cl_nvue.name_of(label, family) for label in labels for family in cl_policy.TABLES]
    return "".join(command + "\n" for name in names for command in sorted(lists.get(name, ())))


def _said(answer: Answer) -> str:
    lines = [line.strip() for line in (answer.stderr + "\n" + answer.stdout).splitlines() if line.strip()]
    return lines[0] if lines else "exit status %d" % answer.rc
