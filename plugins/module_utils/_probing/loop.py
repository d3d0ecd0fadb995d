# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All questions at once: non-blocking sockets and one epoll.

A question that may have been lost is asked again at equal steps of the timeout: UDP by the same socket, TCP by a further
connection beside the first, whose slow answer still counts. So retries cost no time.
"""

from __future__ import annotations

import errno
import heapq
import select
import time

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, NamedTuple, socket
from ansible_collections.netports.core.plugins.module_utils._probing import refusals
from ansible_collections.netports.core.plugins.module_utils._probing.model import (
    ERROR,
    FILTERED,
    NO_ANSWER,
    OPEN,
    REFUSED,
    Finding,
    Outcome,
    ProbeError,
    Target,
)

if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from ansible_collections.netports.core.plugins.module_utils._probing.dialogues import Dialogue

# Python's socket module has no name for it everywhere.
_SO_BINDTODEVICE = 25
# So many are begun before answers are looked at, so that the first are not timed late.
_BATCH = 64
_DATAGRAM = 65535
_ACCEPTS = Finding(OPEN, "it accepts connections")


class Settings(NamedTuple):
    timeout: float
    concurrency: int
    retries: int
    source_address: Optional[str]
    device: Optional[str]


class Probe:
    """One address of one target."""

    def __init__(self, target: Target, family: int, sockaddr: Tuple[Any, ...]) -> None:
        self.target = target
        self.family = family
        self.sockaddr = (sockaddr[0], target.port) + tuple(sockaddr[2:])
        self.started = 0.0
        self.attempts = 0  # questions that were sent
        self.turns = 1  # times when one was due
        self.sockets: List[socket.socket] = []
        self.dialogue: Optional[Dialogue] = None
        self.strange = False  # a datagram came, without the token
        self.outcome: Optional[Outcome] = None


class _FilesUsedUp(Exception):
    """There are no more sockets to be had."""


def check(settings: Settings, families: Sequence[int]) -> None:
    """Raises ProbeError where the source address or the device cannot be used at all."""
    for family in families:
        try:
            _socket(family, "udp", settings).close()
        except _FilesUsedUp:
            return
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT:
                continue  # the results say so
            raise _of_settings(settings, error) from None


def _of_settings(settings: Settings, error: OSError) -> ProbeError:
    if error.errno == errno.EADDRNOTAVAIL:
        return ProbeError("source_address: this host has no address %s" % settings.source_address)
    if error.errno == errno.ENODEV:
        return ProbeError("device: this host has no interface %s" % settings.device)
    if error.errno == errno.EPERM:
        return ProbeError("device: sending by %s takes the privilege CAP_NET_RAW; become root" % settings.device)
    return ProbeError("source_address, device: no socket can be had with them: %s" % error.strerror)


def _socket(family: int, protocol: str, settings: Settings) -> socket.socket:
    """A socket that leaves by the source address and device. Raises OSError, _FilesUsedUp."""
    try:
        sock = socket.socket(family, (socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM) | socket.SOCK_NONBLOCK)
    except OSError as error:
        if error.errno in refusals.FILES_USED_UP:
            raise _FilesUsedUp(error.strerror) from None
        raise
    try:
        refusals.ask_for_details(sock, family)
        if settings.device:
            sock.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, settings.device.encode() + b"\0")
        if settings.source_address:
            sock.bind((settings.source_address, 0))
    except OSError:
        sock.close()
        raise
    return sock


class Loop:
    """Asks all and gives every probe its outcome. `limit` is how many could be under way at once."""

    def __init__(self, settings: Settings) -> None:
        self.limit = settings.concurrency
        self._settings = settings
        self._step = settings.timeout / (settings.retries + 1)
        self._epoll = select.epoll()
        self._watched: Dict[int, Tuple[Probe, socket.socket]] = {}
        self._active = 0
        self._timers: List[Tuple[float, int, Probe]] = []
        self._serial = 0

    def run(self, probes: Sequence[Probe]) -> None:
        waiting = list(reversed(probes))
        while waiting or self._active:
            self._begin(waiting)
            # Looked at before the answers are: one that came while this process had to wait is not late.
            now = time.monotonic()
            for handle, events in self._epoll.poll(self._patience(waiting, now)):
                if handle in self._watched:
                    self._ready(*self._watched[handle], events)
            self._look_at_the_time(now)
        self._epoll.close()

    def _patience(self, waiting: List[Probe], now: float) -> float:
        if not self._active or (waiting and self._active < self.limit):
            return 0.0
        # A probe that is done leaves its timer behind; waking up for it costs nothing.
        return max(0.0, self._timers[0][0] - now)

    def _begin(self, waiting: List[Probe]) -> None:
        for _number in range(_BATCH):
            if not waiting or self._active >= self.limit:
                return
            probe = waiting[-1]
            probe.started = time.monotonic()
            self._active += 1
            try:
                self._ask(probe)
            except _FilesUsedUp as problem:
                if self._active > 1:
                    self._active -= 1
                    self.limit = self._active
                    return
                self._finish(probe, Finding(ERROR, "this host could not ask: %s" % problem))
            waiting.pop()
            if probe.outcome is None:
                self._set_timer(probe)

    def _set_timer(self, probe: Probe) -> None:
        self._serial += 1
        end = probe.started + self._settings.timeout
        again = probe.dialogue is None and probe.turns <= self._settings.retries
        due = min(end, probe.started + self._step * probe.turns) if again else end
        heapq.heappush(self._timers, (due, self._serial, probe))

    def _look_at_the_time(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            probe = heapq.heappop(self._timers)[2]
            if probe.outcome is not None:
                continue
            if now >= probe.started + self._settings.timeout:
                self._finish(probe, self._silence(probe))
                continue
            if probe.dialogue is None:
                probe.turns += 1
                self._ask_again(probe)
            if probe.outcome is None:
                self._set_timer(probe)

    def _ask_again(self, probe: Probe) -> None:
        try:
            self._ask(probe)
        except _FilesUsedUp:
            pass  # the question that is out has to do

    def _ask(self, probe: Probe) -> None:
        """Send a question. Raises _FilesUsedUp."""
        try:
            if probe.target.protocol == "tcp":
                self._connect(probe)
            else:
                self._send(probe)
        except OSError as error:
            self._finish(probe, refusals.local(error.errno or 0))

    def _connect(self, probe: Probe) -> None:
        sock = _socket(probe.family, "tcp", self._settings)
        probe.sockets.append(sock)
        probe.attempts += 1
        number = sock.connect_ex(probe.sockaddr)
        if number not in (0, errno.EINPROGRESS):
            # On this host itself a refusal comes at once.
            self._finish(probe, self._failure(probe, sock, number) if number == errno.ECONNREFUSED else refusals.local(number))
            return
        self._watch(probe, sock, select.EPOLLOUT)

    def _watch(self, probe: Probe, sock: socket.socket, events: int) -> None:
        self._watched[sock.fileno()] = (probe, sock)
        self._epoll.register(sock, events)

    def _send(self, probe: Probe) -> None:
        if not probe.sockets:
            sock = _socket(probe.family, "udp", self._settings)
            probe.sockets.append(sock)
            # Connected, it is handed the refusals that come back, and answers of nobody else.
            sock.connect(probe.sockaddr)
            self._watch(probe, sock, select.EPOLLIN)
        probe.attempts += 1
        sock = probe.sockets[0]
        try:
            sock.send(probe.target.question)
        except BlockingIOError:
            pass  # the queue to the wire is full: lost, as on the wire
        except OSError as error:
            if probe.attempts == 1 and error.errno != errno.ECONNREFUSED:
                raise
            # The answer to the question before came just now.
            self._finish(probe, self._failure(probe, sock, error.errno or 0))

    @staticmethod
    def _failure(probe: Probe, sock: socket.socket, number: int) -> Finding:
        return refusals.remote(probe.target.protocol, number, refusals.details(sock))

    def _ready(self, probe: Probe, sock: socket.socket, events: int) -> None:
        if probe.dialogue is not None:
            self._talk(probe, probe.dialogue)
        elif probe.target.protocol == "tcp":
            self._connected(probe, sock, events)
        else:
            self._heard(probe, sock)

    def _connected(self, probe: Probe, sock: socket.socket, events: int) -> None:
        # Without an error on it the kernel need not be asked for one.
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if events != select.EPOLLOUT else 0
        if number:
            self._finish(probe, self._failure(probe, sock, number))
        elif _with_itself(sock, probe.target.port):
            self._finish(probe, Finding(REFUSED, "nothing listens there: the connection was with itself"))
        elif probe.target.tls or probe.target.token:
            self._start_dialogue(probe, sock)
        else:
            self._finish(probe, _ACCEPTS)

    def _start_dialogue(self, probe: Probe, sock: socket.socket) -> None:
        self._close_all(probe, but=sock)
        if probe.target.tls:
            from ansible_collections.netports.core.plugins.module_utils._probing import tls

            try:
                probe.dialogue = tls.TlsDialogue(sock, probe.target.host)
            except OSError as error:
                self._finish(probe, tls.tls_fault(error.strerror or str(error)))
                return
            probe.sockets = [probe.dialogue.sock]
        else:
            from ansible_collections.netports.core.plugins.module_utils._probing import dialogues

            probe.dialogue = dialogues.TokenDialogue(sock, probe.target.token)
        self._talk(probe, probe.dialogue)

    def _talk(self, probe: Probe, dialogue: Dialogue) -> None:
        finding = dialogue.step()
        if finding is not None:
            self._finish(probe, finding)
            return
        self._epoll.modify(dialogue.sock, select.EPOLLOUT if dialogue.wants_to_write else select.EPOLLIN)

    def _heard(self, probe: Probe, sock: socket.socket) -> None:
        try:
            data = sock.recv(_DATAGRAM)
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(probe, self._failure(probe, sock, error.errno or 0))
            return
        if probe.target.token and data != probe.target.token:
            probe.strange = True
            return
        self._finish(probe, Finding(OPEN, "it answered with the token" if probe.target.token else "it answered"))

    def _silence(self, probe: Probe) -> Finding:
        if probe.dialogue is not None:
            return probe.dialogue.timeout()
        if probe.target.protocol == "tcp":
            return Finding(FILTERED, "no answer within %g s" % self._settings.timeout)
        if probe.strange:
            return Finding(NO_ANSWER, "something answered, but not with the token")
        what = "no answer" if probe.target.asked else "nothing was asked that it must answer, and nothing refused it"
        return Finding(NO_ANSWER, "%s within %g s" % (what, self._settings.timeout))

    def _finish(self, probe: Probe, finding: Finding) -> None:
        seconds = time.monotonic() - probe.started
        probe.outcome = Outcome(str(probe.sockaddr[0]), finding, seconds, probe.attempts)
        self._close_all(probe)
        self._active -= 1

    def _close_all(self, probe: Probe, but: Optional[socket.socket] = None) -> None:
        for sock in probe.sockets:
            if sock is but:
                continue
            self._watched.pop(sock.fileno(), None)
            sock.close()  # which ends its being watched by the kernel
        probe.sockets = [but] if but is not None else []


def _with_itself(sock: socket.socket, port: int) -> bool:
    """Whether TCP joined the socket to itself, as it does when it chose the very port that it asks for."""
    own = sock.getsockname()[:2]
    try:
        return bool(own[1] == port and own == sock.getpeername()[:2])
    except OSError:
        return False  # there was a peer, and it is gone already
