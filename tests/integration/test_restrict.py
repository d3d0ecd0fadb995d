# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`restrict: inventory` and names in `clients`: the real ansible-playbook, real inventories, packets of clients and strangers."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Mapping, Set, Tuple

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load
from tests.lab import ansible_runs as ansible
from tests.lab import firewall
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import FAMILIES, Host, Lab

ROLE = "kuma_zone_cp"
XDS, INTER_CP = 5678, 5683
INVENTORY = "/run/lab/inventory.yml"
# Nobody is of these kinds; the last one is named as groups like it.
NOBODY: Dict[str, Dict[str, Any]] = {
    name: {} for name in ("kuma_zone_ingress", "kuma_zone_egress", "operator", "prometheus", "kubelet", "load_balancer")
}
RESTRICTED = {"restrict": "inventory", "verify": False}
VERIFIED = {"restrict": "inventory", "check_firewall": True, "timeout": 0}

Groups = Mapping[str, Mapping[str, Mapping[str, Any]]]


def inventory(host: Host, groups: Groups) -> Tuple[str, ...]:
    """Options for an inventory of `groups` (group to hosts to variables), of which `host` alone is worked on."""
    children = {name: {"hosts": {one: dict(variables) for one, variables in hosts.items()}} for name, hosts in groups.items()}
    host.write(INVENTORY, json.dumps({"all": {"children": children}}))
    return "--inventory", INVENTORY, "--limit", host.name


def at(host: Host) -> Dict[str, Any]:
    return {"netports_addresses": host.addresses}


def connects(client: Host, host: Host, port: int) -> Dict[str, str]:
    """What the client finds, by family. Nothing listens there, so that a port that is admitted is `refused`."""
    families = {"ipv4": host.ipv4, "ipv6": host.ipv6}
    return {family: client.connect(address, port, seconds=0.4) for family, address in families.items() if address}


def allow(**arguments: Any) -> Dict[str, Any]:
    return {"name": "Allow", "netports.core.port_allow": arguments, "ignore_errors": True}


def messages(run: ansible.Run) -> List[str]:
    return [str(event.result.get("msg")) for event in run.events if event.action == "port_allow" and event.outcome == "failed"]


def warnings(run: ansible.Run) -> str:
    return "\n".join(run.result("port_allow").get("warnings", ()))


@pytest.mark.parametrize(
    "families",
    [
        pytest.param(("ipv4",), id="ipv4 only", marks=pytest.mark.slow),
        pytest.param(("ipv6",), id="ipv6 only", marks=pytest.mark.slow),
        pytest.param(FAMILIES, id="both"),
    ],
)
def test_clients_of_the_inventory_connect_and_strangers_do_not(lab: Lab, families: Tuple[str, ...]) -> None:
    host, client, stranger = lab.host("host", families), lab.host("dp1", families), lab.host("stranger", families)
    firewall.install(host)
    run = ansible.role(
        host, ROLE, RESTRICTED, *inventory(host, {**NOBODY, ROLE: {"host": at(host)}, "kuma_dp": {"dp1": at(client)}})
    )
    assert run.code == 0, run.output
    assert run.result("port_allow")["changed"]
    assert connects(client, host, XDS) == dict.fromkeys(families, "refused")
    assert connects(stranger, host, XDS) == dict.fromkeys(families, "filtered")
    # Control planes talk to each other there, and to themselves; data planes are nobody's control plane.
    assert connects(client, host, INTER_CP) == dict.fromkeys(families, "filtered")
    assert connects(host, host, INTER_CP) == dict.fromkeys(families, "refused")
    missing = [family for family in FAMILIES if family not in families]
    assert all("over %s nobody is admitted" % family.replace("ip", "IP") in warnings(run) for family in missing)


@pytest.mark.slow
def test_a_second_run_changes_nothing_and_who_leaves_the_inventory_is_shut_out(lab: Lab) -> None:
    host, first, second = lab.host("host"), lab.host("dp1"), lab.host("dp2", ("ipv6",))
    firewall.install(host)
    # By names, of both families and of one, which the controller resolves; in the inventory's own name at the end.
    host.write(
        "/etc/hosts", "".join("%s %s.example\n" % (address, one.name) for one in (first, second) for address in one.addresses)
    )
    both = {"dp1": {"ansible_host": "dp1.example"}, "dp2.example": {}}
    groups = {**NOBODY, ROLE: {"host": at(host)}, "kuma_dp": both}
    foreseen = ansible.role(host, ROLE, RESTRICTED, *inventory(host, groups), "--check", "--diff")
    done = ansible.role(host, ROLE, RESTRICTED, *inventory(host, groups), "--diff")
    assert done.code == 0, done.output
    assert foreseen.result("port_allow")["diff"] == done.result("port_allow")["diff"]
    assert set(connects(first, host, XDS).values()) == {"refused"}
    assert second.connect(host.ipv6 or "", XDS) == "refused"

    again = ansible.role(host, ROLE, RESTRICTED, *inventory(host, groups))
    assert not again.result("port_allow")["changed"]

    left = ansible.role(host, ROLE, RESTRICTED, *inventory(host, {**groups, "kuma_dp": {"dp2.example": {}}}))
    assert left.result("port_allow")["changed"]
    assert set(connects(first, host, XDS).values()) == {"filtered"}
    assert second.connect(host.ipv6 or "", XDS) == "refused"


