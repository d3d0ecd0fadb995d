# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_probe over bad links: a router that rejects, a slow and a lossy one, a family that is broken, two hosts with one
address, and a proxy that takes every connection. What a single firewall does to it is in test_port_probe.py."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.integration import _module
from tests.lab import links
from tests.lab.sandbox import FAMILIES, Host, Lab

# TCP 8080 accepts and says nothing; UDP 9999 says everything again.
SERVER = """
import socket, threading
listener = socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
echo = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
echo.bind(("::", 9999))
def answer():
    while True:
        echo.sendto(*echo.recvfrom(4096))
threading.Thread(target=answer, daemon=True).start()
print("ready", flush=True)
while True:
    listener.accept()[0].close()
"""

# Takes every connection, and only then looks whether there is anybody behind; UDP it says again.
PROXY = """
import socket, struct, threading
listener = socket.create_server(("0.0.0.0", 15001), backlog=1024)
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
echo.bind(("0.0.0.0", 15001))
def answer():
    while True:
        echo.sendto(*echo.recvfrom(4096))
def copy(source, target):
    try:
        while True:
            data = source.recv(4096)
            if not data:
                break
            target.sendall(data)
    except OSError:
        pass
def serve(taken):
    _family, port, address = struct.unpack("!HH4s8x", taken.getsockopt(socket.SOL_IP, 80, 16))  # SO_ORIGINAL_DST
    try:
        behind = socket.create_connection((socket.inet_ntoa(address), port), timeout=5)
    except OSError:
        threading.Event().wait()  # it keeps what it took
    threading.Thread(target=copy, args=(taken, behind), daemon=True).start()
    copy(behind, taken)
threading.Thread(target=answer, daemon=True).start()
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""

# What a router may say, by nftables' name: what port_probe makes of it for TCP, for UDP if other, and its words.
REJECTIONS = {
    "ipv4": [
        ("net-unreachable", "unreachable", "network unreachable"),
        ("host-unreachable", "unreachable", "host unreachable"),
        ("prot-unreachable", "unreachable", "protocol unreachable"),
        ("port-unreachable", "filtered refused", "port unreachable"),
        ("net-prohibited", "filtered", "network administratively prohibited"),
        ("host-prohibited", "filtered", "host administratively prohibited"),
        ("admin-prohibited", "filtered", "communication administratively prohibited"),
    ],
    "ipv6": [
        ("no-route", "unreachable", "no route to destination"),
        ("addr-unreachable", "unreachable", "address unreachable"),
        ("reject-route", "unreachable", "route rejects the destination"),
        ("port-unreachable", "filtered refused", "port unreachable"),
        ("admin-prohibited", "filtered", "communication administratively prohibited"),
        ("policy-fail", "filtered", "source address failed the policy"),
    ],
}
FIRST_REJECTED = 7100


class Network(NamedTuple):
    """`client` reaches the server straight and, under its far addresses, by `router`; the server's own link is the slow one."""

    lab: Lab
    client: Host
    router: Host
    server: Host
    slow: links.SlowLink


