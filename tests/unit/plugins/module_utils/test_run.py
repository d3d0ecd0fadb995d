# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._run import Effects, FileChange, RunError


def test_commands_are_told_apart_by_what_they_do(tmp_path):
    target = tmp_path / "made"
    for check_mode in (True, False):
        effects = Effects(check_mode)
        assert effects.query(["cat"], "text\n") == _run.Answer(0, "text\n", "")
        assert effects.query(["sh", "-c", "echo problem >&2; exit 3"]) == _run.Answer(3, "", "problem\n")
        assert effects.change(["touch", str(target)]).rc == 0
        assert target.exists() is not check_mode


def test_commands_speak_english(monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert Effects().query(["sh", "-c", "echo $LC_ALL"]).stdout == "C\n"


def test_a_command_that_is_not_there():
    with pytest.raises(RunError, match="cannot run /no/such: No such file"):
        Effects().query(["/no/such"])


def test_a_command_that_hangs(monkeypatch):
    monkeypatch.setattr(_run, "COMMAND_TIMEOUT", 0.1)
    with pytest.raises(RunError, match="sleep 5 did not end"):
        Effects().query(["sleep", "5"])


def commit(effects, *changes):
    with effects.staged(changes) as staged:
        staged.commit()


def test_files_are_replaced_with_their_mode_and_owner(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    inode = path.stat().st_ino
    commit(Effects(), FileChange(str(link), "new"))
    assert path.read_text() == "new" and link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    # Whoever reads the old file at this moment reads all of it.
    assert path.stat().st_ino != inode
    assert sorted(os.listdir(str(tmp_path))) == ["file", "link"]


def test_a_new_file_is_its_owners_alone_and_a_removed_one_is_gone(tmp_path):
    path = tmp_path / "file"
    commit(Effects(), FileChange(str(path), "new"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    commit(Effects(), FileChange(str(path), None))
    commit(Effects(), FileChange(str(path), None))
    assert os.listdir(str(tmp_path)) == []


def test_check_mode_writes_nothing_at_all(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    effects = Effects(check_mode=True)
    with effects.lock(str(tmp_path / "lock")), effects.staged([FileChange(str(path), "new")]) as staged:
        assert os.listdir(str(tmp_path)) == ["file"]
        staged.commit()
    assert path.read_text() == "old"
    assert os.listdir(str(tmp_path)) == ["file"]


def test_what_was_staged_and_not_committed_leaves_nothing(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(KeyError), Effects().staged([FileChange(str(path), "new")]):
        assert len(os.listdir(str(tmp_path))) == 1
        raise KeyError
    assert os.listdir(str(tmp_path)) == []


def test_what_a_killed_run_left_is_no_obstacle(tmp_path):
    path = tmp_path / "file"
    (tmp_path / ".file.netports-new").write_text("half")
    commit(Effects(), FileChange(str(path), "new"))
    assert os.listdir(str(tmp_path)) == ["file"] and path.read_text() == "new"


def test_a_file_that_cannot_be_written_leaves_all_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    changes = [FileChange(str(path), "new"), FileChange(str(tmp_path / "missing" / "file"), "new")]
    with pytest.raises(RunError, match="cannot write .*missing.*No such file or directory; nothing was changed"):
        commit(Effects(), *changes)
    assert path.read_text() == "old" and os.listdir(str(tmp_path)) == ["file"]


def test_bytes_that_are_no_text_survive(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"caf\xe9 # latin-1\r\n")
    text = _run.read_text(str(path))
    commit(Effects(), FileChange(str(path), text + "more\n"))
    assert path.read_bytes() == b"caf\xe9 # latin-1\r\nmore\n"


def test_reading(tmp_path):
    assert _run.read_text(str(tmp_path / "missing")) is None
    with pytest.raises(RunError, match="cannot read .*: Is a directory"):
        _run.read_text(str(tmp_path))


def test_a_lock_keeps_others_out(tmp_path, monkeypatch):
    monkeypatch.setattr(_run, "LOCK_TIMEOUT", 0.2)
    path = str(tmp_path / "lock")
    with Effects().lock(path), pytest.raises(RunError, match="another run has held"), Effects().lock(path):
        pytest.fail("two have the lock")
    with Effects().lock(path):
        pass
