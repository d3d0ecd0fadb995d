# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs port_allow on a host again and again, each time in a fork that may be killed at a step of its work.

A step is what changes the host: a file opened to write, renamed or removed, and a command of `Effects.change`, which
makes four: before it, in the middle of it alone, in the middle with the command, after it. The run is killed at the step
of the number that it is given; how many there were is known when it was not.

An agent and not a process for each run: that spares the imports, and the test makes hundreds of runs.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import random
import signal
import sys
import threading
from typing import Any, Dict, Sequence

_MODULE_UTILS = "ansible_collections.netports.core.plugins.module_utils"
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")
_PR_SET_CHILD_SUBREAPER = 36


class Steps:
    """Counts the steps of this process, and kills it at one of them."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def step(self) -> bool:
        self.count += 1
        return self.count == self._last

    def audit(self, event: str, arguments: Sequence[Any]) -> None:
        if event == "open":
            changes = isinstance(arguments[0], str) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            changes = changes and not arguments[0].startswith(("/dev/", "/proc/"))
        else:
            changes = event in _CHANGES
        if changes and self.step():
            die()

    def around(self, change: Any) -> Any:
        def stepped(effects: Any, *arguments: Any) -> Any:
            if self.step():
                die()
            for with_command in (False, True):
                if self.step():
                    # Somewhere in it: the same moment of the same step in every run of the tests, as far as clocks go.
                    moment = random.Random(self.count).uniform(0, 0.03)
                    threading.Timer(moment, die_all if with_command else die).start()
            answer = change(effects, *arguments)
            if self.step():
                die()
            return answer

        return stepped


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_all() -> None:
    os.killpg(0, signal.SIGKILL)


def run(order: Dict[str, Any]) -> Dict[str, Any]:
    """The module's result, `killed`, and how many steps it came to."""
    output, counted = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        _run_module(order, output[1], counted[1])
    os.close(output[1])
    os.close(counted[1])
    with os.fdopen(output[0]) as file, os.fdopen(counted[0]) as count:
        printed, steps = file.read(), count.read()
    status = os.waitpid(child, 0)[1]
    while True:  # what a killed run had started comes to its end by itself
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    if os.WIFSIGNALED(status):
        return {"killed": True}
    return {"killed": False, "steps": int(steps), "result": json.loads(printed)}


def _run_module(order: Dict[str, Any], output: int, counted: int) -> None:
    os.setpgrp()
    os.dup2(output, 1)
    basic = importlib.import_module("ansible.module_utils.basic")
    vars(basic).update(_ANSIBLE_ARGS=json.dumps({"ANSIBLE_MODULE_ARGS": order["options"]}).encode(), _ANSIBLE_PROFILE="legacy")
    steps = Steps(order["step"])
    effects = importlib.import_module(_MODULE_UTILS + "._run").Effects
    effects.change = steps.around(effects.change)
    sys.addaudithook(steps.audit)
    try:
        importlib.import_module("ansible_collections.netports.core.plugins.modules.port_allow").main()
    except SystemExit:
        pass
    finally:
        sys.stdout.flush()
        os.write(counted, b"%d" % steps.count)
        os._exit(0)


def main() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for module in pkgutil.walk_packages(importlib.import_module(_MODULE_UTILS).__path__, _MODULE_UTILS + "."):
        importlib.import_module(module.name)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
