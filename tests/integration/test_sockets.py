# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real sockets of real processes in a network namespace of their own, as each source sees them, and their owners."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import textwrap
import time
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import pytest

from ansible_collections.netports.core.plugins.module_utils import _light
from ansible_collections.netports.core.plugins.module_utils._socket_table import FOUND, HIDDEN, KERNEL, Owner, Socket, SocketTable
from ansible_collections.netports.core.plugins.module_utils._sockets import gather, processes
from tests.conftest import COLLECTIONS

pytestmark = [pytest.mark.root]

_CLONE_NEWNET = 0x40000000
_PR_SET_NAME = 15
_PR_SET_PDEATHSIG = 1
_BIND_TO_DEVICE = 25
_MPTCP = 262
_LIBC = ctypes.CDLL(None, use_errno=True)
METHODS = ("sock_diag", "proc", "ss", "netstat")
NOBODY = 65534


def _prctl(option: int, value: Any) -> None:
    _LIBC.prctl(option, value, 0, 0, 0)


class Namespace:
    """A network namespace with loopback and a device `eth0`, and processes in it that hold sockets."""

    def __init__(self, ipv6: bool = True) -> None:
        self._pids: list[int] = []
        self.holder = self.process("holder", lambda: None, new=True)
        self.run("ip", "link", "set", "lo", "up")
        if not ipv6:
            for which in ("all", "default", "lo"):
                self.run("sysctl", "-qw", "net.ipv6.conf.%s.disable_ipv6=1" % which)
        self.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "mgmt")
        for device in ("eth0", "mgmt"):
            self.run("ip", "link", "set", device, "up")
        self.run("ip", "address", "add", "192.0.2.7/24", "dev", "eth0")
        if ipv6:
            self.run("ip", "address", "add", "2001:db8:1111:2222:3333:4444:5555:6666/64", "dev", "eth0", "nodad")
            self.run("ip", "address", "add", "fe80::a200:ff:fe00:17/64", "dev", "eth0", "nodad")

    @property
    def name(self) -> str:
        return str(self.holder)

    def run(self, *command: str) -> str:
        inside = ("nsenter", "--net=/proc/%d/ns/net" % self.holder, *command)
        return subprocess.run(inside, check=True, capture_output=True, text=True).stdout

    def vxlan(self, name: str, number: int, port: int, local: str) -> None:
        options = ("id", str(number), "dstport", str(port), "local", local, "dev", "eth0")
        self.run("ip", "link", "add", name, "type", "vxlan", *options)

    def process(self, name: str | bytes, body: Any, new: bool = False, user: Optional[int] = None) -> int:
        """A process of this name in the namespace that calls `body`, keeps what it returns, and waits."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                if new:
                    assert _LIBC.unshare(_CLONE_NEWNET) == 0
                else:
                    handle = os.open("/proc/%d/ns/net" % self.holder, os.O_RDONLY)
                    assert _LIBC.setns(handle, _CLONE_NEWNET) == 0
                    os.close(handle)
                kept = body()
                if user is not None:
                    os.setgroups([])
                    os.setuid(user)
                _prctl(_PR_SET_NAME, name if isinstance(name, bytes) else name.encode())
                os.write(writer, b".")
                os.close(writer)
                while True:
                    signal.pause()
                    assert kept is None or kept
            except BaseException as problem:
                os.write(writer, repr(problem).encode())
            finally:
                os._exit(1)
        os.close(writer)
        self._pids.append(pid)
        said = os.read(reader, 500)
        os.close(reader)
        assert said == b".", said
        return pid

    def listen(self, name: str, *places: Any, **options: Any) -> int:
        return self.process(name, lambda: [opened(*place) for place in places], **options)

    def close(self) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._pids:
            os.waitpid(pid, 0)

    def gather(self, method: str = "auto") -> SocketTable:
        return gather.gather(method, self.name)

    def owned(self, names: Sequence[str] = (), every: bool = False, method: str = "auto") -> dict[int, Socket]:
        """The sockets with owners, by port."""
        table = self.gather(method)
        wanted = {s.inode: tuple(names) for s in table.sockets}
        return {s.port: s for s in gather.find_owners(table, wanted, self.name, every).sockets}


def opened(protocol: str, address: str, port: int, device: Optional[str] = None, v6only: Optional[bool] = None) -> socket.socket:
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind, _MPTCP if protocol == "mptcp" else 0)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if v6only is not None:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
    if device is not None:
        made.setsockopt(socket.SOL_SOCKET, _BIND_TO_DEVICE, device.encode())
    scope = socket.if_nametoindex("eth0") if address.startswith("fe80") else 0
    made.bind((address, port, 0, scope) if ":" in address else (address, port))
    if protocol != "udp":
        made.listen()
    return made


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    made = Namespace()
    yield made
    made.close()


def places(table: SocketTable) -> set[tuple[str, str, int]]:
    return {(s.protocol, s.address, s.port) for s in table.sockets}


IPV4 = [
    ("tcp", "0.0.0.0", 22),
    ("tcp", "127.0.0.1", 25),
    ("tcp", "127.8.9.10", 26),
    ("udp", "192.0.2.7", 123),
    ("udp", "0.0.0.0", 68),
]
IPV6 = [
    ("tcp", "::", 80, None, False),
    ("tcp", "::", 81, None, True),
    ("tcp", "::1", 82),
    ("tcp", "::ffff:127.0.0.1", 8005, None, False),
    ("udp", "::", 53, None, False),
    ("udp", "fe80::a200:ff:fe00:17", 123),
    ("tcp", "2001:db8:1111:2222:3333:4444:5555:6666", 8443),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("listeners", [IPV4, IPV6, IPV4 + IPV6], ids=["ipv4", "ipv6", "both"])
def test_every_source_sees_the_same_sockets(namespace: Namespace, method: str, listeners: list[Any]) -> None:
    namespace.listen("server", *listeners)
    table = namespace.gather(method)
    assert table.gathered_by == method
    assert places(table) == {place[:3] for place in listeners}


@pytest.mark.parametrize("method", METHODS)
def test_dual_stack_and_v6only_are_told_apart_or_unknown(namespace: Namespace, method: str) -> None:
    namespace.listen("server", *IPV6)
    table = namespace.gather(method)
    seen = {s.port: s.v6only for s in table.sockets if s.address == "::" and s.protocol == "tcp"}
    if method in ("sock_diag", "ss"):
        assert table.knows_v6only and seen == {80: False, 81: True}
    else:
        assert not table.knows_v6only and seen == {80: None, 81: None}


@pytest.mark.parametrize("method", METHODS)
def test_devices(namespace: Namespace, method: str) -> None:
    namespace.listen(
        "server",
        ("tcp", "0.0.0.0", 22, "mgmt"),
        ("udp", "127.0.0.1", 53, "lo"),
        ("tcp", "::", 22, "mgmt", True),
        ("tcp", "0.0.0.0", 23),
    )
    table = namespace.gather(method)
    seen = {(s.protocol, s.address, s.port): s.device for s in table.sockets}
    if method in ("sock_diag", "ss"):
        assert table.knows_device
        assert seen == {
            ("tcp", "0.0.0.0", 22): "mgmt",
            ("tcp", "::", 22): "mgmt",
            ("udp", "127.0.0.1", 53): "lo",
            ("tcp", "0.0.0.0", 23): None,
        }
    else:
        assert not table.knows_device and set(seen.values()) == {None}


def test_a_device_that_was_deleted(namespace: Namespace) -> None:
    namespace.listen("sshd", ("tcp", "0.0.0.0", 22, "mgmt"))
    index = namespace.run("ip", "-o", "link", "show", "mgmt").split(":")[0]
    namespace.run("ip", "link", "delete", "mgmt")
    (sock,) = namespace.gather().sockets
    assert sock.device == "if" + index


@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_listener(namespace: Namespace, method: str) -> None:
    """Connected UDP, TCP that is bound only, connections, and what they leave behind."""

    def body() -> list[socket.socket]:
        server = opened("tcp", "127.0.0.1", 80)
        client = socket.create_connection(("127.0.0.1", 80))
        udp = opened("udp", "127.0.0.1", 53)
        querier = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        querier.connect(("127.0.0.1", 53))
        bound = socket.socket()
        bound.bind(("127.0.0.1", 81))
        return [server, client, server.accept()[0], udp, querier, bound]

    namespace.process("server", body)
    assert places(namespace.gather(method)) == {("tcp", "127.0.0.1", 80), ("udp", "127.0.0.1", 53)}


@pytest.mark.parametrize("method", METHODS)
def test_a_host_without_ipv6(method: str) -> None:
    made = Namespace(ipv6=False)
    try:
        made.listen("server", *IPV4)
        table = made.gather(method)
        assert places(table) == set(IPV4)
    finally:
        made.close()


@pytest.mark.parametrize("method", METHODS)
def test_a_host_on_which_nothing_listens(namespace: Namespace, method: str) -> None:
    assert namespace.gather(method).sockets == ()


def test_mptcp_listens_like_tcp(namespace: Namespace) -> None:
    try:
        pid = namespace.listen("mptcpd", ("mptcp", "127.0.0.1", 90))
    except AssertionError as refused:
        pytest.skip("this kernel has no MPTCP: %s" % refused)
    seen = namespace.owned(["mptcpd"])[90]
    assert seen.protocol == "tcp" and [owner.pid for owner in seen.owners] == [pid]


# --- owners ------------------------------------------------------------------------------------------------------------------

NAMES = ["plain", 'a ) b "q" c', "worker pid=7", "[kworker/0:0]", "systemd-resolve", "x y z", "'\\", "-", "b\u00e9"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("likely", [True, False])
@pytest.mark.parametrize("every", [True, False])
def test_names_are_what_processes_call_themselves(namespace: Namespace, name: str, likely: bool, every: bool) -> None:
    pid = namespace.listen(name, ("tcp", "127.0.0.1", 80))
    (owner,) = namespace.owned([name] if likely else ["other"], every)[80].owners
    assert (owner.pid, owner.name) == (pid, name) and owner.truncated == 15


def test_bytes_that_are_no_text(namespace: Namespace) -> None:
    namespace.process(b"b\xffd", lambda: [opened("tcp", "127.0.0.1", 80)])
    for method in METHODS:
        for sock in namespace.owned(method=method).values():
            json.dumps(sock.as_dict()).encode("utf-8")
            assert all(owner.name.encode("utf-8") for owner in sock.owners)


def test_a_longer_name_is_known_by_its_aliases(namespace: Namespace, tmp_path: pathlib.Path) -> None:
    """comm keeps 15 bytes; what it leaves out is in argv[0] and in the name of the executable."""
    program = tmp_path / "kube-controller-manager"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)

    def body() -> list[socket.socket]:
        made = opened("tcp", "127.0.0.1", 10257)
        os.set_inheritable(made.fileno(), True)
        if os.fork() == 0:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            os.execv(program, ["kube: master process /x", "600"])
        return [made]

    namespace.process("starter", body)
    expected = {"kube-controller-manager", "kube"}
    seen: set[str] = set()
    deadline = time.monotonic() + 5
    # While a process starts a program, its names change one by one.
    while not seen >= expected and time.monotonic() < deadline:
        owners = {owner.name: owner for owner in namespace.owned(every=True)[10257].owners}
        seen = set(owners["kube-controller"].aliases) if "kube-controller" in owners else set()
    assert seen >= expected


def test_every_holder_of_a_shared_socket(namespace: Namespace) -> None:
    """Workers that inherited it, when the expected names lead to it and when all holders are asked for."""

    def body() -> list[socket.socket]:
        made = opened("tcp", "127.0.0.1", 80)
        for _worker in range(3):
            if os.fork() == 0:
                _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                _prctl(_PR_SET_NAME, b"worker")
                while True:
                    signal.pause()
        return [made]

    master = namespace.process("master", body)
    time.sleep(0.1)
    for every, names in ((False, ["master"]), (True, [])):
        found = namespace.owned(names, every)[80].owners
        assert found[0].pid == master and sorted(owner.name for owner in found) == ["master", "worker", "worker", "worker"]


def test_several_sockets_on_one_port(namespace: Namespace) -> None:
    first = namespace.listen("one", ("tcp", "0.0.0.0", 80))
    second = namespace.listen("two", ("tcp", "0.0.0.0", 80))
    table = namespace.gather()
    found = gather.find_owners(table, {s.inode: ["one", "two"] for s in table.sockets}, namespace.name)
    assert sorted(owner.pid or 0 for s in found.sockets for owner in s.owners) == sorted([first, second])


def test_only_what_is_wanted_is_looked_for(namespace: Namespace) -> None:
    namespace.listen("server", ("tcp", "127.0.0.1", 80), ("tcp", "127.0.0.1", 81))
    table = namespace.gather()
    wanted = {s.inode: ["server"] for s in table.sockets if s.port == 80}
    states = {s.port: s.owner_state for s in gather.find_owners(table, wanted, namespace.name).sockets}
    assert states == {80: FOUND, 81: "unasked"}


@pytest.mark.parametrize("names", [["crowded"], ["other"]])
def test_a_listener_among_the_late_descriptors_of_a_large_process(namespace: Namespace, names: list[str]) -> None:
    def body() -> list[Any]:
        held = [os.dup(0) for _number in range(2000)]
        return [*held, opened("tcp", "127.0.0.1", 80)]

    pid = namespace.process("crowded", body)
    assert [owner.pid for owner in namespace.owned(names)[80].owners] == [pid]


def test_an_owner_without_privilege_is_hidden(namespace: Namespace) -> None:
    """Never "no owner": by another user, and by root that may not look into other processes."""
    namespace.listen("server", ("tcp", "127.0.0.1", 80))
    namespace.listen("own", ("tcp", "127.0.0.1", 81), user=NOBODY)
    program = textwrap.dedent("""
        import sys, json
        sys.path.insert(0, %r)
        from ansible_collections.netports.core.plugins.module_utils._sockets import gather
        table = gather.gather()
        table = gather.find_owners(table, {s.inode: ("server",) for s in table.sockets}, every=True)
        print(json.dumps({s.port: [s.owner_state, len(s.owners)] for s in table.sockets}))
    """) % str(COLLECTIONS)
    for drop in (("--reuid", str(NOBODY), "--clear-groups"), ("--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace")):
        seen = json.loads(namespace.run("setpriv", *drop, "/usr/bin/python3", "-I", "-c", program))
        if drop[0] == "--reuid":
            assert seen == {"80": ["hidden", 0], "81": ["found", 1]} or seen == {"80": ["hidden", 0], "81": ["hidden", 0]}
        else:
            # Root's own processes are open to root even so; the other user's is not.
            assert seen["81"] == ["hidden", 0]


def test_a_tunnel_of_the_kernel(namespace: Namespace) -> None:
    namespace.run(
        *["ip", "link", "add", "vx0", "type", "vxlan", "id", "7", "dstport", "8472", "local", "192.0.2.7", "dev", "eth0"]
    )
    namespace.run(
        *[
            "ip",
            "link",
            "add",
            "vx6",
            "type",
            "vxlan",
            "id",
            "8",
            "dstport",
            "4789",
            "local",
            "2001:db8:1111:2222:3333:4444:5555:6666",
            "dev",
            "eth0",
        ]
    )
    for device in ("vx0", "vx6"):
        namespace.run("ip", "link", "set", device, "up")
    for every in (False, True):
        seen = namespace.owned(["kernel"], every)
        assert {port: (s.owner_state, s.owners) for port, s in seen.items()} == {8472: (KERNEL, ()), 4789: (KERNEL, ())}


def test_a_process_on_the_port_of_a_tunnel_that_is_down(namespace: Namespace) -> None:
    namespace.run(
        *["ip", "link", "add", "vx0", "type", "vxlan", "id", "7", "dstport", "8472", "local", "192.0.2.7", "dev", "eth0"]
    )
    pid = namespace.listen("impostor", ("udp", "0.0.0.0", 8472))
    assert [owner.pid for owner in namespace.owned(["kernel"])[8472].owners] == [pid]


@contextlib.contextmanager
def in_flight(namespace: Namespace) -> Iterator[int]:
    """A listener whose only descriptor waits unread in a socket between two ends of this test."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:

        def body() -> None:
            made = opened("tcp", "127.0.0.1", 80)
            socket.send_fds(here, [b"."], [made.fileno()])
            made.close()

        yield namespace.process("sender", body)


