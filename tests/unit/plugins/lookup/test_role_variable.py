# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup as people use it: through the real ansible command."""

from __future__ import annotations

import json
import subprocess
from typing import Any

VARIABLES = {
    "cp_version": "2.{{ minor }}",
    "minor": 10,
    "cp_ports": {"a": None},
    "cp_persist": False,
    "cp_wrong": "{{ nowhere }}",
}


def debug(expression: str) -> subprocess.CompletedProcess[str]:
    words = ["-m", "debug", "-a", "msg={{ %s }}" % expression, "-e", json.dumps(VARIABLES)]
    return subprocess.run(
        ["ansible", "localhost", "-c", "local", *words], capture_output=True, text=True, timeout=120, check=False
    )


def value(expression: str) -> Any:
    run = debug(expression)
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout[run.stdout.index("=>") + 2 :])["msg"]


def test_values_and_defaults() -> None:
    terms = ", ".join(repr(name) for name in ("version", "ports", "persist", "unset"))
    assert value("query('netports.core.role_variable', %s, role='cp', default=30)" % terms) == ["2.10", {"a": None}, False, 30]


def test_what_cannot_be_resolved_is_an_error_and_not_the_default() -> None:
    run = debug("lookup('netports.core.role_variable', 'wrong', role='cp', default='fine') or omit")
    assert run.returncode != 0
    assert "nowhere" in run.stdout + run.stderr
