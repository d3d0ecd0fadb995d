# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options `clients` and `restrict` of a task, with addresses in the place of names and groups.

A module of its own, imported when it is needed: Ansible compiles what it imports from a collection anew in each process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible_collections.netports.core.plugins.module_utils import _spec_options
from ansible_collections.netports.core.plugins.module_utils._listener import parse_listeners
from ansible_collections.netports.core.plugins.plugin_utils import _inventory, _topology
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import Spec

ARGUMENTS = _spec_options.client_arguments()


def resolved(
    options: Mapping[str, Any], listeners: Any, task_vars: Mapping[str, Any], task: str, spec: Callable[[], Spec]
) -> tuple[_topology.Clients, tuple[str, ...]]:
    """The clients of the listeners by their addresses, and warnings. Raises Problem.

    `options` are those of ARGUMENTS, `task` tells this task from others of the run.
    """
    clients = _topology.named(options["clients"] or {}, _inventory.resolve)
    if options["restrict"] == "none":
        return clients, ()

    def find_all(names: Collection[str]) -> dict[str, _topology.Found]:
        moment = "%s %s" % (task, " ".join(task_vars.get("ansible_play_batch", ())))
        return _inventory.find_all(names, task_vars["hostvars"], moment)

    found = _topology.restrict(parse_listeners(listeners), clients, task_vars["groups"], spec().including, find_all)
    return found.clients, found.warnings
