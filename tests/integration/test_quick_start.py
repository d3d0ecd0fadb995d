# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventories of docs/quick-start.md, through its commands, on a host with systemd for every host that they name."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any, Dict, Iterator, List, Mapping

import pytest
import yaml

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load
from tests.lab import firewall
from tests.lab.machine import ROOT, Machine, Machines
from tests.lab.role_host import RoleHost

DOCS = ROOT / "docs"
EXAMPLES = [DOCS / name for name in re.findall(r"<!-- (examples/\S+) -->", (DOCS / "quick-start.md").read_text())]
SSH = 22

Variables = Dict[str, Any]


def described(path: pathlib.Path) -> Dict[str, Dict[str, Variables]]:
    """Role, host, and the variables of the host, from an inventory with one level of groups."""
    everything = yaml.safe_load(path.read_text())["all"]
    return {
        role: {
            host: {**everything.get("vars", {}), **group.get("vars", {}), **(own or {})} for host, own in group["hosts"].items()
        }
        for role, group in everything["children"].items()
    }


class Fleet:
    """The hosts of an inventory, each behind a firewall that drops all but ssh, and Ansible beside them."""

    def __init__(self, machines: Machines, inventory: pathlib.Path, tmp_path: pathlib.Path) -> None:
        self.inventory, self.tmp_path = inventory, tmp_path
        self.roles = described(inventory)
        names = [host for hosts in self.roles.values() for host in hosts]
        self.machines = {name: machines.renewed("quick-%d" % number) for number, name in enumerate(names)}
        self.peer = machines.renewed("quick-peer")
        for machine in self.machines.values():
            firewall.install(machine)
        self.overrides = tmp_path / "overrides.yml"
        self.overrides.write_text(
            json.dumps({"all": {"hosts": {name: self._way_to(one) for name, one in self.machines.items()}}})
        )

    @staticmethod
    def _way_to(machine: Machine) -> Variables:
        """How Ansible reaches the host here, and its address on this network."""
        return {
            "ansible_connection": "machine",
            "ansible_machine_pid": machine.pid,
            "ansible_python_interpreter": machine.python,
            "ansible_become": False,
            "ansible_host": machine.ipv4,
            "netports_addresses": machine.addresses,
        }

    def listeners(self, role: str, host: str) -> List[Dict[str, Any]]:
        """What the host of the role serves, but for ssh, which it has, and what need not be there."""
        variables = json.loads(json.dumps(self.roles[role][host]).replace("{{ ansible_host }}", self.machines[host].ipv4 or ""))
        said = {key: variables.get("%s_%s" % (role, key)) for key in ("version", "conditions", "product_config")}
        found = _resolve.resolve(_spec_load.load(role=role), role, **said).listeners
        return [one for one in found if not one["optional"] and one["port"] != SSH]

    def serve(self) -> None:
        for role, hosts in self.roles.items():
            for host in hosts:
                RoleHost(self.machines[host], self.listeners(role, host)).start()

    def run(self, playbook: str, *options: str) -> Mapping[str, Any]:
        """The report of a playbook that has to succeed."""
        report = self.tmp_path / "report.json"
        argv = [sys.executable, "-m", "ansible", "playbook", "netports.core." + playbook]
        argv += ["-i", str(self.inventory), "-i", str(self.overrides), "-e", "netports_report=%s" % report, *options]
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
            "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests" / "lab" / "connection"),
            "ANSIBLE_HOME": str(self.tmp_path / "home"),
        }
        done = subprocess.run(argv, env=environment, cwd=self.tmp_path, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        found: Mapping[str, Any] = json.loads(report.read_text())
        return found

    def rules(self) -> Dict[str, str]:
        return {name: firewall.ruleset(machine) for name, machine in self.machines.items()}


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def fleet(request: pytest.FixtureRequest, machines: Machines, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    yield Fleet(machines, request.param, tmp_path)


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.timeout(600)
def test_the_four_commands(fleet: Fleet) -> None:
    before = fleet.rules()
    ready = fleet.run("preflight")
    assert {host["state"] for host in ready["hosts"]} == {"ok"}
    assert fleet.rules() == before

    fleet.serve()
    fleet.run("site", "--check", "--diff")
    assert fleet.rules() == before
    done = fleet.run("site")
    assert {host["host"] for host in done["hosts"]} == set(fleet.machines)
    after = fleet.rules()
    opened = {name for name in after if after[name] != before[name]}
    asked = {
        host["host"] for host in done["hosts"] for role in host["roles"] if role["allow"] is not None and role["allow"]["changed"]
    }
    assert opened == asked != set()

    verified = fleet.run("verify")
    assert fleet.rules() == after
    assert verified["summary"]["failed"] == 0
    assert verified["summary"]["verdicts"]["ok"] > 0
