# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the matches of iptables ask for, in the words of nftables.

Pure. Each handler gives the expressions of one option, or None when it does not understand its value. What is not understood
becomes `{"xt": ...}`, as nft prints the extensions of iptables: unclear, never a guess.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.ipt_sets import IpSet
from ansible_collections.netports.core.plugins.module_utils._firewall.ipt_text import Option, Part

Expression = Dict[str, Any]


class Context(NamedTuple):
    family: str
    protocol: str
    sets: Mapping[str, IpSet]

    @property
    def header(self) -> str:
        return "ip6" if self.family == IPV6 else "ip"


_Handler = Callable[[Option, Context], Optional[List[Expression]]]


def _match(left: Any, right: Any, operator: str = "==") -> Expression:
    return {"match": {"op": operator, "left": left, "right": right}}


def meta(key: str) -> Any:
    return {"meta": {"key": key}}


def _payload(protocol: str, field: str) -> Any:
    return {"payload": {"protocol": protocol, "field": field}}


def _never(context: Context, negated: bool) -> Expression:
    """What no packet meets here, or every packet does."""
    other = IPV4 if context.family == IPV6 else IPV6
    return _match(meta("nfproto"), other, "!=" if negated else "==")


def _protocol(option: Option, _context: Context) -> Optional[List[Expression]]:
    number = nft_ruleset.protocol_number(option.value)
    # `all` and 0 are every protocol.
    if option.value in ("all", "0"):
        return None if option.negated else []
    return None if number is None else [_match(meta("l4proto"), number, option.operator)]


def _address(field: str, option: Option, context: Context) -> Optional[List[Expression]]:
    address, _slash, mask = option.value.partition("/")
    bits = intervals.BITS[context.family]
    length = _prefix_length(mask, bits)
    if length is None:
        return None
    right: Any = address if length == bits else {"prefix": {"addr": address, "len": length}}
    return [_match(_payload(context.header, field), right, option.operator)]


def _prefix_length(mask: str, bits: int) -> Optional[int]:
    """The length of a mask in either form; None for one that is no prefix."""
    if not mask or mask.isdigit():
        length = int(mask) if mask else bits
        return length if length <= bits else None
    try:
        inverted = (1 << bits) - 1 - intervals.number_of(mask)
    except ValueError:
        return None
    return bits - inverted.bit_length() if inverted & (inverted + 1) == 0 else None


def _interface(key: str, option: Option, _context: Context) -> Optional[List[Expression]]:
    name = option.value
    return [_match(meta(key), name[:-1] + "*" if name.endswith("+") else name, option.operator)]


def _port(text: str) -> Any:
    """`22`, or `80:90` with either end left out; None for anything else."""
    low, colon, high = text.partition(":")
    if not colon:
        return nft_ruleset.port_number(low)
    low, high = low or "0", high or "65535"
    return {"range": [int(low), int(high)]} if low.isdigit() and high.isdigit() else None


def _ports(text: str) -> Optional[Any]:
    values = [_port(part) for part in text.split(",")]
    return None if None in values else {"set": values}


def _port_match(field: str, option: Option, context: Context) -> Optional[List[Expression]]:
    port = _port(option.value)
    return None if port is None else [_match(_payload(context.protocol, field), port, option.operator)]


def _multiport(fields: Sequence[str], option: Option, context: Context) -> Optional[List[Expression]]:
    ports = _ports(option.value)
    if ports is None or not context.protocol:
        return None
    matches = [_match(_payload(context.protocol, field), ports, option.operator) for field in fields]
    # One of the two ports is enough, and for the negation neither may be.
    return matches if option.negated or len(matches) == 1 else [{"any": matches}]


def _range(field: str, option: Option, context: Context) -> Optional[List[Expression]]:
    low, _hyphen, high = option.value.partition("-")
    return [_match(_payload(context.header, field), {"range": [low, high or low]}, option.operator)]


_TCP_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg")


def _flag_list(text: str) -> Any:
    words = [word for word in text.lower().split(",") if word != "none"]
    words = list(_TCP_FLAGS) if "all" in words else words
    if not set(words) <= set(_TCP_FLAGS):
        return None
    return {"|": words} if words else 0


def _tcp_flags(option: Option, context: Context) -> Optional[List[Expression]]:
    values = ("FIN,SYN,RST,ACK", "SYN") if option.name == "--syn" else option.values
    if len(values) != 2 or context.protocol != "tcp":
        return None
    mask, wanted = _flag_list(values[0]), _flag_list(values[1])
    if mask is None or wanted is None:
        return None
    return [_match({"&": [_payload("tcp", "flags"), mask]}, wanted, option.operator)]


def _icmp(protocol: str, option: Option, _context: Context) -> Optional[List[Expression]]:
    return [_match(_payload(protocol, "type"), option.value, option.operator)]


