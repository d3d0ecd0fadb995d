# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that the filters make, read by the tools that they are for. tests/unit has what goes into them."""

from __future__ import annotations

import importlib
import json
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.fixtures import HostPair
from tests.lab.machine import Machine, Machines
from tests.lab.programs import await_port, free_port, program
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import Host, Lab, Target

WEB = {"name": "web", "protocol": "tcp", "port": 8080, "clients": ["app"]}
DATA = {"name": "data", "protocol": "tcp", "port": "30001-30003"}
DNS = {"name": "dns", "protocol": "udp", "port": 5353, "family": "both"}
OLD = {"name": "old", "protocol": "tcp", "port": 8082, "family": "ipv4"}
ADMIN = {"name": "admin", "protocol": "tcp", "port": 8081, "bind": "loopback"}
IPIP = {"name": "tunnel", "protocol": "ip", "number": 4}
LISTENERS = [WEB, DATA, DNS, OLD, ADMIN]

ROOT = Path(__file__).resolve().parents[2]
PLAY, SCRAPE = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "exports.md").read_text(), re.MULTILINE | re.DOTALL)


def export(name: str, *arguments: Any, **options: Any) -> Any:
    module = importlib.import_module("ansible_collections.netports.core.plugins.filter." + name)
    return module.FilterModule().filters()[name](*arguments, **options)


# ---------------------------------------------------------------------------------------------------------------------
# nftables


@pytest.mark.slow
def test_rules_with_the_sets_admit_what_the_listeners_need(lab_host_pair: HostPair) -> None:
    host, peer = lab_host_pair
    RoleHost(host, LISTENERS).start()
    assert peer.ipv4 is not None and peer.ipv6 is not None and host.ipv4 is not None and host.ipv6 is not None
    clients = {"app": [peer.ipv4, "fd99::/64"]}
    text = export("to_nftables_sets", [*LISTENERS, IPIP], prefix="shop", clients=clients)
    host.write("/etc/nftables.d/shop.nft", text)
    for _twice in range(2):
        host.run(["nft", "-f", "/etc/nftables.d/shop.nft"])
    for rule in re.findall(r"^#   (.*)$", text, re.MULTILINE):
        host.run(["nft", "add rule inet filter input " + rule])
    keys = [(str(item["name"]), family) for item in LISTENERS for family in ("ipv4", "ipv6")]
    ports = {str(item["name"]): (str(item["protocol"]), int(str(item["port"]).split("-", maxsplit=1)[0])) for item in LISTENERS}
    addresses = {"ipv4": host.ipv4, "ipv6": host.ipv6}
    asked = [Target(ports[name][0], addresses[family], ports[name][1]) for name, family in keys]
    opened = {key for key, state in zip(keys, peer.probe(asked, 0.5)) if state == "open"}
    assert opened == {("web", "ipv4"), ("data", "ipv4"), ("data", "ipv6"), ("dns", "ipv4"), ("dns", "ipv6"), ("old", "ipv4")}
    # The spec changes, the rules stay.
    host.write("/etc/nftables.d/shop.nft", export("to_nftables_sets", [DNS], prefix="shop"))
    host.run(["nft", "-f", "/etc/nftables.d/shop.nft"])
    assert peer.connect(host.ipv4, 5353, "udp", 0.5) == "open"
    assert peer.connect(host.ipv4, 8080, seconds=0.3) == "filtered"


def test_nft_takes_every_kind_of_element(lab: Lab) -> None:
    host = lab.host("host")
    wide = {"name": "wide", "protocol": "tcp", "port": "5000-6000", "clients": ["app"]}
    narrow = {**WEB, "port": 5500, "clients": ["operator"]}
    tunnel = {**IPIP, "clients": ["app"]}
    clients = {"app": ["192.0.2.0/24", "2001:db8::/64"], "operator": ["192.0.2.7", "203.0.113.0/25", "any"]}
    host.write("/etc/sets.nft", export("to_nftables_sets", [wide, narrow, tunnel, OLD, DNS], table="own", clients=clients))
    host.run(["nft", "--check", "--file", "/etc/sets.nft"])
    host.run(["nft", "--file", "/etc/sets.nft"])
    shown = host.run(["nft", "list", "set", "inet", "own", "netports_ip4"]).stdout
    assert re.search(r"192\.0\.2\.0/24 \. (ipip|ipencap|4)\b", shown), shown


