# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of the rules of iptables, of both flavours, against what the kernel does with a peer's real packets."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Dict, Iterator, Sequence

import pytest

from tests.integration._packet_pair import Pair

# More of them, and others, with NETPORTS_SEEDS=100-900.
FIRST_SEED, _hyphen, LAST_SEED = os.environ.get("NETPORTS_SEEDS", "0-60").partition("-")
FLAVOURS = ("nft", "legacy")
PROGRAMS = {"ip": "iptables", "ip6": "ip6tables"}
PEER = {"ip": "198.51.100.2", "ip6": "2001:db8:6c61:62::2"}
HOST = {"ip": "198.51.100.1", "ip6": "2001:db8:6c61:62::1"}
NET = {"ip": "198.51.100.0/24", "ip6": "2001:db8:6c61:62::/64"}
OTHER = {"ip": "10.0.0.0/8", "ip6": "fd00::/8"}

SETS = """
create ports bitmap:port range 0-2000
add ports 1002
add ports 1003
create both list:set
"""
# Sets that exist once in each family; %(...)s as above.
FAMILY_SETS = """
create hosts_%(family)s hash:ip family %(inet)s
add hosts_%(family)s %(peer)s
create none_%(family)s hash:ip family %(inet)s
create filled_%(family)s hash:ip family %(inet)s timeout 60
create nets_%(family)s hash:net family %(inet)s comment
add nets_%(family)s %(net)s comment "not nomatch"
add nets_%(family)s %(other)s
create holes_%(family)s hash:net family %(inet)s
add holes_%(family)s %(net)s
add holes_%(family)s %(peer)s nomatch
create services_%(family)s hash:ip,port family %(inet)s
add services_%(family)s %(peer)s,tcp:1001
add services_%(family)s %(peer)s,udp:1003
create netservices_%(family)s hash:net,port family %(inet)s
add netservices_%(family)s %(net)s,tcp:1004
"""


def values(family: str) -> Dict[str, str]:
    return {"family": family, "peer": PEER[family], "host": HOST[family], "net": NET[family], "other": OTHER[family]}


def sets_text() -> str:
    text = SETS
    for family in PROGRAMS:
        inet = {"ip": "inet", "ip6": "inet6"}[family]
        text += FAMILY_SETS % dict(values(family), inet=inet)
    return text


@pytest.fixture(scope="module")
def ipsets(pair: Pair) -> Pair:
    pair.host.run(["ipset", "restore"], input=sets_text())
    return pair


