# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The artefact of a commit, the same bytes wherever and whenever it is built.

    tools/build.py [COMMIT] [--output-path DIRECTORY]      default HEAD and dist/

`ansible-galaxy collection build` makes it of what the commit has, so that nothing else of the checkout gets in. What it takes
from the machine is taken out again: the order of the files, the time of the build, the compressor's settings.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
MANIFEST = "MANIFEST.json"
FILES = "FILES.json"


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout


def export(commit: str, directory: pathlib.Path) -> None:
    """What the commit has, with Git's file modes whatever the umask."""
    with tarfile.open(fileobj=io.BytesIO(git("-c", "tar.umask=0022", "archive", "--format=tar", commit))) as archive:
        # Pythons before 3.11.4 have no filters; nothing in a commit of ours needs one.
        archive.extractall(directory, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))


def galaxy_build(source: pathlib.Path, output: pathlib.Path) -> pathlib.Path:
    """The artefact as ansible-galaxy makes it, with the one of this Python if there is one."""
    beside = pathlib.Path(sys.executable).parent / "ansible-galaxy"
    command = [beside if beside.exists() else "ansible-galaxy", "collection", "build", "--output-path", output]
    subprocess.run(command, cwd=source, stdout=subprocess.DEVNULL, check=True)
    (built,) = output.glob("*.tar.gz")
    return built


def as_json(content: object) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def in_order(contents: dict[str, bytes]) -> None:
    """The list of files in the order of their names, and its checksum in the manifest that names it."""
    listed = json.loads(contents[FILES])
    listed["files"].sort(key=lambda entry: entry["name"])
    contents[FILES] = as_json(listed)
    manifest = json.loads(contents[MANIFEST])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(contents[FILES]).hexdigest()
    contents[MANIFEST] = as_json(manifest)


def normalise(built: pathlib.Path, target: pathlib.Path, when: int) -> None:
    with tarfile.open(built) as archive:
        members = {member.name: member for member in archive.getmembers()}
        contents = {name: archive.extractfile(member).read() for name, member in members.items() if member.isfile()}
    in_order(contents)
    with contextlib.ExitStack() as closing:
        raw = closing.enter_context(target.open("wb"))
        # No name and no time in its header.
        packed = closing.enter_context(gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0))
        archive = closing.enter_context(tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT))
        # The manifests first: Galaxy reads these alone to know what it was given.
        for name in [MANIFEST, FILES, *sorted(set(members) - {MANIFEST, FILES})]:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = members[name].type, members[name].linkname
            member.mode = 0o755 if member.isdir() or members[name].mode & 0o100 else 0o644
            member.mtime = when
            content = contents.get(name, b"")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def build(commit: str, output: pathlib.Path) -> pathlib.Path:
    """Makes it in the directory and says where it is."""
    with tempfile.TemporaryDirectory() as temporary:
        source, made = pathlib.Path(temporary) / "source", pathlib.Path(temporary) / "made"
        export(commit, source)
        made.mkdir()
        built = galaxy_build(source, made)
        output.mkdir(parents=True, exist_ok=True)
        target = output / built.name
        normalise(built, target, when=int(git("show", "--no-patch", "--format=%ct", commit)))
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", nargs="?", default="HEAD")
    parser.add_argument("--output-path", type=pathlib.Path, default=ROOT / "dist")
    arguments = parser.parse_args()
    try:
        print(os.path.relpath(build(arguments.commit, arguments.output_path)))
    except subprocess.CalledProcessError as error:
        raise SystemExit("%s failed with exit code %d" % (" ".join(map(str, error.cmd)), error.returncode)) from error


if __name__ == "__main__":
    main()
