# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to change in a ruleset of nftables so that it admits what it should.

Pure. Rules of ours stand at the head of every base chain of hook input that would drop their packets: an accept elsewhere
does not help against a drop in another base chain. The head is the one place that the file for the next boot can name
too without knowing what the operator's file will hold by then. What already stands at a good place stays there.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple

from ansible_collections.netports.core.plugins.module_utils._firewall import nft_admission, nft_match, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.model import NOTHING_FILTERS, FirewallError, Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import SOURCE, Packet
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Chain, ChainKey, NftRule, Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_walk import Walk

INPUT = ("input",)


class Edits(NamedTuple):
    """`placed`: the rules of the label as they are to be in each chain; `needed`: those that a chain would drop without."""

    delete: Tuple[NftRule, ...]
    insert: Tuple[Tuple[ChainKey, Rule], ...]
    placed: Tuple[Tuple[ChainKey, Rule], ...]
    needed: Tuple[Tuple[ChainKey, Rule], ...]
    enforcing: bool
    warnings: Tuple[str, ...] = ()
    notes: Tuple[str, ...] = ()

    def script(self) -> str:
        """One transaction of `nft -f`; empty when there is nothing to do."""
        lines = ["delete rule %s handle %s" % (" ".join(rule.chain), rule.handle) for rule in self.delete]
        lines += ["insert rule %s %s" % (" ".join(key), nft_ruleset.statement(rule, key[0])) for key, rule in self.insert]
        return "".join(line + "\n" for line in lines)


def packets_of(rule: Rule, ruleset: Ruleset) -> Iterator[Packet]:
    """One packet of every kind that the rule admits and the ruleset could tell apart."""
    for family in rule.families:
        if rule.protocol == "ip":
            for low, high in rule.ports:
                for number in range(low, high + 1):
                    yield Packet(family, number, source=rule.sources)
        else:
            for port in nft_admission.sample_ports(ruleset, rule.ports):
                yield Packet(family, nft_match.PROTOCOLS[rule.protocol], port, source=rule.sources)


def enforces(ruleset: Ruleset) -> bool:
    """Does this host refuse anything that comes to it, apart from what this collection did?"""
    unmarked = ruleset.unmarked()
    return any(nft_admission.can_refuse(unmarked, chain) for chain in unmarked.base_chains(INPUT))


def shadows(walk: Walk) -> bool:
    """A drop that the rule has to come before. One for named sources alone is somebody's ban, and stays in force."""
    return any(o.verdict != "accept" and SOURCE not in o.kinds for o in walk.outcomes)


def is_needed(unmarked: Ruleset, chain: Chain, rule: Rule) -> bool:
    for packet in packets_of(rule, unmarked):
        walk = Walk(unmarked, packet)
        walk.base_chain(chain)
        if shadows(walk):
            return True
    return False


def _is_shadowed(ruleset: Ruleset, position: int, key: ChainKey, rule: Rule) -> bool:
    before = [r for r in ruleset.rules[key][:position] if r.label is None]
    for packet in packets_of(rule, ruleset) if before else ():
        walk = Walk(ruleset, packet)
        walk.rules(before)
        if shadows(walk):
            return True
    return False


def needed_in(ruleset: Ruleset, rules: Sequence[Rule]) -> List[Tuple[ChainKey, Rule]]:
    """Every chain that would drop packets of a rule, with the rule as that chain can have it.

    Raises FirewallError for a chain that somebody else writes.
    """
    unmarked = ruleset.unmarked()
    result: List[Tuple[ChainKey, Rule]] = []
    for chain in unmarked.base_chains(INPUT):
        if not nft_admission.can_refuse(unmarked, chain):
            continue
        here = [projected for projected in (nft_ruleset.project(rule, chain.family) for rule in rules) if projected is not None]
        here = [rule for rule in here if is_needed(unmarked, chain, rule)]
        owner = nft_ruleset.foreign_owner(ruleset, chain) if here else None
        if owner is not None:
            raise FirewallError(
                "chain %s would drop the traffic and belongs to %s; a rule of nftables in it would be lost or break it. "
                "This version of port_allow writes plain nftables rules only" % (chain, owner)
            )
        result.extend((chain.key, rule) for rule in here)
    return result


