# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages of the kernel, made by hand: what no kernel at hand sends."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Iterator, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._socket_table import Socket
from ansible_collections.netports.core.plugins.module_utils._sockets import netlink, sock_diag, tunnels


def message(kind: int, payload: bytes, sequence: int = 1, flags: int = 2) -> bytes:
    length = 16 + len(payload)
    return struct.pack("=IHHII", length, kind, flags, sequence, 0) + payload + b"\0" * (-length % 4)


DONE = 3
DIAG = 20


class Kernel:
    """Stands in for the kernel behind a netlink socket: answers each request with the next list of datagrams."""

    def __init__(self, *answers: List[bytes]) -> None:
        self._answers = list(answers)
        self._pending: List[bytes] = []
        self.requests = 0

    def settimeout(self, _seconds: float) -> None:
        pass

    def send(self, _data: bytes) -> None:
        self.requests += 1
        self._pending += self._answers.pop(0)

    def recv(self, _size: int) -> bytes:
        if not self._pending:
            raise socket.timeout()
        return self._pending.pop(0)

    def close(self) -> None:
        pass


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    def into(kernel: Kernel) -> netlink.Netlink:
        monkeypatch.setattr(netlink.socket, "socket", lambda *_arguments: kernel)
        return netlink.Netlink(netlink.NETLINK_SOCK_DIAG)

    yield into


def test_a_dump_that_was_interrupted_is_asked_for_again(plug) -> None:
    torn = [message(DIAG, b"old!", 1, 0x12), message(DONE, b"\0" * 4, 1, 0x12)]
    whole = [message(DIAG, b"left", 1), message(DIAG, b"new!", 2), message(DONE, b"\0" * 4, 2)]
    kernel = Kernel(torn, whole)
    assert plug(kernel).dump(DIAG, b"") == [b"new!"]
    assert kernel.requests == 2


def test_a_dump_that_is_always_interrupted_ends(plug) -> None:
    answers = [[message(DIAG, b"some", n, 0x12), message(DONE, b"\0" * 4, n, 0x12)] for n in range(1, 9)]
    kernel = Kernel(*answers)
    assert plug(kernel).dump(DIAG, b"") == [b"some"]
    assert kernel.requests == 5


@pytest.mark.parametrize("kind", [2, DONE])
@pytest.mark.parametrize("number", [errno.ENOENT, errno.EPERM, errno.EOPNOTSUPP])
def test_a_refusal_names_its_errno(plug, kind: int, number: int) -> None:
    """As an error message, or as the status at the end of a dump that fails half way (udp_diag not loaded)."""
    with pytest.raises(netlink.NetlinkError, match=errno.errorcode[number]):
        plug(Kernel([message(DIAG, b"some"), message(kind, struct.pack("=i", -number))])).dump(DIAG, b"")


def test_a_kernel_that_does_not_answer_is_an_error(plug) -> None:
    with pytest.raises(netlink.NetlinkError, match="ETIMEDOUT"):
        plug(Kernel([message(DIAG, b"some")])).dump(DIAG, b"")


def test_a_netlink_socket_that_is_refused_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(netlink.socket, "socket", refuse)
    with pytest.raises(netlink.NetlinkError, match="EPERM"):
        sock_diag.read()


def diag(family: int, state: int, address: str, ports: Tuple[int, int], interface: int = 0, attributes: bytes = b"") -> bytes:
    packed = socket.inet_pton(family, address).ljust(16, b"\0")
    place = struct.pack(">HH", *ports) + packed + bytes(16)
    return struct.pack("=BBBB", family, state, 0, 0) + place + struct.pack("=8I", interface, 0, 0, 0, 0, 0, 33, 4711) + attributes


