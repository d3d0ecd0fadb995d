# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Would nftables admit a new connection? Read from the ruleset, without sending a packet.

Pure. A packet is known in part only (its source and its interface may be anything), so a match is YES, NO or MAYBE, and
what depends on a MAYBE is kept apart by what it depends on: the source, the interface, or something else. An expression
that is not understood is a MAYBE, never a guess.

Taken as given, because an ordinary first packet of a client is like that: the connection is new and not translated, the
packet is no broadcast and has no extension headers, a route back to the source exists, TCP comes from a port above 1023
with SYN alone, and no rate limit, quota or connection count is exceeded. Its mark is what rules on its way set. Translation
before INPUT (nat chains) is not followed: the port of the packet is the port that INPUT sees.
"""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Chain, ChainKey, NftRule, Ruleset

# What a MAYBE depends on.
SOURCE = "source"  # the rule names the sources that it takes: a list of clients, a list of the banned
NOT_SOURCE = "not_source"  # the rule takes all sources but those it names
INTERFACE = "interface"
OTHER = "other"

Kinds = FrozenSet[str]
_NONE: Kinds = frozenset()

TCP, UDP = 6, 17
PROTOCOLS = {"tcp": TCP, "udp": UDP}


class Packet(NamedTuple):
    """The first packet of a connection to this host. `source` and `destination` are empty where they may be any."""

    family: str
    protocol: int
    port: Optional[int] = None
    source: Intervals = ()
    destination: Intervals = ()
    loopback: bool = False


class Match(NamedTuple):
    """`holds` is None for maybe; `kinds` is then what it depends on."""

    holds: Optional[bool]
    kinds: Kinds = _NONE

    def inverted(self) -> Match:
        if self.holds is not None:
            return Match(not self.holds)
        return Match(None, frozenset(NOT_SOURCE if kind == SOURCE else kind for kind in self.kinds))


YES, NO = Match(True), Match(False)
UNCLEAR = Match(None, frozenset((OTHER,)))


def all_of(matches: Iterable[Match]) -> Match:
    kinds: Set[str] = set()
    unsure = False
    for match in matches:
        if match.holds is False:
            return NO
        if match.holds is None:
            unsure = True
            kinds |= match.kinds
    return Match(None, frozenset(kinds)) if unsure else YES


def any_of(matches: Iterable[Match]) -> Match:
    kinds: Set[str] = set()
    unsure = False
    for match in matches:
        if match.holds is True:
            return YES
        if match.holds is None:
            unsure = True
            kinds |= match.kinds
    return Match(None, frozenset(kinds)) if unsure else NO


class _Numbers(NamedTuple):
    """A field with numbers: those that the packet may have there."""

    possible: Intervals
    element: str  # how nft_ruleset.interval_of reads the other side
    kind: str


class _Words(NamedTuple):
    """A field with words: the one that the packet has, or None for unknown, but none of `never`."""

    word: Optional[str]
    kind: str = OTHER
    never: FrozenSet[str] = frozenset()


class _Flags(NamedTuple):
    """TCP flags: a first packet has SYN alone."""

    mask: FrozenSet[str]


_TCP_FLAGS = frozenset(("fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"))
_CLIENT_PORTS: Intervals = ((1024, 65535),)
# What a payload expression of a protocol asks for besides the field.
_PAYLOAD_PROTOCOLS = {
    "tcp": 6,
    "udp": 17,
    "icmp": 1,
    "icmpv6": 58,
    "igmp": 2,
    "sctp": 132,
    "dccp": 33,
    "udplite": 136,
    "esp": 50,
    "ah": 51,
}


def _payload_field(name: Optional[str], field: Optional[str], packet: Packet) -> Any:
    """A _Numbers or _Flags; False when the packet has no such header; None when not understood."""
    if name in ("ip", "ip6"):
        if (name == "ip") != (packet.family == IPV4):
            return False
        if field in ("saddr", "daddr"):
            known, kind = (packet.source, SOURCE) if field == "saddr" else (packet.destination, OTHER)
            return _Numbers(known or intervals.whole_family(packet.family), "address", kind)
        if field in ("protocol", "nexthdr"):
            return _Numbers(((packet.protocol, packet.protocol),), "protocol", OTHER)
        return None
    if name in _PAYLOAD_PROTOCOLS and _PAYLOAD_PROTOCOLS[name] != packet.protocol:
        return False
    if name in ("tcp", "udp", "th") and packet.port is not None:
        if field == "dport":
            return _Numbers(((packet.port, packet.port),), "port", OTHER)
        if field == "sport":
            return _Numbers(_CLIENT_PORTS, "port", OTHER)
        if name == "tcp" and field == "flags":
            return _Flags(_TCP_FLAGS)
    return None


def _meta_field(key: Optional[str], packet: Packet) -> Any:
    if key == "l4proto":
        return _Numbers(((packet.protocol, packet.protocol),), "protocol", OTHER)
    if key == "nfproto":
        return _Words(packet.family)
    if key == "protocol":
        return _Words("ip" if packet.family == IPV4 else "ip6")
    if key in ("iif", "iifname"):
        return _Words("lo", INTERFACE) if packet.loopback else _Words(None, INTERFACE, frozenset(("lo",)))
    if key in ("iiftype", "iifgroup", "iifkind", "sdif", "sdifname", "ibrname", "ibriport"):
        return _Words(None, INTERFACE)
    if key == "pkttype":
        return _Words("host")
    return None


def _ct_field(value: Mapping[str, Any]) -> Any:
    fixed = {"state": "new", "direction": "original", "status": ""}
    return _Words(fixed[value["key"]]) if value.get("key") in fixed and "dir" not in value else None


def _fib_field(value: Mapping[str, Any]) -> Any:
    flags = value.get("flags")
    flags = [flags] if isinstance(flags, str) else flags or []
    if value.get("result") == "type" and "daddr" in flags:
        return _Words("local")
    if value.get("result") == "check" or (value.get("result") in ("oif", "oifname") and "saddr" in flags):
        return _Words("exists", INTERFACE)
    return None


def _field(left: Any, packet: Packet) -> Any:
    """What the packet has in a field of the left side; False when it has no such field, None when not understood."""
    if not isinstance(left, dict):
        return None
    if "payload" in left:
        return _payload_field(*nft_ruleset.payload(left), packet)
    if "meta" in left:
        return _meta_field(nft_ruleset.meta_key(left), packet)
    if isinstance(left.get("ct"), dict):
        return _ct_field(left["ct"])
    if isinstance(left.get("fib"), dict):
        return _fib_field(left["fib"])
    if isinstance(left.get("exthdr"), dict):
        return _Words("missing") if "field" not in left["exthdr"] else False
    if "&" in left and isinstance(left["&"], list) and len(left["&"]) == 2:
        inner, mask = left["&"]
        flags = _flag_words(mask)
        if isinstance(_field(inner, packet), _Flags) and flags is not None:
            return _Flags(flags)
    return None


def _flag_words(right: Any) -> Optional[FrozenSet[str]]:
    """`syn`, ["syn", "ack"] or {"|": ["syn", "ack"]}, nested as old versions do; None when not understood."""
    if isinstance(right, dict) and list(right) == ["|"]:
        right = right["|"]
    if isinstance(right, str):
        return frozenset((right,))
    if right == 0:
        return frozenset()
    if not isinstance(right, list):
        return None
    parts = [_flag_words(part) for part in right]
    return None if None in parts else frozenset(word for part in parts for word in part or ())


def _value_matches(field: Any, value: Any) -> Match:
    """Is what the packet has in the field equal to this one value (or in this range or network)?"""
    if value == "*":
        return YES
    if isinstance(field, _Numbers):
        interval = nft_ruleset.interval_of(value, field.element)
        if interval is None:
            return Match(None, frozenset((field.kind,))) if field.kind == SOURCE else UNCLEAR
        return _contained(field, (interval,))
    if isinstance(field, _Words):
        return _word_matches(field, value)
    return UNCLEAR


def _contained(field: _Numbers, right: Intervals) -> Match:
    shared = intervals.common(field.possible, right)
    if not shared:
        return NO
    return YES if shared == field.possible else Match(None, frozenset((field.kind,)))


def _word_matches(field: _Words, value: Any) -> Match:
    if isinstance(value, bool) and field.word in ("exists", "missing"):
        return YES if value is (field.word == "exists") else NO
    if not isinstance(value, (str, int)):
        return UNCLEAR
    word = str(value)
    if field.word is not None and field.kind != INTERFACE:
        return YES if word == field.word else NO
    if field.word == "exists":
        return Match(None, frozenset((field.kind,)))
    if field.word is not None:
        pattern = word.endswith("*") and field.word.startswith(word[:-1])
        return YES if word == field.word or pattern else NO
    return NO if word in field.never else Match(None, frozenset((field.kind,)))


def _flags_match(field: _Flags, right: Any, operator: str) -> Match:
    wanted = _flag_words(right)
    if wanted is None:
        return UNCLEAR
    present = field.mask & frozenset(("syn",))
    if operator == "in":
        return YES if present & wanted else NO
    if operator not in ("==", "!="):
        return UNCLEAR
    return YES if (present == wanted) == (operator == "==") else NO


def _compared(field: _Numbers, operator: str, right: Any) -> Match:
    interval = nft_ruleset.interval_of(right, field.element)
    if interval is None:
        return UNCLEAR
    top = 1 << 128
    low, high = interval
    ranges = {"<": (0, low - 1), "<=": (0, high), ">": (high + 1, top), ">=": (low, top)}
    if operator not in ranges:
        return UNCLEAR
    wanted = ranges[operator]
    return NO if wanted[0] > wanted[1] else _contained(field, (wanted,))


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
        condition = frozenset((INTERFACE,)) if chain.hook == "ingress" else _NONE
        self.kinds |= condition
        early = chain.hook == "prerouting" and chain.prio < _TRACKING
        self._before_tracking = early or chain.hook == "ingress"
        if not self._chain(self.ruleset.rules.get(chain.key, ()), condition):
            self.outcomes.append(Outcome(chain.policy, "the policy %s of chain %s" % (chain.policy, chain), condition))

    def rules(self, rules: Sequence[NftRule]) -> None:
        """Collect the outcomes of some rules alone."""
        self._chain(rules, _NONE)

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
            if kind in _VERDICTS:
                applies = self._can_be_rejected(value) if kind == "reject" else YES
                yield all_of((so_far, applies)), (_VERDICTS[kind], value)
                return
            if kind == "vmap":
                for match, verdict in self._vmap(value, rule.chain):
                    yield all_of((so_far, match)), verdict
                return
            self.set_bits |= _bits_set_by(kind, value)
            if kind == "xt" and _xt_decides(value, expression is rule.expr[-1]):
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
        if kind in _NO_EFFECT or (kind == "xt" and isinstance(value, dict) and value.get("type") == "target"):
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
            if "payload" in value and _field(value, self.packet) is False:
                return False
            value = list(value.values())
        return all(self._has_fields_of(part) for part in value) if isinstance(value, list) else True

    def _match(self, value: Mapping[str, Any], chain: ChainKey) -> Match:
        left, right, operator = value.get("left"), value.get("right"), value.get("op")
        mask = _mark_mask(left)
        if mask is not None:
            return self._mark_match(mask, right, operator or "==")
        if isinstance(left, dict) and "concat" in left:
            return self._concatenation(left["concat"], right, operator, chain)
        field = self._field(left)
        if field is False:
            return NO
        if field is None:
            return UNCLEAR
        if isinstance(field, _Flags):
            return _flags_match(field, right, operator or "==")
        if operator in ("==", "in", "!="):
            match = self._in_values(field, right, chain)
            return match.inverted() if operator == "!=" else match
        return _compared(field, operator or "", right) if isinstance(field, _Numbers) else UNCLEAR

    def _in_values(self, field: Any, right: Any, chain: ChainKey) -> Match:
        values = self._values(right, chain)
        if values is None:
            return Match(None, frozenset((field.kind,)))
        if isinstance(field, _Numbers):
            if field.element == "address" and isinstance(right, str) and right.startswith(nft_ruleset.IPSET):
                # Many thousands of them may be asked for again and again.
                addresses = self.ruleset.sets[nft_ruleset.set_key(chain, right)].get("addresses")
                if addresses is not None:
                    return _contained(field, addresses)
            found = [nft_ruleset.interval_of(value, field.element) for value in values]
            if None not in found:
                # Two networks side by side may hold a source that neither holds alone.
                return _contained(field, intervals.merged(i for i in found if i is not None))
        return any_of(_value_matches(field, value) for value in values)

    def _values(self, right: Any, chain: ChainKey) -> Optional[List[Any]]:
        """The values on the right; None for a set whose members packets add, or that is not there."""
        if isinstance(right, dict) and list(right) == ["|"]:
            return sorted(_flag_words(right) or ()) or None
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
            return _field(left, self.packet)
        if self._before_tracking:
            # No connection is known yet, and the kernel says `invalid` then.
            return _Words("invalid") if left["ct"].get("key") == "state" else None
        return None if self._may_be_untracked() else _ct_field(left["ct"])

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
            before._mark_bits, before._untracked = _ALL_BITS, True
            for chain in self.ruleset.chains.values():
                if chain.hook in nft_ruleset.HOOKS and self.packet.family in nft_ruleset.TABLE_FAMILIES.get(chain.family, ()):
                    before.base_chain(chain)
            # Cilium marks packets before any rule sees them.
            cilium = any(key[2].startswith("CILIUM_") for key in self.ruleset.chains)
            self._mark_bits = _ALL_BITS if cilium else before.set_bits
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
        elsewhere._before_tracking, elsewhere._mark_bits = True, _ALL_BITS
        matches = (elsewhere._statement(kind, value, rule.chain) for expression in before for kind, value in expression.items())
        return all_of(matches).holds is not False

    def _concatenation(self, parts: Sequence[Any], right: Any, operator: Optional[str], chain: ChainKey) -> Match:
        fields = [self._field(part) for part in parts]
        if any(field is False for field in fields):
            return NO
        values = self._values(right, chain)
        if values is None or any(field is None or isinstance(field, _Flags) for field in fields):
            return UNCLEAR
        match = any_of(_tuple_matches(fields, value) for value in values)
        return match.inverted() if operator == "!=" else match

    def _vmap(self, value: Mapping[str, Any], chain: ChainKey) -> Iterator[Tuple[Match, Tuple[str, Any]]]:
        """The verdicts of the map that the packet may meet; at most one of them is met."""
        key, data = value.get("key"), value.get("data")
        pairs = self._values(data, chain) if isinstance(data, (dict, str)) else data
        parts = key["concat"] if isinstance(key, dict) and "concat" in key else [key]
        fields = [self._field(part) for part in parts]
        if any(field is False for field in fields):
            return
        if pairs is None or any(field is None or isinstance(field, _Flags) for field in fields):
            for pair in pairs or ():
                yield UNCLEAR, _verdict_of(pair[1])
            if pairs is None:
                yield UNCLEAR, ("unknown", None)
            return
        default = None
        for element, verdict in (_pair(pair) for pair in pairs):
            if element == "*":
                default = verdict
                continue
            match = _tuple_matches(fields, element)
            if match.holds is not False:
                yield match, _verdict_of(verdict)
            if match.holds:
                return
        if default is not None:
            yield YES, _verdict_of(default)


_VERDICTS = {
    "accept": "accept",
    "drop": "drop",
    "reject": "drop",
    "return": "return",
    "continue": "continue",
    "jump": "jump",
    "goto": "goto",
    "dnat": "translated",
    "redirect": "translated",
    # These hand the packet to somebody who decides later.
    "queue": "unknown",
    "synproxy": "unknown",
    "tproxy": "unknown",
}
# Statements that let the packet go on as it is.
_NO_EFFECT = frozenset(
    (
        "counter",
        "log",
        "mangle",
        "notrack",
        "ct helper",
        "ct timeout",
        "ct expectation",
        "secmark",
        "dup",
        "flow",
        "map",
        "last",
        "comment",
    )
)


_ALL_BITS = 0xFFFFFFFF


def _mark_mask(left: Any) -> Optional[int]:
    """The bits that a match of the packet's mark asks for; None for a match of anything else."""
    if nft_ruleset.meta_key(left) == "mark":
        return _ALL_BITS
    parts = left.get("&") if isinstance(left, dict) else None
    if isinstance(parts, list) and len(parts) == 2 and nft_ruleset.meta_key(parts[0]) == "mark" and isinstance(parts[1], int):
        return parts[1]
    return None


