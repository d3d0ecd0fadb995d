# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of port_listen: resolves the role."""

from __future__ import annotations

from typing import Any

from ansible_collections.netports.core.plugins.module_utils import _spec_options
from ansible_collections.netports.core.plugins.plugin_utils._action import SpecAction


class ActionModule(SpecAction):
    """The module with the role's listeners; to stop needs none."""

    module = "netports.core.port_listen"

    def _with_listeners(self, arguments: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        if arguments.get("state") == "stopped":
            unused = _spec_options.spec_arguments()
            return {**{name: value for name, value in arguments.items() if name not in unused}, "listeners": []}, []
        return super()._with_listeners(arguments)
