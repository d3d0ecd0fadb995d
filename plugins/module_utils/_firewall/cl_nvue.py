# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of ours as access lists of NVUE: the `nv` commands that make them, and those that are there.

Pure. A label has a list a family, `netports-<label>-ipv4`, bound to the control plane. What NVUE has is read from
`nv config show -o commands`, so that what is compared is what is run.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import cl_own, intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_own import Entry
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Interval
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError

# A list for the control plane as a whole; before, there was but one an interface.
CONTROL_PLANE_FROM = (5, 5)
# `match ip tcp dest-port`; before, `match ip dest-port`.
_PORTS_BY_PROTOCOL_FROM = (5, 9)
_AUTO_SAVE_FROM = (5, 9)
_STEP = 10
_NAME = re.compile(r"netports-(.+)-(ipv4|ipv6)$")
_RULE = re.compile(r"nv set acl (\S+) rule (\d+) (.+)$")
_PORT = re.compile(r"match ip (?:(?:tcp|udp) )?dest-port (\S+)$")
# IP protocols that NVUE has words for, and the words for ports that it may print.
_PROTOCOLS = {1: "icmp", 2: "igmp", 58: "icmpv6", 89: "ospf", 103: "pim", 112: "vrrp"}
_PORTS = {
    "bfd": 3784,
    "bfd-echo": 3785,
    "bfd-multihop": 4784,
    "bgp": 179,
    "bootpc": 68,
    "bootps": 67,
    "clag": 5342,
    "dhcp-client": 68,
    "dhcp-server": 67,
    "domain": 53,
    "ftp": 21,
    "http": 80,
    "https": 443,
    "imap2": 143,
    "ldap": 389,
    "ldaps": 636,
    "msdp": 639,
    "ntp": 123,
    "pop3": 110,
    "smtp": 25,
    "snmp": 161,
    "snmp-trap": 162,
    "ssh": 22,
    "telnet": 23,
    "tftp": 69,
}


class Configuration(NamedTuple):
    """`lists` has our access lists by name, each with the commands that make it; `bound` those of the control plane."""

    lists: Dict[str, Tuple[str, ...]]
    bound: Tuple[str, ...]
    saves_itself: Optional[bool]  # None where nothing is said


def name_of(label: str, family: str) -> str:
    return "netports-%s-%s" % (label, family)


def parse(text: str) -> Configuration:
    """What `nv config show -o commands` printed."""
    lists: Dict[str, List[str]] = {}
    bound: List[str] = []
    saves: Optional[bool] = None
    for line in text.splitlines():
        words = line.split()
        if words[:3] == ["nv", "set", "acl"] and len(words) > 3 and _NAME.match(words[3]):
            lists.setdefault(words[3], []).append(_normal(" ".join(words)))
        elif words[:5] == ["nv", "set", "system", "control-plane", "acl"] and words[6:] == ["inbound"]:
            bound.append(words[5])
        elif words[:5] == ["nv", "set", "system", "config", "auto-save"]:
            saves = words[-1] in ("on", "enabled")
    return Configuration({name: tuple(sorted(found)) for name, found in lists.items()}, tuple(bound), saves)


def _normal(command: str) -> str:
    """The same for two ways to print a port or an address."""
    head, _space, value = command.rpartition(" ")
    if head.endswith("dest-port") and value in _PORTS:
        return "%s %d" % (head, _PORTS[value])
    if head.endswith("source-ip") and "/" not in value:
        return "%s/%d" % (command, intervals.BITS[IPV6 if ":" in value else IPV4])
    return command


def saves_itself(configuration: Configuration, release: Sequence[int]) -> bool:
    """Does NVUE save what it applies?"""
    said = configuration.saves_itself
    return tuple(release[:2]) >= _AUTO_SAVE_FROM if said is None else said


def not_ours(changes: str) -> List[str]:
    """The commands of a pending revision that are not about access lists of ours."""
    lines = [line.strip() for line in changes.splitlines() if line.strip()]
    return [line for line in lines if not any(_NAME.match(word) for word in line.split())]


def labels(configuration: Configuration) -> List[str]:
    found = (_NAME.match(name) for name in (*configuration.lists, *configuration.bound))
    return list(dict.fromkeys(match.group(1) for match in found if match))


