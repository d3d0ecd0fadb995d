# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every Molecule scenario, on hosts with a real systemd."""

from __future__ import annotations

import pytest

from tests.gates.outer import ROOT, Run

SCENARIOS = ROOT / "extensions" / "molecule"


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.timeout(2400)
def test_every_scenario(run: Run) -> None:
    # `default` holds what the others share and tests nothing itself.
    declared = {path.parent.name for path in SCENARIOS.glob("*/molecule.yml")} - {"default"}
    assert declared
    output = run([ROOT / "tools" / "molecule", "test"])
    verified = {name for name in declared if "[%s > verify] Executed: Successful" % name in output}
    assert verified == declared
