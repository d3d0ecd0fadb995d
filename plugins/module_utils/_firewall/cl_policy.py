# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy files of Cumulus Linux (`/etc/cumulus/acl`), and the rules that `cl-acltool -i` makes of them.

Pure. A file has variables (`NAME = value`) and the sections [iptables], [ip6tables] and [ebtables] with lines in the manner of
iptables; lists of chains, interfaces and addresses stand for a rule each. The files come in the order of policy.conf's
`include` lines, those of one pattern sorted by name. Rules for Ethernet frames are left out: no port is opened there.
"""

from __future__ import annotations

import fnmatch
import json
import posixpath
import re
from collections import Counter
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import ipt_ruleset, nft_ruleset, observed
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import LEGACY, ChainKey, NftRule, Ruleset

CONFIGURATION = "/etc/cumulus/acl/policy.conf"
# Behind the rules of Cumulus that protect the control plane (00 and 01), before whatever an operator, NCLU or NVUE writes
# (50) and what is refused at last (98, 99).
OWN_FILE = "/etc/cumulus/acl/policy.d/02_netports.rules"
NVUE_FILE = "/etc/cumulus/acl/policy.d/50_nvue.rules"
WHITELIST_FILE = "/etc/cumulus/acl/policy.d/98control_plane_whitelist.rules"

FAMILIES = {"ip": IPV4, "ip6": IPV6}
TABLES = {IPV4: "ip", IPV6: "ip6"}
_SECTIONS = {"[iptables]": "ip", "[ip6tables]": "ip6", "[ebtables]": ""}
_VARIABLE = re.compile(r"([A-Za-z_]\w*)\s*=\s*(.*)$")
_USED = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_RULE = re.compile(r"(?:-t\s+(\w+)\s+)?(?:-A|--append)\s+(\w+(?:\s*,\s*\w+)*)\s*(.*)$")
_LISTS = re.compile(r"(?<!\S)(-i|--in-interface|-o|--out-interface|-s|--source|-d|--destination)\s+(\S+(?:\s*,\s*\S+)+)")
_PROTOCOL = re.compile(r"(?<!\S)(?:-p|--protocol)\s+(tcp|udp)(?!\S)")
# The chains that packets for the switch itself pass.
_CHAINS = (("mangle", "PREROUTING"), ("mangle", "INPUT"), ("filter", "INPUT"))
_UNREADABLE = (observed.UNREAD,)


class PolicyFile(NamedTuple):
    path: str
    text: str


class Line(NamedTuple):
    """One rule as the kernel gets it; `family` is `ip` or `ip6`, `text` begins with `-A CHAIN`."""

    path: str
    family: str
    table: str
    chain: str
    text: str


def includes(configuration: str) -> List[str]:
    """The paths and patterns of policy.conf, in order."""
    found = (re.match(r"\s*include\s+(\S+)", line) for line in configuration.splitlines())
    return [match.group(1) for match in found if match]


def is_included(patterns: Iterable[str], path: str) -> bool:
    return any(_matches(pattern, path) for pattern in patterns)


def _matches(pattern: str, path: str) -> bool:
    directory, name = posixpath.split(path)
    return posixpath.dirname(pattern) == directory and fnmatch.fnmatchcase(name, posixpath.basename(pattern))


def in_order(patterns: Sequence[str], files: Iterable[PolicyFile]) -> List[PolicyFile]:
    """The files as cl-acltool reads them, each once."""
    rank = [[index for index, pattern in enumerate(patterns) if _matches(pattern, file.path)] for file in files]
    known = [(ranks[0], file) for ranks, file in zip(rank, files) if ranks]
    return [file for _rank, file in sorted(known, key=lambda item: (item[0], item[1].path))]


def lines(file: PolicyFile) -> Iterator[Line]:
    """The rules of a file, written out. What is no rule is left out: cl-acltool would not take it either."""
    variables: Dict[str, str] = {}
    section: Optional[str] = None
    for raw in file.text.splitlines():
        text = raw.strip()
        if not text or text.startswith("#"):
            continue
        if text.lower() in _SECTIONS:
            section = _SECTIONS[text.lower()]
            continue
        assignment = _VARIABLE.match(text)
        if assignment:
            variables[assignment.group(1)] = assignment.group(2).strip().strip("\"'")
            continue
        text = _USED.sub(lambda match: variables.get(match.group(1), match.group(0)), text)
        rule = _RULE.match(text)
        if rule and section:
            for chain in re.split(r"\s*,\s*", rule.group(2)):
                for rest in _written_out(rule.group(3)):
                    yield Line(file.path, section, rule.group(1) or "filter", chain, ("-A %s %s" % (chain, rest)).strip())


def _written_out(text: str) -> Iterator[str]:
    match = _LISTS.search(text)
    if match is None:
        yield text
        return
    for one in re.split(r"\s*,\s*", match.group(2)):
        yield from _written_out("%s%s %s%s" % (text[: match.start()], match.group(1), one, text[match.end() :]))


def rule_of(line: Line, key: ChainKey, number: int) -> NftRule:
    """The rule in the evaluator's words; one that cannot be read may do anything."""
    try:
        # Ports may stand behind any other match, where iptables still takes them for those of the protocol.
        taken = ipt_ruleset.take_apart(_PROTOCOL.sub(r"\g<0> -m \1", line.text))
    except ValueError:
        return NftRule(key, number, "not readable: %s" % line.text, _UNREADABLE)
    return NftRule(key, number, taken.comment, ipt_ruleset.expressions(taken, FAMILIES[line.family], {}, {}), line.text)


