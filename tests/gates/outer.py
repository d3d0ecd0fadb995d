# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the gates share besides fixtures."""

from __future__ import annotations

import pathlib
from typing import Callable

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"

Run = Callable[..., str]


def environment(name: str) -> pathlib.Path:
    """bin/ of the matrix venv .venv/<name>; skips, with the reason, where set-up found no Python for it."""
    directory = VENV / name
    if (VENV / "missing" / name).exists():
        pytest.skip((VENV / "missing" / name).read_text().strip())
    assert (directory / "bin" / "python").exists(), "no .venv/%s: run `make setup`" % name
    return directory / "bin"
