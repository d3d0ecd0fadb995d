# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ruleset of nftables as `nft -j list ruleset` prints it, and the rules of ours in it.

Pure. The JSON differs among nft 0.9.0 to 1.1: names or numbers for protocols, `name` or `protocol` in a payload,
a string or an object in `meta`. All of that is met here and in `nft_admission`, nowhere else.
"""

from __future__ import annotations

import re
import socket
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6, family_of
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Interval, Intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.model import BOTH, Rule

MARK = "netports:"
TABLE_FAMILIES = {"inet": (IPV4, IPV6), "ip": (IPV4,), "ip6": (IPV6,), "netdev": (IPV4, IPV6)}
# Where packets for this host can be dropped before a socket sees them, in the order in which they pass.
HOOKS = ("ingress", "prerouting", "input")
XTABLES = ("filter", "mangle", "nat", "raw", "security")
XTABLES_CHAINS = ("INPUT", "PREROUTING", "FORWARD", "OUTPUT", "POSTROUTING")
# Before the name of a table of iptables-legacy, which may have a namesake in nftables.
LEGACY = "legacy:"
# Before the name of a set of ipset, where nft has "@"; those are of no table.
IPSET = "@ipset:"

ChainKey = Tuple[str, str, str]

# /etc/protocols is missing on small systems, and its names differ; these are nft's own or common.
_PROTOCOLS = {
    "icmp": 1,
    "igmp": 2,
    "ipencap": 4,
    "ipv4": 4,
    "tcp": 6,
    "udp": 17,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "ospf": 89,
    "pim": 103,
    "comp": 108,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
    "dccp": 33,
    "udplite": 136,
    "ipv6-mh": 135,
    "mobility-header": 135,
}


class Chain(NamedTuple):
    """`hook` is None for a chain that is only jumped to. `policy` is `accept` or `drop`."""

    family: str
    table: str
    name: str
    type: Optional[str] = None
    hook: Optional[str] = None
    prio: int = 0
    policy: str = "accept"
    device: Optional[str] = None

    @property
    def key(self) -> ChainKey:
        return (self.family, self.table, self.name)

    def __str__(self) -> str:
        return chain_text(self.key)


def chain_text(key: ChainKey) -> str:
    family, table, name = key
    if table.startswith(LEGACY):
        return "%s %s %s of iptables-legacy" % (family, table[len(LEGACY) :], name)
    return "%s %s %s" % key


def set_key(chain: ChainKey, reference: str) -> ChainKey:
    """Where `Ruleset.sets` has the set that a rule of that chain names, as `@name`."""
    if reference.startswith(IPSET):
        return ("ipset", "", reference[len(IPSET) :])
    return (chain[0], chain[1], reference.lstrip("@"))


class NftRule(NamedTuple):
    """`handle` is None for a rule that is planned and not there yet.

    `line` is what iptables-save prints for a rule of iptables, as far as it was asked; empty for all others.
    """

    chain: ChainKey
    handle: Optional[int]
    comment: str
    expr: Tuple[Any, ...]
    line: str = ""

    @property
    def label(self) -> Optional[str]:
        """The label that this collection marked it with; None for everybody else's rules."""
        return self.comment[len(MARK) :] if self.comment.startswith(MARK) else None

    def __str__(self) -> str:
        if self.line:
            return "rule `%s` of chain %s" % (self.line, chain_text(self.chain))
        handle = "" if self.handle is None else " with handle %d" % self.handle
        where = "rule%s of chain %s" % (handle, chain_text(self.chain))
        return "%s (%s)" % (where, self.comment) if self.comment else where


