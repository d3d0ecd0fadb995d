# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source, run by path as ansible-rulebook runs it, with real sockets; and the rulebook of docs/event-driven.md."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import re
import runpy
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.programs import free_port
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import Host, Lab

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "extensions" / "eda" / "plugins" / "event_source" / "port_changes.py"
RULEBOOK = re.search(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "event-driven.md").read_text(), re.MULTILINE | re.DOTALL)[1]
TOOLS = ROOT / ".venv" / "rulebook" / "bin"

WEB = {"name": "web", "protocol": "tcp", "port": 8080, "family": "both", "process": "webserver"}
DNS = {"name": "dns", "protocol": "udp", "port": 5353}
ADMIN = {"name": "admin", "protocol": "tcp", "port": 8081, "bind": "loopback", "process": "webserver"}
TUNNEL = {"name": "tunnel", "protocol": "ip", "number": 4}

# As ansible-rulebook does it: no Ansible, no path to the collection, a queue to put events into. `break` on the standard input
# takes the evidence away.
DRIVER = """
import asyncio, json, runpy, sys, threading
class Queue(asyncio.Queue):
    async def put(self, event):
        print(json.dumps(event), flush=True)
module = runpy.run_path(sys.argv[1])
gather = sys.modules["ansible_collections.netports.core.plugins.module_utils._sockets.gather"]
right = gather.gather
def wrong():
    raise gather.GatherError("no evidence")
def listen():
    for line in sys.stdin:
        gather.gather = wrong if line.strip() == "break" else right
threading.Thread(target=listen, daemon=True).start()
asyncio.run(module["main"](Queue(), json.loads(sys.argv[2])))
"""


class Source:
    """The event source on a host, and what it said."""

    def __init__(self, host: Host, **args: Any) -> None:
        args = {"interval": 0.05, "debounce": 0, "initial": True, **args}
        command = [sys.executable, "-I", "-S", "-c", DRIVER, str(SOURCE), json.dumps(args)]
        self.process = host.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._events.put(json.loads(line))

    def next(self) -> dict[str, Any]:
        found: dict[str, Any] = self._events.get(timeout=20)
        return found

    def change(self) -> dict[str, Any]:
        found: dict[str, Any] = self.next()["port_change"]
        return found

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def silent(self, seconds: float) -> bool:
        try:
            raise AssertionError(self._events.get(timeout=seconds))
        except queue.Empty:
            return True


@pytest.fixture
def host(lab: Lab) -> Host:
    return lab.host("host")


def serve(host: Host, *listeners: dict[str, Any]) -> RoleHost:
    served = RoleHost(host, listeners)
    served.start()
    return served


def test_what_appears_vanishes_and_changes_hands(host: Host) -> None:
    served = serve(host, WEB, DNS)
    source = Source(host, listeners=[WEB, DNS, ADMIN, TUNNEL])
    first = {event["listener"]: event["change"] for event in (source.change(), source.change(), source.change())}
    assert first == {"web": "present", "dns": "present", "admin": "absent"}

    served.stop("dns")
    told = source.change()
    assert (told["change"], told["listener"], told["verdict"], told["port"]) == ("vanished", "dns", "absent", 5353)
    assert told["previous"] == {"present": True, "verdict": "ok", "owners": ["stand-in"]}

    serve(host, {**ADMIN, "bind": "any"})
    told = source.change()
    assert (told["change"], told["listener"], told["verdict"]) == ("appeared", "admin", "exposed")
    assert told["observed"][0]["port"] == 8081

    served.stop("web")
    assert source.change()["change"] == "vanished"
    serve(host, {**WEB, "process": "intruder"})
    told = source.change()
    assert (told["change"], told["verdict"], told["owners"]) == ("appeared", "wrong_owner", ["intruder"])
    assert source.silent(0.2)


@pytest.mark.slow
def test_a_restart_is_no_event_and_another_owner_is(host: Host) -> None:
    served = serve(host, WEB)
    source = Source(host, listeners=[WEB], debounce=0.6)
    assert source.change()["change"] == "present"
    served.stop("web")
    served = serve(host, WEB)
    assert source.silent(0.9)
    served.stop("web")
    serve(host, {**WEB, "process": "intruder"})
    told = source.change()
    assert (told["change"], told["owners"], told["previous"]["owners"]) == ("changed_hands", ["intruder"], ["webserver"])


