# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mutants of the files that tests/pure_middle.py lists: killed by a test, or explained in tests/mutants.yml.

All of them take a quarter of an hour (`make mutation`); a run of the tests takes a part of the files, another with each commit.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.gates.outer import ROOT, Run


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_mutant_survives_unexplained(run: Run, record_property: Callable[[str, object], None]) -> None:
    output = run(["python", ROOT / "tools" / "mutation.py", "--part", "5"])
    record_property("figure", output.splitlines()[-1])
