# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners as a table of Markdown (GitHub's flavour). Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export_table
from ansible_collections.netports.core.plugins.plugin_utils._report_markdown_table import escaped


def render(listeners: Any, columns: Any) -> str:
    """A header, then a row a listener. Raises Problem."""
    cells = [[escaped(cell) for cell in row] for row in _export_table.rows(listeners, columns)]
    header = [column.replace("_", " ").capitalize() for column in columns]
    return "".join("| %s |\n" % " | ".join(row) for row in [header, ["---"] * len(header), *cells])
