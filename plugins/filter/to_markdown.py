# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: to_markdown
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into a table in Markdown
description:
  - Turns listeners into a table in Markdown, a row for each of them. None is left out.
  - What would be markup in a cell is escaped. The table is of GitHub's flavour.
  - An IP protocol has its number in the column V(port).
extends_documentation_fragment:
  - netports.core.listeners
  - netports.core.listeners.table
positional: _input
"""

EXAMPLES = r"""
- name: Show what a NetQ server listens on
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'netq_server') | netports.core.to_markdown(columns=['port', 'protocol', 'purpose']) }}"
"""

RETURN = r"""
_value:
  description:
    - The text.
  type: str
"""

from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export_markdown, _export_table, _filter


def to_markdown(listeners: Any, columns: Sequence[str] = _export_table.COLUMNS) -> str:
    """The text of a table."""
    with _filter.problems_of("to_markdown"):
        return _export_markdown.render(listeners, columns)


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_markdown": to_markdown}
