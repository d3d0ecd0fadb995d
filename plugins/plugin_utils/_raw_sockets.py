# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listening sockets of a host without Python: `ss` or `netstat` through a connection that runs shell commands."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.module_utils._socket_table import SocketTable
from ansible_collections.netports.core.plugins.module_utils._sockets import gather, text

_NOT_FOUND = 127


class RawError(Exception):
    """No command on the host gave the listening sockets; says which were tried and what came of them."""


class Answer(NamedTuple):
    """What a command on the host ended with."""

    rc: int
    stdout: str
    stderr: str


class _Attempt(NamedTuple):
    command: Sequence[str]
    parse: Callable[[str], SocketTable]


_ATTEMPTS = (
    *(_Attempt(command, text.parse_ss) for command in text.SS_COMMANDS),
    *(_Attempt(command, text.parse_netstat) for command in text.NETSTAT_COMMANDS),
)


def namespace_prefix(namespace: str | None) -> list[str]:
    """The command that runs another one in a network namespace: a name, a process ID, or the path of its file."""
    if namespace is None:
        return []
    if namespace.isdigit():
        return ["nsenter", "--net=/proc/%s/ns/net" % namespace]
    if namespace.startswith("/"):
        return ["nsenter", "--net=" + namespace]
    return ["ip", "netns", "exec", namespace]


def shell_line(command: Sequence[str], namespace: str | None) -> str:
    """One line for the host's sh. Ends with the command's own exit status.

    The output passes through a variable because ss cuts its lines to the width of a terminal, which sudo may need.
    """
    words = shlex.join([*namespace_prefix(namespace), *command])
    setup = 'PATH="$PATH:/usr/sbin:/sbin:/usr/bin:/bin" LC_ALL=C; export PATH LC_ALL'
    return setup + '; o=$(%s); r=$?; printf "%%s\\n" "$o"; exit $r' % words


class RawSource:
    """Reads the table again and again with the command that served first."""

    def __init__(self, execute: Callable[[str], Answer], namespace: str | None) -> None:
        self._execute = execute
        self._namespace = namespace
        self._attempts: Sequence[_Attempt] = _ATTEMPTS

    def gather(self) -> SocketTable:
        """The sockets, with owners as printed. Raises RawError."""
        failures: dict[str, str] = {}
        missing: set[str] = set()
        for attempt in self._attempts:
            if attempt.command[0] in missing:
                continue
            shown = " ".join(attempt.command)
            answer = self._execute(shell_line(attempt.command, self._namespace))
            if answer.rc == _NOT_FOUND:
                missing.add(attempt.command[0])
            try:
                table = _parsed(attempt, answer)
            except text.TextError as error:
                failures[shown] = str(error)
                continue
            self._attempts = (attempt,)
            notes = tuple("%s: %s" % failure for failure in failures.items())
            return table._replace(notes=notes + table.notes)
        tried = "; ".join("%s: %s" % failure for failure in failures.items())
        raise RawError("neither ss nor netstat told what listens on the host: %s. Install iproute2 or net-tools on it." % tried)


def _parsed(attempt: _Attempt, answer: Answer) -> SocketTable:
    if answer.rc != 0:
        said = answer.stderr.strip() or answer.stdout.strip() or "no message"
        raise text.TextError("%s (exit status %d)" % (said.splitlines()[-1], answer.rc))
    return gather.owners_asked(attempt.parse(answer.stdout.replace("\r\n", "\n")), attempt.command)


def parse_captures(value: object) -> SocketTable:
    """The table of the option `capture`: a text, a list of lines, or a list of texts. Raises Problem."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(part, str) for part in texts):
        raise Problem("capture", "is neither a text nor a list of texts")
    if not any("\n" in part for part in texts):
        texts = ["\n".join(texts)]  # stdout_lines
    tables = []
    for index, part in enumerate(texts):
        try:
            tables.append(text.parse_capture(part))
        except text.TextError as error:
            raise Problem("capture[%d]" % index if len(texts) > 1 else "capture", str(error)) from None
    return SocketTable(
        # A socket that stands in two of the texts is one socket.
        sockets=tuple(dict.fromkeys(sock for table in tables for sock in table.sockets)),
        gathered_by=" and ".join(dict.fromkeys(table.gathered_by for table in tables)),
        knows_v6only=all(table.knows_v6only for table in tables),
        knows_device=all(table.knows_device for table in tables),
        notes=tuple(note for table in tables for note in table.notes),
    )
