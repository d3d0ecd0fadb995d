# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules of a label are in the words of firewalld.

Pure. For good, a label is a service, `netports-<label>`. What is open in one family, or to some sources only, is a service
of its own (`netports4-`, `netports6_1-`), which a rich rule admits, and with more than one source an ipset of that name. The
running firewalld learns of a new service only when it reloads, and a reload drops what other programs have added to it.
Until then rich rules with the ports themselves serve, here called stopgaps: they have a priority that plain rules do not
have, so that no rule of others is taken for one of them, and come after the denials of others.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import Container, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Interval
from ansible_collections.netports.core.plugins.module_utils._firewall.model import BOTH, Rule

_DIGIT = {BOTH: "", IPV4: "4", IPV6: "6"}
_FAMILY = {digit: family for family, digit in _DIGIT.items()}
_OWN_NAME = re.compile(r"^netports([46]?)(?:_\d+)?-(.+)$")
# The kernel's limit for the name of a set.
_SET_NAME = 31
_STOPGAP = re.compile(
    r'^rule priority="(?P<priority>\d+)"(?: family="(?P<family>ipv[46])")?(?: source address="(?P<source>[^"]+)")?'
    r' (?:port port="(?P<port>[\d-]+)" protocol="(?P<protocol>tcp|udp)"|protocol value="(?P<number>\d+)") accept$'
)


class Group(NamedTuple):
    """Ports that are open to the same clients: what one service stands for. No sources: everybody of the family."""

    label: str
    service: str
    family: str
    sources: Tuple[str, ...]
    ports: Tuple[Tuple[str, str], ...]  # port or range, protocol
    protocols: Tuple[str, ...]

    @property
    def set_name(self) -> Optional[str]:
        """Its ipset; None where the rule can do without."""
        return set_name(self.service) if len(self.sources) > 1 else None


class Entries(NamedTuple):
    """What a zone holds: names of services, and rich rules as firewalld writes them."""

    services: Tuple[str, ...] = ()
    rules: Tuple[str, ...] = ()

    def changed(self, drop: Entries, add: Entries) -> Entries:
        return Entries(*(_changed(old, gone, new) for old, gone, new in zip(self, drop, add)))

    def common(self, other: Entries) -> Entries:
        return Entries(*(tuple(item for item in mine if item in theirs) for mine, theirs in zip(self, other)))

    def without(self, other: Entries) -> Entries:
        return Entries(*(tuple(item for item in mine if item not in theirs) for mine, theirs in zip(self, other)))

    def joined(self, other: Entries) -> Entries:
        return self.changed(Entries(), other)

    def lines(self) -> List[str]:
        return ["service %s" % name for name in self.services] + list(self.rules)


class Zone(NamedTuple):
    """A zone as firewalld runs it. `ports` are pairs of port or range and protocol."""

    target: str
    entries: Entries
    ports: Tuple[Tuple[str, str], ...] = ()
    protocols: Tuple[str, ...] = ()


class Binding(NamedTuple):
    """What is bound to a zone."""

    interfaces: Tuple[str, ...] = ()
    sources: Tuple[str, ...] = ()


def _changed(old: Sequence[str], gone: Sequence[str], new: Sequence[str]) -> Tuple[str, ...]:
    kept = [item for item in old if item not in gone]
    return tuple(dict.fromkeys([*kept, *new]))


def written(label: str) -> str:
    """A label as it stands in a name of firewalld, which takes no points."""
    if "." not in label:
        return label
    return "%s-%s" % (label.replace(".", "_"), hashlib.sha256(label.encode()).hexdigest()[:6])


def set_name(service: str) -> str:
    if len(service) <= _SET_NAME:
        return service
    return "%s-%s" % (service[: _SET_NAME - 9], hashlib.sha256(service.encode()).hexdigest()[:8])


def label_in(name: str) -> Optional[str]:
    """The label, as it is written, in the name of a service of ours; None for services of others."""
    found = _OWN_NAME.match(name)
    return found.group(2) if found else None


def family_in(name: str) -> str:
    found = _OWN_NAME.match(name)
    return _FAMILY[found.group(1)] if found else BOTH


def groups(label: str, rules: Iterable[Rule]) -> Tuple[Group, ...]:
    """The services that the rules come to."""
    found: Dict[Tuple[str, Tuple[Interval, ...]], List[Rule]] = {}
    for rule in rules:
        found.setdefault((rule.family, rule.sources), []).append(rule)
    result: List[Group] = []
    numbers = {IPV4: 0, IPV6: 0}
    for (family, sources), members in sorted(found.items()):
        suffix = ""
        if sources:
            numbers[family] += 1
            suffix = "_%d" % numbers[family]
        ports = [(intervals.number_text(p), rule.protocol) for rule in members if rule.protocol != "ip" for p in rule.ports]
        protocols = [
            str(number)
            for rule in members
            if rule.protocol == "ip"
            for low, high in rule.ports
            for number in range(low, high + 1)
        ]
        name = "netports%s%s-%s" % (_DIGIT[family], suffix, written(label))
        result.append(Group(label, name, family, _networks(sources, family), tuple(ports), tuple(protocols)))
    return tuple(result)


