# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exports to other tools: what goes in, what is refused, and text of others in the files. tests/integration has the tools."""

from __future__ import annotations

import csv
import importlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load

API = {"name": "api", "protocol": "tcp", "port": 5681, "clients": ["app", "operator"], "purpose": "API | <b>fast</b> & ${small}"}
DNS = {"name": "dns", "protocol": "udp", "port": 53, "family": "ipv4"}
DATA = {"name": "data", "protocol": "tcp", "port": "30001-30100"}
ADMIN = {"name": "admin", "protocol": "tcp", "port": 9901, "bind": "loopback"}
IPIP = {"name": "tunnel", "protocol": "ip", "number": 4}
NODE = {"name": "node", "protocol": "tcp", "port": 32000, "seen_as": "nodeport"}
MOVING = {"name": "moving", "protocol": "tcp", "port": "dynamic"}
LISTENERS = [API, DNS, DATA, ADMIN]
CLIENTS = {"app": ["192.0.2.0/24", "2001:db8::/64"], "operator": ["192.0.2.128/25", "198.51.100.1"]}

ROOT = Path(__file__).resolve().parents[4]
EXPORTS = sorted(path.stem for path in (ROOT / "plugins" / "filter").glob("to_*.py") if path.stem != "to_metrics")
ARGUMENTS: dict[str, list[Any]] = {
    "to_firewalld_service": ["web"],
    "to_ufw_profile": ["web"],
    "to_network_policy": ["web"],
    "to_aws_security_group": ["web"],
    "to_blackbox_targets": [["web.example.com"]],
}
WITH_CLIENTS = ["to_aws_security_group", "to_network_policy", "to_nftables_sets"]
FOR_FIREWALLS = ["to_firewalld_service", "to_ufw_profile", *WITH_CLIENTS]


def export(name: str) -> Callable[..., Any]:
    module = importlib.import_module("ansible_collections.netports.core.plugins.filter." + name)
    found: Callable[..., Any] = module.FilterModule().filters()[name]
    return found


def exported(name: str, listeners: Any, **options: Any) -> Any:
    return export(name)(listeners, *ARGUMENTS.get(name, []), **options)


def text_of(name: str, listeners: Any, **options: Any) -> str:
    found = exported(name, listeners, **options)
    return found if isinstance(found, str) else json.dumps(found)


# ---------------------------------------------------------------------------------------------------------------------
# What all of them share


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize(
    ("listeners", "message"),
    [
        ({}, "wants a list of listeners, not dict"),
        ([API, {**DNS, "port": 0}], r"\[1\].port: 0 is not a port"),
    ],
)
def test_what_is_no_listener_is_refused_with_its_place(name: str, listeners: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match="netports.core.%s: %s" % (name, message)):
        exported(name, listeners)


@pytest.mark.parametrize("name", FOR_FIREWALLS)
def test_all_ports_that_have_to_be_admitted_and_no_other(name: str) -> None:
    text = text_of(name, LISTENERS)
    numbers = set(re.findall(r"\b\d+\b", text))
    assert {"5681", "53", "30001", "30100"} <= numbers
    assert "9901" not in numbers


@pytest.mark.parametrize("name", FOR_FIREWALLS)
def test_a_port_without_a_number_is_refused(name: str) -> None:
    with pytest.raises(
        AnsibleFilterError, match=r"moving: its port is known only when .*rejectattr\('name', 'in', \['moving'\]\)"
    ):
        exported(name, [*LISTENERS, MOVING])
    assert text_of(name, [*LISTENERS, {**MOVING, "allow": False}]) == text_of(name, LISTENERS)


@pytest.mark.parametrize("name", ["to_ufw_profile", "to_network_policy"])
def test_an_ip_protocol_is_refused_where_there_are_ports_alone(name: str) -> None:
    with pytest.raises(AnsibleFilterError, match="tunnel: a .* knows no IP protocols"):
        exported(name, [*LISTENERS, IPIP])


@pytest.mark.parametrize("name", WITH_CLIENTS)
def test_clients_without_addresses_are_warned_of(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, message, *_args, **_kwargs: said.append(message))
    assert "192.0.2" not in text_of(name, LISTENERS, clients={"app": ["192.0.2.0/24"]})
    assert said == ["netports.core.%s: api is open to every address: `clients` has no addresses for operator" % name]


