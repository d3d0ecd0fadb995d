# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the reader of nftables says about a ruleset, against what the kernel does with a peer's real packets."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import admitted, nft_admission
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Admission
from ansible_collections.netports.core.plugins.module_utils._listener import parse_listeners
from tests.integration._packet_pair import PORTS, PROTOCOLS, Pair
from tests.lab.sandbox import FAMILIES


def ports_text(ports: List[int], form: str) -> str:
    low, high = min(ports), max(ports)
    texts = {"one": str(low), "range": "%d-%d" % (low, high), "set": "{ %s }" % ", ".join(map(str, sorted(set(ports))))}
    return texts[form]


PORT_TEXT = st.builds(
    ports_text, st.lists(st.sampled_from((1000, *PORTS, 1005)), min_size=1, max_size=3), st.sampled_from(("one", "range", "set"))
)
V4 = st.sampled_from(("198.51.100.2", "198.51.100.9", "198.51.100.0/24", "10.0.0.0/8", "{ 198.51.100.1-198.51.100.5, 10.0.0.1 }"))
V6 = st.sampled_from(("2001:db8:6c61:62::2", "2001:db8:6c61:62::/64", "fe80::/10", "{ ::1, 2001:db8:6c61:62::2 }", "@some6"))
NOT = st.sampled_from(("", "", "!= "))
FIXED_MATCHES = (
    "ct state new",
    "ct state established,related",
    "ct state { invalid, untracked }",
    "ct state != new",
    "meta nfproto ipv4",
    "meta nfproto ipv6",
    "meta l4proto tcp",
    "meta l4proto { tcp, udp }",
    "ip protocol udp",
    "ip6 nexthdr tcp",
    'iifname "eth0"',
    'iifname != "lo"',
    "iif lo",
    "fib daddr type local",
    "tcp flags & (fin|syn|rst|ack) == syn",
    "tcp flags & (syn|ack) == (syn|ack)",
    "tcp flags syn",
    "tcp sport 1024-65535",
    "tcp dport > 1002",
    "udp dport < 1003",
    "udp dport >= 1003",
    "tcp dport @ports",
    "tcp dport != @ports",
    "ip saddr @some4",
    "ip saddr @none4",
    "ip saddr . tcp dport { 198.51.100.2 . 1001, 10.0.0.1 . 1002 }",
    "meta l4proto . th dport { tcp . 1001, udp . 1003 }",
    "ether type ip",
    "ip daddr 198.51.100.1",
    "ip daddr != 198.51.100.1",
    "ip daddr { 192.0.2.1, 224.0.0.0/4 }",
    "ip6 daddr 2001:db8:6c61:62::1",
    "ip6 daddr ff00::/8",
    "ip saddr 127.0.0.0/8",
    "meta mark 0x7",
    "limit rate over 1000/second burst 1000 packets",
    "limit rate 1000/second burst 1000 packets",
    "counter",
    "add @filled { ip saddr }",
    "icmp type echo-request",
    "meta pkttype host",
    "meta pkttype { broadcast, multicast }",
)
MATCH = st.one_of(
    st.builds("{} dport {}{}".format, st.sampled_from(PROTOCOLS), NOT, PORT_TEXT),
    st.builds("meta l4proto {{ tcp, udp }} th dport {}{}".format, NOT, PORT_TEXT),
    st.builds("ip saddr {}{}".format, NOT, V4),
    st.builds("ip6 saddr {}{}".format, NOT, V6),
    st.sampled_from(FIXED_MATCHES),
)
VERDICTS = ["accept", "accept", "drop", "drop", "reject", "return", "continue", "counter"]
VERDICT = st.sampled_from((*VERDICTS, "jump first", "goto first", "jump second", "meta mark set 7"))
VMAP = st.sampled_from(
    (
        "tcp dport vmap { 1001 : accept, 1002-1003 : drop }",
        "tcp dport vmap @verdicts",
        "ct state vmap { established : accept, new : jump second, invalid : drop }",
        "meta nfproto vmap { ipv4 : jump first, ipv6 : goto second }",
        "ip saddr vmap { 198.51.100.0/24 : continue, 10.0.0.0/8 : drop }",
        "meta l4proto . th dport vmap { tcp . 1001 : drop, udp . 1002 : accept }",
    )
)


NETWORK = frozenset(("ip", "ip6", "ether", "icmp", "nfproto"))
TRANSPORT = frozenset(("tcp", "udp", "th", "icmp", "l4proto", "protocol", "nexthdr"))


def is_possible(matches: List[str]) -> bool:
    """nft refuses a rule that asks twice for the protocol of one layer; it may well be the same, but that is not the point."""
    words = [set(match.split()) for match in matches]
    return all(sum(bool(one & layer) for one in words) < 2 for layer in (NETWORK, TRANSPORT))


