# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listening sockets from the text of `ss` and `netstat`, in every form that Linux hosts print. Pure.

A row that cannot be understood is an error, never a socket less: whoever reads the table must be able to trust that
what is not in it does not listen.
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.netports.core.plugins.module_utils import _address, _socket_table
from ansible_collections.netports.core.plugins.module_utils._sockets import names

# Command lines to try, in order, until one prints a table. Without a header line an empty table and a failure look the
# same, so none of them asks ss to leave it out. `-e` brings inode and v6-only bit; `-W` and `-T` are the old and new way
# to whole addresses; the last two are for BusyBox without the process column.
SS_COMMANDS: Tuple[Tuple[str, ...], ...] = (("ss", "-lntupe"), ("ss", "-lntup"))
NETSTAT_COMMANDS: Tuple[Tuple[str, ...], ...] = tuple(
    ("netstat", flags) for flags in ("-nlptueW", "-nlptueT", "-nlptue", "-nltuW", "-nltu")
)

_COMM = 15  # bytes that the kernel keeps of a process name
_PROGRAM_COLUMN = 19  # characters that netstat keeps of "PID/Program name"
_ADDRESS_COLUMN = 23  # characters of an address and port that netstat cuts without its wide option

_ANY_IPV4 = "0.0.0.0"  # noqa: S104

_SHOWN = 120


class TextError(ValueError):
    """Text that is no listing of sockets, or has a row that cannot be understood."""


_ENDPOINT = re.compile(r"\S:(?:\d+|\*)$")


def _refuse(line: str, why: str) -> TextError:
    return TextError("%s: %r" % (why, line.strip()[:_SHOWN]))


def _lines(text: str) -> List[str]:
    # Not splitlines: a process name may hold its more exotic line ends.
    return text.split("\n")


def _check_no_row(line: str, tool: str) -> None:
    """Raises TextError for a line that was taken for noise and shows two addresses with ports."""
    if sum(1 for word in line.split() if _ENDPOINT.search(word)) >= 2:
        raise _refuse(line, "cannot be understood as a row of " + tool)


def _split_endpoint(text: str, line: str) -> Tuple[str, str, Optional[str]]:
    """Host, port and device of `[fe80::1]%eth0:123`, `*%mgmt:22`, `:::22`."""
    host, _colon, port = text.rpartition(":")
    if not host:
        raise _refuse(line, "%r is not an address and a port" % (text,))
    host, _percent, device = host.partition("%")
    if device.endswith("]"):  # [fe80::1%eth0]
        host, device = host + "]", device[:-1]
    return host, port, device or None


def _port(text: str, line: str) -> int:
    if not (text.isdigit() and text.isascii()) or int(text) > 65535:
        raise _refuse(line, "%r is not a port number; list with -n" % (text,))
    return int(text)


def _canonical(host: str, line: str) -> str:
    try:
        return _address.canonical(host)
    except ValueError:
        raise _refuse(line, "%r is not an IP address; list with -n" % (host,)) from None


# --- ss ----------------------------------------------------------------------------------------------------------------------

_SS_STATES = "|".join(
    ("LISTEN", "UNCONN", "ESTAB", "SYN-SENT", "SYN-RECV", "NEW-SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT")
    + ("CLOSE-WAIT", "LAST-ACK", "CLOSING", "CLOSED", "UNKNOWN")
)
# ss 4.15 leaves no blank between a state of six letters and the queue: "LISTEN0".
_SS_START = re.compile(r"^\s*(?:(?P<netid>[a-z][a-z0-9_]*)\s+)?(?:%s)(?:\s|\d|$)" % _SS_STATES)
_SS_ROW = re.compile(
    r"^\s*(?:[a-z][a-z0-9_]*\s+)?(?P<state>%s)\s*\d+\s+\d+\s+(?P<local>\S+)\s+(?P<peer>\S+)(?P<rest>.*)$" % _SS_STATES,
    re.DOTALL,
)
_SS_HEADER = re.compile(r"Recv-Q\s+Send-Q\s.*Address:Port|Recv-Q\s+Send-Q\s*$")
# Before 4.15 the columns had fixed widths.
_SS_OLD_HEADER = re.compile(r"State {6}Recv-Q Send-Q ")
_SS_USERS = re.compile(r"(?:^|\s)users:\(")
# A name may hold anything, `pid=7` and brackets too; what ends it is the whole tail of its entry.
_SS_USER = re.compile(r'\("(?P<name>.*?)",(?:pid=)?(?P<pid>\d+),(?:fd=)?\d+\)(?=,\("|\)(?:\s|$)|$)', re.DOTALL)
_SS_NETLINK_SIGNS = re.compile(r"(?:^|\s)(?:<->|-->|<--|cgroup:\S+)(?:\s|$)")


