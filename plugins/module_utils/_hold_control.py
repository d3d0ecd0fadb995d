# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How runs find the processes that hold ports, and talk to them: abstract sockets, which end with their process.

Nothing of it is in a file system, so nothing is left of a process that was killed. Anybody can take a name in that space;
what is said there counts when the kernel says that it comes from the same user.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._hold_sockets import Endpoint

STATE, EXTEND, STOP = "state", "extend", "stop"
PATIENCE = 2
_NAME = "netports-listen."
# In /proc/net/unix: the flag of a socket that listens; those that it accepted have its name too.
_LISTENING = 1 << 16
_LARGEST = 1 << 20
_CREDENTIALS = struct.Struct("3i")


class State(NamedTuple):
    """What a process holds; `seconds` are left."""

    token: str
    pid: int
    held: Tuple[Endpoint, ...]
    seconds: float


def listening() -> Tuple[str, socket.socket]:
    """A socket by which later runs find the process, with its name."""
    name = _NAME + os.urandom(8).hex()
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.bind("\0" + name)
    control.listen(8)
    control.setblocking(False)
    return name, control


def states() -> Dict[str, State]:
    """What each process of this user holds, by the name of its socket."""
    found = {name: tell(name, STATE) for name in _names()}
    return {name: state for name, state in found.items() if state is not None}


def _names() -> List[str]:
    lines = [line.split() for line in (_run.read_text("/proc/net/unix") or "").splitlines()[1:]]
    return [
        words[7][1:] for words in lines if len(words) == 8 and words[7].startswith("@" + _NAME) and int(words[3], 16) & _LISTENING
    ]


def tell(name: str, order: str, **more: Any) -> Optional[State]:
    """Give an order; what the process holds after it, None when there is no such process of this user."""
    try:
        return _told(name, {"order": order, **more})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _told(name: str, order: Mapping[str, Any]) -> Optional[State]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        # A stranger's queue may be full for ever.
        connection.setblocking(False)
        connection.connect("\0" + name)
        if user_of(connection) != os.geteuid():
            return None
        connection.settimeout(PATIENCE)
        connection.send(json.dumps(order).encode())
        return _state(json.loads(receive(connection).decode()))


def _state(said: Mapping[str, Any]) -> State:
    held = tuple(Endpoint(*words) for words in said["held"])
    return State(str(said["token"]), int(said["pid"]), held, float(said["seconds"]))


def receive(connection: socket.socket) -> bytes:
    return connection.recv(_LARGEST)


def user_of(connection: socket.socket) -> int:
    """The user at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user: int = _CREDENTIALS.unpack(credentials)[1]
    return user
