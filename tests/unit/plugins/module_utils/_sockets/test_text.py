# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real listings of seven versions of ss and netstat, all of one and the same host, and what may never happen to any text."""

from __future__ import annotations

import pathlib
import re
from typing import Dict, List, NamedTuple, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils import _address
from ansible_collections.netports.core.plugins.module_utils._socket_table import FOUND, HIDDEN, UNASKED, Socket, SocketTable
from ansible_collections.netports.core.plugins.module_utils._sockets import text

DATA = pathlib.Path(__file__).parent / "data"
LONG = "2001:db8:1111:2222:3333:4444:5555:6666"


class Real(NamedTuple):
    """A socket of the host on which the listings were made."""

    protocol: str
    address: str
    port: int
    name: Optional[str]
    device: Optional[str] = None
    v6only: Optional[bool] = None


HOST = (
    Real("udp", "0.0.0.0", 8472, None),
    Real("udp", "127.0.0.1", 53, "systemd-resolve", "lo"),
    Real("udp", "192.0.2.7", 123, "ntpd"),
    Real("udp", LONG, 30001, "envoy"),
    Real("udp", "2001:db8::17", 53, "named"),
    Real("udp", "::1", 123, "ntpd"),
    Real("udp", "fe80::a200:ff:fe00:17", 123, "ntpd", "eth0"),
    Real("tcp", "0.0.0.0", 22, "sshd"),
    Real("tcp", "::", 22, "sshd", None, True),
    Real("tcp", "::", 80, "sleep", None, False),
    Real("tcp", "::ffff:127.0.0.1", 8005, "java"),
    Real("tcp", "127.0.0.1", 53, "systemd-resolve", "lo"),
    Real("tcp", "0.0.0.0", 2222, "sshd", "mgmt"),
    Real("tcp", "::", 2223, "sshd", "mgmt", False),
    Real("tcp", "::", 2224, "sshd", "mgmt", True),
    Real("tcp", LONG, 8443, "envoy"),
    Real("tcp", "0.0.0.0", 5001, "a "),  # ss cuts at the bracket: the process is called `a ) b "q" c`
    Real("tcp", "0.0.0.0", 5002, "worker pid=7"),
    Real("tcp", "0.0.0.0", 5003, 'x",pid=7,fd=3'),
    Real("tcp", "0.0.0.0", 5004, "[kworker/0:0]"),
    Real("tcp", "0.0.0.0", 5005, "1/x ino:5 -"),
    Real("tcp", "0.0.0.0", 5006, "sleep"),
    Real("tcp", "0.0.0.0", 5007, "sleep"),
    Real("tcp", "0.0.0.0", 5008, "nobodys"),
)
# The terminal listings of ss 6.1 are of another host, a Kuma control plane.
KUMA = "ss-6.1-lntup-terminal-80.bin"
OF_THE_HOST = sorted(path.name for path in DATA.iterdir() if path.name not in (KUMA, "netstat-2.10-ltup-names.txt", "README.md"))


