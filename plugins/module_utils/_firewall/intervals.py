# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets of numbers as sorted, disjoint, inclusive intervals: ports, protocol numbers, addresses.

Pure. Two sets are equal when the tuples are, however a firewall chose to write them.
"""

from __future__ import annotations

import bisect
import socket
from typing import Iterable, Iterator, List, Tuple

from ansible_collections.netports.core.plugins.module_utils import _address

Interval = Tuple[int, int]
Intervals = Tuple[Interval, ...]

PORTS: Intervals = ((0, 65535),)
BITS = {_address.IPV4: 32, _address.IPV6: 128}


def merged(intervals: Iterable[Interval]) -> Intervals:
    """The same numbers with overlapping and adjacent intervals joined."""
    result: List[Interval] = []
    for low, high in sorted(intervals):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def common(first: Intervals, second: Intervals) -> Intervals:
    """The numbers that are in both."""
    result: List[Interval] = []
    # A network among thousands of sources: those that it does not meet are not looked at.
    few, many = sorted((first, second), key=len)
    for low, high in few:
        for index in range(max(bisect.bisect(many, (low,)) - 1, 0), len(many)):
            low2, high2 = many[index]
            if low2 > high:
                break
            if low <= high2:
                result.append((max(low, low2), min(high, high2)))
    return tuple(result)


def without(first: Intervals, second: Intervals) -> Intervals:
    """The numbers of the first that are not in the second."""
    result: List[Interval] = []
    for low, high in first:
        for low2, high2 in second:
            if high2 < low or low2 > high:
                continue
            if low2 > low:
                result.append((low, low2 - 1))
            low = high2 + 1
            if low > high:
                break
        if low <= high:
            result.append((low, high))
    return tuple(result)


def whole_family(family: str) -> Intervals:
    """All addresses of `ipv4` or `ipv6`."""
    return ((0, (1 << BITS[family]) - 1),)


def ordinary_addresses(family: str) -> Intervals:
    """The addresses that packets from and to other hosts have: no loopback, no multicast, none of `this network`, none mapped."""
    low, high = (0x01000000, 0xDFFFFFFF) if family == _address.IPV4 else (2, (0xFF << 120) - 1)
    never = (0x7F000000, 0x7FFFFFFF) if family == _address.IPV4 else (0xFFFF << 32, (0xFFFF << 32) + 0xFFFFFFFF)
    return without(((low, high),), (never,))


def number_of(address: str) -> int:
    """An IPv4 or IPv6 address as a number. Raises ValueError for anything else."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return int.from_bytes(socket.inet_pton(kind, address), "big")
    except (OSError, ValueError):
        raise ValueError("%r is not an IP address" % (address,)) from None


def address_of(number: int, family: str) -> str:
    packed = number.to_bytes(BITS[family] // 8, "big")
    return socket.inet_ntop(socket.AF_INET6 if family == _address.IPV6 else socket.AF_INET, packed)


def block(address: str, length: int) -> Interval:
    """The addresses of `address/length`, whatever its host bits."""
    bits = BITS[_address.family_of(address)]
    size = 1 << (bits - length)
    low = number_of(address) & ~(size - 1)
    return low, low + size - 1


def parse_network(text: str) -> Tuple[str, Interval]:
    """Family and addresses of `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`. Raises ValueError with what would be right."""
    address, slash, length_text = text.strip().partition("/")
    try:
        if not slash:
            # Packets of an IPv4-mapped client are IPv4 packets.
            address = _address.plain(_address.canonical(address))
        family = _address.family_of(address)
        number = number_of(address)
    except ValueError:
        raise ValueError("%r is neither an IP address nor a network such as 10.0.0.0/8 or 2001:db8::/32" % (text,)) from None
    if not slash:
        return family, (number, number)
    if not (length_text.isdigit() and length_text.isascii() and int(length_text) <= BITS[family]):
        raise ValueError("%r: the part behind the slash is a prefix length, 0-%d" % (text, BITS[family]))
    length = int(length_text)
    interval = block(address, length)
    if number != interval[0]:
        right = "%s/%d" % (address_of(interval[0], family), length)
        raise ValueError(
            "%r has bits set behind its prefix; write %s for the network or %s for the host" % (text, right, address)
        )
    return family, interval


def blocks(interval: Interval, family: str) -> Iterator[Interval]:
    """The same addresses in as few intervals as can be written with a prefix each."""
    low, high = interval
    if low <= high:
        size = min(low & -low or 1 << BITS[family], 1 << (high - low + 1).bit_length() - 1)
        yield low, low + size - 1
        yield from blocks((low + size, high), family)


def network_text(interval: Interval, family: str) -> str:
    """`10.0.0.1`, `10.0.0.0/8`, or `10.0.0.1-10.0.0.6` where no prefix fits."""
    low, high = interval
    size = high - low + 1
    if size == 1:
        return address_of(low, family)
    if size & (size - 1) == 0 and low % size == 0:
        return "%s/%d" % (address_of(low, family), BITS[family] - size.bit_length() + 1)
    return "%s-%s" % (address_of(low, family), address_of(high, family))


def number_text(interval: Interval) -> str:
    """`5678` or `30001-65535`."""
    low, high = interval
    return str(low) if low == high else "%d-%d" % (low, high)


def portions(ports: Intervals, slots: int = 15) -> Iterator[Intervals]:
    """The ports in as many parts as the match multiport of iptables can have; a range takes two of its slots."""
    part: List[Interval] = []
    used = 0
    for low, high in ports:
        cost = 1 if low == high else 2
        if used + cost > slots:
            yield tuple(part)
            part, used = [], 0
        part.append((low, high))
        used += cost
    if part:
        yield tuple(part)
