# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the release before this one, or where there is none from an older version made here: nothing is left over of it, and rules
that it made are this one's."""

from __future__ import annotations

import json
import pathlib
import re
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


def built(repository: pathlib.Path, number: str, output: pathlib.Path, run: Run) -> pathlib.Path:
    """The artefact of the repository's work tree as this version."""
    galaxy_yml = repository / "galaxy.yml"
    galaxy_yml.write_text(re.sub(r"^version: .*$", "version: " + number, galaxy_yml.read_text(), flags=re.MULTILINE))
    run(["git", "add", "--all"], cwd=repository, env=GIT)
    run(["git", "commit", "-q", "-m", "Version " + number], cwd=repository, env=GIT)
    run([sys.executable, repository / "tools" / "build.py", "--output-path", output])
    return output / ("netports-core-%s.tar.gz" % number)


@pytest.fixture
def newer(repository: pathlib.Path, tmp_path: pathlib.Path, run: Run) -> pathlib.Path:
    return built(repository, "99.0.0", tmp_path / "newer", run)


@pytest.fixture
def older(newer: pathlib.Path, repository: pathlib.Path, tmp_path: pathlib.Path, run: Run) -> pathlib.Path:
    """Made after the newer one, on top of it."""
    if tag := last_release():
        run([sys.executable, ROOT / "tools" / "build.py", tag, "--output-path", tmp_path / "older"])
        return tmp_path / "older" / ("netports-core-%s.tar.gz" % tag)
    for name in GONE:
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("")
    return built(repository, "0.0.1", tmp_path / "older", run)


def version(installed: pathlib.Path) -> str:
    return json.loads((installed / "MANIFEST.json").read_text())["collection_info"]["version"]


def files(directory: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.namespaces
def test_upgrade(older: pathlib.Path, newer: pathlib.Path, lab_host_pair: HostPair, tmp_path: pathlib.Path, run: Run) -> None:
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
    assert version(installed) != "99.0.0"
    before = firewall.ruleset(host)
    assert port_allow("present") is True
    assert host.ipv4 is not None
    assert peer.connect(host.ipv4, PORT) == "refused"

    with galaxy(Published(older), Published(newer)) as server:
        run([*INSTALL, "--upgrade", "--server", server], cwd=tmp_path, env=env)
    assert version(installed) == "99.0.0"
    with tarfile.open(newer) as archive:
        archive.extractall(tmp_path / "released")
    assert files(installed) == files(tmp_path / "released")
    assert port_allow("present") is False
    assert port_allow("absent") is True
    assert firewall.ruleset(host) == before
    assert peer.connect(host.ipv4, PORT) == "filtered"
