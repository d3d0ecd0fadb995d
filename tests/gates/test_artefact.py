# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users install: the artefact that tools/build.py makes of a commit."""

from __future__ import annotations

import json
import pathlib
import shutil
import socket
import sys
import tarfile

from tests.gates.outer import GIT, Run

RUN_TIME = {"MANIFEST.json", "FILES.json", "meta", "plugins", "roles", "playbooks", "extensions"}
FOR_PEOPLE = {"README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md", "COPYING", "LICENSES", "REUSE.toml", "docs"}
ELSEWHERE = {"changelogs", "changelogs/changelog.yaml", "changelogs/config.yaml", "CHANGELOG.rst", "tests", "tests/config.yml"}

# Its clock is a year ahead, and its file system lists directories in another order.
OTHER_MACHINE = """\
import os
import time

here = time.time
time.time = lambda: here() + 365 * 86400
listed = os.listdir
os.listdir = lambda *path: sorted(listed(*path), reverse=True)
"""


def test_contents(artefact: pathlib.Path) -> None:
    with tarfile.open(artefact) as archive:
        names = archive.getnames()
    strangers = [name for name in names if name.split("/")[0] not in RUN_TIME | FOR_PEOPLE and name not in ELSEWHERE]
    assert strangers == []
    assert [name for name in names if "__pycache__" in name] == []
    assert {name.split("/")[1] for name in names if name.startswith("extensions/")} == {"eda"}


def test_the_same_bytes_from_any_path_umask_and_clock(
    artefact: pathlib.Path, repository: pathlib.Path, tmp_path: pathlib.Path, run: Run
) -> None:
    elsewhere = tmp_path / "a longer path" / "with spaces"
    run(["git", "clone", "-q", repository, elsewhere], env=GIT)
    (elsewhere / "README.md").write_text("changed, not committed\n")
    (elsewhere / "roles" / "untracked.yml").write_text("not: committed\n")
    (tmp_path / "machine").mkdir()
    (tmp_path / "machine" / "sitecustomize.py").write_text(OTHER_MACHINE)
    env = {"PYTHONPATH": str(tmp_path / "machine"), "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7"}
    build = [sys.executable, elsewhere / "tools" / "build.py", "--output-path", tmp_path / "again"]
    run(["sh", "-c", 'umask 0077; exec "$@"', "sh", *build], cwd=tmp_path, env=env)
    (again,) = (tmp_path / "again").iterdir()
    assert again.name == artefact.name
    assert again.read_bytes() == artefact.read_bytes()


def test_installs_and_works_with_the_run_time_directories_alone(artefact: pathlib.Path, tmp_path: pathlib.Path, run: Run) -> None:
    home = tmp_path / "home"
    home.mkdir()
    collections = home / "collections"
    env = {"HOME": str(home), "ANSIBLE_HOME": str(home), "ANSIBLE_COLLECTIONS_PATH": str(collections)}
    run(["ansible-galaxy", "collection", "install", artefact, "--offline", "-p", collections], cwd=home, env=env)
    for path in (collections / "ansible_collections" / "netports" / "core").iterdir():
        if path.name not in RUN_TIME:
            shutil.rmtree(str(path)) if path.is_dir() and not path.is_symlink() else path.unlink()
    with socket.socket() as served:
        served.bind(("127.0.0.1", 0))
        served.listen(1)
        listener = {"name": "served", "protocol": "tcp", "port": served.getsockname()[1], "bind": "loopback"}
        command = ["ansible", "localhost", "-m", "netports.core.port_verify", "-a", json.dumps({"listeners": [listener]})]
        assert '"verdict": "ok"' in run(command, cwd=home, env=env)
    assert '"verdict": "absent"' in run(command, cwd=home, env=env, expect=2)
    # The spec is found too, and resolved.
    resolved = "{{ query('netports.core.ports', 'kuma_zone_cp') | map(attribute='name') }}"
    command = ["ansible", "localhost", "-m", "ansible.builtin.debug", "-a", "msg=" + resolved]
    assert '"dp-server"' in run(command, cwd=home, env=env)
