# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said over a TCP connection once there is one, a step at a time and without waiting."""

from __future__ import annotations

import os

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, socket
from ansible_collections.netports.core.plugins.module_utils._probing.model import NO_ANSWER, OPEN, Finding

if TYPE_CHECKING:
    from typing import Optional

_MUCH = 65536


class Dialogue:
    """`step` is called when the socket `wants_to_write` and can, or can be read. It returns a finding once there is one."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.wants_to_write = False

    def step(self) -> Optional[Finding]:
        raise NotImplementedError

    def timeout(self) -> Finding:
        """The finding when the time is over."""
        raise NotImplementedError


class TokenDialogue(Dialogue):
    """Waits for the token and does not say it: what accepts or repeats everything does not know it."""

    def __init__(self, sock: socket.socket, token: bytes) -> None:
        super().__init__(sock)
        self._token = token
        self._heard = b""

    def step(self) -> Optional[Finding]:
        try:
            data = self.sock.recv(_MUCH)
        except BlockingIOError:
            return None
        except OSError as error:
            return self._wrong(os.strerror(error.errno or 0))
        self._heard += data
        if self._token in self._heard:
            return Finding(OPEN, "it answered with the token")
        if data and len(self._heard) < _MUCH:
            return None
        return self._wrong("it said other things" if self._heard else "it ended the connection")

    def timeout(self) -> Finding:
        return self._wrong("no answer" if not self._heard else "it said other things")

    def _wrong(self, what: str) -> Finding:
        return Finding(NO_ANSWER, "the connection was accepted, but not by what knows the token: %s" % what)
