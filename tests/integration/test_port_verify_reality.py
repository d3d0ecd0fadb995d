# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""For any set of sockets and any expectation the verdict agrees with what connections from inside and outside find."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.module_utils._listener import parse_listener
from ansible_collections.netports.core.plugins.module_utils._socket_table import Socket, SocketTable
from tests.lab.sandbox import Host, Lab

HERE = pathlib.Path(__file__).parent
COLLECTIONS = HERE.parent.parent / ".venv" / "collections"
PORT = 7000
# The addresses that the lab gives its first host, and a second one of each family that nothing is ever bound to.
IPV4, IPV6 = "198.51.100.1", "2001:db8:6c61:62::1"
SPARE = {"ipv4": "198.51.100.201", "ipv6": "2001:db8:6c61:62::201"}
OWN = {"ipv4": IPV4, "ipv6": IPV6}
INSIDE = {"ipv4": ("127.0.0.1", "127.0.0.2", IPV4), "ipv6": ("::1", IPV6)}


class Agent:
    """The process on a lab host that does what it is told."""

    def __init__(self, host: Host) -> None:
        argv = [sys.executable, str(HERE / "_socket_agent.py"), str(COLLECTIONS)]
        self.process = host.popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **request: Any) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the agent ended with %s" % self.process.wait()
        return json.loads(answer)

    def connects(self, addresses: tuple[str, ...]) -> set[str]:
        answers = self.ask(connect=addresses, port=PORT)
        return {address for address, connected in zip(addresses, answers, strict=True) if connected}

    def table(self, method: str) -> SocketTable:
        rows, gathered_by, knows_v6only, knows_device = self.ask(gather=method)
        return SocketTable(tuple(Socket(*row) for row in rows), gathered_by, knows_v6only, knows_device)


class Agents(NamedTuple):
    inside: Agent
    outside: Agent


@pytest.fixture(scope="module")
def agents() -> Iterator[Agents]:
    with Lab() as lab:
        host, peer = lab.host("host"), lab.host("peer")
        assert (host.ipv4, host.ipv6) == (IPV4, IPV6)
        host.run(["ip", "address", "add", SPARE["ipv4"] + "/24", "dev", "eth0"])
        host.run(["ip", "address", "add", SPARE["ipv6"] + "/64", "dev", "eth0", "nodad"])
        pair = Agents(Agent(host), Agent(peer))
        yield pair
        for agent in pair:
            agent.process.kill()
            agent.process.communicate()


def _plans() -> st.SearchStrategy[tuple[str, str, str | None, bool]]:
    """Family, address, device and v6only of a socket. A loopback address on another device than lo is left out: it is
    reached in a VRF and nowhere on an interface, and no evidence tells which of the two the device is."""
    outer = st.sampled_from([None, None, "lo", "eth0"])
    inner = st.sampled_from([None, "lo"])
    v4 = st.tuples(st.just("ipv4"), st.sampled_from(["0.0.0.0", IPV4]), outer, st.just(False))
    v4_loopback = st.tuples(st.just("ipv4"), st.sampled_from(["127.0.0.1", "127.0.0.2"]), inner, st.just(False))
    v6 = st.tuples(st.just("ipv6"), st.sampled_from(["::", "::", IPV6]), outer, st.booleans())
    v6_loopback = st.tuples(st.just("ipv6"), st.just("::1"), inner, st.booleans())
    mapped = st.tuples(st.just("ipv6"), st.sampled_from(["::ffff:0.0.0.0", "::ffff:" + IPV4]), outer, st.just(False))
    mapped_loopback = st.tuples(st.just("ipv6"), st.just("::ffff:127.0.0.1"), inner, st.just(False))
    return st.one_of(v4, v4_loopback, v6, v6_loopback, mapped, mapped_loopback)


_WORDS = st.fixed_dictionaries(
    {"bind": st.sampled_from(["any", "loopback"]), "family": st.sampled_from(["ipv4", "ipv6", "both", "any"])}
)
_ADDRESSES = st.fixed_dictionaries({"bind": st.sampled_from([IPV4, IPV6, "127.0.0.1", "127.0.0.2", "::1"])})