def read(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


def expected(name: str) -> List[Real]:
    flags = name.split("-")[2]
    return [
        real
        for real in HOST
        if not ("u" not in flags and flags.startswith("lnt") and real.protocol == "udp")
        and not (flags.startswith("lnu") and real.protocol == "tcp")
    ]


def by_place(table: SocketTable) -> Dict[Tuple[str, str, int], Socket]:
    found = {(s.protocol, s.address, s.port): s for s in table.sockets}
    assert len(found) == len(table.sockets)
    return found


def parse(name: str) -> SocketTable:
    return text.parse_ss(read(name)) if name.startswith("ss") else text.parse_netstat(read(name))


def cut(real: Real, name: str) -> bool:
    return (
        name.startswith("netstat") and "busybox" not in name and "W" not in name and len("%s:%d" % (real.address, real.port)) > 23
    )


@pytest.mark.parametrize("name", OF_THE_HOST)
def test_every_listing_holds_the_sockets_of_the_host_and_no_other(name: str) -> None:
    table = parse(name)
    whole = [s for s in table.sockets if not s.truncated_address]
    wanted = expected(name)
    assert {(s.protocol, s.address, s.port) for s in whole} == {
        (real.protocol, real.address, real.port) for real in wanted if not cut(real, name)
    }
    assert sorted((s.protocol, s.port) for s in table.sockets) == sorted((real.protocol, real.port) for real in wanted)
    assert all(s.family == (_address.IPV6 if ":" in s.address else _address.IPV4) for s in table.sockets)


@pytest.mark.parametrize("name", OF_THE_HOST)
def test_recognised_by_itself(name: str) -> None:
    assert text.parse_capture(read(name)) == parse(name)


@pytest.mark.parametrize("name", [name for name in OF_THE_HOST if name.startswith("ss")])
def test_devices_and_v6only_are_right_or_unknown(name: str) -> None:
    table = parse(name)
    found = by_place(table)
    for real in expected(name):
        seen = found[(real.protocol, real.address, real.port)]
        assert seen.device == real.device or not table.knows_device and seen.device is None
        if real.address == "::":
            assert seen.v6only in (real.v6only, None)
            assert seen.v6only is not None or not table.knows_v6only
        if ":" not in real.address:
            assert seen.v6only is None


@pytest.mark.parametrize("version", ["4.15", "5.1", "6.1"])
def test_what_a_star_means_is_known_when_ss_asked_the_kernel(version: str) -> None:
    """Since 4.15 `*` is dual-stack and `[::]` v6-only, but from /proc/net ss prints both as `*`."""
    asked = parse("ss-%s-lntupe.txt" % version)
    assert asked.knows_v6only and asked.knows_device
    if version != "5.1":
        guessed = parse("ss-%s-lntupe-from-proc.txt" % version)
        assert not guessed.knows_v6only and not guessed.knows_device
        assert {s.v6only for s in guessed.sockets} == {None}


@pytest.mark.parametrize("version", ["3.12", "4.9"])
def test_what_a_star_means_in_an_old_ss(version: str) -> None:
    found = by_place(parse("ss-%s-lntupe.txt" % version))
    assert ("tcp", "0.0.0.0", 22) in found and ("tcp", "::", 80) in found
    assert found[("tcp", "::", 80)].v6only is (None if version == "3.12" else False)


@pytest.mark.parametrize(
    "line", ["tcp LISTEN 0 128 *:22 *:*", 'tcp   LISTEN 0      128        *:22         *:*    users:(("sshd",pid=9,fd=3))']
)
def test_a_star_that_may_mean_either_is_refused(line: str) -> None:
    with pytest.raises(text.TextError, match="nothing tells which this is; list with -e"):
        text.parse_ss("Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n" + line)


def test_a_star_of_an_old_ss_is_known_by_its_columns() -> None:
    header = "Netid  State      Recv-Q Send-Q     Local Address:Port       Peer Address:Port \n"
    table = text.parse_ss(header + "tcp    LISTEN     0      128                    *:22                    *:*     \n")
    assert [(s.family, s.address) for s in table.sockets] == [("ipv4", "0.0.0.0")]


@pytest.mark.parametrize(
    "name", [name for name in OF_THE_HOST if re.match(r"ss-[^-]*-(H?lntupe?|anp)", name) and "unprivileged" not in name]
)
def test_owners_of_ss(name: str) -> None:
    found = by_place(parse(name))
    for real in expected(name):
        seen = found[(real.protocol, real.address, real.port)]
        assert [owner.name for owner in seen.owners][:1] == ([real.name] if real.name else [])
        assert seen.owner_state == (FOUND if real.name else HIDDEN)
        assert all(owner.pid is not None and owner.pid > 1000 and owner.truncated == 15 for owner in seen.owners)
    assert len(found[("tcp", "0.0.0.0", 22)].owners) == 2


@pytest.mark.parametrize(
    "name", [name for name in OF_THE_HOST if re.match(r"netstat.*-(nlptu|nlp)", name) and "unprivileged" not in name]
)
def test_owners_of_netstat(name: str) -> None:
    named = {(s.protocol, s.port, s.family): s for s in parse(name).sockets}
    nginx = named[("tcp", 80, "ipv6")].owners[0]
    assert "nginx" in (nginx.name, *nginx.aliases)
    sshd = named[("tcp", 5006, "ipv4")].owners[0]
    assert "sshd" in (sshd.name, *sshd.aliases)
    blanks = named[("tcp", 5007, "ipv4")].owners[0]
    assert blanks.name == "my program wi" and blanks.truncated == len(blanks.name)
    assert named[("udp", 8472, "ipv4")].owner_state == HIDDEN
    assert named[("udp", 8472, "ipv4")].owners == ()


@pytest.mark.parametrize("name", [name for name in OF_THE_HOST if "unprivileged" in name])
def test_without_privilege_owners_are_hidden_and_not_missing(name: str) -> None:
    table = parse(name)
    assert not table.owners_complete
    assert {s.owner_state for s in table.sockets} <= {HIDDEN, UNASKED}


@pytest.mark.parametrize(
    "name", ["netstat-1.60-nltu.txt", "netstat-2.10-nltu.txt", "netstat-busybox-1.35-nltu.txt", "ss-6.1-lntu.txt"]
)
def test_owners_that_nobody_asked_for(name: str) -> None:
    assert {s.owner_state for s in parse(name).sockets} == {UNASKED}


@pytest.mark.parametrize(
    "name", [name for name in OF_THE_HOST if re.search(r"lntupe(\.|$)|nlptue", name) and "busybox" not in name]
)
def test_inodes_where_they_are_printed(name: str) -> None:
    assert all(s.inode > 0 and s.uid in (0, 65534) for s in parse(name).sockets)


@pytest.mark.parametrize("name", ["netstat-2.10-nlptue.txt", "netstat-1.60-nlptue.txt"])
def test_addresses_that_netstat_cut_are_marked(name: str) -> None:
    truncated = {(s.protocol, s.port): s for s in parse(name).sockets if s.truncated_address}
    assert set(truncated) == {("tcp", 8443), ("udp", 30001), ("udp", 123)}
    assert truncated[("tcp", 8443)].address == "2001:db8:1111:2222::"
    assert truncated[("udp", 123)].address == "fe80::a200:ff:fe00"


def test_one_long_address_shows_that_nothing_is_cut() -> None:
    header = "Proto Recv-Q Send-Q Local Address           Foreign Address         State\n"
    exactly = "udp6 0 0 fe80::a200:ff:fe00:1:123 :::*\n"
    assert len("fe80::a200:ff:fe00:1:12") == 23
    narrow = text.parse_netstat(header + exactly.replace(":123", ":12"))
    assert narrow.sockets[0].truncated_address
    wide = text.parse_netstat(header + exactly.replace(":123", ":12") + "udp6 0 0 %s:7 :::*\n" % LONG)
    assert [s.truncated_address for s in wide.sockets] == [False, False]


def test_a_terminal_listing_of_a_kuma_control_plane() -> None:
    table = text.parse_capture(read(KUMA))
    assert {(s.protocol, s.address, s.port) for s in table.sockets} == {
        ("udp", "0.0.0.0", 5653),
        ("tcp", "127.0.0.1", 5680),
        ("tcp", "::1", 5682),
        ("tcp", "::", 5681),
        ("tcp", "::", 5676),
        ("tcp", "::", 5678),
    }
    # The peer `[::]:*` of the third proves that ss knew v6-only sockets.
    assert table.knows_v6only
    assert {owner.name for s in table.sockets for owner in s.owners} == {"kuma-cp"}


def test_wrapped_lines() -> None:
    table = text.parse_ss(
        "Netid State  Recv-Q Send-Q\n  Local Address:Port  Peer Address:Port\n"
        'tcp   LISTEN 0      128\n            [::1]:5682          [::]:*\n     users:(("kuma-cp",pid=2582,fd=6))\n'
        "udp   UNCONN 0      0\n          0.0.0.0:5653       0.0.0.0:*\n"
    )
    assert [(s.address, s.port, len(s.owners)) for s in table.sockets] == [("::1", 5682, 1), ("0.0.0.0", 5653, 0)]


SSH = "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* "


@pytest.mark.parametrize(
    "users, names",
    [
        ('users:(("sshd",pid=9,fd=3))', ["sshd"]),
        ('users:(("sshd",9,3),("sshd",10,3))', ["sshd", "sshd"]),
        ('users:(("nginx",pid=7,fd=6),("nginx",pid=7,fd=8))', ["nginx"]),
        ('users:(("a b",pid=7,fd=6),("c) d",pid=8,fd=8)) ino:5 sk:1', ["a b", "c) d"]),
        ('users:(("[x]",pid=7,fd=6))', ["[x]"]),
        ('users:(("",pid=7,fd=6))', [""]),
        ('users:(("ino:9 v6only:1",pid=7,fd=6)) ino:5 sk:1', ["ino:9 v6only:1"]),
    ],
)
def test_users(users: str, names: List[str]) -> None:
    (sock,) = text.parse_ss(SSH + users).sockets
    assert [owner.name for owner in sock.owners] == names
    assert sock.inode == (5 if "sk:1" in users else 0)


def test_users_that_a_terminal_cut_off_are_hidden() -> None:
    (sock,) = text.parse_ss(SSH + 'users:(("sshd",pid=9').sockets
    assert sock.owner_state == HIDDEN


@pytest.mark.parametrize(
    "line, where",
    [
        ("tcp LISTEN 0 128 fe80::1%eth0:22 :::*", ("fe80::1", "eth0")),
        ("tcp LISTEN 0 128 [fe80::1]%eth0:22 [::]:*", ("fe80::1", "eth0")),
        ("tcp LISTEN 0 128 [fe80::1%eth0]:22 [::]:*", ("fe80::1", "eth0")),
        ("tcp LISTEN 0 128 0.0.0.0%mgmt:22 0.0.0.0:*", ("0.0.0.0", "mgmt")),
        ("tcp LISTEN 0 128 192.168.200.11%mgmt:22 0.0.0.0:*", ("192.168.200.11", "mgmt")),
        ("tcp LISTEN 0 128 127.0.0.1%if17:22 0.0.0.0:*", ("127.0.0.1", "if17")),
        ("LISTEN0 128 127.0.0.1%lo:22 0.0.0.0:*", ("127.0.0.1", "lo")),
    ],
)
def test_devices(line: str, where: Tuple[str, str]) -> None:
    (sock,) = text.parse_ss(line).sockets
    assert (sock.address, sock.device) == where


@pytest.mark.parametrize("name", [name for name in OF_THE_HOST if "anp" in name])
def test_connections_and_clients_are_no_listeners(name: str) -> None:
    assert re.search(r"ESTAB", read(name))
    assert len(parse(name).sockets) == len(HOST)


@pytest.mark.parametrize(
    "line",
    [
        "udp UNCONN 0 0 10.0.0.1:5000 10.0.0.2:53",
        "udp ESTAB 0 0 10.0.0.1:5000 10.0.0.2:53",
        "tcp UNCONN 0 0 10.0.0.1:5000 0.0.0.0:*",
        "tcp TIME-WAIT 0 0 10.0.0.1:22 10.0.0.2:5022",
    ],
)
def test_no_listener_of_ss(line: str) -> None:
    assert (
        text.parse_ss("Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n%s\n%s\n" % (line, SSH)).sockets[0].port
        == 22
    )


@pytest.mark.parametrize(
    "line",
    [
        "udp 0 0 10.0.0.1:5000 10.0.0.2:53 ESTABLISHED 7/dig",
        "tcp 0 0 10.0.0.1:22 10.0.0.2:5022 ESTABLISHED 7/sshd: me@pts/0",
        "raw6 0 0 :::58 :::* 7 9/ping",
        "unix  2      [ ACC ]     STREAM     LISTENING     543256   32138/x :1 a:2 /tmp/u.sock",
    ],
)
def test_no_listener_of_netstat(line: str) -> None:
    header = "Proto Recv-Q Send-Q Local Address Foreign Address State PID/Program name\n"
    assert text.parse_netstat(header + line + "\n").sockets == ()


@pytest.mark.parametrize(
    "listing",
    [
        "",
        "\n\n",
        "bash: ss: command not found\n",
        "Usage: ss [ OPTIONS ]\n       ss [ OPTIONS ] [ FILTER ]\n",
        "netstat: invalid option -- 'p'\nBusyBox v1.35.0 multi-call binary.\n",
    ],
)
def test_what_is_no_listing_is_an_error(listing: str) -> None:
    for parser in (text.parse_ss, text.parse_netstat, text.parse_capture):
        with pytest.raises(text.TextError):
            parser(listing)


def test_a_header_alone_is_a_host_on_which_nothing_listens() -> None:
    assert text.parse_ss("Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n").sockets == ()
    header = (
        "Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address           Foreign Address         State\n"
    )
    assert text.parse_netstat(header).sockets == ()


@pytest.mark.parametrize(
    "listing, message",
    [
        ("tcp LISTEN 0 128 *:ssh *:*", "list with -n"),
        ("tcp LISTEN 0 128 localhost:22 0.0.0.0:*", "list with -n"),
        ("tcp LISTEN 0 128 0.0.0.0:99999 0.0.0.0:*", "not a port number"),
        ("tcp LISTEN 0 128 0.0.0.0:22", "cannot be understood"),
        (
            "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTENING 0.0.0.0:22 0.0.0.0:*",
            "cannot be understood",
        ),
        ("tcp LISTEN 0 128 :::22 :::*\ntcp LISTEN 0 128 [::]:23 [::]:*", "an old and of a new ss are mixed"),
        ("Proto Recv-Q Send-Q Local Address Foreign Address State\ntcp 0 0 0.0.0.0:22 0.0.0.0:*", "without a state"),
        ("Proto Recv-Q Send-Q Local Address Foreign Address State\ntcp 0 0 0.0.0.0:ssh 0.0.0.0:* LISTEN", "list with -n"),
        ("Proto Recv-Q Send-Q Local Address Foreign Address State\ntcp4 0 0 0.0.0.0:22 0.0.0.0:* LISTEN", "cannot be understood"),
        (
            "Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)\ntcp4 0 0 *.22 *.* LISTEN",
            "another system",
        ),
        (
            "  Proto  Local Address          Foreign Address        State\n  TCP    0.0.0.0:135  0.0.0.0:0  LISTENING",
            "another system",
        ),
        (SSH + "\nProto Recv-Q Send-Q Local Address Foreign Address State", "are mixed"),
        ("| Port | Protocol |\n| --- | --- |\n| 22 | TCP |", "no Markdown table"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_reason(listing: str, message: str) -> None:
    with pytest.raises(text.TextError, match=message):
        text.parse_capture(listing)


def test_a_prompt_around_a_capture_does_no_harm() -> None:
    listing = "cumulus@switch:~$ sudo ss -lntup\n%scumulus@switch:~$ \n" % read("ss-6.1-lntup.txt")
    assert text.parse_capture(listing).sockets == parse("ss-6.1-lntup.txt").sockets


def test_a_markdown_table_is_read_and_other_tables_beside_it_are_not() -> None:
    table = text.parse_capture(
        "| Protocol | Access |\n| --- | --- |\n| TCP | SSH 0.0.0.0:22 |\n\n"
        "| Protocol | Recv-Q | Send-Q | Local Address | Foreign Address | State | PID/Program name |\n"
        "| -------- | ------ | ------ | ------------- | --------------- | ----- | ---------------- |\n"
        "| tcp6     | 0      | 0      | :::53         | :::\\*          | LISTEN | 444/dnsmasq     |\n"
        "| udp      | 0      | 0      | 0.0.0.0:68    | 0.0.0.0:\\*     |        | 839/dhclient    |\n"
        "| udp6     | 0      | 0      | fe80::a200:ff:fe00::123 | :::\\*  |       | 907/ntpd        |\n\n"
        "| Port | Protocol | \n| --- | --- |\n| 22 | TCP |\n"
    )
    assert [(s.protocol, s.family, s.address, s.port, s.owners[0].pid, s.truncated_address) for s in table.sockets] == [
        ("tcp", "ipv6", "::", 53, 444, False),
        ("udp", "ipv4", "0.0.0.0", 68, 839, False),
        ("udp", "ipv6", "fe80::a200:ff:fe00", 123, 907, True),
    ]


# --- for any text ------------------------------------------------------------------------------------------------------------

addresses = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(lambda a: _address.canonical(str(a))))
ports = st.integers(1, 65535)
# ss cuts names at a closing bracket; a line end in a name breaks the line.
comms = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"), blacklist_characters=")"), max_size=15)
pids = st.integers(1, 4194304)
devices = st.none() | st.from_regex(r"[a-z]{1,5}[0-9]{0,3}", fullmatch=True)


@given(addresses, ports, comms, pids, devices, st.booleans())
def test_what_ss_prints_is_read_back(address: str, port: int, name: str, pid: int, device: Optional[str], v6only: bool) -> None:
    six = ":" in address
    host = "[%s]" % address if six and (address != "::" or v6only) else "*" if six else address
    peer = ("[::]" if v6only else "*") if six else "0.0.0.0"
    line = 'tcp LISTEN 0 128 %s%s:%d %s:* users:(("%s",pid=%d,fd=3),("x",pid=%d,fd=4)) uid:5 ino:77 sk:1 <->%s' % (
        host,
        "%" + device if device else "",
        port,
        peer,
        name,
        pid,
        pid + 1,
        " v6only:%d" % v6only if six else "",
    )
    (sock,) = text.parse_ss(line).sockets
    assert (sock.address, sock.port, sock.device, sock.inode, sock.uid) == (address, port, device, 77, 5)
    assert sock.v6only is (v6only if six else None)
    assert [(owner.name, owner.pid) for owner in sock.owners] == [(name, pid), ("x", pid + 1)]


@given(addresses, ports, comms, pids, st.booleans())
def test_what_netstat_prints_is_read_back(address: str, port: int, name: str, pid: int, wide: bool) -> None:
    shown = _address.plain(address)
    if not wide and len(shown) + len(str(port)) > 22:
        shown = shown[: 22 - len(str(port))]
    program = ("%d/%s" % (pid, name))[:19]
    line = "tcp%s 0 0 %s:%d %s LISTEN      %-20s" % ("6" if ":" in address else "", shown, port, ":::*", program)
    longer = "tcp6 0 0 %s:1 :::* LISTEN -\n" % LONG if wide else ""
    sock = text.parse_netstat(line + "\n" + longer).sockets[0]
    assert sock.port == port and sock.family == _address.family_of(address)
    assert sock.truncated_address or sock.address == address
    (owner,) = sock.owners
    assert owner.pid == pid and program.rstrip() == ("%d/%s" % (pid, owner.name)).rstrip()
    assert owner.name == name.rstrip() or owner.truncated is not None and name.startswith(owner.name)


lines = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.sampled_from(read("ss-6.1-lntupe.txt").splitlines()),
        st.sampled_from(read("ss-4.9-lntupe.txt").splitlines()),
        st.sampled_from(read("netstat-2.10-nlptue.txt").splitlines()),
        st.from_regex(r"(tcp|udp|tcp6|nl|u_str)? *(LISTEN|UNCONN|ESTAB)?( [0-9:*.%\[\]a-f/\"(),|]*){0,8}", fullmatch=True),
    ),
    max_size=6,
)