@pytest.mark.parametrize("name", WITH_CLIENTS)
def test_addresses_of_clients_are_networks_that_do_not_overlap(name: str) -> None:
    text = text_of(name, LISTENERS, clients=CLIENTS)
    assert set(re.findall(r"[0-9a-f.:]+/[0-9]+", text)) - {"0.0.0.0/0", "::/0"} == {
        "192.0.2.0/24",
        "198.51.100.1/32",
        "2001:db8::/64",
    }


@pytest.mark.parametrize("name", WITH_CLIENTS)
def test_wrong_clients_are_refused(name: str) -> None:
    with pytest.raises(AnsibleFilterError, match=r"clients.app\[0\]: '10.0.0.1/8' has bits"):
        exported(name, LISTENERS, clients={"app": ["10.0.0.1/8"]})
    with pytest.raises(AnsibleFilterError, match="clients: 'app' is not a mapping"):
        exported(name, LISTENERS, clients="app")


@pytest.mark.parametrize("name", EXPORTS)
def test_every_role_of_the_spec_can_be_exported_or_is_refused_with_a_cure(name: str) -> None:
    spec = _spec_load.load([])
    for role in spec.homes:
        listeners = _resolve.resolve(spec, role).listeners
        for _attempt in range(3):  # it says one reason at a time
            try:
                exported(name, listeners)
                break
            except AnsibleFilterError as error:
                cure = re.search(r"rejectattr\('name', 'in', (\[.*\])\)", str(error))
                assert cure is not None, error
                left = json.loads(cure[1].replace("'", '"'))
                listeners = [listener for listener in listeners if listener["name"] not in left]
        else:
            pytest.fail("%s: %s refuses it without end" % (role, name))


# ---------------------------------------------------------------------------------------------------------------------
# Each of them


def test_firewalld_service() -> None:
    listeners = [*LISTENERS, IPIP, {**API, "name": "again"}]
    root = ElementTree.fromstring(export("to_firewalld_service")(listeners, "<web>", description="a < b & c"))
    assert root.findtext("short") == "<web>"
    assert root.findtext("description") == "a < b & c"
    ports = [(port.get("port"), port.get("protocol")) for port in root.iter("port")]
    assert ports == [("5681", "tcp"), ("53", "udp"), ("30001-30100", "tcp")]
    assert [protocol.get("value") for protocol in root.iter("protocol")] == ["4"]


def test_ufw_profile() -> None:
    assert exported("to_ufw_profile", LISTENERS) == ("[web]\ntitle=web\ndescription=web\nports=5681/tcp|53/udp|30001:30100/tcp\n")
    assert "title=a b\n" in exported("to_ufw_profile", LISTENERS, title="a\nb")