def _bits_set_by(kind: str, value: Any) -> int:
    """The bits of a packet's mark that this statement may set."""
    if kind == "xt":
        named = isinstance(value, dict) and (value.get("type") == "match" or value.get("name") not in ("MARK", "CONNMARK"))
        return 0 if named else _ALL_BITS
    if kind != "mangle" or not isinstance(value, dict) or nft_ruleset.meta_key(value.get("key")) != "mark":
        return 0
    return _bits_of(value.get("value"))


def _bits_of(value: Any) -> int:
    """The bits that a new mark may have and the old one had not."""
    if isinstance(value, int):
        return value & _ALL_BITS
    if nft_ruleset.meta_key(value) == "mark":
        return 0
    if isinstance(value, dict) and len(value) == 1:
        (operator, parts), *_others = value.items()
        if isinstance(parts, list) and len(parts) == 2:
            first, second = _bits_of(parts[0]), _bits_of(parts[1])
            if operator in ("|", "^"):
                return first | second
            if operator == "&":
                # Of the old mark no bit is new, whatever is left of it.
                return 0 if 0 in (first, second) else first & second
    return _ALL_BITS


# Extensions of iptables, those of Cumulus Linux too, that change, count or log a packet and let it go on.
_XT_NO_VERDICT = frozenset(
    (
        "AUDIT",
        "CHECKSUM",
        "CLASSIFY",
        "CONNMARK",
        "CONNSECMARK",
        "CT",
        "DSCP",
        "ECN",
        "ERSPAN",
        "HL",
        "IDLETIMER",
        "LED",
        "LOG",
        "MARK",
        "NFLOG",
        "POLICE",
        "RATEEST",
        "SECMARK",
        "SET",
        "SETCLASS",
        "SETQOS",
        "SPAN",
        "TCPMSS",
        "TCPOPTSTRIP",
        "TEE",
        "TOS",
        "TRACE",
        "TRICOLORPOLICE",
        "TTL",
        "ULOG",
    )
)


