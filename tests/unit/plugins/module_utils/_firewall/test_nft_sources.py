# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._firewall import (
    intervals,
    ipt_ruleset,
    nft_admission,
    nft_ruleset,
    nft_sources,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import Packet

KEY = {"family": "inet", "table": "t"}
FIRST = intervals.number_of("192.0.2.0")
PACKET = Packet("ipv4", 6, 80, source=((FIRST, FIRST + 15),))


def ruleset(rules, policy="drop", sets=(), **chains):
    items = [{"chain": dict(KEY, name="input", type="filter", hook="input", prio=0, policy=policy)}]
    items += [{"chain": dict(KEY, name=name)} for name in chains]
    items += [{"set": dict(KEY, **one)} for one in sets]
    for name, expressions in dict(chains, input=rules).items():
        items += [{"rule": dict(KEY, chain=name, handle=n, expr=expr)} for n, expr in enumerate(expressions, 1)]
    return nft_ruleset.parse({"nftables": items})


def saddr(right, op="=="):
    return {"match": {"op": op, "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": right}}


def prefix(number, length):
    return {"prefix": {"addr": intervals.address_of(number & ~((1 << (32 - length)) - 1), "ipv4"), "len": length}}


def span(low, size):
    return {"range": [intervals.address_of(low, "ipv4"), intervals.address_of(low + size, "ipv4")]}


def addresses(state, parts):
    return intervals.merged(interval for part in parts if part.judgement.state == state for interval in part.sources)


NUMBERS = st.integers(FIRST, FIRST + 15)
VALUES = st.one_of(
    NUMBERS.map(lambda number: intervals.address_of(number, "ipv4")),
    st.builds(prefix, NUMBERS, st.integers(28, 31)),
    st.builds(span, NUMBERS, st.integers(1, 6)),
)
VALUE_LISTS = st.lists(VALUES, min_size=1, max_size=4)
SOURCES = st.builds(
    saddr, st.one_of(VALUES, VALUE_LISTS.map(lambda values: {"set": values}), st.just("@named")), st.sampled_from(["==", "!="])
)
OTHERS = st.sampled_from(
    [
        {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 80}},
        {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 81}},
        {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth1"}},
        {"counter": {}},
    ]
)
CONDITIONS = st.lists(st.one_of(SOURCES, SOURCES, OTHERS), max_size=2)
ENDS = st.sampled_from([{"accept": None}, {"drop": None}, {"return": None}])
JUMPS = st.sampled_from([{"accept": None}, {"drop": None}, {"jump": {"target": "other"}}])


def rules_with(verdicts):
    return st.lists(st.builds(lambda conditions, verdict: [*conditions, verdict], CONDITIONS, verdicts), max_size=5)


@given(rules_with(JUMPS), rules_with(ENDS), st.sampled_from(["accept", "drop"]), st.lists(VALUES, max_size=3))
def test_each_source_is_judged_as_it_would_be_alone(rules, other, policy, members):
    found = ruleset(rules, policy, [{"name": "named", "type": "ipv4_addr", "elem": members}], other=other)
    parts = nft_sources.judge_parts(found, PACKET)
    assert intervals.merged(interval for part in parts for interval in part.sources) == PACKET.source
    assert all(part.sources == intervals.merged(part.sources) != () for part in parts)
    assert all(low <= high for part in parts for low, high in part.sources)
    for part in parts:
        for low, high in part.sources:
            for number in range(low, high + 1):
                alone = nft_admission.judge(found, PACKET._replace(source=((number, number),)))
                assert alone.state == part.judgement.state


def test_the_rule_that_drops_some_is_named():
    drop = [saddr(prefix(FIRST + 8, 30)), {"drop": None}]
    parts = nft_sources.judge_parts(ruleset([drop, [{"accept": None}]]), PACKET)
    assert {part.judgement.reason for part in parts if part.judgement.state == "dropped"} == {
        nft_admission.judge(ruleset([drop]), PACKET._replace(source=((FIRST + 8, FIRST + 8),))).reason
    }
    assert addresses("dropped", parts) == ((FIRST + 8, FIRST + 11),)


SSH = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}


@pytest.mark.parametrize("condition", [[SSH], []])
def test_a_set_that_packets_fill_is_not_known(condition):
    """Packets to another port, too."""
    rules = [
        [*condition, {"set": {"op": "add", "elem": {"payload": {"protocol": "ip", "field": "saddr"}}, "set": "@named"}}],
        [saddr("@named"), {"drop": None}],
        [{"accept": None}],
    ]
    members = [intervals.address_of(FIRST + 3, "ipv4")]
    parts = nft_sources.judge_parts(ruleset(rules, sets=[{"name": "named", "type": "ipv4_addr", "elem": members}]), PACKET)
    assert {part.judgement.state for part in parts} == {"partial"}


