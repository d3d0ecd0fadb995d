# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import socket
import struct
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils import _probe, _token
from ansible_collections.netports.core.plugins.module_utils._probing import (
    certificate,
    loop,
    model,
    questions,
    refusals,
    resolver,
)

# Made by openssl for this test, with a key that was thrown away.
CERTIFICATE = base64.b64decode(
    """
    MIICCjCCAbCgAwIBAgIUDulRr0MeQ/yH7doFbfkF74Q9qy8wCgYIKoZIzj0EAwIwNzELMAkGA1UEBhMCWFgxETAPBgNVBAoMCEV4w6RtcGxlMR
    UwEwYDVQQDDAx6b25lLmV4YW1wbGUwHhcNMjYxMTIxMjAzMTI3WhcNMzYxMTE4MjAzMTI3WjA3MQswCQYDVQQGEwJYWDERMA8GA1UECgwIRXjD
    pG1wbGUxFTATBgNVBAMMDHpvbmUuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLT5Z6to8Tz+M278BasurMGeyRhIQ3fwVfRkmf
    SM+mwwLfyJPtOCn772M/IfInh05/s3gZ8HHsjxreMKvFBYAmijgZkwgZYwHQYDVR0OBBYEFAZfSyKQa0r26oiNDkQfFLNdpsVRMB8GA1UdIwQY
    MBaAFAZfSyKQa0r26oiNDkQfFLNdpsVRMA8GA1UdEwEB/wQFMAMBAf8wQwYDVR0RBDwwOoIMem9uZS5leGFtcGxlhwTAAAIHhxAgAQ24AAAAAA
    AAAAAAAAAHhhJzcGlmZmU6Ly9tZXNoL3pvbmUwCgYIKoZIzj0EAwIDSAAwRQIgRrZ4W4GFLPZhjRpAeNzLsvdslpqXHXEX/DdYvsVcbikCIQCx
    19XPoUxjaT473zgQSgpksHXYCkXRevtB9M+RbgNu5Q==
    """
)
NOT_BEFORE, NOT_AFTER = "2026-11-21T20:31:27Z", "2036-11-18T20:31:27Z"


def options(**changes: Any) -> Dict[str, Any]:
    return dict({name: option.get("default") for name, option in _probe.probe_arguments().items()}, **changes)


def target(**changes: Any) -> Dict[str, Any]:
    of_one = _probe.probe_arguments()["targets"]["options"]
    return dict({name: option.get("default") for name, option in of_one.items()}, host="192.0.2.1", port=80, **changes)


def parsed(**changes: Any) -> model.Target:
    return _probe.parse_options(options(targets=[dict(target(), **changes)])).targets[0]


def outcome(state: str, fault: str = "", address: str = "192.0.2.1") -> model.Outcome:
    return model.Outcome(address, model.Finding(state, "because", fault=fault), 0.5, 1)


@pytest.mark.parametrize(
    "expect, states, passed",
    [
        ("open", ["open"], True),
        ("open", ["unreachable", "open"], True),
        ("open", ["refused"], False),
        ("open", ["filtered"], False),
        ("open", ["unresolved"], False),
        ("closed", ["open", "filtered"], False),
        ("closed", ["refused", "filtered", "unreachable"], True),
        ("closed", ["unresolved"], False),
        ("closed", ["error"], False),
        # Somebody took the connection, whoever it is.
        ("closed", ["no_answer"], False),
    ],
)
def test_what_passes_over_tcp(expect: str, states: Any, passed: bool) -> None:
    assert model.passes(parsed(expect=expect), [outcome(state) for state in states]) is passed


@pytest.mark.parametrize(
    "expect, port, passed", [("open", 53, False), ("closed", 53, True), ("open", 8472, None), ("closed", 8472, None)]
)
def test_silence_of_udp_proves_nothing_where_nothing_was_asked(expect: str, port: int, passed: Any) -> None:
    assert model.passes(parsed(expect=expect, port=port, protocol="udp"), [outcome("no_answer")]) is passed


def test_an_open_port_without_tls_is_not_as_expected() -> None:
    assert model.passes(parsed(tls=True), [outcome("open", fault="no TLS")]) is False
    assert model.passes(parsed(tls=True), [outcome("open", fault="no TLS"), outcome("open")]) is True