class Ruleset(NamedTuple):
    """`flags` has the tables that have any: `dormant`, `owner`. `sets` are sets and maps by (family, table, name).

    `local` are the host's own addresses by family, for rules that ask where a packet goes; empty where nobody looked.
    """

    chains: Dict[ChainKey, Chain]
    rules: Dict[ChainKey, List[NftRule]]
    sets: Dict[ChainKey, Mapping[str, Any]]
    flags: Dict[Tuple[str, str], FrozenSet[str]]
    local: Mapping[str, Intervals] = {}

    def base_chains(self, hooks: Iterable[str] = HOOKS) -> List[Chain]:
        """The chains that packets for this host pass, in that order; those of dormant tables are not asked by the kernel."""
        order = {hook: index for index, hook in enumerate(hooks)}
        live = [c for c in self.chains.values() if c.hook in order and c.type == "filter" and c.family in TABLE_FAMILIES]
        live = [c for c in live if "dormant" not in self.flags.get((c.family, c.table), ())]
        return sorted(live, key=lambda c: (order[c.hook or ""], c.prio))

    def marked(self) -> List[NftRule]:
        return [rule for rules in self.rules.values() for rule in rules if rule.label is not None]

    def shape(self) -> Dict[ChainKey, List[Tuple[Optional[int], str]]]:
        """Which rules there are, without what packets change in them (counters, members of sets)."""
        return {key: [(rule.handle, rule.line) for rule in rules] for key, rules in self.rules.items()}

    def unmarked(self) -> Ruleset:
        """The ruleset as it would be without this collection."""
        return self._replace(rules={key: [r for r in rules if r.label is None] for key, rules in self.rules.items()})


def _flags(value: Any) -> FrozenSet[str]:
    return frozenset([value] if isinstance(value, str) else value or ())


def parse(data: Any) -> Ruleset:
    """A Ruleset from the decoded JSON. Raises ValueError when it is not what nft prints."""
    if not isinstance(data, dict) or not isinstance(data.get("nftables"), list):
        raise ValueError("no list 'nftables' in it")
    ruleset = Ruleset({}, {}, {}, {})
    for item in data["nftables"]:
        for kind, value in item.items():
            if kind == "table":
                ruleset.flags[(value["family"], value["name"])] = _flags(value.get("flags"))
            elif kind == "chain":
                chain = _chain(value)
                ruleset.chains[chain.key] = chain
                ruleset.rules.setdefault(chain.key, [])
            elif kind in ("set", "map"):
                ruleset.sets[(value["family"], value["table"], value["name"])] = value
            elif kind == "rule":
                key = (value["family"], value["table"], value["chain"])
                rule = NftRule(key, value.get("handle"), value.get("comment") or "", tuple(value.get("expr") or ()))
                ruleset.rules.setdefault(key, []).append(rule)
    return ruleset


def _chain(value: Mapping[str, Any]) -> Chain:
    device = value.get("dev")
    return Chain(
        family=value["family"],
        table=value["table"],
        name=value["name"],
        type=value.get("type"),
        hook=value.get("hook"),
        prio=int(value.get("prio") or 0),
        policy=value.get("policy") or "accept",
        device=",".join(device) if isinstance(device, list) else device,
    )


def protocol_number(value: Any) -> Optional[int]:
    """An IP protocol by number or by the name that nft took from /etc/protocols; None for what neither knows."""
    if isinstance(value, int) or str(value).isdigit():
        return int(value)
    if value in _PROTOCOLS:
        return _PROTOCOLS[value]
    try:
        return socket.getprotobyname(value)
    except OSError:
        return None


def port_number(value: Any) -> Optional[int]:
    """nft 0.9.0 prints ports by the name of the service."""
    if isinstance(value, int) or str(value).isdigit():
        return int(value)
    try:
        return socket.getservbyname(value)
    except OSError:
        return None


def meta_key(left: Any) -> Optional[str]:
    """`iifname` of {"meta": {"key": "iifname"}}, or of {"meta": "iifname"} as nft 0.9.0 has it."""
    value = left.get("meta") if isinstance(left, dict) else None
    return value.get("key") if isinstance(value, dict) else value


def payload(left: Any) -> Tuple[Optional[str], Optional[str]]:
    """("tcp", "dport") of a payload expression, else (None, None)."""
    value = left.get("payload") if isinstance(left, dict) else None
    if not isinstance(value, dict):
        return None, None
    if value.get("base") == "th" and value.get("len") == 16 and value.get("offset") in (0, 16):
        return "th", "dport" if value["offset"] else "sport"
    return value.get("protocol") or value.get("name"), value.get("field")


