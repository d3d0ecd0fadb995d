# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports whose packets are sent elsewhere before the input rules of the host see them, and by whom.

Pure. Docker and kube-proxy send published ports to a container, past those rules; a transparent proxy sends them to a port
of its own, which is then the one that the rules see.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, nft_admission, nft_match, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Interval
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import Packet
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import NftRule, Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_walk import Walk

# By the beginnings of names of chains, or names of tables: who sends packets elsewhere.
_PROXIES = (("KUMA_", "MESH_INBOUND", "ISTIO_"), ("kuma", "istio"))
_KUBERNETES = (("KUBE-",), ("kube-proxy",))
_DOCKER = (("DOCKER",), ("docker-bridges",))
# Where Kuma and Istio take what comes in: 15010 for IPv6 in old versions of Kuma, 15001 in older ones for all.
_PROXY_PORTS = (15001, 15006, 15010)
_PASSES_BY = "and what comes there passes by the input rules of the host, which neither admit nor refuse it"


class Detour(NamedTuple):
    """Where packets go instead. `who` continues a sentence after the ports; `port` is the one that the input rules see."""

    who: str
    port: Optional[int] = None

    def said(self, ports: str) -> str:
        if self.port is not None:
            seen = "the input rules of the host see port %d instead, which has to be admitted" % self.port
            return "%s %s: %s; firewalls on the way see the port itself" % (ports, self.who, seen)
        return "%s %s, %s" % (ports, self.who, _PASSES_BY)


def of(ruleset: Ruleset, packet: Packet) -> Optional[Detour]:
    """Where this packet goes, or may go, instead of to the input rules with the port that it has; None for nowhere else.

    A transparent proxy that takes all ports takes its own, too, and what is sent to the port that it has goes nowhere else.
    """
    chains = [c for c in ruleset.chains.values() if c.type == "nat" and c.hook == "prerouting"]
    for chain in sorted(chains, key=lambda chain: chain.prio):
        if packet.family not in nft_ruleset.TABLE_FAMILIES.get(chain.family, ()):
            continue
        walk = Walk(ruleset, packet)
        walk.base_chain(chain)
        for outcome in walk.outcomes:
            if outcome.verdict == "translated" and outcome.rule is not None:
                detour = _detour(outcome.rule)
                return None if detour.port is not None and detour.port == packet.port else detour
    return None


def notes(ruleset: Ruleset, rules: Sequence[Rule]) -> Tuple[str, ...]:
    """What people should know who admit these rules: one sentence for each way in which packets never come to them, and one
    for each of their ports at which others come in. `ruleset` is the host's.
    """
    found: Dict[Detour, Dict[str, List[Interval]]] = {}
    if not any(chain.type == "nat" for chain in ruleset.chains.values()):
        return ()
    for rule in rules:
        for stretch, packet in _packets(rule, ruleset):
            detour = of(ruleset, packet)
            if detour is not None:
                found.setdefault(detour, {}).setdefault(rule.protocol, []).append(stretch)
    past = [
        detour.said(", ".join("%s %s" % (protocol, _numbers(stretches)) for protocol, stretches in ports.items()))
        for detour, ports in found.items()
    ]
    return (*past, *_arrivals(ruleset, rules))


def _arrivals(ruleset: Ruleset, rules: Sequence[Rule]) -> Iterator[str]:
    ports = (_redirected_to(rule) for rules_of_chain in ruleset.rules.values() for rule in rules_of_chain)
    targets = intervals.merged((port, port) for port in ports if port is not None)
    found: Dict[Tuple[str, int], List[Interval]] = {}
    for rule in rules:
        # To ask for every port is slow on a host with many rules, and few hosts redirect.
        if not intervals.common(rule.ports, targets):
            continue
        for stretch, packet in _packets(rule._replace(ports=((1, 65535),)), ruleset):
            detour = of(ruleset, packet)
            if detour is not None and detour.port is not None and intervals.common(rule.ports, ((detour.port, detour.port),)):
                found.setdefault((rule.protocol, detour.port), []).append(stretch)
    for (protocol, port), stretches in found.items():
        redirected = "%s %s" % (protocol, _numbers(stretches))
        yield "%s comes in at port %d: whoever is admitted there is admitted to all of it" % (redirected, port)


def _numbers(stretches: Sequence[Interval]) -> str:
    return ", ".join(intervals.number_text(interval) for interval in intervals.merged(stretches))


def _packets(rule: Rule, ruleset: Ruleset) -> Iterator[Tuple[Interval, Packet]]:
    """The ports of the rule in parts that no rule of the host tells apart, with a packet of each."""
    if rule.protocol not in nft_match.PROTOCOLS:
        return
    starts = nft_admission.sample_ports(ruleset, rule.ports)
    for low, high in rule.ports:
        inside = [start for start in starts if low <= start <= high]
        for start, following in zip(inside, [*inside[1:], high + 1]):
            for family in rule.families:
                number = nft_match.PROTOCOLS[rule.protocol]
                yield (start, following - 1), Packet(family, number, start, source=rule.sources)


def _is_of(rule: NftRule, names: Tuple[Tuple[str, ...], Tuple[str, ...]]) -> bool:
    _family, table, chain = rule.chain
    return chain.startswith(names[0]) or table in names[1]


def _detour(rule: NftRule) -> Detour:
    redirected = _redirected_to(rule)
    if redirected is not None:
        proxy = redirected in _PROXY_PORTS or _is_of(rule, _PROXIES)
        return Detour("goes to a transparent proxy (Kuma, Istio)" if proxy else "is redirected by %s" % str(rule), redirected)
    if _is_of(rule, _KUBERNETES):
        return Detour("is served by kube-proxy as a NodePort")
    if _is_of(rule, _DOCKER):
        return Detour("is published by Docker")
    return Detour("is forwarded by %s" % str(rule))


def _redirected_to(rule: NftRule) -> Optional[int]:
    for expression in rule.expr:
        if isinstance(expression, dict) and isinstance(expression.get("redirect"), dict):
            port = expression["redirect"].get("port")
            return port if isinstance(port, int) else None
    return None