@given(lines, st.integers(0, 400))
def test_any_text_is_a_table_or_a_text_error(parts: List[str], length: int) -> None:
    for listing in ("\n".join(parts), "\n".join(parts)[:length]):
        for parser in (text.parse_ss, text.parse_netstat, text.parse_capture):
            try:
                table = parser(listing)
            except text.TextError:
                continue
            for sock in table.sockets:
                assert _address.canonical(sock.address) == sock.address
                assert 0 <= sock.port <= 65535


@given(st.sampled_from(OF_THE_HOST), st.data())
def test_a_row_is_never_lost_in_silence(name: str, data: st.DataObject) -> None:
    """A listing with one damaged row either says so or still holds its socket."""
    rows = read(name).splitlines()
    index = data.draw(st.integers(0, len(rows) - 1))
    start = data.draw(st.integers(0, min(len(rows[index]), 60)))
    damaged = rows[index][:start] + data.draw(st.sampled_from(["?", " ", "0"])) + rows[index][start + 1 :]
    whole = parse(name)
    try:
        table = text.parse_capture("\n".join(rows[:index] + [damaged] + rows[index + 1 :]))
    except text.TextError:
        return
    if index and re.match(r"\s*(tcp|udp|LISTEN|UNCONN)", rows[index]) and len(table.sockets) < len(whole.sockets):
        # What is no listener any more by what it says: another protocol, state or peer.
        assert damaged.split()[:2] != rows[index].split()[:2] or damaged.split()[4:6] != rows[index].split()[4:6]


