# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Would nftables admit a new connection? Read from the ruleset, without sending a packet.

Pure. `nft_walk.py` finds the verdicts that the packet may meet, this what they come to: what depends on the source alone is
kept apart from what is not known.

Taken as given, because an ordinary first packet of a client is like that: the connection is new and not translated, the
packet is no broadcast and has no extension headers, a route back to the source exists, TCP comes from a port above 1023
with SYN alone, and no rate limit, quota or connection count is exceeded. Its mark is what rules on its way set. Translation
before INPUT (nat chains) is not followed: the port of the packet is the port that INPUT sees.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import NOT_SOURCE, SOURCE, TCP, UDP, Packet
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Chain, ChainKey, NftRule, Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_statements import VERDICTS, verdict_of, xt_decides
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_walk import Outcome, Walk


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
            if kind in VERDICTS:
                yield VERDICTS[kind], value
            elif kind == "xt" and xt_decides(value, expression is rule.expr[-1]):
                yield "unknown", value
            elif kind == "vmap":
                data = value.get("data")
                if isinstance(data, str):
                    data = (ruleset.sets.get((rule.chain[0], rule.chain[1], data[1:])) or {}).get("elem") or []
                for pair in nft_ruleset.elements(data):
                    yield verdict_of(pair[1])


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
