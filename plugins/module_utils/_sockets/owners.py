# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which processes hold given sockets, looking at as few of a host's processes as will do.

Reading every descriptor of every process is what makes `ss -p` and `netstat -p` slow. Here the search goes from the
likely to the unlikely and ends as soon as every socket has a holder that can be the right one:

1. the processes in the socket's cgroup, which the kernel tells;
2. those called as expected, and the children of those that hold a socket;
3. no process at all: the kernel's own tunnels;
4. all processes, of large ones the first descriptors;
5. the rest of their descriptors, smaller processes first, up to a budget.

How complete it is: of a socket with a right holder in its cgroup all holders in that cgroup are found; else those that
come up until a right one did, with its children. With `every` all processes are searched, and a holder can be missed only
among the later descriptors of a process with more than 1,024.

A socket without holder is the kernel's (KERNEL) when it is a tunnel's, or when every descriptor of every process could be
read. In any other case it is HIDDEN.
"""

from __future__ import annotations

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING
from ansible_collections.netports.core.plugins.module_utils._socket_table import (
    FOUND,
    HIDDEN,
    KERNEL,
    Owner,
    Socket,
    SocketTable,
)
from ansible_collections.netports.core.plugins.module_utils._sockets import cgroups, processes

if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Mapping, Sequence, Set, Tuple

_INIT = "1"
_SYSTEMD = "systemd"
# Descriptors of large processes that are read for a socket which is nowhere else: about 30 ms.
_BUDGET = 8192


def find(
    table: SocketTable,
    wanted: Mapping[int, Sequence[str]],
    every: bool,
    inside: Callable[[Callable[[], Any]], Any],
    again: Callable[[], SocketTable],
) -> SocketTable:
    """The table with the owners of the wanted sockets (inode to likely names).

    `inside` runs work in the network namespace that the table is of; `again` reads the table anew.
    """
    sockets = {s.inode: s for s in table.sockets if s.inode and s.inode in wanted}
    search = _Search({inode: wanted[inode] for inode in sockets})
    search.in_cgroups({s.inode: s.cgroup for s in sockets.values() if s.cgroup is not None})
    search.by_name()
    kernel = _tunnelled([sockets[inode] for inode in search.missing], inside)
    search.missing -= kernel
    search.everywhere(every)
    notes, because = table.notes, table.hidden_because
    if search.missing:
        doubt = search.doubt()
        if not doubt:
            # What closed meanwhile was not the kernel's.
            present = {s.inode for s in again().sockets}
            kernel |= {inode for inode in search.missing if inode in present and sockets[inode].uid == 0}
        elif search.missing:
            notes += ("owners of %d sockets were not found: %s" % (len(search.missing), doubt),)
            because = doubt
    services = _Services()
    return table._replace(
        sockets=tuple(_answered(s, search.owners(s.inode), kernel, services) if s.inode in sockets else s for s in table.sockets),
        notes=notes,
        hidden_because=because,
    )


def _answered(socket: Socket, owners: List[Owner], kernel: Set[int], services: _Services) -> Socket:
    if not owners:
        return socket._replace(owners=(), owner_state=KERNEL if socket.inode in kernel else HIDDEN)
    if all(_is_systemd(owner) for owner in owners):
        owners = [owner._replace(aliases=services.names(socket)) for owner in owners]
    return socket._replace(owners=tuple(owners), owner_state=FOUND)


def _is_systemd(owner: Owner) -> bool:
    return owner.pid == 1 and owner.name == _SYSTEMD


class _Services:
    """The services that systemd holds sockets for, asked for only when it holds one alone."""

    def __init__(self) -> None:
        self._systemd: Any = None

    def names(self, socket: Socket) -> Tuple[str, ...]:
        if self._systemd is None:
            from ansible_collections.netports.core.plugins.module_utils._sockets import systemd

            self._systemd = systemd.Systemd(systemd.run)
        aliases: Tuple[str, ...] = self._systemd.aliases(socket)
        return aliases


def _tunnelled(sockets: Sequence[Socket], inside: Callable[[Callable[[], Any]], Any]) -> Set[int]:
    """The inodes of those that a tunnel of the kernel holds."""
    candidates = [s for s in sockets if s.protocol == "udp"]
    if not candidates:
        return set()
    from ansible_collections.netports.core.plugins.module_utils._sockets import netlink, tunnels

    try:
        found = inside(tunnels.read)
    except netlink.NetlinkError:
        # Without it the search goes on.
        return set()
    return {s.inode for s in candidates if any(tunnels.holds(tunnel, s) for tunnel in found)}


class _Search:
    """What was found so far, and what is still missing."""

    def __init__(self, wanted: Mapping[int, Sequence[str]]) -> None:
        self.missing: Set[int] = set(wanted)
        self._wanted = wanted
        # Those without a holder that can be the right one: missing ones, and ones that systemd or a stranger holds.
        self._open: Set[int] = set(wanted)
        self._links = {"socket:[%d]" % inode: inode for inode in wanted}
        self._holders: Dict[int, Dict[str, Owner]] = {inode: {} for inode in wanted}
        self._owners: Dict[str, Owner] = {}
        self._read: Set[str] = set()
        self._unread: Dict[str, int] = {}  # processes of which only the first descriptors were read, and their number
        self._denied = False

    def owners(self, inode: int) -> List[Owner]:
        return list(self._holders[inode].values())

    def in_cgroups(self, cgroup_of: Mapping[int, int]) -> None:
        """Look into the cgroup of each socket."""
        members = cgroups.processes(set(cgroup_of.values()) - {cgroups.ROOT})
        for pids in members.values():
            self._look_at(pids)
        self._look_deeper({inode: members.get(number, []) for inode, number in cgroup_of.items()})

    def by_name(self) -> None:
        """Look at processes that are called as expected, and at the children of all holders."""
        expected = {inode: {processes.cut(name) for name in self._wanted[inode]} for inode in self._open}
        called = {name for names in expected.values() for name in names}
        if not called:
            return
        likely: Dict[str, List[str]] = {name: [] for name in called}
        candidates = processes.Spread(processes.pids())
        for pid in candidates:
            if not self._open and not candidates.nearby:
                break
            name = processes.comm(pid)
            if name in called and pid not in self._read:
                candidates.found()
                likely[name].append(pid)
                self._look(pid)
        self._look_deeper({inode: [pid for name in names for pid in likely[name]] for inode, names in expected.items()})
        for holder in [pid for pid in self._owners if pid != _INIT]:
            self._look_at(processes.children(holder))

    def everywhere(self, every: bool) -> None:
        if not every and not self.missing:
            return
        for pid in processes.pids():
            if not every and not self.missing:
                break
            if pid not in self._read:
                self._look(pid)
        budget = _BUDGET
        for pid in sorted(self._unread, key=lambda pid: self._unread[pid]):
            budget -= self._unread[pid]
            if budget < 0 or not self.missing:
                break
            self._look(pid, deep=True)

    def doubt(self) -> str:
        """Why a process that was not read may hold what is missing; empty when every descriptor of every process was read."""
        # Processes that started meanwhile may have it from ones that ended.
        self._look_at(processes.pids())
        if self._denied:
            return "some processes may not be read; become root"
        if self._unread:
            return "%d processes with more than %d descriptors were read in part" % (len(self._unread), processes.SMALL)
        return "" if processes.sees_everything() else "not all processes of the machine can be seen from here"

    def _look_at(self, pids: Sequence[str]) -> None:
        for pid in pids:
            if pid not in self._read:
                self._look(pid)

    def _look_deeper(self, likely: Mapping[int, Sequence[str]]) -> None:
        """Read the rest of the descriptors of processes that are likely to hold a socket, while it is missing."""
        for inode, pids in likely.items():
            for pid in pids:
                if inode in self.missing and pid in self._unread:
                    self._look(pid, deep=True)

    def _look(self, pid: str, deep: bool = False) -> None:
        self._read.add(pid)
        self._unread.pop(pid, None)
        try:
            held = processes.held(pid, self._links, deep)
        except processes.Denied:
            self._denied = True
            return
        if held.unread:
            self._unread[pid] = held.unread
        for inode in held.inodes:
            owner = self._owner(pid, self._wanted[inode])
            self._holders[inode][pid] = owner
            self.missing.discard(inode)
            if self._may_be_right(owner, self._wanted[inode]):
                self._open.discard(inode)

    def _owner(self, pid: str, expected: Sequence[str]) -> Owner:
        """The process by all its names, unless the first is as expected: what says no more is not read."""
        known = self._owners.get(pid)
        if known is None or not known.aliases and known.name not in expected:
            known = self._owners[pid] = processes.owner(pid, expected)
        return known

    @staticmethod
    def _may_be_right(owner: Owner, expected: Sequence[str]) -> bool:
        if not expected:
            return not _is_systemd(owner)
        return any(processes.cut(name) == owner.name or name in owner.aliases for name in expected)
