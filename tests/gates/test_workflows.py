# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The workflows of forges: in their forge's schema, and whole and true as far as they name what is here."""

from __future__ import annotations

import pathlib
import re
from typing import Any, Iterator

import pytest
import yaml

from tests.gates.outer import RELEASES, ROOT, Run

GITHUB = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
GITLAB = ROOT / ".gitlab-ci.yml"
BASES = {"debian:12", "debian:13", "ubuntu:24.04", "rockylinux:9"}


def jobs() -> Iterator[dict[str, Any]]:
    for path in GITHUB:
        yield from yaml.safe_load(path.read_text())["jobs"].values()


def commands() -> Iterator[str]:
    for job in jobs():
        yield from (step["run"] for step in job["steps"] if "run" in step)
    for job in yaml.safe_load(GITLAB.read_text()).values():
        yield from [*job.get("before_script", []), *job.get("script", [])]


def matrix(key: str) -> set[str]:
    return {value for job in jobs() for value in job.get("strategy", {}).get("matrix", {}).get(key, [])}


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        pytest.param("vendor.github-workflows", GITHUB, id="github"),
        pytest.param("custom.github-workflows-require-timeout", GITHUB, id="timeouts"),
        pytest.param("vendor.gitlab-ci", [GITLAB], id="gitlab"),
    ],
)
def test_schema(schema: str, paths: list[pathlib.Path], run: Run) -> None:
    extra = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    run(["check-jsonschema", "--builtin-schema", schema, *extra, *paths])


def test_every_core_and_every_distribution() -> None:
    assert matrix("core") == {"2.19", *RELEASES}
    assert {base.rpartition("/")[2] for base in matrix("base")} == BASES


def test_what_they_run_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in commands():
        assert set(re.findall(r'(?:^|PATH" )make ([a-z-]+)', command)) <= targets
        named = re.findall(r"(?<![\w./-])((?:tests|tools|\.ci)/[\w./-]+)", command)
        assert [path for path in named if not (ROOT / path).exists()] == []
