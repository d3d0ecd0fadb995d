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
        match({"meta": {"key": "iifname"}}, "lo", "!="),
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
        match({"ct": {"key": "state"}}, "invalid", "in"),
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


def test_a_ban_on_one_interface_is_a_ban_of_sources():
    """As a chain at ingress of a device makes it."""
    eth0 = match({"meta": {"key": "iifname"}}, "eth0")
    source = match(payload("ip", "saddr"), "192.0.2.8")
    assert state([[eth0, source, DROP]], policy="accept") == nft_admission.PARTIAL


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


def test_a_verdict_map_with_a_default():
    vmap = {"vmap": {"key": DPORT, "data": {"set": [[22, ACCEPT], ["*", {"jump": {"target": "rest"}}]]}}}
    assert state([[vmap]], policy="accept", rest=[[DROP]]) == "dropped"
    assert state([[vmap]], Packet("ipv4", 6, 22), policy="accept", rest=[[DROP]]) == "admitted"
    assert state([[vmap]], Packet("ipv4", 17, 22), policy="accept", rest=[[DROP]]) == "admitted"


def test_reasons_name_rule_and_policy():
    judgement = nft_admission.judge(ruleset([[match(DPORT, 80), DROP]]), TCP_80)
    assert judgement.reason == "rule with handle 1 of chain inet t input"
    judgement = nft_admission.judge(ruleset([]), TCP_80)
    assert judgement.reason == "the policy drop of chain inet t input"


def test_what_filters():
    assert not nft_admission.filters(ruleset([[ACCEPT]], policy="accept"))
    assert nft_admission.filters(ruleset([], policy="drop"))
    assert nft_admission.filters(ruleset([[{"jump": {"target": "sub"}}]], policy="accept", sub=[[DROP]]))
    # A chain that nothing jumps to drops nothing.
    assert not nft_admission.filters(ruleset([], policy="accept", sub=[[DROP]]))
    vmap = {"vmap": {"key": DPORT, "data": {"set": [[22, {"goto": {"target": "sub"}}]]}}}
    assert nft_admission.filters(ruleset([[vmap]], policy="accept", sub=[[{"reject": None}]]))


def test_one_port_of_every_stretch():
    read = ruleset([[match(DPORT, {"set": [85, {"range": [90, 95]}]}), DROP]], policy="accept")
    assert nft_admission.sample_ports(read, ((80, 100), (200, 200))) == [80, 85, 86, 90, 96, 200]
