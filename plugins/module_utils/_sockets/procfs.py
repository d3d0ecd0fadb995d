# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listening sockets from /proc/net: what is left when netlink is refused. It knows neither v6-only nor the device."""

from __future__ import annotations

import os
import socket
import struct
from typing import List, Optional

from ansible_collections.netports.core.plugins.module_utils import _address, _socket_table

_LISTEN = "0A"
_CLOSE = "07"
_FILES = (
    ("tcp", "tcp", _address.IPV4),
    ("tcp6", "tcp", _address.IPV6),
    ("udp", "udp", _address.IPV4),
    ("udp6", "udp", _address.IPV6),
)
# Says whether the namespace has IPv6 at all; the tables of IPv6 are missing without it.
_IPV6_SIGN = "if_inet6"


class ProcError(Exception):
    """A table that cannot be read or understood; the message names the file."""


def address(text: str, order: str = "=") -> str:
    """The address of a /proc/net table: 32-bit words, each in the byte order of the host that printed it."""
    if len(text) not in (8, 32):
        raise ValueError("%r is not an address of /proc/net" % (text,))
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = struct.pack("%s%dI" % (order, len(words)), *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)


def parse(text: str, protocol: str, family: str, order: str = "=") -> List[_socket_table.Socket]:
    """The listening sockets of one table. Raises ValueError for text that is no such table."""
    lines = text.splitlines()
    if not lines or "local_address" not in lines[0]:
        raise ValueError("has no header line")
    sockets = []
    for line in lines[1:]:
        found = _row(line, protocol, family, order)
        if found is not None:
            sockets.append(found)
    return sockets


def _row(line: str, protocol: str, family: str, order: str) -> Optional[_socket_table.Socket]:
    # sl local remote st tx:rx tr:when retransmit uid timeout inode ...
    fields = line.split()
    try:
        if fields[3] != (_LISTEN if protocol == "tcp" else _CLOSE):
            return None
        # Unlike the address, the port is plain hexadecimal.
        host, port = fields[1].split(":")
        if int(fields[2].split(":")[1], 16) or not int(port, 16):
            return None
        return _socket_table.Socket(
            protocol=protocol,
            family=family,
            address=address(host, order),
            port=int(port, 16),
            inode=int(fields[9]),
            uid=int(fields[7]),
        )
    except (IndexError, ValueError):
        raise ValueError("cannot be understood: %r" % (line,)) from None


def net_directory() -> str:
    """/proc/net of the calling thread, which may be in another network namespace than its process."""
    own = "/proc/thread-self/net"
    # Since Linux 3.17.
    return own if os.path.isdir(own) else "/proc/net"


def read(directory: Optional[str] = None) -> _socket_table.SocketTable:
    """The table of the calling thread's network namespace. Raises ProcError."""
    directory = directory or net_directory()
    sockets: List[_socket_table.Socket] = []
    for name, protocol, family in _FILES:
        path = directory + "/" + name
        try:
            with open(path) as table:
                sockets += parse(table.read(), protocol, family)
        except FileNotFoundError:
            if family != _address.IPV6 or not _has_no_ipv6(directory):
                raise ProcError("%s does not exist" % path) from None
        except ValueError as problem:
            raise ProcError("%s %s" % (path, problem)) from None
        except OSError as problem:
            raise ProcError("%s: %s" % (path, problem.strerror)) from None
    return _socket_table.SocketTable(
        sockets=tuple(sockets),
        gathered_by="proc",
        knows_v6only=not any(s.family == _address.IPV6 for s in sockets),
        knows_device=False,
    )


def _has_no_ipv6(directory: str) -> bool:
    """Whether the kernel runs without IPv6, so that a missing table means that nothing can listen there."""
    return not os.path.exists(directory + "/" + _IPV6_SIGN)
