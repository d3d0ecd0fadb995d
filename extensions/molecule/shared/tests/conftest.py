# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of the scenario for the verifier: what the inventory says, and eyes that are not this collection's own.

The verifier asks the kernel through `ss` and `nft`, and other hosts through real connections.
"""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest
import testinfra

REACH = (pathlib.Path(__file__).parent / "reach.py").read_text()


# What prints the rules in the kernel or of the daemon in charge, by firewall.
RULES = {
    "nftables": "nft --stateless list ruleset",
    "firewalld": "firewall-cmd --list-all-zones && firewall-cmd --permanent --list-all-zones",
    "ufw": "ufw status verbose && iptables-save && ip6tables-save",
    "iptables": "iptables-save && ip6tables-save",
}
SHARED = pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])


class Fleet:
    """The hosts of the scenario, as prepare.yml wrote them down. `judged` are those that have a role, and so expectations."""

    def __init__(self) -> None:
        self.hosts = json.loads((SHARED / "hosts.json").read_text())
        self.judged = [name for name, host in self.hosts.items() if host["roles"]]

    def connect(self, name: str) -> Any:
        return testinfra.get_host("ssh://" + name, ssh_config=str(SHARED / "ssh_config"))

    def rules(self, name: str) -> str:
        """All firewall rules of the host, as its own tools print them."""
        return self.connect(name).check_output(RULES[self.hosts[name]["firewall"]])

    def reached(self, source: str, target: str, listeners: list[dict[str, Any]]) -> dict[str, str]:
        """What `source` finds when it connects to each listener of `target`: `ipv4 tcp 22` to its state.

        In both families, unless the listener has one.
        """
        asked = {
            f"{family} {listener['protocol']} {listener['port']}": {
                "address": address,
                "protocol": listener["protocol"],
                "port": listener["port"],
            }
            for family, address in self.hosts[target]["addresses"].items()
            for listener in listeners
            if listener.get("family", family) == family
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