RULE = st.one_of(
    st.builds(
        lambda matches, verdict: " ".join([*matches, verdict]),
        st.lists(MATCH, max_size=2).filter(is_possible),
        VERDICT,
    ),
    VMAP,
)
BASE = st.tuples(st.lists(RULE, max_size=5), st.sampled_from(("accept", "drop")))
SETS = """
 set ports { type inet_service; flags interval; elements = { 1002-1003 }; }
 set some4 { type ipv4_addr; flags interval; elements = { 198.51.100.2, 10.0.0.0/8 }; }
 set filled { type ipv4_addr; flags dynamic, timeout; timeout 1m; size 100; }
 set none4 { type ipv4_addr; }
 set some6 { type ipv6_addr; flags interval; elements = { 2001:db8:6c61:62::/64 }; }
 map verdicts { type inet_service : verdict; elements = { 1001 : drop, 1004 : accept }; }
"""


def inet(first: List[str], second: List[str], base: Tuple[List[str], str], name: str, priority: int, hook: str) -> str:
    def chain(title: str, rules: List[str], head: str = "") -> str:
        return " chain %s {\n%s%s }\n" % (title, head, "".join("  %s\n" % rule for rule in rules))

    head = "  type filter hook %s priority %d; policy %s;\n" % (hook, priority, base[1])
    # `first` may jump to `second`, which jumps nowhere, so that there is no circle.
    second = [rule for rule in second if "jump" not in rule and "goto" not in rule]
    first = [rule for rule in first if "first" not in rule]
    chains = chain("second", second) + chain("first", first) + chain("base", base[0], head)
    return "table inet %s {\n%s%s}\n" % (name, SETS, chains)


RULESET = st.builds(
    lambda one, two: one + two,
    st.builds(
        inet,
        st.lists(RULE, max_size=3),
        st.lists(RULE, max_size=3),
        BASE,
        st.just("a"),
        st.one_of(st.integers(-10, 10), st.just(-250)),
        st.sampled_from(("input", "input", "prerouting")),
    ),
    st.one_of(st.just(""), st.builds(inet, st.just([]), st.just([]), BASE, st.just("b"), st.integers(-10, 10), st.just("input"))),
)


@pytest.mark.slow
def test_no_answer_about_a_random_ruleset_is_wrong(pair: Pair) -> None:
    answers: Counter[str] = Counter()

    # No shrinking: an example is a few lines, and each further one costs a quarter of a second.
    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(RULESET)
    def compare(ruleset: str) -> None:
        answers.update(pair.compare(ruleset))

    compare()
    # An honest "unknown" is right, but a reader that says nothing else would be of no use.
    assert answers["admitted"] > 100 and answers["dropped"] > 100, answers
    assert answers["unknown"] < sum(answers.values()) / 4, answers


HAND_MADE: Dict[str, Tuple[str, Dict[str, Any]]] = {
    "a later base chain drops what an earlier one accepted": (
        """table inet a { chain one { type filter hook input priority -5; tcp dport 1001 accept; }; }
        table inet b { chain two { type filter hook input priority 5; policy drop; tcp dport 1002 accept; }; }""",
        {"tcp 1001": "dropped", "tcp 1002": "admitted"},
    ),
    "tables of one family": (
        """table ip a { chain one { type filter hook input priority 0; policy drop; tcp dport 1001 accept; }; }
        table ip6 a { chain one { type filter hook input priority 0; tcp dport { 1001, 1003 } drop; }; }""",
        {"ipv4 tcp 1001": "admitted", "ipv4 tcp 1003": "dropped", "ipv6 tcp 1001": "dropped", "ipv6 tcp 1002": "admitted"},
    ),
    "a dormant table filters nothing": (
        """table inet a { flags dormant; chain one { type filter hook input priority 0; policy drop; }; }""",
        {"tcp 1001": "admitted"},
    ),
    "goto does not come back, jump does": (
        """table inet a {
         chain sub { tcp dport 1001 accept; tcp dport 1004 return; }
         chain one { type filter hook input priority 0; policy drop;
          tcp dport 1001-1002 goto sub
          tcp dport 1003-1004 jump sub
          tcp dport { 1002, 1003, 1004 } accept
         }
        }""",
        {"tcp 1001": "admitted", "tcp 1002": "dropped", "tcp 1003": "admitted", "tcp 1004": "admitted"},
    ),
    "reject is a drop": (
        """table inet a { chain one { type filter hook input priority 0;
         tcp dport 1001 reject with tcp reset; udp dport 1001 reject; meta nfproto ipv4 reject with icmp host-prohibited; }; }""",
        {"tcp 1001": "dropped", "udp 1001": "dropped", "ipv4 tcp 1002": "dropped", "ipv6 tcp 1002": "admitted"},
    ),
    "a set that packets fill": (
        """table inet a { set seen { type ipv4_addr; flags dynamic, timeout; timeout 1m; }
         chain one { type filter hook input priority 0; policy drop;
         ip saddr @seen accept
         udp dport 1001 add @seen { ip saddr } accept
         }; }""",
        {"ipv4 tcp 1002": "partial", "ipv4 udp 1001": "admitted", "ipv6 tcp 1002": "dropped"},
    ),
    "a mark that another rule sets": (
        """table inet a { chain one { type filter hook input priority 0; policy drop;
         tcp dport 1001 meta mark set 7
         meta mark 7 accept
         }; }""",
        {"tcp 1001": "unknown", "tcp 1002": "dropped"},
    ),
}


