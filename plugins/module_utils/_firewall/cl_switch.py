# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A switch with Cumulus Linux as it is: its policy files, the rules in its kernel, and what a rule of ours has to come before."""

from __future__ import annotations

import glob
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import (
    cl_own,
    cl_policy,
    ipt_ruleset,
    nft_match,
    nft_plan,
    nft_ruleset,
    observed,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_own import Entry
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_policy import Line, PolicyFile
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError, Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import Packet
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import NftRule, Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_walk import Walk
from ansible_collections.netports.core.plugins.module_utils._run import Effects

_SAVERS = {"ip": "iptables-save", "ip6": "ip6tables-save"}

Inputs = Dict[str, List[NftRule]]


class Switch(NamedTuple):
    """`kernel` is all that filters, `inputs` the rules for new connections to the switch by family, as iptables-save prints them.

    `files` are the policy files in the order of their installation, `patterns` what policy.conf includes.
    """

    kernel: Ruleset
    inputs: Inputs
    files: Tuple[PolicyFile, ...]
    patterns: Tuple[str, ...]
    legacy: bool

    @property
    def own_text(self) -> Optional[str]:
        return next((file.text for file in self.files if file.path == cl_policy.OWN_FILE), None)

    def policy(self) -> List[Line]:
        """The rules of all files but ours."""
        return [line for file in self.files if file.path != cl_policy.OWN_FILE for line in cl_policy.lines(file)]

    def with_file(self, path: str, text: str) -> List[Line]:
        """The rules of all files, with this text as one of them."""
        files = [file for file in self.files if file.path != path] + [PolicyFile(path, text)]
        return [line for file in cl_policy.in_order(self.patterns, files) for line in cl_policy.lines(file)]

    def before(self, policy: Sequence[Line], path: str, family: str) -> int:
        """How many of the rules for new connections come from files that are installed before that one; none if it is not."""
        place = cl_policy.in_order(self.patterns, [*self.files, PolicyFile(path, "")])
        paths = [file.path for file in place]
        earlier = set(paths[: paths.index(path)]) if path in paths else set()
        here = [line for line in policy if (line.family, line.table, line.chain) == (family, "filter", "INPUT")]
        return sum(1 for line in here if line.path in earlier)


def read(effects: Effects) -> Switch:
    """Raises FirewallError or RunError when something of it cannot be read."""
    configuration = _run.read_text(cl_policy.CONFIGURATION)
    if configuration is None:
        raise FirewallError("there is no %s: this is no switch with Cumulus Linux" % cl_policy.CONFIGURATION)
    patterns = cl_policy.includes(configuration)
    paths = dict.fromkeys(path for pattern in patterns for path in glob.glob(pattern))
    files = [PolicyFile(path, _run.read_text(path) or "") for path in paths]
    legacy = "nf_tables" not in effects.query([_saver("ip"), "-V"]).stdout
    return Switch(
        kernel=observed.read(effects),
        inputs=read_inputs(effects, legacy),
        files=tuple(cl_policy.in_order(patterns, files)),
        patterns=tuple(patterns),
        legacy=legacy,
    )


def read_inputs(effects: Effects, legacy: bool) -> Inputs:
    return {family: _saved(effects, family, legacy) for family in cl_policy.FAMILIES}


def _saver(family: str) -> str:
    program = _run.find_program(_SAVERS[family])
    if program is None:
        raise FirewallError("the command %s is not installed; cl-acltool needs it too" % _SAVERS[family])
    return program


def _saved(effects: Effects, family: str, legacy: bool) -> List[NftRule]:
    answer = effects.query([_saver(family), "-t", "filter"])
    if answer.rc != 0:
        said = (answer.stderr.strip().splitlines() or ["no reason given"])[0]
        raise FirewallError("%s failed: %s. Run the task with become: true" % (_SAVERS[family], said))
    try:
        return ipt_ruleset.parse(answer.stdout, family, {}, legacy).rules.get(cl_policy.input_key(family, legacy), [])
    except ValueError as error:
        raise FirewallError("cannot read what %s prints: %s" % (_SAVERS[family], error)) from None


def running(inputs: Inputs) -> Dict[str, Tuple[Entry, ...]]:
    """The lines of the policy file of ours that the kernel has, by label."""
    return cl_own.read(rule for rules in inputs.values() for rule in rules)[0]


def warnings(switch: Switch, after: Ruleset, rules: Sequence[Rule]) -> Tuple[str, ...]:
    """What of others still stands between these rules and their packets."""
    for family in cl_policy.FAMILIES:
        key = cl_policy.input_key(family, switch.legacy)
        marked = [cl_policy.with_mark(rule) for rule in after.rules.get(key, [])]
        after = cl_own.joined(after._replace(rules={**after.rules, key: marked}), key)
    return tuple(nft_plan.warnings(after, rules))


class Needs:
    """Which rules the switch would refuse the packets of, if ours did not come before; `path` is the file that ours are in."""

    def __init__(self, switch: Switch, policy: Sequence[Line], path: str) -> None:
        """`policy` are the rules of everybody else."""
        self.installed = cl_policy.installed(switch.kernel, policy, switch.legacy)
        self._unmarked = self.installed.unmarked()
        self._kernel = switch.kernel.unmarked()
        self._legacy = switch.legacy
        self._place = {family: switch.before(policy, path, family) for family in cl_policy.FAMILIES}
        # Rules of others that only the kernel has, so that installing the files would take them away.
        self.lost: List[NftRule] = []
        for family, found in switch.inputs.items():
            unmarked = [rule for rule in found if rule.label is None and not cl_policy.made_by_nvue_for_us(rule.line)]
            self.lost += cl_policy.lost(unmarked, self._unmarked.rules[cl_policy.input_key(family, self._legacy)])

    def enforcing(self, rules: Sequence[Rule]) -> bool:
        """Is anything refused that an ordinary client could send?

        The martians that Cumulus drops by default are no such thing, nor are its policers.
        """
        samples = [Packet(family, number) for family in cl_policy.TABLES for number in nft_match.PROTOCOLS.values()]
        if any(_refuses(ruleset, packet) for ruleset in (self._unmarked, self._kernel) for packet in samples):
            return True
        return any(self.needed(rule._replace(family=family)) for rule in rules for family in rule.families)

    def needed(self, rule: Rule) -> bool:
        """For a rule of one family. What comes before ours is not ours to overrule."""
        family = cl_policy.TABLES[rule.family]
        key = cl_policy.input_key(family, self._legacy)
        chain = self._unmarked.chains[key]
        later = self._unmarked._replace(rules={**self._unmarked.rules, key: self._later(family)})
        if nft_plan.is_needed(later, chain, rule) and nft_plan.is_needed(self._unmarked, chain, rule):
            return True
        # Rules that nobody wrote to a file.
        return bool(self.lost) and nft_plan.is_needed(self._kernel, self._kernel.chains.get(key, chain), rule)

    def _later(self, family: str) -> List[NftRule]:
        return self._unmarked.rules[cl_policy.input_key(family, self._legacy)][self._place[family] :]

    def devices(self, family: str) -> Tuple[str, ...]:
        """The interfaces that a rule of ours has to name besides serving all, for the hardware's sake."""
        return cl_policy.refused_devices(self._later(cl_policy.TABLES[family]))

    def split(self, rules: Sequence[Rule], has: Sequence[Rule] = ()) -> Iterator[Rule]:
        """The rules that are needed, or that are there already, each for the families where that is so."""
        for rule in rules:
            halves = [rule._replace(family=family) for family in rule.families]
            wanted = [half for half in halves if half in has or self.needed(half)]
            if len(wanted) == len(halves):
                yield rule
            else:
                yield from wanted


def _refuses(ruleset: Ruleset, packet: Packet) -> bool:
    for chain in ruleset.base_chains(nft_plan.INPUT):
        if packet.family in nft_ruleset.TABLE_FAMILIES[chain.family]:
            walk = Walk(ruleset, packet)
            walk.base_chain(chain)
            if any(outcome.verdict != "accept" for outcome in walk.outcomes):
                return True
    return False
