# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of port_allow: resolves the role, and who its clients are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ansible_collections.netports.core.plugins.module_utils import _allow
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_listeners
from ansible_collections.netports.core.plugins.plugin_utils import _confirm, _inventory, _topology
from ansible_collections.netports.core.plugins.plugin_utils._action import SpecAction, validated

_ARGUMENTS = {name: argument for name, argument in _allow.allow_arguments().items() if name in ("state", "clients", "restrict")}


class ActionModule(SpecAction):
    """Hands the module the listeners of the role, and its own options with addresses for every client."""

    module = "netports.core.port_allow"

    def prepared(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if self._task.async_val and arguments.get("rollback_after") is not None:
            raise Problem("rollback_after", "cannot be used with async: nobody would be there to confirm the change")
        arguments, warnings = self._with_clients(arguments, task_vars)
        _confirm.remember_connection(self)
        result = _confirm.confirm(self, self.execute_module(arguments, task_vars))
        if warnings:
            result["warnings"] = [*warnings, *result.get("warnings", ())]
        return result

    def _with_clients(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The arguments with names and groups replaced by addresses, and warnings. Raises Problem."""
        options = validated({name: arguments[name] for name in _ARGUMENTS if arguments.get(name) is not None}, _ARGUMENTS)
        if options["state"] == "absent" or not (options["clients"] or options["restrict"] == "inventory"):
            return arguments, ()
        clients = _topology.named(options["clients"] or {}, _inventory.resolve)
        if options["restrict"] == "none":
            return {**arguments, "clients": clients}, ()
        found = _topology.restrict(
            parse_listeners(arguments["listeners"]),
            clients,
            task_vars["groups"],
            self.spec().including,
            lambda names: self._addresses(names, task_vars),
        )
        return {**arguments, "clients": found.clients}, found.warnings

    def _addresses(self, names: Collection[str], task_vars: dict[str, Any]) -> dict[str, _topology.Found]:
        moment = "%s %s" % (self._task._uuid, " ".join(task_vars.get("ansible_play_batch", ())))
        return _inventory.find_all(names, task_vars["hostvars"], moment)
