# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `netports.core.reach` costs the controller: 100 hosts that each ask the 99 others, as whole processes of ansible-playbook.

    python tests/benchmark/bench_reach.py [--pairs 5] [--small]

Held against a play that runs one module that does nothing on each of these hosts, over the same connection. Twice: over the
connection `local`, where all hosts are one, but the modules run and ask 9,900 real ports; and, without a limit, over a connection
that answers at once and says that all is open (as in bench_site.py), so that no host takes part and only the controller's work is
left.
"""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmark import _ansible, _pairs
from tests.lab.sandbox import Lab

# Every proxy of a mesh connects to those of all others, on the port of the service behind it.
ROLE, PORT = "kuma_dp", 8080
HOSTS, SMALL = 100, 4
SAMPLE = 5
_AT_MOST = 1.20
_AGAINST = "one module that does nothing"

# The kernel completes connections by itself. They are taken between two runs, as other hosts have processors of their own.
_SERVER = """
import socket, sys
listener = socket.create_server(("0.0.0.0", %d), backlog=%d)
listener.setblocking(False)
print("ready", flush=True)
for _line in sys.stdin:
    try:
        while True:
            listener.accept()[0].close()
    except BlockingIOError:
        print("ready", flush=True)
"""


def _hosts(size: int) -> dict[str, dict[str, Any]]:
    return {
        "host%03d" % number: {"netports_addresses": ["198.51.100.%d" % (1 + number)], "netports_site": "rack%d" % (number // 10)}
        for number in range(size)
    }


def _answer(peers: int) -> dict[str, Any]:
    """What port_probe says where all is open."""
    one = {"address": "198.51.100.1", "state": "open", "reason": "it accepts connections", "seconds": 0.0012, "attempts": 1}
    named = {"name": None, "host": "198.51.100.1", "port": PORT, "protocol": "tcp", "expect": "open", "passed": True, "tls": None}
    return {
        "changed": False,
        "failed": False,
        "passed": True,
        "results": [{**named, **one, "addresses": []}] * peers,
        "summary": {"open": peers},
        "seconds": 0.1,
        "notes": [],
    }


def _controller(home: Path, size: int, answer: dict[str, Any] | None) -> _ansible.Controller:
    """Over a connection that has that answer; without one, over `local`."""
    home.mkdir()
    (home / "answer").write_text(json.dumps(answer))
    variables = {
        "ansible_python_interpreter": sys.executable,
        "ansible_pipelining": True,
        "ansible_instant_answer": str(home / "answer"),
        "kuma_dp_ports": {"inbound-service": PORT},
    }
    return _ansible.Controller(str(home), variables, "instant" if answer else "local", {ROLE: _hosts(size)})


def _reach(controller: _ansible.Controller, size: int, sample: int = 0) -> tuple[_pairs.Command, _pairs.Command]:
    """The playbook, and the same with what is planned in its output."""
    options = ("-e", "sample=%d" % sample) if sample else ()
    number = size * (min(sample, size - 1) if sample else size - 1)
    planned = "%d edges of %d pairs of hosts" % (number, number)
    timed = controller.of_collection("reach", "reach", "host%03d" % (size - 1), *options)
    return timed, controller.of_collection("reach, and what it plans", "reach", planned, "-v", *options)


def _nothing(controller: _ansible.Controller, size: int) -> _pairs.Command:
    tasks = [{"name": "Nothing", "nothing": {}}]
    return controller.playbook("a module that does nothing", tasks, "host%03d" % (size - 1))


def _on_the_controller(home: Path, size: int, pairs: int) -> Iterator[_pairs.Row]:
    every, planned = _reach(_controller(home / "all", size, _answer(size - 1)), size)
    some, some_planned = _reach(_controller(home / "some", size, _answer(min(SAMPLE, size - 1))), size, SAMPLE)
    nothing = _nothing(_controller(home / "nothing", size, {"changed": False}), size)
    for command in (planned, some_planned, nothing):
        _pairs.seconds(command)
    ((all_pairs, sample, theirs),) = _pairs.in_turns([[every, some, nothing]], pairs)
    yield _pairs.Row("the controller's part alone", _AGAINST, _pairs.pair(all_pairs, theirs))
    yield _pairs.Row("the same with `sample=%d`" % SAMPLE, _AGAINST, _pairs.pair(sample, theirs))


def _with_modules(home: Path, size: int, pairs: int) -> Iterator[_pairs.Row]:
    controller = _controller(home / "local", size, None)
    with _network(size) as inside:
        every, planned, nothing = map(inside, (*_reach(controller, size), _nothing(controller, size)))
        _pairs.seconds(planned)
        ((ours, theirs),) = _pairs.in_turns([[every, nothing]], pairs)
    yield _pairs.Row("`reach`, %d hosts x %d peers" % (size, size - 1), _AGAINST, _pairs.pair(ours, theirs), _AT_MOST)


@contextlib.contextmanager
def _network(size: int) -> Iterator[Callable[[_pairs.Command], _pairs.Command]]:
    """A network with all addresses and the port open on each; what is yielded puts a command into it."""
    with Lab() as lab:
        host = lab.host("all")
        addresses = [one["netports_addresses"][0] for one in _hosts(size).values() if one["netports_addresses"][0] != host.ipv4]
        host.run(["ip", "-batch", "-"], input="".join("addr add %s/24 dev eth0\n" % address for address in addresses))
        room = size * size
        host.run(["sysctl", "--quiet", "--write", "net.core.somaxconn=%d" % room])
        script = _SERVER % (PORT, room)
        with host.popen([host.python, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdin is not None and process.stdout is not None and process.stdout.readline() == "ready\n"
                take_all = functools.partial(_take_all, process.stdin, process.stdout)
                enter = ["nsenter", "--target=%d" % host.pid, "--net"]
                yield lambda command: command._replace(argv=[*enter, *command.argv], before=take_all)
            finally:
                process.kill()


def _take_all(stdin: TextIO, stdout: TextIO) -> None:
    """Has the server take the connections of the last run."""
    stdin.write("\n")
    stdin.flush()
    assert stdout.readline() == "ready\n"


def measured(size: int, pairs: int) -> Iterator[_pairs.Row]:
    with tempfile.TemporaryDirectory() as directory:
        yield from _with_modules(Path(directory), size, max(1, pairs // 2))
        yield from _on_the_controller(Path(directory), size, pairs)


def main() -> None:
    options = _pairs.options(__doc__, pairs=5).parse_args()
    rows = measured(SMALL, 1) if options.small else measured(HOSTS, options.pairs)
    _pairs.report(list(rows), judged=not options.small)


if __name__ == "__main__":
    main()
