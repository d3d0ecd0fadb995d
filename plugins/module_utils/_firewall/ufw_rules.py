# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A label's rules in the words of ufw: application profiles, tuples of its rules files, lines of iptables.

Pure. A profile is a list of ports, and `ufw app update` gives all of it to every rule that names it. So each list of ports
has a profile of its own: `netports-<label>`, and `netports-<label>+2` and so on where some ports have other clients, or
another family, than the rest. ufw knows no sets: it takes one rule for each source.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6, family_of
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, ipt_ruleset, model, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Interval, Intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule

MARK = nft_ruleset.MARK
PREFIX = "netports-"
TUPLE = "### tuple ###"
_ANYWHERE = {IPV4: "0.0.0.0/0", IPV6: "::/0"}
_USER = {IPV4: "ufw-user-input", IPV6: "ufw6-user-input"}
_AFTER = {IPV4: "ufw-after-input", IPV6: "ufw6-after-input"}
# What ufw takes: of a profile's name, of the value of one of its fields, and of ports in one rule, where a range counts twice.
_NAME_LENGTH = 64
_FIELD_LENGTH = 1024
_ORDINAL = re.compile(r"\+\d{1,3}$")
_HASHED = 8


class Entry(NamedTuple):
    """One rule for one family. `source` is None for everybody. With protocol `ip`, `ports` is one number and `profile` empty."""

    protocol: str
    ports: Intervals
    source: Optional[Interval]
    profile: str = ""

    def text(self, family: str) -> str:
        what = "IP protocol %d" % self.ports[0][0] if self.protocol == "ip" else "%s/%s" % (ports_text(self.ports), self.protocol)
        source = intervals.network_text(self.source, family) if self.source else "anywhere"
        return "allow %s from %s%s" % (what, source, " (%s)" % self.profile if self.profile else "")


class Layout(NamedTuple):
    """`profiles` are names and ports as a profile has them."""

    profiles: Tuple[Tuple[str, str], ...]
    entries: Mapping[str, Tuple[Entry, ...]]


def chain_of(entry: Entry, family: str) -> str:
    """ufw has no rules for an IP protocol by number; those come where the rules of ufw had their say and before its policy."""
    return (_AFTER if entry.protocol == "ip" else _USER)[family]


def chains(family: str) -> Tuple[str, str]:
    """The chains in which rules of ours can be: for ports, for IP protocols."""
    return _USER[family], _AFTER[family]


def profile_base(label: str) -> str:
    """The name of a label's first profile, and of the file with all of them."""
    if len(PREFIX + label) <= _NAME_LENGTH - len("+999"):
        return PREFIX + label
    digest = hashlib.sha256(label.encode()).hexdigest()[:_HASHED]
    return PREFIX + label[: _NAME_LENGTH - len("+999+") - _HASHED - len(PREFIX)] + "+" + digest


def first_profile(name: str) -> str:
    """The first profile of the label whose profile this is."""
    return _ORDINAL.sub("", name)


def label_of_profile(name: str) -> str:
    """The label, as far as the name tells: a long one is cut."""
    return first_profile(name)[len(PREFIX) :].partition("+")[0]


def ports_text(ports: Intervals) -> str:
    return ",".join(str(low) if low == high else "%d:%d" % (low, high) for low, high in ports)


_Pack = Tuple[Tuple[str, Intervals], ...]


def _pack_text(pack: _Pack) -> str:
    return "|".join("%s/%s" % (ports_text(ports), protocol) for protocol, ports in pack)


def _packs(ports: Mapping[str, Intervals]) -> Iterator[_Pack]:
    """As one profile each can have them."""
    pack: _Pack = ()
    for protocol in ("tcp", "udp"):
        for chunk in intervals.portions(ports.get(protocol, ())):
            longer = (*pack, (protocol, chunk))
            if pack and len(_pack_text(longer)) > _FIELD_LENGTH:
                yield pack
                longer = longer[-1:]
            pack = longer
    if pack:
        yield pack


def layout(label: str, rules: Sequence[Rule], families: Sequence[str]) -> Layout:
    """The profiles and entries of a label, always in the same order for the same rules."""
    wanted: Dict[Tuple[str, Intervals], Dict[str, Intervals]] = {}
    for rule in rules:
        for family in rule.families:
            if family in families:
                known = wanted.setdefault((family, rule.sources), {})
                known[rule.protocol] = intervals.merged(known.get(rule.protocol, ()) + rule.ports)
    names: Dict[_Pack, str] = {}
    entries: Dict[str, List[Entry]] = {IPV4: [], IPV6: []}
    for (family, sources), ports in wanted.items():
        packs = list(_packs(ports))
        for pack in packs:
            names.setdefault(pack, profile_base(label) + ("+%d" % (len(names) + 1) if names else ""))
        for source in _each_source(sources, family):
            entries[family] += [Entry(protocol, chunk, source, names[pack]) for pack in packs for protocol, chunk in pack]
            numbers = [number for low, high in ports.get("ip", ()) for number in range(low, high + 1)]
            entries[family] += [Entry("ip", ((number, number),), source) for number in numbers]
    profiles = tuple((name, _pack_text(pack)) for pack, name in names.items())
    return Layout(profiles, {family: tuple(found) for family, found in entries.items()})


def _each_source(sources: Intervals, family: str) -> Iterator[Optional[Interval]]:
    if not sources:
        yield None
    for interval in sources:
        yield from intervals.blocks(interval, family)


