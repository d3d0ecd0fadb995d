# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners as CSV (RFC 4180, but with the line ends of Unix). Pure."""

from __future__ import annotations

import csv
import io
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export_table

# Spreadsheets run cells that begin so as formulas.
_FORMULA = ("=", "+", "-", "@")


def render(listeners: Any, columns: Any) -> str:
    """A line of keys, then one a listener. Raises Problem."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    found = _export_table.rows(listeners, columns)
    writer.writerow(columns)
    writer.writerows([_text(cell) for cell in row] for row in found)
    return file.getvalue()


def _text(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA) else cell
