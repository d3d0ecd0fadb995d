# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of port_allow: resolves the role, and who its clients are."""

from __future__ import annotations

import threading
from typing import Any

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _ahead, _confirm
from ansible_collections.netports.core.plugins.plugin_utils._action import SpecAction


class ActionModule(SpecAction):
    """Hands the module the listeners of the role, and its own options with addresses for every client."""

    module = "netports.core.port_allow"
    next_module = "netports.core.port_verify"
    _preparing: threading.Thread | None = None

    def prepared(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if self._task.async_val and arguments.get("rollback_after") is not None:
            raise Problem("rollback_after", "cannot be used with async: nobody would be there to confirm the change")
        absent = arguments.get("state") == "absent"
        arguments, warnings = (arguments, ()) if absent else self.with_clients(arguments, task_vars)
        _confirm.remember_connection(self)
        result = _confirm.confirm(self, self.execute_module(arguments, task_vars))
        if self._preparing is not None:
            self._preparing.join()
        if warnings:
            result["warnings"] = [*warnings, *result.get("warnings", ())]
        return result

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> Any:
        configured = super()._configure_module(module_name, module_args, task_vars)
        # From here on this process waits for the host.
        if module_name == self.module and self._task.args.get("state") != "absent":
            self._preparing = _ahead.make(self, self.next_module, task_vars)
        return configured
