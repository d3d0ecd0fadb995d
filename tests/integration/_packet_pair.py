# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a ruleset is said to do, against what the kernel does with a peer's real packets."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import Counter
from typing import Dict, Iterator, Tuple

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import (
    intervals,
    nft_admission,
    nft_match,
    nft_ruleset,
    observed,
)
from ansible_collections.netports.core.plugins.module_utils._run import Effects
from tests.lab.sandbox import FAMILIES, HERE, Host, Lab, Target

PORTS = (1001, 1002, 1003, 1004)
PROTOCOLS = ("tcp", "udp")
CLASSES = [(family, protocol, port) for family in FAMILIES for protocol in PROTOCOLS for port in PORTS]
# A SYN and its answer take well under a millisecond here; the rest is for a busy machine.
PATIENCE = 0.25


class Pair:
    """A host that answers on every port that the tests speak of, and a peer."""

    def __init__(self, lab: Lab) -> None:
        self.host, self.peer = lab.host("host"), lab.host("peer")
        self.enter = ("nsenter", "--net=/proc/%d/ns/net" % self.host.pid)
        listeners = [
            {"name": "%s-%d" % (protocol, port), "protocol": protocol, "port": port} for protocol in PROTOCOLS for port in PORTS
        ]
        self.host.write("/run/lab/listeners", json.dumps(listeners))
        argv = [sys.executable, str(HERE / "standins" / "listener.py"), "--name", "stand-in", "--listeners", "/run/lab/listeners"]
        self.server = self.host.popen(argv, stdout=subprocess.PIPE)
        assert self.server.stdout is not None
        self.introduce(self.host, self.peer)
        self.introduce(self.peer, self.host)
        # Packets from a port that was used a moment ago would belong to the connection of then. Where the kernel has not loaded
        # tracking yet, it is a rare mishap.
        for timeout in ("udp_timeout", "udp_timeout_stream"):
            subprocess.run([*self.enter, "sysctl", "-qw", "net.netfilter.nf_conntrack_%s=1" % timeout], check=False)
        while self.server.stdout.readline() not in ("ready\n", ""):
            pass

    @staticmethod
    def introduce(host: Host, other: Host) -> None:
        """Let the host know the other's link address, which rulesets that drop everything would keep from it."""
        link = other.run(["ip", "-oneline", "link", "show", "eth0"]).stdout.partition("link/ether ")[2].split()[0]
        for address in other.addresses:
            host.run(["ip", "neighbour", "replace", address, "lladdr", link, "dev", "eth0", "nud", "permanent"])

    def load(self, ruleset: str) -> nft_ruleset.Ruleset:
        self.host.run(["nft", "-f", "-"], input="flush ruleset\n" + ruleset)
        return self.read()

    def read(self) -> nft_ruleset.Ruleset:
        return observed.read(Effects(check_mode=True), self.enter)

    def passed(self) -> Dict[Tuple[str, str, int], bool]:
        """Which packets of the peer reached a socket."""
        address = {"ipv4": self.host.ipv4, "ipv6": self.host.ipv6}
        targets = [Target(protocol, address[family] or "", port) for family, protocol, port in CLASSES]
        return {one: word == "open" for one, word in zip(CLASSES, self.peer.probe(targets, PATIENCE))}

    def packet(self, one: Tuple[str, str, int], source: bool) -> nft_match.Packet:
        family, protocol, port = one
        number = intervals.number_of((self.peer.ipv4 if family == "ipv4" else self.peer.ipv6) or "")
        return nft_match.Packet(family, nft_match.PROTOCOLS[protocol], port, ((number, number),) if source else ())

    def compare(self, ruleset: str) -> Counter[str]:
        """Load a ruleset of nft. Assert that no answer is wrong; how often each was given for a known source."""
        return self.judge(self.load(ruleset), ruleset)

    def judge(self, read: nft_ruleset.Ruleset, text: str) -> Counter[str]:
        """Assert that no answer about the rules in force is wrong; `text` is said of them where one is."""
        passed = self.passed()
        given_answers: Counter[str] = Counter()
        for one, did_pass in passed.items():
            for source in (True, False):
                judgement = nft_admission.judge(read, self.packet(one, source))
                known = "known" if source else "any"
                said = "%s, source %s: %s (%s)\n%s" % (one, known, judgement.state, judgement.reason, text)
                if judgement.state == "admitted":
                    assert did_pass, said
                elif judgement.state == "dropped":
                    assert not did_pass, said
                if source:
                    given_answers[judgement.state] += 1
        return given_answers


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Lab() as lab:
        made = Pair(lab)
        with contextlib.closing(lab):
            yield made