def _later_fragment(option: Option, context: Context) -> Optional[List[Expression]]:
    # All but the first fragment of a packet, and a first packet is whole.
    return [_never(context, option.negated)]


def _segment_size(option: Option, context: Context) -> Optional[List[Expression]]:
    """A first packet of TCP offers segments of a usual size, from the least that hosts must take on."""
    low, colon, high = option.value.partition(":")
    if context.protocol != "tcp" or not (colon and low.isdigit() and high.isdigit() and int(low) <= 536 and int(high) >= 9000):
        return None
    return [_never(context, not option.negated)]


_CT_STATES = frozenset(("invalid", "new", "established", "related", "untracked", "snat", "dnat"))


def _ct_state(option: Option, _context: Context) -> Optional[List[Expression]]:
    # SNAT and DNAT are states to iptables and bits of the status to nft; no packet that is not translated has them.
    words = option.value.lower().split(",")
    if not set(words) <= _CT_STATES:
        return None
    return [_match({"ct": {"key": "state"}}, {"set": words}, option.operator)]


def _ct_direction(option: Option, _context: Context) -> Optional[List[Expression]]:
    return [_match({"ct": {"key": "direction"}}, option.value.lower(), option.operator)]


def _destination_type(option: Option, context: Context) -> Optional[List[Expression]]:
    types = option.value.lower().split(",")
    # ip6tables has a meaning of its own for the others, and for several.
    if context.family == IPV6 and types not in (["local"], ["multicast"]):
        return None
    return [_match({"fib": {"result": "type", "flags": ["daddr"]}}, {"set": types}, option.operator)]


def _mark(option: Option, _context: Context) -> Optional[List[Expression]]:
    value, _slash, mask = option.value.partition("/")
    try:
        left = {"&": [meta("mark"), int(mask, 0)]} if mask else meta("mark")
        return [_match(left, int(value, 0), option.operator)]
    except ValueError:
        return None


_PACKET_TYPES = {"unicast": "host", "host": "host", "broadcast": "broadcast", "multicast": "multicast"}


def _packet_type(option: Option, _context: Context) -> Optional[List[Expression]]:
    word = _PACKET_TYPES.get(option.value)
    return None if word is None else [_match(meta("pkttype"), word, option.operator)]


def _limit(inverted: bool, option: Option, _context: Context) -> Optional[List[Expression]]:
    return None if option.negated else [{"limit": {"rate": option.value, "inv": inverted}}]


def _connection_count(over: bool, option: Option, _context: Context) -> Optional[List[Expression]]:
    # With none allowed, the first is too many.
    if not option.value.isdigit() or int(option.value) == 0:
        return None
    return [{"ct count": {"val": int(option.value), "inv": over != option.negated}}]


def _ipset(option: Option, context: Context) -> Optional[List[Expression]]:
    if len(option.values) != 2:
        return None
    name, directions = option.values[0], option.values[1].split(",")
    reference = nft_ruleset.IPSET + name
    known = context.sets.get(name)
    if known is None or known.elements is None:
        # Whatever is in it, it names the sources that it takes.
        if directions != ["src"] or (known is not None and known.fields != ("address",)):
            return None
        return [_match(_payload(context.header, "saddr"), reference, option.operator)]
    if known.family not in ("", context.family) or len(directions) < len(known.fields):
        return [_never(context, option.negated)]
    fields: List[Any] = []
    for kind, direction in zip(known.fields, directions):
        letter = "s" if direction == "src" else "d"
        if kind == "address":
            fields.append(_payload(context.header, letter + "addr"))
        else:
            fields += [meta("l4proto")] * (len(known.fields) > 1) + [_payload("th", letter + "port")]
    return [_match(fields[0] if len(fields) == 1 else {"concat": fields}, reference, option.operator)]


def _seen_lately(option: Option, context: Context) -> Optional[List[Expression]]:
    # The list of recent sources, of which nobody knows what it holds.
    return [_match(_payload(context.header, "saddr"), "@recent", option.operator)]


def _nothing(option: Option, _context: Context) -> Optional[List[Expression]]:
    """An option that says how, not whether."""
    return None if option.negated else []


def _bookkeeping(_option: Option, _context: Context) -> Optional[List[Expression]]:
    return []


def _routing_header(field: str, option: Option, _context: Context) -> Optional[List[Expression]]:
    return [_match({"exthdr": {"name": "rt", "field": field}}, option.value, option.operator)]


def _route_back(part: Part) -> List[Expression]:
    inverted = any(option.name == "--invert" for option in part.options)
    return [_match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, not inverted)]