def _xt_decides(value: Any, last: bool) -> bool:
    """May this extension of iptables decide about the packet? Old versions of nft print no more of it than that it is there."""
    if not isinstance(value, dict) or "type" not in value:
        return last
    return value["type"] == "target" and value.get("name") not in _XT_NO_VERDICT


def _verdict_of(value: Any) -> Tuple[str, Any]:
    (kind, target), *_others = value.items()
    return _VERDICTS.get(kind, "unknown"), target


def _pair(pair: Any) -> Tuple[Any, Any]:
    element, verdict = pair
    return (nft_ruleset.elements(element)[0] if isinstance(element, dict) and "elem" in element else element), verdict


def _tuple_matches(fields: Sequence[Any], value: Any) -> Match:
    if value == "*":
        return YES
    if len(fields) == 1:
        if isinstance(value, dict) and "set" in value:
            return any_of(_value_matches(fields[0], part) for part in nft_ruleset.elements(value))
        return _value_matches(fields[0], value)
    parts = value.get("concat") if isinstance(value, dict) else None
    if not isinstance(parts, list) or len(parts) != len(fields):
        return UNCLEAR
    return all_of(_value_matches(field, part) for field, part in zip(fields, parts))


def _filled_by_packets(ruleset: Ruleset) -> Iterator[ChainKey]:
    for rules in ruleset.rules.values():
        for rule in rules:
            for expression in rule.expr:
                value = expression.get("set") if isinstance(expression, dict) else None
                if isinstance(value, dict) and isinstance(value.get("set"), str):
                    yield nft_ruleset.set_key(rule.chain, value["set"])


