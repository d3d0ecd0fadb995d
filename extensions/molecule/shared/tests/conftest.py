# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of the scenario for the verifier: what the inventory says, and eyes that are not this collection's own.

The verifier asks the kernel through `ss` and `nft`, and other hosts through real connections. Molecule runs it with the
scenario's directory as working directory.
"""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest
import testinfra
import yaml

REACH = (pathlib.Path(__file__).parent / "reach.py").read_text()


class Fleet:
    """The hosts of the scenario. `judged` are those that have a role, and so expectations."""

    def __init__(self) -> None:
        inventory = yaml.safe_load(pathlib.Path("inventory.yml").read_text())["all"]
        self.names = list(inventory["hosts"])
        self.vars: dict[str, dict[str, Any]] = {}
        self.roles: dict[str, list[str]] = {}
        for role, group in inventory["children"].items():
            for name, own in group["hosts"].items():
                self.vars.setdefault(name, {}).update({**group.get("vars", {}), **(own or {})})
                self.roles.setdefault(name, []).append(role)
        self.names += [name for name in self.roles if name not in self.names]
        self.judged = list(self.roles)

    def connect(self, name: str) -> Any:
        config = pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ssh_config"
        return testinfra.get_host("ssh://" + name, ssh_config=str(config))

    def addresses(self, name: str) -> dict[str, str]:
        # The same rule as in shared/inventory.yml, where Ansible has the hosts in the same order.
        number = self.names.index(name) + 2
        return {"ipv4": f"10.77.0.{number}", "ipv6": f"fd77::{number}"}

    def reached(self, source: str, target: str, listeners: list[dict[str, Any]]) -> dict[str, str]:
        """What `source` finds when it connects to each listener of `target` in each family: `ipv4 tcp 22` to its state."""
        asked = {
            f"{family} {listener['protocol']} {listener['port']}": {
                "address": address,
                "protocol": listener["protocol"],
                "port": listener["port"],
            }
            for family, address in self.addresses(target).items()
            for listener in listeners
        }
        command = "python3 -c %s <<'EOF'\n" + json.dumps(list(asked.values())) + "\nEOF"
        run = self.connect(source).run(command, REACH)
        assert run.rc == 0, run.stderr
        return dict(zip(asked, json.loads(run.stdout), strict=True))


FLEET = Fleet()


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    return FLEET


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "judged" in metafunc.fixturenames:
        metafunc.parametrize("judged", FLEET.judged)
