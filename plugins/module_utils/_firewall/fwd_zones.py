# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By which zones of firewalld do clients come in, and what does a zone admit?

Pure. Clients come by the interfaces that carry addresses, but not by those of containers and virtual machines, and from
sources that are bound to a zone. A zone whose target is ACCEPT needs nothing. A zone that sources alone are bound to, and
that drops or rejects all, is how sources are banned: it stays as it is.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _address
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_model import Binding, Zone
from ansible_collections.netports.core.plugins.module_utils._firewall.model import BOTH, Connection, Rule

ACCEPT = "ACCEPT"
_REFUSING = ("DROP", "%%REJECT%%", "REJECT")
# Made by container runtimes and hypervisors for their own guests.
_GUESTS = re.compile(
    r"^(lo|docker\d+|docker_gwbridge|br-[0-9a-f]{12}|podman\d+|cni\d*|cni-.*|veth.*|virbr\d.*|vnet\d+|lxcbr\d+|lxdbr\d+|lxc.*"
    r"|flannel.*|cali.*|cilium.*|kube-.*|nodelocaldns|weave.*|antrea.*|ovs-system)$"
)
_GUEST_ZONES = frozenset(("docker", "libvirt", "libvirt-routed", "nm-shared", "trusted"))
# A rich rule that admits a port and asks for nothing but family and source.
_ADMITS = re.compile(
    r'^rule(?: priority="-?\d+")?(?: family="(?P<family>ipv[46])")?(?: source address="(?P<source>[^"]+)")?'
    r' port port="(?P<port>\d+(?:-\d+)?)" protocol="tcp" accept$'
)


def interfaces_of(text: str) -> Dict[str, List[str]]:
    """Interfaces that carry addresses, with them, from `ip -oneline address`; without those of guests."""
    result: Dict[str, List[str]] = {}
    for line in text.splitlines():
        found = re.match(r"^\d+: ([^\s@]+)\S*\s+inet6? ([0-9a-fA-F.:]+)", line)
        if found and not _GUESTS.match(found.group(1)):
            result.setdefault(found.group(1), []).append(found.group(2))
    return result


def zone_of_interface(name: str, bound: Mapping[str, Binding], default: str) -> str:
    for zone, binding in bound.items():
        for pattern in binding.interfaces:
            if pattern == name or (pattern.endswith("+") and name.startswith(pattern[:-1])):
                return zone
    return default


def entered(interfaces: Iterable[str], bound: Mapping[str, Binding], default: str) -> List[str]:
    """The zones by which clients may come in; the default zone where no interface is up yet."""
    found = [zone_of_interface(name, bound, default) for name in interfaces] or [default]
    found += [zone for zone, binding in bound.items() if binding.sources]
    return [zone for zone in dict.fromkeys(found) if zone not in _GUEST_ZONES]


def filtering(
    names: Iterable[str], zones: Mapping[str, Zone], interfaces: Iterable[str], bound: Mapping[str, Binding], default: str
) -> List[str]:
    """Those of them that have to be opened."""
    by_interface = set(entered(interfaces, {zone: binding._replace(sources=()) for zone, binding in bound.items()}, default))
    result = []
    for name in names:
        target = zones[name].target if name in zones else ACCEPT
        ban = target in _REFUSING and name not in by_interface and not bound.get(name, Binding()).interfaces
        if target != ACCEPT and not ban:
            result.append(name)
    return result


def zones_of_connection(
    connection: Connection, interfaces: Mapping[str, Sequence[str]], bound: Mapping[str, Binding], default: str
) -> List[str]:
    """The zones by which a connection may come in: that of its source, else that of the interface with its address."""
    sure: List[str] = []
    unsure: List[str] = []
    for zone, binding in bound.items():
        for source in binding.sources:
            within = _within(connection.client, source)
            if within is not False:
                (sure if within else unsure).append(zone)
    if sure:
        return sure
    names = [name for name, addresses in interfaces.items() if connection.server in addresses]
    return unsure + [zone_of_interface(name, bound, default) for name in names or [""]]


def _within(address: str, source: str) -> Optional[bool]:
    """Whether an address is in a source of a zone; None for hardware addresses and sets."""
    try:
        family, (low, high) = intervals.parse_network(source)
    except ValueError:
        return None if "ipset:" in source or source.count(":") == 5 else False
    return family == _address.family_of(address) and low <= intervals.number_of(address) <= high


def admits(rules: Iterable[Rule], connection: Connection) -> bool:
    """Do rules of ours admit a connection?"""
    family, client = _address.family_of(connection.client), intervals.number_of(connection.client)
    return any(
        rule.protocol == "tcp"
        and rule.family in (BOTH, family)
        and _has(rule.ports, connection.port)
        and (not rule.sources or _has(rule.sources, client))
        for rule in rules
    )


def _has(numbers: intervals.Intervals, number: int) -> bool:
    return any(low <= number <= high for low, high in numbers)


def opened(ports: Iterable[Tuple[str, str]], protocols: Iterable[str], port: int) -> bool:
    """Do these ports and protocols of a zone or service admit a TCP port?"""
    return any(protocol == "tcp" and _has((_range(text),), port) for text, protocol in ports) or bool(
        {"tcp", "6"}.intersection(protocols)
    )


def rule_admits(text: str, connection: Connection) -> bool:
    """Does a rich rule surely admit a connection?"""
    found = _ADMITS.match(text)
    if found is None or found.group("family") not in (None, _address.family_of(connection.client)):
        return False
    source = found.group("source")
    return _has((_range(found.group("port")),), connection.port) and (not source or _within(connection.client, source) is True)


def _range(text: str) -> intervals.Interval:
    low, _hyphen, high = text.partition("-")
    return int(low), int(high or low)
