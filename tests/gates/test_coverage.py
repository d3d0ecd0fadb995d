# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Branch coverage of the unit tests alone: all of the pure middle, and a figure for the whole of plugins/."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pytest

from tests.gates.outer import ROOT, Run
from tests.pure_middle import PURE_MIDDLE


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_branch_of_the_pure_middle(
    run: Run, tmp_path: pathlib.Path, record_property: Callable[[str, object], None]
) -> None:
    report = tmp_path / "coverage.json"
    # The same random examples each time, so that no branch is reached on some days only.
    pytest_ = [
        "python",
        "-m",
        "pytest",
        "-q",
        "--hypothesis-profile=mutation",
        "-m",
        "not measures_time",
        ROOT / "tests" / "unit",
    ]
    measured = ["--cov=plugins", "--cov-branch", "--cov-report=json:%s" % report, "--cov-report=term:skip-covered"]
    run([*pytest_, *measured], env={"COVERAGE_FILE": str(tmp_path / "coverage")})
    found = json.loads(report.read_text())
    files = {path: found["files"][path] for path in PURE_MIDDLE}
    branches = sum(file["summary"]["num_branches"] for file in files.values())
    record_property("figure", "branch coverage by unit tests, plugins/: %.1f %%" % found["totals"]["percent_covered"])
    record_property(
        "figure", "branch coverage by unit tests, pure middle: 100 %% of %d branches in %d files" % (branches, len(files))
    )
    missing = {path: (file["missing_lines"], file["missing_branches"]) for path, file in files.items()}
    assert {path: lines for path, lines in missing.items() if lines != ([], [])} == {}


def test_the_pure_middle_is_there() -> None:
    assert [path for path in PURE_MIDDLE if not (ROOT / path).is_file()] == []
    assert len(set(PURE_MIDDLE)) == len(PURE_MIDDLE)
