# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option `tolerate`: sockets that are never unexpected. Pure."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils import _address, _ownership
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_port
from ansible_collections.netports.core.plugins.module_utils._socket_table import Socket


def _tolerated_port(text: str) -> Optional[Callable[[Socket], bool]]:
    protocol, _slash, port = text.partition("/")
    if protocol not in ("tcp", "udp"):
        return None
    ports = parse_port(port)
    if ports is None:
        raise Problem("", "'dynamic' cannot be tolerated; name the process or a range of ports")
    low, high = ports
    return lambda sock: sock.protocol == protocol and low <= sock.port <= high


def _tolerance(text: str) -> Callable[[Socket], bool]:
    by_port = _tolerated_port(text) if "/" in text else None
    if by_port is not None:
        return by_port
    try:
        network = _address.parse_network(text)
    except ValueError:
        network = None
    if network is not None:
        found = network
        return lambda sock: not sock.truncated_address and _address.in_network(_address.plain(sock.address), found)
    if "/" in text or not text.strip() or text.strip().isdigit():
        sentence = "%r is none of: tcp/22, udp/30000-32767, an address or network such as 127.0.0.0/8, a process name" % (text,)
        raise Problem("", sentence)
    return lambda sock: any(_ownership.owner_matches(text, owner) for owner in sock.owners)


def parse_tolerate(values: Sequence[str]) -> List[Callable[[Socket], bool]]:
    """Predicates from `tolerate`: `tcp/22`, `udp/30000-32767`, an address or network, or a process name. Raises Problem."""
    tolerances = []
    for index, value in enumerate(values):
        try:
            tolerances.append(_tolerance(value))
        except Problem as problem:
            raise problem.under("tolerate[%d]" % index) from None
    return tolerances
