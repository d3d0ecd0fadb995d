# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of iptables and ip6tables, as `iptables-save` prints them in either flavour, in the words of nftables.

Pure. A rule becomes the expressions that nft prints for a rule of its own that asks the same, so that `nft_admission`
judges both. A match that is not understood becomes `{"xt": ...}`, as nft prints the extensions of iptables: unclear, never
a guess. The line that a rule was read from stays with it as `NftRule.line`, and its place in the chain as `NftRule.handle`
(from 1, as iptables counts).
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, ipt_sets, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.ipt_sets import IpSet
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Chain, NftRule, Ruleset

Expression = Dict[str, Any]

_HOOKS = {"PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output", "POSTROUTING": "postrouting"}
# Those of nat differ by hook and are not followed.
_PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SET_NAME = re.compile(r"--match-set (\S+) ")
_COUNTERS = re.compile(r"^\[\d+:\d+\]\s+")
# What takes exactly one word, which may look like an option: text of people's own.
_TAKES_ONE = frozenset(
    (
        "--comment",
        "--name",
        "--hashlimit-name",
        "--string",
        "--hex-string",
        "--u32",
        "--bytecode",
        "--path",
        "--helper",
        "--cgroup",
    )
)


class _Token(NamedTuple):
    text: str
    quoted: bool = False

    @property
    def is_option(self) -> bool:
        return not self.quoted and self.text.startswith("-") and len(self.text) > 1

    @property
    def negates(self) -> bool:
        return not self.quoted and self.text == "!"


class Option(NamedTuple):
    """One option of a rule: `! --dport 22` is Option(True, "--dport", ("22",))."""

    negated: bool
    name: str
    values: Tuple[str, ...]

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def operator(self) -> str:
        return "!=" if self.negated else "=="


class Part(NamedTuple):
    """The options of one match; `name` is empty for those of iptables itself."""

    name: str
    options: Tuple[Option, ...]


class RuleText(NamedTuple):
    """A rule's line, taken apart. `target` is None for a rule that has none; `odd` when it was not written by iptables-save."""

    chain: str
    parts: Tuple[Part, ...]
    target: Optional[str]
    goto: bool
    options: Tuple[Option, ...]
    odd: bool = False

    @property
    def protocol(self) -> Optional[str]:
        """The protocol that it asks for by name or number; None for any, or for all but one."""
        for option in self.parts[0].options:
            if option.name in ("-p", "--protocol") and not option.negated:
                return option.value
        return None

    @property
    def comment(self) -> str:
        """The texts of all `-m comment`, as one."""
        found = [o.value for part in self.parts if part.name == "comment" for o in part.options if o.name == "--comment"]
        return " ".join(found)


def _tokens(line: str) -> List[_Token]:
    return [
        _Token(word) if word else _Token(_ESCAPED.sub(r"\1", quoted), quoted=True)
        for quoted, word in (match.groups("") for match in _TOKEN.finditer(line))
    ]


def _options(tokens: Sequence[_Token]) -> Iterator[Option]:
    index, negated = 0, False
    while index < len(tokens):
        token = tokens[index]
        index += 1
        if token.negates:
            negated = True
            continue
        start = index
        if token.text in _TAKES_ONE and not token.quoted:
            index = min(index + 1, len(tokens))
        else:
            while index < len(tokens) and not tokens[index].is_option and not tokens[index].negates:
                index += 1
        yield Option(negated, token.text, tuple(t.text for t in tokens[start:index]))
        negated = False


_TARGET_OPTIONS = ("-j", "--jump", "-g", "--goto")