@pytest.mark.parametrize("value", [7, {"|": [{"meta": {"key": "mark"}}, 7]}])
def test_a_mark_that_packets_may_have_been_given_is_not_known(value):
    """A rule that gives it decides nothing itself, and stays in view where sources are told apart."""
    eth1 = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth1"}}
    marked = {"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 7}}
    rules = [
        [eth1, {"mangle": {"key": {"meta": {"key": "mark"}}, "value": value}}],
        [marked, {"drop": None}],
        [saddr(prefix(FIRST, 29)), {"accept": None}],
    ]
    parts = nft_sources.judge_parts(ruleset(rules), PACKET)
    assert addresses("unknown", parts) == ((FIRST, FIRST + 7),)
    assert addresses("dropped", parts) == ((FIRST + 8, FIRST + 15),)


DROPS_NAMED = [[saddr("@named"), {"drop": None}], [{"accept": None}]]


def test_members_of_a_set_are_told_apart():
    members = [intervals.address_of(FIRST + 3, "ipv4"), prefix(FIRST + 8, 30)]
    parts = nft_sources.judge_parts(ruleset(DROPS_NAMED, sets=[{"name": "named", "type": "ipv4_addr", "elem": members}]), PACKET)
    assert addresses("dropped", parts) == ((FIRST + 3, FIRST + 3), (FIRST + 8, FIRST + 11))
    assert addresses("admitted", parts) == ((FIRST, FIRST + 2), (FIRST + 4, FIRST + 7), (FIRST + 12, FIRST + 15))
    # A set that is not there holds nobody that could be named.
    assert {part.judgement.state for part in nft_sources.judge_parts(ruleset(DROPS_NAMED), PACKET)} == {"partial"}


def test_members_of_a_set_of_ipset_are_told_apart():
    sets = ipt_ruleset.parse_sets(
        "create named hash:net family inet hashsize 1024 maxelem 65536\nadd named 192.0.2.3\nadd named 192.0.2.8/30\n"
    )
    text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set named src -j DROP\nCOMMIT\n"
    parts = nft_sources.judge_parts(ipt_ruleset.parse(text, "ip", sets), PACKET)
    assert addresses("dropped", parts) == ((FIRST + 3, FIRST + 3), (FIRST + 8, FIRST + 11))
    assert addresses("admitted", parts) == ((FIRST, FIRST + 2), (FIRST + 4, FIRST + 7), (FIRST + 12, FIRST + 15))


@pytest.mark.measures_time
@pytest.mark.parametrize("dropped", [0, 1])
def test_a_rule_for_each_of_hundreds_of_clients_takes_no_time(dropped):
    """As iptables writes them; each port of the host has its own."""
    clients = ["10.1.%d.%d/32" % (n // 100, 2 * (n % 100)) for n in range(500)]
    line = "-A INPUT -p tcp -s %s -m tcp --dport %d -j ACCEPT\n"
    rules = "".join(line % (client, port) for port in (80, 81, 82) for client in clients[dropped:])
    found = ipt_ruleset.parse("*filter\n:INPUT DROP [0:0]\n%sCOMMIT\n" % rules, "ip", legacy=False)
    sources = intervals.merged(intervals.parse_network(client)[1] for client in clients)
    started = time.process_time()
    parts = nft_sources.judge_parts(found, PACKET._replace(source=sources))
    assert time.process_time() - started < 2
    assert addresses("dropped", parts) == (sources[0],) * dropped
    assert len(addresses("admitted", parts)) == 500 - dropped


def test_more_lists_than_can_be_told_apart_end(monkeypatch):
    monkeypatch.setattr(nft_sources, "_MOST_JUDGEMENTS", 20)
    banned = {"set": [intervals.address_of(FIRST + 2 * n, "ipv4") for n in range(500)]}
    wide = PACKET._replace(source=((FIRST, FIRST + 1023),))
    parts = nft_sources.judge_parts(ruleset([[saddr(banned), {"drop": None}], [{"accept": None}]]), wide)
    assert len(parts) < 40
    assert intervals.merged(interval for part in parts for interval in part.sources) == wide.source
    assert {part.judgement.state for part in parts} <= {"admitted", "dropped", "partial"}


@pytest.mark.parametrize("most", [1, 2, 3])
def test_as_many_parts_as_judgements_are_granted(monkeypatch, most):
    monkeypatch.setattr(nft_sources, "_MOST_JUDGEMENTS", most)
    banned = {"set": [intervals.address_of(FIRST + 2 * n, "ipv4") for n in range(8)]}
    parts = nft_sources.judge_parts(ruleset([[saddr(banned), {"drop": None}], [{"accept": None}]]), PACKET)
    assert [part.judgement.state for part in parts] == ["partial"] * most
