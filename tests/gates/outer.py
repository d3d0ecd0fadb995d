# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the gates share besides fixtures."""

from __future__ import annotations

import os
import pathlib
from typing import Callable

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
# The releases of ansible-core that set-up has besides the one in .venv.
RELEASES = ["2.16", "2.17", "2.18", "2.20", "2.21"]
OLDEST, NEWEST = RELEASES[0], RELEASES[-1]
# Git of nobody: no settings of the machine or the user, and a clock that stands.
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "tests",
    "GIT_AUTHOR_EMAIL": "tests@example.org",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "tests",
    "GIT_COMMITTER_EMAIL": "tests@example.org",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}

Run = Callable[..., str]


def environment(name: str) -> pathlib.Path:
    """bin/ of the matrix venv .venv/<name>; skips, with the reason, where set-up found no Python for it."""
    directory = VENV / name
    if (VENV / "missing" / name).exists():
        pytest.skip((VENV / "missing" / name).read_text().strip())
    assert (directory / "bin" / "python").exists(), "no .venv/%s: run `make setup`" % name
    return directory / "bin"