class Judgement(NamedTuple):
    """`state` is `admitted`, `dropped`, `unknown`, or `partial`: admitted from some sources and dropped from others."""

    state: str
    reason: str


PARTIAL = "partial"
_SOURCE_KINDS = frozenset((SOURCE, NOT_SOURCE))


def judge_chain(ruleset: Ruleset, chain: Chain, packet: Packet) -> Tuple[Judgement, List[Outcome]]:
    walk = Walk(ruleset, packet)
    walk.base_chain(chain)
    refusing = [o for o in walk.outcomes if o.verdict != "accept"]
    accepting = [o for o in walk.outcomes if o.verdict == "accept"]
    if not refusing:
        return Judgement("admitted", ""), walk.outcomes
    if not accepting and all(o.verdict == "drop" for o in refusing):
        # The outcome with the fewest conditions is the one that people look for.
        return Judgement("dropped", min(refusing, key=lambda o: len(o.kinds)).where), walk.outcomes
    # Refused for some sources alone, or admitted for some sources alone.
    by_source = all(o.kinds & _SOURCE_KINDS for o in refusing) or walk.kinds <= _SOURCE_KINDS
    if by_source and all(o.verdict == "drop" for o in refusing):
        return Judgement(PARTIAL, refusing[0].where), walk.outcomes
    return Judgement("unknown", refusing[0].where), walk.outcomes


