# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a host's listening sockets come from: the sources in order, and the owners on request."""

from __future__ import annotations

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING
from ansible_collections.netports.core.plugins.module_utils._socket_table import HIDDEN, UNASKED, SocketTable

if TYPE_CHECKING:
    from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Type, TypeVar

    _T = TypeVar("_T")

# What a source needs is imported when it is used: most hosts need the first one alone, and on a target every module
# that is imported is compiled anew in each run.

AUTO = "auto"
_COMMAND_TIMEOUT = 120


class GatherError(Exception):
    """The evidence cannot be had; the message says what was tried, why it failed, and what to do."""


class _SourceError(Exception):
    """One source failed; the next may serve."""


def gather(method: str = AUTO, namespace: Optional[str] = None) -> SocketTable:
    """The listening sockets of this host or of one of its network namespaces. Raises GatherError.

    `auto` takes the first source that works; its notes say what became of those before it. Owners are unasked,
    except from `ss` and `netstat`, which print them.
    """
    return _inside(namespace, lambda: _first(tuple(_SOURCES) if method == AUTO else (method,)))


def find_owners(
    table: SocketTable, wanted: Mapping[int, Sequence[str]], namespace: Optional[str] = None, every: bool = False
) -> SocketTable:
    """The table with the owners of the sockets in `wanted` (inode to likely process names, maybe none).

    Each of them ends as FOUND, KERNEL or HIDDEN; what is said of completeness stands in `owners`.
    """
    if not wanted:
        return table
    from ansible_collections.netports.core.plugins.module_utils._sockets import owners

    return owners.find(table, wanted, every, lambda work: _inside(namespace, work), lambda: gather(table.gathered_by, namespace))


def _inside(namespace: Optional[str], work: Callable[[], _T]) -> _T:
    if namespace is None:
        return work()
    from ansible_collections.netports.core.plugins.module_utils._sockets import namespace as _namespace

    try:
        return _namespace.run_in(namespace, work)
    except _namespace.NamespaceError as problem:
        raise GatherError(str(problem)) from None


def _first(methods: Sequence[str]) -> SocketTable:
    failures: List[str] = []
    for method in methods:
        try:
            table = _SOURCES[method]()
        except _SourceError as problem:
            failures.append("%s: %s" % (method, problem))
            continue
        return table._replace(notes=(*failures, *table.notes))
    raise GatherError(
        "the listening sockets cannot be read: %s. Become root, install iproute2, or use gather: raw" % "; ".join(failures)
    )


def _by_sock_diag() -> SocketTable:
    from ansible_collections.netports.core.plugins.module_utils._sockets import netlink, sock_diag

    try:
        return sock_diag.read()
    except netlink.NetlinkError as problem:
        raise _SourceError(str(problem)) from None


def _by_proc() -> SocketTable:
    from ansible_collections.netports.core.plugins.module_utils._sockets import procfs

    try:
        return procfs.read()
    except procfs.ProcError as problem:
        raise _SourceError(str(problem)) from None


def _by_ss() -> SocketTable:
    from ansible_collections.netports.core.plugins.module_utils._sockets import text

    return _by_command(text.SS_COMMANDS, text.parse_ss, text.TextError)


def _by_netstat() -> SocketTable:
    from ansible_collections.netports.core.plugins.module_utils._sockets import text

    return _by_command(text.NETSTAT_COMMANDS, text.parse_netstat, text.TextError)


def _by_command(
    commands: Tuple[Tuple[str, ...], ...], parse: Callable[[str], SocketTable], refused: Type[Exception]
) -> SocketTable:
    from ansible_collections.netports.core.plugins.module_utils._sockets import command

    failures: List[str] = []
    for words in commands:
        try:
            table = parse(command.output(words, _COMMAND_TIMEOUT))
        except (command.CommandError, refused) as problem:
            failures.append("`%s`: %s" % (" ".join(words), problem))
            continue
        return owners_asked(table._replace(notes=tuple(failures)), words)
    raise _SourceError(", ".join(failures))


def owners_asked(table: SocketTable, command: Sequence[str]) -> SocketTable:
    """Owners that a command was asked for and printed none of are hidden, as a text alone cannot tell."""
    if "p" not in command[1]:
        return table
    return table._replace(sockets=tuple(s._replace(owner_state=HIDDEN) if s.owner_state == UNASKED else s for s in table.sockets))


_SOURCES: Dict[str, Callable[[], SocketTable]] = {
    "sock_diag": _by_sock_diag,
    "proc": _by_proc,
    "ss": _by_ss,
    "netstat": _by_netstat,
}
