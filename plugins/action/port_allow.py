# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of port_allow: resolves the role, and who its clients are."""

from __future__ import annotations

from typing import Any

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _confirm
from ansible_collections.netports.core.plugins.plugin_utils._action import SpecAction


class ActionModule(SpecAction):
    """Hands the module the listeners of the role, and its own options with addresses for every client."""

    module = "netports.core.port_allow"

    def prepared(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if self._task.async_val and arguments.get("rollback_after") is not None:
            raise Problem("rollback_after", "cannot be used with async: nobody would be there to confirm the change")
        absent = arguments.get("state") == "absent"
        arguments, warnings = (arguments, ()) if absent else self.with_clients(arguments, task_vars)
        _confirm.remember_connection(self)
        result = _confirm.confirm(self, self.execute_module(arguments, task_vars))
        if warnings:
            result["warnings"] = [*warnings, *result.get("warnings", ())]
        return result
