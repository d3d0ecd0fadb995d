# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every Molecule scenario, on hosts with a real systemd. Each is a run of its own: two can take place at the same time."""

from __future__ import annotations

import pytest

from tests.gates.outer import ROOT, VENV, Run

HERE = ROOT / "extensions" / "molecule"
# `default` makes what a run shares and `shared` has the steps; neither tests anything itself.
NO_SCENARIOS = {"default", "shared"}
SCENARIOS = sorted(path.name for path in HERE.iterdir() if path.is_dir() and path.name not in NO_SCENARIOS)


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(run: Run, scenario: str) -> None:
    environment = {"MOLECULE_EPHEMERAL_DIRECTORY": str(VENV / "molecule-runs" / scenario)}
    output = run([ROOT / "tools" / "molecule", "test", scenario], env=environment)
    # What Molecule does not find it leaves out, and is content.
    for left_out in ("no tests found", "Missing playbook"):
        assert left_out not in output
    for step in ("converge", "idempotence", "verify"):
        assert "[%s > %s] Executed: Successful" % (scenario, step) in output


def test_there_are_scenarios() -> None:
    assert SCENARIOS