def _number_interval(value: Any, number: Any) -> Optional[Interval]:
    if isinstance(value, dict) and "range" in value:
        low, high = (number(part) for part in value["range"])
        return None if low is None or high is None else (low, high)
    if isinstance(value, (dict, list)):
        return None
    single = number(value)
    return None if single is None else (single, single)


def _address_interval(value: Any) -> Optional[Interval]:
    try:
        if isinstance(value, dict) and "prefix" in value:
            return intervals.block(value["prefix"]["addr"], int(value["prefix"]["len"]))
        if isinstance(value, dict) and "range" in value:
            low, high = value["range"]
            return intervals.number_of(low), intervals.number_of(high)
        if isinstance(value, str):
            address, slash, length = value.partition("/")
            return intervals.block(address, int(length) if slash else intervals.BITS[family_of(address)])
    except (KeyError, TypeError, ValueError):
        pass  # a form of address that this reader does not know: the caller takes it as not understood
    return None


def interval_of(value: Any, kind: str) -> Optional[Interval]:
    """One element of a set as an interval; `kind` is `port`, `protocol` or `address`. None: not understood."""
    if kind == "address":
        return _address_interval(value)
    return _number_interval(value, port_number if kind == "port" else protocol_number)


def elements(right: Any) -> List[Any]:
    """The values on the right of a match that names no set: bare, without timeouts, counters and comments."""
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    values = right if isinstance(right, list) else [right]
    return [v["elem"]["val"] if isinstance(v, dict) and isinstance(v.get("elem"), dict) else v for v in values]


# Rules of ours, from and to nft.


def project(rule: Rule, table_family: str) -> Optional[Rule]:
    """The rule as a chain of that table can have it: one family of two, or None when it has neither."""
    if rule.family == BOTH:
        families = TABLE_FAMILIES[table_family]
        return rule if len(families) == 2 else rule._replace(family=families[0])
    return rule if rule.family in TABLE_FAMILIES[table_family] else None


def _text_of(texts: List[str]) -> str:
    return texts[0] if len(texts) == 1 else "{ %s }" % ", ".join(texts)


def statement(rule: Rule, table_family: str) -> str:
    """The rule in nft's language."""
    parts: List[str] = []
    if rule.sources:
        sources = [intervals.network_text(s, rule.family) for s in rule.sources]
        parts.append("%s saddr %s" % ("ip6" if rule.family == IPV6 else "ip", _text_of(sources)))
    elif rule.family != BOTH and table_family == "inet":
        parts.append("meta nfproto %s" % rule.family)
    numbers = _text_of([intervals.number_text(p) for p in rule.ports])
    parts.append("meta l4proto %s" % numbers if rule.protocol == "ip" else "%s dport %s" % (rule.protocol, numbers))
    return '%s accept comment "%s%s"' % (" ".join(parts), MARK, rule.label)


def _json_set(values: List[Any]) -> Any:
    return values[0] if len(values) == 1 else {"set": values}


def expression(rule: Rule, table_family: str) -> Tuple[Any, ...]:
    """The rule in nft's JSON, so that a plan can be judged before it is carried out."""
    matches: List[Tuple[Any, Any]] = []
    if rule.sources:
        texts = [[intervals.address_of(n, rule.family) for n in s] for s in rule.sources]
        name = "ip6" if rule.family == IPV6 else "ip"
        matches.append(({"payload": {"protocol": name, "field": "saddr"}}, _json_set([{"range": pair} for pair in texts])))
    elif rule.family != BOTH and table_family == "inet":
        matches.append(({"meta": {"key": "nfproto"}}, rule.family))
    numbers = _json_set([{"range": list(p)} for p in rule.ports])
    if rule.protocol == "ip":
        matches.append(({"meta": {"key": "l4proto"}}, numbers))
    else:
        matches.append(({"payload": {"protocol": rule.protocol, "field": "dport"}}, numbers))
    return tuple({"match": {"op": "==", "left": left, "right": right}} for left, right in matches) + ({"accept": None},)


