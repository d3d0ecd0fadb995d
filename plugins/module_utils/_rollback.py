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
import os
import select
import signal
import syslog
import time
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Tuple, Type

from ansible_collections.netports.core.plugins.module_utils import _background
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError
from ansible_collections.netports.core.plugins.module_utils._run import Effects, RunError

_POLL = 0.1
_UNDO_TRIES = 5
_UNDO_PAUSE = 3
# What the module tells its watchdog; its end without a word means that it was killed.
_APPLIED, _REFUSED, _FAILED = b"a", b"r", b"f"


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
    orders_read, orders_write = os.pipe()
    watch = _Watch(terms, token, undo, orders_read)
    try:
        _background.start("netports-rollback-%s.scope" % token, watch.prepare, watch.run)
    except RunError as error:
        os.close(orders_write)
        raise FirewallError(
            "nothing was changed: no process can wait on this host to take the change back (%s)" % error
        ) from None
    finally:
        os.close(orders_read)
    return orders_write


class _Watch:
    """The watchdog's own side."""

    def __init__(self, terms: Terms, token: str, undo: Callable[[], bool], orders: int) -> None:
        self._terms = terms
        self._token = token
        self._undo = undo
        self._orders = orders
        self._hurry = False

    def _path(self, kind: str) -> str:
        return os.path.join(self._terms.directory, "%s.%s" % (kind, self._token))

    def prepare(self) -> Tuple[int, int]:
        """What has to succeed before anything is changed; the descriptors that it needs."""
        # A host that shuts down, and whoever ends the watchdog, gets the change taken back first.
        signal.signal(signal.SIGTERM, self._on_sigterm)
        return self._orders, self._open_pending()

    def _on_sigterm(self, _number: int, _frame: Any) -> None:
        self._hurry = True

    def _open_pending(self) -> int:
        os.makedirs(self._terms.directory, mode=0o700, exist_ok=True)
        descriptor = os.open(self._path("pending"), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, self._terms.label.encode())
        return descriptor

    def run(self) -> None:
        order = self._order()
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

    def _order(self) -> bytes:
        while not self._hurry:
            if select.select([self._orders], [], [], _POLL)[0]:
                return os.read(self._orders, 1)
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
