# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a firewall should admit, derived from listeners and clients; and the answer to whether it does.

Pure: no firewall is named or asked here.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6, family_of, plain
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Intervals
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem

BOTH = "both"
# In a listener's `clients` and as an address of `clients`: everybody.
ANY = "any"
# What Admission.state says.
ADMITTED = "admitted"
DROPPED = "dropped"
UNKNOWN = "unknown"
UNFILTERED = "unfiltered"
# The warning that goes with `enforcing: false`.
NOTHING_FILTERS = "nothing on this host filters incoming traffic; no port needed opening"
CLOSED = "closed"  # nobody is to be admitted, so that it does not matter
# Of what rules are to send to another port of the host: they do; they do not, and it comes to the port that it has.
REDIRECTED = "redirected"
STRAIGHT = "straight"

# nftables keeps 127 bytes of comment, iptables 255; a label is a part of it.
_LABEL = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")


class Admission(NamedTuple):
    """What the host firewall does with new connections to a listener; `reason` names the rule or policy."""

    state: str
    reason: str


class FirewallError(Exception):
    """The firewall cannot be read or must not be changed; says why and what to do. Nothing was changed."""


class Rule(NamedTuple):
    """Ports of one protocol to admit. For protocol `ip`, `ports` are IP protocol numbers.

    `family` is `ipv4`, `ipv6` or `both`; `sources` are addresses of that family as numbers, empty for everybody
    (with `both` always empty).
    """

    label: str
    protocol: str
    ports: Intervals
    family: str
    sources: Intervals = ()

    @property
    def families(self) -> Tuple[str, ...]:
        return (IPV4, IPV6) if self.family == BOTH else (self.family,)

    def as_dict(self) -> Dict[str, Any]:
        return {
            "label": self.label,
            "protocol": self.protocol,
            "ports": [intervals.number_text(p) for p in self.ports],
            "family": self.family,
            "sources": [intervals.network_text(s, self.family) for s in self.sources],
        }


class Intent(NamedTuple):
    """The rules for one label, and what people should know about how they came to be."""

    rules: Tuple[Rule, ...]
    warnings: Tuple[str, ...]
    notes: Tuple[str, ...]


class Connection(NamedTuple):
    """The connection by which the module was sent here."""

    client: str
    server: str
    port: int

    def __str__(self) -> str:
        return "%s port %d, used from %s" % (self.server, self.port, self.client)


def check_label(label: str) -> str:
    """Raises Problem unless `label` can mark a rule in every firewall."""
    if not _LABEL.match(label):
        raise Problem("label", "%r is not a label: 1 to 64 letters, digits, points, hyphens, underscores" % (label,))
    return label


def parse_clients(clients: Optional[Mapping[str, Any]]) -> Dict[str, List[Tuple[str, intervals.Interval]]]:
    """Networks by client word; `any` is every address. Raises Problem with the path: `clients.kuma_dp[1]: ...`."""
    result: Dict[str, List[Tuple[str, intervals.Interval]]] = {}
    for word, values in (clients or {}).items():
        values = [values] if isinstance(values, str) else values
        if not isinstance(values, (list, tuple)):
            raise Problem("clients.%s" % word, "is not a list of addresses")
        networks = result.setdefault(word, [])
        for index, value in enumerate(values):
            path = "clients.%s[%d]" % (word, index)
            if not isinstance(value, str):
                raise Problem(path, "%r is not an address" % (value,))
            if value == ANY:
                networks.extend((family, intervals.whole_family(family)[0]) for family in (IPV4, IPV6))
                continue
            try:
                networks.append(intervals.parse_network(value))
            except ValueError as error:
                raise Problem(path, str(error)) from None
    return result


def families_of(listener: Listener) -> Tuple[str, ...]:
    """The families in which clients come to it: by its address when it binds one, else by `family`."""
    if listener.bind not in ("any", "loopback"):
        bound = family_of(plain(listener.bind))
        return (IPV4, IPV6) if plain(listener.bind) == "::" and listener.family != IPV6 else (bound,)
    return (IPV4, IPV6) if listener.family in ("both", "any") else (listener.family,)


def numbers_of(listener: Listener) -> Intervals:
    """Its ports, or the number of its IP protocol; empty for a dynamic port."""
    if listener.protocol == "ip":
        return ((listener.number or 0, listener.number or 0),)
    return (listener.ports,) if listener.ports else ()