def rules_of(label: str, entries: Mapping[str, Sequence[Entry]]) -> Tuple[Rule, ...]:
    """The rules that the entries are; `layout` of them comes to the same entries, by other profiles perhaps."""
    ports: Dict[Tuple[str, str, Optional[Interval]], Intervals] = {}
    for family, found in entries.items():
        for entry in found:
            key = (entry.protocol, family, entry.source)
            ports[key] = intervals.merged(ports.get(key, ()) + entry.ports)
    sources: Dict[Tuple[str, str, Intervals], List[Interval]] = {}
    wanted: Dict[Tuple[str, str, Intervals], Intervals] = {}
    for (protocol, family, source), open_ports in ports.items():
        if source is None:
            wanted[(protocol, family, ())] = open_ports
        else:
            sources.setdefault((protocol, family, open_ports), []).append(source)
    for (protocol, family, open_ports), known in sources.items():
        wanted[(protocol, family, intervals.merged(known))] = open_ports
    return model.rules_of(label, wanted)


# Tuples, which are what ufw reads of its rules files.


def mark(label: str) -> str:
    """The comment of a rule of ours, as a tuple has it."""
    return binascii.hexlify((MARK + label).encode()).decode()


def tuple_line(entry: Entry, family: str, label: str) -> str:
    anywhere = _ANYWHERE[family]
    source = intervals.network_text(entry.source, family) if entry.source else anywhere
    words = (TUPLE, "allow", entry.protocol, ports_text(entry.ports), anywhere, "any", source, entry.profile, "-", "in")
    return "%s comment=%s" % (" ".join(words), mark(label))


class TupleRead(NamedTuple):
    """A tuple of anybody. `entry` is None for what we would not write; `label` for the tuples of others."""

    label: Optional[str]
    entry: Optional[Entry]


def parse_tuple(line: str, family: str) -> TupleRead:
    body, _separator, comment = line[len(TUPLE) :].partition(" comment=")
    return TupleRead(_label_of_comment(comment.strip()), _entry_of_tuple(body.split(), family))


def _label_of_comment(comment: str) -> Optional[str]:
    try:
        text = binascii.unhexlify(comment).decode("utf-8", "replace")
    except ValueError:
        return None  # an odd comment is nobody's of ours
    return text[len(MARK) :] if text.startswith(MARK) else None


def _entry_of_tuple(words: Sequence[str], family: str) -> Optional[Entry]:
    anywhere = _ANYWHERE[family]
    if len(words) != 9 or (words[0], words[3], words[4], words[7], words[8]) != ("allow", anywhere, "any", "-", "in"):
        return None
    ports, source = _parse_ports(words[2]), _parse_source(words[5], family)
    if words[1] not in ("tcp", "udp") or ports is None or source is None:
        return None
    return Entry(words[1], ports, _single(source), words[6])


def _parse_ports(text: str) -> Optional[Intervals]:
    found = []
    for part in text.split(","):
        low, _colon, high = part.partition(":")
        if not (low.isdigit() and (high or low).isdigit()):
            return None
        found.append((int(low), int(high or low)))
    return tuple(found)


def _single(source: Intervals) -> Optional[Interval]:
    return source[0] if source else None


def _parse_source(text: str, family: str) -> Optional[Intervals]:
    """One interval, none for everybody; None for what is no source."""
    if text == _ANYWHERE[family]:
        return ()
    address, slash, length = text.partition("/")
    try:
        if family_of(address) != family:
            return None
        return (intervals.block(address, int(length) if slash else intervals.BITS[family]),)
    except ValueError:
        return None


# Lines of iptables: as ufw writes them, and as iptables-save prints them.


def line(entry: Entry, family: str, label: str) -> str:
    """What stands behind a tuple of ufw's, word for word, and in a block of IP protocols; the kernel gets it as it is."""
    words = ["-A", chain_of(entry, family), "-p"]
    source = ["-s", intervals.network_text(entry.source, family)] if entry.source else []
    if entry.protocol == "ip":
        words += [str(entry.ports[0][0]), *source, "-m", "comment", "--comment", MARK + label, "-j", "ACCEPT"]
        return " ".join(words)
    several = len(entry.ports) > 1 or entry.ports[0][0] != entry.ports[0][1]
    words += [entry.protocol, *(("-m", "multiport", "--dports") if several else ("--dport",)), ports_text(entry.ports), *source]
    # iptables takes these quotes for a part of the comment.
    return " ".join([*words, "-j", "ACCEPT", "-m", "comment", "--comment", "'dapp_%s'" % entry.profile])


def profile_of_comment(comment: str) -> Optional[str]:
    """The profile of ours that a rule in the kernel names in its comment."""
    name = comment.strip("'")
    return name[len("dapp_") :] if name.startswith("dapp_" + PREFIX) else None


def entry_of_line(text: str, family: str) -> Optional[Entry]:
    """The entry that a rule printed by iptables-save is; None for what we would not write."""
    rule = ipt_ruleset.take_apart(text)
    protocol = nft_ruleset.protocol_number(rule.protocol) if rule.protocol else None
    if rule.target != "ACCEPT" or rule.goto or rule.options or protocol is None:
        return None
    ports: Optional[Intervals] = None
    source: Optional[Intervals] = ()
    for part in rule.parts:
        for option in part.options:
            if option.negated:
                return None
            if option.name in ("--dport", "--dports"):
                ports = _parse_ports(option.value)
            elif option.name == "-s":
                source = _parse_source(option.value, family)
            elif option.name not in ("-p", "--comment"):
                return None
    if source is None:
        return None
    profile = profile_of_comment(rule.comment)
    if profile is None:
        return Entry("ip", ((protocol, protocol),), _single(source)) if ports is None else None
    name = {6: "tcp", 17: "udp"}.get(protocol)
    return Entry(name, ports, _single(source), profile) if name and ports else None
