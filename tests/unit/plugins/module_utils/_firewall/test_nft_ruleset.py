# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule

ADDRESSES = {"ipv4": st.integers(0, 2**32 - 1), "ipv6": st.integers(0, 2**128 - 1)}


def merged(numbers):
    pairs = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))
    return st.lists(pairs, min_size=1, max_size=4).map(intervals.merged)


FAMILIES = st.sampled_from(("ipv4", "ipv6", "both"))
RULES = st.one_of(
    st.builds(Rule, st.just("a"), st.sampled_from(("tcp", "udp")), merged(st.integers(1, 65535)), FAMILIES, st.just(())),
    st.builds(Rule, st.just("a"), st.just("ip"), merged(st.integers(0, 255)), FAMILIES, st.just(())),
    st.builds(Rule, st.just("a"), st.just("tcp"), merged(st.integers(1, 65535)), st.just("ipv4"), merged(ADDRESSES["ipv4"])),
    st.builds(Rule, st.just("a"), st.just("tcp"), merged(st.integers(1, 65535)), st.just("ipv6"), merged(ADDRESSES["ipv6"])),
)


@given(RULES, st.sampled_from(("inet", "ip", "ip6")))
def test_a_rule_of_ours_is_read_as_it_was_meant(rule, table_family):
    projected = nft_ruleset.project(rule, table_family)
    if projected is None:
        assert rule.family not in ("both", *nft_ruleset.TABLE_FAMILIES[table_family])
        return
    expression = nft_ruleset.expression(projected, table_family)
    read = nft_ruleset.NftRule((table_family, "t", "c"), 1, "netports:a", expression)
    assert nft_ruleset.parse_own(read) == projected


def test_the_text_of_rules():
    rule = Rule("a", "tcp", ((80, 80), (8000, 8010)), "both")
    assert nft_ruleset.statement(rule, "inet") == 'tcp dport { 80, 8000-8010 } accept comment "netports:a"'
    only = rule._replace(family="ipv6", ports=((80, 80),))
    assert nft_ruleset.statement(only, "inet") == 'meta nfproto ipv6 tcp dport 80 accept comment "netports:a"'
    assert nft_ruleset.statement(only, "ip6") == 'tcp dport 80 accept comment "netports:a"'
    sources = only._replace(sources=(intervals.parse_network("2001:db8::/32")[1],), protocol="ip", ports=((4, 4), (47, 47)))
    assert nft_ruleset.statement(sources, "inet") == 'ip6 saddr 2001:db8::/32 meta l4proto { 4, 47 } accept comment "netports:a"'


def dport(right, key="protocol"):
    return {"match": {"op": "==", "left": {"payload": {key: "tcp", "field": "dport"}}, "right": right}}


# The same ports as different versions print them.
PORTS = [
    dport({"set": [80, 81, {"range": [82, 90]}]}),
    dport({"set": ["80", {"range": [81, 90]}]}, "name"),
    dport({"range": [80, 90]}),
    dport({"set": [{"elem": {"val": 80, "counter": {"packets": 1, "bytes": 2}}}, {"range": [81, 90]}]}),
]


@pytest.mark.parametrize("match", PORTS)
def test_ports_however_they_are_printed(match):
    read = nft_ruleset.NftRule(
        ("inet", "t", "c"), 1, "netports:a", (match, {"counter": {"packets": 7, "bytes": 7}}, {"accept": None})
    )
    assert nft_ruleset.parse_own(read) == Rule("a", "tcp", ((80, 90),), "both")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"meta": {"key": "l4proto"}}, "ipencap"),
        ({"meta": {"key": "l4proto"}}, 4),
        ({"meta": {"key": "l4proto"}}, "4"),
        ({"meta": "l4proto"}, "ipv4"),
    ],
)
def test_ip_protocols_by_number_and_name(left, right):
    match = {"match": {"op": "==", "left": left, "right": right}}
    read = nft_ruleset.NftRule(("inet", "t", "c"), 1, "netports:a", (match, {"accept": None}))
    assert nft_ruleset.parse_own(read) == Rule("a", "ip", ((4, 4),), "both")