def take_apart(line: str) -> RuleText:
    """A line `-A CHAIN ...`, with or without counters before it. Raises ValueError for anything else."""
    tokens = _tokens(_COUNTERS.sub("", line))
    if len(tokens) < 2 or tokens[0].text not in ("-A", "--append"):
        raise ValueError("%r is not a rule of iptables" % line)
    parts: List[Tuple[str, List[Option]]] = [("", [])]
    target, goto, after = None, False, []  # type: Optional[str], bool, List[Option]
    for option in _options(tokens[2:]):
        if target is not None:
            after.append(option)
        elif option.name in _TARGET_OPTIONS:
            target, goto = option.value, option.name in ("-g", "--goto")
        elif option.name in ("-m", "--match"):
            parts.append((option.value, []))
        elif option.name in _HANDLERS[""]:
            parts[0][1].append(option)
        else:
            # Without -m, as people write it, the options of the protocol.
            if len(parts) == 1:
                parts.append((_protocol_of(parts[0][1]), []))
            parts[-1][1].append(option)
    odd = any(option.negated or option.name in ("-m", *_HANDLERS[""]) for option in after)
    return RuleText(tokens[1].text, tuple(Part(name, tuple(o)) for name, o in parts), target, goto, tuple(after), odd)


def _protocol_of(options: Sequence[Option]) -> str:
    for option in options:
        if option.name in ("-p", "--protocol"):
            return option.value
    return ""


# Matches. Each handler gives the expressions of one option, or None when it does not understand its value.


class _Context(NamedTuple):
    family: str
    protocol: str
    sets: Mapping[str, IpSet]

    @property
    def header(self) -> str:
        return "ip6" if self.family == IPV6 else "ip"


_Handler = Callable[[Option, _Context], Optional[List[Expression]]]


def _match(left: Any, right: Any, operator: str = "==") -> Expression:
    return {"match": {"op": operator, "left": left, "right": right}}


def _meta(key: str) -> Any:
    return {"meta": {"key": key}}


def _payload(protocol: str, field: str) -> Any:
    return {"payload": {"protocol": protocol, "field": field}}


def _never(context: _Context, negated: bool) -> Expression:
    """What no packet meets here, or every packet does."""
    other = IPV4 if context.family == IPV6 else IPV6
    return _match(_meta("nfproto"), other, "!=" if negated else "==")


def _protocol(option: Option, _context: _Context) -> Optional[List[Expression]]:
    number = nft_ruleset.protocol_number(option.value)
    # `all` and 0 are every protocol.
    if option.value in ("all", "0"):
        return None if option.negated else []
    return None if number is None else [_match(_meta("l4proto"), number, option.operator)]


def _address(field: str) -> _Handler:
    def handler(option: Option, context: _Context) -> Optional[List[Expression]]:
        address, _slash, mask = option.value.partition("/")
        bits = intervals.BITS[context.family]
        length = _prefix_length(mask, bits)
        if length is None:
            return None
        right: Any = address if length == bits else {"prefix": {"addr": address, "len": length}}
        return [_match(_payload(context.header, field), right, option.operator)]

    return handler


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


def _interface(key: str) -> _Handler:
    def handler(option: Option, _context: _Context) -> Optional[List[Expression]]:
        name = option.value
        return [_match(_meta(key), name[:-1] + "*" if name.endswith("+") else name, option.operator)]

    return handler


def _port(text: str) -> Any:
    """`22`, or `80:90` with either end left out; None for anything else."""
    low, colon, high = text.partition(":")
    if not colon:
        return int(low) if low.isdigit() else nft_ruleset.port_number(low)
    low, high = low or "0", high or "65535"
    return {"range": [int(low), int(high)]} if low.isdigit() and high.isdigit() else None


def _ports(text: str) -> Optional[Any]:
    values = [_port(part) for part in text.split(",")]
    return None if None in values else {"set": values}


def _port_match(field: str) -> _Handler:
    def handler(option: Option, context: _Context) -> Optional[List[Expression]]:
        port = _port(option.value)
        return None if port is None else [_match(_payload(context.protocol, field), port, option.operator)]

    return handler


def _multiport(*fields: str) -> _Handler:
    def handler(option: Option, context: _Context) -> Optional[List[Expression]]:
        ports = _ports(option.value)
        if ports is None or not context.protocol:
            return None
        matches = [_match(_payload(context.protocol, field), ports, option.operator) for field in fields]
        # One of the two ports is enough, and for the negation neither may be.
        return matches if option.negated or len(matches) == 1 else [{"any": matches}]

    return handler


