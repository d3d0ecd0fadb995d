# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of ours in a policy file of Cumulus Linux: one line each, from and to the rules of the model.

Pure. The format knows no sets; a line has up to fifteen ports (a range counts for two) and any number of sources. A line
without an interface serves all of them, eth0 and VRFs too; `swp+` and `bond+` are for the hardware.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Interval, Intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import MARK, ChainKey, NftRule, Ruleset

_SOURCES = 20
_HEADER = """# Made by port_allow of the Ansible collection netports.core, which replaces this file as a whole.
# Rules of your own belong in a file of your own.
"""
_SECTIONS = ((IPV4, "[iptables]"), (IPV6, "[ip6tables]"))


class Entry(NamedTuple):
    """A rule as the file has it. `device` is empty for every interface, `sources` for everybody."""

    label: str
    family: str
    protocol: str
    ports: Intervals
    sources: Intervals
    device: str = ""

    @property
    def size(self) -> int:
        """How many rules of the kernel and the hardware it comes to."""
        ranges = sum(1 for low, high in self.ports if low != high)
        return max(1, len(self.blocks)) * (ranges + bool(len(self.ports) - ranges))

    @property
    def blocks(self) -> List[Interval]:
        return [block for source in self.sources for block in intervals.blocks(source, self.family)]

    def texts(self) -> Iterator[str]:
        """The lines; iptables takes no word of more than 1023 letters, so that a long list of sources needs several."""
        sources = [intervals.network_text(block, self.family) for block in self.blocks]
        for start in range(0, len(sources), _SOURCES) or (0,):
            yield self._text(sources[start : start + _SOURCES])

    def _text(self, sources: Sequence[str]) -> str:
        words = ["-A INPUT"]
        if self.device:
            words.append("-i %s" % self.device)
        if sources:
            words.append("-s %s" % ",".join(sources))
        if self.protocol == "ip":
            words.append("-p %d" % self.ports[0][0])
        else:
            ports = [intervals.number_text(port).replace("-", ":") for port in self.ports]
            option = "--dport" if len(ports) == 1 else "-m multiport --dports"
            words.append("-p %s %s %s" % (self.protocol, option, ",".join(ports)))
        return "%s -m comment --comment %s%s -j ACCEPT" % (" ".join(words), MARK, self.label)


def entries_of(rule: Rule, devices: Sequence[str] = ()) -> Iterator[Entry]:
    """The lines of a rule of one family: for all interfaces, and for each of `devices`."""
    parts: List[Intervals]
    if rule.protocol == "ip":
        parts = [((number, number),) for low, high in rule.ports for number in range(low, high + 1)]
    else:
        parts = list(intervals.portions(rule.ports))
    for device in ("", *devices):
        for part in parts:
            yield Entry(rule.label, rule.family, rule.protocol, part, rule.sources, device)


def merged(entries: Iterable[Entry]) -> Tuple[Entry, ...]:
    """Sorted, and those that differ in sources alone as one."""
    found: Dict[Tuple[Entry, bool], List[Interval]] = {}
    for entry in entries:
        found.setdefault((entry._replace(sources=()), not entry.sources), []).extend(entry.sources)
    return tuple(sorted(entry._replace(sources=intervals.merged(sources)) for (entry, _all), sources in found.items()))


def read(rules: Iterable[NftRule]) -> Tuple[Dict[str, Tuple[Entry, ...]], List[NftRule]]:
    """The marked rules by label, and those that are not marked or not as we write them."""
    found: Dict[str, List[Entry]] = {}
    others: List[NftRule] = []
    for rule in rules:
        entry = _entry(rule)
        if entry is None:
            others.append(rule)
        else:
            found.setdefault(entry.label, []).append(entry)
    return {label: merged(entries) for label, entries in found.items()}, others


def _entry(rule: NftRule) -> Optional[Entry]:
    if rule.label is None:
        return None
    device, rest = "", []
    for expression in rule.expr:
        match = expression.get("match")
        if match and match["op"] == "==" and nft_ruleset.meta_key(match["left"]) == "iifname":
            device = str(match["right"]).replace("*", "+")
        else:
            rest.append(expression)
    own = nft_ruleset.parse_own(rule._replace(expr=tuple(rest)))
    if own is None or own.family not in (IPV4, IPV6):
        return None
    return Entry(own.label, own.family, own.protocol, own.ports, own.sources, device)


def joined(ruleset: Ruleset, key: ChainKey) -> Ruleset:
    """With each of our rules in that chain as one again: many sources are many rules, none of which admits them all."""
    rules = ruleset.rules.get(key, [])
    ours = [rule for rule in rules if _entry(rule) is not None]
    if not ours:
        return ruleset
    place = rules.index(ours[0])
    entries = [entry for entries in read(ours)[0].values() for entry in entries]
    whole = [NftRule(key, None, MARK + entry.label, _expression(entry, key)) for entry in entries]
    return ruleset._replace(rules={**ruleset.rules, key: rules[:place] + whole + [r for r in rules[place:] if r not in ours]})


def _expression(entry: Entry, key: ChainKey) -> Tuple[Any, ...]:
    rule = Rule(entry.label, entry.protocol, entry.ports, entry.family, entry.sources)
    device = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": entry.device.replace("+", "*")}}
    return ((device,) if entry.device else ()) + nft_ruleset.expression(rule, key[0])


def rules_of(entries: Iterable[Entry]) -> Tuple[Rule, ...]:
    """The rules that the lines were made from."""
    ports: Dict[Tuple[str, str, str, Intervals], List[Interval]] = {}
    for entry in entries:
        ports.setdefault((entry.label, entry.protocol, entry.family, entry.sources), []).extend(entry.ports)
    return tuple(Rule(label, protocol, intervals.merged(p), family, src) for (label, protocol, family, src), p in ports.items())


def render(labels: Dict[str, Tuple[Entry, ...]]) -> str:
    """The text of the file; empty when there is nothing to keep."""
    entries = [entry for label in sorted(labels) for entry in labels[label]]
    text = ""
    for family, section in _SECTIONS:
        here = [text for entry in entries if entry.family == family for text in entry.texts()]
        if here:
            text += "\n%s\n%s\n" % (section, "\n".join(here))
    return _HEADER + text if text else ""
