# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners as a file of goss: what listens, by `ss`.

The resource `port` of goss takes a socket that serves both families for one of IPv6 alone, and cannot say "this address or a
wildcard" or "nothing wider". So every listener is a command whose lines goss matches. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.netports.core.plugins.module_utils import _address
from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem
from ansible_collections.netports.core.plugins.plugin_utils import _export

# The blanks within the parentheses are part of the grammar of ss. An IPv4-mapped address is one of IPv4 for it.
_ON_LOOPBACK = "( src 127.0.0.0/8 or src [::1] )"
# Local addresses as ss prints them; `*` is an IPv6 wildcard that takes IPv4 too.
_ANYWHERE = {IPV4: (r"[0-9.]+", r"\[::ffff:[0-9.]+\]", r"\*"), IPV6: (r"\[[0-9a-f:]+\]", r"\*")}
_LOOPBACK = {IPV4: (r"127\.[0-9.]+", r"\[::ffff:127\.[0-9.]+\]"), IPV6: (r"\[::1\]",)}
_NOTHING = "!/./"


def render(listeners: Any) -> dict[str, Any]:
    """The file. Left out is what has no socket of its own, and what may be absent. Raises Problem."""
    asserted = [one for one in _export.parse(listeners) if one.seen_as == "socket" and not one.optional]
    _export.refuse([one for one in asserted if one.dynamic], "its port is known only when the service runs")
    commands: dict[str, Any] = {}
    for listener in asserted:
        key = "%s %s/%s" % (listener.name, listener.port_text, listener.protocol)
        if key in commands:
            raise Problem("", "%s is there twice" % key)
        if listener.bind == "loopback":
            commands[key] = _command(listener, _ON_LOOPBACK, _addresses(listener, _LOOPBACK))
            commands[key + " loopback alone"] = _command(listener, "not " + _ON_LOOPBACK, [_NOTHING])
        elif listener.bind == "any":
            commands[key] = _command(listener, "not " + _ON_LOOPBACK, _addresses(listener, _ANYWHERE))
        else:
            commands[key] = _command(listener, "", [_line(listener, _bound(listener.bind))])
    return {"command": commands}


def _command(listener: Listener, where: str, stdout: list[str]) -> dict[str, Any]:
    low, high = listener.ports or (0, 0)
    port = "sport = :%d" % low if low == high else "sport >= :%d and sport <= :%d" % (low, high)
    chosen = " and ".join(filter(None, (port, where)))
    command = "ss --no-header --numeric --listening --%s '%s'" % (listener.protocol, chosen)
    return {"exec": command, "exit-status": 0, "stdout": stdout}


def _addresses(listener: Listener, patterns: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A pattern that a line has to match for each family that has to be served, one for both where either will do."""
    if listener.family == "any":
        return [_line(listener, "|".join(dict.fromkeys(patterns[IPV4] + patterns[IPV6])))]
    wanted = _export.FAMILIES if listener.family == "both" else (listener.family,)
    return [_line(listener, "|".join(patterns[family])) for family in wanted]


def _bound(address: str) -> str:
    """The address or a wildcard that covers it."""
    address = _address.plain(address)
    covering: tuple[str, ...]
    if _address.family_of(address) == IPV4:
        covering = (address, "[::ffff:%s]" % address, "0.0.0.0", "*")  # noqa: S104 - compared, not bound
    else:
        covering = ("[%s]" % address, "[::]", "*")
    return "|".join(map(re.escape, covering))


def _line(listener: Listener, addresses: str) -> str:
    device = "%" + re.escape(listener.device) if listener.device else "(%[^ ]+)?"
    port = listener.port_text if "-" not in listener.port_text else "[0-9]+"
    return "/ (%s)%s:%s /" % (addresses, device, port)