def _range(field: str) -> _Handler:
    def handler(option: Option, context: _Context) -> Optional[List[Expression]]:
        low, _hyphen, high = option.value.partition("-")
        return [_match(_payload(context.header, field), {"range": [low, high or low]}, option.operator)]

    return handler


_TCP_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg")


def _flag_list(text: str) -> Any:
    words = [word for word in text.lower().split(",") if word != "none"]
    words = list(_TCP_FLAGS) if "all" in words else words
    if not set(words) <= set(_TCP_FLAGS):
        return None
    return {"|": words} if words else 0


def _tcp_flags(option: Option, context: _Context) -> Optional[List[Expression]]:
    values = ("FIN,SYN,RST,ACK", "SYN") if option.name == "--syn" else option.values
    if len(values) != 2 or context.protocol != "tcp":
        return None
    mask, wanted = _flag_list(values[0]), _flag_list(values[1])
    if mask is None or wanted is None:
        return None
    return [_match({"&": [_payload("tcp", "flags"), mask]}, wanted, option.operator)]


def _icmp(protocol: str) -> _Handler:
    def handler(option: Option, _context: _Context) -> Optional[List[Expression]]:
        return [_match(_payload(protocol, "type"), option.value, option.operator)]

    return handler


def _later_fragment(option: Option, context: _Context) -> Optional[List[Expression]]:
    # All but the first fragment of a packet, and a first packet is whole.
    return [_never(context, option.negated)]


def _segment_size(option: Option, context: _Context) -> Optional[List[Expression]]:
    """A first packet of TCP offers segments of a usual size, from the least that hosts must take on."""
    low, colon, high = option.value.partition(":")
    if context.protocol != "tcp" or not (colon and low.isdigit() and high.isdigit() and int(low) <= 536 and int(high) >= 9000):
        return None
    return [_never(context, not option.negated)]


_CT_STATES = frozenset(("invalid", "new", "established", "related", "untracked", "snat", "dnat"))


def _ct_state(option: Option, _context: _Context) -> Optional[List[Expression]]:
    # SNAT and DNAT are states to iptables and bits of the status to nft; no packet that is not translated has them.
    words = option.value.lower().split(",")
    if not set(words) <= _CT_STATES:
        return None
    return [_match({"ct": {"key": "state"}}, {"set": words}, option.operator)]


def _ct_direction(option: Option, _context: _Context) -> Optional[List[Expression]]:
    return [_match({"ct": {"key": "direction"}}, option.value.lower(), option.operator)]


def _destination_type(option: Option, context: _Context) -> Optional[List[Expression]]:
    types = option.value.lower().split(",")
    # ip6tables has a meaning of its own for the others, and for several.
    if context.family == IPV6 and types not in (["local"], ["multicast"]):
        return None
    return [_match({"fib": {"result": "type", "flags": ["daddr"]}}, {"set": types}, option.operator)]


def _mark(option: Option, _context: _Context) -> Optional[List[Expression]]:
    value, _slash, mask = option.value.partition("/")
    try:
        left = {"&": [_meta("mark"), int(mask, 0)]} if mask else _meta("mark")
        return [_match(left, int(value, 0), option.operator)]
    except ValueError:
        return None


_PACKET_TYPES = {"unicast": "host", "host": "host", "broadcast": "broadcast", "multicast": "multicast"}


def _packet_type(option: Option, _context: _Context) -> Optional[List[Expression]]:
    word = _PACKET_TYPES.get(option.value)
    return None if word is None else [_match(_meta("pkttype"), word, option.operator)]


def _limit(inverted: bool) -> _Handler:
    def handler(option: Option, _context: _Context) -> Optional[List[Expression]]:
        return None if option.negated else [{"limit": {"rate": option.value, "inv": inverted}}]

    return handler


