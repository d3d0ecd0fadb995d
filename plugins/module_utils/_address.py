# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IP addresses as sockets carry them, and the one table of which families a bound socket serves.

Pure; shared by controller and target. Works on text through inet_pton and inet_ntop, because the standard
library's `ipaddress` costs more to import than a whole run of the verdicts.
"""

from __future__ import annotations

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, NamedTuple, socket

if TYPE_CHECKING:
    from typing import FrozenSet, Optional, Tuple

IPV4 = "ipv4"
IPV6 = "ipv6"

_MAPPED_PREFIX = b"\x00" * 10 + b"\xff\xff"


def family_of(address: str) -> str:
    """`ipv4` or `ipv6`, by the notation alone (an IPv4-mapped address is `ipv6`)."""
    return IPV6 if ":" in address else IPV4


def canonical(text: str) -> str:
    """The shortest form of an IPv4 or IPv6 address without zone. Raises ValueError for anything else."""
    kind = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        # inet_pton refuses octal and short IPv4 forms ("010.1", "127.1"), which inet_aton would misread.
        return socket.inet_ntop(kind, socket.inet_pton(kind, text))
    except (OSError, ValueError):
        raise ValueError("%r is not an IP address" % (text,)) from None


def mapped_ipv4(address: str) -> Optional[str]:
    """The IPv4 address inside `::ffff:a.b.c.d`, else None."""
    if ":" not in address:
        return None
    packed = socket.inet_pton(socket.AF_INET6, address)
    return socket.inet_ntop(socket.AF_INET, packed[12:]) if packed[:12] == _MAPPED_PREFIX else None


def plain(address: str) -> str:
    """The address that peers use for it: an IPv4-mapped address as IPv4, any other as it is."""
    return mapped_ipv4(address) or address


def is_wildcard(address: str) -> bool:
    return plain(address) in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def is_loopback(address: str) -> bool:
    """127.0.0.0/8, ::1, and their IPv4-mapped forms."""
    address = plain(address)
    return address == "::1" or address.startswith("127.")


def _as_number(address: str) -> int:
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    return int.from_bytes(socket.inet_pton(kind, address), "big")


def parse_network(text: str) -> Tuple[str, int, int]:
    """A network `192.0.2.0/24` or a single address, as (family, first bits, their number). Raises ValueError."""
    address, slash, length = text.partition("/")
    family = family_of(address)
    width = 128 if family == IPV6 else 32
    bits = _as_number(canonical(address))
    if slash and not (length.isdigit() and length.isascii() and int(length) <= width):
        raise ValueError("%r is not a network: /%s is not a prefix length (0-%d)" % (text, length, width))
    prefix = int(length) if slash else width
    return family, bits >> (width - prefix), prefix


def in_network(address: str, network: Tuple[str, int, int]) -> bool:
    """Whether an address without zone lies in a network of `parse_network`."""
    family, bits, prefix = network
    width = 128 if family == IPV6 else 32
    return family_of(address) == family and _as_number(address) >> (width - prefix) == bits


class Reach(NamedTuple):
    """Address families that a bound socket answers: for certain, and at the most."""

    certain: FrozenSet[str]
    possible: FrozenSet[str]


_V4 = frozenset((IPV4,))
_V6 = frozenset((IPV6,))
_BOTH = frozenset((IPV4, IPV6))


def reach(family: str, address: str, v6only: Optional[bool]) -> Reach:
    """Which families connect to a socket of `family` bound to `address`.

    The whole of dual-stack: an IPv6 wildcard takes IPv4 too unless it is v6-only, and only sock_diag or `ss`
    can tell (`v6only` is None where the evidence cannot).
    """
    if family == IPV4 or mapped_ipv4(address) is not None:
        return Reach(_V4, _V4)
    if not is_wildcard(address) or v6only:
        return Reach(_V6, _V6)
    if v6only is None:
        return Reach(_V6, _BOTH)
    return Reach(_BOTH, _BOTH)
