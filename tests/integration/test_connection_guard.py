# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_allow over real ssh does not shut out the connection by which it came, whichever way it became root."""

from __future__ import annotations

from typing import Any, Dict, Iterator

import pytest

from tests.integration import _module
from tests.lab import firewall
from tests.lab.machine import Machines
from tests.lab.ssh_runs import OPERATOR, Controller

SSH = [{"name": "ssh", "protocol": "tcp", "port": 22}]


@pytest.fixture(scope="module")
def controller(machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """SSH is open by a rule of port_allow alone."""
    machine = machines.renewed("guard")
    made = Controller(machine, tmp_path_factory.mktemp("controller"))
    firewall.install(machine, firewall.DEFAULT_DROP.replace("tcp dport 22 accept", ""))
    assert _module.run(machine, "port_allow", {"listeners": SSH, "label": "ssh"})["changed"]
    yield made
    made.close()


WAYS = {
    "root": ({"user": "root"}, {}),
    "su": ({"user": OPERATOR}, {}),
    "su, files": ({"user": OPERATOR, "pipelining": False}, {}),
    # The module outlives the shell that sshd started, and su has cleaned its environment.
    "su, async": ({"user": OPERATOR}, {"async": 60, "poll": 1}),
}


@pytest.mark.machines
@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_refuses_to_shut_out_its_own_connection(controller: Controller, way: str) -> None:
    run, keywords = WAYS[way]
    before = firewall.ruleset(controller.machine)
    task: Dict[str, Any] = {"netports.core.port_allow": {"listeners": SSH, "label": "ssh", "state": "absent"}, **keywords}
    done = controller.playbook([task], **run)
    assert done.code != 0
    said = "refused, nothing was changed: it would shut out %s port 22, used from 10.77.0.1" % controller.machine.ipv4
    assert said in done.output.replace("\n", " "), done.output
    assert firewall.ruleset(controller.machine) == before
