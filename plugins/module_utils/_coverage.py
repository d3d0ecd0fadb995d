# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a socket can be reached from, and what part of an expectation it serves. Pure.

The rules of "what serves what" (docs/concepts.md): wildcards, loopback, addresses, devices and families of one expectation
against one socket. Which verdict follows from them is decided in `_verdict.py`.
"""

from __future__ import annotations

from typing import FrozenSet, Iterable, Optional

from ansible_collections.netports.core.plugins.module_utils import _address
from ansible_collections.netports.core.plugins.module_utils._listener import Listener
from ansible_collections.netports.core.plugins.module_utils._socket_table import Socket, SocketTable

_NONE: FrozenSet[str] = frozenset()
_BOTH = frozenset((_address.IPV4, _address.IPV6))
_NOWHERE = _address.Reach(_NONE, _NONE)

# Where a socket can be reached from.
LOOPBACK = "loopback"
SPECIFIC = "specific"
WILDCARD = "wildcard"
UNKNOWN = "unknown"

NO, MAYBE, YES = 0, 1, 2


def reach_of(sock: Socket) -> _address.Reach:
    if not sock.truncated_address:
        return _address.reach(sock.family, sock.address, sock.v6only)
    # Too long for netstat's column, so neither a wildcard nor ::1; it can be IPv4-mapped, which is IPv4 to its peers.
    if sock.family == _address.IPV6 and sock.address.startswith("::ffff:"):
        return _address.Reach(_NONE, _BOTH)
    family = frozenset((sock.family,))
    return _address.Reach(family, family)


def place_of(sock: Socket, device_asked: Optional[str] = None) -> str:
    """Where the socket can be reached from. Bound to `lo` is loopback, unless that device is what was asked for."""
    if sock.device == "lo" and device_asked != "lo":
        return LOOPBACK
    if sock.truncated_address:
        return UNKNOWN
    if is_loopback(sock):
        return LOOPBACK
    return WILDCARD if _address.is_wildcard(sock.address) else SPECIFIC


def is_wildcard(sock: Socket) -> bool:
    return not sock.truncated_address and _address.is_wildcard(sock.address)


def is_loopback(sock: Socket) -> bool:
    return not sock.truncated_address and _address.is_loopback(sock.address)


def is_at(sock: Socket, address: str) -> bool:
    """Bound to the address itself, or to a wildcard (whose families `reach_of` tells)."""
    if sock.truncated_address:
        return False
    return _address.is_wildcard(sock.address) or _address.plain(sock.address) == _address.plain(address)


def has_address(listener: Listener) -> bool:
    return listener.bind not in ("any", "loopback")


def wants_loopback(listener: Listener) -> bool:
    return listener.bind == "loopback" or (has_address(listener) and _address.is_loopback(listener.bind))


def wanted_families(listener: Listener) -> FrozenSet[str]:
    """The families in question; all of them must be served unless `family` is `any`."""
    if has_address(listener):
        return frozenset((_address.family_of(_address.plain(listener.bind)),))
    return _BOTH if listener.family in ("any", "both") else frozenset((listener.family,))


def satisfied(listener: Listener, families: FrozenSet[str]) -> bool:
    wanted = wanted_families(listener)
    return bool(families & wanted) if listener.family == "any" else families >= wanted


def bind_fits(listener: Listener, sock: Socket) -> int:
    """Whether the socket's address (not its family, not its device) is one where the listener is expected."""
    place = place_of(sock, listener.device)
    if place == UNKNOWN:
        return MAYBE
    if listener.bind == "any":
        fits = place != LOOPBACK
    elif listener.bind == "loopback":
        # Bound to lo and to an address of another interface, it is reached from nowhere.
        fits = place == LOOPBACK and (is_wildcard(sock) or is_loopback(sock))
    else:
        fits = is_at(sock, listener.bind) and (place == LOOPBACK) == _address.is_loopback(listener.bind)
    return YES if fits else NO


def served_by(listener: Listener, sock: Socket, table: SocketTable) -> _address.Reach:
    """The families in which the socket serves the listener, for certain and at the most."""
    fits = bind_fits(listener, sock)
    if fits == NO:
        return _NOWHERE
    reach = reach_of(sock)
    if listener.device is not None and table.knows_device and sock.device != listener.device:
        return _NOWHERE
    if fits == MAYBE or (listener.device is not None and not table.knows_device):
        return _address.Reach(_NONE, reach.possible)
    return reach


def union(parts: Iterable[FrozenSet[str]]) -> FrozenSet[str]:
    return _NONE.union(*parts)


def wider(listener: Listener, sock: Socket) -> bool:
    """Whether a socket of a listener that is expected on loopback is certainly reachable from outside."""
    place = place_of(sock, listener.device)
    # Somebody else's specific address beside a loopback address is no business of that address.
    return place == WILDCARD or (place == SPECIFIC and not has_address(listener))


def in_ports(listener: Listener, sock: Socket) -> bool:
    if sock.protocol != listener.protocol:
        return False
    return listener.ports is None or listener.ports[0] <= sock.port <= listener.ports[1]


def is_fixed(listener: Listener) -> bool:
    """One certain port, as against a range or a dynamic port out of which any will do."""
    return listener.ports is not None and listener.ports[0] == listener.ports[1]


def concerns(listener: Listener, sock: Socket, table: SocketTable) -> bool:
    """Whether a socket on the port is in the listener's place, so that its owner matters."""
    if not reach_of(sock).possible & wanted_families(listener):
        return False
    if listener.device is not None and table.knows_device:
        return sock.device == listener.device
    if not has_address(listener) or _address.is_wildcard(listener.bind):
        return True
    return sock.truncated_address or is_at(sock, listener.bind)


def blocks(listener: Listener, sock: Socket, table: SocketTable) -> int:
    """Whether a socket on the port makes the listener's own bind fail with EADDRINUSE."""
    reach = reach_of(sock)
    wanted = wanted_families(listener)
    families = YES if reach.certain & wanted else MAYBE if reach.possible & wanted else NO
    if listener.bind == "any" or (has_address(listener) and _address.is_wildcard(listener.bind)):
        addresses = YES
    elif sock.truncated_address:
        addresses = MAYBE
    elif listener.bind == "loopback":
        addresses = YES if is_wildcard(sock) or is_loopback(sock) else NO
    else:
        addresses = YES if is_at(sock, listener.bind) else NO
    return min(families, addresses, _devices_clash(listener, sock, table))


def _devices_clash(listener: Listener, sock: Socket, table: SocketTable) -> int:
    """A VRF has ports of its own, an interface has not; which of the two a device is, sockets do not tell."""
    if sock.device == listener.device:
        return MAYBE if listener.device is not None and not table.knows_device else YES
    if sock.device is not None and listener.device is not None:
        return NO
    return YES if "lo" in (sock.device, listener.device) else MAYBE
