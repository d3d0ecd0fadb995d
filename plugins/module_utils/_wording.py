# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sockets and owners in the words of reports and reasons. Pure."""

from __future__ import annotations

from typing import Iterable

from ansible_collections.netports.core.plugins.module_utils import _ownership
from ansible_collections.netports.core.plugins.module_utils._socket_table import FOUND, KERNEL, Owner, Socket


def endpoint(sock: Socket, port: bool = True) -> str:
    """`0.0.0.0:22`, `[::]%mgmt:22`; an address that netstat cut ends in dots."""
    address = sock.address + "..." if sock.truncated_address else sock.address
    text = "[%s]" % address if ":" in address else address
    if sock.device:
        text += "%" + sock.device
    return "%s:%d" % (text, sock.port) if port else text


def owner_text(sock: Socket) -> str:
    """The names of a socket's owners, without process ids so that reports of two runs compare."""
    if sock.owner_state == KERNEL:
        return "the kernel"
    if sock.owner_state == FOUND:
        return ", ".join(sorted({_owner_name(owner) for owner in sock.owners}))
    return "an unknown process"


def holders(sockets: Iterable[Socket]) -> str:
    return ", ".join(sorted({owner_text(sock) for sock in sockets}))


def _owner_name(owner: Owner) -> str:
    return "%s for %s" % (owner.name, "/".join(owner.aliases)) if _ownership.is_systemd(owner) and owner.aliases else owner.name


def endpoints(sockets: Iterable[Socket], port: bool = False) -> str:
    return ", ".join(sorted({endpoint(sock, port) for sock in sockets}))


def family_text(families: Iterable[str]) -> str:
    return " and ".join({"ipv4": "IPv4", "ipv6": "IPv6"}[family] for family in sorted(families))
