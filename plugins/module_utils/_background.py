# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process that stays on the host when the module has ended: no open files of the module's, no part of its session."""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import signal
import time
from typing import Callable, NoReturn, Optional, Sequence

from ansible_collections.netports.core.plugins import module_utils
from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._run import Effects, RunError

_SCOPE_SECONDS = 5
_READY = b"ready "


def start(scope: Optional[str], prepare: Callable[[], Sequence[int]], work: Callable[[], None]) -> int:
    """Run `work` in a process of its own; its ID, once `prepare` is done there and has said which descriptors to keep.

    `scope` names the systemd scope that it moves to, `None` leaves it in the session. Raises RunError when it cannot start.
    """
    _import_all()
    answer_read, answer_write = os.pipe()
    child = os.fork()
    if child == 0:
        _detach(lambda: _begin(scope, prepare, work, answer_write))
    os.close(answer_write)
    os.waitpid(child, 0)
    with os.fdopen(answer_read, "rb") as answer:
        said = answer.read()
    if not said.startswith(_READY):
        raise RunError(said.decode("utf-8", "replace") or "it ended at once")
    return int(said[len(_READY) :])


def in_session() -> bool:
    """Whether this process belongs to somebody's login, and may be ended with it."""
    return "/user.slice/" in (_run.read_text("/proc/self/cgroup") or "")


def _import_all() -> None:
    """The archive that the code comes in is deleted with the module, and the process may need any more of it only then."""
    for module in pkgutil.walk_packages(module_utils.__path__, module_utils.__name__ + "."):
        importlib.import_module(module.name)


def _detach(work: Callable[[], None]) -> NoReturn:
    """Run `work` in a process of its own session, and end the calling one. Both end without any of Python's cleaning up."""
    status = 1
    try:
        os.setsid()
        if os.fork() == 0:
            work()
        status = 0
    finally:
        os._exit(status)


def _begin(scope: Optional[str], prepare: Callable[[], Sequence[int]], work: Callable[[], None], answer: int) -> None:
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.umask(0o077)
        os.chdir("/")
        if scope is not None:
            _leave_session(scope)
        _close_all_but(answer, *prepare())
    except Exception as error:
        os.write(answer, str(error).encode("utf-8", "replace"))
        return
    os.write(answer, b"%s%d" % (_READY, os.getpid()))
    os.close(answer)
    work()


def _close_all_but(*kept: int) -> None:
    """Whoever waits for the module's output waits for its end; and a lock is held as long as anyone has its file open."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _leave_session(scope: str) -> None:
    """Where the host ends what is left of a session or service when that ends, this process must not be part of it."""
    if not os.path.isdir("/run/systemd/system"):
        return
    busctl = _run.find_program("busctl")
    said = "busctl is not installed"
    if busctl:
        call = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StartTransientUnit"
        unit = ["ssa(sv)a(sa(sv))", scope, "fail", "1", "PIDs", "au", "1", str(os.getpid()), "0"]
        answer = Effects().change([busctl, "call", *call.split(), *unit])
        said = answer.stderr.strip()
        if answer.rc == 0 and _comes_to(scope):
            return
    if in_session():
        raise RunError("systemd made no scope for it: %s" % said)


def _comes_to(scope: str) -> bool:
    """systemd answers before it has done it."""
    deadline = time.monotonic() + _SCOPE_SECONDS
    while time.monotonic() < deadline:
        if scope in (_run.read_text("/proc/self/cgroup") or ""):
            return True
        time.sleep(0.01)
    return False