def plan(ruleset: Ruleset, label: str, rules: Sequence[Rule], exclusive: bool = False) -> Edits:
    """Rules for a label; no rules means that the label is to have none."""
    enforcing = enforces(ruleset)
    marked = ruleset.marked()
    if rules and not enforcing:
        # Nothing to open; what is there is left for the day when the operator switches filtering on again.
        return Edits((), (), (), (), False, (NOTHING_FILTERS,))
    needed = needed_in(ruleset, rules)
    delete = [r for r in marked if exclusive and r.label != label]
    placed: Set[Tuple[ChainKey, Rule]] = set()
    for old in (r for r in marked if r.label == label):
        wanted = {nft_ruleset.project(rule, old.chain[0]) for rule in rules if old.chain[0] in nft_ruleset.TABLE_FAMILIES}
        rule = nft_ruleset.parse_own(old)
        if rule is None or rule not in wanted or (old.chain, rule) in placed or _misplaced(ruleset, old, rule):
            delete.append(old)
        else:
            placed.add((old.chain, rule))
    insert = [item for item in needed if item not in placed]
    order = list(ruleset.chains)
    everywhere = sorted(placed.union(needed), key=lambda item: (order.index(item[0]), item[1]))
    edits = Edits(tuple(delete), tuple(insert), tuple(everywhere), tuple(needed), enforcing)
    return edits._replace(
        warnings=tuple(warnings(after(ruleset, edits), rules)),
        notes=tuple(dict.fromkeys(passed_bans(ruleset.unmarked(), everywhere))),
    )


def _misplaced(ruleset: Ruleset, old: NftRule, rule: Rule) -> bool:
    return _is_shadowed(ruleset, ruleset.rules[old.chain].index(old), old.chain, rule)


def after(ruleset: Ruleset, edits: Edits) -> Ruleset:
    """The ruleset as the edits leave it."""
    changed: Dict[ChainKey, List[NftRule]] = {}
    for key, rules in ruleset.rules.items():
        changed[key] = [rule for rule in rules if rule not in edits.delete]
    for key, rule in edits.insert:
        new = NftRule(key, None, nft_ruleset.MARK + rule.label, nft_ruleset.expression(rule, key[0]))
        changed[key].insert(0, new)
    return ruleset._replace(rules=changed)


def warnings(ruleset: Ruleset, rules: Sequence[Rule]) -> Iterator[str]:
    """What of others still stands between the rules and their packets."""
    found: Dict[Tuple[str, str], List[str]] = {}
    for rule in rules:
        for packet in packets_of(rule, ruleset):
            judgement = nft_admission.judge(ruleset, packet)
            if judgement.state != "admitted":
                what = "%s %s" % (rule.protocol, packet.protocol if packet.port is None else packet.port)
                ports = found.setdefault((judgement.state, judgement.reason), [])
                if what not in ports:
                    ports.append(what)
    say = {
        "dropped": "are dropped by %s",
        nft_admission.PARTIAL: "may be dropped for some sources by %s",
        "unknown": "may be dropped by %s",
    }
    for (state, reason), ports in found.items():
        yield "new connections to %s %s" % (", ".join(ports), say[state] % reason)


def passed_bans(unmarked: Ruleset, placed: Sequence[Tuple[ChainKey, Rule]]) -> Iterator[str]:
    """Drops for named sources that come after rules of ours."""
    for key, rule in placed:
        for packet in packets_of(rule, unmarked):
            walk = Walk(unmarked, packet)
            walk.base_chain(unmarked.chains[key])
            for outcome in walk.outcomes:
                if outcome.verdict == "drop" and SOURCE in outcome.kinds:
                    yield "%s bans some sources, which can reach the opened ports" % outcome.where


def lines(ruleset: Ruleset) -> List[str]:
    """The marked rules, one line each, for people and for the diff."""
    result: List[str] = []
    for key, rules in ruleset.rules.items():
        for rule in rules:
            if rule.label is not None:
                own = nft_ruleset.parse_own(rule)
                text = nft_ruleset.statement(own, key[0]) if own else '(changed by hand) comment "%s"' % rule.comment
                result.append("%s: %s" % (" ".join(key), text))
    return result