def wanted(label: str, entries: Iterable[Entry], release: Sequence[int]) -> Dict[str, Tuple[str, ...]]:
    """The access lists for these lines, each with the commands that make it. Raises FirewallError for what NVUE cannot say."""
    result: Dict[str, List[str]] = {}
    for entry in entries:
        name = name_of(label, entry.family)
        commands = result.setdefault(name, ["nv set acl %s type %s" % (name, entry.family)])
        sources: List[Optional[Interval]] = list(entry.blocks) or [None]
        for source in sources:
            number = _STEP * (1 + sum(command.endswith(" action permit") for command in commands))
            rule = "nv set acl %s rule %d" % (name, number)
            commands += ["%s %s" % (rule, words) for words in _words(entry, source, release)]
    return {name: tuple(commands) for name, commands in result.items()}


def _words(entry: Entry, source: Optional[Interval], release: Sequence[int]) -> Iterator[str]:
    protocol: Optional[str] = entry.protocol
    if entry.protocol == "ip":
        protocol = _PROTOCOLS.get(entry.ports[0][0])
        if protocol is None:
            raise FirewallError(
                "NVUE has no word for IP protocol %d, so that it cannot be opened by its access lists; nothing was changed. "
                "Leave that listener out, or open it in a file under /etc/cumulus/acl/policy.d" % entry.ports[0][0]
            )
    yield "match ip protocol %s" % protocol
    if source is not None:
        low, high = source
        length = intervals.BITS[entry.family] - (high - low + 1).bit_length() + 1
        yield "match ip source-ip %s/%d" % (intervals.address_of(low, entry.family), length)
    if entry.protocol != "ip":
        kind = "%s " % protocol if tuple(release[:2]) >= _PORTS_BY_PROTOCOL_FROM else ""
        for port in entry.ports:
            yield "match ip %sdest-port %s" % (kind, intervals.number_text(port).replace("-", ":"))
    yield "action permit"


def commands(configuration: Configuration, lists: Dict[str, Tuple[str, ...]], changed: Iterable[str]) -> List[str]:
    """From what is configured to these lists, for the labels that change. `nv config apply` comes after them."""
    result: List[str] = []
    names = [name_of(label, family) for label in changed for family in (IPV4, IPV6)]
    for name in names:
        has, has_to = configuration.lists.get(name, ()), lists.get(name, ())
        bound = name in configuration.bound
        if bound and not has_to:
            result.append("nv unset system control-plane acl %s" % name)
        if has and has != tuple(sorted(has_to)):
            result.append("nv unset acl %s" % name)
        if has_to and has != tuple(sorted(has_to)):
            result += has_to
        if has_to and not bound:
            result.append("nv set system control-plane acl %s inbound" % name)
    return result


def entries(configuration: Configuration) -> Dict[str, Tuple[Entry, ...]]:
    """What our access lists open, by label; a rule that we would not write is left out."""
    result: Dict[str, List[Entry]] = {}
    for name, found in configuration.lists.items():
        match = _NAME.match(name)
        rules: Dict[int, List[str]] = {}
        for command in found:
            rule = _RULE.match(command)
            if rule:
                rules.setdefault(int(rule.group(2)), []).append(rule.group(3))
        label, family = match.groups() if match else ("", IPV4)
        result.setdefault(label, []).extend(e for e in (_entry(label, family, w) for _n, w in sorted(rules.items())) if e)
    return {label: cl_own.merged(found) for label, found in result.items()}


def _entry(label: str, family: str, words: Sequence[str]) -> Optional[Entry]:
    ports: List[Interval] = []
    sources: List[Interval] = []
    protocol = ""
    for word in words:
        port = _PORT.match(word)
        value = word.rpartition(" ")[2]
        if word.startswith("match ip protocol "):
            protocol = value
        elif word.startswith("match ip source-ip "):
            sources.append(intervals.parse_network(value)[1])
        elif port:
            low, _colon, high = port.group(1).partition(":")
            ports.append((int(low), int(high or low)))
        elif word != "action permit":
            return None
    if protocol not in ("tcp", "udp"):
        numbers = [number for number, name in _PROTOCOLS.items() if name == protocol]
        ports, protocol = [(number, number) for number in numbers], "ip"
    return Entry(label, family, protocol, intervals.merged(ports), intervals.merged(sources)) if ports else None
