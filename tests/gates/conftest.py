# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gates run outer tools as subprocesses: linters, other Pythons, other releases of ansible-core, Molecule.

Each run streams to tests/output/gates/<name>.log, so that a long one can be watched, and fails with the end of that log.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from typing import Mapping, Optional, Sequence

import pytest

from tests.gates.outer import GIT, ROOT, Run

TAIL = 80


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    """`run(command, cwd=..., env=..., expect=0, show=...)` returns the output.

    Another exit code than `expect` fails the test with the log's path and the last lines, of those that match `show`.
    """
    name = re.sub(r"[^\w.-]+", "-", request.node.nodeid.split("/")[-1]).strip("-")
    log = ROOT / "tests" / "output" / "gates" / (name + ".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")

    def _run(
        command: Sequence[object],
        cwd: pathlib.Path = ROOT,
        env: Optional[Mapping[str, str]] = None,
        expect: int = 0,
        show: str = "",
    ) -> str:
        words = [str(word) for word in command]
        with log.open("ab") as stream:
            start = stream.tell()
            stream.write(("$ %s\n" % " ".join(words)).encode())
            stream.flush()
            # A session of its own, so that a test that runs out of time leaves nothing behind.
            with subprocess.Popen(
                words,
                cwd=str(cwd),
                env=dict(os.environ, **(env or {})),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process:
                try:
                    code = process.wait()
                except BaseException:
                    os.killpg(process.pid, signal.SIGKILL)
                    raise
        output = log.read_bytes()[start:].decode(errors="replace")
        if code != expect:
            tail = "\n".join([line for line in output.splitlines() if re.search(show, line)][-TAIL:])
            pytest.fail("exit code %d, not %d (all of it: %s)\n%s" % (code, expect, log.relative_to(ROOT), tail), pytrace=False)
        return output

    return _run


@pytest.fixture
def collection_copy(tmp_path: pathlib.Path) -> pathlib.Path:
    """The collection as a commit of the work tree would have it, in an ansible_collections tree of its own."""
    target = tmp_path / "ansible_collections" / "netports" / "core"
    listed = subprocess.run(
        ["git", "-c", "safe.directory=%s" % ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        check=True,
    )
    for name in sorted(set(listed.stdout.decode().split("\0")) - {""}):
        source = ROOT / name
        if not source.is_symlink() and not source.exists():
            continue  # deleted in the work tree, not committed yet
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(str(source), str(target / name), follow_symlinks=False)
    return target


@pytest.fixture
def repository(collection_copy: pathlib.Path, run: Run) -> pathlib.Path:
    """The collection in a repository of its own, whose one commit is the work tree."""
    for words in (["init", "-q", "-b", "main"], ["add", "--all"], ["commit", "-q", "-m", "The work tree"]):
        run(["git", *words], cwd=collection_copy, env=GIT)
    return collection_copy


@pytest.fixture
def artefact(repository: pathlib.Path, tmp_path: pathlib.Path, run: Run) -> pathlib.Path:
    """What users install, made of the work tree."""
    run([sys.executable, repository / "tools" / "build.py", "--output-path", tmp_path / "dist"], cwd=tmp_path)
    (built,) = (tmp_path / "dist").glob("netports-core-*.tar.gz")
    return built


@pytest.fixture
def installed(artefact: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """What is in the artefact, in an ansible_collections tree of its own."""
    target = tmp_path / "installed" / "ansible_collections" / "netports" / "core"
    target.mkdir(parents=True)
    with tarfile.open(artefact) as archive:
        archive.extractall(target)
    return target
