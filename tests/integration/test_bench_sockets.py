# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark of the owner search still does what it measures. Its figures need a quiet machine and are not judged here."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.root
def test_it_measures_every_row() -> None:
    command = (sys.executable, str(ROOT / "tests" / "benchmark" / "bench_sockets.py"), "--small", "--pairs", "1")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ")[0].strip("| ") for line in done.stdout.splitlines()[2:]]
    assert rows[:5] == [
        "sockets with owners",
        "the same",
        "wrong expected names",
        "all owners of all listeners",
        "an owner that cannot be found",
    ]
