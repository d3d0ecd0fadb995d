# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners whose clients are known, judged by rules as iptables-save prints them."""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import answers, intervals, ipt_ruleset, model
from ansible_collections.netports.core.plugins.module_utils._listener import parse_listeners

A, B, NET, SIX = "192.0.2.1", "192.0.2.2", "198.51.100.0/24", "2001:db8::1"
ACCEPT = "-A INPUT -p tcp -s %s -m tcp --dport 80 -j ACCEPT\n"
DROP = "-A INPUT -s %s -j DROP\n"
POLICY = "the policy drop of chain ip filter INPUT"


def listener(**keys):
    return dict({"name": "web", "protocol": "tcp", "port": 80, "family": "ipv4", "clients": ["x"]}, **keys)


def admission(rules, *addresses, policy="DROP", six=None, local=(), clients=None, **keys):
    text = "*filter\n:INPUT %s [0:0]\n%sCOMMIT\n"
    four = ipt_ruleset.parse(text % (policy, rules), "ip", legacy=False)
    both = [four] if six is None else [four, ipt_ruleset.parse(text % ("DROP", six), "ip6", legacy=False)]
    ruleset = four._replace(
        chains={key: chain for one in both for key, chain in one.chains.items()},
        rules={key: found for one in both for key, found in one.rules.items()},
        local={"ipv4": intervals.merged(intervals.parse_network(address)[1] for address in local)},
    )
    known = model.parse_clients({"x": list(addresses)} if clients is None else clients)
    return tuple(answers.admissions(ruleset, parse_listeners([listener(**keys)]), None, known)["web"])


def test_all_clients_are_admitted_by_one_rule_or_by_many():
    assert admission(ACCEPT % A, A) == ("admitted", "")
    assert admission(ACCEPT % A + ACCEPT % B + ACCEPT % NET, A, B, NET) == ("admitted", "")
    assert admission(ACCEPT % "192.0.2.0/24", A, B) == ("admitted", "")


def test_clients_that_are_dropped_are_named():
    state, reason = admission(ACCEPT % A, A, B, NET)
    assert state == "dropped"
    assert POLICY in reason and reason.endswith("drops new connections from 192.0.2.2, 198.51.100.0/24")
    state, reason = admission(ACCEPT % NET, A, B)
    assert state == "dropped" and reason.endswith("drops new connections from all clients")
    # Part of what a client has.
    assert admission(ACCEPT % "198.51.100.0/25", NET)[1].endswith("from 198.51.100.128/25")


def test_somebody_elses_rule_is_named_with_what_it_drops():
    state, reason = admission(DROP % B + ACCEPT % A + ACCEPT % B, A, B)
    assert state == "dropped"
    assert "192.0.2.2" in reason.split(" drops ")[0] and reason.endswith(" drops new connections from 192.0.2.2")
    state, reason = admission(DROP % B + DROP % NET + "".join(ACCEPT % one for one in (A, B, NET)), A, B, NET)
    assert [one.split(" from ")[1] for one in reason.split("; ")] == ["192.0.2.2", "198.51.100.0/24"]


def test_long_lists_are_cut():
    clients = ["10.0.0.%d" % n for n in range(0, 40, 2)]
    five = "from 10.0.0.0, 10.0.0.2, 10.0.0.4, 10.0.0.6, 10.0.0.8"
    assert admission(ACCEPT % A, A, *clients)[1].endswith(five + ", and 15 more")
    assert admission(ACCEPT % A, A, *clients[:5])[1].endswith(five)


def test_what_the_rules_do_not_tell_is_unknown():
    rules = "-A INPUT -i eth1 -s %s -j DROP\n" % B + ACCEPT % A + ACCEPT % B
    state, reason = admission(rules, A, B)
    assert state == "unknown" and reason.endswith("may drop new connections from 192.0.2.2")
    # What is certain to fail comes first.
    assert admission(rules, A, B, NET)[0] == "dropped"


def test_a_ban_elsewhere_is_of_no_interest_and_one_of_a_client_is():
    rules = DROP % "203.0.113.7" + "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n"
    assert admission(rules, A)[0] == "admitted"
    assert admission(DROP % "198.51.100.7" + rules, NET)[0] == "dropped"


@pytest.mark.parametrize("rules, policy", [("", "ACCEPT"), ("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n", "DROP")])
def test_everybody_is_more_than_the_clients_and_no_failure(rules, policy):
    state, reason = admission(rules, A, policy=policy)
    assert state in ("admitted", "unfiltered")
    assert reason == "ipv4: everybody is admitted, not its clients alone"
    nobody = "nobody has to be admitted, since its clients have no address"
    assert admission(rules, policy=policy) == ("closed", nobody + "; ipv4: everybody is admitted")


