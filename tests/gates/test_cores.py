# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unit and quick integration tests on each release of ansible-core that is supported, from the oldest to the newest.

The run that these gates belong to is on 2.19 itself.
"""

from __future__ import annotations

import pytest
from ansible.release import __version__ as ansible_version

from tests.gates.outer import ROOT, Run, environment


def test_this_run_is_on_2_19() -> None:
    if not ansible_version.startswith("2.19."):
        pytest.skip("ansible-core 2.19: this machine's Python runs %s" % ansible_version)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("core", ["2.16", "2.18", "2.21"])
def test_unit_and_quick_integration(core: str, run: Run) -> None:
    tools = environment("core-" + core)
    assert "core %s." % core in run([tools / "ansible", "--version"]).splitlines()[1]
    pytest_ = [tools / "python", "-m", "pytest", "-q", "--hypothesis-profile=quick"]
    run([*pytest_, "-n2", "-m", "not slow", ROOT / "tests" / "unit", ROOT / "tests" / "integration"])
    # The playbooks, which are written in a template language that changed with 2.19.
    playbooks = [ROOT / "tests" / "integration" / name for name in ("test_short_names.py", "test_site.py", "test_examples.py")]
    run([*pytest_, "-m", "slow", *playbooks])