def _connection_count(over: bool) -> _Handler:
    def handler(option: Option, _context: _Context) -> Optional[List[Expression]]:
        # With none allowed, the first is too many.
        if not option.value.isdigit() or int(option.value) == 0:
            return None
        return [{"ct count": {"val": int(option.value), "inv": over != option.negated}}]

    return handler


def _ipset(option: Option, context: _Context) -> Optional[List[Expression]]:
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
            fields += [_meta("l4proto")] * (len(known.fields) > 1) + [_payload("th", letter + "port")]
    return [_match(fields[0] if len(fields) == 1 else {"concat": fields}, reference, option.operator)]


def _seen_lately(option: Option, context: _Context) -> Optional[List[Expression]]:
    # The list of recent sources, of which nobody knows what it holds.
    return [_match(_payload(context.header, "saddr"), "@recent", option.operator)]


def _nothing(option: Option, _context: _Context) -> Optional[List[Expression]]:
    """An option that says how, not whether."""
    return None if option.negated else []


def _bookkeeping(_option: Option, _context: _Context) -> Optional[List[Expression]]:
    return []


def _no_header(name: str) -> _Handler:
    def handler(option: Option, _context: _Context) -> Optional[List[Expression]]:
        return [_match({"exthdr": {"name": name, "field": option.name.lstrip("-")}}, option.value, option.operator)]

    return handler


def _route_back(part: Part) -> List[Expression]:
    inverted = any(option.name == "--invert" for option in part.options)
    return [_match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, not inverted)]


_PORT_OPTIONS: Dict[str, _Handler] = {
    "--dport": _port_match("dport"),
    "--destination-port": _port_match("dport"),
    "--sport": _port_match("sport"),
    "--source-port": _port_match("sport"),
}
_STATE_OPTIONS: Dict[str, _Handler] = {"--state": _ct_state, "--ctstate": _ct_state, "--ctdir": _ct_direction}
# By name of the match (empty: iptables itself) and option.
_HANDLERS: Dict[str, Dict[str, _Handler]] = {
    "": {
        "-p": _protocol,
        "--protocol": _protocol,
        "-s": _address("saddr"),
        "--source": _address("saddr"),
        "-d": _address("daddr"),
        "--destination": _address("daddr"),
        "-i": _interface("iifname"),
        "--in-interface": _interface("iifname"),
        "-o": _interface("oifname"),
        "--out-interface": _interface("oifname"),
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
        "--dports": _multiport("dport"),
        "--destination-ports": _multiport("dport"),
        "--sports": _multiport("sport"),
        "--source-ports": _multiport("sport"),
        "--ports": _multiport("sport", "dport"),
    },
    "iprange": {"--src-range": _range("saddr"), "--dst-range": _range("daddr")},
    "icmp": {"--icmp-type": _icmp("icmp")},
    "icmp6": {"--icmpv6-type": _icmp("icmpv6")},
    "conntrack": _STATE_OPTIONS,
    "state": _STATE_OPTIONS,
    "addrtype": {"--dst-type": _destination_type},
    "mark": {"--mark": _mark},
    "pkttype": {"--pkt-type": _packet_type},
    "tcpmss": {"--mss": _segment_size},
    "limit": {"--limit": _limit(False), "--limit-burst": _nothing},
    "hashlimit": {"--hashlimit-upto": _limit(False), "--hashlimit": _limit(False), "--hashlimit-above": _limit(True)},
    "connlimit": {"--connlimit-upto": _connection_count(False), "--connlimit-above": _connection_count(True)},
    "set": {"--match-set": _ipset, "--update-counters": _bookkeeping, "--update-subcounters": _bookkeeping},
    "recent": {"--set": _nothing, "--rcheck": _seen_lately, "--update": _seen_lately, "--remove": _seen_lately},
    "rt": {"--rt-type": _no_header("rt"), "--rt-segsleft": _no_header("rt"), "--rt-len": _no_header("rt")},
    "comment": {"--comment": _nothing},
}
# Options that say how a match counts, by the beginning of their names.
_DETAILS = {
    "hashlimit": ("--hashlimit-",),
    "connlimit": ("--connlimit-mask", "--connlimit-saddr"),
    "recent": ("--seconds", "--hitcount", "--reap", "--rttl", "--name", "--mask", "--rsource"),
}
# Matches that ask something without any option.
_NEEDS_OPTION = frozenset(("set", "recent", "rt", "icmp", "icmp6", "conntrack", "state", "addrtype", "mark", "multiport"))


