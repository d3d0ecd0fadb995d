# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options `clients` and `restrict` of a task, with addresses in the place of names and groups.

A module of its own, imported when it is needed: Ansible compiles what it imports from a collection anew in each process.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ansible_collections.netports.core.plugins.module_utils import _spec_options
from ansible_collections.netports.core.plugins.module_utils._listener import parse_listeners
from ansible_collections.netports.core.plugins.plugin_utils import _inventory, _topology
from ansible_collections.netports.core.plugins.plugin_utils._action import SpecAction, validated

_ARGUMENTS = _spec_options.client_arguments()


def resolved(action: SpecAction, arguments: dict[str, Any], task_vars: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The arguments with addresses for every client, and warnings. Raises Problem."""
    options = validated({name: arguments[name] for name in _ARGUMENTS if arguments.get(name) is not None}, _ARGUMENTS)
    clients = _topology.named(options["clients"] or {}, _inventory.resolve)
    if options["restrict"] == "none":
        return {**arguments, "clients": clients}, ()

    def find_all(names: Collection[str]) -> dict[str, _topology.Found]:
        moment = "%s %s" % (action._task._uuid, " ".join(task_vars.get("ansible_play_batch", ())))
        return _inventory.find_all(names, task_vars["hostvars"], moment)

    listeners = parse_listeners(arguments["listeners"])
    found = _topology.restrict(listeners, clients, task_vars["groups"], action.spec().including, find_all)
    return {**arguments, "clients": found.clients}, found.warnings
