# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`port_verify` and `netports.<role>`: in a checkout after set-up, and for an installed collection after one playbook."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
from typing import Dict, Iterator, List, Mapping, Optional

import pytest

pytestmark = pytest.mark.anywhere

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = ("meta", "plugins", "roles", "playbooks")
PLAYBOOK = "netports.core.short_names"


def modules() -> List[str]:
    return sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))


def roles(collection: pathlib.Path = ROOT) -> List[str]:
    return sorted(path.name for path in (collection / "roles").iterdir())


def ansible(command: List[str], cwd: pathlib.Path, env: Mapping[str, str], expect: int = 0) -> str:
    result = subprocess.run(command, cwd=str(cwd), env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    output = (result.stdout + result.stderr).decode()
    assert result.returncode == expect, output
    return output


def changed(output: str) -> int:
    """How many tasks of the one host changed something."""
    return int(output.split("changed=")[1].split()[0])


def uses_every_short_name(collection: pathlib.Path, cwd: pathlib.Path, env: Mapping[str, str]) -> None:
    """Every module and role is found; a module run by its short name reaches its action plugin and the collection's own code."""
    tasks: List[Dict[str, object]] = [
        # Of no product: the error is the resolver's, on the controller, and it lists what exists.
        {"port_verify": {"role": "no_such_role"}, "register": "answer", "ignore_errors": True},
        {"ansible.builtin.assert": {"that": "'kuma_zone_cp' in answer.msg"}},
    ]
    tasks += [{module: {}, "when": False} for module in modules()]
    # Imported when the playbook is parsed, so that a role which is not found fails it.
    tasks += [{"ansible.builtin.import_role": {"name": "netports." + role}, "when": False} for role in roles(collection)]
    playbook = pathlib.Path(env["HOME"]) / "uses.yml"
    playbook.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    ansible(["ansible-playbook", str(playbook)], cwd, env)


def environment(home: pathlib.Path) -> Dict[str, str]:
    """The settings of a user with this home directory, and none of those of the test run."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return dict(env, HOME=str(home), ANSIBLE_LOCALHOST_WARNING="0", ANSIBLE_INVENTORY_UNPARSED_WARNING="0", LC_ALL="C.UTF-8")


@pytest.fixture
def home(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    made = tmp_path / "home"
    made.mkdir()
    yield made


@pytest.fixture
def installed(home: pathlib.Path) -> pathlib.Path:
    """The collection where ansible-galaxy would put it, with a few of its roles, for speed."""
    collection = home / ".ansible" / "collections" / "ansible_collections" / "netports" / "core"
    for name in SHIPPED:
        shutil.copytree(str(ROOT / name), str(collection / name), ignore=shutil.ignore_patterns("__pycache__"))
    for name in roles()[2:]:
        shutil.rmtree(str(collection / "roles" / name))
    return collection


def links(home: pathlib.Path) -> List[str]:
    base = home / ".ansible"
    found = [path for kind in ("roles", "plugins") for path in (base / kind).rglob("*") if path.is_symlink()]
    return sorted(str(path.relative_to(base)) for path in found)


def test_checkout(home: pathlib.Path) -> None:
    uses_every_short_name(ROOT, ROOT, environment(home))


@pytest.mark.slow
def test_installed(home: pathlib.Path, installed: pathlib.Path) -> None:
    env = environment(home)
    expected = ["plugins/action/" + path.name for path in (ROOT / "plugins" / "action").glob("*.py")]
    expected += ["plugins/modules/%s.py" % module for module in modules()]
    expected += ["roles/netports." + role for role in roles(installed)]

    assert changed(ansible(["ansible-playbook", PLAYBOOK, "--check"], home, env)) > 0
    assert links(home) == []
    assert changed(ansible(["ansible-playbook", PLAYBOOK], home, env)) > 0
    assert links(home) == sorted(expected)
    assert changed(ansible(["ansible-playbook", PLAYBOOK], home, env)) == 0
    uses_every_short_name(installed, home, env)

    # A role that the collection no longer has, and something of someone else's.
    gone = roles(installed)[0]
    shutil.rmtree(str(installed / "roles" / gone))
    (home / ".ansible" / "roles" / "netports.mine").symlink_to("/etc")
    ansible(["ansible-playbook", PLAYBOOK], home, env)
    assert links(home) == sorted(set(expected) - {"roles/netports." + gone} | {"roles/netports.mine"})

    absent = ["ansible-playbook", PLAYBOOK, "-e", "netports_short_names=absent"]
    ansible([*absent, "--check"], home, env)
    assert len(links(home)) == len(expected)
    assert changed(ansible(absent, home, env)) > 0
    assert links(home) == ["roles/netports.mine"]
    assert changed(ansible(absent, home, env)) == 0


@pytest.mark.parametrize(("variable", "says"), [(None, "roles/netports."), ("gone", "present or absent, not gone")])
def test_nothing_is_changed_when_refused(home: pathlib.Path, installed: pathlib.Path, variable: Optional[str], says: str) -> None:
    own = home / ".ansible" / "roles" / ("netports." + roles(installed)[0])
    own.mkdir(parents=True)
    words = [] if variable is None else ["-e", "netports_short_names=" + variable]
    assert says in ansible(["ansible-playbook", PLAYBOOK, *words], home, environment(home), expect=2)
    assert links(home) == []
    assert own.is_dir()
