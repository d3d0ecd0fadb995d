# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ansible-playbook netports.core.reach` over several hosts of a lab, from one that is none of them."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from tests.lab import ansible_runs as ansible
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import FAMILIES, HERE, Host, Lab

SPECS = "/run/lab/specs"
REPORT = "/run/lab/report.json"


def listener(name: str, roles: Iterable[str], port: Any, clients: Iterable[str], **keys: Any) -> Dict[str, Any]:
    """One of a spec file; TCP unless `keys` say more."""
    given = {"name": name, "roles": list(roles), "protocol": "tcp", "port": port, "clients": list(clients)}
    return {**given, "purpose": name, "source": "docs", **keys}


def spec(roles: Iterable[str], listeners: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """A product called `lab`, as a spec file has it."""
    return {
        "product": "lab",
        "title": "Lab",
        "releases": ["1.0"],
        "sources": {"docs": {"title": "Documentation of the lab", "ref": "https://example.com"}},
        "roles": {role: {"title": role, "description": "%s of the lab." % role} for role in roles},
        "listeners": list(listeners),
    }


def number(host: Host) -> int:
    """The process of the host, as it is numbered within the lab."""
    status = pathlib.Path("/proc/%d/status" % host.pid).read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("NSpid:"))
    return int(line.split()[-1])


class Mesh:
    """A controller and hosts of a lab. Their addresses are in the inventory, and `roles` are groups of it."""

    def __init__(self, lab: Lab, product: Mapping[str, Any]) -> None:
        self._lab = lab
        self._product = product
        self._controller = lab.host("controller")
        self._controller.write(SPECS + "/lab.yml", json.dumps(product))
        self._hosts: Dict[str, Dict[str, Any]] = {}
        self._groups: Dict[str, List[str]] = {}
        self.servers: Dict[str, RoleHost] = {}

    def host(self, name: str, *groups: str, families: Sequence[str] = FAMILIES, **variables: Any) -> Host:
        """A host that is up, with these groups."""
        made = self._lab.host(name, families)
        self.declare(name, *groups, ansible_machine_pid=number(made), **{"netports_addresses": made.addresses, **variables})
        return made

    def declare(self, name: str, *groups: str, **variables: Any) -> None:
        """A host of the inventory alone."""
        self._hosts[name] = variables
        for group in groups:
            self._groups.setdefault(group, []).append(name)

    def serve(self, host: Host, *names: str, **keys: Any) -> None:
        """Processes for these listeners of the product, with other `keys`."""
        given = [one for one in self._product["listeners"] if one["name"] in names]
        plain = [{key: value for key, value in one.items() if key not in ("roles", "clients")} for one in given]
        self.servers[host.name] = RoleHost(host, [{"allow": True, **one, **keys} for one in plain])
        self.servers[host.name].start()

    def run(self, *options: str, variables: Optional[Mapping[str, Any]] = None, playbook: str = "reach") -> ansible.Run:
        """The playbook with these options, and a report for `report`."""
        self._controller.path(REPORT).unlink(missing_ok=True)
        common = {
            "ansible_connection": "machine",
            "ansible_machine_environment": self._controller.environment(),
            "ansible_python_interpreter": self._controller.python,
            "netports_spec_dirs": SPECS,
            "netports_reach_timeout": 0.5,
        }
        children = {name: {"hosts": dict.fromkeys(members)} for name, members in self._groups.items()}
        data = {"all": {"hosts": self._hosts, "children": children, "vars": {**common, **(variables or {})}}}
        return ansible.inventory_playbook(
            self._controller,
            playbook,
            data,
            "--extra-vars",
            json.dumps({"netports_report": REPORT}),
            *options,
            environment={"ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection"), "ANSIBLE_FORKS": "10"},
        )

    def report(self) -> Dict[str, Any]:
        data: Dict[str, Any] = json.loads(self._controller.path(REPORT).read_text())
        return data


def edges(report: Mapping[str, Any]) -> Dict[Tuple[str, str, str, str], Tuple[str, str]]:
    """State and cause by source, target, listener and family."""
    found = report["reach"]["edges"]
    return {(one["from"], one["to"], one["listener"], one["family"]): (one["state"], one["cause"]) for one in found}


def states(report: Mapping[str, Any]) -> Dict[str, str]:
    return {host["host"]: host["state"] for host in report["hosts"]}


def left_out(report: Mapping[str, Any]) -> Dict[str, List[str]]:
    """Examples of what was not probed by reason."""
    return {one["reason"]: one["examples"] for one in report["reach"]["not_probed"]}
