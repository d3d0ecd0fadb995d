# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners as targets of Prometheus for its blackbox exporter. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netports.core.plugins.module_utils._address import is_loopback
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem
from ansible_collections.netports.core.plugins.plugin_utils import _export


def render(listeners: Any, hosts: Any, labels: Any) -> list[dict[str, Any]]:
    """A list for file_sd: an entry a listener. Left out is what a TCP probe from elsewhere cannot ask, and what may be absent.

    Raises Problem.
    """
    hosts = [hosts] if isinstance(hosts, str) else hosts
    if not isinstance(hosts, (list, tuple)) or not hosts or not all(isinstance(host, str) and host for host in hosts):
        raise Problem("hosts", "%r is not a list of names or addresses" % (hosts,))
    common = _export.labels(labels)
    return [
        {"targets": ["%s:%s" % (_host(host), one.port_text) for host in hosts], "labels": {**common, "listener": one.name}}
        for one in _export.parse(listeners)
        if _probed(one)
    ]


def _probed(listener: Listener) -> bool:
    if listener.protocol != "tcp" or listener.optional or listener.ports is None or listener.ports[0] != listener.ports[1]:
        return False
    return listener.bind == "any" or (listener.bind != "loopback" and not is_loopback(listener.bind))


def _host(host: str) -> str:
    return "[%s]" % host if ":" in host and not host.startswith("[") else host
