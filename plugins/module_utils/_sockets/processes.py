# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes as /proc shows them: what they are called and which sockets they hold. Facts only; the search is in `owners`."""

from __future__ import annotations

import errno
import itertools
import os

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, NamedTuple
from ansible_collections.netports.core.plugins.module_utils._socket_table import Owner

if TYPE_CHECKING:
    from typing import Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

COMM = 15  # bytes that the kernel keeps of a name
# A process with more descriptors holds many connections; its listeners are almost always among the first.
SMALL = 1024
FIRST = 64

_READ = 4096
_RDONLY = os.O_RDONLY | os.O_CLOEXEC
_CAP_SYS_PTRACE = 19
# The namespaces that the kernel starts with; from within others some processes cannot be seen.
_FIRST_NAMESPACES = (("pid", "pid:[4026531836]"), ("user", "user:[4026531837]"))
_known: Dict[str, bool] = {}


class Denied(Exception):
    """The process may not be read, so it may hold anything."""


class Held(NamedTuple):
    """The inodes of those looked for that a process holds. `unread` is the number of its descriptors, more or less,
    when only the first of them were read, and 0 when all were."""

    inodes: Tuple[int, ...]
    unread: int


def pids() -> List[str]:
    """Every process that can be seen, oldest first as a rule."""
    return [name for name in os.listdir("/proc") if name[0] in "123456789"]


class Spread:
    """Goes through a list from a few places at once, and from where something was found on to both sides.

    Processes of one product start together and so stand together, and nobody knows where: oldest first, half of all
    would be read before them on average.
    """

    _STEP = 16

    def __init__(self, items: Sequence[str]) -> None:
        self._items = items
        self._seen = bytearray(len(items))
        self._next: List[int] = []
        self._last = 0

    def __iter__(self) -> Iterator[str]:
        for start in range(self._STEP):
            for index in range(start, len(self._items), self._STEP):
                self._next.append(index)
                while self._next:
                    self._last = self._next.pop()
                    if not self._seen[self._last]:
                        self._seen[self._last] = 1
                        yield self._items[self._last]

    @property
    def nearby(self) -> bool:
        """Whether what comes next stands beside what was found."""
        return bool(self._next)

    def found(self) -> None:
        """What came last is what was looked for."""
        self._next += [index for index in (self._last - 1, self._last + 1) if 0 <= index < len(self._items)]


def held(pid: str, links: Mapping[str, int], deep: bool) -> Held:
    """Which of the sockets in `links` (`socket:[inode]` to inode) the process holds. Raises Denied.

    Of a process with many descriptors only the first are read unless `deep`. One that ended holds nothing.
    """
    try:
        directory = os.open("/proc/%s/fd" % pid, _RDONLY | os.O_DIRECTORY)
        try:
            return _held(directory, links, deep)
        finally:
            os.close(directory)
    except OSError as problem:
        if problem.errno in (errno.ENOENT, errno.ESRCH):
            return Held((), 0)
        raise Denied("%s of process %s" % (problem.strerror, pid)) from None


def _held(directory: int, links: Mapping[str, int], deep: bool) -> Held:
    if _tells_number():
        number = os.fstat(directory).st_size
        if not number:
            return Held((), 0)
        if number > SMALL and not deep:
            # By guessing their names: to list the directory costs as much as to read all of it.
            return Held(_matching(directory, map(str, range(FIRST)), links), number)
    with os.scandir(directory) as entries:
        numbers = [entry.name for entry in itertools.islice(entries, None if deep else SMALL + 1)]
    return Held(_matching(directory, numbers, links), len(numbers) if len(numbers) > SMALL and not deep else 0)


def _matching(directory: int, numbers: Iterable[str], links: Mapping[str, int]) -> Tuple[int, ...]:
    found = []
    readlink = os.readlink
    for number in numbers:
        try:
            link = readlink(number, dir_fd=directory)
        except FileNotFoundError:
            continue
        if link in links:
            found.append(links[link])
    return tuple(dict.fromkeys(found))


def _tells_number() -> bool:
    """Whether the size of /proc/PID/fd is the number of descriptors, as since Linux 6.2."""
    if "number" not in _known:
        _known["number"] = os.stat("/proc/self/fd").st_size > 0
    return _known["number"]


def sees_everything() -> bool:
    """Whether no process of this machine can be out of sight or unreadable."""
    try:
        if any(os.readlink("/proc/self/ns/" + kind) != first for kind, first in _FIRST_NAMESPACES):
            return False
    except OSError:
        return False
    status = _file("self", "status")
    capabilities = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")]
    return bool(capabilities) and bool(int(capabilities[0], 16) >> _CAP_SYS_PTRACE & 1)


def comm(pid: str) -> str:
    """The name that the kernel keeps of a process, empty when it ended."""
    # Called for every process of a host: nothing between the calls of the kernel.
    try:
        handle = os.open("/proc/" + pid + "/comm", _RDONLY)
        name = os.read(handle, 64)
        os.close(handle)
    except OSError:
        return ""
    return _text(name[:-1])


def children(pid: str) -> List[str]:
    """The direct children of a process; none where the kernel does not tell."""
    return _file(pid, "task/%s/children" % pid).split()


def owner(pid: str, expected: Sequence[str] = ()) -> Owner:
    """A process by all names that it goes by, or by its first where that one is expected. What cannot be read is left out."""
    name = comm(pid)
    if name in expected:
        return Owner(int(pid), name, (), COMM)
    from ansible_collections.netports.core.plugins.module_utils._sockets import names

    title = _file(pid, "cmdline").split("\0", 1)[0]
    try:
        program = _text(os.readlink(b"/proc/%s/exe" % pid.encode())).rsplit("/", 1)[-1]
    except OSError:
        program = ""
    if program.endswith(" (deleted)"):
        program = program[: -len(" (deleted)")]
    return Owner(int(pid), name, names.unique((*names.of_title(title), program), (name,)), COMM)


def _file(pid: str, name: str) -> str:
    try:
        handle = os.open("/proc/%s/%s" % (pid, name), _RDONLY)
    except OSError:
        return ""
    try:
        return _text(os.read(handle, _READ))
    except OSError:
        return ""
    finally:
        os.close(handle)


def cut(name: str) -> str:
    """A name as the kernel would keep it."""
    return _text(name.encode("utf-8", "replace")[:COMM])


def _text(name: bytes) -> str:
    # Any byte may be in a name, but Ansible takes only UTF-8 as a module's result.
    return name.decode("utf-8", "backslashreplace")
