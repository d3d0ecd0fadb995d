# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users install: the artefact that `ansible-galaxy collection build` makes of a commit."""

from __future__ import annotations

import json
import pathlib
import shutil
import socket
import tarfile

import pytest

from tests.gates.outer import Run

RUN_TIME = {"MANIFEST.json", "FILES.json", "meta", "plugins", "roles", "playbooks"}
FOR_PEOPLE = {"README.md", "CONTRIBUTING.md", "COPYING", "LICENSES", "REUSE.toml", "changelogs", "docs"}


@pytest.fixture
def artefact(collection_copy: pathlib.Path, tmp_path: pathlib.Path, run: Run) -> pathlib.Path:
    run(["ansible-galaxy", "collection", "build", "--output-path", tmp_path], cwd=collection_copy)
    (built,) = tmp_path.glob("netports-core-*.tar.gz")
    return built


def test_contents(artefact: pathlib.Path) -> None:
    with tarfile.open(str(artefact)) as archive:
        names = [name for name in archive.getnames() if name != "."]
    assert {name.split("/")[0] for name in names} <= RUN_TIME | FOR_PEOPLE
    assert [name for name in names if "__pycache__" in name] == []


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
