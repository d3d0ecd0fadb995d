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
        # As nft prints a statement that it has no JSON for.
        (PORTS[0], "tproxy to :8080", {"accept": None}),
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


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (nft_ruleset.NftRule(("inet", "t", "c"), 1, "", ()), "rule with handle 1 of chain inet t c"),
        (nft_ruleset.NftRule(("inet", "t", "c"), 1, "why", ()), "rule with handle 1 of chain inet t c (why)"),
        (nft_ruleset.NftRule(("inet", "t", "c"), None, "", ()), "rule of chain inet t c"),
        (nft_ruleset.NftRule(("ip", "filter", "c"), 1, "why", (), "-A c -j DROP"), "rule `-A c -j DROP` of chain ip filter c"),
        (
            nft_ruleset.NftRule(("ip", "legacy:filter", "c"), 1, "", ()),
            "rule with handle 1 of chain ip filter c of iptables-legacy",
        ),
    ],
)
def test_a_rule_in_words(rule, text):
    assert str(rule) == text


def test_a_listing_is_read_with_all_that_it_says_and_leaves_out():
    key = {"family": "inet", "table": "t"}
    read = parsed(
        {"table": {"family": "inet", "name": "t", "flags": "dormant"}},
        {"table": {"family": "ip", "name": "u", "flags": ["owner", "persist"]}},
        {"table": {"family": "ip", "name": "v"}},
        {"chain": dict(key, name="sub", handle=1)},
        {"chain": dict(key, name="in", type="filter", hook="input", prio="-10", policy="drop")},
        {"chain": dict(key, name="early", type="filter", hook="ingress", prio=5, dev=["eth0", "eth1"])},
        {"set": dict(key, name="s", type="ipv4_addr")},
        {"map": dict(key, name="m", type="ipv4_addr")},
        {"rule": dict(key, chain="sub", handle=4, comment="x", expr=[{"accept": None}])},
        {"rule": dict(key, chain="gone")},
        {"counter": dict(key, name="c")},
    )
    assert read.flags == {("inet", "t"): {"dormant"}, ("ip", "u"): {"owner", "persist"}, ("ip", "v"): frozenset()}
    assert list(read.chains.values()) == [
        nft_ruleset.Chain("inet", "t", "sub", None, None, 0, "accept", None),
        nft_ruleset.Chain("inet", "t", "in", "filter", "input", -10, "drop", None),
        nft_ruleset.Chain("inet", "t", "early", "filter", "ingress", 5, "accept", "eth0,eth1"),
    ]
    assert set(read.sets) == {("inet", "t", "s"), ("inet", "t", "m")}
    assert read.rules == {
        ("inet", "t", "sub"): [nft_ruleset.NftRule(("inet", "t", "sub"), 4, "x", ({"accept": None},))],
        ("inet", "t", "in"): [],
        ("inet", "t", "early"): [],
        ("inet", "t", "gone"): [nft_ruleset.NftRule(("inet", "t", "gone"), None, "", ())],
    }


def test_chains_in_the_order_in_which_packets_pass_them():
    def chain(name, hook, prio=0, family="inet", type_="filter", table="t"):
        return {"chain": {"family": family, "table": table, "name": name, "type": type_, "hook": hook, "prio": prio}}

    read = parsed(
        {"table": {"family": "inet", "name": "asleep", "flags": "dormant"}},
        {"table": {"family": "inet", "name": "t", "flags": "owner"}},
        chain("d", "input", 10),
        chain("c", "input", -10, family="ip"),
        chain("b", "prerouting", 99),
        chain("a", "ingress", 99, family="netdev"),
        chain("out", "output"),
        chain("nat", "prerouting", type_="nat"),
        chain("bridge", "input", family="bridge"),
        chain("asleep", "input", table="asleep"),
        {"chain": {"family": "inet", "table": "t", "name": "sub"}},
    )
    assert [one.name for one in read.base_chains()] == ["a", "b", "c", "d"]
    assert [one.name for one in read.base_chains(("input",))] == ["c", "d"]


