# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of the sources, and what becomes of those that fail. The sources themselves are stand-ins here."""

from __future__ import annotations

from typing import Callable, List

import pytest

from ansible_collections.netports.core.plugins.module_utils._socket_table import HIDDEN, UNASKED, SocketTable
from ansible_collections.netports.core.plugins.module_utils._sockets import command, gather

LISTING = (
    "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n"
    "tcp   LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    \n"
)
NETSTAT = (
    "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\n"
    "tcp 0 0 0.0.0.0:22 0.0.0.0:* LISTEN -\n"
)


def failing(message: str) -> Callable[[], SocketTable]:
    def source() -> SocketTable:
        raise gather._SourceError(message)

    return source


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], str]) -> List[str]:
    asked: List[str] = []

    def output(words: List[str], _timeout: int) -> str:
        asked.append(" ".join(words))
        return answer(asked[-1])

    monkeypatch.setattr(command, "output", output)
    return asked


def test_the_next_source_serves_and_says_what_became_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gather._SOURCES, "sock_diag", failing("EPERM (Operation not permitted)"))
    monkeypatch.setitem(gather._SOURCES, "proc", lambda: SocketTable((), "proc", True, False, ("a note",)))
    table = gather.gather()
    assert table.gathered_by == "proc"
    assert table.notes == ("sock_diag: EPERM (Operation not permitted)", "a note")


def test_when_every_source_fails_all_of_them_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(gather._SOURCES):
        monkeypatch.setitem(gather._SOURCES, name, failing("%s is broken" % name))
    with pytest.raises(gather.GatherError) as caught:
        gather.gather()
    for name in ("sock_diag", "proc", "ss", "netstat"):
        assert "%s: %s is broken" % (name, name) in str(caught.value)


def test_a_source_that_was_chosen_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gather._SOURCES, "sock_diag", failing("EPERM"))
    with pytest.raises(gather.GatherError, match="EPERM"):
        gather.gather("sock_diag")


def test_a_command_that_prints_nothing_is_no_empty_host(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, lambda _line: "")
    with pytest.raises(gather.GatherError, match="it is empty"):
        gather.gather("ss")
    assert len(asked) == 2
    with pytest.raises(gather.GatherError, match="it is empty"):
        gather.gather("netstat")


def test_older_forms_of_a_command_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def busybox(line: str) -> str:
        if line != "netstat -nltu":
            raise command.CommandError("exit status 1, netstat: invalid option")
        return NETSTAT.replace("       PID/Program name", "").replace(" -\n", "\n")

    answering(monkeypatch, busybox)
    table = gather.gather("netstat")
    assert [s.port for s in table.sockets] == [22]
    assert {s.owner_state for s in table.sockets} == {UNASKED}
    assert any("netstat -nlptueW" in note for note in table.notes)


@pytest.mark.parametrize("method, listing", [("ss", LISTING), ("netstat", NETSTAT)])
def test_an_owner_that_was_asked_for_and_not_printed_is_hidden(
    monkeypatch: pytest.MonkeyPatch, method: str, listing: str
) -> None:
    answering(monkeypatch, lambda _line: listing)
    assert {s.owner_state for s in gather.gather(method).sockets} == {HIDDEN}


def test_nothing_is_looked_for_when_nothing_is_wanted() -> None:
    table = SocketTable((), "sock_diag", True, True)
    assert gather.find_owners(table, {}) is table


@pytest.mark.parametrize(
    "namespace, message",
    [
        ("netports-nowhere", "/run/netns/netports-nowhere does not exist"),
        ("999999999", "there is no process 999999999"),
        ("/run/netports/nowhere", "/run/netports/nowhere does not exist"),
        ("/dev/null", "no network namespace|cannot be entered"),
        ("../x", "neither a name nor a process ID nor an absolute path"),
        ("", "neither a name"),
    ],
)
def test_a_namespace_that_cannot_be_entered_is_named(namespace: str, message: str) -> None:
    with pytest.raises(gather.GatherError, match="network_namespace: .*(%s)" % message):
        gather.gather("auto", namespace)


def test_a_command_that_is_not_there_and_one_that_fails() -> None:
    with pytest.raises(command.CommandError, match="is not installed"):
        command.output(("netports-no-such-command",), 5)
    with pytest.raises(command.CommandError, match="exit status 3, no such option"):
        command.output(("sh", "-c", "echo no such option >&2; exit 3"), 5)
    with pytest.raises(command.CommandError, match="no answer within 1 seconds"):
        command.output(("sleep", "20"), 1)
    assert command.output(("printf", r"a\377b"), 5) == "a\\xffb"
