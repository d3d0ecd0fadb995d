# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners for everybody or for one source, and the task's own connection, judged by rules as iptables-save prints them."""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import answers, ipt_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Connection
from ansible_collections.netports.core.plugins.module_utils._listener import parse_listeners

WEB = "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n"
REFUSES = "ipv4: the policy drop of chain ip filter INPUT drops new connections"


def host(four, six=None, policy="DROP"):
    """A host with these rules; without rules for IPv6 nothing filters there."""
    text = "*filter\n:INPUT %s [0:0]\n%sCOMMIT\n"
    found = ipt_ruleset.parse(text % (policy, four), "ip")
    if six is None:
        return found
    other = ipt_ruleset.parse(text % (policy, six), "ip6")
    return found._replace(chains={**found.chains, **other.chains}, rules={**found.rules, **other.rules})


def admission(ruleset, source=None, **keys):
    listener = dict({"name": "web", "protocol": "tcp", "port": 80, "family": "ipv4"}, **keys)
    return tuple(answers.admissions(ruleset, parse_listeners([listener]), source)["web"])


@pytest.mark.parametrize(
    ("rules", "keys", "expected"),
    [
        (WEB, {}, ("admitted", "")),
        ("", {}, ("dropped", REFUSES)),
        ("", {"port": "dynamic"}, ("unknown", "the port is not known before the service runs")),
        (
            "",
            {"seen_as": "nodeport"},
            ("unknown", "kube-proxy forwards a NodePort before the host firewall's input rules see it"),
        ),
    ],
)
def test_everybody(rules, keys, expected):
    assert admission(host(rules), **keys) == expected


QUEUE = "-A INPUT -p tcp -m tcp --dport 80 -j NFQUEUE --queue-num 0"
FEW = "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 81 -j ACCEPT\n"


@pytest.mark.parametrize(
    ("rules", "keys", "who"),
    [
        (QUEUE + "\n", {}, "rule `%s` of chain ip filter INPUT" % QUEUE),
        (WEB, {"port": "80-81"}, "the policy drop of chain ip filter INPUT"),
        (FEW, {"port": "81-82"}, "the policy drop of chain ip filter INPUT"),
        # What admits some is not what stands in the way.
        (FEW + "-A INPUT -p tcp -m tcp --dport 82 -j NFQUEUE\n", {"port": "81-82"}, None),
    ],
)
def test_what_is_not_known_or_holds_for_some_ports_alone_is_unknown(rules, keys, who):
    who = who or "rule `%s` of chain ip filter INPUT" % rules.splitlines()[-1]
    assert admission(host(rules), **keys) == ("unknown", "ipv4: %s may drop new connections" % who)


def test_a_list_of_sources_admits_and_says_so():
    assert admission(host("-A INPUT -s 10.0.0.0/8 -j ACCEPT\n")) == (
        "admitted",
        "ipv4: not from every source: the policy drop of chain ip filter INPUT",
    )
    assert admission(host(WEB + FEW), port="80-81") == (
        "admitted",
        "ipv4: not from every source: the policy drop of chain ip filter INPUT",
    )


def test_a_listener_that_nobody_has_to_reach_is_not_judged():
    listeners = parse_listeners([{"name": "a", "protocol": "tcp", "port": 80, "allow": False}])
    assert answers.admissions(host(""), listeners) == {}
    assert answers.admissions(host(""), listeners, source="10.0.0.1") == {}


def test_one_source():
    ruleset = host("-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 80 -j ACCEPT\n")
    assert admission(ruleset, "10.0.0.1") == ("admitted", "")
    assert admission(ruleset, "192.0.2.1") == ("dropped", REFUSES)
    assert admission(ruleset, "2001:db8::1") == ("unknown", "the source is of another address family")


@pytest.mark.parametrize(
    ("family", "four", "six", "expected"),
    [
        ("both", WEB, WEB, "admitted"),
        ("both", WEB, "", "dropped"),
        ("both", "", WEB, "dropped"),
        ("any", WEB, "", "admitted"),
        ("any", "", WEB, "admitted"),
        ("any", "", "", "dropped"),
        ("ipv6", "", WEB, "admitted"),
        ("ipv6", WEB, "", "dropped"),
        ("both", WEB, None, "admitted"),
        ("any", WEB, None, "unfiltered"),
        ("ipv6", "", None, "unfiltered"),
    ],
)
def test_both_families_need_both_and_any_needs_one(family, four, six, expected):
    state, reason = admission(host(four, six), family=family)
    assert state == expected
    # Of a family that need not be served there is nothing to say.
    assert bool(reason) == (state == "dropped")


SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
MAYBE = "-A INPUT -i eth0 -j DROP\n"
CONNECTION = Connection("10.0.0.9", "10.0.0.5", 22)
POLICY = "the policy drop of chain ip filter INPUT"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (SSH, SSH, None),
        (SSH, "", POLICY),
        (SSH, MAYBE + SSH, "rule `-A INPUT -i eth0 -j DROP` of chain ip filter INPUT"),
        # What is dropped before is no loss, and the connection that is there shows that what is unknown admits it.
        ("", "", None),
        (MAYBE + SSH, MAYBE + SSH, None),
        (MAYBE + SSH, "", POLICY),
        (SSH, "-A INPUT ! -s 10.0.0.9/32 -j DROP\n" + SSH, None),
        (SSH, "-A INPUT -d 10.0.0.5/32 -j DROP\n" + SSH, "rule `-A INPUT -d 10.0.0.5/32 -j DROP` of chain ip filter INPUT"),
    ],
)
def test_what_would_cut_the_connection(before, after, expected):
    assert answers.cut(host(before), host(after), CONNECTION) == expected


@pytest.mark.parametrize("client", ["127.0.0.1", "10.0.0.5"])
def test_a_connection_of_the_host_to_itself_comes_by_loopback(client):
    rules = host("-A INPUT -i lo -j ACCEPT\n")
    assert answers.cut(host(SSH), rules, CONNECTION._replace(client=client)) is None
    assert answers.cut(host(SSH), rules, CONNECTION) == POLICY
