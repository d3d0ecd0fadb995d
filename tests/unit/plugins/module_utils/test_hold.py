# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import socket

import pytest

from ansible_collections.netports.core.plugins.module_utils import _hold, _hold_sockets
from ansible_collections.netports.core.plugins.module_utils._hold_fit import unfit
from ansible_collections.netports.core.plugins.module_utils._hold_sockets import Endpoint, covered, endpoints
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_listener
from ansible_collections.netports.core.plugins.module_utils._token import answer

TOKEN = b"0123456789abcdef"


def listener(**keys):
    return parse_listener({"name": "web", "protocol": "tcp", "port": 8080, **keys})


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (TOKEN + b"\n", TOKEN),
        (b"netports" + b"?" * 9, TOKEN),
        # No longer than the answer: of two that could answer each other, one is silent.
        (TOKEN, b""),
        (b"netports", b""),
        (b"netports" + b"?" * 8, b""),
        (b"\x00" * 500, b""),
        (b"", b""),
    ],
)
def test_answers_are_shorter_than_questions(question: bytes, said: bytes) -> None:
    assert answer(question, TOKEN) == said


@pytest.mark.parametrize(("first", "second"), [(TOKEN, TOKEN), (b"netports", b"netports-too"), (b"netports-a", b"netports-b")])
def test_two_never_answer_each_other_for_ever(first: bytes, second: bytes) -> None:
    said, exchanged = b"netports" + b"?" * 1000, 0
    while said:
        said = answer(said, (first, second)[exchanged % 2])
        exchanged += 1
        assert exchanged < 4


def test_each_family_has_its_socket() -> None:
    both = [Endpoint("tcp", "ipv4", "0.0.0.0", 8080), Endpoint("tcp", "ipv6", "::", 8080)]
    assert endpoints(listener()) == endpoints(listener(family="both")) == both
    assert endpoints(listener(family="ipv6")) == both[1:]
    assert endpoints(listener(bind="192.0.2.1", device="mgmt")) == [Endpoint("tcp", "ipv4", "192.0.2.1", 8080, "mgmt")]
    assert endpoints(listener(bind="::ffff:192.0.2.1")) == [Endpoint("tcp", "ipv4", "192.0.2.1", 8080)]


def test_a_wildcard_covers_the_addresses_of_its_family_and_device() -> None:
    wildcards = {Endpoint("tcp", "ipv4", "0.0.0.0", 8080), Endpoint("tcp", "ipv6", "::", 8080, "mgmt")}
    assert covered(Endpoint("tcp", "ipv4", "192.0.2.1", 8080), wildcards)
    assert covered(Endpoint("tcp", "ipv6", "2001:db8::1", 8080, "mgmt"), wildcards)
    for other in (
        Endpoint("tcp", "ipv6", "2001:db8::1", 8080),
        Endpoint("tcp", "ipv4", "192.0.2.1", 8081),
        Endpoint("udp", "ipv4", "192.0.2.1", 8080),
    ):
        assert not covered(other, wildcards)


class _NoIpv6(socket.socket):
    """As on a host that was booted with ipv6.disable=1."""

    def __init__(self, family, kind):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        super().__init__(family, kind)


@pytest.mark.parametrize("only_try", [True, False])
def test_a_host_without_a_family_holds_the_other(monkeypatch: pytest.MonkeyPatch, only_try: bool) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(_hold_sockets.socket, "socket", _NoIpv6)
    bound: _hold_sockets.Bound = {}
    held = _hold_sockets.bind(endpoints(listener(port=port)), bound, (), only_try)
    assert [one.family for one in held] == [one.family for one in bound] == ["ipv4"]
    with pytest.raises(_hold_sockets.UnheldError, match="the host has no IPv6"):
        _hold_sockets.bind(endpoints(listener(port=port, family="ipv6")), bound, (), only_try)
    for opened in bound.values():
        opened.close()


@pytest.mark.parametrize("bind", ["loopback", "127.0.0.1", "::1"])
def test_loopback_is_nothing_to_hold(bind: str) -> None:
    assert "loopback" in unfit(listener(bind=bind))
    assert unfit(listener(bind="192.0.2.1")) == unfit(listener()) == ""


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("token", "two words", "token: 'two words' is not a token: 1 to 64 printable ASCII characters without blanks"),
        ("token", "", "token: '' is not a token"),
        ("token", "x" * 65, "is not a token"),
        ("token", "line\n", "is not a token"),
        ("seconds", 0, "seconds: 0 is not a time to hold ports for: 1 to 3600"),
        ("seconds", 3601, "seconds: 3601 is not a time"),
    ],
)
def test_wrong_options_are_named(option: str, value: object, sentence: str) -> None:
    params = {"state": "started", "token": None, "seconds": 60, "listeners": [], "role": None, option: value}
    with pytest.raises(Problem) as caught:
        _hold.listen(params, check_mode=True)
    assert sentence in str(caught.value)
