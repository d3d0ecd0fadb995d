# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""tools/release.py in a repository of its own: what it refuses, what it makes, and that ansible-galaxy believes the signature."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from typing import Iterator

import pytest

from tests.gates.galaxy_server import Published, galaxy
from tests.gates.outer import GIT, Run

VERSION = "9.0.0"


class Repository:
    """The work tree as a commit, with an origin and a throwaway key of gpg."""

    def __init__(self, root: pathlib.Path, run: Run, keys: pathlib.Path) -> None:
        self.root, self.dist = root, root / "dist"
        self._run, self._keys = run, keys
        origin = root.parent / "origin.git"
        self.git("clone", "-q", "--bare", root, origin)
        self.git("remote", "add", "origin", origin)

    def git(self, *words: object) -> str:
        command = ["git", *map(str, words)]
        done = subprocess.run(command, cwd=self.root, env={**os.environ, **GIT}, capture_output=True, text=True, check=True)
        return done.stdout

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", message)

    def state(self) -> list[str]:
        """Of the branch, tags, changes, work trees, and of what origin has."""
        asked = ("rev-parse HEAD", "tag", "status --porcelain", "worktree list", "ls-remote origin")
        return [self.git(*words.split()) for words in asked]

    def release(self, version: str = VERSION, expect: int = 0) -> str:
        env = {**GIT, "GNUPGHOME": str(self._keys)}
        return self._run([sys.executable, "tools/release.py", version], cwd=self.root, env=env, expect=expect)

    def refused(self, reason: str, version: str = VERSION) -> None:
        before = self.state()
        assert reason in self.release(version, expect=1)
        assert self.state() == before


def new_key(home: pathlib.Path) -> pathlib.Path:
    """A key in the home of gpg, and a key ring that has it."""
    home.mkdir(mode=0o700)
    generate = ["--passphrase", "", "--quick-gen-key", "tests", "ed25519", "sign", "never"]
    for words in (generate, ["--output", home / "ring", "--export"]):
        subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", *words], check=True)
    return home / "ring"


@pytest.fixture
def homes() -> Iterator[pathlib.Path]:
    # The path of an agent's socket is short.
    with tempfile.TemporaryDirectory(prefix="gpg-") as directory:
        yield pathlib.Path(directory)
        for home in pathlib.Path(directory).iterdir():
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


@pytest.fixture
def mine(repository: pathlib.Path, run: Run, homes: pathlib.Path) -> Repository:
    return Repository(repository, run, homes / "mine")


@pytest.mark.slow
def test_what_is_refused_leaves_everything_as_it_was(mine: Repository) -> None:
    mine.refused("'9.0' is no semantic version", version="9.0")
    (mine.root / "README.md").write_text("not committed\n")
    mine.refused("M README.md")
    mine.git("checkout", "README.md")
    (mine.root / "new.md").write_text("untracked\n")
    mine.refused("?? new.md")
    (mine.root / "new.md").unlink()
    mine.git("tag", VERSION)
    mine.refused("9.0.0 is tagged already")
    mine.git("tag", "--delete", VERSION)
    mine.refused("gpg")  # which has no key here
    fragments = mine.root / "changelogs" / "fragments"
    shutil.rmtree(fragments)
    mine.commit("No fragments")
    mine.refused("changelogs/fragments/ is empty")
    fragments.mkdir()
    (fragments / "inside.yml").write_text("---\ntrivial:\n  - Nothing that users notice.\n")
    mine.commit("A trivial fragment")
    mine.refused("have nothing that users would read")


@pytest.mark.slow
def test_a_release_is_made_here_and_ansible_galaxy_verifies_it(
    mine: Repository, homes: pathlib.Path, tmp_path: pathlib.Path, run: Run
) -> None:
    ring, other_ring = new_key(homes / "mine"), new_key(homes / "other")
    pushed = mine.state()[-1]
    assert "git push origin main %s" % VERSION in mine.release()
    tags, changes, trees, origin = mine.state()[1:]
    assert (tags, changes, len(trees.splitlines()), origin) == (VERSION + "\n", "", 1, pushed)
    assert mine.git("rev-parse", "HEAD") == mine.git("rev-parse", VERSION + "^{commit}")
    assert not list((mine.root / "changelogs" / "fragments").glob("*"))
    mine.refused("9.0.0 is tagged already")
    mine.refused("8.9.9 is not newer than 9.0.0", version="8.9.9")

    artefact, signature = (mine.dist / ("netports-core-%s.%s" % (VERSION, ending)) for ending in ("tar.gz", "asc"))
    with tarfile.open(artefact) as archive:
        assert "\nv%s\n" % VERSION in archive.extractfile("CHANGELOG.rst").read().decode()

    home = {"HOME": str(tmp_path), "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "there")}
    by_signature = ["--required-valid-signature-count", "+all", "--keyring"]

    def install(keys: pathlib.Path, expect: int) -> str:
        with galaxy(Published(artefact, signature)) as server:
            command = ["ansible-galaxy", "collection", "install", "netports.core", "--server", server, *by_signature, keys]
            return run(command, cwd=tmp_path, env=home, expect=expect)

    assert "signature verification failed" in install(other_ring, expect=1)
    install(ring, expect=0)

    verify = [
        "ansible-galaxy",
        "collection",
        "verify",
        "netports.core",
        "--offline",
        "--signature",
        signature.as_uri(),
        *by_signature,
    ]
    run([*verify, ring], cwd=tmp_path, env=home)
    run([*verify, other_ring], cwd=tmp_path, env=home, expect=1)
    changed = tmp_path / "there" / "ansible_collections" / "netports" / "core" / "plugins" / "modules" / "port_allow.py"
    changed.write_text(changed.read_text() + "# and more\n")
    assert "plugins/modules/port_allow.py" in run([*verify, ring], cwd=tmp_path, env=home, expect=1)