@pytest.mark.parametrize("name", HAND_MADE)
def test_a_ruleset_made_by_hand(pair: Pair, name: str) -> None:
    ruleset, expected = HAND_MADE[name]
    # nft wants a line end where these have a brace for brevity.
    ruleset = ruleset.replace("; }", ";\n }").replace("{ chain", "{\n chain").replace("{ flags", "{\n flags").replace("};", "}\n")
    pair.compare(ruleset)
    read = pair.load(ruleset)
    for text, state in expected.items():
        *family, protocol, port = text.split()
        for one in family or FAMILIES:
            packet = pair.packet((one, protocol, int(port)), source=False)
            assert nft_admission.judge(read, packet).state == state, (text, one)


LISTENERS = [
    {"name": "open", "protocol": "tcp", "port": 1001, "family": "both"},
    {"name": "half", "protocol": "tcp", "port": 1002, "family": "both"},
    {"name": "either", "protocol": "tcp", "port": 1002},
    {"name": "range", "protocol": "tcp", "port": "1001-1002", "family": "ipv4"},
    {"name": "gap", "protocol": "tcp", "port": "1001-1003", "family": "ipv4"},
    {"name": "shut", "protocol": "udp", "port": 1001},
    {"name": "listed", "protocol": "tcp", "port": 1004, "family": "ipv4"},
    {"name": "nodeport", "protocol": "tcp", "port": 30001, "seen_as": "nodeport"},
    {"name": "dynamic", "protocol": "tcp", "port": "dynamic"},
    {"name": "inside", "protocol": "tcp", "port": 1003, "bind": "loopback"},
]
ADMITTING = """table inet filter {
 chain input {
  type filter hook input priority 0; policy drop;
  tcp dport 1001 accept
  meta nfproto ipv4 tcp dport 1002 accept
  ip saddr 198.51.100.0/24 tcp dport 1004 accept
 }
}
"""


def admissions(pair: Pair, source: Optional[str] = None) -> Dict[str, Admission]:
    return admitted.admissions(parse_listeners(LISTENERS), source=source, enter=pair.enter)


def test_what_port_verify_is_told(pair: Pair) -> None:
    pair.load(ADMITTING)
    found = admissions(pair)
    assert {name: one.state for name, one in found.items()} == {
        "open": "admitted",
        "half": "dropped",
        "either": "admitted",
        "range": "admitted",
        "gap": "unknown",
        "shut": "dropped",
        "listed": "admitted",
        "nodeport": "unknown",
        "dynamic": "unknown",
    }
    assert "ipv6: the policy drop of chain inet filter input drops new connections" in found["half"].reason
    assert "not from every source" in found["listed"].reason
    assert admissions(pair, "198.51.100.2")["listed"] == ("admitted", "")
    assert admissions(pair, "203.0.113.1")["listed"].state == "dropped"
    assert admissions(pair, "2001:db8::1")["listed"].state == "unknown"
    pair.load("")
    assert {one.state for name, one in admissions(pair).items() if name not in ("nodeport", "dynamic")} == {"unfiltered"}


def test_evidence_that_fails_is_no_answer(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.load(ADMITTING)
    unprivileged = [*pair.enter, "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    found = admitted.admissions(parse_listeners(LISTENERS), enter=unprivileged)
    assert {one.state for one in found.values()} == {"unknown"}
    assert "become: true" in found["open"].reason
    monkeypatch.setattr(_run, "SEARCH_PATH", "/nowhere")
    found = admissions(pair)
    assert {one.state for one in found.values()} == {"unknown"}
    assert "neither the command nft (package nftables) nor iptables-save (package iptables) is installed" in found["open"].reason
