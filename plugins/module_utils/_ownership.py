# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose a socket is, against the process names of an expectation. Pure."""

from __future__ import annotations

from typing import Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils._listener import KERNEL_PROCESS
from ansible_collections.netports.core.plugins.module_utils._socket_table import FOUND, KERNEL, Owner, Socket

RIGHT = "right"
FOREIGN = "foreign"
UNSEEN = "unseen"


def is_systemd(owner: Owner) -> bool:
    return owner.pid == 1 and owner.name == "systemd"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _name_matches(expected: str, seen: str, truncated: Optional[int]) -> bool:
    """Whether a process called `expected` may be seen as `seen`, a name that the source cuts after `truncated` bytes."""
    if expected == seen:
        return True
    if truncated and len(_bytes(seen)) >= truncated and _bytes(expected)[: len(_bytes(seen))] == _bytes(seen):
        return True
    # A process that rewrites its argv[0], as netstat shows it: "nginx: master p", "sshd: /usr/sbin".
    title, colon, _rest = seen.partition(":")
    if colon and title.rpartition("/")[2] == expected:
        return True
    # An argv[0] with its path: "/usr/sbin/ntpd".
    return seen.startswith("/") and seen.split(" ")[0].rpartition("/")[2] == expected


def owner_matches(expected: str, owner: Owner) -> bool:
    """Whether a process that is expected under this name may be this owner."""
    if _name_matches(expected, owner.name, owner.truncated):
        return True
    return any(_name_matches(expected, alias, None) for alias in owner.aliases)


def ownership(sock: Socket, process: Sequence[str]) -> str:
    """Whose the socket is. One right owner suffices: parents (and systemd) keep the sockets of their children."""
    if not process:
        return RIGHT
    if sock.owner_state == KERNEL:
        return RIGHT if KERNEL_PROCESS in process else FOREIGN
    if sock.owner_state != FOUND:
        return UNSEEN
    if any(owner_matches(name, owner) for name in process for owner in sock.owners):
        return RIGHT
    # systemd holds it for some service; only the target's own evidence can tell for which (the aliases).
    if all(is_systemd(owner) and not owner.aliases for owner in sock.owners):
        return UNSEEN
    return FOREIGN