def _unclear(name: str) -> Expression:
    return {"xt": {"type": "match", "name": name or "iptables"}}


def _counts_hits(part: Part) -> bool:
    """Several packets of a source within a time are a rate, and none is exceeded by the first."""
    return any(o.name == "--hitcount" and o.value.isdigit() and int(o.value) > 1 for o in part.options)


def _option(part: str, option: Option, context: _Context) -> Optional[List[Expression]]:
    handler = _HANDLERS[part].get(option.name)
    if handler is None and option.name.startswith(_DETAILS.get(part, ("\0",))):
        handler = _nothing
    return None if handler is None else handler(option, context)


def _part(part: Part, context: _Context) -> List[Expression]:
    if part.name == "rpfilter":
        return _route_back(part)
    if part.name == "recent" and _counts_hits(part):
        return [{"limit": {"rate": "recent", "inv": not any(option.negated for option in part.options)}}]
    if part.name not in _HANDLERS or (not part.options and part.name in _NEEDS_OPTION):
        return [_unclear(part.name)]
    found = [_option(part.name, option, context) for option in part.options]
    if part.name and None in found:
        # One option that is not understood may change what the others mean.
        return [_unclear(part.name)]
    return [expression for one in found for expression in (one if one is not None else [_unclear("")])]


# Targets.


def _set_target(options: Sequence[Option]) -> List[Expression]:
    """`-j SET --add-set name src`, by which packets fill a set."""
    changed = [option for option in options if option.name in ("--add-set", "--del-set")]
    if not changed:
        return [{"xt": {"type": "target", "name": "SET"}}]
    return [{"set": {"op": o.name.lstrip("-"), "elem": {}, "set": nft_ruleset.IPSET + o.value}} for o in changed]


def _translation(name: str, options: Sequence[Option]) -> List[Expression]:
    """The new port as nft prints it, where it is one; evaluators of what is admitted do not follow it."""
    given = [option.value for option in options if option.name in ("--to-destination", "--to-ports", "--to-port")]
    address, colon, port = given[0].rpartition(":") if given else ("", "", "")
    where: Dict[str, Any] = {"port": int(port)} if port.isdigit() and (colon or name == "REDIRECT") else {}
    if name == "DNAT" and address:
        where["addr"] = address.strip("[]")
    return [{name.lower(): where or None}]


def _new_mark(options: Sequence[Option]) -> Expression:
    """`--set-xmark value/mask` clears the bits of the mask and flips those of the value."""
    for option in options:
        value, _slash, mask = option.value.partition("/")
        try:
            if option.name == "--set-xmark":
                kept = {"&": [_meta("mark"), 0xFFFFFFFF & ~int(mask or "0xffffffff", 0)]}
                return {"mangle": {"key": _meta("mark"), "value": {"^": [kept, int(value, 0)]}}}
        except ValueError:
            break
    return {"xt": {"type": "target", "name": "MARK"}}


def _target(rule: RuleText, chains: Mapping[str, Any]) -> List[Expression]:
    name = rule.target
    if name is None:
        return []
    if name in chains:
        return [{"goto" if rule.goto else "jump": {"target": name}}]
    if name in ("ACCEPT", "DROP", "RETURN"):
        return [{name.lower(): None}]
    if name == "REJECT":
        reset = any(option.value in ("tcp-reset", "tcp-rst") for option in rule.options)
        return [{"reject": {"type": "tcp reset"} if reset else None}]
    if name in ("QUEUE", "NFQUEUE"):
        return [{"queue": {"flags": [o.name for o in rule.options]}}]
    if name == "NOTRACK" or (name == "CT" and any(option.name == "--notrack" for option in rule.options)):
        return [{"notrack": None}]
    if name == "MARK":
        return [_new_mark(rule.options)]
    if name in ("DNAT", "REDIRECT"):
        return _translation(name, rule.options)
    if name == "SET":
        return _set_target(rule.options)
    return [{"xt": {"type": "target", "name": name}}]


