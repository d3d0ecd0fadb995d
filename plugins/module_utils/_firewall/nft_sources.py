# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a ruleset does with new connections of many sources, when it treats some of them otherwise than others.

Pure. `nft_admission.judge` answers for all sources of a packet at once. Where it cannot, they are halved until it can;
each half keeps only the rules that it could meet, since a host may have a rule for each of hundreds of clients.
"""

from __future__ import annotations

import bisect
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, nft_admission, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_admission import Judgement
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import Packet
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import ChainKey, NftRule, Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_statements import bits_set_by
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_walk import Walk

# Against lists of tens of thousands of banned addresses: what is not told apart by then stays as unclear as it is.
_MOST_JUDGEMENTS = 3000
_SETTLED = ("admitted", "dropped")
# Statements that other rules depend on, though they decide nothing themselves; so are those that set marks.
_FAR_REACHING = ("set", "notrack")


class Part(NamedTuple):
    """Sources of which the ruleset treats all alike, as far as can be told."""

    sources: Intervals
    judgement: Judgement


def judge_parts(ruleset: Ruleset, packet: Packet) -> List[Part]:
    """The judgement on every source of the packet, which names its sources."""
    found: List[Part] = []
    todo: List[Tuple[Ruleset, Intervals, Optional[Sequence[intervals.Interval]]]] = [(ruleset, packet.source, None)]
    judged = 0
    while todo:
        rules, sources, stretches = todo.pop()
        part = packet._replace(source=sources)
        judgement = nft_admission.judge(rules, part)
        judged += 1
        if judgement.state not in _SETTLED and judged < _MOST_JUDGEMENTS:
            rules = _narrowed(rules, part)
            stretches = stretches or _stretches(rules, sources)
            if len(stretches) > 1:
                middle = len(stretches) // 2
                halves = (stretches[middle:], stretches[:middle])
                todo.extend((rules, intervals.merged(half), half) for half in halves)
                continue
        found.append(Part(sources, judgement))
    return found


def _narrowed(ruleset: Ruleset, packet: Packet) -> Ruleset:
    """Without the rules that the packet does not meet, whatever its source among those that it may have."""
    walk = Walk(ruleset, packet)
    rules: Dict[ChainKey, List[NftRule]] = {}
    for key, all_rules in ruleset.rules.items():
        here = packet.family in nft_ruleset.TABLE_FAMILIES.get(key[0], ())
        rules[key] = [rule for rule in all_rules if here and (_reaches_far(rule) or walk.may_decide(rule))]
    return ruleset._replace(rules=rules)


def _reaches_far(rule: NftRule) -> bool:
    statements = (item for expression in rule.expr if isinstance(expression, dict) for item in expression.items())
    return any(kind in _FAR_REACHING or bits_set_by(kind, value) for kind, value in statements)


def _stretches(ruleset: Ruleset, sources: Intervals) -> List[intervals.Interval]:
    """The sources, cut wherever a rule or a set that rules name tells addresses apart."""
    cuts = sorted({cut for low, high in _address_constants(ruleset) for cut in (low, high + 1)})
    result: List[intervals.Interval] = []
    for low, high in sources:
        for cut in cuts[bisect.bisect(cuts, low) : bisect.bisect(cuts, high)]:
            result.append((low, cut - 1))
            low = cut
        result.append((low, high))
    return result


def _address_constants(ruleset: Ruleset) -> Iterator[intervals.Interval]:
    """Everything in the rules and in the sets that they name that reads as an address, a network or a range of them."""
    todo: List[Tuple[ChainKey, Any]] = [(key, rule.expr) for key, rules in ruleset.rules.items() for rule in rules]
    named: Set[ChainKey] = set()
    while todo:
        key, value = todo.pop()
        interval = nft_ruleset.interval_of(value, "address")
        if interval is not None:
            yield interval
        elif isinstance(value, str) and value.startswith("@"):
            name = nft_ruleset.set_key(key, value)
            if name not in named:
                named.add(name)
                content = ruleset.sets.get(name) or {}
                yield from content.get("addresses") or ()
                todo.append((key, () if "addresses" in content else content.get("elem")))
        elif isinstance(value, dict):
            todo.extend((key, inner) for inner in value.values())
        elif isinstance(value, (list, tuple)):
            todo.extend((key, inner) for inner in value)