NOT = ("", "", "! ")
ONE_PORT = ("1001", "1002", "1003", "1004", "1001:1002", "1003:1010", "0:1002", "1004:65535", "22")
PORTS = ("1001,1003", "1002:1003", "22,80:90", "1001,1003:1004", "1001,1002,1003,1004")
FLAGS = ("--syn", "--tcp-flags SYN,ACK SYN", "--tcp-flags SYN,ACK SYN,ACK", "--tcp-flags ALL NONE", "--tcp-flags ALL SYN")
FAMILY_MATCHES = (
    "-s %(peer)s",
    "! -s %(peer)s",
    "-s %(net)s",
    "-s %(other)s",
    "! -s %(other)s",
    "-d %(host)s",
    "! -d %(host)s",
    "-d %(other)s",
    "-m iprange --src-range %(peer)s-%(peer)s",
    "-m iprange ! --src-range %(host)s-%(peer)s",
    "-m iprange --dst-range %(peer)s-%(peer)s",
    "-m set --match-set hosts_%(family)s src",
    "-m set ! --match-set hosts_%(family)s src",
    "-m set --match-set none_%(family)s src",
    "-m set ! --match-set none_%(family)s src",
    "-m set --match-set hosts_%(family)s dst",
    "-m set --match-set filled_%(family)s src",
    "-m set --match-set nets_%(family)s src",
    "-m set --match-set holes_%(family)s src",
    "-m set ! --match-set holes_%(family)s src",
    "-m set --match-set holes_%(family)s src --return-nomatch",
    "-m set --match-set services_%(family)s src,dst",
    "-m set ! --match-set services_%(family)s src,dst",
    "-m set --match-set services_%(family)s src",
    "-m set --match-set services_%(family)s src,src",
    "-m set --match-set netservices_%(family)s src,dst",
    "-m set --match-set ports dst",
    "-m set ! --match-set ports dst",
    "-m set --match-set ports src",
    "-m set --match-set both src",
)
FIXED_MATCHES = (
    "-i eth0",
    "! -i eth0",
    "-i eth+",
    "-i lo",
    "! -i lo",
    "-p tcp",
    "-p udp",
    "! -p tcp",
    "! -p udp",
    "-m conntrack --ctstate NEW",
    "-m conntrack --ctstate RELATED,ESTABLISHED",
    "-m conntrack ! --ctstate NEW",
    "-m conntrack --ctstate INVALID",
    "-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT",
    "-m conntrack --ctstate UNTRACKED",
    "-m conntrack --ctdir ORIGINAL",
    "-m conntrack --ctproto 6",
    "-m state --state NEW",
    "-m addrtype --dst-type LOCAL",
    "-m addrtype ! --dst-type LOCAL",
    "-m addrtype --dst-type MULTICAST",
    "-m addrtype --dst-type UNICAST",
    "-m addrtype --src-type LOCAL",
    "-m mark --mark 0x7",
    "-m mark ! --mark 0x7/0xff",
    "-m mark --mark 0x8000/0x8000",
    "-m mark --mark 0x0/0x8004",
    "-m pkttype --pkt-type unicast",
    "-m pkttype --pkt-type multicast",
    "-m limit --limit 1000/sec --limit-burst 1000",
    "-m hashlimit --hashlimit-above 1000/sec --hashlimit-burst 1000 --hashlimit-mode srcip --hashlimit-name over",
    "-m hashlimit --hashlimit-upto 1000/sec --hashlimit-burst 1000 --hashlimit-name upto",
    "-m connlimit --connlimit-above 5000",
    "-m connlimit --connlimit-upto 5000 --connlimit-mask 0",
    "-m recent --name seen --set",
    "-m recent --name seen --rcheck --seconds 60",
    "-m recent --name seen ! --update --seconds 60",
    '-m comment --comment "-j DROP"',
    "-m comment --comment --dport",
    '-m comment --comment "a \\"quoted\\" word"',
    "-m length --length 1:20",
    "-m mac --mac-source 02:00:00:00:00:01",
    "-m statistic --mode nth --every 2 --packet 0",
)
# A rejection of its later packets would undo a connection whose first packet passed, and that packet alone is judged.
REJECT = "-m conntrack --ctstate NEW -j REJECT"
TARGETS = (
    ("-j ACCEPT",) * 4
    + ("-j DROP",) * 4
    + (REJECT, "-j RETURN", "-j LOG", "-j MARK --set-mark 7", "-j MARK --or-mark 0x8000", "")
)
TARGETS += ("-j SET --add-set filled_%(family)s src",)
PASSED_ON = ("-j first", "-g first", "-j second", "-g second")


