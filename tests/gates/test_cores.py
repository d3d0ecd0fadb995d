# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unit tests on each release of ansible-core; quick integration tests and playbooks on the oldest and the newest.

The run that these gates belong to is on 2.19 itself.
"""

from __future__ import annotations

import pytest
from ansible.release import __version__ as ansible_version

from tests.gates.outer import NEWEST, OLDEST, RELEASES, ROOT, Run, environment

UNIT = ROOT / "tests" / "unit"
INTEGRATION = ROOT / "tests" / "integration"
# Written in a template language that changed with 2.19.
PLAYBOOKS = [INTEGRATION / name for name in ("test_short_names.py", "test_site.py", "test_examples.py")]


# What asks the kernel, a browser or the lab itself, and no ansible-core.
ELSEWHERE = ("bench_sockets", "firewall_observed", "lab", "port_probe_links", "port_verify_reality", "report_page", "sockets")


def run_on(core: str, run: Run, *arguments: object) -> None:
    tools = environment("core-" + core)
    assert "core %s." % core in run([tools / "ansible", "--version"]).splitlines()[1]
    run([tools / "python", "-m", "pytest", "-q", "--hypothesis-profile=quick", *arguments])


def test_this_run_is_on_2_19() -> None:
    if not ansible_version.startswith("2.19."):
        pytest.skip("ansible-core 2.19: this machine's Python runs %s" % ansible_version)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("core", RELEASES)
def test_unit(core: str, run: Run) -> None:
    run_on(core, run, "-n2", "-m", "not slow", UNIT)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("core", [OLDEST, NEWEST])
def test_quick_integration_and_playbooks(core: str, run: Run) -> None:
    ignored = ["--ignore=%s" % (INTEGRATION / ("test_%s.py" % name)) for name in ELSEWHERE]
    run_on(core, run, "-n2", "-m", "not slow", *ignored, INTEGRATION)
    run_on(core, run, "-m", "slow", *PLAYBOOKS)
