# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read on hosts with real firewalls, by which commands, and who is found to be in charge."""

from __future__ import annotations

import json
import shutil
from typing import Any, Dict, List, Sequence, Tuple

import pytest

from tests.integration import _module
from tests.lab import firewall
from tests.lab.sandbox import Host, Lab

# Run on the host: only there are its files. `only`: the programs that it has; all when there are none.
_LOOK = """
import json, os, sys
from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import admitted, model, observed, registry
from ansible_collections.netports.core.plugins.module_utils._listener import parse_listeners

only, found = json.loads(sys.argv[1]), {"commands": []}
if only:
    os.makedirs("/run/lab/bin", exist_ok=True)
    for name in os.listdir("/run/lab/bin"):
        os.unlink("/run/lab/bin/" + name)
    for name in only:
        os.symlink(_run.find_program(name), "/run/lab/bin/" + name)
    _run.SEARCH_PATH = "/run/lab/bin"

class Effects(_run.Effects):
    def query(self, argv, text=""):
        found["commands"].append(" ".join([os.path.basename(argv[0]), *argv[1:]]))
        return super().query(argv, text)

try:
    ruleset = observed.read(Effects(check_mode=True))
except model.FirewallError as error:
    found["error"] = str(error)
else:
    found["in_charge"] = registry.in_charge(ruleset, _run.Effects(check_mode=True))
    found["flavours"] = sorted(observed.flavours(ruleset))
    found["labels"] = sorted({rule.label for rule in ruleset.marked()})
    found["lines"] = sorted(rule.line for rules in ruleset.rules.values() for rule in rules if rule.line)
listeners = parse_listeners([{"name": str(port), "protocol": "tcp", "port": port} for port in (22, 25, 8080)])
found["admitted"] = {name: [one.state, one.reason] for name, one in admitted.admissions(listeners).items()}
print(json.dumps(found))
"""


def look(host: Host, *only: str) -> Dict[str, Any]:
    done = host.run([host.python, "-c", _LOOK, json.dumps(only)], env=_module.environment())
    found: Dict[str, Any] = json.loads(done.stdout)
    return found


def states(found: Dict[str, Any]) -> Dict[str, str]:
    return {name: state for name, (state, _reason) in found["admitted"].items()}


@pytest.fixture
def host(lab: Lab) -> Host:
    return lab.host("host")


def restore(host: Host, flavour: str, *rules: str, policy: str = "ACCEPT", families: Sequence[str] = ("ip", "ip6")) -> None:
    if flavour == "legacy" and host.run(["iptables-legacy", "-S"], check=False).returncode:
        pytest.skip("this kernel has no tables of the old iptables")
    lines = ["*filter", ":INPUT %s [0:0]" % policy, *("-A INPUT " + rule for rule in rules), "COMMIT"]
    for family in families:
        host.run(["%stables-%s-restore" % (family, flavour)], input="".join(line + "\n" for line in lines))


RULES = (
    "-p tcp -m tcp --dport 22 -j ACCEPT",
    '-p tcp -m multiport --dports 8080 -m comment --comment "netports:web" -j ACCEPT',
)


def test_plain_nftables_costs_one_command(lab: Lab) -> None:
    host = lab.host("host")
    firewall.install(host)
    found = look(host)
    assert found["commands"] == ["nft -j list ruleset"]
    assert found["in_charge"] == ["nftables"] and found["lines"] == []
    assert states(found) == {"22": "admitted", "25": "dropped", "8080": "dropped"}


def test_rules_of_the_new_iptables_are_read_whole(host: Host) -> None:
    restore(host, "nft", *RULES, policy="DROP")
    found = look(host)
    assert found["commands"] == ["nft -j list ruleset", "iptables-nft-save", "ip6tables-nft-save"]
    assert (found["in_charge"], found["flavours"], found["labels"]) == (["iptables"], ["nft"], ["web"])
    assert "-A INPUT " + RULES[1] in found["lines"]
    assert states(found) == {"22": "admitted", "25": "dropped", "8080": "admitted"}


@pytest.mark.parametrize("only", [("iptables-save", "ip6tables-save", "ip"), ("iptables-nft-save", "ip6tables-nft-save")])
def test_a_host_without_nft(host: Host, only: Sequence[str]) -> None:
    """Where iptables-save is of the new flavour, it does instead."""
    restore(host, "nft", *RULES, policy="DROP")
    found = look(host, *only)
    assert (found["in_charge"], found["flavours"], found["labels"]) == (["iptables"], ["nft"], ["web"])
    assert states(found) == {"22": "admitted", "25": "dropped", "8080": "admitted"}