@pytest.mark.parametrize(
    ("listeners", "name", "message"),
    [
        (LISTENERS, "22", "name: '22' is not a name of a profile"),
        (LISTENERS, "all", "name: 'all' is not a name of a profile"),
        (LISTENERS, "web]", "is not a name of a profile"),
        ([ADMIN], "web", "ufw takes no profile without ports"),
        ([{**API, "name": "p%d" % port, "port": port} for port in range(1000, 1200)], "web", "ports: has 1799 characters"),
    ],
)
def test_what_ufw_would_pass_over_is_refused(listeners: Any, name: str, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        export("to_ufw_profile")(listeners, name)


def test_nftables_sets() -> None:
    text = exported("to_nftables_sets", [*LISTENERS, IPIP], prefix="web", clients=CLIENTS)
    elements = dict(re.findall(r"add element inet filter web_(\w+) \{ (.*) \}", text))
    assert elements == {
        "tcp": "30001-30100",
        "tcp4": "192.0.2.0/24 . 5681, 198.51.100.1/32 . 5681",
        "tcp6": "2001:db8::/64 . 5681",
        "udp4": "0.0.0.0/0 . 53",
        "ip": "4",
    }
    assert len(re.findall(r"^add set .*; flags interval; }$", text, re.MULTILINE)) == 9
    with pytest.raises(AnsibleFilterError, match="prefix: '1' is not an identifier"):
        exported("to_nftables_sets", LISTENERS, prefix="1")


def test_nftables_sets_join_what_overlaps() -> None:
    wide = {"name": "wide", "protocol": "tcp", "port": "5000-6000", "clients": ["app"]}
    narrow = {"name": "narrow", "protocol": "tcp", "port": 5500, "clients": ["operator"]}
    everybody = {"name": "everybody", "protocol": "tcp", "port": 5600, "family": "ipv4"}
    text = exported("to_nftables_sets", [wide, narrow, everybody], clients={**CLIENTS, "operator": ["192.0.2.7", "203.0.113.9"]})
    assert dict(re.findall(r"netports_(tcp[46]) \{ ([^t].*) \}", text)) == {
        "tcp4": "192.0.2.0/24 . 5000-5499, 192.0.2.0/24 . 5500, 203.0.113.9/32 . 5500, 192.0.2.0/24 . 5501-5599, "
        "0.0.0.0/0 . 5600, 192.0.2.0/24 . 5601-6000",
        "tcp6": "2001:db8::/64 . 5000-6000",
    }


def test_network_policy() -> None:
    pods = {"matchLabels": {"app": "web"}}
    listeners = [*LISTENERS, {**DATA, "name": "again"}]
    policy = exported("to_network_policy", listeners, namespace="shop", pod_selector=pods, clients=CLIENTS)
    assert policy["metadata"] == {"name": "web", "namespace": "shop"}
    assert policy["spec"]["podSelector"] == pods
    networks = ["192.0.2.0/24", "198.51.100.1/32", "2001:db8::/64"]
    assert policy["spec"]["ingress"] == [
        {"from": [{"ipBlock": {"cidr": cidr}} for cidr in networks], "ports": [{"protocol": "TCP", "port": 5681}]},
        {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"protocol": "UDP", "port": 53}]},
        {"ports": [{"protocol": "TCP", "port": 30001, "endPort": 30100}]},
    ]


def test_network_policy_admits_nobody_where_nobody_is_to_be_admitted() -> None:
    assert exported("to_network_policy", [API], clients={"app": [], "operator": []})["spec"]["ingress"] == []