def test_lost_evidence_is_no_vanished_listener(host: Host) -> None:
    served = serve(host, WEB)
    source = Source(host, listeners=[WEB])
    assert source.change()["change"] == "present"
    source.tell("break")
    told = source.next()["port_evidence"]
    assert (told["state"], told["reason"]) == ("lost", "no evidence")
    served.stop("web")
    assert source.silent(0.2)
    source.tell("mend")
    assert source.next()["port_evidence"]["state"] == "back"
    assert source.change()["change"] == "vanished"


@pytest.mark.anywhere
@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({}, "role: give a role or listeners, and not both"),
        ({"role": "kuma_zone_cp", "listeners": [WEB]}, "role: give a role or listeners"),
        ({"role": "kuma"}, "'kuma' is not a role of the spec"),
        ({"role": "kuma_zone_cp", "version": "0.1"}, "version: "),
        ({"listeners": [{**WEB, "port": 0}]}, r"listeners\[0\].port: 0 is not a port"),
        ({"listeners": [TUNNEL]}, "listeners: none of the listeners has a socket"),
        ({"listeners": [WEB], "interval": 0}, "interval: has to be above 0"),
        ({"listeners": [WEB], "debounce": "soon"}, "debounce: 'soon' is not a number of seconds"),
        ({"listeners": [WEB], "initial": "x"}, "initial: 'x' is not true or false"),
        ({"listeners": [WEB], "delay": 1}, "delay: is not an option; known are role"),
    ],
)
def test_wrong_options_are_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="netports.core.port_changes: .*" + message):
        asyncio.run(runpy.run_path(str(SOURCE))["main"](asyncio.Queue(), args))


@pytest.mark.anywhere
def test_a_role_is_watched() -> None:
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def first() -> dict[str, Any]:
        args = {"role": "kuma_zone_cp", "version": "1.6", "initial": True, "eda_feedback_queue": None}
        running = asyncio.create_task(runpy.run_path(str(SOURCE))["main"](events, args))
        try:
            return await asyncio.wait_for(events.get(), 20)
        finally:
            running.cancel()

    told = asyncio.run(first())["port_change"]
    assert told["role"] == "kuma_zone_cp"
    assert told["change"] in ("present", "absent")


# ---------------------------------------------------------------------------------------------------------------------
# The real ansible-rulebook


@pytest.fixture
def rulebook() -> str:
    if not (TOOLS / "ansible-rulebook").exists() or shutil.which("java") is None:
        pytest.skip("needs ansible-rulebook and Java 17; tools/setup molecule installs them")
    return str(TOOLS / "ansible-rulebook")


@pytest.fixture
def running(rulebook: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """The rulebook of the documentation with a listener of ours, and the server that it watches."""
    server = socket.create_server(("127.0.0.1", 0))
    rules = yaml.safe_load(RULEBOOK)
    listener = {"name": "served", "protocol": "tcp", "port": server.getsockname()[1], "bind": "loopback"}
    gone = {"name": "gone", "protocol": "tcp", "port": free_port(), "bind": "loopback"}
    options = {"listeners": [listener, gone], "interval": 0.2, "debounce": 0.5, "initial": True}
    rules[0]["sources"] = [{"netports.core.port_changes": options}]
    ready = {"name": "Ready", "condition": 'event.port_change.change == "present"', "action": {"debug": {"msg": "it is watched"}}}
    rules[0]["rules"].insert(0, ready)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    copy = {"content": "{{ ansible_eda.event.port_change | to_json }}", "dest": str(tmp_path / "told.json"), "mode": "0644"}
    task = {"name": "Remember", "ansible.builtin.copy": copy}
    (tmp_path / "remedy.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {"localhost": variables}}}))
    command = [rulebook, "--rulebook", "rules.yml", "--inventory", "inventory.yml"]
    env = {**os.environ, "PATH": os.pathsep.join([str(TOOLS), os.environ["PATH"]])}
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        try:
            yield process, server
        finally:
            server.close()
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def until(process: subprocess.Popen[str], text: str) -> None:
    """Returns when the process has printed the text."""
    said = []
    for line in process.stdout or ():
        said.append(line)
        if text in line:
            return
    raise AssertionError("".join(said))


@pytest.mark.slow
@pytest.mark.anywhere
@pytest.mark.timeout(180)
def test_a_vanished_listener_runs_the_playbook(running: tuple[subprocess.Popen[str], socket.socket], tmp_path: Path) -> None:
    process, server = running
    until(process, "it is watched")
    server.close()
    until(process, "PLAY RECAP")
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["listener"], told["change"], told["previous"]["present"]) == ("served", "vanished", True)
