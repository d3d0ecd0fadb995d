# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change that this host takes back by itself unless it is confirmed: the watchdog, and the files that speak of it.

Under one directory, for root alone, each with the token of its run behind the name:

    pending   a change waits to be confirmed. Who removes the file confirms it; the watchdog holds a lock on it
    undoing   time is over, and the watchdog takes the change back. It is the same file, renamed: of the one who removes
              and the one who renames, exactly one succeeds
    undone    a sentence for people about a change that was taken back, or could not be; the next run says it

All of it is gone after a boot, and so is the watchdog.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib
import os
import pkgutil
import select
import signal
import syslog
import time
from typing import Any, Callable, Iterator, List, NamedTuple, NoReturn, Optional, Type

from ansible_collections.netports.core.plugins import module_utils
from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError
from ansible_collections.netports.core.plugins.module_utils._run import Effects, RunError

_POLL = 0.1
_UNDO_TRIES = 5
_UNDO_PAUSE = 3
_SCOPE_SECONDS = 5
# What the module tells its watchdog; its end without a word means that it was killed.
_APPLIED, _REFUSED, _FAILED = b"a", b"r", b"f"
_READY = b"ready"


class Settled(NamedTuple):
    """What the files say: the label whose change waits to be confirmed, and sentences about changes before it."""

    waiting: Optional[str]
    warnings: List[str]


def settle(directory: str, check_mode: bool) -> Settled:
    """Look at what earlier runs left. What is told is removed, but not in check mode. To be called under the lock."""
    while True:
        with contextlib.suppress(FileNotFoundError):  # confirmed, or renamed, while we look
            return _settle(directory, check_mode)


def _settle(directory: str, check_mode: bool) -> Settled:
    waiting: Optional[str] = None
    warnings: List[str] = []
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read().strip()
            alive = _is_locked(file.fileno())
        if alive:
            waiting = text
            continue
        undone = name.startswith("undone.")
        warnings.append(text if undone else "what was to take the change for %s back has ended; it was never confirmed" % text)
        if not check_mode:
            os.unlink(path)
    return Settled(waiting, warnings)


def _is_locked(descriptor: int) -> bool:
    """Is the watchdog of the file alive? The kernel gives its lock up when it ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise
        return True
    return False


class Terms(NamedTuple):
    """Whose change it is, how long it waits to be confirmed, and the lock and the directory for that."""

    label: str
    seconds: int
    lock: str
    directory: str


@contextlib.contextmanager
def armed(terms: Terms, undo: Callable[[], bool], harmless: Type[Exception]) -> Iterator[str]:
    """Around the change: from its end on, it has to be confirmed in time, or `undo` is called under the lock.

    Gives the token. `undo` says whether there was anything to take back. After an exception it is called at once, after
    one of the kind `harmless` not at all. Raises FirewallError when there can be no watchdog.
    """
    token = os.urandom(8).hex()
    orders = _start(terms, token, undo)
    word = _FAILED
    try:
        yield token
        word = _APPLIED
    except harmless:
        word = _REFUSED
        raise
    finally:
        with contextlib.suppress(BrokenPipeError):
            os.write(orders, word)
        os.close(orders)


def _start(terms: Terms, token: str, undo: Callable[[], bool]) -> int:
    """Start the watchdog; the end of the pipe by which it is told how the change went."""
    _import_all()
    orders_read, orders_write = os.pipe()
    answer_read, answer_write = os.pipe()
    child = os.fork()
    if child == 0:
        _in_the_background(lambda: _Watch(terms, token, undo).run(orders_read, answer_write))
    os.close(orders_read)
    os.close(answer_write)
    os.waitpid(child, 0)
    with os.fdopen(answer_read, "rb") as answer:
        said = answer.read()
    if said != _READY:
        os.close(orders_write)
        raise FirewallError(
            "nothing was changed: no process can wait on this host to take the change back (%s)"
            % (said.decode("utf-8", "replace") or "it ended at once")
        )
    return orders_write


def _import_all() -> None:
    """The archive that the code comes in is deleted with the module, and the watchdog may need any more of it only then."""
    for module in pkgutil.walk_packages(module_utils.__path__, module_utils.__name__ + "."):
        importlib.import_module(module.name)


def _in_the_background(work: Callable[[], None]) -> NoReturn:
    """Run `work` in a process of its own session, and end the calling one. Both end without any of Python's cleaning up."""
    status = 1
    try:
        os.setsid()
        if os.fork() == 0:
            work()
        status = 0
    finally:
        os._exit(status)