def test_an_owner_that_cannot_be_found_is_hidden(namespace: Namespace) -> None:
    with in_flight(namespace):
        seen = namespace.owned(["sender"])[80]
        # Where some process cannot be read, as on this machine perhaps, it might be the owner.
        assert seen.owners == () and seen.owner_state in (HIDDEN, KERNEL)


@pytest.mark.parametrize("complete, uid, state", [(True, 0, KERNEL), (False, 0, HIDDEN), (True, 1000, HIDDEN)])
def test_only_a_complete_search_calls_a_socket_the_kernels(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch, complete: bool, uid: int, state: str
) -> None:
    """The stand-in is the answer to whether all processes can be seen, which no sandbox can give for certain."""
    with in_flight(namespace):
        monkeypatch.setattr(processes, "sees_everything", lambda: complete)
        # Other processes of the machine may end, or refuse to be read, in the middle of the search.
        monkeypatch.setattr(processes, "pids", lambda: [str(os.getpid())])
        table = namespace.gather()
        table = table._replace(sockets=tuple(s._replace(uid=uid) for s in table.sockets))
        found = gather.find_owners(table, {s.inode: ("nowhere",) for s in table.sockets}, namespace.name)
        assert [s.owner_state for s in found.sockets] == [state]


def test_a_process_that_may_not_be_read_is_no_error_and_leaves_doubt(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(pid: str, links: Any, deep: bool) -> processes.Held:
        raise processes.Denied("Permission denied of process %s" % pid)

    namespace.listen("server", ("tcp", "127.0.0.1", 80))
    monkeypatch.setattr(processes, "held", held)
    monkeypatch.setattr(processes, "sees_everything", lambda: True)
    table = namespace.gather()
    found = gather.find_owners(table, {s.inode: ("server",) for s in table.sockets}, namespace.name)
    assert [s.owner_state for s in found.sockets] == [HIDDEN]
    assert found.notes == ("owners of 1 sockets were not found: some processes may not be read; become root",)


# --- systemd -----------------------------------------------------------------------------------------------------------------

SYSTEMCTL = """#!/bin/sh
# Stands in for systemctl, which works only where systemd is process 1.
case "$2" in
  '*.socket') printf 'Listen=127.0.0.1:22 (Stream)\\nTriggers=ssh.service\\nId=ssh.socket\\n';;
  ssh.service) printf 'ExecStart={ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -D ; ignore_errors=no ; pid=0 }\\n';;
esac
"""


@pytest.mark.parametrize("service_runs", [True, False])
def test_a_socket_that_systemd_holds_for_a_service(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, service_runs: bool
) -> None:
    """Process 1 here is none of ours: a process stands in for it by the ID that the search gives it."""
    (tmp_path / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))

    def body() -> list[socket.socket]:
        made = opened("tcp", "127.0.0.1", 22)
        if service_runs and os.fork() == 0:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            _prctl(_PR_SET_NAME, b"sshd")
            while True:
                signal.pause()
        return [made]

    manager = namespace.process("systemd", body)
    time.sleep(0.1)
    real = processes.owner

    def owner(pid: str, expected: Sequence[str] = ()) -> Owner:
        return real(pid, expected)._replace(pid=1) if pid == str(manager) else real(pid, expected)

    monkeypatch.setattr(processes, "owner", owner)
    found = namespace.owned(["sshd"])[22]
    assert found.owner_state == FOUND
    if service_runs:
        # A naive search would have stopped at process 1.
        assert "sshd" in [owner.name for owner in found.owners]
        assert {owner.name for owner in namespace.owned(every=True)[22].owners} == {"systemd", "sshd"}
        return
    assert [(owner.name, owner.aliases) for owner in found.owners] == [("systemd", ("ssh", "sshd"))]
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr("ansible_collections.netports.core.plugins.module_utils._sockets.command._PATH", "")
    silent = namespace.owned(["sshd"])[22]
    assert silent.owners[0].aliases == ()


