# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of sockets in terms of the path, with the ICMP message behind them where the kernel hands it over."""

from __future__ import annotations

import errno
import os
import struct
import sys

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, NamedTuple, socket
from ansible_collections.netports.core.plugins.module_utils._probing.model import (
    ERROR,
    FILTERED,
    NOT_LET_OUT,
    REFUSED,
    UNREACHABLE,
    Finding,
)

if TYPE_CHECKING:
    from typing import List, Optional, Tuple

# Python's socket module has no names for them.
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_EXTENDED = struct.Struct("=I4B2I")  # struct sock_extended_err
_FROM_ICMP = {2: "ipv4", 3: "ipv6"}

_PORT = {("ipv4", 3, 3), ("ipv6", 1, 4)}
_ADMINISTRATIVE = {
    ("ipv4", 3, 9): "network administratively prohibited",
    ("ipv4", 3, 10): "host administratively prohibited",
    ("ipv4", 3, 13): "communication administratively prohibited",
    ("ipv6", 1, 1): "communication administratively prohibited",
    ("ipv6", 1, 5): "source address failed the policy",
}
_NO_WAY = {
    ("ipv4", 3, 0): "network unreachable",
    ("ipv4", 3, 1): "host unreachable",
    ("ipv4", 3, 2): "protocol unreachable",
    ("ipv4", 11, 0): "time to live exceeded, a routing loop",
    ("ipv6", 1, 0): "no route to destination",
    ("ipv6", 1, 3): "address unreachable",
    ("ipv6", 1, 6): "route rejects the destination",
    ("ipv6", 3, 0): "hop limit exceeded, a routing loop",
}

# What this host itself says before a packet has left it.
_LOCAL = {
    errno.ENETUNREACH: "this host has no route to it",
    errno.EHOSTUNREACH: "the routes of this host make it unreachable",
    errno.EACCES: "the routes of this host prohibit it, or it is a broadcast address",
    errno.EINVAL: "this host has no usable route to it: a blackhole, or a link-local address without its zone",
    errno.EADDRNOTAVAIL: "this host has no address, or no free port, to reach it from",
    errno.EAFNOSUPPORT: "this host does not have this address family",
    errno.ENETDOWN: "the interface to it is down",
}
FILES_USED_UP = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Icmp(NamedTuple):
    family: str
    kind: int
    code: int
    sender: Optional[str]


def ask_for_details(sock: socket.socket, family: int) -> None:
    """Have the kernel keep the ICMP messages that come back."""
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def details(sock: socket.socket) -> Optional[Icmp]:
    """The ICMP message that ended the socket; None where the kernel has none."""
    try:
        _data, ancillary, _flags, _address = sock.recvmsg(1, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return None
    return read(ancillary)


def read(ancillary: List[Tuple[int, int, bytes]]) -> Optional[Icmp]:
    for level, kind, data in ancillary:
        if (level, kind) not in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)):
            continue
        if len(data) < _EXTENDED.size:
            continue
        _number, origin, icmp_type, code, _pad, _info, _more = _EXTENDED.unpack_from(data)
        if origin in _FROM_ICMP:
            return Icmp(_FROM_ICMP[origin], icmp_type, code, _sender(data[_EXTENDED.size :]))
    return None


def _sender(sockaddr: bytes) -> Optional[str]:
    family = int.from_bytes(sockaddr[:2], sys.byteorder)
    if family == socket.AF_INET and len(sockaddr) >= 8:
        return socket.inet_ntop(socket.AF_INET, sockaddr[4:8])
    if family == socket.AF_INET6 and len(sockaddr) >= 24:
        return socket.inet_ntop(socket.AF_INET6, sockaddr[8:24])
    return None


def local(number: int) -> Finding:
    """An error at once: nothing left this host."""
    if number == errno.EPERM:
        return Finding(FILTERED, NOT_LET_OUT)
    if number in _LOCAL:
        return Finding(UNREACHABLE, _LOCAL[number])
    return Finding(ERROR, "this host could not ask: %s" % os.strerror(number))


def remote(protocol: str, number: int, icmp: Optional[Icmp]) -> Finding:
    """An error that came back for a question."""
    if icmp is not None:
        return _of_icmp(protocol, icmp)
    if number == errno.ECONNREFUSED:
        return Finding(REFUSED, "nothing listens there: %s" % ("reset" if protocol == "tcp" else "ICMP port unreachable"))
    if number == errno.ETIMEDOUT:
        return Finding(FILTERED, "no answer")
    if number == errno.EACCES:
        return Finding(FILTERED, "refused administratively on the way")
    if number in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOPROTOOPT, errno.EPROTO, errno.EHOSTDOWN, errno.ENONET):
        return Finding(UNREACHABLE, os.strerror(number))
    if number == errno.EPERM:
        return local(number)
    return Finding(ERROR, "unexpected: %s" % os.strerror(number))


def _of_icmp(protocol: str, icmp: Icmp) -> Finding:
    key = (icmp.family, icmp.kind, icmp.code)
    sender = " from %s" % icmp.sender if icmp.sender else ""
    if key in _PORT:
        if protocol == "udp":
            return Finding(REFUSED, "nothing listens there, or a firewall says so: ICMP port unreachable" + sender)
        # Hosts reset connections to closed ports; only firewalls answer TCP so.
        return Finding(FILTERED, "a firewall refuses it: ICMP port unreachable" + sender)
    if key in _ADMINISTRATIVE:
        return Finding(FILTERED, "a firewall refuses it: ICMP %s%s" % (_ADMINISTRATIVE[key], sender))
    words = _NO_WAY.get(key, "type %d code %d" % (icmp.kind, icmp.code))
    return Finding(UNREACHABLE, "ICMP %s%s" % (words, sender))