def test_a_host_without_nft_has_tables_that_iptables_does_not_show(host: Host) -> None:
    only = ("iptables-nft-save", "ip6tables-nft-save")
    restore(host, "nft", *RULES)
    assert set(states(look(host, *only)).values()) == {"unfiltered"}
    host.run(["nft", "-f", "-"], input="table inet other {\n}\n")
    found = look(host, *only)
    assert set(states(found).values()) == {"unknown"} and found["in_charge"] == []
    assert "nft is not installed" in found["admitted"]["22"][1] and "inet other" in found["admitted"]["22"][1]
    chains = "".join("table %s filter { chain x { type filter hook input priority 1; }; }\n" % family for family in ("ip", "ip6"))
    host.run(["nft", "-f", "-"], input="delete table inet other\n" + chains)
    assert "chain ip filter input" in look(host, *only)["admitted"]["22"][1]


def test_rules_of_nft_in_tables_of_iptables(host: Host) -> None:
    """iptables-save prints them as far as it understands them, and does not say so."""
    restore(host, "nft", *RULES, policy="ACCEPT")
    for family in ("ip", "ip6"):
        host.run(["nft", "add rule %s filter INPUT tcp dport vmap { 25 : drop }" % family])
    found = look(host)
    assert "-A INPUT -p tcp" not in found["lines"] and len(found["lines"]) == 4
    assert states(found) == {"22": "admitted", "25": "dropped", "8080": "admitted"}


def test_a_host_without_iptables(host: Host) -> None:
    """nft does not show what the extensions ask, and there is nothing else to ask."""
    restore(host, "nft", *RULES, policy="DROP")
    found = look(host, "nft")
    assert found["in_charge"] == ["iptables"]
    assert states(found) == {"22": "admitted", "25": "unknown", "8080": "unknown"}


def test_a_host_with_neither(host: Host) -> None:
    found = look(host, "ip")
    assert "neither the command nft (package nftables) nor iptables-save (package iptables) is installed" in found["error"]
    assert set(states(found).values()) == {"unknown"}


def test_rules_of_the_old_iptables(host: Host) -> None:
    restore(host, "legacy", *RULES, policy="DROP")
    found = look(host)
    assert found["commands"][:3] == ["nft -j list ruleset", "iptables-legacy-save", "ip6tables-legacy-save"]
    assert (found["in_charge"], found["flavours"], found["labels"]) == (["iptables"], ["legacy"], ["web"])
    assert states(found) == {"22": "admitted", "25": "dropped", "8080": "admitted"}
    assert "ip filter INPUT of iptables-legacy" in found["admitted"]["25"][1]


def test_rules_of_the_old_iptables_that_nobody_can_list(host: Host) -> None:
    restore(host, "legacy", *RULES, policy="DROP")
    firewall.install(host)
    found = look(host, "nft", "ip")
    assert found["in_charge"] == ["nftables"]
    assert states(found) == {"22": "unknown", "25": "dropped", "8080": "dropped"}
    assert "iptables-legacy-save is not installed" in found["admitted"]["22"][1]


def test_both_flavours(host: Host) -> None:
    restore(host, "legacy", *RULES, "-p tcp -m tcp --dport 22 -j ACCEPT", policy="DROP")
    restore(host, "nft", "-p tcp -m tcp --dport 8080 -j REJECT", families=("ip",))
    found = look(host)
    assert (found["in_charge"], found["flavours"]) == (["iptables"], ["legacy", "nft"])
    assert states(found) == {"22": "admitted", "25": "dropped", "8080": "admitted"}, "IPv6 admits 8080"


def test_sets_are_read_where_a_rule_names_one(host: Host) -> None:
    host.run(["ipset", "restore"], input="create open bitmap:port range 0-9000\nadd open 8080\n")
    restore(host, "nft", "-p tcp -m set --match-set open dst -j ACCEPT", policy="DROP")
    found = look(host)
    assert found["commands"][-1] == "ipset save"
    assert states(found) == {"22": "dropped", "25": "dropped", "8080": "admitted"}
    assert states(look(host, "nft", "iptables-nft-save", "ip6tables-nft-save"))["8080"] == "unknown"


UFW_FILES = ("before.rules", "before6.rules", "after.rules", "after6.rules", "user.rules", "user6.rules")
UFW_DEFAULTS = """IPV6=%s
DEFAULT_INPUT_POLICY="DROP"
DEFAULT_OUTPUT_POLICY="ACCEPT"
DEFAULT_FORWARD_POLICY="DROP"
DEFAULT_APPLICATION_POLICY="SKIP"
MANAGE_BUILTINS=no
IPT_SYSCTL=
"""


