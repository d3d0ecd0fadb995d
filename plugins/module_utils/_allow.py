# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What port_allow does, whatever the firewall: options, lock, guard against locking out, result."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _spec_options
from ansible_collections.netports.core.plugins.module_utils._firewall import connection, model, registry
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend, Plan, Request, StaleError
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem
from ansible_collections.netports.core.plugins.module_utils._run import LOCK_TIMEOUT, Effects

LOCK = "/run/netports-firewall.lock"
# What changes that wait to be confirmed leave; _rollback is imported only where there are any.
ROLLBACKS = "/run/netports"
SHORTEST_ROLLBACK = 5
CUSTOM_LABEL = "custom"
_TRIES = 5


def allow_arguments() -> Dict[str, Dict[str, Any]]:
    """The argument spec of port_allow's own options."""
    return {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "backend": {"type": "str", "choices": [registry.AUTO, *sorted(registry.BACKENDS)], "default": registry.AUTO},
        "label": {"type": "str"},
        **_spec_options.client_arguments(),
        "exclusive": {"type": "bool", "default": False},
        "persist": {"type": "bool", "default": True},
        "rollback_after": {"type": "int"},
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
    seconds = _rollback_seconds(params["rollback_after"])
    effects = Effects(check_mode)
    with _alone(effects) as earlier:
        safety = _Safety(request, None if check_mode else seconds)
        backend, plan = _carry_out(lambda: registry.choose(params["backend"], effects), request, safety.around)
    result = {
        "changed": plan.changed,
        "state": params["state"],
        "backend": backend.name,
        "enforcing": plan.enforcing,
        "rules": list(plan.rules),
        "persisted": plan.persisted,
        "notes": [*(intent.notes if present else ()), *plan.notes, *registry.notes(backend, request.rules)],
        "warnings": [*earlier, *(intent.warnings if present else ()), *plan.warnings, *safety.warnings],
        "diff": {"before": plan.before, "after": plan.after},
    }
    if plan.commands:
        result["commands"] = list(plan.commands)
    if seconds is not None:
        result["rollback"] = {"armed": safety.token is not None, "confirmed": False, "seconds": seconds, **safety.to_confirm()}
    return result


def _rollback_seconds(value: Optional[int]) -> Optional[int]:
    if value is not None and value < SHORTEST_ROLLBACK:
        raise Problem(
            "rollback_after", "%d s are too few to come back by a new connection; give %d or more" % (value, SHORTEST_ROLLBACK)
        )
    return value


@contextlib.contextmanager
def _alone(effects: Effects) -> Iterator[List[str]]:
    """Under the lock, when no change of another run waits to be confirmed; gives what is to be told of earlier ones."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        with effects.lock(LOCK):
            waiting, warnings = _earlier_changes(effects.check_mode)
            if waiting is None or effects.check_mode:
                yield warnings
                return
        if time.monotonic() > deadline:
            raise model.FirewallError(
                "a change of this host's firewall for %s waits to be confirmed, or to be taken back; nothing was changed. "
                "Run this task again when that is decided" % waiting
            )
        time.sleep(0.1)


def _earlier_changes(check_mode: bool) -> Tuple[Optional[str], List[str]]:
    if not os.path.isdir(ROLLBACKS):
        return None, []
    from ansible_collections.netports.core.plugins.module_utils import _rollback

    waiting, warnings = _rollback.settle(ROLLBACKS, check_mode)
    if waiting is not None and check_mode:
        warnings.append("a change of this host's firewall for %s waits to be confirmed, and is counted as made" % waiting)
    return waiting, warnings


def _carry_out(
    choose: Callable[[], Backend], request: Request, around: Callable[[Backend, Plan], ContextManager[Any]]
) -> Tuple[Backend, Plan]:
    """Plan and apply; `around` guards what changes something."""
    for _attempt in range(_TRIES):
        backend = choose()
        plan = backend.plan(request)
        if not plan.changed:
            return backend, plan
        try:
            with around(backend, plan):
                backend.apply(plan)
            return backend, plan
        except StaleError:
            pass
    raise model.FirewallError("another program keeps changing the firewall; nothing was changed")


class _Safety:
    """What stands around a change: it must not shut out the connection by which it came, and may have to be confirmed."""

    def __init__(self, request: Request, seconds: Optional[int]) -> None:
        self._request = request
        self._seconds = seconds
        self._session = ""
        self.token: Optional[str] = None
        self.warnings: List[str] = []

    @contextlib.contextmanager
    def around(self, backend: Backend, plan: Plan) -> Iterator[None]:
        self._session = connection.session()
        _refuse_to_cut(backend, plan, connection.parse(self._session))
        if self._seconds is None:
            yield
            return
        from ansible_collections.netports.core.plugins.module_utils import _rollback

        reversal = _Reversal(backend.name, plan.previous, self._request.persist)
        self.warnings = reversal.warnings()
        terms = _rollback.Terms(self._request.label, self._seconds, LOCK, ROLLBACKS)
        with _rollback.armed(terms, reversal.carry_out, StaleError) as token:
            yield
        self.token = token

    def to_confirm(self) -> Dict[str, Any]:
        """What the controller needs to confirm: where the token is, and the connection that will not do for it."""
        return {"token": self.token, "directory": ROLLBACKS, "connection": self._session} if self.token else {}


class _Reversal(NamedTuple):
    """Brings back the rules that labels had."""

    backend: str
    previous: Tuple[Tuple[str, Tuple[model.Rule, ...]], ...]
    persist: bool

    def _request(self, label: str, rules: Tuple[model.Rule, ...]) -> Request:
        return Request(label, rules, exclusive=False, persist=self.persist)

    def _backend(self) -> Backend:
        return registry.BACKENDS[self.backend](Effects())

    def warnings(self) -> List[str]:
        """To be asked before the change."""
        uneven = [label for label, rules in self.previous if self._backend().plan(self._request(label, rules)).changed]
        if not uneven:
            return []
        said = "the next boot would not have brought the rules that %s had before; taken back, the change leaves them for both"
        return [said % ", ".join(uneven)]

    def carry_out(self) -> bool:
        """Whether there was anything to bring back. Raises FirewallError or RunError."""
        done = False
        # The label of the request comes first, and what it may have taken from others is opened before it is shut again.
        for label, rules in reversed(self.previous):
            _backend, plan = _carry_out(self._backend, self._request(label, rules), lambda *_: contextlib.nullcontext())
            done = done or plan.changed
        return done


def _refuse_to_cut(backend: Backend, plan: Plan, current: Optional[model.Connection]) -> None:
    refusing = backend.cuts(plan, current) if current else None
    if refusing:
        raise model.FirewallError(
            "refused, nothing was changed: it would shut out %s, by which this task came: %s would drop it" % (current, refusing)
        )