class _Watch:
    """The watchdog's own side."""

    def __init__(self, terms: Terms, token: str, undo: Callable[[], bool]) -> None:
        self._terms = terms
        self._token = token
        self._undo = undo
        self._hurry = False

    def _path(self, kind: str) -> str:
        return os.path.join(self._terms.directory, "%s.%s" % (kind, self._token))

    def run(self, orders: int, answer: int) -> None:
        try:
            # A host that shuts down, and whoever ends the watchdog, gets the change taken back first.
            signal.signal(signal.SIGTERM, self._on_sigterm)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.umask(0o077)
            os.chdir("/")
            _leave_session(self._token)
            pending = self._open_pending()
            _close_all_but(orders, answer, pending)
        except Exception as error:
            os.write(answer, str(error).encode("utf-8", "replace"))
            return
        os.write(answer, _READY)
        os.close(answer)
        self._watch(orders)

    def _on_sigterm(self, _number: int, _frame: Any) -> None:
        self._hurry = True

    def _open_pending(self) -> int:
        os.makedirs(self._terms.directory, mode=0o700, exist_ok=True)
        descriptor = os.open(self._path("pending"), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, self._terms.label.encode())
        return descriptor

    def _watch(self, orders: int) -> None:
        order = self._order(orders)
        # Without a word the module was killed; a command that it had started may still be at work.
        deadline = time.monotonic() + (0 if order in (_FAILED, _REFUSED) else self._terms.seconds)
        while time.monotonic() < deadline and not self._hurry:
            if not os.path.exists(self._path("pending")):
                return
            time.sleep(_POLL)
        try:
            os.rename(self._path("pending"), self._path("undoing"))
        except FileNotFoundError:
            return  # confirmed in the last moment
        if order != _REFUSED:
            self._take_back(order == _FAILED)
        os.unlink(self._path("undoing"))

    def _order(self, orders: int) -> bytes:
        while not self._hurry:
            if select.select([orders], [], [], _POLL)[0]:
                return os.read(orders, 1)
        return b""

    def _take_back(self, failed: bool) -> None:
        for attempt in range(_UNDO_TRIES):
            if attempt:
                time.sleep(_UNDO_PAUSE)
            try:
                with Effects().lock(self._terms.lock):
                    done = self._undo()
            except Exception as error:
                self._say(syslog.LOG_ERR, "could not be taken back: %s" % error, failed)
            else:
                if done:
                    self._say(syslog.LOG_WARNING, "was taken back at %s" % time.strftime("%Y-%m-%d %H:%M:%S %Z"), failed)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self._path("undone"))
                return

    def _say(self, priority: int, outcome: str, failed: bool) -> None:
        why = "failed" if failed else "was not confirmed within %d s" % self._terms.seconds
        sentence = "the change of this host's firewall for %s %s and %s" % (self._terms.label, why, outcome)
        syslog.openlog("netports", syslog.LOG_PID, syslog.LOG_DAEMON)
        syslog.syslog(priority, sentence)
        with open(self._path("undone"), "w", encoding="utf-8") as file:
            file.write(sentence + "\n")


def _close_all_but(*kept: int) -> None:
    """Whoever waits for the module's output waits for its end; and a lock is held as long as anyone has its file open."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _leave_session(token: str) -> None:
    """Where the host ends what is left of a session or service when that ends, this process must not be part of it."""
    if not os.path.isdir("/run/systemd/system"):
        return
    scope = "netports-rollback-%s.scope" % token
    busctl = _run.find_program("busctl")
    said = "busctl is not installed"
    if busctl:
        call = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StartTransientUnit"
        unit = ["ssa(sv)a(sa(sv))", scope, "fail", "1", "PIDs", "au", "1", str(os.getpid()), "0"]
        answer = Effects().change([busctl, "call", *call.split(), *unit])
        said = answer.stderr.strip()
        if answer.rc == 0 and _comes_to(scope):
            return
    if _in_session():
        raise RunError("systemd made no scope for it: %s" % said)


def _comes_to(scope: str) -> bool:
    """systemd answers before it has done it."""
    deadline = time.monotonic() + _SCOPE_SECONDS
    while time.monotonic() < deadline:
        if scope in (_run.read_text("/proc/self/cgroup") or ""):
            return True
        time.sleep(0.01)
    return False


def _in_session() -> bool:
    return "/user.slice/" in (_run.read_text("/proc/self/cgroup") or "")