def expressions(rule: RuleText, family: str, chains: Mapping[str, Any], sets: Mapping[str, IpSet]) -> Tuple[Expression, ...]:
    """What the rule asks and does; `family` is ipv4 or ipv6, `chains` are those of its table."""
    context = _Context(family, rule.protocol or "", sets)
    result = [expression for part in rule.parts for expression in _part(part, context)]
    if rule.odd:
        result.append(_unclear(""))
    return tuple(result + _target(rule, chains))


# Whole listings.


def _lines(text: str) -> Iterator[str]:
    """Lines; a comment of people's own may hold the end of one."""
    begun = ""
    for line in text.splitlines():
        begun = begun + "\n" + line if begun else line
        if len(re.findall(r'(?<!\\)(?:\\\\)*"', begun)) % 2 and not begun.startswith("#"):
            continue
        yield begun
        begun = ""
    if begun:
        yield begun


def _chain(line: str, family: str, table: str, legacy: bool) -> Chain:
    name, policy = line[1:].split()[:2]
    key_table = (nft_ruleset.LEGACY if legacy else "") + table
    if policy == "-":
        return Chain(family, key_table, name)
    kind = "nat" if table == "nat" else "route" if (table, name) == ("mangle", "OUTPUT") else "filter"
    return Chain(family, key_table, name, kind, _HOOKS.get(name), _PRIORITIES.get(table, 0), policy.lower())


def parse(text: str, family: str, sets: Optional[Mapping[str, IpSet]] = None, legacy: bool = False) -> Ruleset:
    """A Ruleset from what `iptables-save` printed; `family` is `ip` or `ip6`, `sets` what `parse_sets` read.

    With `legacy` the names of the tables say that they are those of iptables-legacy, beside which a host may have tables
    of the same names in nftables. Raises ValueError with the line that iptables-save does not print.
    """
    used = set(_SET_NAME.findall(text))
    ruleset = Ruleset({}, {}, dict(nft_sets({name: known for name, known in (sets or {}).items() if name in used})), {})
    table: Optional[str] = None
    chains: Dict[str, Chain] = {}
    for line in _lines(text):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("*"):
            table, chains = line[1:].strip(), {}
            ruleset.flags[(family, (nft_ruleset.LEGACY if legacy else "") + table)] = frozenset()
        elif line == "COMMIT":
            table = None
        elif table is not None and line.startswith(":"):
            chain = _chain(line, family, table, legacy)
            chains[chain.name] = ruleset.chains[chain.key] = chain
            ruleset.rules[chain.key] = []
        else:
            rule = take_apart(line)
            if table is None or rule.chain not in chains:
                raise ValueError("%r stands outside of a table or chain" % line)
            key = chains[rule.chain].key
            exprs = expressions(rule, IPV6 if family == "ip6" else IPV4, chains, sets or {})
            rules = ruleset.rules[key]
            rules.append(NftRule(key, len(rules) + 1, rule.comment, exprs, _COUNTERS.sub("", line)))
    return ruleset


def parse_sets(text: str) -> Dict[str, IpSet]:
    """The sets in what `ipset save` printed, by name."""
    return ipt_sets.parse(text)


def nft_sets(sets: Mapping[str, IpSet]) -> Iterator[Tuple[nft_ruleset.ChainKey, Mapping[str, Any]]]:
    """The sets as a Ruleset has them: of no table."""
    for name, known in sets.items():
        if known.elements is not None:
            found = {"name": name, "type": known.type, "elem": list(known.elements)}
            yield ("ipset", "", name), dict(found, addresses=known.addresses) if known.fields == ("address",) else found


def names_sets(text: str) -> bool:
    """Does any rule of this listing need the sets of ipset to be understood?"""
    return "--match-set" in text
