# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One packet's way through the chains of nftables, and every verdict that it may meet there. Pure."""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import (
    INTERFACE,
    NO,
    NO_KINDS,
    TCP,
    UNCLEAR,
    YES,
    Flags,
    Kinds,
    Match,
    Numbers,
    Packet,
    Words,
    all_of,
    any_of,
    compared,
    contained,
    ct_field,
    field_of,
    flag_words,
    flags_match,
    tuple_matches,
    value_matches,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Chain, ChainKey, NftRule, Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_statements import (
    ALL_BITS,
    NO_EFFECT,
    VERDICTS,
    bits_set_by,
    mark_mask,
    verdict_of,
    xt_decides,
)


def _completed(packet: Packet, ruleset: Ruleset) -> Packet:
    """With the addresses that it may have where it says none."""
    if packet.loopback:
        return packet
    ordinary = intervals.ordinary_addresses(packet.family)
    local = intervals.common(ruleset.local.get(packet.family, ()), ordinary)
    return packet._replace(source=packet.source or ordinary, destination=packet.destination or local or ordinary)


class Outcome(NamedTuple):
    """A verdict that the packet may meet, and what the path to it depends on."""

    verdict: str  # accept, drop, unknown, or in a chain of nat: translated
    where: str
    kinds: Kinds
    rule: Optional[NftRule] = None  # None for the policy of the chain


# The priority of connection tracking in the hook prerouting.
_TRACKING = -200


