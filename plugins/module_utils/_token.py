# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How port_probe asks port_listen for its token: what a token is, the question, and the answer. Pure; both sides use it."""

from __future__ import annotations

# Short, since a question has to be longer.
SHAPE = "1 to 64 printable ASCII characters without blanks"
_LONGEST = 64
_GREETING = b"netports"


def is_token(text: str) -> bool:
    return 0 < len(text) <= _LONGEST and all("!" <= character <= "~" for character in text)


def question(token: bytes) -> bytes:
    """A datagram that is longer than its answer, and without the token, which an echo would repeat."""
    return _GREETING.ljust(len(token) + 1, b"?")


def answer(datagram: bytes, token: bytes) -> bytes:
    """The answer to a datagram, always shorter than it is; empty for none."""
    return token if len(datagram) > len(token) and datagram.startswith((token, _GREETING)) else b""