@pytest.mark.parametrize(
    "expression",
    [
        (PORTS[0], {"drop": None}),
        (PORTS[0],),
        ({"accept": None},),
        (PORTS[0], {"limit": {"rate": 1, "per": "second"}}, {"accept": None}),
        ({"match": dict(PORTS[0]["match"], op="!=")}, {"accept": None}),
        (PORTS[0], {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth0"}}, {"accept": None}),
        ({"match": dict(PORTS[0]["match"], right="@ports")}, {"accept": None}),
    ],
)
def test_a_marked_rule_that_is_not_ours_any_more(expression):
    assert nft_ruleset.parse_own(nft_ruleset.NftRule(("inet", "t", "c"), 1, "netports:a", expression)) is None


def test_a_mark_is_a_label_and_other_comments_are_none():
    def label(comment):
        return nft_ruleset.NftRule(("inet", "t", "c"), 1, comment, ()).label

    assert (label("netports:a"), label("netports"), label(""), label("my netports:a")) == ("a", None, None, None)


@pytest.mark.parametrize("data", [None, [], {}, {"nftables": {}}])
def test_what_is_no_ruleset(data):
    with pytest.raises(ValueError, match="nftables"):
        nft_ruleset.parse(data)


def test_flags_from_text():
    text = "table inet zzz { # progname nft\n\tflags owner,persist\n\n\tchain input {\n\t\tflags dormant\n\t}\n}\n"
    assert nft_ruleset.flags_from_text(text) == {"owner", "persist"}
    # The flags of a set are not those of its table.
    assert nft_ruleset.flags_from_text("table ip a {\n\tset s {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t}\n}\n") == frozenset()


def parsed(*items):
    return nft_ruleset.parse({"nftables": [{"metainfo": {}}, *items]})


@pytest.mark.parametrize(
    ("family", "table", "chain", "others", "owner"),
    [
        ("inet", "filter", "input", [], None),
        ("ip", "filter", "input", [], None),
        ("ip", "filter", "INPUT", [], "iptables"),
        ("ip6", "filter", "INPUT", ["ufw6-user-input"], "ufw"),
        ("ip", "filter", "INPUT", ["INPUT_ZONES"], "firewalld"),
        ("inet", "firewalld", "filter_INPUT", [], "firewalld"),
        ("inet", "firewalld_policy_drop", "filter_input", [], "firewalld"),
    ],
)
def test_whose_a_chain_is(family, table, chain, others, owner):
    hook = {"type": "filter", "hook": "input", "prio": 0, "policy": "drop"}
    items = [{"chain": {"family": family, "table": table, "name": name}} for name in others]
    ruleset = parsed({"chain": dict(hook, family=family, table=table, name=chain)}, *items)
    assert nft_ruleset.foreign_owner(ruleset, ruleset.chains[(family, table, chain)]) == owner


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (80, "port", (80, 80)),
        ("80", "port", (80, 80)),
        ("http", "port", (80, 80)),
        ({"range": [80, 90]}, "port", (80, 90)),
        ({"range": ["http", 90]}, "port", (80, 90)),
        ({"range": [80, "no-such-service"]}, "port", None),
        ("no-such-service", "port", None),
        ([80], "port", None),
        ({"prefix": {}}, "port", None),
        ("tcp", "protocol", (6, 6)),
        ("47", "protocol", (47, 47)),
        ("no-such-protocol", "protocol", None),
        ("10.0.0.1", "address", (0x0A000001, 0x0A000001)),
        ("10.0.0.0/8", "address", (0x0A000000, 0x0AFFFFFF)),
        ({"prefix": {"addr": "10.0.0.0", "len": 8}}, "address", (0x0A000000, 0x0AFFFFFF)),
        ({"range": ["10.0.0.1", "10.0.0.9"]}, "address", (0x0A000001, 0x0A000009)),
        ("::1", "address", (1, 1)),
        ("a name", "address", None),
        ({"prefix": {"addr": "10.0.0.0"}}, "address", None),
        (7, "address", None),
    ],
)
def test_elements_of_sets(value, kind, expected):
    assert nft_ruleset.interval_of(value, kind) == expected


@pytest.mark.parametrize("data", [None, [], {}, {"nftables": {}}])
def test_what_nft_does_not_print_is_refused(data):
    with pytest.raises(ValueError, match="nftables"):
        nft_ruleset.parse(data)


def test_shapes_tell_rules_apart_and_not_what_packets_count():
    key = {"family": "ip", "table": "t"}
    rules = [{"rule": dict(key, chain="c", handle=4, expr=[{"counter": {"packets": n}}])} for n in (1, 2)]
    first, second = (nft_ruleset.parse({"nftables": [rule]}) for rule in rules)
    assert first != second and first.shape() == second.shape() == {("ip", "t", "c"): [(4, "")]}


@pytest.mark.parametrize(
    ("table", "chains", "flags", "owner"),
    [
        ("inet firewalld", ["filter_INPUT"], (), "firewalld"),
        ("ip firewalld_nat", ["x"], (), "firewalld"),
        ("ip filter", ["INPUT", "ufw-user-input"], (), "ufw"),
        ("ip6 filter", ["INPUT", "ufw6-user-input"], (), "ufw"),
        ("ip filter", ["INPUT", "INPUT_ZONES"], (), "firewalld"),
        ("ip filter", ["INPUT", "INPUT_direct"], (), "firewalld"),
        ("ip filter", ["INPUT", "mine"], (), "iptables"),
        ("inet mine", ["input"], ("owner",), "a program that owns it (flag owner)"),
        ("inet mine", ["input"], (), None),
        ("inet filter", ["INPUT"], (), None),
    ],
)
def test_whose_a_table_is(table, chains, flags, owner):
    family, name = table.split()
    found = {(family, name, chain): nft_ruleset.Chain(family, name, chain) for chain in chains}
    ruleset = nft_ruleset.Ruleset(found, {}, {}, {(family, name): frozenset(flags)})
    assert nft_ruleset.foreign_owner(ruleset, found[(family, name, chains[0])]) == owner