def _satisfied(family: str, served: set[str]) -> bool:
    return bool(served) if family == "any" else served >= ({"ipv4", "ipv6"} if family == "both" else {family})


def _by_connections(agents: Agents, expected: dict[str, str], any_socket: bool) -> str:
    """The verdict that knocking alone justifies, written without the collection's rules."""
    bind, family = expected["bind"], expected.get("family", "any")
    outside = agents.outside.connects((IPV4, IPV6, *SPARE.values()))
    inside = agents.inside.connects(INSIDE["ipv4"] + INSIDE["ipv6"])
    nowhere = "confined" if any_socket else "absent"
    if bind == "any":
        return "ok" if _satisfied(family, {name for name, own in OWN.items() if own in outside}) else nowhere
    if bind == "loopback":
        if outside:
            return "exposed"
        return "ok" if _satisfied(family, {name for name, own in INSIDE.items() if inside & set(own)}) else nowhere
    if bind in OWN.values():
        return "ok" if bind in outside else nowhere
    # A loopback address: what answers on an address that nothing was bound to is wider than that.
    if outside & set(SPARE.values()):
        return "exposed"
    return "ok" if bind in inside else nowhere


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=st.lists(_plans(), max_size=4), expected=st.one_of(_WORDS, _ADDRESSES))
def test_verdict_agrees_with_connections(agents: Agents, plans: list[Any], expected: dict[str, str]) -> None:
    opened = agents.inside.ask(open=plans, port=PORT)
    listener = parse_listener({"name": "x", "protocol": "tcp", "port": PORT, **expected})
    found = _by_connections(agents, expected, bool(opened))
    event("%s %s" % (expected["bind"], found))

    def verdict(method: str) -> tuple[str, str]:
        (finding,) = _verdict.judge([listener], agents.inside.table(method)).findings
        return finding.verdict, finding.reason

    for method in ("sock_diag", "ss"):
        assert verdict(method)[0] == found, (method, verdict(method))
    if not any(device for _family, _address, device, _v6only in plans):
        # These know neither v6only nor devices: they may say that they cannot tell, but nothing wrong.
        for method in ("proc", "netstat"):
            assert verdict(method)[0] in (found, "unverifiable"), (method, verdict(method))


def _bound_by(expected: dict[str, str]) -> tuple[str, ...]:
    """The addresses that a server which is told to listen as expected may bind."""
    families = {"ipv4": ("ipv4",), "ipv6": ("ipv6",)}.get(expected.get("family", "any"), ("ipv4", "ipv6"))
    if expected["bind"] not in ("any", "loopback"):
        return (expected["bind"],)
    if expected["bind"] == "any":
        return tuple({"ipv4": "0.0.0.0", "ipv6": "::"}[family] for family in families)
    return tuple(address for family in families for address in {"ipv4": ("127.0.0.1", "127.0.0.2"), "ipv6": ("::1",)}[family])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=st.lists(_plans(), max_size=3), expected=st.one_of(_WORDS, _ADDRESSES))
def test_free_agrees_with_bind(agents: Agents, plans: list[Any], expected: dict[str, str]) -> None:
    agents.inside.ask(open=plans, port=PORT)
    listener = parse_listener({"name": "x", "protocol": "tcp", "port": PORT, **expected})
    in_the_way = not all(agents.inside.ask(bind=_bound_by(expected), port=PORT))
    event("%s %s" % (expected["bind"], "taken" if in_the_way else "ok"))
    (finding,) = _verdict.judge([listener], agents.inside.table("sock_diag"), state="free").findings
    # What is bound to an interface is in the way, what is bound to a VRF is not; a socket does not tell which it is.
    certain = {"taken"} if in_the_way else {"ok"}
    allowed = certain | {"unverifiable"} if any(device == "eth0" for _f, _a, device, _v in plans) else certain
    assert finding.verdict in allowed, finding.reason
