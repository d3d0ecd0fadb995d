# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options with which every module is told what to expect: a role of the spec, or plain listeners.

The action plugins resolve the role on the controller, so that a module only ever looks at `listeners`; the other
options reach it for its result, or not at all.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem, parse_listeners

# Exactly one of them.
SOURCES = ("role", "listeners")


def spec_arguments() -> Dict[str, Dict[str, Any]]:
    """The argument spec of the documentation fragment `netports.core.spec`."""
    return {
        "role": {"type": "str"},
        "version": {"type": "str"},
        "conditions": {"type": "dict"},
        "ports": {"type": "dict"},
        "product_config": {"type": "dict"},
        "spec_dirs": {"type": "list", "elements": "path"},
        "listeners": {"type": "list", "elements": "dict"},
    }


def client_arguments() -> Dict[str, Dict[str, Any]]:
    """The argument spec of who may connect, for the modules that deal with firewalls.

    The action plugins turn `restrict` and names into `clients` with addresses.
    """
    return {
        "clients": {"type": "dict"},
        "restrict": {"type": "str", "choices": ["none", "inventory"], "default": "none"},
    }


def expected(params: Mapping[str, Any]) -> List[Listener]:
    """The listeners of a module's parameters. Raises Problem, which names the option."""
    if params["listeners"] is None:
        raise Problem("role", "is resolved on the controller; call the module by its name, so that its action plugin runs")
    return parse_listeners(params["listeners"])


def resolved(params: Mapping[str, Any]) -> Dict[str, Any]:
    """What the role was resolved as, for the module's result."""
    return {key: params[key] for key in ("role", "version", "conditions") if params.get("role") is not None}