def input_key(family: str, legacy: bool) -> ChainKey:
    """The chain that new connections to the switch come to; `family` is `ip` or `ip6`."""
    return (family, (LEGACY if legacy else "") + "filter", "INPUT")


def installed(kernel: Ruleset, policy: Sequence[Line], legacy: bool) -> Ruleset:
    """What the kernel has after `cl-acltool -i`: the rules of the files in place of those that it has now."""
    chains, rules = dict(kernel.chains), dict(kernel.rules)
    for family in FAMILIES:
        for table, chain in _CHAINS:
            here = [line for line in policy if (line.family, line.table, line.chain) == (family, table, chain)]
            key = (family, (LEGACY if legacy else "") + table, chain)
            if not here and (table, chain) != ("filter", "INPUT"):
                continue
            if key not in chains:
                empty = ipt_ruleset.parse("*%s\n:%s ACCEPT [0:0]\nCOMMIT\n" % (table, chain), family, {}, legacy)
                chains[key] = empty.chains[key]
            rules[key] = [rule_of(line, key, number) for number, line in enumerate(here, 1)]
    return kernel._replace(chains=chains, rules=rules)


# NVUE writes the name of the access list into a comment.
_NVUE_NAME = re.compile(r"acl_name:netports-(\S+)-ipv[46],")


def made_by_nvue_for_us(text: str) -> bool:
    return bool(_NVUE_NAME.search(text))


def with_mark(rule: NftRule) -> NftRule:
    """A rule that NVUE wrote for us, marked as those that we write."""
    match = _NVUE_NAME.search(rule.comment)
    return rule._replace(comment=nft_ruleset.MARK + match.group(1)) if match else rule


def lost(kernel: Sequence[NftRule], policy: Sequence[NftRule]) -> List[NftRule]:
    """Rules that the kernel has and no file: `cl-acltool -i` takes them away. Only those for which that is certain."""
    known = Counter(_shape(rule) for rule in policy)
    extra: List[NftRule] = []
    for rule in kernel:
        known[_shape(rule)] -= 1
        if known[_shape(rule)] < 0 and _is_plain(rule):
            extra.append(rule)
    # A rule of a file that is not understood may be any of them that does the same.
    unclear = [rule for rule in policy if "xt" in json.dumps(rule.expr) and known[_shape(rule)] > 0]
    spare = Counter(_target(rule) for rule in unclear)
    result: List[NftRule] = []
    for rule in extra:
        spare[_target(rule)] -= 1
        if spare[_target(rule)] < 0:
            result.append(rule)
    return result


def _is_plain(rule: NftRule) -> bool:
    """Does it ask for nothing that iptables may print in other words, such as 5/min for 5/minute?"""
    return all(set(expression) <= {"match", "counter", "accept", "drop", "reject", "jump"} for expression in rule.expr)


def _target(rule: NftRule) -> str:
    match = re.search(r"(?<!\S)(?:-j|--jump)\s+(\S+)", rule.line)
    return match.group(1) if match else ""


def _shape(rule: NftRule) -> str:
    """The same for two ways to write one rule."""
    return json.dumps(sorted((_sorted(e) for e in rule.expr if "counter" not in e), key=repr), sort_keys=True)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(inner) for key, inner in value.items()}
    return sorted((_sorted(inner) for inner in value), key=repr) if isinstance(value, (list, tuple)) else value


def refused_devices(rules: Iterable[NftRule]) -> Tuple[str, ...]:
    """The wildcards of switch ports and bonds for which a rule refuses something.

    Such a rule is carried out in hardware, and only one that names the ports as well is sure to come before it there.
    """
    found: Set[str] = set()
    for rule in rules:
        if any(verdict in expression for expression in rule.expr for verdict in ("drop", "reject")):
            names = re.findall(r"(?:-i|--in-interface) (swp|bond)", rule.line)
            found.update(name + "+" for name in names)
    return tuple(sorted(found, reverse=True))
