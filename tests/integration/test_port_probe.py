# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_probe from one lab host to another: real packets, dropped, refused and lost ones."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.integration import _module
from tests.lab import ansible_runs
from tests.lab.sandbox import FAMILIES, Host, Lab

# Both families: 8080 accepts and says nothing, 8090 says everything again, 8443 speaks TLS; UDP 53 and 9999 answer,
# 9100 answers late, 8472 is silent.
SERVER = """
import selectors, socket, ssl, sys, threading, time
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[1], sys.argv[2])
def serve(sock, port):
    try:
        if port == 8443:
            sock = tls.wrap_socket(sock, server_side=True)
        data = sock.recv(4096)
        if port == 8090 and data:
            sock.sendall(data)
    except OSError:
        pass
    sock.close()
def accept(listener, port):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0], port), daemon=True).start()
def answer(sock, port):
    while True:
        data, peer = sock.recvfrom(4096)
        if port == 8472 or (port == 53 and not data.startswith(b"np")):
            continue
        if port == 9100:
            time.sleep(0.3)
        sock.sendto(data, peer)
for protocol, port in (("tcp", 8080), ("tcp", 8090), ("tcp", 8443), ("udp", 53), ("udp", 9999), ("udp", 9100), ("udp", 8472)):
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(socket.AF_INET6, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", port))
    if protocol == "tcp":
        sock.listen(1024)
    threading.Thread(target=accept if protocol == "tcp" else answer, args=(sock, port), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""

# The rules of loss count packets, and let every third through.
FIREWALL = """
table inet lab {
  chain in {
    type filter hook input priority 0
    tcp dport { 7001, 20000-20999 } drop
    udp dport 7001 drop
    tcp dport 7002 reject with tcp reset
    meta l4proto { tcp, udp } th dport 7003 reject with icmpx admin-prohibited
    meta l4proto { tcp, udp } th dport 7004 reject with icmpx port-unreachable
    meta l4proto { tcp, udp } th dport 7005 reject with icmpx host-unreachable
    meta l4proto { tcp, udp } th dport 7006 reject with icmpx no-route
  }
}
"""
LOSS = """in {
  type filter hook input priority -10
  tcp dport 8080 tcp flags & (syn | ack) == syn numgen inc mod 3 < 2 drop
  udp dport 9999 numgen inc mod 3 < 2 drop
}"""


class Pair(NamedTuple):
    server: Host
    peer: Host


def target(host: str, port: int, protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    return {"host": host, "port": port, "protocol": protocol, **more}


def probe(host: Host, targets: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    return _module.run(host, "port_probe", {"timeout": 0.6, **options, "targets": targets})


def states(result: dict[str, Any]) -> list[str]:
    return [each["state"] for each in result["results"]]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("probe")


@pytest.fixture(scope="module")
def lab(directory: pathlib.Path) -> Iterator[Lab]:
    """One for all tests: none of them leaves anything on its hosts."""
    with Lab(writable=[directory]) as made:
        yield made


@pytest.fixture(scope="module")
def pair(lab: Lab, directory: pathlib.Path) -> Iterator[Pair]:
    server, peer = lab.host("server"), lab.host("peer")
    key, certificate = str(directory / "key.pem"), str(directory / "cert.pem")
    names = "subjectAltName=DNS:zone.example,URI:spiffe://mesh/zone"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    server.run([*make, "-keyout", key, "-out", certificate, "-subj", "/CN=zone.example", "-addext", names])
    server.run(["nft", "-f", "-"], input=FIREWALL)
    with server.popen([server.python, "-c", SERVER, certificate, key], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield Pair(server, peer)
        process.kill()


@contextlib.contextmanager
def firewall(host: Host, table: str, chain: str) -> Iterator[None]:
    host.run(["nft", "-f", "-"], input="table inet %s {\n chain %s\n}\n" % (table, chain))
    yield
    host.run(["nft", "delete", "table", "inet", table])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_of_broken(pair: Pair, family: str) -> None:
    address = getattr(pair.server, family)
    elsewhere = {"ipv4": "192.0.2.1", "ipv6": "2001:db8:1::1"}[family]
    expected = {
        (address, 8080, "tcp"): ("open", "accepts"),
        (address, 8081, "tcp"): ("refused", "reset"),
        (address, 7001, "tcp"): ("filtered", "no answer within 0.6 s"),
        (address, 7002, "tcp"): ("refused", "reset"),
        (address, 7003, "tcp"): ("filtered", "administratively prohibited from " + address),
        (address, 7004, "tcp"): ("filtered", "port unreachable from " + address),
        (address, 7005, "tcp"): ("unreachable", "unreachable from " + address),
        (address, 7006, "tcp"): ("unreachable", "from " + address),
        (elsewhere, 80, "tcp"): ("unreachable", "this host has no route"),
        (address, 53, "udp"): ("open", "answered"),
        (address, 9999, "udp"): ("open", "answered"),
        (address, 9100, "udp"): ("open", "answered"),
        (address, 8472, "udp"): ("no_answer", "nothing was asked"),
        (address, 9998, "udp"): ("refused", "port unreachable from " + address),
        (address, 7001, "udp"): ("no_answer", "nothing refused it"),
        (address, 7003, "udp"): ("filtered", "administratively prohibited from " + address),
        (address, 7005, "udp"): ("unreachable", "unreachable from " + address),
        (elsewhere, 53, "udp"): ("unreachable", "this host has no route"),
    }
    result = probe(pair.peer, [target(*key) for key in expected])
    found = {(each["host"], each["port"], each["protocol"]): each for each in result["results"]}
    assert {key: each["state"] for key, each in found.items()} == {key: state for key, (state, _reason) in expected.items()}
    for key, (_state, reason) in expected.items():
        assert reason in found[key]["reason"], key
        assert found[key]["address"] == key[0]
    assert found[address, 9100, "udp"]["seconds"] >= 0.3
    assert found[address, 7001, "tcp"]["attempts"] == found[address, 7001, "udp"]["attempts"] == 3
    assert 0.6 <= found[address, 7001, "udp"]["seconds"] < 1.8
    assert found[address, 8080, "tcp"]["attempts"] == 1 and found[address, 8080, "tcp"]["seconds"] < 0.6
    assert result["summary"]["open"] == 4 and result["failed"] and result["changed"] is False
    assert [each["passed"] for each in found.values() if each["state"] == "open"] == [True] * 4
    assert found[address, 8472, "udp"]["passed"] is None
    assert 0.6 <= result["seconds"] < 2.0


def test_what_must_be_closed(pair: Pair) -> None:
    server = str(pair.server.ipv4)
    closed = [target(server, port, expect="closed") for port in (7001, 7002, 7003, 8081)]
    assert probe(pair.peer, closed)["passed"] is True
    result = probe(pair.peer, [*closed, target(server, 8080, expect="closed", name="admin")])
    assert result["failed"] and result["msg"] == (
        "1 of 5 targets are not as expected: admin: %s:8080/tcp: expected closed, found open: it accepts connections" % server
    )


def test_lost_packets_are_asked_for_again(pair: Pair) -> None:
    server = str(pair.server.ipv4)
    with firewall(pair.server, "loss", LOSS):
        result = probe(pair.peer, [target(server, 8080), target(server, 9999, "udp")], timeout=0.9)
        assert [(each["state"], each["attempts"]) for each in result["results"]] == [("open", 3)] * 2
        assert all(each["seconds"] >= 0.6 for each in result["results"])
        once = probe(pair.peer, [target(server, 8080), target(server, 9999, "udp")], timeout=0.3, retries=0)
        assert [(each["state"], each["attempts"]) for each in once["results"]] == [("filtered", 1), ("no_answer", 1)]


def test_a_name_with_both_families(lab: Lab, pair: Pair) -> None:
    six = lab.host("six", families=("ipv6",))
    pair.peer.write("/etc/hosts", "%s dual\n%s dual\n" % (pair.server.ipv6, "192.0.2.1"))
    found = probe(pair.peer, [target("dual", 8080), target("absent.invalid", 80)])["results"]
    assert (found[0]["state"], found[0]["address"], found[0]["passed"]) == ("open", pair.server.ipv6, True)
    assert {each["address"]: each["state"] for each in found[0]["addresses"]} == {
        pair.server.ipv6: "open",
        "192.0.2.1": "unreachable",
    }
    assert (found[1]["state"], found[1]["address"], found[1]["addresses"]) == ("unresolved", None, [])
    only = probe(pair.peer, [target("dual", 8080)], family="ipv4")["results"][0]
    assert [each["address"] for each in only["addresses"]] == ["192.0.2.1"]
    assert states(probe(six, [target(str(pair.server.ipv6), 8080), target(str(pair.server.ipv4), 8080)])) == [
        "open",
        "unreachable",
    ]


def test_a_proxy_that_accepts_everything_does_not_know_the_token(pair: Pair) -> None:
    server, token = str(pair.server.ipv6), "t0ken"
    held = [{"name": protocol, "protocol": protocol, "port": 6000, "family": "both"} for protocol in ("tcp", "udp")]
    _module.run(pair.server, "port_listen", {"listeners": held, "seconds": 60, "token": token})
    asked = [(6000, "tcp"), (6000, "udp"), (8080, "tcp"), (8090, "tcp"), (9999, "udp"), (9998, "udp")]
    result = probe(pair.peer, [target(server, *each, token=token) for each in asked])
    assert states(result) == ["open", "open", "no_answer", "no_answer", "no_answer", "refused"]
    assert [each["passed"] for each in result["results"]] == [True, True, False, False, False, False]
    assert "not with the token" in result["results"][4]["reason"]
    _module.run(pair.server, "port_listen", {"state": "stopped", "token": token})
    # Over TCP even that is a way in.
    assert probe(pair.peer, [target(server, 8080, token="t0ken", expect="closed")])["failed"]


def test_tls(pair: Pair) -> None:
    pair.peer.write("/etc/hosts", "%s zone.example\n" % pair.server.ipv4)
    result = probe(pair.peer, [target("zone.example", 8443, tls=True), target(str(pair.server.ipv4), 8080, tls=True)])
    spoken, silent = result["results"]
    assert (spoken["state"], spoken["passed"]) == ("open", True)
    assert spoken["tls"]["subject"] == "CN=zone.example" and spoken["tls"]["expired"] is False
    assert spoken["tls"]["names"] == ["zone.example", "spiffe://mesh/zone"] and spoken["tls"]["version"].startswith("TLS")
    assert spoken["tls"]["not_before"] < spoken["tls"]["not_after"] and spoken["tls"]["error"] is None
    assert (silent["state"], silent["passed"]) == ("open", False)
    assert silent["tls"]["error"] is not None and "handshake failed" in silent["reason"]


def test_where_it_asks_from(pair: Pair) -> None:
    pair.peer.run(["ip", "addr", "add", "198.51.100.77/24", "dev", "eth0"])
    to = [target(str(pair.server.ipv4), 8090)]
    other = "in { type filter hook input priority 0; tcp dport 8090 ip saddr != 198.51.100.77 reject with tcp reset; }"
    with firewall(pair.server, "other", other):
        assert states(probe(pair.peer, to)) == ["refused"]
        assert states(probe(pair.peer, to, source_address="198.51.100.77", device="eth0")) == ["open"]
    assert states(probe(pair.peer, to, device="lo"))[0] in ("unreachable", "filtered")
    six = probe(pair.peer, [target(str(pair.server.ipv6), 8090)], source_address="198.51.100.77")["results"][0]
    assert six["state"] == "unresolved" and "has no IPv4 address" in six["reason"]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"source_address": "198.51.100.250"}, "source_address: this host has no address 198.51.100.250"),
        ({"device": "absent0"}, "device: this host has no interface absent0"),
        ({"network_namespace": "absent"}, "network_namespace: /run/netns/absent does not exist"),
    ],
)
def test_what_this_host_cannot_do_is_an_error(pair: Pair, options: dict[str, Any], message: str) -> None:
    result = probe(pair.peer, [target("127.0.0.1", 1)], **options)
    assert result["failed"] and message in result["msg"] and "results" not in result


def test_a_rule_of_this_host_is_told_from_one_on_the_way(pair: Pair) -> None:
    with firewall(pair.peer, "own", "out { type filter hook output priority 0; udp dport 9999 drop; }"):
        found = probe(pair.peer, [target(str(pair.server.ipv4), 9999, "udp")])["results"][0]
    assert found["state"] == "filtered" and "a rule of this host itself" in found["reason"]


def test_from_a_network_namespace(pair: Pair) -> None:
    pair.peer.run(["ip", "netns", "add", "inner"])
    pair.peer.run(["ip", "-n", "inner", "link", "set", "lo", "up"])
    targets = [target("127.0.0.1", 1), target(str(pair.server.ipv4), 8080)]
    assert states(probe(pair.peer, targets)) == ["refused", "open"]
    assert states(probe(pair.peer, targets, network_namespace="inner")) == ["refused", "unreachable"]


@pytest.mark.slow
def test_500_that_are_dropped_take_one_timeout(pair: Pair) -> None:
    result = probe(pair.peer, [target(str(pair.server.ipv4), 20000 + number) for number in range(500)], timeout=1.0)
    assert result["summary"]["filtered"] == 500 and result["notes"] == []
    assert 1.0 <= result["seconds"] < 2.0


def test_more_than_may_be_asked_at_once_take_turns(pair: Pair) -> None:
    server = str(pair.server.ipv4)
    result = probe(pair.peer, [target(server, 20000 + number) for number in range(30)], concurrency=10, timeout=0.2)
    assert states(result) == ["filtered"] * 30
    assert 0.6 <= result["seconds"] < 2.5


def test_too_few_open_files_lower_the_concurrency(pair: Pair) -> None:
    server = str(pair.server.ipv4)
    targets = [target(server, 20000 + number) for number in range(60)] + [target(server, 8080)] * 60
    argv = _module.command("port_probe", {"targets": targets, "timeout": 0.3}, python=pair.peer.python)
    done = pair.peer.run(["prlimit", "--nofile=40:40", "--", *argv], check=False, env=_module.environment())
    result = _module.parse(done)
    assert states(result) == ["filtered"] * 60 + ["open"] * 60
    assert "too many open files" in result["notes"][0]


def test_the_real_command(pair: Pair) -> None:
    to = [target(str(pair.server.ipv4), 8080), target(str(pair.server.ipv4), 8472, "udp")]
    run = ansible_runs.module(pair.peer, "port_probe", {"targets": json.loads(json.dumps(to)), "timeout": 0.5})
    assert run.code == 0
    assert states(run.result("port_probe")) == ["open", "no_answer"]
