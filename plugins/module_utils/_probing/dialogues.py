# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said over a TCP connection once there is one, a step at a time and without waiting."""

from __future__ import annotations

import os
import socket
import time
from typing import Any, Dict, Optional

from ansible_collections.netports.core.plugins.module_utils._probing import certificate
from ansible_collections.netports.core.plugins.module_utils._probing.model import NO_ANSWER, OPEN, Finding, ProbeError

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


class TlsDialogue(Dialogue):
    """A handshake that trusts anything, to see the certificate."""

    def __init__(self, sock: socket.socket, host: str) -> None:
        import ssl

        name = None if _is_address(host) else host
        self._wrapped = _context().wrap_socket(sock, do_handshake_on_connect=False, server_hostname=name)
        super().__init__(self._wrapped)
        self._ssl = ssl

    def step(self) -> Optional[Finding]:
        try:
            self._wrapped.do_handshake()
        except self._ssl.SSLWantReadError:
            self.wants_to_write = False
            return None
        except self._ssl.SSLWantWriteError:
            self.wants_to_write = True
            return None
        except OSError as error:
            return tls_fault(getattr(error, "reason", None) or error.strerror or str(error))
        seen: Dict[str, Any] = {"version": self._wrapped.version(), "error": None}
        try:
            seen.update(certificate.read(self._wrapped.getpeercert(True) or b""))
        except ValueError as problem:
            return tls_fault(str(problem))
        seen["expired"] = seen["not_after"] < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return Finding(OPEN, "it accepts connections and speaks %s" % seen["version"], seen)

    def timeout(self) -> Finding:
        return tls_fault("no answer to the handshake")


def tls_fault(what: str) -> Finding:
    """It accepts connections and does not speak TLS with us."""
    reason = "it accepts connections, but the TLS handshake failed: %s" % what
    nothing = dict.fromkeys(("version", "subject", "issuer", "names", "not_before", "not_after", "expired"))
    return Finding(OPEN, reason, dict(nothing, error=what), fault=reason)


def _context() -> Any:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        # An old or weak service is to be seen, not judged.
        context.set_ciphers("ALL:@SECLEVEL=0")
    except ssl.SSLError:
        pass  # a library without security levels
    return context


def check_tls() -> None:
    """Raises ProbeError where this Python has no TLS."""
    try:
        _context()
    except ImportError as problem:
        raise ProbeError("targets: tls needs a Python with the module ssl: %s" % problem) from None


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