def test_a_listener_open_to_nobody_is_not_judged():
    closed = ("closed", "nobody has to be admitted, since its clients have no address")
    assert admission("") == closed
    assert admission("", six="", family="both") == closed
    assert admission("", seen_as="nodeport") == closed
    assert admission("", SIX) == closed
    # Of what the rules do not tell, not even that everybody is admitted.
    assert admission("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n", seen_as="nodeport") == closed


@pytest.mark.parametrize("family", ["both", "any"])
def test_a_family_without_clients_need_not_be_admitted(family):
    state, reason = admission(ACCEPT % A, A, six="", family=family)
    assert (state, reason) == ("admitted", "ipv6: nobody has to be admitted, since its clients have no address there")
    assert admission(ACCEPT % A, A, SIX, six="", family="both")[0] == "dropped"
    assert admission("", A, six="", family=family)[0] == "dropped"


def test_one_family_is_enough_for_family_any_unless_it_admits_a_part():
    accept = ACCEPT % A
    six = "-A INPUT -p tcp -s 2001:db8::1/128 -m tcp --dport 80 -j ACCEPT\n"
    state, reason = admission(accept, A, SIX, six="", family="any")
    assert state == "admitted" and reason.startswith("ipv6: ") and reason.endswith("drops new connections from all clients")
    unclear = "-A INPUT -i eth1 -j DROP\n" + ACCEPT % B
    assert admission(accept + unclear, A, B, SIX, six=six, family="any")[0] == "unknown"
    assert admission(unclear, B, SIX, six=six, family="any")[0] == "admitted"
    state, reason = admission(accept, A, B, SIX, six=six, family="any")
    assert state == "dropped" and reason.endswith("drops new connections from 192.0.2.2")


def test_what_is_certain_to_fail_in_one_family_comes_before_doubts_in_the_other():
    doubt = "-A INPUT -i eth1 -s %s -j DROP\n" % A + ACCEPT % A + ACCEPT % B
    six = "-A INPUT -p tcp -s 2001:db8::1/128 -m tcp --dport 80 -j ACCEPT\n"
    assert admission(doubt, A, B, SIX, six=six, family="both")[0] == "unknown"
    state, reason = admission(doubt, A, B, SIX, "2001:db8::2", six=six, family="both")
    assert state == "dropped" and reason.startswith("ipv6: ") and reason.endswith("from 2001:db8::2")


def test_who_has_no_known_clients_is_judged_for_everybody():
    for keys in ({"clients": {}}, {"clients": {"y": [A]}}, {"clients": {"x": ["any"]}}):
        assert admission("", **keys) == ("dropped", "ipv4: %s drops new connections" % POLICY)
        assert admission(ACCEPT % A, **keys)[0] == "admitted"
        assert "not from every source" in admission(ACCEPT % A, **keys)[1]


def test_the_host_itself_comes_by_the_loopback_interface():
    spoofed = "-A INPUT ! -i lo -s %s -j DROP\n" % A
    accept = "-A INPUT -i lo -j ACCEPT\n" + ACCEPT % B
    assert admission(spoofed + accept, A, B, local=[A])[0] == "admitted"
    assert admission(spoofed + accept, A, local=[A])[0] == "admitted"
    assert admission(spoofed + accept, A, B)[0] == "dropped"
    state, reason = admission("-A INPUT -i lo -j ACCEPT\n", A, B, local=[A])
    assert state == "dropped" and reason.endswith(" drops new connections from 192.0.2.2")
    # In a network of clients too.
    assert admission(spoofed + accept + ACCEPT % "192.0.2.0/24", "192.0.2.0/24", local=[A])[0] == "admitted"


def test_every_port_of_a_range():
    keys = {"port": "8000-8010"}
    accept = "-A INPUT -p tcp -s 192.0.2.1/32 -m tcp --dport 8000:8010 -j ACCEPT\n"
    assert admission(accept, A, **keys)[0] == "admitted"
    assert admission(accept, A, B, **keys)[1].endswith("from 192.0.2.2")
    for closed in (8000, 8005, 8010):
        assert admission("-A INPUT -p tcp -m tcp --dport %d -j DROP\n" % closed + accept, A, **keys)[0] == "unknown"


@pytest.mark.parametrize("keys", [{"port": "dynamic"}, {"seen_as": "nodeport"}])
def test_what_no_rule_tells_is_unknown_for_known_clients_too(keys):
    assert admission(ACCEPT % A, A, **keys)[0] == "unknown"


def test_clients_are_all_that_there_is():
    """Nobody is left who could be admitted beyond them."""
    rules = "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n"
    ordinary = ("0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3")
    assert admission(rules, *ordinary) == ("admitted", "")


def test_a_family_with_all_its_addresses_is_judged_for_everybody():
    clients = {"x": [A, "::/0"]}
    state, reason = admission(ACCEPT % A, six="", family="both", clients=clients)
    assert (state, reason) == ("dropped", "ipv6: the policy drop of chain ip6 filter INPUT drops new connections")
