# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventories of docs/examples: the real ansible-playbook finds the roles of their hosts, and resolves all their variables.

A connection that answers at once stands in for the hosts, which do not exist.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yml"))

pytestmark = [pytest.mark.slow, pytest.mark.anywhere]


def verified(inventory: Path, directory: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The report of `netports.core.verify`, all hosts of which say that nothing is wrong."""
    answer = {"changed": False, "listeners": [], "unexpected": [], "summary": {}, "msg": "", "notes": []}
    (directory / "answer").write_text(json.dumps(answer))
    monkeypatch.setenv("ANSIBLE_CONNECTION_PLUGINS", str(ROOT / "tests" / "lab" / "connection"))
    variables = {
        "ansible_connection": "instant",
        "ansible_instant_answer": str(directory / "answer"),
        "ansible_pipelining": True,
        "ansible_python_interpreter": sys.executable,
        "netports_report": str(directory / "report.json"),
    }
    command = ["ansible-playbook", "--inventory", str(inventory), "netports.core.verify", "--extra-vars", json.dumps(variables)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads((directory / "report.json").read_text())
    return report


@pytest.mark.parametrize("inventory", EXAMPLES, ids=lambda path: path.stem)
def test_every_host_has_a_role_whose_variables_are_understood(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = verified(inventory, tmp_path, monkeypatch)
    assert report["hosts"]
    assert {host["host"] for host in report["hosts"] if host["state"] != "ok"} <= {"bastion.example.com"}


def test_a_fleet_of_all_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = verified(ROOT / "docs" / "examples" / "inventory.yml", tmp_path, monkeypatch)
    roles = {host["host"].partition(".")[0]: [role["role"] for role in host["roles"]] for host in report["hosts"]}
    assert roles == {
        **{name: ["cumulus_linux"] for name in ("leaf1", "leaf2", "oob1")},
        **{name: ["netq_cluster"] for name in ("netq1", "netq2", "netq3")},
        "mesh1": ["kuma_global_cp"],
        **{name: ["kuma_zone_cp", "kuma_zone_ingress"] for name in ("zone1", "zone2")},
        **{name: ["kuma_dp"] for name in ("shop1", "shop2", "store1")},
        "bastion": [],
    }
