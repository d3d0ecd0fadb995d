# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the reader that need no kernel: forms of other versions, and what it must not claim to know.

That its answers are true is shown with real packets in tests/integration/test_firewall_admission.py.
"""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, nft_admission, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import Packet

TCP_80 = Packet("ipv4", 6, 80)


def ruleset(rules, policy="drop", sets=(), **chains):
    key = {"family": "inet", "table": "t"}
    items = [{"chain": dict(key, name="input", type="filter", hook="input", prio=0, policy=policy)}]
    items += [{"set": dict(key, **one)} for one in sets]
    items += [{"chain": dict(key, name=name)} for name in chains]
    for name, expressions in dict(chains, input=rules).items():
        items += [{"rule": dict(key, chain=name, handle=n, expr=expr)} for n, expr in enumerate(expressions, 1)]
    return nft_ruleset.parse({"nftables": items})


def state(rules, packet=TCP_80, **keys):
    return nft_admission.judge(ruleset(rules, **keys), packet).state


def match(left, right, op="=="):
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol, field, key="protocol"):
    return {"payload": {key: protocol, "field": field}}


ACCEPT, DROP = {"accept": None}, {"drop": None}
DPORT = payload("tcp", "dport")


@pytest.mark.parametrize(
    "expression",
    [
        match(DPORT, 80),
        match(payload("tcp", "dport", "name"), 80),  # nft 0.9.0
        match(DPORT, "http"),  # nft 0.9.0 prints services by name
        match(DPORT, {"set": [{"elem": {"val": 80, "comment": "x"}}]}),
        match({"payload": {"base": "th", "offset": 16, "len": 16}}, 80),
        match({"meta": "l4proto"}, "tcp"),
        match({"ct": {"key": "state"}}, {"|": [{"|": ["established", "related"]}, "new"]}, "in"),
        match({"ct": {"key": "state"}}, ["new", "untracked"], "in"),
        match({"&": [payload("tcp", "flags"), {"|": [{"|": ["fin", "syn"]}, "ack"]}]}, "syn"),
        match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, True),
        match({"fib": {"result": "check", "flags": "daddr"}}, True),
        match({"fib": {"result": "type", "flags": "daddr"}}, "local"),
        match({"meta": {"key": "iifname"}}, "lo", "!="),
        match({"meta": {"key": "nfproto"}}, "ipv4"),
        match({"meta": {"key": "protocol"}}, "ip"),
        match({"meta": {"key": "pkttype"}}, "host"),
        match({"ct": {"key": "direction"}}, "original"),
        match(payload("ip", "protocol"), "tcp"),
        match(payload("th", "dport"), 80),
        match(payload("tcp", "sport"), {"range": [1024, 65535]}),  # clients have no privileged ports
        match(payload("tcp", "flags"), "syn"),
        match(payload("tcp", "flags"), ["syn", "ack"], "in"),
        match(payload("tcp", "flags"), "ack", "!="),
        match({"&": [payload("tcp", "flags"), "ack"]}, 0),
        match({"exthdr": {"name": "hbh"}}, False),
        match(DPORT, "*"),
        match(DPORT, 81, "<"),
        match(DPORT, 80, "<="),
        match(DPORT, 79, ">"),
        match(DPORT, 80, ">="),
        match({"concat": [payload("ip", "protocol"), DPORT]}, {"set": [{"concat": [6, 80]}]}),
        match({"concat": [payload("ip", "protocol"), DPORT]}, {"set": [{"concat": [6, 81]}]}, "!="),
        match({"concat": [payload("ip", "protocol"), DPORT]}, "*"),
    ],
)
def test_forms_of_a_match_that_holds(expression):
    assert state([[expression, ACCEPT]]) == "admitted"
    assert state([[expression, DROP]], policy="accept") == "dropped"


@pytest.mark.parametrize(
    "expression",
    [
        match(payload("udp", "dport"), 80),
        match(payload("udp", "dport"), 80, "!="),  # a rule about UDP is not about TCP, whatever it asks
        match(payload("ip6", "saddr"), "::1", "!="),
        match(DPORT, {"set": []}),
        match({"meta": {"key": "iif"}}, "lo"),
        match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, False),
        match({"fib": {"result": "oifname", "flags": ["saddr"]}}, False),
        match({"fib": {"result": "type", "flags": ["daddr"]}}, "broadcast"),
        match({"ct": {"key": "state"}}, "invalid", "in"),
        match({"ct": {"key": "direction"}}, "reply"),
        match({"ct": {"key": "status"}}, "dnat"),
        match({"meta": {"key": "nfproto"}}, "ipv6"),
        match({"meta": {"key": "protocol"}}, "ip6"),
        match({"meta": {"key": "pkttype"}}, "broadcast"),
        match(payload("ip", "protocol"), "udp"),
        match(payload("th", "dport"), 81),
        match(payload("tcp", "sport"), {"range": [1, 1023]}),
        match(payload("tcp", "sport"), "ssh"),
        match(payload("tcp", "flags"), "ack"),
        match(payload("tcp", "flags"), ["fin", "rst"], "in"),
        match(payload("tcp", "flags"), "syn", "!="),
        match({"exthdr": {"name": "hbh"}}, True),
        match({"exthdr": {"name": "rt", "field": "type"}}, 0),
        match({"exthdr": {"name": "rt", "field": "type"}}, 0, "!="),
        match({"meta": {"key": "nfproto"}}, "ip*"),  # a pattern is for names of interfaces alone
        match(DPORT, 80, "<"),
        match(DPORT, 0, "<"),
        match(DPORT, 79, "<="),
        match(DPORT, 80, ">"),
        match(DPORT, 81, ">="),
        match({"concat": [payload("ip", "protocol"), DPORT]}, {"set": [{"concat": [6, 81]}]}),
        match({"concat": [payload("ip6", "nexthdr"), DPORT]}, {"set": [{"concat": [6, 80]}]}),
        {"limit": {"rate": 1, "per": "second", "inv": True}},
        {"ct count": {"val": 10, "inv": True}},
    ],
)
def test_forms_of_a_match_that_does_not_hold(expression):
    assert state([[expression, ACCEPT]]) == "dropped"
    assert state([[expression, DROP]], policy="accept") == "admitted"


@pytest.mark.parametrize(
    "expression",
    [
        {"xt": {"type": "match", "name": "owner"}},
        {"something new": {"key": 1}},
        {"something new": {"type": "target"}},
        match({"meta": {"key": "mark"}}, "seven"),
        match({"meta": {"key": "cpu"}}, 7),
        match({"socket": {"key": "mark"}}, 7),
        match({"meta": {"key": "iifname"}}, "eth0"),
        match({"meta": {"key": "iifname"}}, "eth*", "!="),
        match(payload("ip", "daddr"), "192.0.2.1"),
        match(payload("ip", "dscp"), 1),
        match(DPORT, "no-such-service"),
        match(DPORT, 80, "no-such-operator"),
        match({"no such": "thing"}, 1),
        match({"concat": [{"no such": 1}, DPORT]}, {"set": [{"concat": [1, 80]}]}),
        match(DPORT, "@missing"),
        match({"ct": {"key": "mark"}}, 1),
        match({"ct": {"key": "state", "dir": "original"}}, "new"),
        match("no expression", 1),
        match({"meta": {"key": "iiftype"}}, "ether"),
        match({"meta": {"key": "iifname"}}, {"range": ["a", "b"]}),
        match({"fib": {"result": "oif", "flags": ["saddr"]}}, "eth0"),
        match({"fib": {"result": "oif", "flags": ["daddr"]}}, True),
        match(payload("tcp", "doff"), 5),
        match(payload("tcp", "urgptr"), 0),
        match(payload("tcp", "sport"), 40000),
        match(payload("arp", "operation"), 1),
        match(payload("tcp", "flags"), {"prefix": "?"}),
        match(payload("tcp", "flags"), ["syn", {"prefix": "?"}], "in"),
        match(payload("tcp", "flags"), "syn", "<"),
        match({"&": [payload("ip", "ttl"), 1]}, 1),
        match({"&": [payload("ip", "dscp"), "cs1"]}, 0),
        match({"&": [payload("tcp", "flags"), {"prefix": "?"}]}, "syn"),
        match({"&": [{"ct": {"key": "mark"}}, 1]}, 1),
        match(DPORT, "no-such-service", "<"),
        match({"meta": {"key": "nfproto"}}, "ipv4", "<"),
        match({"concat": [payload("ip", "protocol"), DPORT]}, {"set": [{"concat": [6]}]}),
        match({"concat": [payload("ip", "protocol"), DPORT]}, {"set": [80]}),
        match({"concat": [payload("tcp", "flags"), DPORT]}, {"set": [{"concat": ["syn", 80]}]}),
        "no expression",
    ],
)
def test_what_is_not_understood_or_not_known_is_never_guessed(expression):
    for verdict, policy in ((ACCEPT, "drop"), (DROP, "accept")):
        assert state([[expression, verdict]], policy=policy) == "unknown"
    # Where it makes no difference, it is of no interest.
    assert state([[expression, ACCEPT]], policy="accept") == "admitted"


@pytest.mark.parametrize("expression", [{"queue": {"num": 1}}, {"xt": {"type": "target", "name": "SECRET"}}, {"xt": None}])
def test_a_verdict_that_another_program_gives(expression):
    assert state([[expression]], policy="accept") == "unknown"
    assert nft_admission.filters(ruleset([[expression]], policy="accept"))


def test_what_may_meet_the_verdict_of_another_program_goes_on_otherwise():
    maybe = match({"meta": {"key": "iifname"}}, "eth0")
    assert state([[maybe, {"xt": {"type": "target", "name": "SECRET"}}], [DROP]], policy="accept") == "unknown"
    assert state([[match(DPORT, 81), {"xt": {"type": "target", "name": "SECRET"}}], [DROP]], policy="accept") == "dropped"


def test_a_target_of_iptables_that_lets_go_on():
    assert state([[{"xt": {"type": "target", "name": "LOG"}}]], policy="accept") == "admitted"
    assert not nft_admission.filters(ruleset([[{"xt": {"type": "target", "name": "LOG"}}]], policy="accept"))


def test_lists_of_sources_are_neither_open_nor_shut():
    allowed = [[match(payload("ip", "saddr"), {"prefix": {"addr": "10.0.0.0", "len": 8}}), ACCEPT]]
    assert state(allowed) == nft_admission.PARTIAL
    for network, expected in (("10.1.0.0/16", "admitted"), ("192.0.2.1", "dropped"), ("8.0.0.0/6", nft_admission.PARTIAL)):
        source = (intervals.parse_network(network)[1],)
        assert state(allowed, TCP_80._replace(source=source)) == expected


def test_what_only_forged_packets_have():
    """Nearly every firewall drops these, and no client meets it."""
    forged = [
        [match(payload("ip", "saddr"), {"prefix": {"addr": "127.0.0.0", "len": 8}}), DROP],
        [match(payload("ip", "saddr"), {"prefix": {"addr": "224.0.0.0", "len": 3}}), DROP],
        [match(payload("ip", "daddr"), {"set": ["255.255.255.255", {"prefix": {"addr": "224.0.0.0", "len": 4}}]}), DROP],
        [match(payload("ip6", "saddr"), "::1"), DROP],
        [match(payload("ip6", "daddr"), {"prefix": {"addr": "ff00::", "len": 8}}), DROP],
        [match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, False), DROP],
    ]
    for family in ("ipv4", "ipv6"):
        assert state(forged, TCP_80._replace(family=family), policy="accept") == "admitted"


def test_the_hosts_own_addresses_decide_about_destinations():
    rules = [[match(payload("ip", "daddr"), "172.17.0.2"), DROP], [match(payload("ip", "daddr"), "192.0.2.1"), ACCEPT]]
    read = ruleset(rules)
    assert nft_admission.judge(read, TCP_80).state == "unknown"
    text = (
        "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
        "2: eth0    inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever\n"
        "2: eth0    inet6 2001:db8::1/64 scope global\n"
    )
    local = nft_ruleset.local_addresses(text)
    assert local["ipv6"] == ((intervals.number_of("2001:db8::1"),) * 2,)
    assert nft_admission.judge(read._replace(local=local), TCP_80).state == "admitted"


@pytest.mark.parametrize("right", ["no address", {"prefix": {"addr": "10.0.0.0"}}, {"range": ["10.0.0.1", "no address"]}])
def test_a_source_that_cannot_be_read_is_a_list_of_some(right):
    assert state([[match(payload("ip", "saddr"), right), ACCEPT]]) == nft_admission.PARTIAL


def test_interfaces_by_pattern():
    loopback = TCP_80._replace(loopback=True)
    for pattern, expected in (("lo", "admitted"), ("lo*", "admitted"), ("l*", "admitted"), ("lx*", "dropped"), ("l", "dropped")):
        assert state([[match({"meta": {"key": "iifname"}}, pattern), ACCEPT]], loopback) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"counter": {"packets": 1, "bytes": 1}}, "dropped"),
        ({"limit": {"rate": 1, "per": "second"}}, "dropped"),
        ({"quota": {"val": 1, "val_unit": "mbytes"}}, "dropped"),
        ({"quota": {"val": 1, "val_unit": "mbytes", "inv": True}}, "admitted"),
        ({"xt": {"type": "target", "name": "LOG"}}, "dropped"),
        ({"meter": None}, "dropped"),
        ({"set": {"op": "add", "elem": payload("ip", "saddr"), "set": "@seen"}}, "dropped"),
        ({"set": {"op": "add", "elem": payload("ip6", "saddr"), "set": "@seen"}}, "admitted"),
        ({"set": {"op": "add", "elem": 1, "set": "@seen", "stmt": [{"limit": {"rate": 1, "inv": True}}]}}, "admitted"),
        ({"meter": {"key": payload("ip", "saddr"), "stmt": {"limit": {"rate": 1, "inv": True}}, "name": "m"}}, "admitted"),
        ({"meter": {"key": payload("ip", "saddr"), "stmt": {"limit": {"rate": 1}}, "name": "m"}}, "dropped"),
        ({"mangle": {"key": payload("udp", "dport"), "value": 1}}, "admitted"),
    ],
)
def test_what_stands_before_a_drop(statement, expected):
    """A statement that uses a header is only for packets that have it, and a limit that is over for no first packet."""
    assert state([[statement, DROP]], policy="accept", sets=[{"name": "seen", "type": "ipv4_addr"}]) == expected


@pytest.mark.parametrize(
    ("reject", "packet", "expected"),
    [
        (None, TCP_80, "dropped"),
        ({"type": "icmp"}, TCP_80, "dropped"),
        ({"type": "icmpv6"}, TCP_80, "admitted"),
        ({"type": "icmpv6"}, TCP_80._replace(family="ipv6"), "dropped"),
        ({"type": "icmp"}, TCP_80._replace(family="ipv6"), "admitted"),
        ({"type": "icmpx"}, TCP_80, "dropped"),
        ({"type": "tcp reset"}, TCP_80, "dropped"),
        ({"type": "tcp reset"}, Packet("ipv4", 17, 80), "admitted"),
    ],
)
def test_a_rejection_is_for_what_it_can_answer(reject, packet, expected):
    assert state([[{"reject": reject}]], packet, policy="accept") == expected


def test_the_way_through_chains():
    jump, goto, back = {"jump": {"target": "sub"}}, {"goto": {"target": "sub"}}, {"return": None}
    for rules, sub, expected in (
        ([[jump], [DROP]], [[ACCEPT]], "admitted"),
        ([[jump], [DROP]], [[back], [ACCEPT]], "dropped"),
        ([[jump], [ACCEPT]], [[match(DPORT, 81), DROP]], "admitted"),
        ([[goto], [ACCEPT]], [[back]], "dropped"),
        ([[goto], [ACCEPT]], [], "dropped"),
        ([[goto], [DROP]], [[ACCEPT]], "admitted"),
        ([[match(DPORT, 81), goto], [ACCEPT]], [[DROP]], "admitted"),
        ([[jump], [ACCEPT]], [[match({"meta": {"key": "mark"}}, "?"), back], [DROP]], "unknown"),
        ([[{"continue": None}], [ACCEPT]], [], "admitted"),
        ([[{"continue": None}]], [], "dropped"),
        ([[back], [ACCEPT]], [], "dropped"),
    ):
        assert state(rules, sub=sub) == expected, rules


def test_a_ban_on_one_interface_is_a_ban_of_sources():
    """As a chain at ingress of a device makes it."""
    eth0 = match({"meta": {"key": "iifname"}}, "eth0")
    source = match(payload("ip", "saddr"), "192.0.2.8")
    assert state([[eth0, source, DROP]], policy="accept") == nft_admission.PARTIAL
    # What one interface admits beside it is not.
    assert state([[eth0, ACCEPT], [source, ACCEPT]]) == state([[source, ACCEPT], [eth0, ACCEPT]]) == "unknown"


@pytest.mark.parametrize(
    ("policy", "rules", "expected"),
    [
        ("accept", [], "admitted"),
        ("drop", [[ACCEPT]], "admitted"),
        ("drop", [], "unknown"),
        ("accept", [[match(DPORT, 80), DROP]], "unknown"),
        ("accept", [[match(DPORT, 81), DROP]], "admitted"),
        ("accept", [[match(payload("ip", "saddr"), "192.0.2.8"), DROP]], nft_admission.PARTIAL),
        # No connection is known yet.
        ("accept", [[match({"ct": {"key": "state"}}, "new"), DROP]], "admitted"),
    ],
)
def test_packets_of_other_devices_do_not_pass_a_chain_at_ingress(policy, rules, expected):
    key = {"family": "netdev", "table": "t", "chain": "in"}
    chain = dict(key, name="in", type="filter", hook="ingress", dev="eth0", prio=0, policy=policy)
    items = [{"chain": chain}, *({"rule": dict(key, handle=1, expr=expr)} for expr in rules)]
    assert nft_admission.judge(nft_ruleset.parse({"nftables": items}), TCP_80).state == expected


def test_two_networks_side_by_side_hold_what_neither_holds_alone():
    halves = {"set": [{"prefix": {"addr": "10.0.0.0", "len": 9}}, {"range": ["10.128.0.0", "10.255.255.255"]}]}
    packet = TCP_80._replace(source=(intervals.parse_network("10.0.0.0/8")[1],))
    assert state([[match(payload("ip", "saddr"), halves), ACCEPT]], packet) == "admitted"


def test_loopback():
    rules = [[match({"meta": {"key": "iif"}}, "lo"), ACCEPT]]
    assert (state(rules), state(rules, TCP_80._replace(loopback=True))) == ("dropped", "admitted")


def test_a_set_that_is_named():
    rules = [[match(DPORT, "@ports"), ACCEPT]]
    assert state(rules, sets=[{"name": "ports", "type": "inet_service", "elem": [{"range": [70, 90]}]}]) == "admitted"
    assert state(rules, sets=[{"name": "ports", "type": "inet_service"}]) == "dropped"
    timed = [{"name": "ports", "type": "inet_service", "elem": [{"elem": {"val": 80, "expires": 5}}]}]
    assert state(rules, sets=timed) == "admitted"
    assert state([[match(DPORT, 81), "no expression"], *rules], sets=timed) == "admitted"
    several = [
        {"name": "ports", "type": "inet_service", "elem": [80]},
        {"name": "clients", "type": "ipv4_addr", "elem": ["10.0.0.1"]},
    ]
    one = TCP_80._replace(source=(intervals.parse_network("10.0.0.1")[1],))
    assert state([[match(DPORT, "@ports"), match(payload("ip", "saddr"), "@clients"), ACCEPT]], one, sets=several) == "admitted"


def test_a_verdict_map_with_a_default():
    vmap = {"vmap": {"key": DPORT, "data": {"set": [[22, ACCEPT], ["*", {"jump": {"target": "rest"}}]]}}}
    assert state([[vmap]], policy="accept", rest=[[DROP]]) == "dropped"
    assert state([[vmap]], Packet("ipv4", 6, 22), policy="accept", rest=[[DROP]]) == "admitted"
    assert state([[vmap]], Packet("ipv4", 17, 22), policy="accept", rest=[[DROP]]) == "admitted"


@pytest.mark.parametrize(
    ("key", "data", "expected"),
    [
        (DPORT, {"set": [[80, DROP]]}, "dropped"),
        (DPORT, {"set": [[80, ACCEPT], ["*", DROP]]}, "admitted"),
        (DPORT, {"set": [[{"elem": {"val": 80, "comment": "x"}}, DROP]]}, "dropped"),
        (DPORT, {"set": [[81, DROP]]}, "admitted"),
        (DPORT, {"set": [[{"set": [22, 80]}, DROP]]}, "dropped"),
        (DPORT, {"set": [[80, {"continue": None}], [{"range": [70, 90]}, DROP]]}, "admitted"),
        (DPORT, {"set": [["*", DROP], [80, ACCEPT]]}, "admitted"),
        (payload("udp", "dport"), {"set": [[80, DROP], ["*", DROP]]}, "admitted"),
        ({"meta": {"key": "iifname"}}, {"set": [["eth0", DROP], ["eth1", {"continue": None}]]}, "unknown"),
        ({"concat": [payload("ip", "protocol"), DPORT]}, {"set": [[{"concat": [6, 80]}, DROP]]}, "dropped"),
        # Not understood, or not there: any of its verdicts may be met.
        ({"no such": 1}, {"set": [[1, DROP]]}, "unknown"),
        ({"no such": 1}, {"set": [[1, {"continue": None}]]}, "admitted"),
        (payload("tcp", "flags"), {"set": [["syn", DROP]]}, "unknown"),
        (DPORT, "@missing", "unknown"),
        (DPORT, None, "unknown"),
        (DPORT, "@known", "dropped"),
        (DPORT, [[80, DROP]], "dropped"),
    ],
)
def test_verdict_maps(key, data, expected):
    known = [{"name": "known", "type": "inet_service", "elem": [[80, DROP]]}]
    assert state([[{"vmap": {"key": key, "data": data}}]], policy="accept", sets=known) == expected


MARK = {"meta": {"key": "mark"}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # What a rule on the way writes, and whether the packet may have bit 8 then.
        (8, "unknown"),
        (7, "admitted"),
        (MARK, "admitted"),
        ({"|": [MARK, 8]}, "unknown"),
        ({"|": [MARK, 4]}, "admitted"),
        ({"^": [8, MARK]}, "unknown"),
        ({"&": [MARK, 8]}, "admitted"),
        ({"&": [12, 10]}, "unknown"),
        ({"&": [12, 6]}, "admitted"),
        ({"|": [{"&": [MARK, 1]}, 8]}, "unknown"),
        ({"&": [{"|": [MARK, 8]}, 12]}, "unknown"),
        ({"&": [{"|": [MARK, 8]}, 4]}, "admitted"),
        ({"<<": [1, 3]}, "unknown"),
        ({"|": [8]}, "unknown"),
        ({"numgen": {"mode": "inc"}}, "unknown"),
        ("something", "unknown"),
    ],
)
def test_marks_that_rules_write(value, expected):
    sets_mark = [{"mangle": {"key": MARK, "value": value}}]
    assert state([sets_mark, [match({"&": [MARK, 8]}, 8), DROP]], policy="accept") == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (match(MARK, 0), "dropped"),
        (match(MARK, 0, "!="), "admitted"),
        (match(MARK, 8), "admitted"),
        (match(MARK, 8, "!="), "dropped"),
        (match({"&": [MARK, 8]}, 0), "dropped"),
        (match({"&": [MARK, 8]}, 8), "admitted"),
        (match(MARK, 8, "<"), "unknown"),
    ],
)
def test_a_packet_that_no_rule_marks_has_mark_0(asked, expected):
    assert state([[asked, DROP]], policy="accept") == expected


def test_cilium_marks_packets_before_any_rule():
    assert state([[match(MARK, 8), DROP]], policy="accept", CILIUM_INPUT=[]) == "unknown"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], "admitted"),
        ([[{"notrack": None}]], "unknown"),
        ([[match(DPORT, 81), {"notrack": None}]], "admitted"),
        ([[match(DPORT, 80), {"notrack": None}]], "unknown"),
        # Where rules exempt, no connection is known yet.
        ([[match({"ct": {"key": "state"}}, "new"), {"notrack": None}]], "admitted"),
        ([[match({"ct": {"key": "state"}}, "invalid"), {"notrack": None}]], "unknown"),
    ],
)
def test_a_packet_that_is_exempt_from_tracking_may_not_be_new(rules, expected):
    new = [[match({"ct": {"key": "state"}}, "new"), ACCEPT]]
    assert state(new, exempt=rules) == expected
    other = ruleset(new)
    other.rules[("bridge", "t", "c")] = [nft_ruleset.NftRule(("bridge", "t", "c"), 1, "", ({"notrack": None},))]
    assert nft_admission.judge(other, TCP_80).state == "admitted", "no packet of IP passes there"


@pytest.mark.parametrize(
    ("asked", "right", "prio", "expected"),
    [
        ({"key": "state"}, "new", -300, "admitted"),
        ({"key": "state"}, "invalid", -201, "dropped"),
        # In the place of tracking itself a chain is taken to be behind it.
        ({"key": "state"}, "new", -200, "dropped"),
        ({"key": "direction"}, "original", -300, "unknown"),
        ({"key": "mark"}, 1, -300, "unknown"),
    ],
)
def test_before_tracking_the_state_alone_is_known(asked, right, prio, expected):
    key = {"family": "inet", "table": "t", "chain": "raw"}
    chain = dict(key, name="raw", type="filter", hook="prerouting", prio=prio, policy="accept")
    items = [{"chain": chain}, {"rule": dict(key, handle=1, expr=[match({"ct": asked}, right), DROP])}]
    assert nft_admission.judge(nft_ruleset.parse({"nftables": items}), TCP_80).state == expected


def test_a_packet_that_is_exempt_may_get_a_mark_for_that():
    marks = [match({"ct": {"key": "state"}}, "untracked"), {"mangle": {"key": MARK, "value": 8}}]
    assert state([marks, [match(MARK, 8), DROP]], policy="accept", exempt=[[{"notrack": None}]]) == "unknown"


def test_what_shuts_others_out():
    """A ban of sources alone does not, and what cannot be told apart in time counts as if it did."""

    def shuts_out(rules, **keys):
        read = ruleset(rules, **keys)
        return nft_admission.shuts_out(read, read.base_chains()[0])

    assert shuts_out([])
    assert not shuts_out([], policy="accept")
    assert shuts_out([[match(DPORT, 81), DROP]], policy="accept")
    assert not shuts_out([[match(payload("ip", "saddr"), "192.0.2.1"), DROP]], policy="accept")
    assert not shuts_out([[match(DPORT, 81), ACCEPT], [ACCEPT], [DROP]], policy="accept")
    everything = [[match(DPORT, port), ACCEPT] for port in range(1000, 1500, 2)] + [[ACCEPT], [DROP]]
    assert shuts_out(everything, policy="accept")
    assert not shuts_out(everything[-52:], policy="accept")


def test_reasons_name_rule_and_policy():
    judgement = nft_admission.judge(ruleset([[match(DPORT, 80), DROP]]), TCP_80)
    assert judgement.reason == "rule with handle 1 of chain inet t input"
    judgement = nft_admission.judge(ruleset([]), TCP_80)
    assert judgement.reason == "the policy drop of chain inet t input"


def test_one_port_more_than_are_told_apart_counts_as_refused(monkeypatch):
    read = ruleset([[match(DPORT, 81), ACCEPT], [ACCEPT], [DROP]], policy="accept")
    found = []
    for most in (3, 2):
        monkeypatch.setattr(nft_admission, "_MOST_PORTS", most)
        found.append(nft_admission.shuts_out(read, read.base_chains()[0]))
    assert found == [False, True]


def test_a_port_of_a_set_that_is_shut():
    ports = [{"name": "ports", "type": "inet_service", "elem": [81]}]
    read = ruleset([[match(DPORT, "@ports"), DROP]], policy="accept", sets=ports)
    assert nft_admission.shuts_out(read, read.base_chains()[0])
    assert nft_admission.sample_ports(read, ((80, 100),)) == [80, 81, 82]


SOME = [[match(payload("ip", "saddr"), "192.0.2.1"), DROP]]
UNCLEAR = [[match({"meta": {"key": "iifname"}}, "eth0"), DROP]]


@pytest.mark.parametrize(
    ("first", "second", "expected", "where"),
    [
        ([], [], "admitted", None),
        (SOME, [], "partial", "first"),
        ([], SOME, "partial", "second"),
        (SOME, SOME, "partial", "first"),
        (SOME, UNCLEAR, "unknown", "second"),
        (UNCLEAR, SOME, "unknown", "first"),
        (UNCLEAR, [[DROP]], "dropped", "second"),
        ([[DROP]], [[DROP]], "dropped", "first"),
    ],
)
def test_the_strictest_of_several_chains_decides_and_of_equals_the_first(first, second, expected, where):
    items = []
    for prio, (name, rules) in enumerate((("first", first), ("second", second))):
        key = {"family": "inet", "table": "t"}
        items.append({"chain": dict(key, name=name, type="filter", hook="input", prio=prio, policy="accept")})
        items += [{"rule": dict(key, chain=name, handle=1, expr=expr)} for expr in rules]
    reason = "rule with handle 1 of chain inet t %s" % where if where else ""
    assert nft_admission.judge(nft_ruleset.parse({"nftables": items}), TCP_80) == (expected, reason)


def test_an_admission_has_no_reason():
    read = ruleset([[ACCEPT]])
    assert nft_admission.judge_chain(read, read.base_chains()[0], TCP_80)[0] == ("admitted", "")


def test_some_sources_and_all_but_some_are_sources_still():
    allowed = [[match(payload("ip", "saddr"), "192.0.2.1", op), ACCEPT] for op in ("==", "!=")]
    assert state(allowed) == nft_admission.PARTIAL


def test_what_filters():
    assert not nft_admission.filters(ruleset([[ACCEPT]], policy="accept"))
    assert nft_admission.filters(ruleset([], policy="drop"))
    assert nft_admission.filters(ruleset([[{"jump": {"target": "sub"}}]], policy="accept", sub=[[DROP]]))
    # A chain that nothing jumps to drops nothing.
    assert not nft_admission.filters(ruleset([], policy="accept", sub=[[DROP]]))
    vmap = {"vmap": {"key": DPORT, "data": {"set": [[22, {"goto": {"target": "sub"}}]]}}}
    assert nft_admission.filters(ruleset([[vmap]], policy="accept", sub=[[{"reject": None}]]))
    named = {"vmap": {"key": DPORT, "data": "@ports"}}
    ports = [{"name": "ports", "type": "inet_service", "elem": [[22, DROP]]}]
    assert nft_admission.filters(ruleset([[named]], policy="accept", sets=ports))
    assert not nft_admission.filters(ruleset([[named]], policy="accept"))
    # A circle ends, and what is no expression refuses nothing.
    jump = {"jump": {"target": "sub"}}
    assert not nft_admission.filters(ruleset([[jump]], policy="accept", sub=[[jump], ["no expression"]]))


def test_each_family_filters_for_itself():
    read = ruleset([])
    four = {key: chain._replace(family="ip") for key, chain in read.chains.items()}
    found = [nft_admission.filters(read._replace(chains=four), family) for family in ("ipv4", "ipv6", None)]
    assert found == [True, False, True]


def test_one_port_of_every_stretch():
    read = ruleset([[match(DPORT, {"set": [85, {"range": [90, 95]}]}), DROP]], policy="accept")
    assert nft_admission.sample_ports(read, ((80, 100), (200, 200))) == [80, 85, 86, 90, 96, 200]