# Sources of a listener: by family; None is everybody.
_Sources = Optional[Dict[str, Intervals]]


def open_to_all(listener: Listener, clients: Mapping[str, Any]) -> bool:
    """Whether its clients are everybody by their word alone. Who has the word `any` in `clients` gives it another meaning."""
    return ANY in listener.clients and ANY not in clients


def _sources(listener: Listener, clients: Mapping[str, Any]) -> _Sources:
    """Restricted only when the addresses of every client are known: half a list would lock the others out."""
    if not listener.clients or open_to_all(listener, clients) or any(word not in clients for word in listener.clients):
        return None
    networks = [network for word in listener.clients for network in clients[word]]
    return {family: intervals.merged(n for f, n in networks if f == family) for family in (IPV4, IPV6)}


def sources_to_admit(listener: Listener, clients: Mapping[str, Any]) -> Dict[str, Intervals]:
    """By family: who must be admitted, empty for everybody. A family in which nobody must be is left out.

    `clients` are parsed.
    """
    sources = _sources(listener, clients)
    if sources is None:
        return dict.fromkeys(families_of(listener), ())
    found = {family: sources[family] for family in families_of(listener) if sources[family]}
    return {family: () if known == intervals.whole_family(family) else known for family, known in found.items()}


def _client_warnings(listener: Listener, clients: Mapping[str, Any], sources: _Sources) -> List[str]:
    if not clients or not listener.clients or open_to_all(listener, clients):
        return []
    if sources is None:
        missing = ", ".join(word for word in listener.clients if word not in clients)
        return ["%s is open to every address: `clients` has no addresses for %s" % (listener.name, missing)]
    if not any(sources[family] for family in families_of(listener)):
        return [
            "%s is open to nobody: `clients` names no %s address for it" % (listener.name, " or ".join(families_of(listener)))
        ]
    return []


def intent(label: str, listeners: Iterable[Listener], clients: Optional[Mapping[str, Any]] = None) -> Intent:
    """The rules that admit the listeners; one per protocol, family and set of sources. Raises Problem."""
    check_label(label)
    known = parse_clients(clients)
    ports: Dict[Tuple[str, str, Intervals], List[intervals.Interval]] = {}
    warnings: List[str] = []
    nodeports: List[str] = []
    dynamic: List[str] = []
    used: Set[str] = set()
    for listener in listeners:
        used.update(listener.clients)
        if not listener.allow:
            continue
        if listener.dynamic:
            dynamic.append(listener.name)
            continue
        if listener.seen_as == "nodeport":
            nodeports.append(listener.name)
        warnings.extend(_client_warnings(listener, known, _sources(listener, known)))
        for family, admitted in sources_to_admit(listener, known).items():
            ports.setdefault((listener.protocol, family, admitted), []).extend(numbers_of(listener))
    if dynamic:
        warnings.append("cannot open ports that are not known before the service runs: %s" % ", ".join(dynamic))
    unused = sorted(set(known) - used)
    if unused:
        warnings.append("no listener here has the client %s of `clients`" % ", ".join(unused))
    notes: Tuple[str, ...] = ()
    if nodeports:
        notes = ("kube-proxy forwards NodePorts before the host firewall's input rules see them: %s" % ", ".join(nodeports),)
    return Intent(rules_of(label, ports), tuple(warnings), notes)


def rules_of(label: str, ports: Mapping[Tuple[str, str, Intervals], Sequence[intervals.Interval]]) -> Tuple[Rule, ...]:
    """Rules that admit ports by protocol, family and sources (empty: everybody)."""
    rules: List[Rule] = []
    for protocol in ("tcp", "udp", "ip"):
        v4 = intervals.merged(ports.get((protocol, IPV4, ()), ()))
        v6 = intervals.merged(ports.get((protocol, IPV6, ()), ()))
        shared = intervals.common(v4, v6)
        for family, open_ports in ((BOTH, shared), (IPV4, intervals.without(v4, shared)), (IPV6, intervals.without(v6, shared))):
            if open_ports:
                rules.append(Rule(label, protocol, open_ports, family))
    for (protocol, family, sources), restricted in sorted(ports.items()):
        if sources:
            rules.append(Rule(label, protocol, intervals.merged(restricted), family, sources))
    return tuple(rules)