@pytest.mark.skipif(shutil.which("ufw", path="/usr/sbin") is None, reason="needs ufw")
@pytest.mark.parametrize("ipv6", ["yes", "no"])
def test_ufw(host: Host, ipv6: str) -> None:
    host.run(["mkdir", "-p", "/etc/ufw/applications.d"])
    host.run(["cp", "-r", *("/usr/share/ufw/iptables/" + name for name in UFW_FILES), "/etc/ufw/"])
    host.write("/etc/ufw/ufw.conf", "ENABLED=no\nLOGLEVEL=low\n")
    host.write("/etc/default/ufw", UFW_DEFAULTS % ipv6)
    assert look(host)["in_charge"] == []
    host.run(["ufw", "limit", "22/tcp"])
    host.run(["ufw", "allow", "proto", "tcp", "from", "198.51.100.0/24", "to", "any", "port", "25"])
    host.run(["ufw", "--force", "enable"])
    found = look(host)
    assert (found["in_charge"], found["flavours"]) == (["ufw"], ["nft"])
    assert states(found) == {"22": "admitted", "25": "admitted", "8080": "dropped"}
    assert "not from every source" in found["admitted"]["25"][1]
    host.run(["ufw", "disable"])
    assert look(host)["in_charge"] == []


DOCKER = """*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
"""
KUMA = """*nat
:PREROUTING ACCEPT [0:0]
:KUMA_MESH_INBOUND - [0:0]
:KUMA_MESH_INBOUND_REDIRECT - [0:0]
-A PREROUTING -p tcp -j KUMA_MESH_INBOUND
-A KUMA_MESH_INBOUND -p tcp -m tcp --dport 22 -j RETURN
-A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT
-A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006
COMMIT
"""


@pytest.mark.parametrize("flavour", ["nft", "legacy"])
def test_packets_that_pass_by_the_input_rules(host: Host, flavour: str) -> None:
    restore(host, flavour, "-p tcp -m tcp --dport 25 -j ACCEPT", policy="DROP")
    host.run(["iptables-%s-restore" % flavour, "--noflush"], input=DOCKER)
    listener = [{"name": "web", "protocol": "tcp", "port": 8080, "family": "ipv4"}]
    listener += [{"name": "mail", "protocol": "tcp", "port": 25, "family": "ipv4"}]
    options = {"listeners": listener, "backend": "iptables", "persist": False}
    notes = _module.run(host, "port_allow", options, check=True)["notes"]
    assert [note for note in notes if "tcp 8080 is published by Docker, and what comes there passes by the input rules" in note]
    found = look(host)["admitted"]
    assert (found["22"][0], found["25"][0], found["8080"][0]) == ("dropped", "admitted", "unknown")
    assert "published by Docker" in found["8080"][1]
    host.run(["iptables-%s-restore" % flavour], input=KUMA)
    notes = _module.run(host, "port_allow", options, check=True)["notes"]
    expected = "tcp 25, 8080 goes to a transparent proxy (Kuma, Istio): the input rules of the host see port 15006 instead"
    assert [note for note in notes if expected in note]


@pytest.mark.parametrize("flavour", ["nft", "legacy"])
def test_what_a_transparent_proxy_takes_is_judged_by_its_port(host: Host, flavour: str) -> None:
    rule = "-p tcp -m tcp --dport %d -j ACCEPT"
    for port, state in ((8080, "dropped"), (15006, "admitted")):
        for program in ("iptables", "ip6tables"):
            host.run(["%s-%s-restore" % (program, flavour)], input=KUMA)
        restore(host, flavour, rule % port, policy="DROP")
        found = look(host)["admitted"]
        assert found["8080"][0] == found["25"][0] == state
        assert found["22"][0] == "dropped"
        assert found["8080"][1].count("see port 15006 instead") == 1, "once for both families"


@pytest.mark.parametrize("flavour", ["nft", "legacy"])
def test_the_port_of_a_transparent_proxy_lets_in_all_that_it_takes(host: Host, flavour: str) -> None:
    restore(host, flavour, "-p tcp -m tcp --dport 25 -j ACCEPT", policy="DROP")
    listener = {"name": "tproxy", "protocol": "tcp", "port": 15006, "family": "ipv4"}
    options = {"listeners": [listener], "backend": "iptables", "persist": False}
    taken = {
        "tcp 1-21, 23-15005, 15007-65535": KUMA,
        "tcp 8080": KUMA.replace("--dport 22 -j RETURN", "! --dport 8080 -j RETURN"),
    }
    for ports, rules in taken.items():
        host.run(["iptables-%s-restore" % flavour], input=rules)
        expected = "%s comes in at port 15006: whoever is admitted there is admitted to all of it" % ports
        assert _module.run(host, "port_allow", options, check=True)["notes"] == [expected]


