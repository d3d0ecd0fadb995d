# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as JSON: the model itself. Pure."""

from __future__ import annotations

import json

from ansible_collections.netports.core.plugins.plugin_utils._report import Report


def render(report: Report) -> str:
    """Keys are sorted and all is ASCII, so that two reports compare and any encoding does."""
    return json.dumps(report, indent=2, sort_keys=True) + "\n"
