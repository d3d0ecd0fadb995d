# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the release before this one, or where there is none from an older version made here: nothing is left over of it, and rules
that it made are this one's."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tarfile

import pytest

from tests.gates.galaxy_server import Published, galaxy
from tests.gates.outer import GIT, ROOT, Run
from tests.lab import ansible_runs, firewall
from tests.lab.fixtures import HostPair, lab, lab_host_pair

__all__ = ["lab", "lab_host_pair"]

INSTALL = ["ansible-galaxy", "collection", "install", "netports.core"]
# What only the older one has.
GONE = ("plugins/module_utils/_gone.py", "roles/gone/tasks/main.yml", "docs/gone/page.md")
PORT = 8080
RULES = {"label": "web", "listeners": [{"name": "http", "protocol": "tcp", "port": PORT}], "persist": False}


def last_release() -> str:
    """Its tag; empty where there is none."""
    command = ["git", "-c", "safe.directory=%s" % ROOT, "describe", "--tags", "--abbrev=0"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture
def older(repository: pathlib.Path, artefact: pathlib.Path, tmp_path: pathlib.Path, run: Run) -> pathlib.Path:
    """The artefact of the version before. Made after that of the work tree, on top of it."""
    output = tmp_path / "older"
    if tag := last_release():
        run([sys.executable, ROOT / "tools" / "build.py", tag, "--output-path", output])
    else:
        for name in GONE:
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            (repository / name).write_text("")
        galaxy_yml = repository / "galaxy.yml"
        galaxy_yml.write_text(galaxy_yml.read_text().replace("\nversion: ", "\nversion: 0.0.1  # not "))
        run(["git", "add", "--all"], cwd=repository, env=GIT)
        run(["git", "commit", "-q", "-m", "An older version"], cwd=repository, env=GIT)
        run([sys.executable, repository / "tools" / "build.py", "--output-path", output])
    (built,) = output.iterdir()
    return built


def version(installed: pathlib.Path) -> str:
    return json.loads((installed / "MANIFEST.json").read_text())["collection_info"]["version"]


def files(directory: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.namespaces
def test_upgrade(older: pathlib.Path, artefact: pathlib.Path, lab_host_pair: HostPair, tmp_path: pathlib.Path, run: Run) -> None:
    host, peer = lab_host_pair
    collections = tmp_path / "collections"
    installed = collections / "ansible_collections" / "netports" / "core"
    env = {"HOME": str(tmp_path), "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_COLLECTIONS_PATH": str(collections)}

    def port_allow(state: str) -> bool:
        done = ansible_runs.module(host, "port_allow", {**RULES, "state": state}, environment=env)
        assert done.code == 0, done.output
        return done.result("port_allow")["changed"]

    with galaxy(Published(older)) as server:
        run([*INSTALL, "--server", server], cwd=tmp_path, env=env)
    before, before_rules = version(installed), firewall.ruleset(host)
    assert port_allow("present") is True
    assert host.ipv4 is not None
    assert peer.connect(host.ipv4, PORT) == "refused"

    with galaxy(Published(older), Published(artefact)) as server:
        run([*INSTALL, "--upgrade", "--server", server], cwd=tmp_path, env=env)
    assert version(installed) != before
    with tarfile.open(artefact) as archive:
        archive.extractall(tmp_path / "released")
    assert files(installed) == files(tmp_path / "released")
    assert port_allow("present") is False
    assert port_allow("absent") is True
    assert firewall.ruleset(host) == before_rules
    assert peer.connect(host.ipv4, PORT) == "filtered"
