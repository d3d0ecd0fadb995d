# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that holds ports: it answers with its token until its time is over, and listens to nobody but its own user.

To TCP it says the token and a newline, and leaves it to the peer to close for as long as `_PATIENCE`. It answers datagrams
that begin with its token or with `netports` and are longer than the token. An answer is always shorter than its question,
so that nobody can use it to send more than he has himself, and no two holders can be made to answer each other for ever.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import struct
import time
from typing import Any, Callable, Dict, List, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _hold_control, _token
from ansible_collections.netports.core.plugins.module_utils._hold_sockets import IP_PKTINFO, Bound, Endpoint

PROCESS = "netports-listen"
# Seconds for which a connection may stay open: the token may have to be sent again on a path that loses packets.
_PATIENCE = 5
_CONNECTIONS = 256
# How much of one socket is done before the others have their turn.
_TURN = 64
_LONGEST = 65535
# So often it looks at the clock; no timeout of the kernel's goes on while a host is suspended.
_LOOK = 1.0


def now() -> float:
    """Seconds since the boot, those of a suspended host included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Holder:
    """Holds `bound` until `deadline`, by the clock of `now`."""

    def __init__(self, token: str, bound: Bound, control: socket.socket, deadline: float) -> None:
        self._token = token
        self._bound = bound
        self._control = control
        self._deadline = deadline
        self._connections: Dict[socket.socket, float] = {}
        self._ended = False

    def prepare(self) -> Sequence[int]:
        """Call the process as people will look for it; the descriptors that it needs."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write(PROCESS)
        return [self._control.fileno(), *(opened.fileno() for opened in self._bound.values())]

    def run(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._register(self._control, self._asked)
        for endpoint, opened in self._bound.items():
            self._register(opened, self._connected if endpoint.protocol == "tcp" else self._questioned)
        while not self._ended and now() < self._deadline:
            for key, _events in self._selector.select(min(_LOOK, max(0, self._deadline - now()))):
                if not self._ended:
                    key.data(key.fileobj)
            self._end_the_patience()

    def _register(self, opened: socket.socket, reader: Callable[[socket.socket], None]) -> None:
        self._selector.register(opened, selectors.EVENT_READ, reader)

    # --- TCP ---

    def _connected(self, listening: socket.socket) -> None:
        for _number in range(_TURN):
            try:
                connection, _peer = listening.accept()
            except BlockingIOError:
                return
            except OSError:
                # The peer has gone, or there are no more descriptors.
                self._abort_oldest()
                return
            if len(self._connections) >= _CONNECTIONS:
                self._abort_oldest()
            connection.setblocking(False)
            self._connections[connection] = now() + _PATIENCE
            self._register(connection, self._heard)
            with contextlib.suppress(OSError):
                connection.send(self._token.encode() + b"\n")

    def _heard(self, connection: socket.socket) -> None:
        """Whatever the peer says is read, so that its end is seen. The connection stays until that is acknowledged."""
        if connection not in self._connections:
            return  # aborted in this turn, for another one
        with contextlib.suppress(OSError):
            if connection.recv(_LONGEST):
                return
            self._selector.unregister(connection)
            connection.shutdown(socket.SHUT_WR)
            return
        self._abort(connection)

    def _end_the_patience(self) -> None:
        for connection, until in list(self._connections.items()):
            if until > now():
                return
            self._abort(connection)

    def _abort_oldest(self) -> None:
        for connection in list(self._connections)[:1]:
            self._abort(connection)

    def _abort(self, connection: socket.socket) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(connection)
        self._connections.pop(connection, None)
        connection.close()

    # --- UDP ---

    def _questioned(self, opened: socket.socket) -> None:
        for _number in range(_TURN):
            try:
                question, extra, _flags, peer = opened.recvmsg(_LONGEST, socket.CMSG_SPACE(32))
            except OSError:
                return
            said = _token.answer(question, self._token.encode())
            if said:
                with contextlib.suppress(OSError):
                    opened.sendmsg([said], [_from(*item) for item in extra], 0, peer)

    # --- its own user ---

    def _asked(self, control: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            connection, _nobody = control.accept()
            with connection:
                if _hold_control.user_of(connection) not in (0, os.geteuid()):
                    return
                connection.settimeout(_hold_control.PATIENCE)
                self._obey(json.loads(_hold_control.receive(connection).decode()))
                connection.send(json.dumps(self._state()).encode())

    def _obey(self, order: Dict[str, Any]) -> None:
        if order["order"] == _hold_control.EXTEND:
            self._deadline = max(self._deadline, now() + float(order["seconds"]))
        elif order["order"] == _hold_control.STOP:
            # Before the answer, after which the ports are expected to be free.
            self._ended = True
            for connection in list(self._connections):
                self._abort(connection)
            for opened in self._bound.values():
                self._selector.unregister(opened)
                opened.close()

    def _state(self) -> Dict[str, Any]:
        held: List[Endpoint] = list(self._bound)
        return {"token": self._token, "pid": os.getpid(), "held": held, "seconds": self._deadline - now()}


def _from(level: int, kind: int, data: bytes) -> Tuple[int, int, bytes]:
    """By what a datagram says of its way in, what an answer from the same address has to say. Its way out is found anew."""
    if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
        return level, kind, struct.pack("=I4s4s", 0, data[4:8], bytes(4))
    return level, kind, data[:16] + bytes(4)