def test_rows_of_ss_that_are_no_listeners_are_passed_over():
    rows = [
        "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port",
        "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*",
        "tcp ESTAB 0 0 192.0.2.1:22 192.0.2.7:40000",
        "udp UNCONN 0 0 0.0.0.0:* 0.0.0.0:*",
        "u_str LISTEN 0 128 /run/x 12345 * 0",
    ]
    assert [sock.port for sock in text.parse_ss("\n".join(rows)).sockets] == [22]


@pytest.mark.parametrize("host", ["[::]", "::"])
def test_addresses_of_netstat_with_and_without_brackets(host):
    """As busybox prints them, and net-tools."""
    row = "tcp6       0      0 %s:80                   :::*                    LISTEN      1/a\n" % host
    (sock,) = text.parse_netstat(text_of_netstat(row)).sockets
    assert (sock.address, sock.port) == ("::", 80)


def text_of_netstat(*rows):
    head = "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\n"
    return "Active Internet connections (only servers)\n" + head + "".join(rows)


def test_what_is_no_beginning_of_an_address_is_refused():
    """It fills the column to its last character, as one that was cut does."""
    row = "tcp6       0      0 2001:db8::1::2:3:4:5:80 :::*                    LISTEN      1/a\n"
    with pytest.raises(text.TextError, match="not the beginning of an IPv6 address"):
        text.parse_netstat(text_of_netstat(row))


