# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners as named sets of nftables, for rules of one's own. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, model
from ansible_collections.netports.core.plugins.plugin_utils import _export
from ansible_collections.netports.core.plugins.plugin_utils._export import Opening

_IDENTIFIER = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_IDENTIFIER_WORDS = "an identifier: a letter, then letters, digits and underscores"
# Longer lines are hard to read, and some versions of nft refuse very long ones.
_ELEMENTS_PER_LINE = 8


class _Set(NamedTuple):
    """A set and the match of a rule that uses it. `family` is None for ports that everybody of both families reaches."""

    suffix: str
    protocol: str
    family: str | None
    key: str
    match: str


_ADDRESS = {IPV4: "ipv4_addr", IPV6: "ipv6_addr"}
_SOURCE = {IPV4: "ip saddr", IPV6: "ip6 saddr"}


def _sets() -> list[_Set]:
    sets = []
    for protocol in ("tcp", "udp", "ip"):
        key, match = ("inet_proto", "meta l4proto") if protocol == "ip" else ("inet_service", "%s dport" % protocol)
        sets.append(_Set(protocol, protocol, None, key, match))
        for family, digit in ((IPV4, "4"), (IPV6, "6")):
            concatenated = "%s . %s" % (_ADDRESS[family], key), "%s . %s" % (_SOURCE[family], match)
            sets.append(_Set(protocol + digit, protocol, family, *concatenated))
    return sets


_SETS = _sets()


def render(found: tuple[Opening, ...], prefix: str, table: str) -> str:
    """A file for `nft -f` that makes the sets or replaces their elements, in one transaction.

    All sets are there, also empty ones: rules that use them stay as they are, whatever the spec says. Raises Problem.
    """
    prefix = _export.checked(prefix, "prefix", _IDENTIFIER, _IDENTIFIER_WORDS)
    table = _export.checked(table, "table", _IDENTIFIER, _IDENTIFIER_WORDS)
    lines = ["# Rules that use these sets:"]
    lines += ["#   %s @%s_%s accept" % (one.match, prefix, one.suffix) for one in _SETS]
    lines.append("add table inet %s" % table)
    for one in _SETS:
        name = "inet %s %s_%s" % (table, prefix, one.suffix)
        lines.append("add set %s { type %s; flags interval; }" % (name, one.key))
        lines.append("flush set %s" % name)
        elements = _elements(one, found)
        for start in range(0, len(elements), _ELEMENTS_PER_LINE):
            lines.append("add element %s { %s }" % (name, ", ".join(elements[start : start + _ELEMENTS_PER_LINE])))
    return "\n".join([*lines, ""])


def _elements(wanted: _Set, found: tuple[Opening, ...]) -> list[str]:
    """Disjoint elements: nft refuses intervals of one set that overlap."""
    chosen = [one for one in found if one.listener.protocol == wanted.protocol and one.to_everybody == (wanted.family is None)]
    if wanted.family is None:
        ports = intervals.merged(interval for one in chosen for interval in model.numbers_of(one.listener))
        return [intervals.number_text(interval) for interval in ports]
    of_family = [one for one in chosen if wanted.family in one.sources]
    return [
        "%s . %s" % (network, intervals.number_text(interval))
        for interval, sources in _by_port(of_family, wanted.family)
        for network in _export.networks(sources, wanted.family)
    ]


def _by_port(found: Sequence[Opening], family: str) -> Iterator[tuple[intervals.Interval, intervals.Intervals]]:
    """Disjoint intervals of ports, each with all the addresses that are admitted to it."""
    held = [(interval, one.sources[family]) for one in found for interval in model.numbers_of(one.listener)]
    starts = sorted({low for (low, _high), _sources in held} | {high + 1 for (_low, high), _sources in held})
    for low, following in zip(starts, starts[1:]):
        sources = [of_one for interval, of_one in held if interval[0] <= low <= interval[1]]
        if sources:
            whole = all(sources)
            merged = intervals.merged(source for of_one in sources for source in of_one) if whole else ()
            yield (low, following - 1), merged
