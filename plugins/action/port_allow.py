# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of port_allow: resolves the role."""

from __future__ import annotations

from ansible_collections.netports.core.plugins.plugin_utils._action import SpecAction


class ActionModule(SpecAction):
    """Hands the module the listeners of the role, and its own options as they are."""

    module = "netports.core.port_allow"
