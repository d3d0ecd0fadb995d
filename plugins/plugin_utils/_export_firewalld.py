# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners as a service of firewalld. Pure."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.netports.core.plugins.plugin_utils import _export, _report


def render(listeners: Any, short: str, description: str) -> str:
    """The XML file. Both families, and everybody whom the service's zone admits. Raises Problem."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<service>"]
    lines.append("  <short>%s</short>" % escape(_report.plain(short)))
    if description:
        lines.append("  <description>%s</description>" % escape(_report.plain(description)))
    entries: dict[str, None] = {}
    for opening in _export.openings(listeners).openings:
        listener = opening.listener
        if listener.protocol == "ip":
            entries["  <protocol value=%s/>" % quoteattr(listener.port_text)] = None
        else:
            entries["  <port port=%s protocol=%s/>" % (quoteattr(listener.port_text), quoteattr(listener.protocol))] = None
    return "\n".join([*lines, *entries, "</service>", ""])