def test_rules_of_ours_and_of_others():
    key = ("inet", "t", "c")
    ours, others = nft_ruleset.NftRule(key, 1, "netports:a", ()), nft_ruleset.NftRule(key, 2, "", ())
    read = nft_ruleset.Ruleset({}, {key: [ours, others]}, {}, {})
    assert read.marked() == [ours]
    assert read.unmarked().rules == {key: [others]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"protocol": "tcp", "field": "dport"}, ("tcp", "dport")),
        ({"name": "tcp", "field": "dport"}, ("tcp", "dport")),
        ({"base": "th", "offset": 0, "len": 16}, ("th", "sport")),
        ({"base": "th", "offset": 16, "len": 16}, ("th", "dport")),
        ({"base": "th", "offset": 16, "len": 8}, (None, None)),
        ({"base": "th", "offset": 32, "len": 16}, (None, None)),
        ({"base": "nh", "offset": 0, "len": 16}, (None, None)),
        ("tcp", (None, None)),
    ],
)
def test_payloads(value, expected):
    assert nft_ruleset.payload({"payload": value}) == expected
    assert nft_ruleset.payload("tcp") == nft_ruleset.payload({"meta": "mark"}) == (None, None)


def test_keys_of_meta():
    found = [nft_ruleset.meta_key(left) for left in ({"meta": {"key": "mark"}}, {"meta": "mark"}, {"ct": "mark"}, "mark")]
    assert found == ["mark", "mark", None, None]


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        (80, [80]),
        ([80, 81], [80, 81]),
        ({"set": [80, 81]}, [80, 81]),
        ({"set": 80}, [80]),
        ({"set": [{"elem": {"val": 80, "expires": 5}}, 81]}, [80, 81]),
        ({"elem": {"val": 80}}, [80]),
        ({"range": [1, 2]}, [{"range": [1, 2]}]),
        ({"elem": 80}, [{"elem": 80}]),
    ],
)
def test_values_on_the_right_of_a_match(right, expected):
    assert nft_ruleset.elements(right) == expected


def test_where_a_set_is_that_a_rule_names():
    chain = ("inet", "t", "c")
    found = [nft_ruleset.set_key(chain, name) for name in ("@ports", "ports", "@ipset:ports")]
    assert found == [("inet", "t", "ports"), ("inet", "t", "ports"), ("ipset", "", "ports")]


def own(*expression, family="inet"):
    return nft_ruleset.parse_own(nft_ruleset.NftRule((family, "t", "c"), 1, "netports:a", expression))


def equals(left, right, op="=="):
    return {"match": {"op": op, "left": left, "right": right}}


def saddr(name):
    return {"payload": {"protocol": name, "field": "saddr"}}


ACCEPT, TEN = {"accept": None}, {"prefix": {"addr": "10.0.0.0", "len": 8}}


