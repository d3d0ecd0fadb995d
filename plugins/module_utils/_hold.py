# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The body of port_listen: what is held already, what can be held, and the process that does it."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils import (
    _background,
    _hold_control,
    _hold_fit,
    _hold_process,
    _hold_sockets,
    _spec_options,
    _token,
    _verdict,
)
from ansible_collections.netports.core.plugins.module_utils._hold_control import State
from ansible_collections.netports.core.plugins.module_utils._hold_sockets import Bound, Endpoint, UnheldError
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem
from ansible_collections.netports.core.plugins.module_utils._sockets import gather
from ansible_collections.netports.core.plugins.module_utils._verdict import Finding

LONGEST = 3600


def listen_arguments() -> Dict[str, Dict[str, Any]]:
    """The argument spec of port_listen's own options."""
    return {
        "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
        "seconds": {"type": "int", "default": 300},
        # Whoever asks the port learns it.
        "token": {"type": "str", "no_log": False},
    }


def listen(params: Mapping[str, Any], check_mode: bool) -> Dict[str, Any]:
    """The result of the module. Raises Problem, GatherError or RunError, and holds nothing new then."""
    token = params["token"]
    if token is not None and not _token.is_token(token):
        raise Problem("token", "%r is not a token: %s" % (token, _token.SHAPE))
    if not 1 <= params["seconds"] <= LONGEST:
        raise Problem("seconds", "%d is not a time to hold ports for: 1 to %d" % (params["seconds"], LONGEST))
    if params["state"] == "stopped":
        return _stop(token, check_mode)
    listeners = _spec_options.expected(params)
    run = _Run(token or os.urandom(8).hex(), params["seconds"], check_mode)
    return {**run.start(listeners), **_spec_options.resolved(params)}


def _stop(token: Optional[str], check_mode: bool) -> Dict[str, Any]:
    ours = {name: state for name, state in _hold_control.states().items() if token in (None, state.token)}
    for name in ours if not check_mode else ():
        _hold_control.tell(name, _hold_control.STOP)
    message = "%s: %d" % ("processes that would end" if check_mode else "processes that were ended", len(ours))
    return {"changed": bool(ours), "msg": message, "held": [], "not_held": [], "token": token, "until": None, "pid": None}


class _Held(NamedTuple):
    listener: Listener
    endpoints: Sequence[Endpoint]

    def as_dict(self) -> Dict[str, Any]:
        family, addresses = _hold_sockets.described(self.endpoints)
        first = self.endpoints[0]
        return {
            "listener": self.listener.name,
            "protocol": first.protocol,
            "port": first.port,
            "family": family,
            "addresses": addresses,
            "device": first.device,
        }


