# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two commands timed in turns, so that a noisy machine slows down both: only their ratio counts."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional


class Command(NamedTuple):
    """`expected` must stand in the output, so that a command which fails or finds nothing is never fast."""

    title: str
    argv: Sequence[str]
    expected: str = ""
    environment: Optional[Mapping[str, str]] = None


class Pair(NamedTuple):
    """The medians of both, and the median of the ratios of the pairs."""

    ours: float
    theirs: float
    ratio: float
    pairs: int


class Row(NamedTuple):
    what: str
    against: str
    pair: Pair
    limit: float

    @property
    def kept(self) -> bool:
        return self.pair.ratio <= self.limit


def seconds(command: Command) -> float:
    """The time of one run. Raises RuntimeError when it does not do what it is timed for."""
    environment = {**os.environ, **(command.environment or {})}
    started = time.perf_counter()
    done = subprocess.run(command.argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False)
    taken = time.perf_counter() - started
    if done.returncode != 0 or command.expected not in done.stdout:
        raise RuntimeError(
            "%s: exit status %d, %r not in its output\n%s%s"
            % (command.title, done.returncode, command.expected, done.stdout[-2000:], done.stderr[-2000:])
        )
    return taken


def compare(ours: Command, theirs: Command, pairs: int) -> Pair:
    """Both commands `pairs` times in turns, the first of a pair changing, after a run of each that is not counted."""
    seconds(ours)
    seconds(theirs)
    times: list[tuple[float, float]] = []
    for index in range(pairs):
        if index % 2:
            second = seconds(theirs)
            times.append((seconds(ours), second))
        else:
            times.append((seconds(ours), seconds(theirs)))
    return Pair(
        statistics.median(mine for mine, _other in times),
        statistics.median(other for _mine, other in times),
        statistics.median(mine / other for mine, other in times),
        pairs,
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | against | seconds | ratio | at most | |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        times = "%.3f / %.3f" % (row.pair.ours, row.pair.theirs)
        verdict = "kept" if row.kept else "**not kept**"
        lines.append("| %s | %s | %s | %.3f | %.2f | %s |" % (row.what, row.against, times, row.pair.ratio, row.limit, verdict))
    return "\n".join(lines)
