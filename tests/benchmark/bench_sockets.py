# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it costs to read the listening sockets of a busy host with their owners, against `ss` and `netstat`.

    python tests/benchmark/bench_sockets.py [--pairs 15] [--small]

Needs root. The host is made of real processes in a network namespace of its own and goes away at the end.
"""

from __future__ import annotations

import array
import shutil
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmark import _pairs, _scenario

_COLLECTIONS = Path(__file__).resolve().parents[2] / ".venv" / "collections"

# The one that Ansible would find on the host.
_PYTHON = shutil.which("python3", path="/usr/bin:/bin") or sys.executable

# The same calls as port_verify makes, without Ansible around them.
_PROGRAM = """
import sys
sys.path.insert(0, {collections!r})
from ansible_collections.netports.core.plugins.module_utils._sockets import gather
names = {names!r}
table = gather.gather()
wanted = {{s.inode: names.get(s.port, ()) for s in table.sockets}}
table = gather.find_owners(table, wanted, every={every!r})
states = [s.owner_state for s in table.sockets]
print(len(states), "sockets", states.count("found"), "found", states.count("hidden"), "hidden")
"""

SS = _pairs.Command("ss", ("ss", "-Hlntup"), "service-00")
NETSTAT = _pairs.Command("netstat", ("netstat", "-nlp", "--inet", "--inet6"), ":5000")


def _ours(title: str, names: dict[int, tuple[str, ...]], expected: str, every: bool = False) -> _pairs.Command:
    program = _PROGRAM.format(collections=str(_COLLECTIONS), names=names, every=every)
    return _pairs.Command(title, (_PYTHON, "-I", "-S", "-c", program), expected)


def _services(host: _scenario.BusyHost, prefix: str = "") -> dict[int, tuple[str, ...]]:
    return {port: (prefix + name,) for name, port in host.services.items()}


class LostListener:
    """A listener whose only descriptor waits unread in a socket: no process has it open, and the kernel made none for itself."""

    def __init__(self, port: int) -> None:
        self._ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            listener.listen()
            handles = array.array("i", [listener.fileno()])
            self._ends[0].sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)])

    def close(self) -> None:
        for end in self._ends:
            end.close()


def _one_host(size: _scenario.Size, pairs: int) -> list[_pairs.Row]:
    found = "%d sockets %d found" % (size.listeners, size.listeners)
    with _scenario.BusyHost(size) as host:
        right = _ours("right names", _services(host), found)
        rows = [
            _pairs.Row("sockets with owners", "`ss -Hlntup`", _pairs.compare(right, SS, pairs), 0.04),
            _pairs.Row("the same", "`netstat -nlp --inet --inet6`", _pairs.compare(right, NETSTAT, pairs), 0.02),
        ]
        wrong = _ours("wrong names", _services(host, "other-"), found)
        rows.append(_pairs.Row("wrong expected names", "`ss -Hlntup`", _pairs.compare(wrong, SS, pairs), 0.15))
        every = _ours("all owners", {}, found, every=True)
        rows.append(_pairs.Row("all owners of all listeners", "`ss -Hlntup`", _pairs.compare(every, SS, pairs), 0.20))
        lost = LostListener(4999)
        names = {**_services(host), 4999: ("nowhere",)}
        hidden = _ours("an owner that cannot be found", names, "%d found 1 hidden" % size.listeners)
        rows.append(_pairs.Row("an owner that cannot be found", "`ss -Hlntup`", _pairs.compare(hidden, SS, pairs), 0.25))
        lost.close()
    return rows


def _with_cgroups(size: _scenario.Size, pairs: int) -> list[_pairs.Row]:
    if _scenario.unified_cgroup() is None:
        print("no writable cgroup v2 hierarchy: the row with a cgroup a service is left out", file=sys.stderr)
        return []
    with _scenario.BusyHost(size, cgroups=True) as host:
        ours = _ours("with cgroups", _services(host), "%d found" % size.listeners)
        return [_pairs.Row("sockets with owners, a cgroup a service", "`ss -Hlntup`", _pairs.compare(ours, SS, pairs), 0.03)]


def main() -> None:
    options = _pairs.options(__doc__).parse_args()
    _scenario.enter_private_namespace()
    size = _scenario.SMALL if options.small else _scenario.S2
    _pairs.report(_one_host(size, options.pairs) + _with_cgroups(size, options.pairs), judged=not options.small)


if __name__ == "__main__":
    main()