@pytest.mark.parametrize(
    "rows, address",
    [
        # An old ss prints IPv4 peers as `*`, a new one as 0.0.0.0.
        (["tcp LISTEN 0 128 192.0.2.7:22 *:*"], "0.0.0.0"),
        (["tcp LISTEN 0 128 192.0.2.7:22 0.0.0.0:*"], "::"),
        (["Netid State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess"], "::"),
    ],
)
def test_what_tells_the_meaning_of_a_star(rows, address):
    table = text.parse_ss("\n".join([*rows, "tcp LISTEN 0 128 *:80 *:*"]))
    assert [sock.address for sock in table.sockets if sock.port == 80] == [address]


def test_one_device_shows_that_ss_asked_the_kernel():
    assert text.parse_ss("tcp LISTEN 0 128 0.0.0.0%mgmt:22 0.0.0.0:*").knows_device
    assert not text.parse_ss("tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*").knows_device


def test_ss_on_a_host_that_has_clients_alone():
    assert text.parse_ss("udp UNCONN 0 0 10.0.0.1:5000 10.0.0.2:53").sockets == ()


def test_an_ipv4_socket_has_no_bit_for_v6only():
    assert text.parse_ss(SSH + "ino:5 sk:1 v6only:0").sockets[0].v6only is None


