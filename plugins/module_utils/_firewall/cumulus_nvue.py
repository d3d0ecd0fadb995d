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
    observed,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend, Plan, Request
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_own import Entry
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_policy import Line
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_switch import Needs, Switch
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Admission, Connection, FirewallError
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Ruleset
from ansible_collections.netports.core.plugins.module_utils._listener import Listener
from ansible_collections.netports.core.plugins.module_utils._run import Answer, RunError

_APPLY = ("config", "apply", "-y")


class _Details(NamedTuple):
    kernel: Ruleset
    after: Ruleset
    save: bool


class CumulusNvue(Backend):
    """Cumulus Linux 5.5 and later, where NVUE writes the access lists."""

    name = "cumulus_nvue"

    def plan(self, request: Request) -> Plan:
        release = self._release()
        configuration = cl_nvue.parse(self._asked("config", "show", "-o", "commands"))
        switch = cl_switch.read(self.effects)
        policy = [line for line in switch.policy() if not _is_ours(line)]
        needs = Needs(switch, policy, cl_policy.NVUE_FILE)
        had = cl_nvue.entries(configuration)
        if request.rules and not needs.enforcing(request.rules):
            warning = "nothing on this host filters incoming traffic; no port needed opening"
            return Plan(False, False, (), "", "", False, (warning,), (), None)
        rules = tuple(needs.split(request.rules, cl_own.rules_of(had.get(request.label, ()))))
        halves = (rule._replace(family=family) for rule in rules for family in rule.families)
        entries = cl_own.merged(entry for half in halves for entry in cl_own.entries_of(half))
        labels = [request.label, *(label for label in cl_nvue.labels(configuration) if request.exclusive)]
        labels = list(dict.fromkeys(labels))
        lists = cl_nvue.wanted(request.label, entries, release)
        commands = cl_nvue.commands(configuration, lists, labels)
        after = self._after(switch, policy, labels, entries) if commands else switch.kernel
        saves_itself = configuration.saves_itself
        if saves_itself is None:
            saves_itself = release >= cl_nvue.AUTO_SAVE_FROM
        if commands:
            self._check_pending()
            _check_persist(request, saves_itself)
        save = request.persist and not saves_itself
        return Plan(
            changed=bool(commands),
            enforcing=True if request.rules else needs.enforcing(()),
            rules=tuple(rule.as_dict() for rule in rules),
            before=_text(configuration.lists, labels),
            after=_text(lists, labels),
            persisted=request.persist,
            warnings=cl_switch.warnings(switch, after, rules),
            notes=(),
            details=_Details(switch.kernel, after, save),
            previous=tuple((label, cl_own.rules_of(had.get(label, ()))) for label in labels),
            commands=tuple(commands + _ends(save)) if commands else (),
        )

    def apply(self, plan: Plan) -> None:
        for command in plan.commands:
            answer = self._changed(*command.split()[1:])
            if answer.rc == 0:
                continue
            if command.endswith("config save"):
                raise FirewallError("the ports are open, and not kept over a reboot: `%s` failed: %s" % (command, _said(answer)))
            detached = self._changed("config", "detach")
            then = "nothing was changed" if detached.rc == 0 else "`nv config detach` failed too: %s" % _said(detached)
            raise FirewallError("`%s` failed, %s: %s" % (command, then, _said(answer)))

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

    def _check_pending(self) -> None:
        pending = self._asked("config", "diff").strip()
        if pending not in ("", "[]", "{}"):
            first = pending.splitlines()[0]
            raise FirewallError(
                "NVUE has a pending change of somebody else, which would be applied along with this one: it begins with %r. "
                "Apply it (nv config apply) or drop it (nv config detach) first" % first
            )

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

    def admissions(self, listeners: Sequence[Listener], source: Optional[str]) -> Dict[str, Admission]:
        return answers.admissions(observed.read(self.effects), listeners, source)


def _is_ours(line: Line) -> bool:
    return line.path == cl_policy.NVUE_FILE and cl_policy.made_by_nvue_for_us(line.text)


def _is_of(line: Line, label: str) -> bool:
    names = (cl_nvue.name_of(label, family) for family in cl_policy.TABLES)
    return any("acl_name:%s," % name in line.text for name in names)


def _check_persist(request: Request, saves_itself: bool) -> None:
    if not request.persist and saves_itself:
        raise FirewallError(
            "NVUE saves whatever it applies (system config auto-save), so that persist: false cannot be had; nothing was changed"
        )


def _ends(save: bool) -> List[str]:
    return [" ".join(("nv", *_APPLY)), *(["nv config save"] if save else [])]


def _text(lists: Dict[str, Tuple[str, ...]], labels: Sequence[str]) -> str:
    names = [cl_nvue.name_of(label, family) for label in labels for family in cl_policy.TABLES]
    return "".join(command + "\n" for name in names for command in sorted(lists.get(name, ())))


def _said(answer: Answer) -> str:
    lines = [line.strip() for line in (answer.stderr + "\n" + answer.stdout).splitlines() if line.strip()]
    return lines[0] if lines else "exit status %d" % answer.rc
