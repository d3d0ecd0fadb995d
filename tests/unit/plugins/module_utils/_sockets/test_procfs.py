# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables of /proc/net, of both byte orders, whole, missing and unreadable."""

from __future__ import annotations

import pathlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._sockets import procfs

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = "   0: %s %s %s 00000000:00000000 00:00000000 00000000   101        0 4711 1 0000000000000000 100 0 0 10 0\n"


def row(local: str, remote: str, state: str) -> str:
    return ROW % (local, remote, state)


def directory(path: pathlib.Path, **tables: str) -> str:
    for name in ("tcp", "udp", "tcp6", "udp6"):
        (path / name).write_text(HEADER + tables.get(name, ""))
    (path / "if_inet6").write_text("")
    return str(path)


@pytest.mark.parametrize(
    "text, order, address",
    [
        ("0100007F", "<", "127.0.0.1"),
        ("7F000001", ">", "127.0.0.1"),
        ("00000000", "<", "0.0.0.0"),
        ("0000000000000000FFFF00000100007F", "<", "::ffff:127.0.0.1"),
        ("00000000000000000000FFFF7F000001", ">", "::ffff:127.0.0.1"),
        ("B80D0120000000000000000001000000", "<", "2001:db8::1"),
        ("20010DB8000000000000000000000001", ">", "2001:db8::1"),
    ],
)
def test_addresses_are_words_in_the_order_of_the_host(text: str, order: str, address: str) -> None:
    assert procfs.address(text, order) == address


@given(st.ip_addresses(), st.sampled_from("<>"))
def test_any_address_is_read_back(address: object, order: str) -> None:
    packed: bytes = address.packed  # type: ignore[attr-defined]
    words = struct.unpack(">%dI" % (len(packed) // 4), packed)
    printed = "".join("%08X" % struct.unpack(order + "I", struct.pack(">I", word)) for word in words)
    assert procfs.address(printed, order) == procfs.address("".join("%08X" % word for word in words), ">")


def test_only_listeners_and_unconnected_udp(tmp_path: pathlib.Path) -> None:
    tcp = (
        row("00000000:0016", "00000000:0000", "0A")
        + row("0100007F:1F90", "0100007F:C350", "01")
        + row("0100007F:1F91", "00000000:0000", "07")
    )
    udp = row("00000000:0035", "00000000:0000", "07") + row("0100007F:A000", "0100007F:0035", "01")
    table = procfs.read(directory(tmp_path, tcp=tcp, udp=udp))
    assert [(s.protocol, s.address, s.port, s.inode, s.uid) for s in table.sockets] == [
        ("tcp", "0.0.0.0", 22, 4711, 101),
        ("udp", "0.0.0.0", 53, 4711, 101),
    ]
    assert table.knows_v6only and not table.knows_device


def test_the_v6only_bit_is_unknown(tmp_path: pathlib.Path) -> None:
    table = procfs.read(directory(tmp_path, tcp6=row("0" * 32 + ":0050", "0" * 32 + ":0000", "0A")))
    assert [(s.family, s.address, s.v6only) for s in table.sockets] == [("ipv6", "::", None)]
    assert not table.knows_v6only


def test_without_ipv6_nothing_listens_there(tmp_path: pathlib.Path) -> None:
    where = directory(tmp_path, tcp=row("00000000:0016", "00000000:0000", "0A"))
    for name in ("tcp6", "udp6", "if_inet6"):
        (tmp_path / name).unlink()
    assert [s.port for s in procfs.read(where).sockets] == [22]


@pytest.mark.parametrize("name", ["tcp", "udp", "tcp6", "udp6"])
def test_a_missing_table_is_an_error(tmp_path: pathlib.Path, name: str) -> None:
    where = directory(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(procfs.ProcError, match="%s does not exist" % (tmp_path / name)):
        procfs.read(where)


@pytest.mark.parametrize("text", ["", "nonsense\n", HEADER + "   0: zz\n", HEADER + row("00000:0016", "00000000:0000", "07")])
def test_a_damaged_table_is_an_error(tmp_path: pathlib.Path, text: str) -> None:
    where = directory(tmp_path)
    (tmp_path / "udp").write_text(text)
    with pytest.raises(procfs.ProcError, match=str(tmp_path / "udp")):
        procfs.read(where)


@given(st.text(max_size=200))
def test_any_table_is_understood_or_refused(text: str) -> None:
    for content in (text, HEADER + text):
        try:
            procfs.parse(content, "tcp", "ipv4")
        except ValueError:
            pass
