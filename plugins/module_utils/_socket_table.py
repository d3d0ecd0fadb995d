# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was seen on a host: sockets, their owners, and what the source of that evidence can and cannot tell.

Pure value types; every source in `_sockets` produces them and `_verdict` judges them.
"""

from __future__ import annotations

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple


# Whether the owners of a socket are known.
UNASKED = "unasked"  # nobody looked yet
FOUND = "found"  # at least one owner was found
KERNEL = "kernel"  # the socket belongs to no process, and the evidence is good enough to say so
HIDDEN = "hidden"  # it may have an owner that could not be seen (privilege, other PID namespace)


class Owner(NamedTuple):
    """A process that holds a socket.

    `name` is what the source calls it (comm, or the program column of netstat); `aliases` are the further names
    it goes by: base names of argv[0] and of the executable, or the service that systemd holds the socket for.
    `truncated` is the number of characters at which the source cuts names (15 for comm), None where it does not.
    """

    pid: Optional[int]
    name: str
    aliases: Tuple[str, ...] = ()
    truncated: Optional[int] = None

    def as_dict(self) -> Dict[str, Any]:
        return {"pid": self.pid, "name": self.name}


class Socket(NamedTuple):
    """A TCP socket in LISTEN or an unconnected UDP socket.

    `address` is canonical and without zone; `device` the interface or VRF it is bound to, None when to none.
    `v6only` is None for IPv4 and where the source cannot tell. `truncated_address`: netstat cut the address, so
    only family and port are certain. `inode` is 0 where the source has none.
    """

    protocol: str
    family: str
    address: str
    port: int
    device: Optional[str] = None
    v6only: Optional[bool] = None
    inode: int = 0
    owners: Tuple[Owner, ...] = ()
    owner_state: str = UNASKED
    uid: Optional[int] = None
    cgroup: Optional[int] = None
    truncated_address: bool = False

    def as_dict(self) -> Dict[str, Any]:
        """Plain data for a module's result: the keys of `port_info.sockets`."""
        return {
            "protocol": self.protocol,
            "family": self.family,
            "address": self.address,
            "port": self.port,
            "device": self.device,
            "v6only": self.v6only,
            "inode": self.inode,
            "owners": [owner.as_dict() for owner in self.owners],
            "owner_state": self.owner_state,
        }


class SocketTable(NamedTuple):
    """All listening sockets of a host (or network namespace) as one source saw them.

    `notes` are sentences for people: sources that were tried before and why they failed. `hidden_because` is why owners are
    hidden, and the cure.
    """

    sockets: Tuple[Socket, ...]
    gathered_by: str
    knows_v6only: bool
    knows_device: bool
    notes: Tuple[str, ...] = ()
    hidden_because: str = "run with more privilege"

    @property
    def owners_complete(self) -> bool:
        """Every socket's owners were looked for and none was hidden."""
        return all(s.owner_state in (FOUND, KERNEL) for s in self.sockets)
