# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image for AWX and ansible-navigator: ansible-builder takes both definitions, and what it makes verifies a listener."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from typing import Any, Iterator

import pytest
import yaml

from tests.gates.outer import ROOT, VENV, Run, environment

HERE = ROOT / "tools" / "execution_environment"
STOCK, DEBIAN = HERE / "execution-environment.yml", HERE / "debian.yml"
TAG = "localhost/netports-ee:test-%d" % os.getpid()
# As tools/molecule found that podman has to be told on this machine.
SETTINGS = VENV / "containers.conf"
PODMAN = {"CONTAINERS_CONF": str(SETTINGS)} if SETTINGS.exists() and "CONTAINERS_CONF" not in os.environ else {}

PORT = 8080
SERVED = {"name": "served", "protocol": "tcp", "port": PORT, "bind": "loopback", "process": "python3"}
# As a job would: without privileges, without a network but the container's own.
VERIFY = """
python3 -m http.server --bind 127.0.0.1 %d &
until python3 -c 'import socket; socket.create_connection(("127.0.0.1", %d))' 2>/dev/null; do sleep 0.1; done
exec ansible localhost -m netports.core.port_verify -a "$1"
""" % (PORT, PORT)


def definition(path: pathlib.Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def test_the_definitions_have_the_same_in_them() -> None:
    for key in ("ansible_core", "ansible_runner"):
        assert definition(STOCK)["dependencies"][key] == definition(DEBIAN)["dependencies"][key]


def test_ansible_builder_takes_the_stock_definition(tmp_path: pathlib.Path, run: Run) -> None:
    run([environment("importer") / "ansible-builder", "create", "--file", STOCK, "--context", tmp_path / "context"], cwd=tmp_path)
    assert "netports.core" in (tmp_path / "context" / "_build" / "requirements.yml").read_text()


def test_the_collection_asks_for_nothing(installed: pathlib.Path, run: Run) -> None:
    """meta/execution-environment.yml, as ansible-builder reads it."""
    introspect = [environment("importer") / "ansible-builder", "introspect", installed.parents[2]]
    output = run(introspect).partition("\n")[2]
    assert {key: value for key, value in yaml.safe_load(output).items() if value} == {}


@pytest.fixture
def image(artefact: pathlib.Path, run: Run) -> Iterator[str]:
    run([HERE / "build", artefact, TAG])
    yield TAG
    subprocess.run(["podman", "rmi", "--force", TAG], env={**os.environ, **PODMAN}, stdout=subprocess.DEVNULL, check=False)


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.machines
@pytest.mark.timeout(900)
def test_a_listener_is_verified_in_the_image(image: str, run: Run) -> None:
    def verify(listener: dict[str, Any], expect: int) -> str:
        command = [
            "podman",
            "run",
            "--rm",
            "--network",
            "none",
            image,
            "sh",
            "-c",
            VERIFY,
            "sh",
            json.dumps({"listeners": [listener]}),
        ]
        return run(command, env=PODMAN, expect=expect)

    assert '"verdict": "ok"' in verify(SERVED, expect=0)
    assert '"verdict": "absent"' in verify({**SERVED, "port": PORT + 1}, expect=2)