@pytest.mark.parametrize(
    ("expression", "family", "expected"),
    [
        ((dport(80), ACCEPT), "inet", Rule("a", "tcp", ((80, 80),), "both")),
        ((dport("http"), ACCEPT), "inet", Rule("a", "tcp", ((80, 80),), "both")),
        ((dport(80), ACCEPT), "netdev", Rule("a", "tcp", ((80, 80),), "both")),
        ((dport(80), ACCEPT), "ip", Rule("a", "tcp", ((80, 80),), "ipv4")),
        ((dport(80), ACCEPT), "ip6", Rule("a", "tcp", ((80, 80),), "ipv6")),
        (
            (equals({"payload": {"protocol": "udp", "field": "dport"}}, 53), {"counter": None}, ACCEPT),
            "ip",
            Rule("a", "udp", ((53, 53),), "ipv4"),
        ),
        (
            (equals(saddr("ip"), TEN), dport(80), ACCEPT),
            "inet",
            Rule("a", "tcp", ((80, 80),), "ipv4", ((0x0A000000, 0x0AFFFFFF),)),
        ),
        ((equals(saddr("ip6"), "::1"), dport(80), ACCEPT), "inet", Rule("a", "tcp", ((80, 80),), "ipv6", ((1, 1),))),
        ((equals({"meta": {"key": "nfproto"}}, "ipv6"), dport(80), ACCEPT), "inet", Rule("a", "tcp", ((80, 80),), "ipv6")),
        ((equals({"meta": {"key": "nfproto"}}, "ipv4"), dport(80), ACCEPT), "inet", Rule("a", "tcp", ((80, 80),), "ipv4")),
        # What we do not write.
        ((equals({"meta": {"key": "nfproto"}}, "arp"), dport(80), ACCEPT), "inet", None),
        ((equals(saddr("ip"), "@clients"), dport(80), ACCEPT), "inet", None),
        ((equals(saddr("ether"), "10.0.0.1"), dport(80), ACCEPT), "inet", None),
        ((equals({"payload": {"protocol": "ip", "field": "daddr"}}, "10.0.0.1"), dport(80), ACCEPT), "inet", None),
        ((equals({"payload": {"protocol": "sctp", "field": "dport"}}, 80), ACCEPT), "inet", None),
        ((equals({"payload": {"protocol": "tcp", "field": "sport"}}, 80), ACCEPT), "inet", None),
        ((dport(80), equals(saddr("ip"), TEN, "!="), ACCEPT), "inet", None),
        ((dport({"set": []}), ACCEPT), "inet", None),
        ((dport(80), {"log": None}, ACCEPT), "inet", None),
        ((dport(80), {"counter": None}, {"log": None}, ACCEPT), "inet", None),
        ((dport(80), {"counter": None}), "inet", None),
    ],
)
def test_what_a_marked_rule_is(expression, family, expected):
    assert own(*expression, family=family) == expected


@pytest.mark.parametrize(
    ("rule", "table", "text"),
    [
        (Rule("a", "udp", ((53, 53),), "both"), "inet", "udp dport 53"),
        (Rule("a", "ip", ((4, 4),), "ipv4"), "inet", "meta nfproto ipv4 meta l4proto 4"),
        (Rule("a", "ip", ((4, 4),), "ipv4"), "ip", "meta l4proto 4"),
        (
            Rule("a", "tcp", ((80, 80),), "ipv4", ((0x0A000000, 0x0AFFFFFF), (0x0B000001, 0x0B000001))),
            "ip",
            "ip saddr { 10.0.0.0/8, 11.0.0.1 } tcp dport 80",
        ),
    ],
)
def test_a_rule_in_the_words_of_nft(rule, table, text):
    assert nft_ruleset.statement(rule, table) == text + ' accept comment "netports:a"'


@pytest.mark.parametrize(
    ("key", "tables", "base"),
    [
        (("ip", "filter", "INPUT"), True, True),
        (("ip6", "mangle", "PREROUTING"), True, True),
        (("ip", "legacy:filter", "INPUT"), True, True),
        (("ip", "legacy:mine", "INPUT"), False, False),
        (("ip", "filter", "sub"), True, False),
        (("inet", "filter", "INPUT"), False, False),
        (("ip", "mine", "INPUT"), False, False),
    ],
)
def test_chains_of_iptables(key, tables, base):
    assert (nft_ruleset.in_xtables(key), nft_ruleset.is_iptables(nft_ruleset.Chain(*key))) == (tables, base)


def test_addresses_of_the_host():
    text = (
        "1: lo    inet 127.0.0.1/8 scope host lo\n1: lo    inet6 ::1/128 scope host\n"
        "2: eth0    inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0\n2: eth0    inet 192.0.2.2/24 scope global eth0\n"
    )
    assert nft_ruleset.local_addresses(text) == {
        "ipv4": ((0x7F000001, 0x7F000001), (0xC0000201, 0xC0000202)),
        "ipv6": ((1, 1),),
    }


def test_a_mark_without_a_label_is_read_as_it_is():
    assert nft_ruleset.parse_own(nft_ruleset.NftRule(("inet", "t", "c"), 1, "netports:", (dport(80), ACCEPT))).label == ""
