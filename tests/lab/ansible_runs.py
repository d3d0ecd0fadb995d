# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real ansible-playbook and ansible on a lab host, with the collection of this checkout and connection local."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Union

from tests.lab.sandbox import HERE, Host, LabError

ROOT = HERE.parent.parent
COLLECTIONS = ROOT / ".venv" / "collections"
EVENTS = "/run/lab/events"
CONFIG = "/run/lab/ansible.cfg"
INVENTORY = "/run/lab/inventory.yml"
COLLECTION = "netports.core."


class Event(NamedTuple):
    """What one task returned; `action` without the collection's name."""

    outcome: str
    action: str
    result: Dict[str, Any]


class Run(NamedTuple):
    """One run of Ansible: its exit code, all that it printed, and what its tasks returned."""

    code: int
    output: str
    events: List[Event]

    def result(self, action: str) -> Dict[str, Any]:
        """What the one task of the module `action` returned. Raises LabError when it was not run."""
        found = [event.result for event in self.events if event.action == action and event.outcome != "skipped"]
        if len(found) != 1:
            raise LabError("%s ran %d times, not once:\n%s" % (action, len(found), self.output))
        return found[0]


def _environment() -> Dict[str, str]:
    return {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CONFIG": CONFIG,
        "ANSIBLE_HOME": "/run/home/.ansible",
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "lab_events",
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "LAB_EVENTS": EVENTS,
    }


def _run(
    host: Host,
    program: str,
    arguments: List[str],
    environment: Optional[Mapping[str, str]] = None,
    directory: str = "/",
    timeout: float = 120,
) -> Run:
    host.write(CONFIG, "")  # instead of the machine's
    events = host.path(EVENTS)
    events.unlink(missing_ok=True)
    # By module, so that it does not matter where the scripts are, and that Python is this one.
    argv = [sys.executable, "-m", "ansible", program, "--inventory", "%s," % host.name, "--connection", "local"]
    argv += ["--extra-vars", "ansible_python_interpreter=%s" % sys.executable, *arguments]
    there = ["sh", "-c", 'cd "$0" && exec "$@"', directory]
    done = host.run([*there, *argv], env={**_environment(), **(environment or {})}, check=False, timeout=timeout)
    lines = events.read_text().splitlines() if events.exists() else []
    parsed = [json.loads(line) for line in lines]
    found = [Event(one["outcome"], one["action"].replace(COLLECTION, ""), one["result"]) for one in parsed]
    return Run(done.returncode, done.stdout + done.stderr, found)


def playbook(host: Host, tasks: List[Dict[str, Any]], variables: Optional[Mapping[str, Any]] = None, *options: str) -> Run:
    """Run `tasks` on the host, without facts. YAML is a superset of JSON, so that no YAML library is needed."""
    play = {"hosts": "all", "gather_facts": False, "vars": dict(variables or {}), "tasks": tasks}
    path = pathlib.PurePosixPath("/run/lab/playbook.yml")
    host.write(str(path), json.dumps([play], indent=1))
    return _run(host, "playbook", [str(path), *options])


def playbook_file(host: Host, name: str, *options: str, directory: str, timeout: float) -> Run:
    """Run a playbook that is there, in a directory."""
    return _run(host, "playbook", [name, *options], directory=directory, timeout=timeout)


def role(host: Host, name: str, variables: Optional[Mapping[str, Any]] = None, *options: str) -> Run:
    """Run the role `netports.core.<name>`; the names of `variables` are without the role's."""
    include = {"name": "Run the role", "ansible.builtin.include_role": {"name": COLLECTION + name}}
    return playbook(host, [include], {"%s_%s" % (name, key): value for key, value in (variables or {}).items()}, *options)


def inventory_playbook(
    host: Host,
    name: str,
    inventory: Mapping[str, Any],
    *options: str,
    environment: Optional[Mapping[str, str]] = None,
    directory: str = "/",
) -> Run:
    """`ansible-playbook netports.core.<name>` over an inventory in YAML's terms; its hosts are this one unless they say more."""
    host.write(INVENTORY, json.dumps(inventory))
    arguments = [COLLECTION + name, "--inventory", INVENTORY, "--limit", "all:!%s" % host.name, *options]
    return _run(host, "playbook", arguments, environment, directory)


def module(
    host: Host,
    name: str,
    arguments: Union[str, Mapping[str, Any]],
    *options: str,
    environment: Optional[Mapping[str, str]] = None,
) -> Run:
    """`ansible -m netports.core.<name>`; text as arguments is KEY=VALUE words."""
    text = arguments if isinstance(arguments, str) else json.dumps(dict(arguments)) if arguments else ""
    return _run(host, "adhoc", ["all", "--module-name", COLLECTION + name, "--args", text, *options], environment)