def judge(ruleset: Ruleset, packet: Packet) -> Judgement:
    """What all chains together do with the packet: the first that drops it decides."""
    found = Judgement("admitted", "")
    rank = {"admitted": 0, PARTIAL: 1, "unknown": 2, "dropped": 3}
    for chain in ruleset.base_chains():
        if packet.family not in nft_ruleset.TABLE_FAMILIES[chain.family]:
            continue
        judgement, _outcomes = judge_chain(ruleset, chain, packet)
        if rank[judgement.state] > rank[found.state]:
            found = judgement
        if found.state == "dropped":
            break
    return found


def can_refuse(ruleset: Ruleset, chain: Chain) -> bool:
    """Could any packet be dropped in this base chain?"""
    return chain.policy != "accept" or _refuses(ruleset, chain.key, set())


# Beyond so many ports that rules tell apart, what could be refused counts as refused.
_MOST_PORTS = 200


def shuts_out(ruleset: Ruleset, chain: Chain) -> bool:
    """Does this base chain refuse new connections to any port, other than those of sources that it names as banned?"""
    if not can_refuse(ruleset, chain):
        return False
    table = chain.key[:2]
    rules = {key: rules for key, rules in ruleset.rules.items() if key[:2] == table}
    sets = {key: value for key, value in ruleset.sets.items() if key[:2] in (table, ("ipset", ""))}
    ports = sample_ports(ruleset._replace(rules=rules, sets=sets), intervals.PORTS)
    if len(ports) > _MOST_PORTS:
        return True
    families = nft_ruleset.TABLE_FAMILIES[chain.family]
    packets = (Packet(family, protocol, port) for port in ports for family in families for protocol in (TCP, UDP))
    return any(_shuts_out(ruleset, chain, packet) for packet in packets)