class _Run:
    """One run with `state: started`."""

    def __init__(self, token: str, seconds: int, check_mode: bool) -> None:
        self._token = token
        self._seconds = seconds
        self._check_mode = check_mode
        self._held: Dict[str, _Held] = {}
        self._not_held: Dict[str, str] = {}
        self._doubtful: Dict[str, str] = {}
        self._warnings: List[str] = []

    def start(self, listeners: Sequence[Listener]) -> Dict[str, Any]:
        fit = self._without(listeners, _hold_fit.unfit)
        states = self._extended()
        earlier = [endpoint for state in states for endpoint in state.held]
        ours = [one for one in fit if any(_hold_sockets.covered(endpoint, earlier) for endpoint in _hold_sockets.endpoints(one))]
        others = [one for one in fit if one not in ours]
        bound: Bound = {}
        # A wildcard serves the addresses beside it too.
        for listener in sorted([*ours, *self._free(others)], key=lambda one: one.bind != "any"):
            self._bind(listener, bound, earlier)
        new = self._begin(bound) if bound and not self._check_mode else None
        left = [state.seconds for state in states] + ([float(self._seconds)] if bound else [])
        pid = new or (states[-1].pid if states else None)
        return self._result(listeners, changed=bool(bound), left=min(left) if left else None, pid=pid)

    def _without(self, listeners: Sequence[Listener], why: Callable[[Listener], str]) -> List[Listener]:
        """Those that nothing speaks against; the others are not held."""
        reasons = {listener.name: why(listener) for listener in listeners}
        self._not_held.update({name: reason for name, reason in reasons.items() if reason})
        return [listener for listener in listeners if not reasons[listener.name]]

    def _free(self, listeners: Sequence[Listener]) -> List[Listener]:
        """Those whose ports nothing holds. Of sockets that may be in the way the kernel knows, but for a bind alone."""
        findings = _seen(listeners)
        doubtful = {name: one.reason for name, one in findings.items() if one.sockets and one.verdict == _verdict.UNVERIFIABLE}
        taken = {name: one.reason for name, one in findings.items() if one.sockets and name not in doubtful}
        if self._check_mode:
            taken.update(doubtful)
        self._doubtful = doubtful
        return self._without(listeners, lambda listener: taken.get(listener.name, ""))

    def _extended(self) -> List[State]:
        """What earlier runs hold with the token, for at least as long as this run wants it."""
        found = [(name, state) for name, state in _hold_control.states().items() if state.token == self._token]
        if self._check_mode:
            return [state._replace(seconds=max(state.seconds, self._seconds)) for _name, state in found]
        told = [_hold_control.tell(name, _hold_control.EXTEND, seconds=self._seconds) for name, _state in found]
        return [state for state in told if state is not None]

    def _bind(self, listener: Listener, bound: Bound, earlier: Sequence[Endpoint]) -> None:
        try:
            endpoints = _hold_sockets.bind(_hold_sockets.endpoints(listener), bound, earlier, self._check_mode)
        except UnheldError as error:
            self._not_held[listener.name] = self._doubtful.get(listener.name, str(error))
        else:
            self._held[listener.name] = _Held(listener, endpoints)

    def _begin(self, bound: Bound) -> int:
        name, control = _hold_control.listening()
        holder = _hold_process.Holder(self._token, bound, control, _hold_process.now() + self._seconds)
        # Who is not root cannot ask systemd for a scope that outlives all of his sessions.
        if os.geteuid() == 0:
            return _background.start(name + ".scope", holder.prepare, holder.run)
        if _background.in_session():
            self._warnings.append("without root the host may free the ports when this user's session ends")
        return _background.start(None, holder.prepare, holder.run)

    def _result(self, listeners: Sequence[Listener], changed: bool, left: Optional[float], pid: Optional[int]) -> Dict[str, Any]:
        until = None if left is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + left))
        verb = "would be held" if self._check_mode else "held"
        message = "%d of %d listeners %s%s" % (len(self._held), len(listeners), verb, " until %s" % until if until else "")
        return {
            "changed": changed,
            "msg": message,
            "held": [self._held[one.name].as_dict() for one in listeners if one.name in self._held],
            # Not `skipped`: by that key Ansible would take the whole task for a skipped one.
            "not_held": [_not_held(one, self._not_held[one.name]) for one in listeners if one.name in self._not_held],
            "token": self._token,
            "until": until,
            "pid": pid,
            "warnings": self._warnings,
        }


def _not_held(listener: Listener, reason: str) -> Dict[str, Any]:
    return {"listener": listener.name, "protocol": listener.protocol, "port": listener.port_text, "reason": reason}


def _seen(listeners: Sequence[Listener]) -> Dict[str, Finding]:
    """What the sockets of the host say of each listener's port; those that hold it, or may, are in the finding."""
    if not listeners:
        return {}
    table = gather.gather()
    wanted = _verdict.owners_wanted(listeners, table, state=_verdict.FREE)
    table = gather.find_owners(table, wanted)
    return {finding.listener.name: finding for finding in _verdict.judge(listeners, table, state=_verdict.FREE).findings}
