# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A part of the mutants of the pure middle, another one with each change of code or tests; `make mutation` runs all of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.gates.outer import ROOT, Run
from tests.pure_middle import MUTATED, PURE_MIDDLE

PARTS = 5


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_mutant_survives_unexplained(run: Run, record_property: Callable[[str, object], None]) -> None:
    output = run(["python", ROOT / "tools" / "mutation.py", "--slice", PARTS])
    record_property("figure", "a part in %d of all mutants, %s" % (PARTS, output.splitlines()[-1]))


def test_what_is_mutated_is_of_the_pure_middle() -> None:
    assert set(MUTATED) <= set(PURE_MIDDLE)
