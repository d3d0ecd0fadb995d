# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs on targets, under every Python that a target may have.

Each venv has ansible.module_utils and nothing else of Ansible, as a module has it on a target: an import of controller
code from module_utils fails here.
"""

from __future__ import annotations

import pytest

from tests.gates.outer import ROOT, Run, environment

UNIT = ROOT / "tests" / "unit" / "plugins"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", ["3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"])
def test_target_code(version: str, run: Run) -> None:
    python = environment("py" + version) / "python"
    directories = [path for path in (UNIT / "module_utils", UNIT / "modules") if path.exists()]
    # A fault that only one Python shows is rarely one that only thousands of random examples show.
    run([python, "-m", "pytest", "-q", "--hypothesis-profile=quick", *directories])
