# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which listeners another process can stand in for, whatever host it is. Pure."""

from __future__ import annotations

from ansible_collections.netports.core.plugins.module_utils import _coverage
from ansible_collections.netports.core.plugins.module_utils._listener import REDIRECT, Listener


def unfit(listener: Listener) -> str:
    """Why there is nothing to hold for a listener, whatever host it is; empty when there is."""
    if listener.seen_as == REDIRECT:
        return "a redirect has no socket; rules of the packet filter send its packets on"
    if listener.protocol == "ip":
        return "IP protocol %s has no ports" % listener.number
    if listener.seen_as == "nodeport":
        return "a NodePort is served by rules of the packet filter, mostly without a socket"
    if listener.dynamic:
        return "dynamic port: which one is known when the service runs"
    if not _coverage.is_fixed(listener):
        return "one port of %s: which one is known when the service runs" % listener.port_text
    if _coverage.wants_loopback(listener):
        return "bound to loopback: no other host reaches it"
    return ""