def attribute(kind: int, value: bytes) -> bytes:
    return (struct.pack("=HH", 4 + len(value), kind) + value).ljust(-(-(4 + len(value)) // 4) * 4, b"\0")


def read(monkeypatch: pytest.MonkeyPatch, *messages: bytes) -> Tuple[Socket, ...]:
    """The sockets of messages that the kernel sends for TCP over IPv6."""
    empty = [[message(DONE, b"\0" * 4, number)] for number in (1, 3, 4)]
    answer = [*(message(DIAG, payload, 2) for payload in messages), message(DONE, b"\0" * 4, 2)]
    monkeypatch.setattr(netlink.socket, "socket", lambda *_arguments: Kernel(empty[0], answer, empty[1], empty[2]))
    table = sock_diag.read()
    assert table.knows_v6only == all(s.v6only is not None for s in table.sockets)
    return table.sockets


def test_a_listener_with_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = attribute(8, b"\1") + attribute(11, b"\1") + attribute(21, struct.pack("=Q", 9000))
    (sock,) = read(monkeypatch, diag(socket.AF_INET6, 10, "::", (5678, 0), 0, attributes))
    assert sock == Socket("tcp", "ipv6", "::", 5678, None, True, 4711, uid=33, cgroup=9000)


def test_an_old_kernel_does_not_tell_v6only(monkeypatch: pytest.MonkeyPatch) -> None:
    (sock,) = read(monkeypatch, diag(socket.AF_INET6, 10, "::", (5678, 0)))
    assert sock.v6only is None and sock.cgroup is None


def test_a_device_that_is_gone_is_called_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A VRF that was made anew has another number; sshd stays bound to the old one."""
    (sock,) = read(monkeypatch, diag(socket.AF_INET6, 10, "::", (22, 0), 2000000017))
    assert sock.device == "if2000000017"


def test_what_is_no_listener_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    six = socket.AF_INET6
    assert read(monkeypatch, diag(six, 7, "::", (80, 0)), diag(six, 1, "::1", (80, 4000)), diag(six, 10, "::1", (80, 4000))) == ()


def test_a_short_message_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(netlink.NetlinkError, match="60 bytes"):
        read(monkeypatch, diag(socket.AF_INET6, 10, "::", (80, 0))[:60])


@given(st.binary(max_size=200), st.integers(0, 80))
def test_attributes_of_any_bytes(payload: bytes, offset: int) -> None:
    assert all(len(value) <= len(payload) for value in netlink.attributes(payload, offset).values())


# --- tunnels -----------------------------------------------------------------------------------------------------------------


def link(up: bool, kind: bytes, *data: bytes) -> bytes:
    info = attribute(1, kind + b"\0") + attribute(2 | 0x8000, b"".join(data))
    return struct.pack("=BxHiII", 0, 1, 4, int(up), 0) + attribute(3, b"vx0\0") + attribute(18 | 0x8000, info)


PORT = attribute(15, struct.pack(">H", 8472))
METADATA = attribute(25, b"\1")
LOCAL6 = attribute(17, b"\0" * 15 + b"\1")


@pytest.mark.parametrize(
    "payload, found",
    [
        (link(True, b"vxlan", PORT), [(8472, True, False)]),
        (link(True, b"vxlan", PORT, METADATA), [(8472, True, True)]),
        (link(True, b"vxlan", PORT, attribute(25, b"\0")), [(8472, True, False)]),
        (link(True, b"vxlan", PORT, LOCAL6), [(8472, False, True)]),
        (link(False, b"vxlan", PORT), []),
        (link(True, b"veth", PORT), []),
        (link(True, b"vxlan"), []),
        (b"", []),
    ],
)
def test_a_vxlan_device_holds_sockets_while_it_is_up(payload: bytes, found: List[Tuple[int, bool, bool]]) -> None:
    assert tunnels.parse(payload) == [tunnels.Tunnel(*expected) for expected in found]


def test_which_sockets_are_a_tunnels() -> None:
    tunnel = tunnels.Tunnel(8472, True, False)
    own = Socket("udp", "ipv4", "0.0.0.0", 8472, uid=0)
    assert tunnels.holds(tunnel, own)
    for other in (
        own._replace(protocol="tcp"),
        own._replace(port=8473),
        own._replace(uid=1000),
        own._replace(address="192.0.2.1"),
        own._replace(family="ipv6", address="::"),
    ):
        assert not tunnels.holds(tunnel, other)