@pytest.mark.parametrize("flavour", ["nft", "legacy"])
def test_a_redirect_is_looked_for_in_the_rules_and_not_among_the_sockets(host: Host, flavour: str) -> None:
    service = {"name": "service", "protocol": "tcp", "port": 8080, "seen_as": "redirect", "allow": False}
    options = {"listeners": [dict(service, family="both"), dict(service, name="ssh", port=22)], "check_firewall": True}

    def verdicts() -> List[Tuple[str, str]]:
        found = _module.run(host, "port_verify_firewall", options, check=True)["listeners"]
        return [(one["verdict"], one["reason"]) for one in found]

    neither = ("absent", "ipv4: no rule redirects it; ipv6: no rule redirects it")
    assert verdicts() == [neither, neither]
    host.run(["iptables-%s-restore" % flavour], input=KUMA)
    # ssh is what these rules leave alone.
    assert verdicts() == [("absent", "ipv6: no rule redirects it"), neither]
    host.run(["ip6tables-%s-restore" % flavour], input=KUMA)
    assert verdicts()[0] == ("ok", "ipv4: redirected to port 15006; ipv6: redirected to port 15006")


KUBERNETES = """*filter
:INPUT ACCEPT [0:0]
:KUBE-FIREWALL - [0:0]
-A INPUT -j KUBE-FIREWALL
-A KUBE-FIREWALL -m comment --comment "kubernetes firewall for dropping marked packets" -m mark --mark 0x8000/0x8000 -j DROP
COMMIT
"""


@pytest.mark.parametrize("flavour", ["nft", "legacy"])
def test_containers_alone_are_nobody_in_charge(host: Host, flavour: str) -> None:
    restore(host, flavour)
    host.run(["iptables-%s-restore" % flavour], input=KUBERNETES)
    before = host.run(["iptables-%s-save" % flavour]).stdout.splitlines()[1:-1]
    options = {"listeners": [{"name": "web", "protocol": "tcp", "port": 8080}], "label": "web"}
    for state in ("present", "absent"):
        result = _module.run(host, "port_allow", dict(options, state=state))
        assert not result["changed"] and not result["enforcing"]
        assert bool([w for w in result["warnings"] if "nothing on this host filters" in w]) == (state == "present")
    assert host.run(["iptables-%s-save" % flavour]).stdout.splitlines()[1:-1] == before


def test_rules_of_ours_go_where_nobody_is_in_charge_any_more(host: Host) -> None:
    restore(host, "nft", *RULES)
    result = _module.run(host, "port_allow", {"listeners": [], "label": "web", "state": "absent", "persist": False})
    assert (result["changed"], result["backend"]) == (True, "iptables")
    assert look(host)["labels"] == []


# As Docker and kube-proxy write them where they use nftables.
PUBLISHED = """
table ip docker-bridges {
 chain nat-prerouting {
  type nat hook prerouting priority dstnat;
  fib daddr type local jump nat-published
 }
 chain nat-published { iifname != "docker0" tcp dport 8080 counter dnat to 172.17.0.2:80
 }
}
table ip kube-proxy {
 chain endpoint-A { meta l4proto tcp dnat to 10.1.1.1:80
 }
 chain service-A { numgen random mod 2 vmap { 0 : goto endpoint-A, 1 : goto endpoint-A }
 }
 map nodeports { type inet_proto . inet_service : verdict; elements = { tcp . 31980 : goto service-A }
 }
 chain nat-prerouting {
  type nat hook prerouting priority dstnat;
  fib daddr type local meta l4proto . th dport vmap @nodeports
 }
}
"""


def test_ports_that_are_published_by_nftables(host: Host) -> None:
    firewall.install(host)
    host.run(["nft", "-f", "-"], input=PUBLISHED)
    listeners = [{"name": str(port), "protocol": "tcp", "port": port} for port in (25, 8080, 31980)]
    result = _module.run(host, "port_allow", {"listeners": listeners}, check=True)
    assert result["backend"] == "nftables"
    passes_by = ", and what comes there passes by the input rules of the host, which neither admit nor refuse it"
    assert result["notes"] == [
        "tcp 8080 is published by Docker" + passes_by,
        "tcp 31980 is served by kube-proxy as a NodePort" + passes_by,
    ]