def _merged(right: Any, kind: str) -> Optional[Intervals]:
    found = [interval_of(value, kind) for value in elements(right)]
    return None if None in found else intervals.merged(i for i in found if i is not None)


def parse_own(rule: NftRule) -> Optional[Rule]:
    """The Rule that a marked rule is; None when somebody changed it into something that we do not write."""
    families = TABLE_FAMILIES.get(rule.chain[0], ())
    family = BOTH if len(families) == 2 else "".join(families)
    protocol: Optional[str] = None
    ports: Optional[Intervals] = None
    sources: Optional[Intervals] = ()
    for expression_ in rule.expr:
        if not isinstance(expression_, dict):
            return None  # a statement that nft has no JSON for
        (kind, value), *_others = expression_.items()
        if kind in ("counter", "accept"):
            continue
        if kind != "match" or value.get("op") != "==":
            return None
        name, field = payload(value["left"])
        key = meta_key(value["left"])
        if field == "saddr" and name in ("ip", "ip6"):
            family, sources = (IPV6 if name == "ip6" else IPV4), _merged(value["right"], "address")
        elif field == "dport" and name in ("tcp", "udp"):
            protocol, ports = name, _merged(value["right"], "port")
        elif key == "l4proto":
            protocol, ports = "ip", _merged(value["right"], "protocol")
        elif key == "nfproto" and value["right"] in (IPV4, IPV6):
            family = value["right"]
        else:
            return None
    if protocol is None or not ports or sources is None or not any("accept" in e for e in rule.expr):
        return None
    return Rule(rule.label or "", protocol, ports, family, sources)


def is_iptables(chain: Chain) -> bool:
    """A table and a base chain of iptables' names, in either flavour."""
    return in_xtables(chain.key) and chain.name in XTABLES_CHAINS


def in_xtables(key: ChainKey) -> bool:
    """A chain of any name in a table of iptables' names, in either flavour."""
    table = key[1][len(LEGACY) :] if key[1].startswith(LEGACY) else key[1]
    return key[0] in ("ip", "ip6") and table in XTABLES


def foreign_owner(ruleset: Ruleset, chain: Chain) -> Optional[str]:
    """Who else writes the table of this chain, so that a rule of ours would be lost there or break it; None: the operator."""
    if "firewalld" in (chain.table, chain.table.partition("_")[0]):
        return "firewalld"
    tables_chains = {key[2] for key in ruleset.chains if key[:2] == (chain.family, chain.table)}
    if is_iptables(chain):
        if any(name.startswith(("ufw-", "ufw6-")) for name in tables_chains):
            return "ufw"
        return "firewalld" if tables_chains.intersection(("INPUT_ZONES", "INPUT_direct")) else "iptables"
    if "owner" in ruleset.flags.get((chain.family, chain.table), ()):
        return "a program that owns it (flag owner)"
    return None


_TABLE_BODY = re.compile(r"^\s+(?:set|map|chain|flowtable|counter|ct|limit|quota|secmark|synproxy)\s", re.MULTILINE)
_TABLE_FLAGS = re.compile(r"^\s+flags\s+([a-z, ]+)$", re.MULTILINE)


_ADDRESS = re.compile(r"^\d+: .*?\sinet6? ([0-9a-f.:]+)", re.MULTILINE)


def local_addresses(text: str) -> Dict[str, Intervals]:
    """The addresses in what `ip -oneline address` prints, by family."""
    found: Dict[str, List[Interval]] = {}
    for address in _ADDRESS.findall(text):
        number = intervals.number_of(address)
        found.setdefault(family_of(address), []).append((number, number))
    return {family: intervals.merged(numbers) for family, numbers in found.items()}


def flags_from_text(text: str) -> FrozenSet[str]:
    """The flags of a table from `nft list table`; nft 1.0.6 prints rubbish for them in JSON."""
    head = _TABLE_BODY.split(text, maxsplit=1)[0]
    match = _TABLE_FLAGS.search(head)
    return frozenset(part.strip() for part in match.group(1).split(",")) if match else frozenset()
