# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import ipt_ruleset, nft_ruleset, registry
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Request
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Ruleset
from ansible_collections.netports.core.plugins.module_utils._run import Answer, Effects

EMPTY = Ruleset({}, {}, {}, {})


def iptables(rules: str, policy: str = "ACCEPT", chains: str = "", family: str = "ip", legacy: bool = False) -> Ruleset:
    heads = "".join(":%s - [0:0]\n" % name for name in chains.split())
    text = "*filter\n:INPUT %s [0:0]\n:FORWARD DROP [0:0]\n%s%sCOMMIT\n" % (policy, heads, rules)
    return ipt_ruleset.parse(text, family, legacy=legacy)


def joined(*rulesets: Ruleset) -> Ruleset:
    chains = {key: chain for ruleset in rulesets for key, chain in ruleset.chains.items()}
    return EMPTY._replace(chains=chains, rules={key: rules for ruleset in rulesets for key, rules in ruleset.rules.items()})


def nft_items(table: str, policy: str, *expressions: object) -> list[dict[str, Any]]:
    key = {"family": "inet", "table": table}
    return [
        {"table": {"family": "inet", "name": table}},
        {"chain": dict(key, name="in", type="filter", hook="input", prio=0, policy=policy)},
        {"rule": dict(key, chain="in", handle=1, expr=list(expressions))},
    ]


def nftables(table: str, policy: str, *expressions: object) -> Ruleset:
    return nft_ruleset.parse({"nftables": nft_items(table, policy, *expressions)})


@pytest.fixture
def machine(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A host without any firewall's files."""
    monkeypatch.setattr(registry, "UFW_SETTINGS", str(tmp_path / "ufw.conf"))
    monkeypatch.setattr(registry, "_has_direct_rules", lambda effects: False)
    monkeypatch.setattr(registry, "CUMULUS_POLICY", str(tmp_path / "policy.conf"))
    monkeypatch.setattr(registry, "_firewalld_unit", lambda effects: (False, False))
    return tmp_path


INVALID = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "invalid"}}
BAN = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "192.0.2.7"}}
DOCKER_AND_KUBERNETES = """-A INPUT -j KUBE-FIREWALL
-A INPUT -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A KUBE-EXTERNAL-SERVICES -p tcp -m addrtype --dst-type LOCAL -m tcp --dport 31000 -j REJECT --reject-with icmp-port-unreachable
-A DOCKER-USER -j DROP
"""
DIRECT = "-A INPUT_direct -j DROP\n-A INPUT -j INPUT_direct\n"
KUBE_CHAINS = "KUBE-FIREWALL KUBE-EXTERNAL-SERVICES DOCKER-USER"


