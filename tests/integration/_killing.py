# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_allow killed at each of its steps, and what the host makes of that."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
from typing import Any, Dict, List, Set, Tuple

from tests.integration import _module
from tests.integration.rigs import Scene, listeners
from tests.lab.sandbox import FAMILIES, Host

_AGENT = pathlib.Path(__file__).with_name("_kill_agent.py")
# Every run goes from one of these to the next, from the last to the first. Where a boot is one, the shorter way.
Station = Tuple[Tuple[str, ...], Dict[str, Any]]
OPEN: Station = (("api", "dns"), {})
OTHERWISE: Station = (("low", "dns"), {})
SHUT: Station = ((), {"state": "absent"})


class Killing:
    """The agent on a host, seen from the test."""

    def __init__(self, host: Host) -> None:
        argv = [host.python, str(_AGENT)]
        self._agent = host.popen(argv, env=_module.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._read() == "ready"

    def close(self) -> None:
        """To be called before a reboot, which would wait for the agent."""
        assert self._agent.stdin is not None
        self._agent.stdin.close()
        self._agent.wait()

    def _read(self) -> str:
        assert self._agent.stdout is not None
        line = self._agent.stdout.readline()
        assert line, "the agent has ended"
        return line.strip()

    def run(self, options: Dict[str, Any], step: int = 0) -> Dict[str, Any]:
        """Run port_allow; it is killed at that step, counted from 1."""
        assert self._agent.stdin is not None
        self._agent.stdin.write(json.dumps({"options": options, "step": step}) + "\n")
        self._agent.stdin.flush()
        answer: Dict[str, Any] = json.loads(self._read())
        return answer


class Journey:
    """Goes from station to station; what was seen once (rules in the kernel, files) is not tried out again."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.runner = Killing(scene.host)
        self._stations = [OPEN, SHUT] if scene.rig.machines else [OPEN, OTHERWISE, SHUT]
        self._reached: Dict[str, Set[str]] = {}
        self._after_boot: Dict[str, Set[str]] = {}
        self.contents: Dict[int, Tuple[str, str]] = {}
        self.expected: Dict[int, Set[str]] = {}
        for station, (names, _options) in enumerate(self._stations):
            self.go(station)
            self.contents[station] = self.seen()
            self.expected[station] = {"admin", *names}
            assert self.reached() == self.expected[station]

    def run(self) -> int:
        """Kill every run at each of its steps; how many steps the longest has."""
        step = 0
        killed = True
        while killed:
            step += 1
            # Each station is the next one's start, so that every one is gone to.
            ways = [self.killed_on_the_way(station, step) for station in range(len(self._stations))]
            killed = True in ways
        return step - 1

    def go(self, station: int, step: int = 0) -> Dict[str, Any]:
        """Run port_allow for the station; killed at that step, if any."""
        names, options = self._stations[station]
        answer = self.runner.run({"listeners": listeners(*names), **options}, step)
        assert answer["killed"] or not answer["result"].get("failed"), answer
        return answer

    def seen(self) -> Tuple[str, str]:
        running, files = self.scene.rig.contents(self.scene.host)
        return "\n".join(sorted(re.sub(r" # handle \d+", "", running).splitlines())), files

    def reached(self) -> Set[str]:
        running = self.seen()[0]
        if running not in self._reached:
            self._reached[running] = self._patiently_reached()
        return self._reached[running]

    def after_boot(self) -> Set[str]:
        files = self.seen()[1]
        if files not in self._after_boot:
            self.runner.close()
            self.scene.reboot()
            self.runner = Killing(self.scene.host)
            self._after_boot[files] = self._patiently_reached()
        return self._after_boot[files]

    def _patiently_reached(self) -> Set[str]:
        """What the rules leave open stays so; a machine too busy to answer does not."""
        found = self.scene.reached()
        known = list(self.expected.values())
        return found if found in known else self.scene.reached(seconds=3)

    def killed_on_the_way(self, station: int, step: int) -> bool:
        """Whether there was such a step on the way from the station before."""
        answer = self.go(station, step)
        if answer["killed"]:
            for found in (self.reached(), self.after_boot()):
                assert self._old_or_new(station, found), (station, step, found)
            self.go(station)
        lines = _differences(self.contents[station], self.seen())
        left = [line for line in lines if not line.endswith(tuple(self.scene.rig.left_when_killed))]
        assert not left, (station, step, left)
        # What is killed in the middle of a command may have been faster.
        return bool(answer["killed"] or answer["steps"] >= step)

    def _old_or_new(self, station: int, found: Set[str]) -> bool:
        expected = (self.expected[(station or len(self._stations)) - 1], self.expected[station])
        if not self.scene.rig.family_by_family:
            return found in expected
        return all({name.split()[0] for name in found if name.split()[-1] != other} in expected for other in FAMILIES)


def _differences(expected: Tuple[str, str], seen: Tuple[str, str]) -> List[str]:
    """The lines that one has and the other has not."""
    before, after = ({line for part in side for line in part.splitlines()} for side in (expected, seen))
    return ["- " + line for line in sorted(before - after)] + ["+ " + line for line in sorted(after - before)]
