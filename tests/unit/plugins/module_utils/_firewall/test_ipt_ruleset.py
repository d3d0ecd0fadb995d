# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of iptables in the words of nftables. The listings in `data` are what the programs printed.

That the answers about them are true is shown with real packets in tests/integration/test_firewall_admission_iptables.py.
"""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import (
    intervals,
    ipt_ruleset,
    nft_admission,
    nft_match,
    nft_ruleset,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import Packet

DATA = pathlib.Path(__file__).parent / "data"
# One of newer versions: the mask is no prefix.
ODD = "create odd hash:ip family inet bitmask 255.255.0.255\nadd odd 10.0.0.1\n"
SETS = ipt_ruleset.parse_sets((DATA / "ipset-save.txt").read_text() + ODD)
INPUT = ("ip", "filter", "INPUT")


def rule(line, family="ip", sets=SETS):
    """The rule that the line is, in a chain INPUT that drops nothing else."""
    text = "*filter\n:INPUT ACCEPT [0:0]\n:sub - [0:0]\n-A INPUT %s\nCOMMIT\n" % line
    ruleset = ipt_ruleset.parse(text, family, sets)
    return ruleset, ruleset.rules[(family, "filter", "INPUT")][0]


def asked(line, **keys):
    return rule(line, **keys)[1].expr


def state(line, packet, family="ip", sets=SETS):
    return nft_admission.judge(rule(line, family, sets)[0], packet).state


def source(address):
    number = intervals.number_of(address)
    return ((number, number),)


def tcp(port, address=None, family="ipv4"):
    return Packet(family, nft_match.TCP, port, source(address) if address else ())


def udp(port, address=None):
    return Packet("ipv4", nft_match.UDP, port, source(address) if address else ())


def match(left, right, op="=="):
    return {"match": {"op": op, "left": left, "right": right}}


def target(name):
    return {"xt": {"type": "target", "name": name}}


def new_mark(kept, flipped):
    return {"mangle": {"key": MARK, "value": {"^": [{"&": [MARK, kept]}, flipped]}}}


def matched(line, field, right, op="=="):
    """A row of the table below: a rule that drops what has this in the field."""
    return line + " -j DROP", (match(field, right, op), {"drop": None})


def not_understood(line, name):
    return line + " -j DROP", ({"xt": {"type": "match", "name": name}}, {"drop": None})


MARK = {"meta": {"key": "mark"}}
SOURCE = {"payload": {"protocol": "ip", "field": "saddr"}}
TCP_FLAGS = {"payload": {"protocol": "tcp", "field": "flags"}}
TCP = match({"meta": {"key": "l4proto"}}, 6)
DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}


@pytest.mark.parametrize("flavour", ["nft", "legacy"])
def test_both_flavours_print_the_same_rules_and_each_keeps_its_line(flavour):
    text = (DATA / ("iptables-%s-save.txt" % flavour)).read_text()
    ruleset = ipt_ruleset.parse(text, "ip", SETS)
    other = ipt_ruleset.parse((DATA / "iptables-nft-save.txt").read_text(), "ip", SETS)
    assert ruleset.rules == other.rules
    lines = [line.partition("] ")[2] for line in text.splitlines() if line.startswith("[")]
    kept = [one.line for rules in ruleset.rules.values() for one in rules]
    assert sorted(kept) == sorted(lines) and len(kept) == 25
    assert [one.handle for one in ruleset.rules[INPUT]] == list(range(1, 22))
    assert ruleset.rules[INPUT][0].label == "api"
    assert "-j DROP` of chain ip filter INPUT" in str(ruleset.rules[INPUT][3])
    unread = {one.line.split()[-1] for one in ruleset.rules[INPUT] if any("xt" in expr for expr in one.expr)}
    assert unread == {"ACCEPT", '"'}, "only -f, u32, mac, an odd mask, and the target LOG are not nft's"


def test_base_chains_are_where_the_kernel_has_them():
    ruleset = ipt_ruleset.parse((DATA / "iptables-nft-save.txt").read_text(), "ip")
    assert [(str(chain), chain.prio, chain.policy) for chain in ruleset.base_chains()] == [
        ("ip raw PREROUTING", -300, "accept"),
        ("ip mangle PREROUTING", -150, "accept"),
        ("ip mangle INPUT", -150, "accept"),
        ("ip filter INPUT", 0, "drop"),
    ]
    assert ruleset.chains[("ip", "nat", "PREROUTING")].type == "nat"
    assert ruleset.chains[("ip", "filter", "sub")] == nft_ruleset.Chain("ip", "filter", "sub")
    assert [one.expr[-1] for one in ruleset.rules[("ip", "nat", "PREROUTING")]] == [
        {"redirect": {"port": 8080}},
        {"dnat": None},
    ]


def test_a_table_that_no_kernel_of_today_has_is_asked_with_the_filters():
    (chain,) = ipt_ruleset.parse("*other\n:INPUT DROP [0:0]\nCOMMIT\n", "ip").base_chains()
    assert (str(chain), chain.prio, chain.policy) == ("ip other INPUT", 0, "drop")


def test_tables_of_the_old_iptables_are_told_apart_by_name():
    ruleset = ipt_ruleset.parse((DATA / "iptables-legacy-save.txt").read_text(), "ip", SETS, legacy=True)
    chain = ruleset.chains[("ip", "legacy:filter", "INPUT")]
    assert str(chain) == "ip filter INPUT of iptables-legacy"
    assert nft_ruleset.foreign_owner(ruleset, chain) == "iptables"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-p tcp -m tcp --dport 22 -j ACCEPT", (TCP, match(DPORT, 22), {"accept": None})),
        ("-p tcp --dport 22:80", (TCP, match(DPORT, {"range": [22, 80]}))),
        (
            "-p tcp -m tcp ! --dport 1024: -j sub",
            (TCP, match(DPORT, {"range": [1024, 65535]}, "!="), {"jump": {"target": "sub"}}),
        ),
        (
            "-p tcp -m multiport --dports 22,80:90 -g sub",
            (TCP, match(DPORT, {"set": [22, {"range": [80, 90]}]}), {"goto": {"target": "sub"}}),
        ),
        ("-i eth+ -j DROP", (match({"meta": {"key": "iifname"}}, "eth*"), {"drop": None})),
        (
            "! -s 10.0.0.0/8 -j DROP",
            (
                match({"payload": {"protocol": "ip", "field": "saddr"}}, {"prefix": {"addr": "10.0.0.0", "len": 8}}, "!="),
                {"drop": None},
            ),
        ),
        ("-m nonsense --with 1 -j DROP", ({"xt": {"type": "match", "name": "nonsense"}}, {"drop": None})),
        ("-j NONSENSE", ({"xt": {"type": "target", "name": "NONSENSE"}},)),
        ("-p tcp -m tcp --dport 22 --tcp-option 3 -j DROP", (TCP, {"xt": {"type": "match", "name": "tcp"}}, {"drop": None})),
        not_understood("-m multiport --dports 22", "multiport"),
        not_understood("-s 10.0.0.0/33", "iptables"),
        not_understood("-m pkttype --pkt-type something", "pkttype"),
        not_understood("-m tcp --tcp-flags SYN SYN", "tcp"),
        not_understood("-m limit ! --limit 3/min", "limit"),
        matched("-s 10.0.0.1/32", SOURCE, "10.0.0.1"),
        matched("-s 10.0.0.1", SOURCE, "10.0.0.1"),
        matched("-m mark --mark 0x8000", MARK, 0x8000),
        matched("-m mark ! --mark 0x8000/0xc000", {"&": [MARK, 0xC000]}, 0x8000, "!="),
        matched("-m rpfilter", {"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, True),
        matched("-m icmp --icmp-type 8", {"payload": {"protocol": "icmp", "field": "type"}}, "8"),
        matched("-m icmp6 --icmpv6-type 8", {"payload": {"protocol": "icmpv6", "field": "type"}}, "8"),
        matched("-m rt --rt-type 0", {"exthdr": {"name": "rt", "field": "type"}}, "0"),
        matched("-m rt ! --rt-segsleft 0", {"exthdr": {"name": "rt", "field": "seg-left"}}, "0", "!="),
        ("-p tcp -m tcp --tcp-flags SYN,NEW SYN -j DROP", (TCP, {"xt": {"type": "match", "name": "tcp"}}, {"drop": None})),
        ("-p tcp -m tcp --tcp-flags SYN SYN,NEW -j DROP", (TCP, {"xt": {"type": "match", "name": "tcp"}}, {"drop": None})),
        (
            "-p tcp -m tcp --tcp-flags FIN,SYN NONE -j DROP",
            (TCP, match({"&": [TCP_FLAGS, {"|": ["fin", "syn"]}]}, 0), {"drop": None}),
        ),
        ("-m limit --limit 3/min -j DROP", ({"limit": {"rate": "3/min", "inv": False}}, {"drop": None})),
        ("-m connlimit --connlimit-above 3 -j DROP", ({"ct count": {"val": 3, "inv": True}}, {"drop": None})),
        ("-m recent --name x --update --hitcount 6 -j DROP", ({"limit": {"rate": "recent", "inv": True}}, {"drop": None})),
        # As people write it and iptables-save does not.
        ("-j DROP -i eth0", ({"xt": {"type": "match", "name": "iptables"}}, {"drop": None})),
        ("-p tcp -j REJECT --reject-with tcp-reset", (TCP, {"reject": {"type": "tcp reset"}})),
        ("-p tcp -j REJECT --reject-with tcp-rst", (TCP, {"reject": {"type": "tcp reset"}})),
        ("-j REJECT --reject-with icmp-host-prohibited", ({"reject": None},)),
        ("-j REJECT", ({"reject": None},)),
        ("-j QUEUE", ({"queue": None},)),
        ("-j NFQUEUE --queue-num 0", ({"queue": None},)),
        ("-j NOTRACK", ({"notrack": None},)),
        ("-j CT --notrack", ({"notrack": None},)),
        ("-j CT --zone 1", (target("CT"),)),
        ("-j SET --add-set clients src", ({"set": {"set": nft_ruleset.IPSET + "clients"}},)),
        ("-j SET --del-set clients src", ({"set": {"set": nft_ruleset.IPSET + "clients"}},)),
        ("-j SET --map-set clients src", (target("SET"),)),
        ("-j REDIRECT", ({"redirect": None},)),
        ("-p tcp -j REDIRECT --to-ports 8080", (TCP, {"redirect": {"port": 8080}})),
        ("-p tcp -j REDIRECT --to-port 8080", (TCP, {"redirect": {"port": 8080}})),
        ("-p tcp -j REDIRECT --to-ports 8080-8090", (TCP, {"redirect": None})),
        ("-p tcp -j REDIRECT --random", (TCP, {"redirect": None})),
        ("-p tcp -j REDIRECT --random --to-ports 8080", (TCP, {"redirect": {"port": 8080}})),
        ("-p tcp -j DNAT --to-destination 10.0.0.1:8081", (TCP, {"dnat": None})),
        ("-j MARK --set-xmark 0x8000", (new_mark(0, 0x8000),)),
        ("-j MARK --set-xmark 0x8000/0xc000", (new_mark(0xFFFF3FFF, 0x8000),)),
        ("-j MARK --or-mark 0x8000", (target("MARK"),)),
        ("-j MARK --set-xmark something/0x8000", (target("MARK"),)),
    ],
)
def test_what_a_rule_asks(line, expected):
    assert asked(line) == expected


def test_a_rule_of_ours_is_read_back():
    line = '-s 10.0.0.0/8 -p tcp -m multiport --dports 5678,5681:5682 -m comment --comment "netports:kuma_cp" -j ACCEPT'
    assert nft_ruleset.parse_own(rule(line)[1]) == Rule(
        "kuma_cp", "tcp", ((5678, 5678), (5681, 5682)), "ipv4", ((0x0A000000, 0x0AFFFFFF),)
    )
    line = '-p ipencap -m comment --comment "netports:x" -j ACCEPT'
    assert nft_ruleset.parse_own(rule(line)[1]) == Rule("x", "ip", ((4, 4),), "ipv4")


HOST = tcp(80, "10.0.0.1")


@pytest.mark.parametrize(
    ("line", "packet", "expected"),
    [
        ("-m set --match-set banned src -j DROP", tcp(80, "192.0.2.7"), "dropped"),
        ("-m set --match-set banned src -j DROP", HOST, "admitted"),
        ("-m set --match-set banned src -j DROP", tcp(80), "partial"),
        ("-m set ! --match-set clients src -j DROP", HOST, "admitted"),
        ("-m set ! --match-set clients src -j DROP", tcp(80, "10.9.1.1"), "dropped"),
        ("-m set --match-set clients src --return-nomatch -j DROP", tcp(80, "10.9.1.1"), "unknown"),
        ("-m set --match-set pairs src,dst -j DROP", HOST, "dropped"),
        ("-m set --match-set pairs src,dst -j DROP", udp(80, "10.0.0.1"), "admitted"),
        ("-m set --match-set pairs src -j DROP", HOST, "admitted"),
        ("-m set ! --match-set pairs src -j DROP", HOST, "dropped"),
        ("-m set --match-set ports dst -j DROP", tcp(22), "dropped"),
        ("-m set --match-set ports src -j DROP", tcp(22), "admitted"),
        ("-m set --match-set masked src -j DROP", tcp(22, "10.3.4.99"), "dropped"),
        ("-m set --match-set range src -j DROP", tcp(22, "10.0.0.9"), "dropped"),
        ("-m set --match-set range src -j DROP", tcp(22, "10.0.0.10"), "admitted"),
        ("-m set --match-set six src -j DROP", HOST, "admitted"),
        # What nobody can list, or no reader knows: bans of sources all the same where they ask for a source.
        ("-m set --match-set any src -j DROP", HOST, "unknown"),
        ("-m set --match-set gone src -j DROP", tcp(80), "partial"),
        ("-m set --match-set iface src,src -j DROP", HOST, "unknown"),
        ("-m set --match-set odd src -j DROP", tcp(80), "partial"),
    ],
)
def test_sets(line, packet, expected):
    assert state(line, packet) == expected


def test_ports_of_a_set_that_are_shut():
    ruleset, _rule = rule("-m set --match-set ports dst -j DROP")
    assert nft_admission.shuts_out(ruleset, ruleset.chains[INPUT])


def test_a_set_that_packets_fill_is_not_certain_in_any_table():
    text = "*filter\n:INPUT DROP [0:0]\n-A INPUT -m set --match-set clients src -j ACCEPT\nCOMMIT\n"
    text += "*mangle\n:PREROUTING ACCEPT [0:0]\n%sCOMMIT\n"
    fills = "-A PREROUTING -p udp -j SET --add-set clients src\n"
    assert nft_admission.judge(ipt_ruleset.parse(text % "", "ip", SETS), HOST).state == "admitted"
    assert nft_admission.judge(ipt_ruleset.parse(text % fills, "ip", SETS), HOST).state == "partial"


@pytest.mark.parametrize(
    ("line", "packet", "expected"),
    [
        ("-p tcp -m multiport --ports 22,80 -j DROP", tcp(80), "dropped"),
        ("-p tcp -m multiport --ports 22,81 -j DROP", tcp(80), "admitted"),
        ("-p tcp -m multiport --ports 22,2000 -j DROP", tcp(80), "unknown"),
        ("-p tcp -m multiport ! --ports 22,80 -j DROP", tcp(80), "admitted"),
        ("-p tcp -m tcp --syn -j DROP", tcp(80), "dropped"),
        ("-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP", tcp(80), "admitted"),
        ("-p tcp -m tcp --tcp-flags ALL NONE -j DROP", tcp(80), "admitted"),
        ("-p udp -m conntrack --ctstate NEW,DNAT -j DROP", udp(53), "dropped"),
        ("-m conntrack --ctstate DNAT -j DROP", udp(53), "admitted"),
        ("-m conntrack --ctstate INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED,SNAT,DNAT -j DROP", udp(53), "dropped"),
        ("-m conntrack --ctstate NEW --ctorigdstport 80 -j DROP", tcp(80), "unknown"),
        ("-m addrtype --dst-type MULTICAST -j DROP", tcp(80), "admitted"),
        ("-m addrtype --dst-type LOCAL --limit-iface-in -j DROP", tcp(80), "unknown"),
        ("-m recent --name x --rcheck -j DROP", tcp(80), "partial"),
        ("-m recent --name x --update --seconds 30 --hitcount 6 -j DROP", tcp(80), "admitted"),
        ("-m recent --name x --update --seconds 30 --hitcount 2 -j DROP", tcp(80), "admitted"),
        # One packet of the source is enough, and nobody knows whether there was one.
        ("-m recent --name x --update --seconds 30 --hitcount 1 -j DROP", tcp(80), "partial"),
        ("-m recent --name x --rcheck --seconds 30 -j DROP", tcp(80), "partial"),
        ("-m recent --name x --set -j DROP", tcp(80), "dropped"),
        ("-m recent --name x ! --set -j DROP", tcp(80), "unknown"),
        ("-m limit --limit 3/min -j DROP", tcp(80), "dropped"),
        ("-m hashlimit ! --hashlimit-upto 3/sec --hashlimit-name x -j DROP", tcp(80), "unknown"),
        ("-m hashlimit --hashlimit-above 3/sec --hashlimit-name x -j DROP", tcp(80), "admitted"),
        ("-m connlimit --connlimit-above 3 -j DROP", tcp(80), "admitted"),
        ("-m connlimit --connlimit-above 0 -j DROP", tcp(80), "unknown"),
        ("-m connlimit ! --connlimit-above 3 -j DROP", tcp(80), "dropped"),
        ("-p all -j DROP", tcp(80), "dropped"),
        ("! -p 0 -j DROP", tcp(80), "unknown"),
        ("-m pkttype --pkt-type broadcast -j DROP", tcp(80), "admitted"),
        ("-m rpfilter --invert -j DROP", tcp(80), "admitted"),
        ("-i eth0 -j DROP", tcp(80), "unknown"),
        ("-i lo -j DROP", tcp(80), "admitted"),
        ("-m mark --mark 0x7 -j DROP", tcp(80), "admitted"),
        ("-m mark ! --mark 0x7 -j DROP", tcp(80), "dropped"),
        ("-p tcp -j REJECT --reject-with tcp-reset", tcp(80), "dropped"),
        ("-p tcp -j NFQUEUE --queue-num 0 --queue-bypass", tcp(80), "unknown"),
        ("-p tcp -m tcp --dport 80 -f -j DROP", tcp(80), "admitted"),
        ("-p tcp -m tcpmss ! --mss 536:65535 -m conntrack --ctstate NEW -j DROP", tcp(80), "admitted"),
        ("-p tcp -m tcpmss --mss 536:65535 -j DROP", tcp(80), "dropped"),
        ("-p tcp -m tcpmss ! --mss 1400:1460 -j DROP", tcp(80), "unknown"),
        # Hosts need not take on less than 536, and the large frames of a network are 9000.
        ("-p tcp -m tcpmss --mss 536:9000 -j DROP", tcp(80), "dropped"),
        ("-p tcp -m tcpmss --mss 537:9000 -j DROP", tcp(80), "unknown"),
        ("-p tcp -m tcpmss --mss 536:8999 -j DROP", tcp(80), "unknown"),
        ("-s 10.0.0.0/255.0.255.0 -j DROP", tcp(80), "unknown"),
        ("-p gre -m nonsense -j DROP", tcp(80), "admitted"),
        ("-p tcp -m tcp --tcp-flags ALL -j DROP", tcp(80), "unknown"),
        ("-p tcp -m tcp --tcp-flags ALL SYN,NEW -j DROP", tcp(80), "unknown"),
        ("-p tcp -m tcp --tcp-flags ALL SYN -j DROP", tcp(80), "dropped"),
        ("-p tcp -m tcp --tcp-flags SYN,ACK SYN,ACK -j DROP", tcp(80), "admitted"),
        ("-p tcp -m tcp --dport no-such-service -j DROP", tcp(80), "unknown"),
        ("-p tcp -m tcp --dport 80:http -j DROP", tcp(80), "unknown"),
        ("-p tcp -m tcp --dport :80 -j DROP", tcp(80), "dropped"),
        ("-p tcp -m tcp --dport 81: -j DROP", tcp(80), "admitted"),
        ("-p tcp -m multiport --dports 22,no-such-service -j DROP", tcp(80), "unknown"),
        ("-m multiport --dports 80 -j DROP", tcp(80), "unknown"),
        ("-p no-such-protocol -j DROP", tcp(80), "unknown"),
        ("-p icmp -m icmp --icmp-type 8 -j DROP", tcp(80), "admitted"),
        ("-s 10.0.0.0/255.0.0.0 -j DROP", tcp(80, "10.1.1.1"), "dropped"),
        ("-s 10.0.0.0/255.0.0.0 -j DROP", tcp(80, "11.1.1.1"), "admitted"),
        ("-s 10.0.0.0/no-mask -j DROP", tcp(80), "unknown"),
        ("-s 10.0.0.0/33 -j DROP", tcp(80), "unknown"),
        ("-m iprange --src-range 10.0.0.1-10.0.0.9 -j DROP", tcp(80, "10.0.0.9"), "dropped"),
        ("-m iprange --src-range 10.0.0.1-10.0.0.9 -j DROP", tcp(80, "10.0.0.10"), "admitted"),
        ("-m iprange ! --src-range 10.0.0.1 -j DROP", tcp(80, "10.0.0.1"), "admitted"),
        ("-m conntrack --ctstate NEW,SOMETHING -j DROP", tcp(80), "unknown"),
        ("-m conntrack --ctdir ORIGINAL -j DROP", tcp(80), "dropped"),
        ("-m conntrack --ctdir REPLY -j DROP", tcp(80), "admitted"),
        ("-m mark --mark something -j DROP", tcp(80), "unknown"),
        ("-m pkttype --pkt-type unicast -j DROP", tcp(80), "dropped"),
        ("-m pkttype --pkt-type something -j DROP", tcp(80), "unknown"),
        ("-m set --match-set banned -j DROP", tcp(80, "192.0.2.7"), "unknown"),
        ("-m set ! --match-set six src -j DROP", tcp(80), "dropped"),
        ("-p tcp -j SET --del-set clients src", tcp(80), "admitted"),
        ("-p tcp -j SET --map-set clients src", tcp(80), "admitted"),
        ("-j QUEUE", tcp(80), "unknown"),
        ("-c 5 300 -p udp -j DROP", tcp(80), "admitted"),
        ("-m set --match-set ports dst --update-counters -j DROP", tcp(22), "dropped"),
    ],
)
def test_answers(line, packet, expected):
    assert state(line, packet) == expected


KUBELET = """*nat
:PREROUTING ACCEPT [0:0]
:KUBE-MARK-DROP - [0:0]
%sCOMMIT
*filter
:INPUT ACCEPT [0:0]
-A INPUT -m mark --mark 0x8000/0x8000 -j DROP
COMMIT
"""


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("", "admitted"),
        # Nothing leads there, or other packets alone, or another bit is set.
        ("-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000\n", "admitted"),
        ("-A PREROUTING -p udp -j KUBE-MARK-DROP\n-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000\n", "admitted"),
        ("-A PREROUTING -p tcp -j KUBE-MARK-DROP\n-A KUBE-MARK-DROP -j MARK --set-xmark 0x4000/0x4000\n", "admitted"),
        ("-A PREROUTING -p tcp -j KUBE-MARK-DROP\n-A KUBE-MARK-DROP -j MARK --set-xmark 0x0/0x8000\n", "admitted"),
        ("-A PREROUTING -p tcp -j KUBE-MARK-DROP\n-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000\n", "unknown"),
        ("-A PREROUTING -p tcp -j MARK --set-xmark something/0x8000\n", "unknown"),
        ("-A PREROUTING -p tcp -j MARK --or-mark 0x8000\n", "unknown"),
        ("-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff\n", "unknown"),
    ],
)
def test_a_packet_has_no_mark_but_what_rules_on_its_way_set(rules, expected):
    assert nft_admission.judge(ipt_ruleset.parse(KUBELET % rules, "ip"), tcp(80)).state == expected


@pytest.mark.parametrize(
    ("types", "ipv4", "ipv6"),
    [
        ("UNICAST", "admitted", "unknown"),
        ("LOCAL", "dropped", "dropped"),
        ("MULTICAST", "admitted", "admitted"),
        ("LOCAL,MULTICAST", "dropped", "unknown"),
    ],
)
def test_types_of_destinations_mean_something_else_in_ipv6(types, ipv4, ipv6):
    """There a local address is also unicast."""
    line = "-m addrtype --dst-type %s -j DROP" % types
    assert state(line, tcp(80)) == ipv4
    assert state(line, tcp(80, family="ipv6"), family="ip6") == ipv6


@pytest.mark.parametrize(
    ("line", "expected"), [("-m set --match-set banned src", "admitted"), ("-m set ! --match-set banned src", "dropped")]
)
def test_no_address_of_ipv6_is_in_a_set_of_ipv4(line, expected):
    assert state(line + " -j DROP", tcp(80, "2001:db8::1", "ipv6"), family="ip6") == expected


def test_no_extension_header_comes_with_a_first_packet():
    """ufw drops routing headers of type 0 before it admits anything."""
    assert state("-m rt --rt-type 0 -j DROP", tcp(80, family="ipv6"), family="ip6") == "admitted"


def test_packets_that_are_exempt_from_tracking_are_not_new():
    text = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 53 -j CT --notrack\nCOMMIT\n"
    text += "*filter\n:INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n"
    ruleset = ipt_ruleset.parse(text, "ip")
    assert nft_admission.judge(ruleset, udp(54)).state == "admitted"
    assert nft_admission.judge(ruleset, udp(53)).state == "unknown"


@pytest.mark.parametrize(
    ("words", "expected"), [("INVALID", "dropped"), ("NEW", "admitted"), ("RELATED,ESTABLISHED", "admitted")]
)
def test_before_tracking_all_packets_are_invalid(words, expected):
    text = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m conntrack --ctstate %s -j DROP\nCOMMIT\n"
    assert nft_admission.judge(ipt_ruleset.parse(text % words, "ip"), udp(53)).state == expected
    after = text.replace("*raw", "*mangle") % words
    assert nft_admission.judge(ipt_ruleset.parse(after, "ip"), udp(53)).state == ("dropped" if words == "NEW" else "admitted")


@pytest.mark.parametrize(
    ("line", "comment", "packet", "expected"),
    [
        # Text of people's own that looks like something else, as iptables-save prints it.
        ('-m comment --comment "-j ACCEPT" -j DROP', "-j ACCEPT", tcp(80), "dropped"),
        ("-m comment --comment -j -j DROP", "-j", tcp(80), "dropped"),
        ('-m comment --comment "a \\"quoted\\" ! -s word" -j DROP', 'a "quoted" ! -s word', tcp(80), "dropped"),
        ('-m comment --comment "two\n-A INPUT -j ACCEPT" -j DROP', "two\n-A INPUT -j ACCEPT", tcp(80), "dropped"),
        ('-p udp -m comment --comment "netports:x" -j DROP', "netports:x", tcp(80), "admitted"),
        # People write what iptables-save does not.
        ("-j DROP -p udp", "", tcp(80), "unknown"),
    ],
)
def test_text_of_people(line, comment, packet, expected):
    assert rule(line)[1].comment == comment
    assert state(line, packet) == expected


@pytest.mark.parametrize(
    "text",
    [
        "-A INPUT -j DROP\n",
        "*filter\n-A INPUT -j DROP\nCOMMIT\n",
        "*filter\n:INPUT DROP [0:0]\n-I INPUT -j DROP\n",
        "table ip x {\n",
    ],
)
def test_what_iptables_save_does_not_print_is_refused(text):
    with pytest.raises(ValueError, match="INPUT|table"):
        ipt_ruleset.parse(text, "ip")


@pytest.mark.parametrize(
    ("family", "packet", "expected"),
    [
        ("ip", tcp(22), "admitted"),
        ("ip", tcp(2222), "admitted"),  # `ufw limit`
        ("ip", tcp(5678, "10.1.1.1"), "admitted"),
        ("ip", tcp(5678, "203.0.113.1"), "dropped"),
        ("ip", tcp(8080), "dropped"),
        ("ip", tcp(8080, "192.0.2.7"), "dropped"),
        ("ip", udp(137), "dropped"),
        ("ip6", tcp(22, family="ipv6"), "admitted"),
        ("ip6", tcp(5678, family="ipv6"), "dropped"),
    ],
)
def test_a_host_of_ufw(family, packet, expected):
    """`ufw allow 22/tcp; limit 2222/tcp; allow from 10.0.0.0/8 to any port 5678,5679 proto tcp; deny from 192.0.2.7`."""
    text = (DATA / ("ufw-%stables-save.txt" % {"ip": "ip", "ip6": "ip6"}[family])).read_text()
    ruleset = ipt_ruleset.parse(text, family)
    assert nft_admission.judge(ruleset, packet).state == expected
    assert nft_ruleset.foreign_owner(ruleset, ruleset.chains[(family, "filter", "INPUT")]) == "ufw"


@pytest.mark.parametrize(
    ("listing", "name", "fields", "elements"),
    [
        # Types and options that no reader knows: nothing is claimed of their members.
        ("create a hash:mac\nadd a 00:11:22:33:44:55\n", "a", (), None),
        ("create a hash:ip family inet bitmask 255.255.0.255\nadd a 10.0.0.1\n", "a", ("address",), None),
        ("create a hash:ip family inet\nadd a something\n", "a", ("address",), None),
        ("create a hash:ip,port family inet\nadd a 10.0.0.1,tcp:80 nomatch\n", "a", ("address", "port"), None),
        ("create a\n", "a", (), None),
        ("create a bitmap:port range 0-99\nadd a 5-9\nadd a 22\n", "a", ("port",), ({"range": [5, 9]}, 22)),
        (
            "create a hash:ip,port family inet\nadd a 10.0.0.1,udp:53\nadd a 10.0.0.1,icmp:echo-request\n",
            "a",
            ("address", "port"),
            ({"concat": ["10.0.0.1", "udp", 53]}, {"concat": ["10.0.0.1", "icmp", -1]}),
        ),
        # What is of no interest is passed over.
        ("flush b\nswap a b\ncreate a bitmap:port range 0-9\n", "a", ("port",), ()),
    ],
)
def test_listings_of_sets(listing, name, fields, elements):
    known = ipt_ruleset.parse_sets(listing)[name]
    assert (known.fields, known.elements) == (fields, elements)


@pytest.mark.parametrize(
    ("members", "inside", "outside"),
    [
        (["10.0.0.0/8", "10.9.0.0/16 nomatch", "10.9.9.9"], ["10.0.0.0", "10.9.9.9"], ["10.9.0.0", "10.9.255.255", "11.0.0.0"]),
        (["10.0.0.0/8", '10.9.0.0/16 comment "nomatch"'], ["10.9.0.0"], []),
        (["10.0.0.0/8", '10.9.0.0/16 comment "a" nomatch'], ["10.8.255.255"], ["10.9.0.0"]),
        (["10.0.0.1-10.0.0.3"], ["10.0.0.1", "10.0.0.3"], ["10.0.0.0", "10.0.0.4"]),
    ],
)
def test_the_most_specific_network_of_a_set_decides(members, inside, outside):
    listing = "create a hash:net family inet\n" + "".join("add a %s\n" % member for member in members)
    addresses = ipt_ruleset.parse_sets(listing)["a"].addresses
    for address in inside + outside:
        assert bool(intervals.common(addresses, source(address))) == (address in inside), address


def test_a_listing_that_ends_within_a_comment_is_refused():
    """What was to follow would be missing."""
    with pytest.raises(ValueError, match="INPUT.* does not end"):
        ipt_ruleset.parse('*filter\n:INPUT DROP [0:0]\n-A INPUT -m comment --comment "cut here', "ip")


@pytest.mark.parametrize(
    "line, names", [("-A INPUT -m set --match-set a src -j DROP", True), ("-A INPUT -s 10.0.0.1 -j DROP", False)]
)
def test_which_listings_need_the_sets(line, names):
    assert ipt_ruleset.names_sets(line) == names