class _SsRow(NamedTuple):
    """A row of ss before it is known which version printed it, and so what `*` means."""

    line: str
    netid: str
    state: str
    host: str
    port: int
    device: Optional[str]
    peer: str
    owners: Tuple[_socket_table.Owner, ...]
    details: str
    v6only: Optional[bool]

    def protocol(self, old: bool) -> Optional[str]:
        """`tcp` or `udp` of a listener, None for any other socket."""
        if not self.peer.endswith(":*"):
            return None
        if self.state == "LISTEN":
            return "tcp"
        # ss 3.x calls UDP sockets `tcp` where both are listed.
        return "udp" if old or self.netid != "tcp" else None


def parse_ss(text: str) -> _socket_table.SocketTable:
    """The table of an `ss` listing, with owners as printed. Raises TextError."""
    header, lines = _ss_lines(text)
    asked = any(_SS_USERS.search(line) for line in lines)
    rows = [row for row in (_ss_row(line) for line in lines) if row is not None]
    old = _is_old_ss(header, rows)
    listeners = [(row, protocol) for row in rows for protocol in (row.protocol(old),) if protocol is not None]
    netlink = {protocol for row, protocol in listeners if _came_by_netlink(row, old)}
    sockets = tuple(_ss_socket(row, protocol, old, protocol in netlink, asked) for row, protocol in listeners)
    return _socket_table.SocketTable(
        sockets=sockets,
        gathered_by="ss",
        knows_v6only=all(s.v6only is not None for s in sockets if s.family == _address.IPV6 and s.address == "::"),
        knows_device=all(s.protocol in netlink for s in sockets),
    )


def _ss_lines(text: str) -> Tuple[str, List[str]]:
    """The header line (empty without one) and the rows, each in one line."""
    header = ""
    rows: List[str] = []
    for line in _lines(text):
        if _SS_START.match(line):
            rows.append(line)
        elif not rows:
            if not header and _SS_HEADER.search(line):
                header = line
            else:
                _check_no_row(line, "ss")
        elif line[:1].isspace() or not _SS_ROW.match(rows[-1]):
            # Older versions wrap at the width of the terminal.
            rows[-1] += " " + line.strip()
        else:
            _check_no_row(line, "ss")
    if not header and not rows:
        raise TextError("no listing of ss: neither its header line nor a row was found%s" % _first_line(text))
    return header, rows


def _first_line(text: str) -> str:
    first = next((line.strip() for line in _lines(text) if line.strip()), "")
    return "; it starts with %r" % first[:_SHOWN] if first else "; it is empty"


def _ss_row(line: str) -> Optional[_SsRow]:
    start = _SS_START.match(line)
    netid = (start.group("netid") or "") if start else ""
    if netid not in ("", "tcp", "udp"):
        return None
    match = _SS_ROW.match(line)
    if match is None:
        raise _refuse(line, "cannot be understood as a row of ss")
    if match.group("state") not in ("LISTEN", "UNCONN"):
        return None
    host, port, device = _split_endpoint(match.group("local"), line)
    if port == "*":
        return None
    details, owners = _ss_owners(match.group("rest"))
    v6only = re.search(r"(?:^|\s)v6only:([01])", details)
    return _SsRow(
        line=line,
        netid=netid,
        state=match.group("state"),
        host=host,
        port=_port(port, line),
        device=device,
        peer=match.group("peer"),
        owners=owners,
        details=details,
        v6only=v6only.group(1) == "1" if v6only else None,
    )


