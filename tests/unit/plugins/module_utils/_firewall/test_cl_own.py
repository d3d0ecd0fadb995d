# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._firewall import (
    cl_own,
    cl_policy,
    intervals,
    nft_admission,
    nft_match,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Chain, Ruleset

PORTS = st.lists(st.tuples(st.integers(1, 65535), st.integers(0, 3)), min_size=1, max_size=40).map(
    lambda found: intervals.merged((low, min(low + more, 65535)) for low, more in found)
)


def sources(bits):
    edges = st.tuples(st.integers(1, (1 << bits) - 1), st.integers(0, 9))
    return st.lists(edges, max_size=30).map(lambda found: intervals.merged((n, min(n + m, (1 << bits) - 1)) for n, m in found))


RULES = st.one_of(
    st.builds(Rule, st.just("a.b"), st.sampled_from(("tcp", "udp")), PORTS, st.just("ipv4"), sources(32)),
    st.builds(Rule, st.just("a.b"), st.sampled_from(("tcp", "udp")), PORTS, st.just("ipv6"), sources(128)),
    st.builds(Rule, st.just("a.b"), st.just("ip"), st.just(((4, 5), (47, 47))), st.just("ipv4"), sources(32)),
)


def parsed(text):
    lines = cl_policy.lines(cl_policy.PolicyFile(cl_policy.OWN_FILE, text))
    return [cl_policy.rule_of(line, cl_policy.input_key(line.family, False), 1) for line in lines]


@given(RULES, st.sampled_from(((), ("swp+",), ("swp+", "bond+"))))
def test_the_file_is_read_as_it_was_written(rule, devices):
    entries = cl_own.merged(cl_own.entries_of(rule, devices))
    text = cl_own.render({"a.b": entries})
    assert cl_own.read(parsed(text)) == ({"a.b": entries}, [])
    assert cl_own.rules_of(entries) == (rule,)
    # iptables takes no longer word, and cl-acltool hands each on.
    assert max(map(len, text.split())) < 1024
    ports = [word.split(",") for word in text.split() if word[:1].isdigit() and "/" not in word and "." not in word]
    assert all(sum(2 if ":" in port else 1 for port in line) <= 15 for line in ports)


def test_nothing_to_keep_is_no_file():
    assert cl_own.render({}) == "" and cl_own.render({"a": ()}) == ""


def test_how_much_of_the_hardware_a_line_takes():
    def entry(ports, addresses=()):
        return cl_own.Entry("a", "ipv4", "tcp", tuple(ports), tuple(addresses))

    assert entry([(22, 22)]).size == 1
    assert entry([(22, 22), (80, 80)]).size == 1
    assert entry([(22, 30), (80, 90)]).size == 2
    assert entry([(22, 30), (80, 80)], [(1 << 24, 1 << 24), (5 << 24, 5 << 24)]).size == 4


def test_what_others_wrote_into_the_file_is_told_apart():
    text = "[iptables]\n-A INPUT -p tcp --dport 1 -j ACCEPT\n-A INPUT -p tcp --dport 2 -m comment --comment netports:a -j DROP\n"
    found, others = cl_own.read(parsed(text))
    assert found == {} and len(others) == 2


def test_many_sources_count_as_one_rule_when_they_are_judged():
    rule = Rule("a", "tcp", ((80, 80),), "ipv4", ((10 << 24, (10 << 24) + 1), (11 << 24, 11 << 24)))
    key = cl_policy.input_key("ip", False)
    text = cl_own.render({"a": cl_own.merged(cl_own.entries_of(rule, ("swp+",)))}) + "-A INPUT -j DROP\n"
    ruleset = Ruleset({key: Chain(*key, "filter", "input")}, {key: parsed(text)}, {}, {})
    packet = nft_match.Packet("ipv4", nft_match.TCP, 80, rule.sources)
    assert nft_admission.judge(ruleset, packet).state == "unknown"
    assert nft_admission.judge(cl_own.joined(ruleset, key), packet).state == "admitted"