def test_the_best_address_stands_for_the_target() -> None:
    dual = parsed(host="dual")
    found = model.result(dual, [outcome("unreachable", address="2001:db8::1"), outcome("filtered"), outcome("unreachable")])
    assert (found["state"], found["address"]) == ("filtered", "192.0.2.1")
    assert [each["state"] for each in found["addresses"]] == ["unreachable", "filtered", "unreachable"]


def test_an_address_is_told_once() -> None:
    found = model.result(parsed(host="192.0.2.1"), [outcome("filtered")])
    assert (found["address"], found["addresses"]) == ("192.0.2.1", [])


def test_the_message_names_the_first_few() -> None:
    results = [model.result(parsed(name="web%d" % number), [outcome("refused")]) for number in range(7)]
    passed, message = model.verdict(results)
    assert not passed
    assert message.startswith(
        "7 of 7 targets are not as expected: web0: 192.0.2.1:80/tcp: expected open, found refused: because; "
    )
    assert message.endswith("; and 2 more")
    assert model.summary(results)["refused"] == 7


def test_a_dns_question_is_one() -> None:
    sent = questions.encode(None, 15053)[0]
    _number, flags, asked, answers, _authority, _additional = struct.unpack("!6H", sent[:12])
    assert (flags & 0x8000, asked, answers) == (0, 1, 0)
    assert sent[12:] == b"\x09localhost\x00\x00\x01\x00\x01"


def test_an_ntp_question_is_a_client_of_version_4() -> None:
    sent = questions.encode(None, 123)[0]
    assert len(sent) == 48 and sent[0] == 4 << 3 | 3 and any(sent[40:])


@pytest.mark.parametrize(
    "question, port, sent", [("00 ff", 9, (b"\x00\xff", True)), ("00 ff", 53, (b"\x00\xff", True)), (None, 9, (b"", False))]
)
def test_questions(question: Any, port: int, sent: Any) -> None:
    assert questions.encode(question, port) == sent


def test_a_tcp_port_is_asked_nothing() -> None:
    assert parsed(port=53).question == b"" and not parsed(port=53).asked


@pytest.mark.parametrize("token", [b"t", b"netports", b"x" * 64])
def test_port_listen_answers_the_question_for_its_token(token: bytes) -> None:
    assert _token.answer(_token.question(token), token) == token


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"targets": [target(), dict(target(), port=0)]}, r"targets\[1\]\.port: 0 is not a port"),
        ({"targets": [dict(target(), host=" ")]}, r"targets\[0\]\.host: ' ' is neither"),
        ({"targets": [dict(target(), question="xyz", protocol="udp")]}, r"targets\[0\]\.question: 'xyz' is neither dns"),
        ({"targets": [dict(target(), question="", protocol="udp")]}, r"targets\[0\]\.question: it is empty"),
        ({"targets": [dict(target(), question="dns")]}, r"targets\[0\]\.question: it is for UDP"),
        ({"targets": [dict(target(), tls=True, protocol="udp")]}, r"targets\[0\]\.tls: it is for TCP"),
        ({"targets": [dict(target(), token="a b")]}, r"targets\[0\]\.token: 'a b' is not 1 to 64"),
        ({"timeout": 0.0}, "timeout: 0.0 is no number"),
        ({"timeout": float("nan")}, "timeout: nan is no number"),
        ({"retries": -1}, "retries: -1 is less than 0"),
        ({"concurrency": 0}, "concurrency: 0 is less than 1"),
        ({"device": "a-name-of-16-byte"}, "device: 'a-name-of-16-byte' is no name"),
        ({"source_address": "here"}, "source_address: 'here' is not an IP address"),
        ({"source_address": "192.0.2.1", "family": "ipv6"}, "source_address: 192.0.2.1 is not of the family ipv6"),
    ],
)
def test_wrong_options_are_named(changes: Dict[str, Any], message: str) -> None:
    with pytest.raises(model.ProbeError, match="^" + message):
        _probe.parse_options(dict(options(targets=[]), **changes))