_PORT_OPTIONS: Dict[str, _Handler] = {
    "--dport": partial(_port_match, "dport"),
    "--destination-port": partial(_port_match, "dport"),
    "--sport": partial(_port_match, "sport"),
    "--source-port": partial(_port_match, "sport"),
}
_STATE_OPTIONS: Dict[str, _Handler] = {"--state": _ct_state, "--ctstate": _ct_state, "--ctdir": _ct_direction}
# By name of the match (empty: iptables itself) and option.
_HANDLERS: Dict[str, Dict[str, _Handler]] = {
    "": {
        "-p": _protocol,
        "--protocol": _protocol,
        "-s": partial(_address, "saddr"),
        "--source": partial(_address, "saddr"),
        "-d": partial(_address, "daddr"),
        "--destination": partial(_address, "daddr"),
        "-i": partial(_interface, "iifname"),
        "--in-interface": partial(_interface, "iifname"),
        "-o": partial(_interface, "oifname"),
        "--out-interface": partial(_interface, "oifname"),
        "-f": _later_fragment,
        "--fragment": _later_fragment,
        "-c": _bookkeeping,
        "--set-counters": _bookkeeping,
    },
    "tcp": dict(_PORT_OPTIONS, **{"--tcp-flags": _tcp_flags, "--syn": _tcp_flags}),
    "udp": _PORT_OPTIONS,
    "sctp": _PORT_OPTIONS,
    "dccp": _PORT_OPTIONS,
    "udplite": _PORT_OPTIONS,
    "multiport": {
        "--dports": partial(_multiport, ("dport",)),
        "--destination-ports": partial(_multiport, ("dport",)),
        "--sports": partial(_multiport, ("sport",)),
        "--source-ports": partial(_multiport, ("sport",)),
        "--ports": partial(_multiport, ("sport", "dport")),
    },
    "iprange": {"--src-range": partial(_range, "saddr"), "--dst-range": partial(_range, "daddr")},
    "icmp": {"--icmp-type": partial(_icmp, "icmp")},
    "icmp6": {"--icmpv6-type": partial(_icmp, "icmpv6")},
    "conntrack": _STATE_OPTIONS,
    "state": _STATE_OPTIONS,
    "addrtype": {"--dst-type": _destination_type},
    "mark": {"--mark": _mark},
    "pkttype": {"--pkt-type": _packet_type},
    "tcpmss": {"--mss": _segment_size},
    "limit": {"--limit": partial(_limit, False), "--limit-burst": _nothing},
    "hashlimit": {
        "--hashlimit-upto": partial(_limit, False),
        "--hashlimit": partial(_limit, False),
        "--hashlimit-above": partial(_limit, True),
    },
    "connlimit": {"--connlimit-upto": partial(_connection_count, False), "--connlimit-above": partial(_connection_count, True)},
    "set": {"--match-set": _ipset, "--update-counters": _bookkeeping, "--update-subcounters": _bookkeeping},
    "recent": {"--set": _nothing, "--rcheck": _seen_lately, "--update": _seen_lately, "--remove": _seen_lately},
    "rt": {
        "--rt-type": partial(_routing_header, "type"),
        "--rt-segsleft": partial(_routing_header, "seg-left"),
        "--rt-len": partial(_routing_header, "hdrlength"),
    },
    "comment": {"--comment": _nothing},
}
# What iptables takes without a match.
OWN_OPTIONS = frozenset(_HANDLERS[""])
# Options that say how a match counts, by the beginning of their names.
_DETAILS = {
    "hashlimit": ("--hashlimit-",),
    "connlimit": ("--connlimit-mask", "--connlimit-saddr"),
    "recent": ("--seconds", "--hitcount", "--reap", "--rttl", "--name", "--mask", "--rsource"),
}
# Matches that ask something without any option.
_NEEDS_OPTION = frozenset(("set", "recent", "rt", "icmp", "icmp6", "conntrack", "state", "addrtype", "mark", "multiport"))


def unclear(name: str) -> Expression:
    return {"xt": {"type": "match", "name": name or "iptables"}}


def _counts_hits(part: Part) -> bool:
    """Several packets of a source within a time are a rate, and none is exceeded by the first."""
    return any(o.name == "--hitcount" and o.value.isdigit() and int(o.value) > 1 for o in part.options)


def _option(part: str, option: Option, context: Context) -> Optional[List[Expression]]:
    handler = _HANDLERS[part].get(option.name)
    if handler is None and option.name.startswith(_DETAILS.get(part, ("\0",))):
        handler = _nothing
    return None if handler is None else handler(option, context)


def expressions(part: Part, context: Context) -> List[Expression]:
    if part.name == "rpfilter":
        return _route_back(part)
    if part.name == "recent" and _counts_hits(part):
        return [{"limit": {"rate": "recent", "inv": not any(option.negated for option in part.options)}}]
    if part.name not in _HANDLERS or (not part.options and part.name in _NEEDS_OPTION):
        return [unclear(part.name)]
    found = [_option(part.name, option, context) for option in part.options]
    if part.name and None in found:
        # One option that is not understood may change what the others mean.
        return [unclear(part.name)]
    return [expression for one in found for expression in (one if one is not None else [unclear("")])]
