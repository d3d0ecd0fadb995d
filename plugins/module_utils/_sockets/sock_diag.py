# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listening sockets from the kernel's sock_diag: the source that costs what listens, not what is connected."""

from __future__ import annotations

import struct

from ansible_collections.netports.core.plugins.module_utils import _address, _socket_table
from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, socket
from ansible_collections.netports.core.plugins.module_utils._sockets import netlink

if TYPE_CHECKING:
    from typing import Dict, List, Optional

_SOCK_DIAG_BY_FAMILY = 20
_TCP_LISTEN = 10
_TCP_CLOSE = 7
_INET_DIAG_SKV6ONLY = 11
_INET_DIAG_CGROUP_ID = 21

# inet_diag_req_v2: family, protocol, extensions, pad, states, and an inet_diag_sockid of zeros.
_REQUEST = struct.Struct("=BBBxI48x")
# inet_diag_msg: family, state, timer, retrans; ports in network order, addresses as they are; then the tail.
_PORTS = struct.Struct(">HH")
_TAIL = struct.Struct("=IIIIIIII")
_MESSAGE_SIZE = 72

# LISTEN alone: with any other TCP state in the mask the kernel walks the table of all connections.
_DUMPS = (
    ("tcp", socket.IPPROTO_TCP, _TCP_LISTEN),
    ("udp", socket.IPPROTO_UDP, _TCP_CLOSE),
)
_FAMILIES = ((socket.AF_INET, _address.IPV4, 4), (socket.AF_INET6, _address.IPV6, 16))


def read() -> _socket_table.SocketTable:
    """The table of the calling thread's network namespace. Raises netlink.NetlinkError."""
    sockets: List[_socket_table.Socket] = []
    devices: Dict[int, str] = {}
    link = netlink.Netlink(netlink.NETLINK_SOCK_DIAG)
    try:
        for protocol, number, state in _DUMPS:
            for family, name, length in _FAMILIES:
                for message in link.dump(_SOCK_DIAG_BY_FAMILY, _REQUEST.pack(family, number, 0, 1 << state)):
                    found = _socket(message, protocol, family, name, length, state, devices)
                    if found is not None:
                        sockets.append(found)
    finally:
        link.close()
    return _socket_table.SocketTable(
        sockets=tuple(sockets),
        gathered_by="sock_diag",
        # Kernels before 4.3 do not tell.
        knows_v6only=all(s.v6only is not None for s in sockets if s.family == _address.IPV6),
        knows_device=True,
    )


def _socket(
    message: bytes, protocol: str, family: int, name: str, length: int, state: int, devices: Dict[int, str]
) -> Optional[_socket_table.Socket]:
    if len(message) < _MESSAGE_SIZE:
        raise netlink.NetlinkError("a sock_diag message of %d bytes instead of %d" % (len(message), _MESSAGE_SIZE))
    if message[0] != family or message[1] != state:
        return None
    port, remote_port = _PORTS.unpack_from(message, 4)
    interface, _cookie, _cookie2, _expires, _receive, _send, uid, inode = _TAIL.unpack_from(message, 40)
    if remote_port or not port:
        return None
    details = netlink.attributes(message, _MESSAGE_SIZE)
    v6only = details.get(_INET_DIAG_SKV6ONLY)
    cgroup = details.get(_INET_DIAG_CGROUP_ID)
    return _socket_table.Socket(
        protocol=protocol,
        family=name,
        address=socket.inet_ntop(family, message[8 : 8 + length]),
        port=port,
        device=_device(interface, devices) if interface else None,
        v6only=bool(v6only[0]) if v6only and family == socket.AF_INET6 else None,
        inode=inode,
        uid=uid,
        cgroup=struct.unpack("=Q", cgroup)[0] if cgroup and len(cgroup) == 8 else None,
    )


def _device(interface: int, known: Dict[int, str]) -> str:
    if interface not in known:
        try:
            known[interface] = socket.if_indextoname(interface)
        except OSError:
            # The device was deleted, or made anew under another number, while the socket stays bound to the old one.
            known[interface] = "if%d" % interface
    return known[interface]