def test_the_user_is_known_beside_an_inode_alone():
    assert [text.parse_ss(SSH + rest).sockets[0].uid for rest in ("ino:5 sk:1", "uid:7 ino:5 sk:1", "")] == [0, 7, None]


def test_half_a_pair_of_brackets_is_refused():
    for listing in ("tcp LISTEN 0 128 [::1:22 [::]:*", text_of_netstat("tcp6 0 0 [::1:22 :::* LISTEN -\n")):
        with pytest.raises(text.TextError, match="not an IP address"):
            text.parse_capture(listing)


def test_what_netstat_cannot_tell():
    """Devices never; v6-only bits, which an IPv6 wildcard alone makes a question of."""
    known = {}
    for address in ("0.0.0.0", "::1", "::"):
        table = text.parse_netstat(text_of_netstat("tcp%s 0 0 %s:22 %s LISTEN -\n" % ("6" * (":" in address), address, ":::*")))
        assert table.gathered_by == "netstat" and not table.knows_device
        known[address] = table.knows_v6only
    assert known == {"0.0.0.0": True, "::1": True, "::": False}
    assert text.parse_ss(SSH).gathered_by == "ss"


def test_a_dash_is_an_owner_that_netstat_could_not_see():
    table = text.parse_netstat(text_of_netstat("tcp 0 0 0.0.0.0:22 0.0.0.0:* LISTEN -\n"))
    assert [sock.owner_state for sock in table.sockets] == [HIDDEN]