# --- cgroups -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cgroup() -> Iterator[pathlib.Path]:
    for mount in (pathlib.Path("/sys/fs/cgroup"), pathlib.Path("/sys/fs/cgroup/unified")):
        if (mount / "cgroup.controllers").exists() and os.access(mount, os.W_OK):
            made = mount / ("netports-test-%d" % os.getpid())
            made.mkdir()
            yield made
            deadline = time.monotonic() + 5
            while (made / "cgroup.procs").read_text() and time.monotonic() < deadline:
                time.sleep(0.05)
            made.rmdir()
            return
    pytest.skip("no cgroup v2 hierarchy that can be written")


def test_all_holders_in_the_cgroup_of_a_socket_without_a_look_elsewhere(
    cgroup: pathlib.Path, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body() -> list[socket.socket]:
        (cgroup / "cgroup.procs").write_text(str(os.getpid()))
        made = opened("tcp", "127.0.0.1", 80)
        if os.fork() == 0:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            _prctl(_PR_SET_NAME, b"helper")
            while True:
                signal.pause()
        return [made]

    namespace.process("service", body)
    time.sleep(0.1)
    table = namespace.gather()
    assert table.sockets[0].cgroup == cgroup.stat().st_ino
    monkeypatch.setattr(processes, "pids", lambda: pytest.fail("looked at all processes"))
    found = gather.find_owners(table, {table.sockets[0].inode: ["service"]}, namespace.name)
    assert sorted(owner.name for owner in found.sockets[0].owners) == ["helper", "service"]
    namespace.close()
    namespace._pids.clear()


def test_a_host_that_refuses_netlink_is_read_from_proc(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is a stand-in; the table is real."""
    real = _light.socket.socket

    def refuse(family: int = -1, *arguments: Any) -> Any:
        if family == socket.AF_NETLINK:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return real(family, *arguments)

    namespace.listen("server", ("tcp", "::", 80))
    monkeypatch.setattr(_light.socket, "socket", refuse)
    table = namespace.gather()
    assert table.gathered_by == "proc" and places(table) == {("tcp", "::", 80)}
    assert table.notes == ("sock_diag: EPERM (Operation not permitted)",)
    assert [owner.name for owner in namespace.owned(["server"])[80].owners] == ["server"]


# --- the sources that fail ---------------------------------------------------------------------------------------------------


def test_the_process_stays_in_its_own_namespace(namespace: Namespace) -> None:
    before = os.readlink("/proc/self/ns/net")
    namespace.gather()
    assert os.readlink("/proc/self/ns/net") == before == os.readlink("/proc/thread-self/ns/net")


def test_a_namespace_by_path_and_by_name(namespace: Namespace) -> None:
    namespace.listen("server", ("tcp", "127.0.0.1", 80))
    path = "/proc/%s/ns/net" % namespace.name
    assert places(gather.gather("auto", path)) == {("tcp", "127.0.0.1", 80)}
    name = "netports-test-%d" % os.getpid()
    subprocess.run(["ip", "netns", "attach", name, namespace.name], check=True)
    try:
        assert places(gather.gather("auto", name)) == {("tcp", "127.0.0.1", 80)}
        with pytest.raises(gather.GatherError, match=name):
            gather.gather("auto", "no-such-name")
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


BROKEN = "#!/bin/sh\n%s\n"


@pytest.mark.parametrize("method", ["ss", "netstat"])
@pytest.mark.parametrize("fault", ["exit 0", "echo oops >&2; exit 1", "echo something else; exit 0", "exit 127"])
def test_a_command_that_fails_is_an_error_and_no_empty_host(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, method: str, fault: str
) -> None:
    (tmp_path / method).write_text(BROKEN % fault)
    (tmp_path / method).chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))
    with pytest.raises(gather.GatherError, match=method):
        namespace.gather(method)
