# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does a packet have what an expression of nftables asks for?

Pure. A packet is known in part only (its source and its interface may be anything), so a match is YES, NO or MAYBE, and
what depends on a MAYBE is kept apart by what it depends on: the source, the interface, or something else. An expression
that is not understood is a MAYBE, never a guess.
"""

from __future__ import annotations

from typing import Any, FrozenSet, Iterable, Mapping, NamedTuple, Optional, Sequence, Set

from ansible_collections.netports.core.plugins.module_utils._address import IPV4
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Intervals

# What a MAYBE depends on.
SOURCE = "source"  # the rule names the sources that it takes: a list of clients, a list of the banned
NOT_SOURCE = "not_source"  # the rule takes all sources but those it names
INTERFACE = "interface"
OTHER = "other"

Kinds = FrozenSet[str]
NO_KINDS: Kinds = frozenset()

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
    kinds: Kinds = NO_KINDS

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


class Numbers(NamedTuple):
    """A field with numbers: those that the packet may have there."""

    possible: Intervals
    element: str  # how nft_ruleset.interval_of reads the other side
    kind: str


class Words(NamedTuple):
    """A field with words: the one that the packet has, or None for unknown, but none of `never`."""

    word: Optional[str]
    kind: str = OTHER
    never: FrozenSet[str] = frozenset()


class Flags(NamedTuple):
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
    """A Numbers or Flags; False when the packet has no such header; None when not understood."""
    if name in ("ip", "ip6"):
        if (name == "ip") != (packet.family == IPV4):
            return False
        if field in ("saddr", "daddr"):
            known, kind = (packet.source, SOURCE) if field == "saddr" else (packet.destination, OTHER)
            return Numbers(known or intervals.whole_family(packet.family), "address", kind)
        if field in ("protocol", "nexthdr"):
            return Numbers(((packet.protocol, packet.protocol),), "protocol", OTHER)
        return None
    if name in _PAYLOAD_PROTOCOLS and _PAYLOAD_PROTOCOLS[name] != packet.protocol:
        return False
    if name in ("tcp", "udp", "th") and packet.port is not None:
        if field == "dport":
            return Numbers(((packet.port, packet.port),), "port", OTHER)
        if field == "sport":
            return Numbers(_CLIENT_PORTS, "port", OTHER)
        if name == "tcp" and field == "flags":
            return Flags(_TCP_FLAGS)
    return None


def _meta_field(key: Optional[str], packet: Packet) -> Any:
    if key == "l4proto":
        return Numbers(((packet.protocol, packet.protocol),), "protocol", OTHER)
    if key == "nfproto":
        return Words(packet.family)
    if key == "protocol":
        return Words("ip" if packet.family == IPV4 else "ip6")
    if key in ("iif", "iifname"):
        return Words("lo", INTERFACE) if packet.loopback else Words(None, INTERFACE, frozenset(("lo",)))
    if key in ("iiftype", "iifgroup", "iifkind", "sdif", "sdifname", "ibrname", "ibriport"):
        return Words(None, INTERFACE)
    if key == "pkttype":
        return Words("host")
    return None


def ct_field(value: Mapping[str, Any]) -> Any:
    fixed = {"state": "new", "direction": "original", "status": ""}
    return Words(fixed[value["key"]]) if value.get("key") in fixed and "dir" not in value else None


def _fib_field(value: Mapping[str, Any]) -> Any:
    flags = value.get("flags")
    flags = [flags] if isinstance(flags, str) else flags or []
    if value.get("result") == "type" and "daddr" in flags:
        return Words("local")
    if value.get("result") == "check" or (value.get("result") in ("oif", "oifname") and "saddr" in flags):
        return Words("exists", INTERFACE)
    return None


def field_of(left: Any, packet: Packet) -> Any:
    """What the packet has in a field of the left side; False when it has no such field, None when not understood.

    Not for connection tracking, whose fields depend on where the packet is (`ct_field`).
    """
    if not isinstance(left, dict):
        return None
    if "payload" in left:
        return _payload_field(*nft_ruleset.payload(left), packet)
    if "meta" in left:
        return _meta_field(nft_ruleset.meta_key(left), packet)
    if isinstance(left.get("fib"), dict):
        return _fib_field(left["fib"])
    if isinstance(left.get("exthdr"), dict):
        return Words("missing") if "field" not in left["exthdr"] else False
    if "&" in left and isinstance(left["&"], list) and len(left["&"]) == 2:
        inner, mask = left["&"]
        flags = flag_words(mask)
        if isinstance(field_of(inner, packet), Flags) and flags is not None:
            return Flags(flags)
    return None


def flag_words(right: Any) -> Optional[FrozenSet[str]]:
    """`syn`, ["syn", "ack"] or {"|": ["syn", "ack"]}, nested as old versions do; None when not understood."""
    if isinstance(right, dict) and list(right) == ["|"]:
        right = right["|"]
    if isinstance(right, str):
        return frozenset((right,))
    if right == 0:
        return frozenset()
    if not isinstance(right, list):
        return None
    parts = [flag_words(part) for part in right]
    return None if None in parts else frozenset(word for part in parts for word in part or ())


def value_matches(field: Any, value: Any) -> Match:
    """Is what the packet has in the field equal to this one value (or in this range or network)?"""
    if value == "*":
        return YES
    if isinstance(field, Numbers):
        interval = nft_ruleset.interval_of(value, field.element)
        if interval is None:
            return Match(None, frozenset((field.kind,)))
        return contained(field, (interval,))
    return _word_matches(field, value)


def contained(field: Numbers, right: Intervals) -> Match:
    shared = intervals.common(field.possible, right)
    if not shared:
        return NO
    return YES if shared == field.possible else Match(None, frozenset((field.kind,)))


def _word_matches(field: Words, value: Any) -> Match:
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


def flags_match(field: Flags, right: Any, operator: str) -> Match:
    wanted = flag_words(right)
    if wanted is None:
        return UNCLEAR
    present = field.mask & frozenset(("syn",))
    if operator == "in":
        return YES if present & wanted else NO
    if operator not in ("==", "!="):
        return UNCLEAR
    return YES if (present == wanted) == (operator == "==") else NO


def compared(field: Numbers, operator: str, right: Any) -> Match:
    interval = nft_ruleset.interval_of(right, field.element)
    if interval is None:
        return UNCLEAR
    top = 1 << 128
    low, high = interval
    ranges = {"<": (0, low - 1), "<=": (0, high), ">": (high + 1, top), ">=": (low, top)}
    return contained(field, (ranges[operator],)) if operator in ranges else UNCLEAR


def tuple_matches(fields: Sequence[Any], value: Any) -> Match:
    if value == "*":
        return YES
    if len(fields) == 1:
        if isinstance(value, dict) and "set" in value:
            return any_of(value_matches(fields[0], part) for part in nft_ruleset.elements(value))
        return value_matches(fields[0], value)
    parts = value.get("concat") if isinstance(value, dict) else None
    if not isinstance(parts, list) or len(parts) != len(fields):
        return UNCLEAR
    return all_of(value_matches(field, part) for field, part in zip(fields, parts))
