# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What UDP services are asked so that they answer. Pure."""

from __future__ import annotations

import struct

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Optional, Tuple

# The DNS of Kuma's data plane answers on 15053, that of its control plane on 5653.
BY_PORT = {53: "dns", 5653: "dns", 15053: "dns", 123: "ntp"}

_RECURSION_DESIRED = 0x0100
_CLIENT_VERSION_4 = 0x23


def dns() -> bytes:
    """The A record of `localhost`: resolvers know it themselves, and all others refuse it, which is an answer too."""
    header = struct.pack("!6H", 0x6E70, _RECURSION_DESIRED, 1, 0, 0, 0)
    return header + b"\x09localhost\x00" + struct.pack("!2H", 1, 1)


def ntp() -> bytes:
    """A client's request. Servers ignore one that was never sent, so it has a time."""
    return struct.pack("!B39x8s", _CLIENT_VERSION_4, b"netports")


def encode(question: Optional[str], port: int) -> Tuple[bytes, bool]:
    """What to send for the option `question`, and whether a service is known to answer it. Raises ValueError.

    UDP without a question sends an empty datagram: enough for a refusal to come back.
    """
    kind = BY_PORT.get(port) if question is None else question
    if kind is None:
        return b"", False
    if kind in ("dns", "ntp"):
        return (dns() if kind == "dns" else ntp()), True
    try:
        sent = bytes.fromhex("".join(kind.split()))
    except ValueError:
        raise ValueError("%r is neither dns nor ntp nor bytes in hexadecimal" % (question,)) from None
    if not sent:
        raise ValueError("it is empty; leave it out to send an empty datagram")
    return sent, True
