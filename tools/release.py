# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a release here: version, changelog, commit, tag, artefact and signature. Nothing is pushed or published.

    tools/release.py VERSION [--key KEY] [--output-path DIRECTORY]      the default key of gpg; default dist/

Refused: a tree with changes, no changelog fragments or nothing in them for users, a version that is tagged or not newer than
the last. All of it is made in a work tree of its own, so that what fails leaves the checkout as it was.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
from typing import Iterator

import semantic_version
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(sys.executable).parent
CHANGELOG = "changelogs/changelog.yaml"
FRAGMENTS = "changelogs/fragments"


class Refused(Exception):
    """Why there is no release."""


def call(*words: object, directory: pathlib.Path = ROOT) -> str:
    command = [str(word) for word in words]
    done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Refused("%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout.strip()))
    return done.stdout.strip()


def released(directory: pathlib.Path) -> dict[str, dict[str, object]]:
    """What the changelog has of each version."""
    return yaml.safe_load((directory / CHANGELOG).read_text())["releases"]


def check(version: str) -> None:
    if not semantic_version.validate(version):
        raise Refused("%r is no semantic version, such as 1.2.3 or 1.3.0-beta.1" % version)
    changed = call("git", "status", "--porcelain")
    if changed:
        raise Refused("the tree has changes that are not committed:\n%s" % changed)
    if call("git", "tag", "--list", version):
        raise Refused("%s is tagged already" % version)
    later = [old for old in released(ROOT) if semantic_version.Version(old) >= semantic_version.Version(version)]
    if later:
        raise Refused("%s is not newer than %s, which %s has" % (version, max(later, key=semantic_version.Version), CHANGELOG))
    if not list((ROOT / FRAGMENTS).glob("*.y*ml")):
        raise Refused("%s/ is empty: there is nothing to tell users about" % FRAGMENTS)


@contextlib.contextmanager
def own_work_tree() -> Iterator[pathlib.Path]:
    """The commit that is checked out, elsewhere; it has this repository's settings."""
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary) / "release"
        call("git", "worktree", "add", "--quiet", "--detach", directory)
        try:
            yield directory
        finally:
            call("git", "worktree", "remove", "--force", directory)


def write_version(directory: pathlib.Path, version: str) -> None:
    galaxy = directory / "galaxy.yml"
    text, count = re.subn(r"^version: .*$", "version: %s" % version, galaxy.read_text(), flags=re.MULTILINE)
    if count != 1:
        raise Refused("galaxy.yml has %d lines that begin with `version: `, not one" % count)
    galaxy.write_text(text)


def write_changelog(directory: pathlib.Path, version: str) -> None:
    call(BIN / "antsibull-changelog", "release", "--version", version, directory=directory)
    if not released(directory)[version].get("changes"):
        raise Refused("the fragments in %s/ have nothing that users would read" % FRAGMENTS)


def commit(directory: pathlib.Path, version: str) -> str:
    call("git", "add", "--all", directory=directory)
    call("git", "commit", "--quiet", "--message", "Release %s" % version, directory=directory)
    return call("git", "rev-parse", "HEAD", directory=directory)


def sign(artefact: pathlib.Path, key: str | None) -> pathlib.Path:
    """A detached signature of the manifest, which has a checksum of every file: what ansible-galaxy verifies."""
    signature = artefact.with_name(artefact.name.removesuffix(".tar.gz") + ".asc")
    user = ["--local-user", key] if key else []
    with tempfile.TemporaryDirectory() as temporary, tarfile.open(artefact) as archive:
        manifest = pathlib.Path(temporary) / "MANIFEST.json"
        manifest.write_bytes(archive.extractfile(manifest.name).read())
        call("gpg", "--batch", "--yes", *user, "--armor", "--detach-sign", "--output", signature, manifest)
    return signature


def release(version: str, key: str | None, output: pathlib.Path) -> None:
    check(version)
    branch = call("git", "symbolic-ref", "--short", "HEAD")
    with own_work_tree() as directory:
        write_version(directory, version)
        write_changelog(directory, version)
        made = commit(directory, version)
        call(sys.executable, directory / "tools" / "build.py", "--output-path", output, directory=directory)
    (artefact,) = output.glob("*-%s.tar.gz" % version)
    signature = sign(artefact, key)
    call("git", "tag", "--annotate", "--message", "Release %s" % version, version, made)
    call("git", "merge", "--quiet", "--ff-only", made)
    print("%s\n%s\nNothing is pushed yet: git push origin %s %s" % (artefact, signature, branch, version))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--key", help="the key of gpg that signs")
    parser.add_argument("--output-path", type=pathlib.Path, default=ROOT / "dist")
    arguments = parser.parse_args()
    try:
        release(arguments.version, arguments.key, arguments.output_path.resolve())
    except Refused as reason:
        raise SystemExit("no release: %s" % reason) from reason


if __name__ == "__main__":
    main()