def _ss_owners(rest: str) -> Tuple[str, Tuple[_socket_table.Owner, ...]]:
    """What stands beside the owners, and the owners, one for a process however many descriptors it has."""
    start = _SS_USERS.search(rest)
    if start is None:
        return rest, ()
    found: Dict[int, _socket_table.Owner] = {}
    position = start.end()
    while True:
        match = _SS_USER.match(rest, position)
        if match is None:
            break
        pid = int(match.group("pid"))
        found.setdefault(pid, _socket_table.Owner(pid, match.group("name"), (), _COMM))
        position = match.end()
        if rest[position : position + 1] != ",":
            break
        position += 1
    return rest[: start.start()] + " " + rest[position:], tuple(found.values())


def _is_old_ss(header: str, rows: List[_SsRow]) -> bool:
    """Whether `*` is the wildcard of IPv4, as before iproute2 4.15, and not the dual-stack one. Raises TextError."""
    hosts = [(row.host, row.peer.rpartition(":")[0]) for row in rows]
    new = any(text.startswith("[") or text == _ANY_IPV4 for pair in hosts for text in pair) or "Process" in header
    old = any(
        (":" in text and not text.startswith("[")) or (_is_ipv4(local) and peer == "*")
        for local, peer in hosts
        for text in (local, peer)
    )
    if new and old:
        raise TextError("rows of an old and of a new ss are mixed; give them as two texts")
    if new or old or not any(local == "*" for local, _peer in hosts):
        return old
    if all(row.v6only is not None for row in rows):
        return False
    if _SS_OLD_HEADER.search(header):
        return True
    raise _refuse(
        next(row.line for row in rows if row.host == "*"),
        "'*' is every IPv4 address in an old ss, every address in a new one, and nothing tells which this is; list with -e",
    )


def _is_ipv4(host: str) -> bool:
    return host.count(".") == 3 and ":" not in host


def _came_by_netlink(row: _SsRow, old: bool) -> bool:
    """Whether ss had v6-only bits and devices; from /proc/net it prints v6-only wildcards like dual-stack ones."""
    if row.device is not None or row.v6only is not None:
        return True
    # Before 4.0 it asked the kernel and yet printed neither.
    return not old and (row.host == "[::]" or row.peer.startswith("[::]") or _SS_NETLINK_SIGNS.search(row.details) is not None)


def _ss_socket(row: _SsRow, protocol: str, old: bool, netlink: bool, asked: bool) -> _socket_table.Socket:
    v6only = row.v6only
    if row.host == "*":
        address = _ANY_IPV4 if old else "::"
    else:
        bare = row.host[1:-1] if row.host.startswith("[") and row.host.endswith("]") else row.host
        address = _canonical(bare, row.line)
    if v6only is None and not old and address == "::" and netlink:
        v6only = row.host != "*"
    family = _address.family_of(address)
    inode = re.search(r"(?:^|\s)ino:(\d+)", row.details)
    uid = re.search(r"(?:^|\s)uid:(\d+)", row.details)
    return _socket_table.Socket(
        protocol=protocol,
        family=family,
        address=address,
        port=row.port,
        device=row.device,
        v6only=v6only if family == _address.IPV6 else None,
        inode=int(inode.group(1)) if inode else 0,
        owners=row.owners,
        owner_state=_state(row.owners, asked),
        # Beside the inode, ss leaves out the user id of root alone.
        uid=int(uid.group(1)) if uid else 0 if inode else None,
    )


def _state(owners: Tuple[_socket_table.Owner, ...], asked: bool) -> str:
    # Text does not say whether its reader could see every process, so a socket without owner is not known to have none.
    return _socket_table.FOUND if owners else _socket_table.HIDDEN if asked else _socket_table.UNASKED


# --- netstat -----------------------------------------------------------------------------------------------------------------