# ---------------------------------------------------------------------------------------------------------------------
# goss: what it would say of each command, by its rules for output (https://goss.rocks, "patterns")


def goss(host: Host, listeners: list[dict[str, Any]]) -> set[str]:
    """The names of the commands that fail."""
    failed = set()
    for name, test in yaml.safe_load(yaml.safe_dump(export("to_goss", listeners)))["command"].items():
        done = host.run(["sh", "-c", test["exec"]], check=False)
        lines = done.stdout.splitlines()
        for pattern in test["stdout"]:
            negated = pattern.startswith("!")
            expression = pattern.removeprefix("!")
            assert expression[0] == expression[-1] == "/"
            if any(re.search(expression[1:-1], line) for line in lines) == negated:
                failed.add(name)
        if done.returncode != test["exit-status"] or done.stderr:
            failed.add(name)
    return failed


@pytest.mark.parametrize("stack", ["dual", "ipv4"])
def test_goss_is_content_with_what_listens(lab: Lab, stack: str) -> None:
    host = lab.host("host")
    own = {"name": "own", "protocol": "tcp", "port": 8083, "bind": host.ipv6}
    covered = {**own, "name": "covered", "port": 8084, "bind": host.ipv4}
    RoleHost(host, [*LISTENERS, own, {**covered, "bind": "any", "family": "ipv4"}], stack).start()
    assert goss(host, [*LISTENERS, own, covered]) == set()


# What is served, what is asked for, and the command that has to fail.
WRONG = [
    ({"port": 1}, WEB, "web"),
    ({"bind": "loopback"}, WEB, "web"),
    ({"protocol": "udp"}, WEB, "web"),
    ({"family": "ipv4"}, DNS, "dns"),
    ({"family": "ipv6"}, DNS, "dns"),
    ({"family": "ipv6"}, OLD, "old"),
    ({"bind": "any"}, ADMIN, "admin loopback alone"),
    ({"bind": "loopback"}, {**WEB, "bind": "192.0.2.1"}, "web"),
    ({}, {**WEB, "device": "mgmt"}, "web"),
]


def test_goss_finds_what_is_wrong(lab: Lab) -> None:
    host = lab.host("host")
    cases = [
        (
            {**asked, "bind": "any", "device": None, "name": "served-%d" % port, "port": port, **served},
            {**asked, "port": port},
            failed,
        )
        for port, (served, asked, failed) in enumerate(WRONG, 9000)
    ]
    RoleHost(host, [served for served, _asked, _failed in cases]).start()
    for served, asked, failed in cases:
        name, _blank, more = failed.partition(" ")
        expected = " ".join(filter(None, ("%s %s/%s" % (name, asked["port"], asked["protocol"]), more)))
        assert expected in goss(host, [asked]), (served, asked)


# ---------------------------------------------------------------------------------------------------------------------
# firewalld and ufw, in a machine that has both


@pytest.fixture(scope="module")
def machine(machines: Machines) -> Machine:
    return machines.renewed("exports")


@pytest.mark.slow
@pytest.mark.machines
def test_firewalld_reads_the_service(machine: Machine) -> None:
    service = export("to_firewalld_service", [*LISTENERS, IPIP], short="Shop & Co", description="<all of it>")
    machine.write("/root/shop.xml", service)
    machine.run(["firewall-offline-cmd", "--new-service-from-file=/root/shop.xml", "--name=shop"])
    asked = {option: machine.run(["firewall-offline-cmd", "--service=shop", option]).stdout.split("\n")[0]
             for option in ("--get-ports", "--get-protocols", "--get-short", "--get-description")}  # fmt: skip
    assert set(asked.pop("--get-ports").split()) == {"8080/tcp", "30001-30003/tcp", "5353/udp", "8082/tcp"}
    assert asked == {"--get-protocols": "4", "--get-short": "Shop & Co", "--get-description": "<all of it>"}
    machine.run(["firewall-offline-cmd", "--zone=public", "--add-service=shop"])
    machine.run(["firewall-offline-cmd", "--check-config"])