@pytest.mark.parametrize("header", [text_of_netstat(), ""])
def test_a_number_in_a_name_is_no_inode(header):
    row = "tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      7/my 5 x\n"
    (sock,) = text.parse_netstat(header + row).sockets
    assert (sock.owners[0].name, sock.inode) == ("my 5 x", 0)


def test_a_client_of_netstat_without_a_state_is_no_listener():
    assert text.parse_netstat(text_of_netstat("udp 0 0 10.0.0.1:5000 10.0.0.2:53 -\n")).sockets == ()


def test_a_peer_that_fills_its_column_is_no_sign_of_a_wide_listing():
    cut = "2001:db8:1111:2222:1:22"
    assert len(cut) == 23
    rows = ["tcp6 0 0 %s 2001:db8:1111:2222:7:80 ESTABLISHED -\n" % cut, "tcp6 0 0 %s :::* LISTEN -\n" % cut]
    (sock,) = text.parse_netstat(text_of_netstat(*rows)).sockets
    assert sock.truncated_address and sock.address == "2001:db8:1111:2222:1::"


def test_an_address_that_is_cut_behind_its_zeroes():
    (sock,) = text.parse_netstat(text_of_netstat("tcp6 0 0 2001:db8:1111:22:::8443 :::* LISTEN -\n")).sockets
    assert sock.truncated_address and sock.address == "2001:db8:1111:22::"


