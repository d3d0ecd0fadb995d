# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it costs to probe 50 addresses x 10 ports, against `nmap -sT` and a loop of ansible.builtin.wait_for.

    python tests/benchmark/bench_probe.py [--pairs 15] [--small]

Needs root. Both hosts are sandboxes of tests/lab. Against nmap it is a whole process of Python without Ansible; without nmap
those rows are left out.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmark import _ansible, _pairs
from tests.integration import _module
from tests.lab.sandbox import SEARCH_PATH, Host, Lab

# On the lab's own network, above the addresses of its hosts.
_ADDRESS = "198.51.100.%d"
_FIRST_ADDRESS, _FIRST_PORT = 101, 20000
_TIMEOUT = 1.0
# The least that nothing but waiting takes; the rest is ours.
_OF_THE_TIMEOUT = 1.10

_SERVER = """
import socket, sys, threading
for port in range(int(sys.argv[1]), int(sys.argv[2])):
    listener = socket.create_server(("0.0.0.0", port), backlog=1024)
    def accept(listener=listener):
        while True:
            listener.accept()[0].close()
    threading.Thread(target=accept, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""


# The one that Ansible would find on the host.
_PYTHON = shutil.which("python3", path="/usr/bin:/bin") or sys.executable

_COLLECTIONS = str(_ansible.ROOT / ".venv" / "collections")
_COMPILE = "import sys; sys.path.insert(0, %r); from ansible_collections.netports.core.plugins.module_utils import _probe"
# The same call as port_probe makes, without Ansible around it.
_PROGRAM = """
import sys
sys.path.insert(0, {collections!r})
from ansible_collections.netports.core.plugins.module_utils import _probe
arguments = _probe.probe_arguments()
def complete(options, given):
    return dict({{name: option.get("default") for name, option in options.items()}}, **given)
