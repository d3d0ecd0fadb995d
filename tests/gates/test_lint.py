# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Linters, each with nothing ignored beyond what their settings explain."""

from __future__ import annotations

import pytest

from tests.gates.outer import Run

DOCS = ["antsibull-docs", "lint-collection-docs", "--plugin-docs"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check"], id="ruff"),
        pytest.param(["mypy", "--cache-dir=/dev/null", "-p", "ansible_collections.netports.core.plugins"], id="mypy"),
        pytest.param(["yamllint", "--strict", "."], id="yamllint"),
        pytest.param(["ansible-lint", "--nocolor"], id="ansible-lint"),
        pytest.param(["reuse", "lint", "--lines"], id="reuse"),
        pytest.param(["antsibull-changelog", "lint"], id="changelog"),
        pytest.param([*DOCS, "--validate-collection-refs=all", "--disallow-unknown-collection-refs", "."], id="docs"),
        pytest.param(["python", "tools/generate.py", "--lint"], id="generated"),
    ],
)
def test_clean(command: list[str], run: Run) -> None:
    run(command)