@pytest.mark.slow
def test_what_is_not_known_is_said_at_once_and_nothing_is_changed(lab: Lab) -> None:
    host = lab.host("host")
    firewall.install(host)
    before = firewall.ruleset(host)
    listener = {"name": "web", "protocol": "tcp", "port": 80}
    groups = {
        "strangers": {"nowhere.invalid": {}, "dp1": {"ansible_connection": "local"}},
        "written": {"dp2": {"ansible_host": "192.0.2.1:22"}, "dp3": {"netports_addresses": "{{ [nothing] }}"}},
    }
    tasks = [
        allow(role=ROLE, restrict="inventory", clients={"operator": [], "prometheus": "any"}),
        allow(listeners=[{**listener, "clients": ["strangers", "written"]}], restrict="inventory"),
        allow(listeners=[listener], restrict="inventory"),
        allow(listeners=[{**listener, "clients": ["x"]}], clients={"x": ["192.0.2.1", "nowhere.invalid"]}),
        allow(role=ROLE, restrict="sometimes"),
    ]
    said = messages(ansible.playbook(host, tasks, None, *inventory(host, groups)))
    assert len(said) == len(tasks)
    assert firewall.ruleset(host) == before
    unknown, hosts, silent, name, choice = said
    for word in ("kuma_dp (of ", "kuma_zone_cp (of ", "load-balancer (of ", "clients: {", "Make groups"):
        assert word in unknown
    assert "operator" not in unknown and "prometheus" not in unknown
    assert "dp1 (its connection is local)" in hosts
    assert "dp2 (ansible_host: '192.0.2.1:22' has a port; leave it out)" in hosts
    assert "dp3 (netports_addresses: " in hosts and "nothing" in hosts
    assert "nowhere.invalid ('nowhere.invalid' cannot be resolved on the controller: " in hosts
    assert "Set netports_addresses" in hosts and "clients: {strangers: [...], written: [...]}" in hosts
    assert silent.startswith("restrict: these listeners do not say who their clients are: web;")
    assert name.startswith("clients.x[1]: 'nowhere.invalid' cannot be resolved on the controller: ")
    assert "inventory" in choice and "sometimes" in choice


@pytest.mark.slow
def test_addresses_from_templates_and_facts_and_a_way_back_without_any(lab: Lab) -> None:
    host, client = lab.host("host"), lab.host("dp1")
    firewall.install(host)
    before = firewall.ruleset(host)
    listener = {"name": "web", "protocol": "tcp", "port": 80, "clients": ["others", "own"]}
    others = {"dp1": {"netports_addresses": ["{{ four }}", "{{ six }}"], "four": client.ipv4, "six": client.ipv6}}
    groups: Groups = {"others": others, "own": {"host": {"ansible_connection": "local"}}}
    options = inventory(host, groups)
    tasks = [
        allow(listeners=[listener], restrict="inventory"),
        {"name": "Facts", "ansible.builtin.setup": {"gather_subset": ["!all", "network"]}},
        allow(listeners=[listener], restrict="inventory"),
    ]
    run = ansible.playbook(host, tasks, None, *options)
    assert [message.split(":")[0] for message in messages(run)] == ["restrict"]
    assert {rule["family"] for rule in run.events[-1].result["rules"]} == set(FAMILIES)
    assert connects(client, host, 80) == connects(host, host, 80) == {"ipv4": "refused", "ipv6": "refused"}

    gone = ansible.playbook(host, [allow(listeners=[listener], restrict="inventory", state="absent")], None, *options)
    assert gone.code == 0, gone.output
    assert firewall.ruleset(host) == before


def verdicts(run: ansible.Run) -> Dict[str, str]:
    return {one["name"]: one["verdict"] for one in run.result("port_verify")["listeners"]}


