# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Output of systemctl, in the form of systemd 247 to 256, and what it says of a socket that process 1 holds."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._socket_table import Socket
from ansible_collections.netports.core.plugins.module_utils._sockets import systemd

UNITS = """\
Listen=[::]:22 (Stream)
Listen=0.0.0.0:22 (Stream)
Triggers=ssh.service
Id=ssh.socket

Triggers=systemd-journald.service
Listen=/run/systemd/journal/stdout (Stream)
Listen=/run/systemd/journal/socket (Datagram)
Listen=audit 1 (Netlink)
Id=systemd-journald.socket

Triggers=
Listen=127.0.0.1:79 (Stream)
Id=finger.socket

Triggers=tftpd.service
Listen=[::]:69 (Datagram)
Id=tftpd.socket
"""
PROGRAMS = {
    "ssh.service": (
        "ExecStart={ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -D $SSHD_OPTS ; ignore_errors=no ; "
        "start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }\n"
    ),
    "finger@netports.service": "ExecStart={ path=/usr/sbin/in.fingerd ; argv[]=-/usr/sbin/in.fingerd ; pid=0 }\n",
    "tftpd.service": "",
}


class Systemctl:
    """Stands in for systemctl, which needs systemd as process 1."""

    def __init__(self) -> None:
        self.calls: List[Tuple[str, ...]] = []

    def __call__(self, command: Sequence[str]) -> str:
        self.calls.append(tuple(command))
        assert command[:2] == ("systemctl", "show")
        return UNITS if command[2] == "*.socket" else PROGRAMS.get(command[2], "")


def held(protocol: str, address: str, port: int) -> Socket:
    return Socket(protocol, "ipv6" if ":" in address else "ipv4", address, port)


@pytest.mark.parametrize(
    "socket, names",
    [
        (held("tcp", "::", 22), ("ssh", "sshd")),
        (held("tcp", "0.0.0.0", 22), ("ssh", "sshd")),
        (held("udp", "::", 69), ("tftpd",)),
        (held("tcp", "127.0.0.1", 79), ("finger", "in.fingerd")),
        (held("tcp", "::1", 22), ()),
        (held("udp", "::", 22), ()),
        (held("tcp", "::", 23), ()),
    ],
)
def test_names_of_the_service(socket: Socket, names: Tuple[str, ...]) -> None:
    assert systemd.Systemd(Systemctl()).aliases(socket) == names


def test_units_are_asked_for_once() -> None:
    systemctl = Systemctl()
    asked = systemd.Systemd(systemctl)
    asked.aliases(held("tcp", "::", 22))
    asked.aliases(held("udp", "::", 69))
    assert [call[2] for call in systemctl.calls] == ["*.socket", "ssh.service", "tftpd.service"]


def test_without_systemctl_there_are_no_names() -> None:
    assert systemd.Systemd(lambda _command: "").aliases(held("tcp", "::", 22)) == ()
    assert systemd.run(("netports-no-such-command",)) == ""
    assert systemd.run(("false",)) == ""


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    systemd.parse_units(text)
    systemd.parse_programs(text)