def _networks(sources: Iterable[Interval], family: str) -> Tuple[str, ...]:
    return tuple(intervals.network_text(block, family) for source in sources for block in intervals.blocks(source, family))


def rules_of(group: Group) -> List[Rule]:
    """The rules that such a service and its rich rule stand for. Raises ValueError for what was changed by hand."""
    sources = intervals.merged(intervals.parse_network(source)[1] for source in group.sources)
    by_protocol: Dict[str, List[Interval]] = {}
    for port, protocol in group.ports:
        by_protocol.setdefault(protocol, []).append(_interval(port))
    for number in group.protocols:
        by_protocol.setdefault("ip", []).append(_interval(number))
    return [Rule(group.label, name, intervals.merged(ports), group.family, sources) for name, ports in by_protocol.items()]


def _interval(text: str) -> Interval:
    low, _hyphen, high = text.partition("-")
    return int(low), int(high or low)


def entries(group: Group) -> Entries:
    """How a zone admits the service for good."""
    if group.family == BOTH:
        return Entries((group.service,))
    return Entries((), (rich_rule(group.service, group.family, source_of(group)),))


def source_of(group: Group) -> str:
    """The source of its rich rule; empty for everybody."""
    name = group.set_name
    return 'ipset="%s"' % name if name else 'address="%s"' % group.sources[0] if group.sources else ""


def rich_rule(service: str, family: str, source: str) -> str:
    return 'rule family="%s"%s service name="%s" accept' % (family, source and " source " + source, service)


def priority(label: str) -> int:
    return 10 + zlib.crc32(label.encode()) % 990


def stopgaps(group: Group) -> Entries:
    """How the running firewalld admits the ports while it does not know the service."""
    matches = ['port port="%s" protocol="%s"' % port for port in group.ports]
    matches += ['protocol value="%s"' % number for number in group.protocols]
    sources = ['address="%s"' % source for source in group.sources] or [""]
    family = "" if group.family == BOTH else group.family
    number = str(priority(group.label))
    return Entries((), tuple(stopgap(number, family, source, match) for source in sources for match in matches))


def stopgap(number: str, family: str, source: str, match: str) -> str:
    words = ['rule priority="%s"' % number]
    words += ['family="%s"' % family] if family else []
    words += ["source " + source] if source else []
    return " ".join([*words, match, "accept"])


def of_priority(found: Entries, priorities: Container[int]) -> Entries:
    """The rules among them that look like stopgaps of these priorities."""
    matches = ((rule, _STOPGAP.match(rule)) for rule in found.rules)
    return Entries((), tuple(rule for rule, match in matches if match and int(match.group("priority")) in priorities))


def stopgap_rules(label: str, texts: Iterable[str]) -> List[Rule]:
    """The rules that stopgaps stand for."""
    sources: Dict[Tuple[str, str, Interval], Set[Interval]] = {}
    for found in filter(None, map(_STOPGAP.match, texts)):
        source, port = found.group("source"), found.group("port") or found.group("number")
        key = (found.group("family") or BOTH, found.group("protocol") or "ip", _interval(port))
        sources.setdefault(key, set()).update([intervals.parse_network(source)[1]] if source else [])
    ports: Dict[Tuple[str, str, Tuple[Interval, ...]], List[Interval]] = {}
    for (family, protocol, port), networks in sources.items():
        ports.setdefault((family, protocol, intervals.merged(networks)), []).append(port)
    return [Rule(label, protocol, intervals.merged(p), family, allowed) for (family, protocol, allowed), p in ports.items()]


def own_service(rule: str) -> Optional[str]:
    """The service of ours that a rich rule names."""
    found = re.search(r' service name="(netports[^"]*)"', rule)
    return found.group(1) if found and label_in(found.group(1)) is not None else None


def named_source(rule: str) -> Tuple[str, str]:
    """`ipset` or `address` and its value from a rich rule; empty where it names no source."""
    found = re.search(r' source (ipset|address)="([^"]+)"', rule)
    return (found.group(1), found.group(2)) if found else ("", "")


def own_entries(found: Entries, claims: Iterable[str] = ()) -> Entries:
    """What in a zone is ours: services and their rules by name, stopgaps by what was noted when they were added."""
    claimed = set(claims)
    services = tuple(name for name in found.services if label_in(name) is not None)
    return Entries(services, tuple(rule for rule in found.rules if own_service(rule) or rule in claimed))


def of_label(found: Entries, label: str, claims: Iterable[str] = ()) -> Entries:
    """What of it is of one label."""
    name, claimed = written(label), set(claims)
    services = tuple(service for service in found.services if label_in(service) == name)
    rules = tuple(rule for rule in found.rules if label_in(own_service(rule) or "") == name or rule in claimed)
    return Entries(services, rules)


def joined_claims(claims: Mapping[str, Mapping[str, Sequence[str]]], zone: str, but: Sequence[str] = ()) -> Set[str]:
    """The stopgaps in a zone that any label has noted, but for some labels."""
    return {rule for label, zones in claims.items() if label not in but for rule in zones.get(zone, ())}
