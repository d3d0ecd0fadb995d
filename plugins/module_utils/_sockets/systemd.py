# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd holds a socket for: while a service that is started on demand sleeps, process 1 owns its sockets."""

from __future__ import annotations

import re
from typing import Callable, List, NamedTuple, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _address
from ansible_collections.netports.core.plugins.module_utils._socket_table import Socket
from ansible_collections.netports.core.plugins.module_utils._sockets import names

_TIMEOUT = 15
_SOCKET_PROPERTIES = "Id,Listen,Triggers"
_PROTOCOLS = {"Stream": "tcp", "Datagram": "udp"}
_LISTEN = re.compile(r"^(?P<address>.+):(?P<port>\d+) \((?P<kind>Stream|Datagram)\)$")
_EXEC_PATH = re.compile(r"\bpath=(?P<path>[^;]+?) ;")

Run = Callable[[Sequence[str]], str]


class SocketUnit(NamedTuple):
    """A socket unit: where it listens (protocol, canonical address, port) and what it starts."""

    name: str
    listen: Tuple[Tuple[str, str, int], ...]
    triggers: Tuple[str, ...]


def parse_units(text: str) -> List[SocketUnit]:
    """The socket units of `systemctl show '*.socket'`: blocks of Key=value lines. Lines that say nothing here are skipped."""
    units = []
    for block in re.split(r"\n\s*\n", text):
        values = [line.split("=", 1) for line in block.splitlines() if "=" in line]
        listen = [_listen(value) for key, value in values if key == "Listen"]
        triggers = tuple(word for key, value in values if key == "Triggers" for word in value.split())
        name = "".join(value for key, value in values if key == "Id")
        units.append(SocketUnit(name, tuple(entry for entry in listen if entry[0]), triggers))
    return units


def _listen(value: str) -> Tuple[str, str, int]:
    match = _LISTEN.match(value)
    if match is None:
        return "", "", 0
    host = match.group("address").split("%", 1)[0].strip("[]")
    try:
        return _PROTOCOLS[match.group("kind")], _address.canonical(host), int(match.group("port"))
    except ValueError:
        return "", "", 0


def parse_programs(text: str) -> Tuple[str, ...]:
    """Base names of the programs in `systemctl show --property=ExecStart`."""
    return names.unique(match.group("path").rsplit("/", 1)[-1] for match in _EXEC_PATH.finditer(text))


def services(socket: Socket, units: Sequence[SocketUnit]) -> Tuple[str, ...]:
    """The service units that systemd holds this socket for."""
    place = (socket.protocol, socket.address, socket.port)
    found: List[str] = []
    for unit in units:
        if place in unit.listen:
            # With Accept=yes there is a service for each connection, which is not named before it runs.
            found += unit.triggers or [unit.name.rsplit(".", 1)[0] + "@.service"]
    return names.unique(found)


class Systemd:
    """Asks systemctl, and only once for what does not change from socket to socket. Never raises."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._units: List[SocketUnit] = []
        self._asked = False

    def aliases(self, socket: Socket) -> Tuple[str, ...]:
        """Names of the services that systemd holds the socket for: of the unit and of its program. Empty when unknown."""
        if not self._asked:
            self._asked = True
            self._units = parse_units(self._show("*.socket", _SOCKET_PROPERTIES))
        found: List[str] = []
        for service in services(socket, self._units):
            stem = service.rsplit(".", 1)[0]
            found.append(stem.split("@", 1)[0])
            # The template of a service has no properties; any instance of it has.
            instance = service if "@." not in service else service.replace("@.", "@netports.")
            found += parse_programs(self._show(instance, "ExecStart"))
        return names.unique(found)

    def _show(self, pattern: str, properties: str) -> str:
        return self._run(("systemctl", "show", pattern, "--no-pager", "--property=" + properties))


def run(words: Sequence[str]) -> str:
    """The output of a command, empty when it fails: then systemd's sockets stay without the names of services."""
    from ansible_collections.netports.core.plugins.module_utils._sockets import command

    try:
        return command.output(words, _TIMEOUT)
    except command.CommandError:
        return ""
