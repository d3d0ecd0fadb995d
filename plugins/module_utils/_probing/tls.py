# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TLS handshake to see the certificate. Imported only where one is asked for."""

from __future__ import annotations

import time

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, socket
from ansible_collections.netports.core.plugins.module_utils._probing import certificate
from ansible_collections.netports.core.plugins.module_utils._probing.dialogues import Dialogue
from ansible_collections.netports.core.plugins.module_utils._probing.model import OPEN, Finding, ProbeError

if TYPE_CHECKING:
    from typing import Any, Dict, Optional


class TlsDialogue(Dialogue):
    """A handshake that trusts anything, to see the certificate."""

    def __init__(self, sock: socket.socket, host: str) -> None:
        import socket as full  # ssl takes no others
        import ssl

        plain = full.socket(fileno=sock.detach())
        plain.setblocking(False)
        name = None if _is_address(host) else host
        self._wrapped = _context().wrap_socket(plain, do_handshake_on_connect=False, server_hostname=name)
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
