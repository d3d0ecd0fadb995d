# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of the scenario for the verifier: what the inventory says, and eyes that are not this collection's own.

The verifier asks the kernel through `ss` and `nft`, and other hosts through real connections.
"""

from __future__ import annotations

import concurrent.futures
import functools
import json
import os
import pathlib
import re
import threading
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
    "cumulus_acl": "/usr/cumulus/bin/cl-acltool -L all",
}
# Keys of a listener that say how to ask it: reach.py.
MANNER = ("question", "from_port")
# Of so many datagrams to a listener that is silent, all must be counted, or few: the host may receive others.
BURST = 100
SSH = {"protocol": "tcp", "port": 22}
SHARED = pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])


def _arrived(received: int) -> str:
    assert received < BURST / 2 or received >= BURST, f"{received} of {BURST} datagrams tell nothing"
    return "open" if received >= BURST else "filtered"


class Fleet:
    """The hosts of the scenario, as prepare.yml wrote them down. `judged` are those that have a role, and so expectations."""

    def __init__(self) -> None:
        self.hosts = json.loads((SHARED / "hosts.json").read_text())
        self.judged = [name for name, host in self.hosts.items() if host["roles"]]
        self._counting = threading.Lock()

    def connect(self, name: str) -> Any:
        return testinfra.get_host("ssh://" + name, ssh_config=str(SHARED / "ssh_config"))

    def rules(self, name: str) -> str:
        """All firewall rules of the host, as its own tools print them."""
        return self.connect(name).check_output(RULES[self.hosts[name]["firewall"]])

    def reached(self, source: str, targets: dict[str, list[dict[str, Any]]]) -> dict[tuple[str, str], str]:
        """What `source` finds when it connects to each listener of `targets`: ("leaf", "ipv4 tcp 22") to its state.

        In both families, unless the listener has one. To a listener that is `silent`, one at a time: it is open when the
        target's kernel has handed all datagrams to a process.
        """
        asked = {
            (target, f"{family} {listener['protocol']} {listener['port']}"): {
                "address": address,
                "protocol": listener["protocol"],
                "port": listener["port"],
                **{key: listener[key] for key in MANNER if key in listener},
                **({"burst": BURST} if listener.get("silent") else {}),
            }
            for target, listeners in targets.items()
            for family, address in self.hosts[target]["addresses"].items()
            for listener in listeners
            if listener.get("family", family) == family
        }
        silent = {where: one for where, one in asked.items() if "burst" in one}
        answering = {where: one for where, one in asked.items() if where not in silent}
        found = self._ask(source, answering)
        for where, one in silent.items():
            with self._counting:
                before = self._received(where[0])
                found.update(self._ask(source, {where: one}))
                if found[where] == "sent":
                    found[where] = _arrived(self._received(where[0]) - before)
        return found

    def _received(self, name: str) -> int:
        """The datagrams that processes of the host have read."""
        counters = self.connect(name).check_output("cat /proc/net/snmp /proc/net/snmp6")
        ipv4 = re.findall(r"(?m)^Udp: (\d+)", counters)
        ipv6 = re.findall(r"(?m)^Udp6InDatagrams\s+(\d+)", counters)
        return sum(int(number) for number in ipv4 + ipv6)

    def _ask(self, source: str, asked: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], str]:
        command = "python3 -c %s <<'EOF'\n" + json.dumps(list(asked.values())) + "\nEOF"
        run = self.connect(source).run(command, REACH)
        assert run.rc == 0, run.stderr
        return dict(zip(asked, json.loads(run.stdout), strict=True))

    def sources(self, target: str) -> list[str]:
        """The hosts that try to reach `target`: the peer, or all where not all may."""
        restricted = any("from" in listener for listener in self.hosts[target]["opens"])
        return [name for name in self.hosts if name != target] if restricted else ["peer"]

    def expected(self, target: str, opened: bool) -> dict[str, str]:
        """What `sources` must find at all that the inventory names, with the role's ports open or not."""
        host = self.hosts[target]
        wanted = {}
        for source in self.sources(target):
            open_to_it = [entry for entry in host["opens"] if opened and source in entry.get("from", [source])]
            for listener in (SSH, *host["opens"], *host["stays_shut"]):
                for family in host["addresses"]:
                    if listener.get("family", family) == family:
                        state = "open" if listener is SSH or listener in open_to_it else "filtered"
                        wanted[f"{source}: {family} {listener['protocol']} {listener['port']}"] = state
        return wanted

    def found(self, target: str) -> dict[str, str]:
        """What `sources` find there, in the same words. All hosts are asked at once, and once a run: who is filtered waits."""
        return self.sweep[target]

    @functools.cached_property
    def sweep(self) -> dict[str, dict[str, str]]:
        asked: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for target in self.judged:
            for source in self.sources(target):
                host = self.hosts[target]
                asked.setdefault(source, {})[target] = [SSH, *host["opens"], *host["stays_shut"]]
        found: dict[str, dict[str, str]] = {target: {} for target in self.judged}
        with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
            for source, states in zip(asked, pool.map(self.reached, asked, asked.values()), strict=True):
                for (target, where), state in states.items():
                    found[target][f"{source}: {where}"] = state
        return found


FLEET = Fleet()


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    return FLEET


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "judged" in metafunc.fixturenames:
        metafunc.parametrize("judged", FLEET.judged)
