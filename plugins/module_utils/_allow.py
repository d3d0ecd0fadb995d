# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What port_allow does, whatever the firewall: options, lock, guard against locking out, result."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils._firewall import connection, model, registry
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend, Plan, Request, StaleError
from ansible_collections.netports.core.plugins.module_utils._listener import Listener
from ansible_collections.netports.core.plugins.module_utils._run import Effects

LOCK = "/run/netports-firewall.lock"
CUSTOM_LABEL = "custom"
_TRIES = 5


def allow_arguments() -> Dict[str, Dict[str, Any]]:
    """The argument spec of port_allow's own options."""
    return {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "backend": {"type": "str", "choices": [registry.AUTO, *sorted(registry.BACKENDS)], "default": registry.AUTO},
        "label": {"type": "str"},
        "clients": {"type": "dict"},
        # The action plugin has turned it into `clients` by the time the module runs.
        "restrict": {"type": "str", "choices": ["none", "inventory"], "default": "none"},
        "exclusive": {"type": "bool", "default": False},
        "persist": {"type": "bool", "default": True},
    }


def allow(params: Mapping[str, Any], listeners: Sequence[Listener], check_mode: bool) -> Dict[str, Any]:
    """Make the firewall agree with the options. Raises Problem, FirewallError or RunError, and has then changed nothing."""
    intent = model.intent(params["label"] or params["role"] or CUSTOM_LABEL, listeners, params["clients"])
    present = params["state"] == "present"
    request = Request(
        label=params["label"] or params["role"] or CUSTOM_LABEL,
        rules=intent.rules if present else (),
        exclusive=params["exclusive"],
        persist=params["persist"],
    )
    effects = Effects(check_mode)
    with effects.lock(LOCK):
        backend, plan = _carry_out(params["backend"], request, effects)
    return {
        "changed": plan.changed,
        "backend": backend.name,
        "enforcing": plan.enforcing,
        "rules": list(plan.rules),
        "persisted": plan.persisted,
        "notes": [*(intent.notes if present else ()), *plan.notes, *registry.notes(backend, request.rules)],
        "warnings": [*(intent.warnings if present else ()), *plan.warnings],
        "diff": {"before": plan.before, "after": plan.after},
    }


def _carry_out(name: str, request: Request, effects: Effects) -> Any:
    for attempt in range(_TRIES):
        backend = registry.choose(name, effects)
        plan = backend.plan(request)
        if not plan.changed:
            break
        _refuse_to_cut(backend, plan, connection.current())
        try:
            backend.apply(plan)
            break
        except StaleError:
            if attempt + 1 == _TRIES:
                raise model.FirewallError("another program keeps changing the firewall; nothing was changed") from None
    return backend, plan


def _refuse_to_cut(backend: Backend, plan: Plan, current: Optional[model.Connection]) -> None:
    refusing = backend.cuts(plan, current) if current else None
    if refusing:
        raise model.FirewallError(
            "refused, nothing was changed: it would shut out %s, by which this task came: %s would drop it" % (current, refusing)
        )