@pytest.mark.slow
@pytest.mark.machines
def test_ufw_reads_the_profile(machine: Machine) -> None:
    machine.write("/etc/ufw/applications.d/shop", export("to_ufw_profile", LISTENERS, "shop", title="Shop & Co"))
    told = machine.run(["ufw", "app", "info", "shop"]).stdout
    assert "Title: Shop & Co" in told
    assert told.partition("Ports:")[2].split() == ["8080/tcp", "30001:30003/tcp", "5353/udp", "8082/tcp"]
    rules = machine.run(["ufw", "--dry-run", "allow", "shop"]).stdout
    admitted = re.findall(r"^-A ufw6?-user-input -p (\w+) .*--dports? ([\d:]+) ", rules, re.MULTILINE)
    assert set(admitted) == {("tcp", "8080"), ("tcp", "30001:30003"), ("udp", "5353"), ("tcp", "8082")}


# ---------------------------------------------------------------------------------------------------------------------
# Kubernetes, by its OpenAPI schemas


@pytest.mark.slow
@pytest.mark.anywhere
@pytest.mark.parametrize("version", ["1.25", "1.34"])
def test_a_network_policy_is_of_the_schema(version: str) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate; tools/setup molecule")
    clients = {"app": ["192.0.2.0/24", "2001:db8::/64"]}
    selector = {"matchLabels": {"app": "shop"}}
    policy = export("to_network_policy", LISTENERS, "shop", namespace="shop", pod_selector=selector, clients=clients)
    policy = yaml.safe_load(yaml.safe_dump(policy))
    kubernetes_validate.validate(policy, version, strict=True)
    policy["spec"]["ingress"][0]["ports"][0]["ports"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(policy, version, strict=True)


# ---------------------------------------------------------------------------------------------------------------------
# Prometheus and its blackbox exporter


@pytest.mark.slow
@pytest.mark.anywhere
def test_prometheus_finds_the_targets_and_blackbox_asks_them(tmp_path: Path) -> None:
    promtool, blackbox = program("promtool"), program("prometheus-blackbox-exporter")
    port = free_port()
    served = socket.create_server(("127.0.0.1", 0))
    listeners = [{**WEB, "port": served.getsockname()[1]}, {**WEB, "name": "gone", "port": free_port()}, DNS, ADMIN]
    targets = export("to_blackbox_targets", listeners, ["127.0.0.1"], labels={"role": "shop"})
    (tmp_path / "kuma-targets.yml").write_text(yaml.safe_dump(targets))
    (tmp_path / "prometheus.yml").write_text(SCRAPE)
    (tmp_path / "blackbox.yml").write_text("modules: {tcp_connect: {prober: tcp, timeout: 2s}}\n")
    subprocess.run([promtool, "check", "config", "prometheus.yml"], cwd=tmp_path, check=True, capture_output=True)
    command = [promtool, "check", "service-discovery", "prometheus.yml", "ports", "--timeout=1s"]
    found = json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout)
    asked = {one["labels"]["listener"]: one["labels"]["__param_target"] for one in found}
    assert asked == {name: "127.0.0.1:%d" % listener["port"] for name, listener in zip(("web", "gone"), listeners)}
    command = [blackbox, "--config.file=blackbox.yml", "--web.listen-address=127.0.0.1:%d" % port]
    with served, subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as exporter:
        try:
            await_port(port)
            answers = {}
            for name, target in asked.items():
                url = "http://127.0.0.1:%d/probe?module=tcp_connect&target=%s" % (port, target)
                with urllib.request.urlopen(url, timeout=10) as answer:
                    answers[name] = re.search(r"^probe_success (\d)", answer.read().decode(), re.MULTILINE)[1]
        finally:
            exporter.terminate()
    assert answers == {"web": "1", "gone": "0"}


# ---------------------------------------------------------------------------------------------------------------------
# The play of the documentation


@pytest.mark.slow
@pytest.mark.anywhere
def test_the_play_of_the_documentation_writes_every_format(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "-c", "local", "play.yml", "-e", "ansible_python_interpreter=" + sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING]: netports" not in done.stdout + done.stderr
    written = {path.name: path.read_text() for path in (tmp_path / "exports").iterdir()}
    assert all("5678" in text for text in written.values())
    exports = {path.stem for path in (ROOT / "plugins" / "filter").glob("to_*.py")} - {"to_metrics"}
    assert exports == set(re.findall(r"netports\.core\.(to_\w+)", PLAY))
    group = json.loads(written["kuma.tf.json"])["resource"]["aws_vpc_security_group_ingress_rule"]
    assert "0.0.0.0/0" not in {rule.get("cidr_ipv4") for rule in group.values()}
