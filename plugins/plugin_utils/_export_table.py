# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners as rows of a table, whatever its format. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netports.core.plugins.module_utils import _listener
from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _export, _report, _resolve

COLUMNS = ("name", "protocol", "port", "family", "bind", "clients", "process", "purpose")


def rows(listeners: Any, columns: Any) -> list[list[str]]:
    """The cells of all listeners, none left out, as plain text. Raises Problem."""
    if not isinstance(columns, (list, tuple)) or not columns:
        raise Problem("columns", "%r is not a list of keys of a listener" % (columns,))
    unknown = [column for column in columns if column not in _listener.KEYS]
    if unknown:
        raise Problem("columns", "%r is not a key of a listener; known are %s" % (unknown[0], ", ".join(_listener.KEYS)))
    found = []
    for listener in _export.parse(listeners):
        # An IP protocol has its number where others have their port.
        values = {**_resolve.plain(listener.given), "port": listener.port_text}
        found.append([_cell(values[column]) for column in columns])
    return found


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join("%s: %s" % (key, _cell(one)) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    return "" if value is None else _report.plain(str(value))