_NETSTAT_HEADER = re.compile(r"^\s*Proto(?:col)?\s+Recv-Q\s+Send-Q\s+Local Address\s+Foreign Address\b(?P<columns>.*)$")
_FOREIGN_HEADER = re.compile(
    r"Recv-Q.*\(state\)|Proto\s+Local Address\s+Foreign Address|Local Address\s+Remote Address\s+Swind", re.IGNORECASE
)
_NETSTAT_PROTOCOL = re.compile(r"^\s*(?:tcp|udp)6?\s")
_NETSTAT_OTHER = re.compile(r"^\s*(?:raw|icmp|udpl|udplite|sctp|dccp|unix)6?\s")
_NETSTAT_ROW = re.compile(r"^\s*(?:tcp|udp)6?\s+\d+\s+\d+\s+(?P<local>\S+)\s+(?P<foreign>\S+)(?P<rest>.*)$")
_NETSTAT_STATE = re.compile(r"^\s+(?P<state>[A-Z][A-Z_0-9]+)(?=\s|$)")
_NETSTAT_EXTRA = re.compile(r"^\s+(?P<user>\S+)\s+(?P<inode>\d+)(?=\s|$)")
_NETSTAT_PROGRAM = re.compile(r"^\s+(?P<pid>\d+)/(?P<name>.*)$")


class _NetstatRow(NamedTuple):
    line: str
    protocol: str
    six: bool
    listening: bool
    local: str
    foreign: str
    owner: Optional[_socket_table.Owner]
    shows_owner: bool
    inode: int
    uid: Optional[int]


def parse_netstat(text: str) -> _socket_table.SocketTable:
    """The table of a Linux `netstat` listing, with owners as printed. Raises TextError."""
    rows: List[_NetstatRow] = []
    seen_header = False
    extra = False
    for line in _lines(text):
        header = _NETSTAT_HEADER.match(line)
        if _FOREIGN_HEADER.search(line):
            raise _refuse(line, "is the netstat of another system, not of Linux")
        if header is not None:
            seen_header = True
            extra = "Inode" in header.group("columns")
        elif _NETSTAT_PROTOCOL.match(line):
            rows.append(_netstat_row(line, extra))
        elif not _NETSTAT_OTHER.match(line):
            _check_no_row(line, "netstat")
    if not seen_header and not rows:
        raise TextError("no listing of netstat: neither its header line nor a row was found%s" % _first_line(text))
    # One address beyond the narrow column shows that the listing is a wide one, and nothing in it is cut.
    wide = any(len(row.local) > _ADDRESS_COLUMN or len(row.foreign) > _ADDRESS_COLUMN for row in rows)
    asked = any(row.shows_owner for row in rows)
    sockets = tuple(_netstat_socket(row, wide, asked) for row in rows if row.listening)
    return _socket_table.SocketTable(
        sockets=sockets,
        gathered_by="netstat",
        knows_v6only=not any(s.family == _address.IPV6 and _address.is_wildcard(s.address) for s in sockets),
        knows_device=False,
    )


def _netstat_row(line: str, extra: bool) -> _NetstatRow:
    match = _NETSTAT_ROW.match(line)
    if match is None:
        raise _refuse(line, "cannot be understood as a row of netstat")
    name = line.split()[0]
    protocol = name[:3]
    rest = match.group("rest")
    found = _NETSTAT_STATE.match(rest)
    state = found.group("state") if found else ""
    if found:
        rest = rest[found.end() :]
    elif protocol == "tcp":
        raise _refuse(line, "a TCP row of netstat without a state")
    user = _NETSTAT_EXTRA.match(rest) if extra else None
    if user:
        rest = rest[user.end() :]
    program = _NETSTAT_PROGRAM.match(rest)
    local, foreign = match.group("local"), match.group("foreign")
    listening = state == "LISTEN" if protocol == "tcp" else not state and foreign.endswith(":*")
    return _NetstatRow(
        line=line,
        protocol=protocol,
        # BusyBox and net-tools 1.60 call sockets of both families `tcp`.
        six=name.endswith("6") or ":" in local.rpartition(":")[0],
        listening=listening,
        local=local,
        foreign=foreign,
        owner=_netstat_owner(program.group("pid"), program.group("name")) if program else None,
        shows_owner=program is not None or rest.strip() == "-",
        inode=int(user.group("inode")) if user else 0,
        uid=int(user.group("user")) if user and user.group("user").isdigit() else None,
    )


