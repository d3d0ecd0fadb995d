# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sets of `ipset save`, as far as rules about new connections to this host use them.

Pure. Types: addresses (hash:ip, hash:net, bitmap:ip), addresses with a port (hash:ip,port, hash:net,port) and ports
(bitmap:port). The members of all other types are None: not understood.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals

_FIELDS: Dict[str, Tuple[str, ...]] = {
    "hash:ip": ("address",),
    "hash:net": ("address",),
    "bitmap:ip": ("address",),
    "hash:ip,port": ("address", "port"),
    "hash:net,port": ("address", "port"),
    "bitmap:port": ("port",),
}


class IpSet(NamedTuple):
    """`fields`: what a member consists of. `family` is empty for a set that takes both.

    `elements` are members as nft would print them; None when they are not understood. `addresses` are those of a set of
    addresses once more, as numbers.
    """

    name: str
    type: str
    family: str
    fields: Tuple[str, ...]
    elements: Optional[Tuple[Any, ...]]
    addresses: intervals.Intervals = ()


def _option(words: Sequence[str], name: str) -> Optional[str]:
    return words[words.index(name) + 1] if name in words[:-1] else None


def parse(text: str) -> Dict[str, IpSet]:
    heads: Dict[str, Sequence[str]] = {}
    members: Dict[str, List[Tuple[str, str]]] = {}
    for line in text.splitlines():
        verb, _space, rest = line.partition(" ")
        if verb == "create":
            name, _space, rest = rest.partition(" ")
            heads[name] = rest.split()
        elif verb == "add":
            name, _space, rest = rest.partition(" ")
            member, _space, details = rest.partition(" ")
            members.setdefault(name, []).append((member, details))
    return {name: _set(name, head, members.get(name, ())) for name, head in heads.items()}


def _set(name: str, head: Sequence[str], members: Sequence[Tuple[str, str]]) -> IpSet:
    type_ = head[0] if head else ""
    fields = _FIELDS.get(type_, ())
    family = "" if fields == ("port",) else IPV6 if _option(head, "family") == "inet6" else IPV4
    known = IpSet(name, type_, family, fields, None)
    # A mask that is no prefix is an option of its own, of newer versions.
    if not fields or "bitmask" in head:
        return known
    try:
        return _with_members(known, members, _option(head, "netmask"))
    except ValueError:
        return known  # a form of member that this reader does not know


def _with_members(known: IpSet, members: Sequence[Tuple[str, str]], netmask: Optional[str]) -> IpSet:
    excepted = [(member, _is_exception(details)) for member, details in members]
    if known.fields == ("port",):
        return known._replace(elements=tuple(_port(member) for member, _no in excepted))
    if known.fields == ("address",):
        addresses = _addresses(excepted, known.family, netmask)
        ranges = ({"range": [intervals.address_of(n, known.family) for n in interval]} for interval in addresses)
        return known._replace(elements=tuple(ranges), addresses=addresses)
    if netmask or any(no for _member, no in excepted):
        return known
    return known._replace(elements=tuple(_address_and_port(member) for member, _no in excepted))


def _is_exception(details: str) -> bool:
    """`nomatch` is a word of its own, but a comment may hold it too."""
    return "nomatch" in details.partition('"')[0].split() or "nomatch" in details.rpartition('"')[2].split()


def _port(text: str) -> Any:
    low, hyphen, high = text.partition("-")
    return {"range": [int(low), int(high)]} if hyphen else int(low)


def _addresses(members: Sequence[Tuple[str, bool]], family: str, netmask: Optional[str]) -> intervals.Intervals:
    """Sorted and joined: a set has up to many thousands of members, and is asked again and again."""
    found: List[Tuple[int, bool, intervals.Interval]] = []
    for member, excepted in members:
        if netmask and "/" not in member and "-" not in member:
            member = "%s/%s" % (member, netmask)
        low, high = _interval(member, family)
        found.append((high - low, excepted, (low, high)))
    if not any(excepted for _size, excepted, _interval_ in found):
        return intervals.merged(interval for _size, _no, interval in found)
    # The most specific network decides.
    result: intervals.Intervals = ()
    for _size, excepted, interval in sorted(found, reverse=True):
        result = intervals.without(result, (interval,)) if excepted else intervals.merged((*result, interval))
    return result


def _interval(text: str, family: str) -> intervals.Interval:
    low, hyphen, high = text.partition("-")
    if hyphen:
        return intervals.number_of(low), intervals.number_of(high)
    address, slash, length = text.partition("/")
    return intervals.block(address, int(length) if slash else intervals.BITS[family])


def _address_and_port(member: str) -> Any:
    address, _comma, port = member.partition(",")
    protocol, _colon, number = port.rpartition(":")
    # A word behind the protocol is a type of ICMP, which no port is equal to.
    return {"concat": [address, protocol or "tcp", _port(number) if number[:1].isdigit() else -1]}
