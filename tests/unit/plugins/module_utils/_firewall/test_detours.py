# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports that go elsewhere before the input rules see them, from rules as iptables-save prints them."""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import detours, ipt_ruleset, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import Packet

WEB = Rule("a", "tcp", ((80, 80),), "ipv4")
BYPASS = ", and what comes there passes by the input rules of the host, which neither admit nor refuse it"
SEEN = ": the input rules of the host see port %d instead, which has to be admitted; firewalls on the way see the port itself"


def host(*rules, chains=()):
    lines = ["*nat", ":PREROUTING ACCEPT [0:0]", *(":%s - [0:0]" % chain for chain in chains), *rules, "COMMIT", ""]
    return ipt_ruleset.parse("\n".join(lines), "ip")


@pytest.mark.parametrize(
    ("target", "who", "port"),
    [
        ("REDIRECT --to-ports 15006", "goes to a transparent proxy (Kuma, Istio)", 15006),
        ("REDIRECT --to-ports 15001", "goes to a transparent proxy (Kuma, Istio)", 15001),
        ("REDIRECT --to-ports 15010", "goes to a transparent proxy (Kuma, Istio)", 15010),
        ("REDIRECT --to-ports 8080", "is redirected by rule `%s` of chain ip nat PREROUTING", 8080),
        ("DNAT --to-destination 10.0.0.1:81", "is forwarded by rule `%s` of chain ip nat PREROUTING", None),
        ("REDIRECT --to-ports 8000-8010", "is forwarded by rule `%s` of chain ip nat PREROUTING", None),
        ("REDIRECT", "is forwarded by rule `%s` of chain ip nat PREROUTING", None),
    ],
)
def test_who_takes_the_port(target, who, port):
    line = "-A PREROUTING -p tcp -m tcp --dport 80 -j " + target
    detour = detours.of(host(line), Packet("ipv4", 6, 80))
    assert detour == detours.Detour(who % line if "%s" in who else who, port)
    assert detours.of(host(line), Packet("ipv4", 6, 81)) is None
    assert detours.of(host(line), Packet("ipv6", 6, 80)) is None
    (said, *_arrivals) = detours.notes(host(line), [WEB])
    assert said == "tcp 80 %s%s" % (detour.who, BYPASS if port is None else SEEN % port)


@pytest.mark.parametrize(
    ("chain", "who"),
    [
        ("KUBE-NODEPORTS", "is served by kube-proxy as a NodePort"),
        ("DOCKER", "is published by Docker"),
        ("OTHERS", "is forwarded by rule `-A OTHERS -p tcp -j DNAT --to-destination 10.0.0.1:80` of chain ip nat OTHERS"),
    ],
)
def test_who_forwards_is_told_by_the_chain(chain, who):
    line = "-A %s -p tcp -j DNAT --to-destination 10.0.0.1:80" % chain
    ruleset = host("-A PREROUTING -j " + chain, line, chains=[chain])
    assert detours.of(ruleset, Packet("ipv4", 6, 80)) == detours.Detour(who)


def test_a_proxy_is_told_by_its_chain_whatever_its_port():
    line = "-A KUMA_MESH_INBOUND -p tcp -j REDIRECT --to-ports 7777"
    ruleset = host("-A PREROUTING -j KUMA_MESH_INBOUND", line, chains=["KUMA_MESH_INBOUND"])
    assert detours.of(ruleset, Packet("ipv4", 6, 80)) == detours.Detour("goes to a transparent proxy (Kuma, Istio)", 7777)
    # It takes all ports, and what is sent to its own goes nowhere else.
    assert detours.of(ruleset, Packet("ipv4", 6, 7777)) is None


def test_what_is_let_through_before_goes_nowhere_else():
    ruleset = host("-A PREROUTING -p tcp -m tcp --dport 80 -j ACCEPT", "-A PREROUTING -p tcp -j REDIRECT --to-ports 81")
    assert detours.of(ruleset, Packet("ipv4", 6, 80)) is None
    assert detours.of(ruleset, Packet("ipv4", 6, 82)) is not None


def test_to_which_of_several_ports_is_not_known():
    key = {"family": "inet", "table": "t"}
    chain = dict(key, name="in", type="nat", hook="prerouting", prio=-100, policy="accept")
    for port, expected in (({"range": [8000, 8010]}, None), (8000, 8000)):
        rule = dict(key, chain="in", handle=1, expr=[{"redirect": {"port": port}}])
        detour = detours.of(nft_ruleset.parse({"nftables": [{"chain": chain}, {"rule": rule}]}), Packet("ipv4", 6, 80))
        assert detour is not None and detour.port == expected


def test_what_the_host_sends_is_not_what_comes_to_it():
    line = "-A OUTPUT -p tcp -j REDIRECT --to-ports 15001"
    ruleset = ipt_ruleset.parse("*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n%s\nCOMMIT\n" % line, "ip")
    assert detours.of(ruleset, Packet("ipv4", 6, 80)) is None


def test_each_family_is_asked_for_its_own_rules():
    four = host("-A PREROUTING -p tcp -j REDIRECT --to-ports 8080")
    six = ipt_ruleset.parse("*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n", "ip6")
    for first, second in ((four, six), (six, four)):
        both = first._replace(chains={**first.chains, **second.chains}, rules={**first.rules, **second.rules})
        assert detours.of(both, Packet("ipv4", 6, 80)) is not None
        assert detours.of(both, Packet("ipv6", 6, 80)) is None


def test_notes_join_the_ports_of_one_way_and_tell_what_comes_in_at_a_port():
    line = "-A PREROUTING -p tcp -m tcp --dport 90:95 -j REDIRECT --to-ports 80"
    rule = WEB._replace(ports=((80, 80), (88, 92), (95, 99)))
    past, arrives = detours.notes(host(line), [rule])
    assert past.startswith("tcp 90-92, 95 is redirected by rule `")
    assert arrives == "tcp 90-95 comes in at port 80: whoever is admitted there is admitted to all of it"
    # Beside ports at which nothing comes in, too; and it may be all that there are.
    other = WEB._replace(ports=((443, 443),))
    assert detours.notes(host(line), [other, WEB]) == (arrives,)
    (arrives,) = detours.notes(host("-A PREROUTING -p tcp -j REDIRECT --to-ports 80"), [WEB])
    assert arrives.startswith("tcp 1-79, 81-65535 comes in at port 80")
    # Of a port at which nothing else comes in there is nothing to say.
    assert detours.notes(host(line), [WEB._replace(ports=((81, 89),))]) == ()


def test_nothing_to_say():
    assert detours.notes(host(), [WEB]) == ()
    assert detours.notes(ipt_ruleset.parse("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", "ip"), [WEB]) == ()
    # Of protocols without ports nothing is known.
    assert detours.notes(host("-A PREROUTING -j REDIRECT --to-ports 80"), [Rule("a", "ip", ((4, 4),), "ipv4")]) == ()