def _netstat_owner(pid: str, name: str) -> _socket_table.Owner:
    name = name.rstrip()
    return _socket_table.Owner(int(pid), name, names.unique(names.of_title(name), (name,)), _PROGRAM_COLUMN - len(pid) - 1)


def _netstat_socket(row: _NetstatRow, wide: bool, asked: bool) -> _socket_table.Socket:
    host, port, _device = _split_endpoint(row.local, row.line)
    address, cut = _netstat_address(row, host, wide)
    owners = (row.owner,) if row.owner is not None else ()
    return _socket_table.Socket(
        protocol=row.protocol,
        family=_address.IPV6 if row.six else _address.IPV4,
        address=address,
        port=_port(port, row.line),
        inode=row.inode,
        owners=owners,
        owner_state=_state(owners, asked),
        uid=row.uid,
        truncated_address=cut,
    )


def _netstat_address(row: _NetstatRow, host: str, wide: bool) -> Tuple[str, bool]:
    """The address, and whether it may be only the first part of one."""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not row.six:
        return _canonical(host, row.line), False
    if ":" not in host:
        # net-tools prints IPv4-mapped addresses of IPv6 sockets like IPv4.
        return _canonical("::ffff:" + host, row.line), False
    # It cuts what does not fit, so that a cut entry fills the column to its last character.
    if wide or len(row.local) != _ADDRESS_COLUMN:
        return _canonical(host, row.line), False
    return _beginning(host, row.line), True


def _beginning(host: str, line: str) -> str:
    """A cut address as far as it goes, in the form of an address."""
    kept = host[:-1] if host.endswith(":") and not host.endswith("::") else host
    for candidate in (kept, kept + "::"):
        try:
            return _address.canonical(candidate)
        except ValueError:
            continue
    raise _refuse(line, "%r is not the beginning of an IPv6 address" % (host,))


# --- captures ----------------------------------------------------------------------------------------------------------------

_TABLE_RULE = re.compile(r"^[\s|:-]+$")


def parse_capture(text: str) -> _socket_table.SocketTable:
    """The table of a listing of either tool, also one that stands as a Markdown table. Raises TextError."""
    if any(line.lstrip().startswith("|") for line in _lines(text)):
        return parse_netstat(_from_markdown(text))
    netstat = any(_NETSTAT_HEADER.match(line) or _NETSTAT_ROW.match(line) for line in _lines(text))
    ss = any(_SS_HEADER.search(line) and "Address:Port" in line or _SS_START.match(line) for line in _lines(text))
    if netstat and ss:
        raise TextError("listings of ss and of netstat are mixed; give them as two texts")
    if ss:
        return parse_ss(text)
    if netstat or any(_FOREIGN_HEADER.search(line) for line in _lines(text)):
        return parse_netstat(text)
    raise TextError("neither a listing of ss nor one of netstat%s" % _first_line(text))


def _from_markdown(text: str) -> str:
    """The rows of those Markdown tables that have netstat's columns, as netstat prints them."""
    lines: List[str] = []
    inside = False
    for line in _lines(text):
        line = line.strip()
        if not line.startswith("|"):
            inside = False
            continue
        if _TABLE_RULE.match(line):
            continue
        row = "  ".join(cell.strip().replace("\\", "") for cell in line.strip("|").split("|"))
        if _NETSTAT_HEADER.match(row):
            inside = True
        if inside:
            lines.append(row)
    if not lines:
        raise TextError("no Markdown table of it has the columns of netstat (Recv-Q, Send-Q, Local Address, Foreign Address)")
    return "\n".join(lines)
