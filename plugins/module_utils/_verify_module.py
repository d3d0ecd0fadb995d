# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What port_verify does on a host: the module without its documentation.

What reads firewalls is handed in, because AnsiballZ ships whatever a module imports anywhere, and building and compiling
that costs more than the rest of a verification.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Mapping, Optional, Sequence

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netports.core.plugins.module_utils import _spec_options, _verify
from ansible_collections.netports.core.plugins.module_utils._light import end_quickly
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem
from ansible_collections.netports.core.plugins.module_utils._sockets import gather
from ansible_collections.netports.core.plugins.module_utils._sockets.namespace import path_of

# `_firewall.admitted.admissions`
Admissions = Callable[..., Dict[str, Any]]


def run(admissions: Optional[Admissions] = None) -> None:
    """Verify and exit, as a module."""
    end_quickly()
    arguments = dict(_spec_options.spec_arguments(), **_verify.verify_arguments())
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    try:
        result = _verified(module.params, module._diff, admissions)
    except (Problem, gather.GatherError) as error:
        module.fail_json(msg=str(error))
    if result["failed"]:
        module.fail_json(**result)
    module.exit_json(**result)


def _verified(params: Mapping[str, Any], diff: bool, admissions: Optional[Admissions]) -> Dict[str, Any]:
    options = _verify.parse_options(params, diff)
    listeners = _spec_options.expected(params)
    if params["gather"] == "raw" or params["capture"] is not None:
        raise Problem("gather", "raw evidence is judged by the action plugin; call the module by its name, so that it runs")
    namespace: Optional[str] = params["network_namespace"]
    result = _verify.verify(
        lambda: gather.gather(params["gather"], namespace),
        lambda table, wanted: gather.find_owners(table, wanted, namespace),
        listeners,
        options,
        time,
        _admitted(listeners, namespace, params["clients"], admissions) if params["check_firewall"] else None,
    )
    result.update(_spec_options.resolved(params))
    return result


def _admitted(
    listeners: Sequence[Listener], namespace: Optional[str], clients: Any, admissions: Optional[Admissions]
) -> Dict[str, Any]:
    if admissions is None:
        raise Problem("check_firewall", "needs the action plugin; call the module by its name, so that it runs")
    enter = () if namespace is None else ("nsenter", "--net=" + path_of(namespace))
    return admissions(listeners, enter=enter, clients=clients)
