# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of iptables and ip6tables, as `iptables-save` prints them in either flavour, in the words of nftables.

Pure. A rule becomes the expressions that nft prints for a rule of its own that asks the same, so that `nft_admission`
judges both. The line that a rule was read from stays with it as `NftRule.line`, and its place in the chain as `NftRule.handle`
(from 1, as iptables counts).
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import ipt_matches, ipt_sets, ipt_text, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.ipt_matches import Context, Expression, meta, unclear
from ansible_collections.netports.core.plugins.module_utils._firewall.ipt_sets import IpSet
from ansible_collections.netports.core.plugins.module_utils._firewall.ipt_text import Option, RuleText
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Chain, NftRule, Ruleset

_HOOKS = {"PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output", "POSTROUTING": "postrouting"}
# Those of nat differ by hook and are not followed.
_PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_SET_NAME = re.compile(r"--match-set (\S+) ")

# Targets.


def _set_target(options: Sequence[Option]) -> List[Expression]:
    """`-j SET --add-set name src`, by which packets fill a set."""
    changed = [option for option in options if option.name in ("--add-set", "--del-set")]
    if not changed:
        return [{"xt": {"type": "target", "name": "SET"}}]
    return [{"set": {"set": nft_ruleset.IPSET + option.value}} for option in changed]


def _redirection(options: Sequence[Option]) -> Expression:
    """The new port, where it is one."""
    ports = [option.value for option in options if option.name in ("--to-ports", "--to-port")]
    return {"redirect": {"port": int(ports[0])} if ports and ports[0].isdigit() else None}


def _new_mark(options: Sequence[Option]) -> Expression:
    """`--set-xmark value/mask` clears the bits of the mask and flips those of the value."""
    for option in options:
        value, _slash, mask = option.value.partition("/")
        try:
            if option.name == "--set-xmark":
                kept = {"&": [meta("mark"), 0xFFFFFFFF & ~int(mask or "0xffffffff", 0)]}
                return {"mangle": {"key": meta("mark"), "value": {"^": [kept, int(value, 0)]}}}
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
        return [{"queue": None}]
    if name == "NOTRACK" or (name == "CT" and any(option.name == "--notrack" for option in rule.options)):
        return [{"notrack": None}]
    if name == "MARK":
        return [_new_mark(rule.options)]
    if name == "DNAT":
        return [{"dnat": None}]
    if name == "REDIRECT":
        return [_redirection(rule.options)]
    if name == "SET":
        return _set_target(rule.options)
    return [{"xt": {"type": "target", "name": name}}]


def take_apart(line: str) -> RuleText:
    """A line `-A CHAIN ...`, with or without counters before it. Raises ValueError for anything else."""
    return ipt_text.take_apart(line, ipt_matches.OWN_OPTIONS)


def expressions(rule: RuleText, family: str, chains: Mapping[str, Any], sets: Mapping[str, IpSet]) -> Tuple[Expression, ...]:
    """What the rule asks and does; `family` is ipv4 or ipv6, `chains` are those of its table."""
    context = Context(family, rule.protocol or "", sets)
    result = [expression for part in rule.parts for expression in ipt_matches.expressions(part, context)]
    if rule.odd:
        result.append(unclear(""))
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
        raise ValueError("the comment of %r does not end" % begun.partition("\n")[0])


def _chain(line: str, family: str, table: str, legacy: bool) -> Chain:
    name, policy = line[1:].split()[:2]
    key_table = (nft_ruleset.LEGACY if legacy else "") + table
    if policy == "-":
        return Chain(family, key_table, name)
    kind = "nat" if table == "nat" else "filter"
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
            rules.append(NftRule(key, len(rules) + 1, rule.comment, exprs, ipt_text.without_counters(line)))
    return ruleset


def parse_sets(text: str) -> Dict[str, IpSet]:
    """The sets in what `ipset save` printed, by name."""
    return ipt_sets.parse(text)


def nft_sets(sets: Mapping[str, IpSet]) -> Iterator[Tuple[nft_ruleset.ChainKey, Mapping[str, Any]]]:
    """The sets as a Ruleset has them: of no table."""
    for name, known in sets.items():
        if known.elements is not None:
            found = {"elem": list(known.elements)}
            yield ("ipset", "", name), dict(found, addresses=known.addresses) if known.fields == ("address",) else found


def names_sets(text: str) -> bool:
    """Does any rule of this listing need the sets of ipset to be understood?"""
    return "--match-set" in text