def reasons(run: ansible.Run) -> Dict[str, str]:
    return {one["name"]: one["reason"] for one in run.result("port_verify")["listeners"]}


def of_client(client: str) -> Set[str]:
    """The listeners of the role that the client has to reach."""
    listeners = _resolve.resolve(_spec_load.load(role=ROLE), ROLE).listeners
    return {one["name"] for one in listeners if one["allow"] and client in one["clients"]}


@pytest.fixture
def served(lab: Lab) -> Host:
    """A host with the listeners of the role, which its firewall drops."""
    host = lab.host("host")
    firewall.install(host)
    RoleHost(host, _resolve.resolve(_spec_load.load(role=ROLE), ROLE).listeners).start()
    return host


@pytest.mark.slow
def test_a_role_verifies_that_its_clients_are_admitted_and_nobody_else_has_to_be(lab: Lab, served: Host) -> None:
    """Some listeners are closed on purpose; one client has an address of one family; then an operator drops a network."""
    first, second = lab.host("dp1"), lab.host("dp2")
    clients = {"dp1": {"netports_addresses": [first.ipv4]}, "dp2": {"netports_addresses": [second.ipv4]}}
    options = inventory(served, {**NOBODY, ROLE: {"host": {"netports_addresses": [served.ipv4]}}, "kuma_dp": clients})
    run = ansible.role(served, ROLE, VERIFIED, *options)
    assert run.code == 0, run.output
    assert set(verdicts(run).values()) == {"ok"}
    assert connects(first, served, XDS) == {"ipv4": "open", "ipv6": "filtered"}
    assert "ipv6: nobody has to be admitted" in reasons(run)["dp-server"]
    assert any(
        reason.endswith("nobody has to be admitted, since its clients have no address") for reason in reasons(run).values()
    )

    served.run(["nft", "insert", "rule", "inet", "filter", "input", "ip", "saddr", second.ipv4 or "", "drop"])
    run = ansible.role(served, ROLE, VERIFIED, *options)
    assert run.code == 2
    assert (first.connect(served.ipv4 or "", XDS), second.connect(served.ipv4 or "", XDS)) == ("open", "filtered")
    assert verdicts(run)["dp-server"] == "shut"
    said = r"ipv4: rule with handle \d+ of chain inet filter input drops new connections from %s" % second.ipv4
    assert re.fullmatch(said, reasons(run)["dp-server"])
    assert "dp-server" in run.result("port_verify")["msg"]
    # The control plane's own port has other clients.
    assert {name for name, verdict in verdicts(run).items() if verdict != "ok"} == of_client("kuma_dp")


@pytest.mark.slow
def test_port_verify_takes_clients_only_where_it_asks_the_firewall(lab: Lab) -> None:
    host, client, stranger = lab.host("host"), lab.host("dp1"), lab.host("stranger")
    firewall.install(host)
    web = {"name": "web", "protocol": "tcp", "port": 80, "clients": ["x"]}
    RoleHost(host, [{**web, "process": ["web"]}]).start()
    host.write("/etc/hosts", "%s dp1.example\n" % client.ipv4)

    def verify(**arguments: Any) -> Dict[str, Any]:
        return {"name": "Verify", "netports.core.port_verify": {"listeners": [web], **arguments}, "ignore_errors": True}

    asked = {"check_firewall": True}
    tasks = [
        {"name": "Allow", "netports.core.port_allow": {"listeners": [web], "clients": {"x": ["dp1.example"]}}},
        verify(clients={"x": ["dp1.example"]}, **asked),
        verify(clients={"x": ["dp1.example", stranger.ipv4]}, **asked),
        verify(clients={"x": ["nowhere.invalid"]}, **asked),
        verify(clients={"x": ["nowhere.invalid"]}, restrict="inventory"),
        verify(restrict="inventory", **asked),
        verify(restrict="inventory", gather="raw", check_process=False),
    ]
    run = ansible.playbook(host, tasks, None, *inventory(host, {"all": {"host": at(host)}}))
    results = [event.result for event in run.events if event.action == "port_verify"]
    judged = [one["listeners"][0]["verdict"] if "listeners" in one else one["msg"] for one in results]
    assert judged[:2] == ["ok", "shut"]
    assert "drops new connections from %s" % stranger.ipv4 in results[1]["msg"]
    assert judged[2].startswith("clients.x[0]: 'nowhere.invalid' cannot be resolved on the controller: ")
    assert judged[3] == "ok"
    assert judged[4].startswith("restrict: neither the inventory nor clients says who these clients are: x (of web).")
    assert judged[5] in ("ok", "unverifiable")