def extended(family: int, origin: int, kind: int, code: int) -> Any:
    """What the kernel hands over: struct sock_extended_err and the sender."""
    details = struct.pack("=I4B2I", 111, origin, kind, code, 0, 0, 0)
    if family == socket.AF_INET:
        sender = struct.pack("=H2x4s8x", family, bytes([192, 0, 2, 9]))
        return [(socket.IPPROTO_IP, 11, details + sender)]
    sender = struct.pack("=H6x16s4x", family, socket.inet_pton(family, "2001:db8::9"))
    return [(socket.IPPROTO_IPV6, 25, details + sender)]


@pytest.mark.parametrize(
    "family, origin, kind, code, tcp, udp",
    [
        (socket.AF_INET, 2, 3, 3, "filtered", "refused"),
        (socket.AF_INET6, 3, 1, 4, "filtered", "refused"),
        (socket.AF_INET, 2, 3, 13, "filtered", "filtered"),
        (socket.AF_INET6, 3, 1, 1, "filtered", "filtered"),
        (socket.AF_INET, 2, 3, 1, "unreachable", "unreachable"),
        (socket.AF_INET6, 3, 1, 0, "unreachable", "unreachable"),
        (socket.AF_INET, 2, 11, 0, "unreachable", "unreachable"),
        (socket.AF_INET, 2, 3, 200, "unreachable", "unreachable"),
    ],
)
def test_what_icmp_means(family: int, origin: int, kind: int, code: int, tcp: str, udp: str) -> None:
    icmp = refusals.read(extended(family, origin, kind, code))
    assert icmp is not None and icmp.sender == ("192.0.2.9" if family == socket.AF_INET else "2001:db8::9")
    assert refusals.remote("tcp", 111, icmp).state == tcp
    assert refusals.remote("udp", 111, icmp).state == udp


def test_the_kernels_own_errors_are_no_icmp() -> None:
    assert refusals.read(extended(socket.AF_INET, 1, 0, 0)) is None


def test_a_certificate() -> None:
    assert certificate.read(CERTIFICATE) == {
        "subject": "C=XX,O=Exämple,CN=zone.example",
        "issuer": "C=XX,O=Exämple,CN=zone.example",
        "names": ["zone.example", "192.0.2.7", "2001:db8::7", "spiffe://mesh/zone"],
        "not_before": NOT_BEFORE,
        "not_after": NOT_AFTER,
    }


@given(st.integers(0, len(CERTIFICATE) - 1), st.binary(max_size=8))
def test_what_is_no_certificate_is_refused_or_read(at: int, noise: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        certificate.read(CERTIFICATE[:at])
    try:
        certificate.read(CERTIFICATE[:at] + noise + CERTIFICATE[at + len(noise) :])
    except ValueError:
        pass


def test_addresses_are_not_looked_up_and_keep_to_the_family() -> None:
    found = resolver.resolve(["192.0.2.1", "2001:db8::1"], "ipv6", 1.0)
    assert found["192.0.2.1"] == resolver.Resolved([], "192.0.2.1 has no IPv6 address")
    assert found["2001:db8::1"].addresses == [(socket.AF_INET6, ("2001:db8::1", 0, 0, 0))]


def test_what_cannot_be_a_name_is_unresolved() -> None:
    result = _probe.probe(options(targets=[dict(target(), host="a" * 64 + ".example")], timeout=0.5))
    assert result["results"][0]["state"] == "unresolved" and result["failed"] is True


def test_a_resolver_that_hangs_does_not_hold_up_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    hang = threading.Event()
    real = resolver.socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any) -> Any:
        if host == "slow.example":
            if not arguments[-1]:
                hang.wait(10)
            raise socket.gaierror(-2, "Name or service not known")
        return real(host, *arguments)

    monkeypatch.setattr(resolver.socket, "getaddrinfo", getaddrinfo)
    found = resolver.resolve(["slow.example", "192.0.2.1"], "any", 0.1)
    hang.set()
    assert found["slow.example"].problem == "the resolver did not answer within 0.1 s"
    assert found["192.0.2.1"].addresses


def test_a_connection_with_itself_is_seen() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        assert loop._with_itself(sock, sock.getsockname()[1])