@pytest.mark.parametrize(
    ("ruleset", "found"),
    [
        (EMPTY, []),
        (iptables(""), []),
        (iptables("", policy="DROP"), ["iptables"]),
        (iptables("", policy="DROP", family="ip6"), ["iptables"]),
        (iptables("", policy="DROP", legacy=True), ["iptables"]),
        (joined(iptables("", policy="DROP", legacy=True), iptables("", policy="DROP")), ["iptables"]),
        (iptables("-A INPUT -p tcp -m tcp --dport 25 -j REJECT --reject-with icmp-port-unreachable\n"), ["iptables"]),
        (iptables("-A FORWARD -j DROP\n-A sub -j DROP\n-A INPUT -j ACCEPT\n", chains="sub"), []),
        (iptables("-A INPUT -i eth0 -j sub\n-A sub ! -s 192.0.2.0/24 -j DROP\n", chains="sub"), ["iptables"]),
        (iptables("-A INPUT -g sub\n-A sub -j RETURN\n", chains="sub"), []),
        # Bans of sources, in a chain of fail2ban's or not, and what no first packet is.
        (iptables("-A INPUT -p tcp -j f2b-sshd\n-A f2b-sshd -s 192.0.2.7/32 -j REJECT\n", chains="f2b-sshd"), []),
        (iptables("-A INPUT -s 192.0.2.7/32 -j DROP\n-A INPUT -m conntrack --ctstate INVALID -j DROP\n"), []),
        (iptables("-A INPUT -m set --match-set banned src -j DROP\n"), []),
        (iptables(DOCKER_AND_KUBERNETES, chains=KUBE_CHAINS), []),
        (iptables(DOCKER_AND_KUBERNETES + "-A INPUT -p tcp -m tcp --dport 25 -j DROP\n", chains=KUBE_CHAINS), ["iptables"]),
        # A rule of ours is nobody's filter.
        (iptables('-A INPUT -p tcp -m tcp --dport 25 -m comment --comment "netports:x" -j DROP\n'), []),
        (nftables("filter", "drop"), ["nftables"]),
        (nftables("filter", "accept", INVALID, {"drop": None}), []),
        (nftables("filter", "accept", BAN, {"drop": None}), []),
        (nftables("kube-proxy", "drop"), []),
        (nftables("firewalld", "accept"), ["firewalld"]),
        (joined(nftables("firewalld", "drop"), iptables(DIRECT, chains="INPUT_direct")), ["firewalld"]),
        (joined(nftables("firewalld", "drop"), iptables("", policy="DROP")), ["firewalld", "iptables"]),
        (joined(nftables("filter", "drop"), iptables("", policy="DROP", legacy=True)), ["nftables", "iptables"]),
    ],
)
def test_who_is_in_charge_by_the_rules(machine: pathlib.Path, ruleset: Ruleset, found: list[str]) -> None:
    assert registry.in_charge(ruleset, Effects(check_mode=True)) == found


def test_who_is_in_charge_by_the_files(machine: pathlib.Path) -> None:
    effects = Effects(check_mode=True)
    ufw = iptables("-A INPUT -j ufw-before-input\n", policy="DROP", chains="ufw-before-input")
    other_family = iptables("-A INPUT -i lo -j ACCEPT\n", policy="DROP", family="ip6")
    (machine / "ufw.conf").write_text("# ENABLED=yes\nENABLED=no\n")
    assert registry.in_charge(EMPTY, effects) == []
    (machine / "ufw.conf").write_text("LOGLEVEL=low\nENABLED=yes\n")
    assert registry.in_charge(EMPTY, effects) == ["ufw"]
    # With IPV6=no in its defaults, ufw shuts out all of IPv6 without a chain of its own.
    assert registry.in_charge(joined(ufw, other_family), effects) == ["ufw"]
    # It is on by its file, and another program's rules are what is loaded.
    assert registry.in_charge(other_family, effects) == ["ufw", "iptables"]
    (machine / "ufw.conf").unlink()
    (machine / "policy.conf").write_text("include /etc/cumulus/acl/policy.d/*.rules\n")
    assert registry.in_charge(other_family, effects) == ["cumulus_acl"]
    assert registry.in_charge(nftables("filter", "drop"), effects) == ["cumulus_acl", "nftables"]


class Nft(Effects):
    """A host with nft alone; `asked` are the commands that were run."""

    def __init__(self, listed: dict[str, Any]) -> None:
        super().__init__(check_mode=True)
        self._listed = listed
        self.asked: list[tuple[str, ...]] = []

    def query(self, argv: Sequence[str], text: str = "") -> Answer:
        self.asked.append(tuple(argv))
        return Answer(0, json.dumps(self._listed), "")


def test_what_tells_who_is_in_charge_is_what_the_plan_is_made_on(machine: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry._run, "find_program", lambda name: "/sbin/nft" if name == "nft" else None)
    monkeypatch.setattr(registry._run, "read_text", lambda path: None)
    effects = Nft({"nftables": nft_items("filter", "drop")})
    backend = registry.choose(registry.AUTO, effects)
    plan = backend.plan(Request("web", (Rule("web", "tcp", ((80, 80),), "both"),), exclusive=False, persist=False))
    assert (backend.name, plan.changed, plan.enforcing) == ("nftables", True, True)
    assert effects.asked == [("/sbin/nft", "-j", "list", "ruleset")]