def _shuts_out(ruleset: Ruleset, chain: Chain, packet: Packet) -> bool:
    walk = Walk(ruleset, packet)
    walk.base_chain(chain)
    return any(outcome.verdict != "accept" and SOURCE not in outcome.kinds for outcome in walk.outcomes)


def _refuses(ruleset: Ruleset, key: ChainKey, seen: Set[ChainKey]) -> bool:
    seen.add(key)
    for rule in ruleset.rules.get(key, ()):
        for kind, value in _all_verdicts(ruleset, rule):
            if kind in ("drop", "unknown"):
                return True
            if kind in ("jump", "goto"):
                target = (key[0], key[1], value.get("target"))
                if target not in seen and _refuses(ruleset, target, seen):
                    return True
    return False


def _all_verdicts(ruleset: Ruleset, rule: NftRule) -> Iterator[Tuple[str, Any]]:
    for expression in rule.expr:
        for kind, value in expression.items() if isinstance(expression, dict) else ():
            if kind in _VERDICTS:
                yield _VERDICTS[kind], value
            elif kind == "xt" and _xt_decides(value, expression is rule.expr[-1]):
                yield "unknown", value
            elif kind == "vmap":
                data = value.get("data")
                if isinstance(data, str):
                    data = (ruleset.sets.get((rule.chain[0], rule.chain[1], data[1:])) or {}).get("elem") or []
                for pair in nft_ruleset.elements(data):
                    yield _verdict_of(pair[1])


def filters(ruleset: Ruleset, family: Optional[str] = None) -> bool:
    """Does this ruleset refuse anything that comes to the host (in that family)?"""
    return any(
        can_refuse(ruleset, chain)
        for chain in ruleset.base_chains()
        if family is None or family in nft_ruleset.TABLE_FAMILIES[chain.family]
    )


def sample_ports(ruleset: Ruleset, ports: Intervals) -> List[int]:
    """One port of every stretch of `ports` that no rule of the ruleset tells apart."""
    cuts = {low for low, _high in ports}
    for number in _port_constants(ruleset):
        cuts.add(number)
    return sorted(cut for cut in cuts if any(low <= cut <= high for low, high in ports))


def _port_constants(ruleset: Ruleset) -> Iterator[int]:
    """The first port of every range that a rule or set names, and the first one after it."""
    found: Dict[int, None] = {}
    todo: List[Any] = [rule.expr for rules in ruleset.rules.values() for rule in rules]
    todo.extend(value.get("elem") for value in ruleset.sets.values() if "addresses" not in value)
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            if "range" in value and isinstance(value["range"], list) and isinstance(value["range"][0], int):
                low, high = value["range"]
                found.update({low: None, high + 1: None})
            else:
                todo.extend(value.values())
        elif isinstance(value, (list, tuple)):
            todo.extend(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            found.update({value: None, value + 1: None})
    return iter(found)