def target(host: Any, port: int, protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    return {"host": str(host), "port": port, "protocol": protocol, **more}


def probe(host: Host, targets: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _module.run(host, "port_probe", {"timeout": 0.6, **options, "targets": targets})["results"]
    return found


def found(results: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(each["state"], each["attempts"]) for each in results]


def states(results: list[dict[str, Any]]) -> list[str]:
    return [each["state"] for each in results]


@contextlib.contextmanager
def rules(host: Host, table: str) -> Iterator[None]:
    """An nftables table called lab."""
    host.run(["nft", "-f", "-"], input=table)
    try:
        yield
    finally:
        host.run(["nft", "delete", *table.split("{")[0].split()])


@contextlib.contextmanager
def running(host: Host, program: str) -> Iterator[None]:
    with host.popen([host.python, "-I", "-S", "-c", program], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield
        finally:
            process.kill()


@contextlib.contextmanager
def held(host: Host, port: int, token: str) -> Iterator[None]:
    listeners = [{"name": protocol, "protocol": protocol, "port": port, "family": "both"} for protocol in ("tcp", "udp")]
    assert not _module.run(host, "port_listen", {"listeners": listeners, "seconds": 60, "token": token}).get("failed")
    try:
        yield
    finally:
        _module.run(host, "port_listen", {"state": "stopped", "token": token})


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Lab() as lab:
        client, router, server = lab.host("client"), lab.host("router"), lab.host("server")
        slow = links.slow(lab, server)
        links.route(client, router, server)
        with running(server, SERVER):
            made = Network(lab, client, router, server, slow)
            # From here on everybody knows his neighbours.
            knocks = [target(address, 8080) for address in (*server.addresses, *(links.far(1, family) for family in FAMILIES))]
            assert states(probe(client, knocks, timeout=10, retries=9)) == ["open"] * 4
            yield made


@contextlib.contextmanager
def delayed(network: Network, seconds: float) -> Iterator[None]:
    """A round trip to the server takes so long."""
    network.slow.delay(seconds / 2)
    try:
        yield
    finally:
        network.slow.delay(0)


@pytest.mark.parametrize("family", FAMILIES)
def test_whatever_a_router_rejects_with(network: Network, family: str) -> None:
    icmp = {"ipv4": "icmp", "ipv6": "icmpv6"}[family]
    said = REJECTIONS[family]
    reject = [
        "meta l4proto { tcp, udp } th dport %d reject with %s %s" % (FIRST_REJECTED + place, icmp, one[0])
        for place, one in enumerate(said)
    ]
    kind = {"ipv4": "ip", "ipv6": "ip6"}[family]
    table = "table %s lab {\n chain on {\n type filter hook forward priority 0\n %s\n }\n}" % (kind, "\n ".join(reject))
    address, sender = links.far(1, family), str(getattr(network.router, family))
    with rules(network.router, table):
        ports = range(FIRST_REJECTED, FIRST_REJECTED + len(said))
        results = probe(network.client, [target(address, port, protocol) for port in ports for protocol in ("tcp", "udp")])
    expected = [state.split()[which] for _name, state, _words in said for which in (0, -1)]
    assert states(results) == expected
    for place, each in enumerate(results):
        assert "ICMP %s from %s" % (said[place // 2][2], sender) in each["reason"]
        assert each["attempts"] == 1, "an answer ends the probe"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_routing_loop(network: Network, family: str) -> None:
    address = links.far(99, family)
    network.server.run(["ip", "route", "add", address, "via", str(getattr(network.router, family))])
    network.server.sysctl({"ipv4": "ipv4/ip_forward", "ipv6": "ipv6/conf/all/forwarding"}[family], 1)
    results = probe(network.client, [target(address, 8080), target(address, 9999, "udp")], timeout=3)
    assert states(results) == ["unreachable"] * 2
    assert all("a routing loop" in each["reason"] for each in results)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_slow_answer_counts_up_to_the_timeout(network: Network, family: str) -> None:
    address = getattr(network.server, family)
    knocks = [
        target(address, 8080),
        target(address, 8081),
        target(address, 9999, "udp", question="01"),
        target(address, 9998, "udp"),
    ]
    with delayed(network, 0.5):
        results = probe(network.client, knocks, timeout=0.9)
    assert states(results) == ["open", "refused", "open", "refused"]
    assert all(0.5 <= each["seconds"] < 0.9 for each in results)
    # It was asked again meanwhile, and the first answer was the one that counted.
    assert [each["attempts"] for each in results] == [2] * 4


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_what_comes_later_is_not_taken_for_the_answer_of_another(network: Network, family: str) -> None:
    address = getattr(network.server, family)
    with delayed(network, 1.0):
        late = probe(network.client, [target(address, 8080), target(address, 9999, "udp", question="01")], timeout=0.6)
        assert found(late) == [("filtered", 3), ("no_answer", 3)]
        # Asked one by one: while the second is waited for, the answers to the first come in.
        turns = [target(address, 8080), target(address, 7000), target(address, 8080)]
        with rules(
            network.server, "table inet lab {\n chain in {\n type filter hook input priority 0\n tcp dport 7000 drop\n }\n}"
        ):
            results = probe(network.client, turns, timeout=0.6, concurrency=1)
    assert states(results) == ["filtered"] * 3
    assert states(probe(network.client, [target(address, 8080), target(address, 8081)])) == ["open", "refused"]


@pytest.mark.slow
def test_a_token_that_comes_too_late_is_none(network: Network) -> None:
    server = network.server.ipv4
    with held(network.server, 6000, "t0ken"), delayed(network, 0.5):
        results = probe(network.client, [target(server, 6000, token="t0ken")], timeout=0.7)
        patient = probe(network.client, [target(server, 6000, token="t0ken")], timeout=3)
    assert states(results) == ["no_answer"] and "no answer" in results[0]["reason"]
    assert states(patient) == ["open"] and patient[0]["seconds"] >= 1.0


@pytest.mark.slow
def test_of_30_percent_loss_no_three_in_a_row_hide_an_open_port(network: Network) -> None:
    """With the defaults of port_probe. For each of ten ports another three of ten questions in a row are lost, counted, so that
    every way to begin is there; for 200 further ones three of ten by chance.

    By default five SYNs leave in 3 s, those that TCP repeats by itself among them. By chance all five are lost with a
    probability of 0.3 ** 5 = 0.24 %; that this happens to more than 8 of 200 ports is less likely than 1 in 10 million.
    """
    first, by_chance = 20000, 21000
    lost = ["tcp dport %d numgen inc mod 10 { %d, %d, %d } drop" % (first + k, k, (k + 1) % 10, (k + 2) % 10) for k in range(10)]
    lost.append("tcp dport %d-%d numgen random mod 10 < 3 drop" % (by_chance, by_chance + 199))
    table = """table inet lab {
      chain loss { type filter hook prerouting priority raw; tcp flags & (syn | ack) == syn goto lost; }
      chain lost { %s; }
      chain everything { type nat hook prerouting priority dstnat; tcp dport 20000-21999 redirect to :8080; }
    }""" % ("; ".join(lost))
    server = network.server.ipv4
    with rules(network.server, table):
        knocks = [target(server, port) for port in (*range(first, first + 10), *range(by_chance, by_chance + 200))]
        results = probe(network.client, knocks, timeout=3.0)
    counted, chanced = results[:10], results[10:]
    assert states(counted) == ["open"] * 10
    # Port 0 loses its first three, 9 and 8 the first two and the first one; all others none of the first five or a later one.
    assert [each["attempts"] for each in counted] == [3, 1, 1, 1, 1, 1, 1, 1, 2, 2]
    assert sum(each["state"] != "open" for each in chanced) <= 8
    assert {each["state"] for each in chanced} <= {"open", "filtered"}
    assert {each["attempts"] for each in chanced} == {1, 2, 3}


@pytest.mark.slow
@pytest.mark.parametrize("broken, working", [FAMILIES, FAMILIES[::-1]])
def test_a_name_whose_one_family_is_broken_on_the_way(network: Network, broken: str, working: str) -> None:
    network.client.write("/etc/hosts", "".join("%s dual\n" % links.far(1, family) for family in FAMILIES))
    kind = {"ipv4": "ip", "ipv6": "ip6"}[broken]
    with rules(network.router, "table %s lab {\n chain on {\n type filter hook forward priority 0\n drop\n }\n}" % kind):
        any_family = probe(network.client, [target("dual", 8080)])[0]
        alone = [probe(network.client, [target("dual", 8080)], family=family)[0] for family in (broken, working)]
    assert (any_family["state"], any_family["address"], any_family["passed"]) == ("open", links.far(1, working), True)
    by_address = {each["address"]: (each["state"], each["attempts"]) for each in any_family["addresses"]}
    assert by_address == {links.far(1, working): ("open", 1), links.far(1, broken): ("filtered", 3)}
    assert states(alone) == ["filtered", "open"]


def test_a_host_of_one_family_asks_a_name_of_both(network: Network) -> None:
    six = network.lab.host("six", families=("ipv6",))
    six.write("/etc/hosts", "%s dual\n%s dual\n" % (network.server.ipv4, network.server.ipv6))
    dual, four = probe(six, [target("dual", 8080), target(network.server.ipv4, 8080)])
    assert (dual["state"], dual["address"]) == ("open", network.server.ipv6)
    assert four["state"] == "unreachable" and "no route" in four["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("family, address", [("ipv4", "198.51.100.200"), ("ipv6", "2001:db8:6c61:62::c8")])
def test_two_hosts_with_one_address(network: Network, family: str, address: str) -> None:
    """Which of them answers is up to the neighbours' tables; only the token tells that it is the wrong one."""
    twin = network.lab.hosts.get("twin") or network.lab.host("twin")
    for host in (network.server, twin):
        host.run(
            [
                "ip",
                "addr",
                "add",
                address + {"ipv4": "/24", "ipv6": "/64"}[family],
                "dev",
                "eth0",
                *(["nodad"] if family == "ipv6" else []),
            ]
        )
    knocks = [target(address, 6000), target(address, 6000, token="right"), target(address, 6000, "udp", token="right")]
    with held(network.server, 6000, "right"), held(twin, 6000, "wrong"):
        seen = {}
        for host in (network.server, twin):
            link = json.loads(host.run(["ip", "-j", "link", "show", "dev", "eth0"]).stdout)[0]
            neighbour = ["lladdr", link["address"], "dev", "eth0", "nud", "permanent"]
            network.client.run(["ip", "neigh", "replace", address, *neighbour])
            seen[host.name] = probe(network.client, knocks)
    assert states(seen["server"]) == ["open"] * 3
    assert states(seen["twin"]) == ["open", "no_answer", "no_answer"]
    assert [each["passed"] for each in seen["twin"]] == [True, False, False]
    assert "not by what knows the token" in seen["twin"][1]["reason"]
    assert "not with the token" in seen["twin"][2]["reason"]


@pytest.mark.slow
def test_a_transparent_proxy_for_the_whole_network(network: Network) -> None:
    """Without a token all of the network looks open, even addresses that nobody has. With one only what is behind it does."""
    table = """table ip lab {
      chain everything { type nat hook prerouting priority dstnat; ip daddr %s/24 meta l4proto { tcp, udp } redirect to :15001; }
    }""" % links.far(0, "ipv4")
    server, nobody = links.far(1, "ipv4"), links.far(7, "ipv4")
    with running(network.router, PROXY), rules(network.router, table), held(network.server, 6000, "t0ken"):
        fooled = probe(network.client, [target(host, port) for host in (server, nobody) for port in (6000, 6001)])
        asked = [
            (server, 6000, "tcp"),
            (server, 6001, "tcp"),
            (nobody, 6000, "tcp"),
            (server, 6000, "udp"),
            (nobody, 6000, "udp"),
        ]
        results = probe(network.client, [target(*each, token="t0ken") for each in asked], timeout=1.0)
    assert states(fooled) == ["open"] * 4
    assert states(results) == ["open", "no_answer", "no_answer", "no_answer", "no_answer"]
    assert [each["passed"] for each in results] == [True, False, False, False, False]
    assert all("the token" in each["reason"] for each in results)