class Walk:
    """One packet's way through the chains of a ruleset."""

    def __init__(self, ruleset: Ruleset, packet: Packet) -> None:
        self.ruleset = ruleset
        self.packet = _completed(packet, ruleset)
        self.outcomes: List[Outcome] = []
        # Everything that any verdict on the way depended on.
        self.kinds: Set[str] = set()
        self._filled_by_packets: Optional[Set[ChainKey]] = None
        self._untracked: Optional[bool] = None
        self._before_tracking = False
        # The bits of the packet's mark that rules on its way may have set.
        self._mark_bits: Optional[int] = None
        self.set_bits = 0

    def base_chain(self, chain: Chain) -> None:
        """Collect the outcomes of one base chain, its policy included."""
        condition = frozenset((INTERFACE,)) if chain.hook == "ingress" else NO_KINDS
        self.kinds |= condition
        early = chain.hook == "prerouting" and chain.prio < _TRACKING
        self._before_tracking = early or chain.hook == "ingress"
        if not self._chain(self.ruleset.rules.get(chain.key, ()), condition):
            self.outcomes.append(Outcome(chain.policy, "the policy %s of chain %s" % (chain.policy, chain), condition))
        if chain.hook == "ingress":
            self.outcomes.append(Outcome("accept", "another device than that of chain %s" % (chain,), condition))

    def rules(self, rules: Sequence[NftRule]) -> None:
        """Collect the outcomes of some rules alone."""
        self._chain(rules, NO_KINDS)

    def may_decide(self, rule: NftRule) -> bool:
        """Whether the packet may meet a verdict of the rule once it comes there."""
        return any(match.holds is not False for match, _verdict in self._verdicts(rule))

    def _chain(self, rules: Sequence[NftRule], condition: Kinds) -> bool:
        """True when no packet passes the last of the rules or returns."""
        returned = False
        for rule in rules:
            for match, verdict in self._verdicts(rule):
                if match.holds is False:
                    continue
                kinds = condition | match.kinds
                ended = self._meet(rule, verdict, kinds)
                if match.holds is None:
                    self.kinds |= match.kinds
                if ended is None:  # returned to the caller
                    if match.holds:
                        return False
                    returned = True
                elif ended and match.holds:
                    return not returned
        return False

    def _meet(self, rule: NftRule, verdict: Any, kinds: Kinds) -> Optional[bool]:
        """Follow a verdict. True: the packet's way ends here; False: it goes on; None: back to the calling chain."""
        kind, value = verdict
        if kind in ("accept", "drop", "unknown", "translated"):
            self.outcomes.append(Outcome(kind, str(rule), kinds, rule))
            return True
        if kind in ("jump", "goto"):
            target: ChainKey = (rule.chain[0], rule.chain[1], value["target"])
            ended = self._chain(self.ruleset.rules.get(target, ()), kinds)
            return ended if kind == "jump" else (ended or None)
        return None if kind == "return" else False

    def _verdicts(self, rule: NftRule) -> Iterator[Tuple[Match, Tuple[str, Any]]]:
        """What the rule decides, and whether the packet meets it: one verdict, or those of a verdict map."""
        so_far = YES
        for expression in rule.expr:
            if not isinstance(expression, dict) or not expression:
                so_far = all_of((so_far, UNCLEAR))
                continue
            (kind, value), *_others = expression.items()
            if kind in VERDICTS:
                applies = self._can_be_rejected(value) if kind == "reject" else YES
                yield all_of((so_far, applies)), (VERDICTS[kind], value)
                return
            if kind == "vmap":
                for match, verdict in self._vmap(value, rule.chain):
                    yield all_of((so_far, match)), verdict
                return
            self.set_bits |= bits_set_by(kind, value)
            if kind == "xt" and xt_decides(value, expression is rule.expr[-1]):
                yield so_far, ("unknown", value)
                return
            so_far = all_of((so_far, self._statement(kind, value, rule.chain)))
            if so_far.holds is False:
                return

    def _can_be_rejected(self, value: Any) -> Match:
        """A rejection asks for the protocol that it answers in, and nft prints no match for that."""
        type_ = value.get("type") if isinstance(value, dict) else None
        is_ipv4 = self.packet.family == IPV4
        answers = {"icmp": is_ipv4, "icmpv6": not is_ipv4, "tcp reset": self.packet.protocol == TCP}
        return Match(answers.get(type_ or "", True))

    def _statement(self, kind: str, value: Any, chain: ChainKey) -> Match:
        if kind == "match":
            return self._match(value, chain)
        if kind == "any":  # what iptables can say in one match and nft cannot
            return any_of(self._match(inner["match"], chain) for inner in value)
        if not self._has_fields_of(value):
            return NO
        if kind in NO_EFFECT or (kind == "xt" and isinstance(value, dict) and value.get("type") == "target"):
            return YES
        if kind in ("limit", "quota", "ct count"):
            return NO if isinstance(value, dict) and value.get("inv") else YES
        if kind in ("set", "meter"):
            inner = value.get("stmt") if isinstance(value, dict) else None
            inner = [inner] if isinstance(inner, dict) else inner or []
            return all_of(self._statement(k, v, chain) for item in inner for k, v in item.items())
        return UNCLEAR

    def _has_fields_of(self, value: Any) -> bool:
        """A statement that uses a header asks for its protocol, and nft prints no match for that."""
        if isinstance(value, dict):
            if "payload" in value and field_of(value, self.packet) is False:
                return False
            value = list(value.values())
        return all(self._has_fields_of(part) for part in value) if isinstance(value, list) else True

    def _match(self, value: Mapping[str, Any], chain: ChainKey) -> Match:
        left, right, operator = value.get("left"), value.get("right"), value.get("op")
        mask = mark_mask(left)
        if mask is not None:
            return self._mark_match(mask, right, operator or "==")
        if isinstance(left, dict) and "concat" in left:
            return self._concatenation(left["concat"], right, operator, chain)
        field = self._field(left)
        if field is False:
            return NO
        if field is None:
            return UNCLEAR
        if isinstance(field, Flags):
            return flags_match(field, right, operator or "==")
        if operator in ("==", "in", "!="):
            match = self._in_values(field, right, chain)
            return match.inverted() if operator == "!=" else match
        return compared(field, operator or "", right) if isinstance(field, Numbers) else UNCLEAR

    def _in_values(self, field: Any, right: Any, chain: ChainKey) -> Match:
        values = self._values(right, chain)
        if values is None:
            return Match(None, frozenset((field.kind,)))
        if isinstance(field, Numbers):
            if field.element == "address" and isinstance(right, str) and right.startswith(nft_ruleset.IPSET):
                # Many thousands of them may be asked for again and again.
                return contained(field, self.ruleset.sets[nft_ruleset.set_key(chain, right)]["addresses"])
            found = [nft_ruleset.interval_of(value, field.element) for value in values]
            if None not in found:
                # Two networks side by side may hold a source that neither holds alone.
                return contained(field, intervals.merged(i for i in found if i is not None))
        return any_of(value_matches(field, value) for value in values)

    def _values(self, right: Any, chain: ChainKey) -> Optional[List[Any]]:
        """The values on the right; None for a set whose members packets add, or that is not there."""
        if isinstance(right, dict) and list(right) == ["|"]:
            return sorted(flag_words(right) or ()) or None
        if not (isinstance(right, str) and right.startswith("@")):
            return nft_ruleset.elements(right)
        key = nft_ruleset.set_key(chain, right)
        if key not in self.ruleset.sets or key in self._dynamic():
            return None
        known = self.ruleset.sets[key].get("elem") or []
        return known if "addresses" in self.ruleset.sets[key] else nft_ruleset.elements(known)

    def _dynamic(self) -> Set[ChainKey]:
        if self._filled_by_packets is None:
            self._filled_by_packets = set(_filled_by_packets(self.ruleset))
        return self._filled_by_packets

    def _field(self, left: Any) -> Any:
        if not isinstance(left, dict) or not isinstance(left.get("ct"), dict):
            return field_of(left, self.packet)
        if self._before_tracking:
            # No connection is known yet, and the kernel says `invalid` then.
            return Words("invalid") if left["ct"].get("key") == "state" else None
        return None if self._may_be_untracked() else ct_field(left["ct"])

    def _may_be_untracked(self) -> bool:
        """Could a rule exempt the packet from connection tracking, so that it is not new?"""
        if self._untracked is None:
            rules = (rule for rules in self.ruleset.rules.values() for rule in rules)
            self._untracked = any(self._exempts(rule) for rule in rules)
        return self._untracked

    def _mark_match(self, mask: int, right: Any, operator: str) -> Match:
        if not isinstance(right, int) or operator not in ("==", "!="):
            return UNCLEAR
        possible = self._possible_bits() & mask
        if right & ~possible:
            match = NO
        else:
            match = UNCLEAR if possible else YES
        return match.inverted() if operator == "!=" else match

    def _possible_bits(self) -> int:
        if self._mark_bits is None:
            before = Walk(self.ruleset, self.packet)
            before._mark_bits, before._untracked = ALL_BITS, True
            for chain in self.ruleset.chains.values():
                if chain.hook in nft_ruleset.HOOKS and self.packet.family in nft_ruleset.TABLE_FAMILIES.get(chain.family, ()):
                    before.base_chain(chain)
            # Cilium marks packets before any rule sees them.
            cilium = any(key[2].startswith("CILIUM_") for key in self.ruleset.chains)
            self._mark_bits = ALL_BITS if cilium else before.set_bits
        return self._mark_bits

    def _exempts(self, rule: NftRule) -> bool:
        if self.packet.family not in nft_ruleset.TABLE_FAMILIES.get(rule.chain[0], ()):
            return False
        kinds = [kind for expression in rule.expr if isinstance(expression, dict) for kind in expression]
        if "notrack" not in kinds:
            return False
        before = [expression for expression in rule.expr[: kinds.index("notrack")] if isinstance(expression, dict)]
        elsewhere = Walk(self.ruleset, self.packet)
        # No circle: what exempts may ask for a mark, and what sets a mark for the state.
        elsewhere._before_tracking, elsewhere._mark_bits = True, ALL_BITS
        matches = (elsewhere._statement(kind, value, rule.chain) for expression in before for kind, value in expression.items())
        return all_of(matches).holds is not False

    def _concatenation(self, parts: Sequence[Any], right: Any, operator: Optional[str], chain: ChainKey) -> Match:
        fields = [self._field(part) for part in parts]
        if any(field is False for field in fields):
            return NO
        values = self._values(right, chain)
        if values is None or any(field is None or isinstance(field, Flags) for field in fields):
            return UNCLEAR
        match = any_of(tuple_matches(fields, value) for value in values)
        return match.inverted() if operator == "!=" else match

    def _vmap(self, value: Mapping[str, Any], chain: ChainKey) -> Iterator[Tuple[Match, Tuple[str, Any]]]:
        """The verdicts of the map that the packet may meet; at most one of them is met."""
        key, data = value.get("key"), value.get("data")
        pairs = self._values(data, chain) if isinstance(data, (dict, str)) else data
        parts = key["concat"] if isinstance(key, dict) and "concat" in key else [key]
        fields = [self._field(part) for part in parts]
        if any(field is False for field in fields):
            return
        if pairs is None or any(field is None or isinstance(field, Flags) for field in fields):
            for pair in pairs or ():
                yield UNCLEAR, verdict_of(pair[1])
            if pairs is None:
                yield UNCLEAR, ("unknown", None)
            return
        default = None
        for element, verdict in (_pair(pair) for pair in pairs):
            if element == "*":
                default = verdict
                continue
            match = tuple_matches(fields, element)
            if match.holds is not False:
                yield match, verdict_of(verdict)
            if match.holds:
                return
        if default is not None:
            yield YES, verdict_of(default)


def _pair(pair: Any) -> Tuple[Any, Any]:
    element, verdict = pair
    return (nft_ruleset.elements(element)[0] if isinstance(element, dict) and "elem" in element else element), verdict


def _filled_by_packets(ruleset: Ruleset) -> Iterator[ChainKey]:
    for rules in ruleset.rules.values():
        for rule in rules:
            for expression in rule.expr:
                value = expression.get("set") if isinstance(expression, dict) else None
                if isinstance(value, dict) and isinstance(value.get("set"), str):
                    yield nft_ruleset.set_key(rule.chain, value["set"])
