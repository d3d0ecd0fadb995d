# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sockets that the kernel's own network devices hold, recognised by the device and not by the lack of an owner."""

from __future__ import annotations

import struct
from typing import List, NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _address
from ansible_collections.netports.core.plugins.module_utils._socket_table import Socket
from ansible_collections.netports.core.plugins.module_utils._sockets import netlink

_RTM_GETLINK = 18
_IFLA_LINKINFO = 18
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_IFLA_VXLAN_PORT = 15
_IFLA_VXLAN_GROUP6 = 16
_IFLA_VXLAN_LOCAL6 = 17
_IFLA_VXLAN_COLLECT_METADATA = 25
_IFF_UP = 1
_IFINFOMSG = struct.Struct("=BxHiII")
_NLA_F_NESTED = 0x8000


class Tunnel(NamedTuple):
    """A VXLAN device that is up, and the port on which the kernel receives for it."""

    port: int
    ipv4: bool
    ipv6: bool


def read() -> List[Tunnel]:
    """The VXLAN devices of the calling thread's network namespace. Raises netlink.NetlinkError."""
    link = netlink.Netlink(netlink.NETLINK_ROUTE)
    try:
        return [found for message in link.dump(_RTM_GETLINK, _request()) for found in parse(message)]
    finally:
        link.close()


def _request() -> bytes:
    # The kernel leaves out devices of other kinds; older ones send them all, and `parse` does.
    kind = struct.pack("=HH", 4 + 6, _IFLA_INFO_KIND) + b"vxlan\0\0\0"
    info = struct.pack("=HH", 4 + len(kind), _IFLA_LINKINFO | _NLA_F_NESTED) + kind
    return _IFINFOMSG.pack(0, 0, 0, 0, 0) + info


def parse(message: bytes) -> List[Tunnel]:
    """The tunnel of one link message, or none."""
    if len(message) < _IFINFOMSG.size or not _IFINFOMSG.unpack_from(message)[3] & _IFF_UP:
        return []
    info = netlink.attributes(netlink.attributes(message, _IFINFOMSG.size).get(_IFLA_LINKINFO, b""))
    if info.get(_IFLA_INFO_KIND, b"").rstrip(b"\0") != b"vxlan":
        return []
    data = netlink.attributes(info.get(_IFLA_INFO_DATA, b""))
    port = data.get(_IFLA_VXLAN_PORT, b"")
    if len(port) != 2:
        return []
    # The rule of the kernel: a device without remote of its own receives on both families.
    both = data.get(_IFLA_VXLAN_COLLECT_METADATA, b"\0") != b"\0"
    ipv6 = _IFLA_VXLAN_GROUP6 in data or _IFLA_VXLAN_LOCAL6 in data
    return [Tunnel(struct.unpack(">H", port)[0], both or not ipv6, both or ipv6)]


def holds(tunnel: Tunnel, socket: Socket) -> bool:
    """Whether the socket is the tunnel's. No process can bind the wildcard of a port that a tunnel has bound."""
    if socket.protocol != "udp" or socket.port != tunnel.port or socket.uid != 0 or not _address.is_wildcard(socket.address):
        return False
    return tunnel.ipv4 if socket.family == _address.IPV4 else tunnel.ipv6