@pytest.mark.parametrize(
    ("listeners", "options", "message"),
    [
        ([NODE], {}, "node: a NetworkPolicy is about ports of pods"),
        (LISTENERS, {"namespace": "A"}, "namespace: 'A' is not"),
        (LISTENERS, {"pod_selector": "app=web"}, "pod_selector: 'app=web' is not a label selector"),
    ],
)
def test_what_a_network_policy_cannot_say(listeners: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        exported("to_network_policy", listeners, **options)


def test_aws_security_group() -> None:
    listeners = [*LISTENERS, IPIP, {"name": "ping", "protocol": "ip", "number": 1, "family": "ipv4"}]
    resources = exported("to_aws_security_group", listeners, vpc_id="${var.vpc}", clients=CLIENTS)["resource"]
    assert resources["aws_security_group"] == {"web": {"name": "web", "description": "Ports of web", "vpc_id": "${var.vpc}"}}
    rules = resources["aws_vpc_security_group_ingress_rule"]
    assert {rule["security_group_id"] for rule in rules.values()} == {"${aws_security_group.web.id}"}
    found = {
        (rule["ip_protocol"], rule.get("from_port"), rule.get("to_port"), rule.get("cidr_ipv4") or rule.get("cidr_ipv6"))
        for rule in rules.values()
    }
    assert found == {
        *(("tcp", 5681, 5681, cidr) for cidr in ("192.0.2.0/24", "198.51.100.1/32", "2001:db8::/64")),
        ("udp", 53, 53, "0.0.0.0/0"),
        *(("tcp", 30001, 30100, cidr) for cidr in ("0.0.0.0/0", "::/0")),
        *(("4", None, None, cidr) for cidr in ("0.0.0.0/0", "::/0")),
        ("icmp", -1, -1, "0.0.0.0/0"),
    }
    assert len(rules) == len(found)
    # What Terraform takes for keys, and AWS for descriptions; no template of Terraform's begins there.
    assert all(re.fullmatch(r"[A-Za-z_][\w-]*", key) for key in rules)
    assert rules["web_tcp-5681-192_0_2_0-24"]["description"] == "api: API _ _b_fast_/b_ & __small_"


def test_aws_refuses_two_rules_of_one_port_and_network_so_there_is_one() -> None:
    rules = exported("to_aws_security_group", [API, {**API, "name": "gui"}])["resource"]["aws_vpc_security_group_ingress_rule"]
    assert [rule["description"].split(":")[0] for rule in rules.values()] == ["api", "api"]
    assert all("; gui: " in rule["description"] for rule in rules.values())
    many = [{**API, "name": "name-%d" % number} for number in range(100)]
    rules = exported("to_aws_security_group", many)["resource"]["aws_vpc_security_group_ingress_rule"]
    assert {len(rule["description"]) for rule in rules.values()} == {255}


def test_aws_lets_out_what_it_let_out_unless_told_otherwise() -> None:
    assert len(exported("to_aws_security_group", LISTENERS)["resource"]["aws_vpc_security_group_egress_rule"]) == 2
    assert set(exported("to_aws_security_group", [ADMIN], egress=False)["resource"]) == {"aws_security_group"}


def test_goss_leaves_out_what_has_no_socket_or_may_be_absent() -> None:
    listeners = [*LISTENERS, IPIP, NODE, {**MOVING, "optional": True}]
    assert set(exported("to_goss", listeners)["command"]) == {
        "api 5681/tcp",
        "dns 53/udp",
        "data 30001-30100/tcp",
        "admin 9901/tcp",
        "admin 9901/tcp loopback alone",
    }
    with pytest.raises(AnsibleFilterError, match="moving: its port is known only"):
        exported("to_goss", [MOVING])
    with pytest.raises(AnsibleFilterError, match="api 5681/tcp is there twice"):
        exported("to_goss", [API, API])


def test_blackbox_targets() -> None:
    inner = {**API, "name": "inner", "bind": "127.0.0.53"}
    listeners = [*LISTENERS, IPIP, NODE, MOVING, inner, {**API, "name": "spare", "optional": True}]
    targets = export("to_blackbox_targets")(listeners, ["web.example.com", "2001:db8::1"], labels={"role": "web", "rack": 3})
    assert targets == [
        {
            "targets": ["web.example.com:%d" % port, "[2001:db8::1]:%d" % port],
            "labels": {"role": "web", "rack": "3", "listener": name},
        }
        for name, port in (("api", 5681), ("node", 32000))
    ]
    with pytest.raises(AnsibleFilterError, match=r"hosts: \[\] is not a list of names"):
        export("to_blackbox_targets")(listeners, [])
    with pytest.raises(AnsibleFilterError, match="labels: 'a-b' is not a name of a label"):
        export("to_blackbox_targets")(listeners, "web", labels={"a-b": "c"})


def test_csv() -> None:
    formula = {**API, "name": "formula", "purpose": '=HYPERLINK("http://a", "b")'}
    rows = list(csv.DictReader(io.StringIO(exported("to_csv", [*LISTENERS, IPIP, formula]))))
    assert [row["port"] for row in rows] == ["5681", "53", "30001-30100", "9901", "4", "5681"]
    assert rows[0]["purpose"] == API["purpose"]
    assert rows[0]["clients"] == "app, operator"
    assert rows[-1]["purpose"] == "'" + formula["purpose"]
    assert exported("to_csv", [DNS, ADMIN], columns=["name", "allow", "process"]) == "name,allow,process\ndns,yes,\nadmin,no,\n"


def test_markdown_has_the_cells_as_text() -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="needs markdown-it-py, which test.txt has")
    columns = ["name", "bind", "purpose"]
    tokens = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).parse(exported("to_markdown", [API, ADMIN], columns=columns))
    cells = [
        "".join(child.content for child in token.children or [])
        for before, token in zip(tokens, tokens[1:])
        if before.type in ("th_open", "td_open")
    ]
    assert cells == ["Name", "Bind", "Purpose", "api", "any", API["purpose"], "admin", "loopback", ""]
    assert not [token for token in tokens if token.type.startswith("html")]


@pytest.mark.parametrize("name", ["to_csv", "to_markdown"])
def test_columns_are_keys_of_listeners(name: str) -> None:
    for columns, message in (
        ([], r"columns: \[\] is not a list of keys"),
        (["name", "x"], "columns: 'x' is not a key of a listener; known"),
    ):
        with pytest.raises(AnsibleFilterError, match=message):
            exported(name, LISTENERS, columns=columns)


def test_names_that_aws_keeps_to_itself() -> None:
    with pytest.raises(AnsibleFilterError, match="name: 'sg-web' is not a name of a Terraform resource"):
        export("to_aws_security_group")(LISTENERS, "sg-web")
