# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Confirms over a new connection a change that the host takes back otherwise."""

from __future__ import annotations

import os
import shlex
import time
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase

_VARIABLE = "SSH_CONNECTION"
_PAUSE = 0.5
# What the host needs to take a change back once time is over.
_GRACE = 3
_CONFIRMED = "netports: confirmed"
# Of the two that want the file, this and the watchdog, one gets it. The watchdog's side is told in _rollback.py.
_SCRIPT = """\
cd %(directory)s || exit 1
if rm pending.%(token)s 2>/dev/null; then echo %(confirmed)s; else cat undone.%(token)s && rm -f undone.%(token)s; fi"""


# These start the module as a descendant of the shell that sshd started; others let a service start it.
_DIRECT = ("sudo", "su", "doas")


class _Refused(Exception):
    """There is an answer, and it is no confirmation."""


def remember_connection(action: ActionBase) -> None:
    """Let the module know the connection by which it comes where it could not find it out.

    It looks at its own environment and its parents'. A task with `async` has lost its parents, and so has one that systemd
    starts, as machinectl and run0 have it do.
    """
    become = action._connection.become
    if action._task.async_val or (become is not None and (become.name or "").rpartition(".")[2] not in _DIRECT):
        value = _said(action._low_level_execute_command('echo "$%s"' % _VARIABLE, sudoable=False))
        if value:
            action._task.environment = [*(action._task.environment or ()), {_VARIABLE: value}]


def confirm(action: ActionBase, result: dict[str, Any]) -> dict[str, Any]:
    """The module's result once its change is confirmed, or failed with a sentence about what becomes of the change."""
    rollback = result.get("rollback") or {}
    token, before, directory = rollback.pop("token", None), rollback.pop("connection", ""), rollback.pop("directory", "")
    if token is None:
        return result
    deadline = time.monotonic() + rollback["seconds"]
    until = time.strftime("%H:%M:%S", time.localtime(time.time() + rollback["seconds"]))
    try:
        problem = _persevere(action, {"directory": directory, "token": token}, before, deadline)
    except _Refused as refused:
        return {**result, "failed": True, "msg": str(refused)}
    if problem is None:
        return {**result, "rollback": {**rollback, "confirmed": True}}
    sentence = (
        "the change was not confirmed over a new connection within %d s, and the host takes it back by itself at about %s "
        "(controller's time): %s"
    )
    return {**result, "failed": True, "msg": sentence % (rollback["seconds"], until, problem)}


def _persevere(action: ActionBase, change: dict[str, str], before: str, deadline: float) -> str | None:
    """Why there is no confirmation; None when there is. Raises _Refused with what the host says.

    One more attempt comes after the deadline, for what the host has to say then.
    """
    # What Ansible would tidy up at the task's end, over a connection that may not be there then.
    action.cleanup()
    last = False
    while True:
        try:
            _renew(action._connection)
            _require_new(action, before)
            return _claim(action, change)
        except AnsibleError as error:
            problem = " ".join(str(error).split())
        if last:
            return problem
        last = time.monotonic() > deadline
        time.sleep(_GRACE if last else _PAUSE)


def _renew(connection: ConnectionBase) -> None:
    """Close the connection for good: `reset` ends what ControlPersist keeps as well."""
    if type(connection).reset is not ConnectionBase.reset:
        connection.reset()
    else:
        connection.close()


def _require_new(action: ActionBase, before: str) -> None:
    """sshd names the ports of a connection, so that one that is not new gives itself away."""
    if not before:
        return
    now = _said(action._low_level_execute_command('echo "$%s"' % _VARIABLE, sudoable=False))
    # A process on the controller has the variable of the operator's login there.
    if now == before and now != os.environ.get(_VARIABLE):
        raise _Refused(
            "the change cannot be confirmed, and the host will take it back: the connection plugin %s goes on using the "
            "connection that was there before. Run the task without rollback_after, or with the plugin ssh"
            % action._connection.transport
        )


def _claim(action: ActionBase, change: dict[str, str]) -> str | None:
    words = {name: shlex.quote(word) for name, word in {**change, "confirmed": _CONFIRMED}.items()}
    answer = action._low_level_execute_command(_SCRIPT % words)
    said = _said(answer)
    if said.endswith(_CONFIRMED):
        return None
    if answer["rc"] == 0 and said:
        raise _Refused(said)
    return "the host says: %s" % (said or answer.get("stderr", "").strip())


def _said(answer: dict[str, Any]) -> str:
    return str(answer["stdout"]).strip()