targets = [complete(arguments["targets"]["options"], target) for target in {targets!r}]
print(_probe.probe(complete(arguments, dict(targets=targets, timeout={timeout!r})))["summary"])
"""


class Size(NamedTuple):
    addresses: int
    ports: int
    looped: int  # targets of the loop of wait_for


_FULL, _SMALL = Size(50, 10, 500), Size(5, 4, 3)


class Scene(NamedTuple):
    server: Host
    peer: Host
    size: Size

    def ports(self, opened: float) -> list[int]:
        """The ports of one address, of which that share is open; the others are the ones below."""
        count = self.size.ports
        closed = count - round(count * opened)
        return list(range(_FIRST_PORT - closed, _FIRST_PORT + count - closed))

    def addresses(self) -> list[str]:
        return [_ADDRESS % (_FIRST_ADDRESS + number) for number in range(self.size.addresses)]

    def on_peer(self, command: _pairs.Command) -> _pairs.Command:
        enter = ["nsenter", "--target=%d" % self.peer.pid, "--mount", "--uts", "--ipc", "--net", "--pid"]
        environment = {"PATH": "%s:%s" % (os.environ["PATH"], SEARCH_PATH), **(command.environment or {})}
        return command._replace(argv=[*enter, *command.argv], environment=environment)

    def ours(self, title: str, opened: float, answered: bool = True) -> _pairs.Command:
        targets: list[dict[str, Any]] = [{"host": host, "port": port} for host in self.addresses() for port in self.ports(opened)]
        program = _PROGRAM.format(collections=_COLLECTIONS, targets=targets, timeout=_TIMEOUT)
        expected = "'open': %d," % (len(targets) * opened if answered else 0)
        return self.on_peer(_pairs.Command(title, (_PYTHON, "-I", "-S", "-c", program), expected))

    def nmap(self, opened: float) -> _pairs.Command:
        ports = ",".join(map(str, self.ports(opened)))
        last = _FIRST_ADDRESS + self.size.addresses - 1
        argv = ["nmap", "-n", "-Pn", "-sT", "-T5", "--max-retries", "0", "--initial-rtt-timeout", "1000ms", "-p", ports]
        addresses = _ADDRESS.rpartition(".")[0] + ".%d-%d" % (_FIRST_ADDRESS, last)
        return self.on_peer(_pairs.Command("nmap -sT", [*argv, addresses], "Nmap done"))


@contextlib.contextmanager
def _scene(size: Size) -> Iterator[Scene]:
    with Lab() as lab:
        server, peer = lab.host("server"), lab.host("peer")
        lines = ["addr add %s/24 dev eth0" % (_ADDRESS % (_FIRST_ADDRESS + number)) for number in range(size.addresses)]
        server.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n")
        argv = [server.python, "-c", _SERVER, str(_FIRST_PORT), str(_FIRST_PORT + size.ports)]
        with server.popen(argv, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield Scene(server, peer, size)
            process.kill()


def _against_nmap(scene: Scene, pairs: int) -> list[_pairs.Row]:
    rows = []
    # In the sandbox nothing can be written, so that each run would compile what changed since the last one outside.
    subprocess.run([_PYTHON, "-I", "-S", "-c", _COMPILE % _COLLECTIONS], check=True)
    number = scene.size.addresses * scene.size.ports
    for what, opened, limit in (("all open", 1.0, 1.0), ("half refused", 0.5, None)):
        pair = _pairs.compare(scene.ours(what, opened), scene.nmap(opened), pairs)
        rows.append(_pairs.Row("%d targets, %s" % (number, what), "`nmap -sT`", pair, limit))
    return rows


def _dropped(scene: Scene, pairs: int) -> list[_pairs.Row]:
    """Against the timeout itself, by the module's own clock: the start of Python is not what it measures."""
    rules = "table inet lab {\n chain in {\n type filter hook input priority 0\n tcp dport >= 19000 drop\n }\n}\n"
    scene.server.run(["nft", "-f", "-"], input=rules)
    number = scene.size.addresses * scene.size.ports
    targets = [{"host": host, "port": port} for host in scene.addresses() for port in scene.ports(1.0)]
    taken = []
    for _round in range(pairs):
        result = _module.run(scene.peer, "port_probe", {"timeout": _TIMEOUT, "targets": targets})
        if result["summary"]["filtered"] != number:
            raise RuntimeError("%s of %d are filtered" % (result["summary"], number))
        taken.append(result["seconds"])
    rows = [
        _pairs.Row("%d targets, all dropped" % number, "the timeout", _pairs.pair(taken, [_TIMEOUT] * pairs), _OF_THE_TIMEOUT)
    ]
    if shutil.which("nmap"):
        # Once: nmap takes a minute.
        ((ours,), (theirs,)) = _pairs.in_turns([[scene.ours("all dropped", 1.0, answered=False)], [scene.nmap(1.0)]], 1)
        rows.append(_pairs.Row("the same, the whole process", "`nmap -sT`", _pairs.pair(ours, theirs)))
    return rows


def _against_wait_for(scene: Scene) -> list[_pairs.Row]:
    with tempfile.TemporaryDirectory() as home:
        variables = {"ansible_python_interpreter": sys.executable}
        controller = _ansible.Controller(home, variables)
        targets = [{"host": host, "port": port} for host in scene.addresses() for port in scene.ports(1.0)][: scene.size.looped]
        once = {"name": "Probe", "netports.core.port_probe": {"targets": targets}}
        arguments = {"host": "{{ item.host }}", "port": "{{ item.port }}", "timeout": 5}
        looped = {"name": "Wait", "ansible.builtin.wait_for": arguments, "loop": targets}
        net = ["nsenter", "--target=%d" % scene.peer.pid, "--net"]  # the controller's files are the machine's
        commands = [
            command._replace(argv=[*net, *command.argv])
            for command in (controller.playbook("probe", [once], "failed=0"), controller.playbook("loop", [looped], "failed=0"))
        ]
        title = "%d targets, all open, by Ansible" % scene.size.looped
        # Once: 500 modules take minutes.
        ((ours,), (theirs,)) = _pairs.in_turns([[command] for command in commands], 1)
        return [_pairs.Row(title, "a loop of `wait_for`", _pairs.pair(ours, theirs))]


def main() -> None:
    options = _pairs.options(__doc__).parse_args()
    with _scene(_SMALL if options.small else _FULL) as scene:
        rows = []
        if shutil.which("nmap"):
            rows += _against_nmap(scene, options.pairs)
        else:
            print("nmap is not installed: its rows are left out", file=sys.stderr)
        rows += _against_wait_for(scene)
        rows += _dropped(scene, options.pairs)
    _pairs.report(rows, judged=not options.small)


if __name__ == "__main__":
    main()
