# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: to_csv
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into CSV
description:
  - Turns listeners into CSV, a row for each of them. None is left out.
  - The first line has the keys. A cell that a spreadsheet would run as a formula begins with an apostrophe.
  - An IP protocol has its number in the column V(port).
extends_documentation_fragment:
  - netports.core.listeners
  - netports.core.listeners.table
positional: _input
"""

EXAMPLES = r"""
- name: Show what a NetQ server listens on
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'netq_server') | netports.core.to_csv(columns=['port', 'protocol', 'purpose']) }}"
"""

RETURN = r"""
_value:
  description:
    - The text.
  type: str
"""

from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export_csv, _export_table, _filter


def to_csv(listeners: Any, columns: Sequence[str] = _export_table.COLUMNS) -> str:
    """The text of a table."""
    with _filter.problems_of("to_csv"):
        return _export_csv.render(listeners, columns)


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_csv": to_csv}
