# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole processes of Ansible to be timed: ours and the peers', with the settings that Ansible has by itself."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.benchmark import _pairs

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv" / "peers"
_HERE = Path(__file__).resolve().parent
_BIN = ROOT / ".venv" / "bin"
_PEER_PACKAGE = "ansible==12.*"


def fetch_peers(*collections: str) -> None:
    """Collections such as community.general under .venv/peers, once. They come with the package `ansible` from PyPI."""
    directories = ["ansible_collections/%s/" % name.replace(".", "/") for name in collections]
    missing = tuple(directory for directory in directories if not (PEERS / directory).is_dir())
    if not missing:
        return
    with tempfile.TemporaryDirectory() as directory:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", directory]
        subprocess.run([*pip, _PEER_PACKAGE], check=True)
        (wheel,) = Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(PEERS, [name for name in archive.namelist() if name.startswith(missing)])


def _with_variables(hosts: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    return dict(hosts) if isinstance(hosts, Mapping) else dict.fromkeys(hosts)


class Controller:
    """Where Ansible is run from: `home` is a directory for its files, `groups` are those of the inventory.

    The hosts of a group are names, or variables by name.
    """

    def __init__(
        self,
        home: str,
        variables: Mapping[str, Any],
        connection: str = "local",
        groups: Mapping[str, Sequence[str] | Mapping[str, Any]] = MappingProxyType({"targets": ["target"]}),
    ) -> None:
        self._home = Path(home)
        # The interpreter is one of `variables`, as finding it would cost all the same and more than what is measured.
        children = {name: {"hosts": _with_variables(hosts)} for name, hosts in groups.items()}
        inventory = {"all": {"vars": {"ansible_connection": connection, **variables}, "children": children}}
        self._inventory = self._written("inventory.yml", inventory)
        self._environment = {
            "ANSIBLE_COLLECTIONS_PATH": "%s:%s" % (ROOT / ".venv/collections", PEERS),
            "ANSIBLE_ROLES_PATH": str(PEERS / "roles"),
            "ANSIBLE_LIBRARY": str(_HERE / "library"),
            "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests" / "lab" / "connection"),
            "ANSIBLE_HOME": home,
            "ANSIBLE_CONFIG": self._written("ansible.cfg", None),  # instead of the machine's
            "ANSIBLE_NOCOLOR": "1",
        }

    def _written(self, name: str, data: Any) -> str:
        """The path of a file with that. YAML is a superset of JSON."""
        path = self._home / name
        path.write_text("" if data is None else json.dumps(data, indent=1))
        return str(path)

    def module(self, title: str, module: str, arguments: Mapping[str, Any], expected: str) -> _pairs.Command:
        """`ansible -m` of one module."""
        argv = [str(_BIN / "ansible"), "all", "--inventory", self._inventory, "--module-name", module]
        if arguments:
            argv += ["--args", json.dumps(dict(arguments))]
        return _pairs.Command(title, argv, expected, self._environment)

    def playbook(self, title: str, tasks: Sequence[Mapping[str, Any]], expected: str) -> _pairs.Command:
        """`ansible-playbook` of one play without facts."""
        play = {"name": title, "hosts": "all", "gather_facts": False, "tasks": list(tasks)}
        path = self._written("%s.yml" % "".join(c if c.isalnum() else "-" for c in title), [play])
        argv = [str(_BIN / "ansible-playbook"), "--inventory", self._inventory, path]
        return _pairs.Command(title, argv, expected, self._environment)

    def of_collection(self, title: str, playbook: str, expected: str, *options: str) -> _pairs.Command:
        """`ansible-playbook` of a playbook of the collection."""
        argv = [str(_BIN / "ansible-playbook"), "--inventory", self._inventory, "netports.core.%s" % playbook, *options]
        return _pairs.Command(title, argv, expected, self._environment)
