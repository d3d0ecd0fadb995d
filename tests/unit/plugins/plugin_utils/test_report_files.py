# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_files

REPORT = _report.build("verify", "2026-11-21T12:00:00Z", [], [])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path


def test_paths_start_where_the_user_stands(here: Path) -> None:
    found = _report_files.paths(["report.html", "home/r.json", "~/r.md", str(here / "r.xml")], "files")
    assert found == [here / "report.html", here / "home/r.json", here / "home/r.md", here / "r.xml"]
    assert list(here.iterdir()) == [here / "home"]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("r.pdf", "files[1]: 'r.pdf': the ending says the format, and '.pdf' is none; known are .html, .json, .md, .txt, .xml"),
        ("report", "files[1]: 'report': the ending says the format, and '' is none; known are .html, .json, .md, .txt, .xml"),
        ("nowhere/r.json", "files[1]: {here}/nowhere is not a directory; make it first"),
        ("a.json", "files[1]: {here}/a.json is a directory"),
    ],
)
def test_what_cannot_be_written_is_refused(here: Path, file: str, said: str) -> None:
    (here / "a.json").mkdir()
    with pytest.raises(Problem) as refused:
        _report_files.paths(["ok.json", file], "files")
    assert str(refused.value) == said.format(here=here)


@pytest.mark.parametrize("ending", sorted(_report_files.FORMATS))
def test_every_format_is_written(here: Path, ending: str) -> None:
    path = here / ("r" + ending)
    _report_files.write(REPORT, path)
    assert path.read_text() == _report_files.rendered(REPORT, ending) != ""


def test_a_file_keeps_its_mode_and_a_link_its_target(here: Path) -> None:
    target, link = here / "home" / "kept.json", here / "link.json"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    _report_files.write(REPORT, link)
    assert link.is_symlink() and target.read_text().startswith("{")
    assert target.stat().st_mode & 0o777 == 0o640

    before = os.umask(0o027)
    try:
        _report_files.write(REPORT, here / "new.json")
    finally:
        os.umask(before)
    assert (here / "new.json").stat().st_mode & 0o777 == 0o640


def test_a_report_that_cannot_be_rendered_leaves_the_former_one(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = here / "r.json"
    path.write_text("old")
    monkeypatch.setattr(_report_files, "rendered", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _report_files.write(REPORT, path)
    assert path.read_text() == "old"
    assert sorted(one.name for one in here.iterdir()) == ["home", "r.json"]
