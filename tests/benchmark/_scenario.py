# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A busy host to measure on: listeners, connections and bystanders in a private network namespace, as real processes.

Everything is bounded, lives in a namespace of its own and goes away with the `with` block:

    enter_private_namespace()            # once, first thing in main(): re-executes the script under `unshare --net`
    with BusyHost(S2) as host:           # host.services: name of a service -> its port
        ...
"""

from __future__ import annotations

import ctypes
import functools
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, NamedTuple, Optional

_MARK = "NETPORTS_PRIVATE_NETNS"
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_FIRST_PORT = 5000
# Both ends of a connection are descriptors of some process; keep each process well below a limit of 20,000.
_PER_PROCESS = 10_000


class Size(NamedTuple):
    listeners: int
    connections: int
    bystanders: int
    descriptors: int = 10


SMALL = Size(listeners=40, connections=0, bystanders=0)  # to try a script
S1 = Size(listeners=40, connections=20_000, bystanders=0)
S2 = Size(listeners=40, connections=50_000, bystanders=2_000)


def enter_private_namespace() -> None:
    """Run the calling script again inside a new network namespace with loopback up; returns inside of it."""
    if os.environ.get(_MARK) == os.readlink("/proc/self/ns/net"):
        return
    if _MARK in os.environ:
        os.environ[_MARK] = os.readlink("/proc/self/ns/net")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("10000 64999")
        return
    os.environ[_MARK] = "entering"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


def _rename(name: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def unified_cgroup() -> Optional[Path]:
    """The cgroup v2 mount, None where there is none that can be written."""
    for place in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (place / "cgroup.procs").exists() and not (place / "tasks").exists() and os.access(place, os.W_OK):
            return place
    return None


class BusyHost:
    """Services that listen and hold connections, clients that hold the other ends, and processes that hold files."""

    def __init__(self, size: Size, cgroups: bool = False) -> None:
        self.size = size
        self.services = {"service-%02d" % index: _FIRST_PORT + index for index in range(size.listeners)}
        self._pids: list[int] = []
        self._base: Optional[Path] = None
        if cgroups:
            root = unified_cgroup()
            if root is None:
                raise RuntimeError("no writable cgroup v2 hierarchy")
            self._base = root / ("netports-bench-%d" % os.getpid())

    def __enter__(self) -> BusyHost:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _start(self) -> None:
        holders = -(-self.size.connections // _PER_PROCESS)
        share = self.size.connections // holders if holders else 0
        # A search in the order of process IDs meets half of them before the services, half after.
        before = self.size.bystanders // 2
        self._bystanders(before)
        for index, (name, port) in enumerate(self.services.items()):
            accepted = share if index < holders else 0
            self._spawn(name, functools.partial(_serve, port, accepted))
        clients = [
            self._spawn("client-%02d" % index, functools.partial(_connect, _FIRST_PORT + index, share), wait=False)
            for index in range(holders)
        ]
        for pipe in clients:
            _await(pipe)
        self._bystanders(self.size.bystanders - before)
        time.sleep(0.5)

    def _bystanders(self, number: int) -> None:
        started = [
            self._spawn("bystander", functools.partial(_hold_files, self.size.descriptors), wait=False)
            for _index in range(number)
        ]
        for pipe in started:
            _await(pipe)

    def _spawn(self, name: str, body: Callable[[int], None], wait: bool = True) -> int:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                os.dup2(writer, 3)
                os.closerange(4, 20_000)
                _rename(name)
                if self._base is not None and name.startswith("service"):
                    (self._base / name).mkdir(parents=True)
                    (self._base / name / "cgroup.procs").write_text(str(os.getpid()))
                body(3)
            finally:
                os._exit(1)
        os.close(writer)
        self._pids.append(pid)
        if wait:
            _await(reader)
        return reader

    def close(self) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
        for pid in self._pids:
            os.waitpid(pid, 0)
        self._pids = []
        if self._base is not None and self._base.exists():
            for directory in self._base.iterdir():
                if directory.is_dir():
                    directory.rmdir()
            self._base.rmdir()


def _await(reader: int) -> None:
    said = os.read(reader, 1)
    os.close(reader)
    if said != b".":
        raise RuntimeError("a process of the busy host died before it was ready")


def _serve(port: int, accepted: int, ready: int) -> None:
    listener = socket.socket(socket.AF_INET6 if port % 2 else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("::" if port % 2 else "0.0.0.0", port))
    listener.listen(4096)
    os.write(ready, b".")
    os.close(ready)
    held = [listener.accept()[0] for _number in range(accepted)]
    signal.pause()
    del held


def _connect(port: int, count: int, ready: int) -> None:
    held = [socket.create_connection(("127.0.0.1", port)) for _number in range(count)]
    os.write(ready, b".")
    os.close(ready)
    signal.pause()
    del held


def _hold_files(descriptors: int, ready: int) -> None:
    """What a usual daemon has open: a socket to the journal, pipes, a queue of events, files."""
    held = [*socket.socketpair(), *os.pipe(), select.epoll()]
    held += [os.open(os.devnull, os.O_RDONLY) for _number in range(descriptors - 3 - len(held))]
    os.write(ready, b".")
    os.close(ready)
    signal.pause()
    del held