class Random(random.Random):
    """Rules for iptables, and whole tables of them."""

    def port_match(self, protocol: str) -> str:
        negated = self.choice(NOT)
        matches = [
            "%s--dport %s" % (negated, self.choice(ONE_PORT)),
            "--sport %s" % self.choice(("1024:65535", "1:1023")),
            "-m multiport %s--dports %s" % (negated, self.choice(PORTS)),
            "-m multiport %s--ports %s" % (negated, self.choice(PORTS)),
            "-m multiport %s--sports %s" % (negated, self.choice(PORTS)),
        ]
        if protocol == "tcp":
            matches.append("-m tcp %s%s" % (negated, self.choice(FLAGS)))
        # The port that a client comes to is what most rules ask for.
        return matches[0] if self.random() < 0.5 else self.choice(matches)

    def matches(self, family: str) -> str:
        protocol = self.choice(("", "", "tcp", "tcp", "udp", "udp"))
        found = [self.port_match(protocol)] if protocol and self.random() < 0.7 else []
        for _count in range(self.choice((0, 0, 1, 1, 2))):
            found.append(self.choice((self.choice(FAMILY_MATCHES), self.choice(FIXED_MATCHES))))
        found = sorted(found, key=lambda match: match.startswith("-m"))
        # iptables takes each of its own options once.
        words = " ".join(match for match in found if not match.startswith("-m")).replace("!", "").split()
        if ("-p" in words and protocol) or len(words) != len(set(words)):
            return self.matches(family)
        return " ".join((["-p " + protocol] if protocol else []) + found)

    def rules(self, chain: str, most: int, chains: Sequence[str] = (), reject: bool = True) -> Iterator[str]:
        for _count in range(self.randint(0, most)):
            targets = TARGETS + tuple(target for target in PASSED_ON if target.split()[1] in chains)
            target = self.choice(targets) if not chains or self.random() < 0.8 else self.choice(targets[-2:])
            if target == REJECT and not reject:
                target = "-j DROP"
            yield "-A %s %%s %s" % (chain, target)

    def tables(self, family: str) -> str:
        """What one flavour has in one family, as iptables-restore takes it."""
        head = ["*filter", ":INPUT %s [0:0]" % self.choice(("ACCEPT", "DROP")), ":first - [0:0]", ":second - [0:0]"]
        # `first` may go to `second`, which goes nowhere, so that there is no circle.
        body = [*self.rules("INPUT", 6, ("first", "second")), *self.rules("first", 3, ("second",)), *self.rules("second", 3)]
        raw = self.choice(("", "-A PREROUTING %s -j CT --notrack", "-A PREROUTING -p udp --dport 1003 -j CT --notrack"))
        mangle = [*self.rules("PREROUTING", 1, reject=False)] if self.random() < 0.3 else []
        lines = [*head, *body, "COMMIT", "*mangle", ":PREROUTING ACCEPT [0:0]", *mangle, "COMMIT", "*raw"]
        lines += [":PREROUTING ACCEPT [0:0]", *([raw] if raw and self.random() < 0.2 else []), "COMMIT"]
        return "".join(self.filled(line, family) + "\n" for line in lines)

    def filled(self, line: str, family: str) -> str:
        if not line.startswith("-A"):
            return line
        return line.replace("%s", self.matches(family), 1) % values(family)


EMPTY = "*filter\n:INPUT ACCEPT\nCOMMIT\n*mangle\nCOMMIT\n*raw\nCOMMIT\n"


def load(pair: Pair, seed: int) -> str:
    """Put tables in force, mostly of one flavour; what they are, for people."""
    draw = Random(seed)
    said = ["seed %d" % seed]
    for flavour, share in zip(FLAVOURS, draw.choice(((1, 0), (0, 1), (1, 0.3)))):
        for family in PROGRAMS:
            text = draw.tables(family) if draw.random() < share else EMPTY
            pair.host.run(["%s-%s-restore" % (PROGRAMS[family], flavour)], input=text)
            said.append("%s, %s\n%s" % (flavour, family, text))
    return "\n".join(said)


@pytest.mark.slow
def test_no_answer_about_random_rules_is_wrong(ipsets: Pair) -> None:
    answers: Counter[str] = Counter()
    for seed in range(int(FIRST_SEED), int(LAST_SEED)):
        said = load(ipsets, seed)
        answers.update(ipsets.judge(ipsets.read(), said))
    # An honest "unknown" is right, but a reader that says nothing else would be of no use.
    assert answers["admitted"] > 100 and answers["dropped"] > 100, answers
    assert answers["unknown"] < sum(answers.values()) / 4, answers
