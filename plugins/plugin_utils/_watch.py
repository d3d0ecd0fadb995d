# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of listeners between looks at a host, each told once and only when it has lasted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.module_utils._listener import KERNEL_PROCESS
from ansible_collections.netports.core.plugins.module_utils._socket_table import FOUND, KERNEL, Socket
from ansible_collections.netports.core.plugins.module_utils._verdict import Finding

APPEARED = "appeared"
VANISHED = "vanished"
CHANGED_HANDS = "changed_hands"
VERDICT_CHANGED = "verdict_changed"
# Changes that did not last, again and again: what restarts once is no event, what cannot stay up is.
FLAPPING = "flapping"
_RETURNS = 3
_WINDOW = 10  # times `debounce`
# The first look, where it is to be told.
PRESENT = "present"
ABSENT = "absent"

Event = dict[str, Any]


class State(NamedTuple):
    """What counts about a listener. `owners` are names of processes, None where they could not be seen."""

    present: bool
    verdict: str
    owners: frozenset[str] | None

    def as_dict(self) -> dict[str, Any]:
        return {"present": self.present, "verdict": self.verdict, "owners": sorted(self.owners or ())}


class _Pending(NamedTuple):
    """A change that has not lasted long enough yet."""

    change: str
    verdict: str
    since: float


def state_of(finding: Finding) -> State:
    seen = all(sock.owner_state in (FOUND, KERNEL) for sock in finding.sockets)
    owners = frozenset(name for sock in finding.sockets for name in _names(sock))
    return State(finding.verdict != _verdict.ABSENT and bool(finding.sockets), finding.verdict, owners if seen else None)


def _names(sock: Socket) -> tuple[str, ...]:
    return (KERNEL_PROCESS,) if sock.owner_state == KERNEL else tuple(owner.name for owner in sock.owners)


def change(before: State, after: State) -> str | None:
    """The most telling difference. Hands have changed when none of those that held it is known to hold it now."""
    if before.present != after.present:
        return APPEARED if after.present else VANISHED
    if before.present and before.owners is not None and after.owners is not None and before.owners.isdisjoint(after.owners):
        return CHANGED_HANDS
    return VERDICT_CHANGED if before.verdict != after.verdict else None


class Watch:
    """What was told of each listener last, and what is waiting to be told.

    `about` goes into every event. `debounce` are the seconds for which a change must last; `initial`: the first look is told.
    """

    def __init__(self, about: Event, debounce: float, initial: bool) -> None:
        self._about = about
        self._debounce = debounce
        self._initial = initial
        self._told: dict[str, State] = {}
        self._pending: dict[str, _Pending] = {}
        self._returned: dict[str, list[float]] = {}
        self._blind = False

    def seen(self, findings: Sequence[Finding], now: float) -> list[Event]:
        """The events of a look at the host."""
        events = [self._evidence("back", "")] if self._blind else []
        self._blind = False
        for finding in findings:
            event = self._of_listener(finding, now)
            if event is not None:
                events.append(event)
        return events

    def blind(self, reason: str) -> list[Event]:
        """The events of a look that failed: that it did, once. It says nothing of any listener."""
        events = [] if self._blind else [self._evidence("lost", reason)]
        self._blind = True
        # What was waiting has to last while it can be seen.
        self._pending.clear()
        return events

    def _of_listener(self, finding: Finding, now: float) -> Event | None:
        name, after = finding.listener.name, state_of(finding)
        before = self._told.get(name)
        if before is None:
            self._told[name] = after
            return self._change(PRESENT if after.present else ABSENT, finding, after, None) if self._initial else None
        what = change(before, after)
        if what is None:
            self._told[name] = after if after.owners is not None else after._replace(owners=before.owners)
            flaps = self._pending.pop(name, None) is not None and self._flaps(name, now)
            return self._change(FLAPPING, finding, after, before) if flaps else None
        pending = self._pending.get(name)
        if pending is None or (pending.change, pending.verdict) != (what, after.verdict):
            pending = self._pending[name] = _Pending(what, after.verdict, now)
        if now - pending.since < self._debounce:
            return None
        del self._pending[name]
        self._told[name] = after
        return self._change(what, finding, after, before)

    def _flaps(self, name: str, now: float) -> bool:
        """Whether the listener came back to what it was too often lately; told, it is counted anew."""
        lately = [at for at in self._returned.get(name, ()) if now - at <= _WINDOW * self._debounce] + [now]
        self._returned[name] = [] if len(lately) >= _RETURNS else lately
        return len(lately) >= _RETURNS

    def _evidence(self, state: str, reason: str) -> Event:
        return {"port_evidence": {**self._about, "state": state, "reason": reason}}

    def _change(self, what: str, finding: Finding, after: State, before: State | None) -> Event:
        listener = finding.listener
        ports = listener.ports
        return {
            "port_change": {
                **self._about,
                "change": what,
                "listener": listener.name,
                "protocol": listener.protocol,
                "port": ports[0] if ports and ports[0] == ports[1] else listener.port_text,
                **after.as_dict(),
                "reason": finding.reason,
                "failed": finding.failed,
                "previous": before.as_dict() if before else None,
                "observed": [sock.as_dict() for sock in finding.sockets],
            }
        }