def test_prose_beside_a_listing():
    """An address in it is no row, but two with ports may be one."""
    rows = text_of_netstat("tcp 0 0 0.0.0.0:22 0.0.0.0:* LISTEN 7/sshd\n")
    for prose in ("Every Address:Port of the host", "Log in at 192.0.2.7:22"):
        assert [sock.port for sock in text.parse_capture(prose + "\n" + rows).sockets] == [22]
    with pytest.raises(text.TextError, match="as a row of netstat: "):
        text.parse_capture(rows + "tcp4 0 0 0.0.0.0:23 0.0.0.0:* LISTEN\n")
    between = "from 192.0.2.7:22 to 192.0.2.8:22"
    for listing in (SSH + "\n" + between, between + "\n" + SSH):
        with pytest.raises(text.TextError, match="as a row of ss: "):
            text.parse_ss(listing)
    assert text.parse_ss(SSH + "\nuid:7 is no part of it").sockets[0].uid is None


@pytest.mark.parametrize("listing, message", [("", "it is empty"), ("\n bash: no ss \n", "it starts with 'bash: no ss'$")])
def test_what_is_no_listing_is_shown(listing, message):
    for parser in (text.parse_ss, text.parse_netstat, text.parse_capture):
        with pytest.raises(text.TextError, match=message):
            parser(listing)


@pytest.mark.parametrize("indent", ["", "    "])
def test_other_tables_are_never_taken_for_rows_of_netstat(indent):
    other = ["| Protocol | Access |", "| --- | --- |", "| tcp | SSH 0.0.0.0:22 |", ""]
    rows = [
        "| Proto | Recv-Q | Send-Q | Local Address | Foreign Address | State | PID/Program name |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| tcp | 0 | 0 | 127.0.0.1:53 | 0.0.0.0:* | LISTEN | 444/dnsmasq |",
        "",
    ]
    table = text.parse_capture("\n".join(indent + line for line in other + rows + other))
    assert [(sock.address, sock.port) for sock in table.sockets] == [("127.0.0.1", 53)]


def test_line_ends_of_another_system():
    for name in ("ss-6.1-lntupe.txt", "netstat-2.10-nlptue.txt"):
        assert text.parse_capture(read(name).replace("\n", "\r\n")) == parse(name)


@pytest.mark.parametrize("indent", ["", " ", "      "])
def test_rows_that_are_wrapped_anywhere(indent):
    """Not only where the next line begins with many blanks."""
    owner = 'users:(("sshd",pid=9,fd=3))'
    (sock,) = text.parse_ss("tcp LISTEN 0 128\n%s0.0.0.0:22\n%s0.0.0.0:*\n %s" % (indent, indent, owner)).sockets
    assert (sock.port, [owner.name for owner in sock.owners]) == (22, ["sshd"])


@pytest.mark.parametrize(
    "end, message",
    [(":22", "not an address and a port"), ("22", "not an address and a port"), ("0.0.0.0:65536", "not a port number")],
)
def test_what_is_no_end_of_a_socket(end, message):
    with pytest.raises(text.TextError, match=message):
        text.parse_ss("tcp LISTEN 0 128 %s 0.0.0.0:*" % end)
    assert text.parse_ss("tcp LISTEN 0 128 0.0.0.0:65535 0.0.0.0:*").sockets[0].port == 65535
