# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands timed in turns, so that a noisy machine slows down all of them: only their ratios count."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Callable, NamedTuple, Optional


class Command(NamedTuple):
    """`expected` must stand in the output, so that a command which fails or finds nothing is never fast.

    `before` and `after` are called before and after each run, and their time is not counted.
    """

    title: str
    argv: Sequence[str]
    expected: str = ""
    environment: Optional[Mapping[str, str]] = None
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None


class Pair(NamedTuple):
    """The medians of both, and the median of the ratios of the pairs."""

    ours: float
    theirs: float
    ratio: float
    pairs: int


class Row(NamedTuple):
    """`limit`: what the ratio may be at most; None where none was set."""

    what: str
    against: str
    pair: Pair
    limit: Optional[float] = None

    @property
    def kept(self) -> bool:
        return self.limit is None or self.pair.ratio <= self.limit


def seconds(command: Command) -> float:
    """The time of one run. Raises RuntimeError when it does not do what it is timed for."""
    command.before()
    environment = {**os.environ, **(command.environment or {})}
    started = time.perf_counter()
    done = subprocess.run(command.argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False)
    taken = time.perf_counter() - started
    command.after()
    if done.returncode != 0 or command.expected not in done.stdout:
        raise RuntimeError(
            "%s: exit status %d, %r not in its output\n%s%s"
            % (command.title, done.returncode, command.expected, done.stdout[-2000:], done.stderr[-2000:])
        )
    return taken


def in_turns(groups: Sequence[Sequence[Command]], rounds: int) -> list[list[list[float]]]:
    """The times of every command of every group, one a round. A group is run through in its order; every other round
    begins with the last group."""
    times: list[list[list[float]]] = [[[] for _command in group] for group in groups]
    for index in range(rounds):
        order = range(len(groups)) if index % 2 == 0 else reversed(range(len(groups)))
        for group in order:
            for command, taken in zip(groups[group], times[group]):
                taken.append(seconds(command))
    return times


def pair(ours: Sequence[float], theirs: Sequence[float]) -> Pair:
    ratios = [mine / other for mine, other in zip(ours, theirs)]
    return Pair(statistics.median(ours), statistics.median(theirs), statistics.median(ratios), len(ratios))


def compare(ours: Command, theirs: Command, pairs: int) -> Pair:
    """Both commands `pairs` times in turns, the first of a pair changing, after a run of each that is not counted."""
    seconds(ours)
    seconds(theirs)
    ((mine,), (others,)) = in_turns([[ours], [theirs]], pairs)
    return pair(mine, others)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | against | seconds | ratio | at most | |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        times = "%.3f / %.3f" % (row.pair.ours, row.pair.theirs)
        limit, verdict = "", ""
        if row.limit is not None:
            limit, verdict = "%.2f" % row.limit, "kept" if row.kept else "**not kept**"
        lines.append("| %s | %s | %s | %.3f | %s | %s |" % (row.what, row.against, times, row.pair.ratio, limit, verdict))
    return "\n".join(lines)


def options(description: Optional[str], pairs: int = 15) -> argparse.ArgumentParser:
    """What every benchmark can be told. Ends the program where it is not run by root."""
    if os.geteuid() != 0:
        sys.exit("needs root: for namespaces, other users' sockets and firewalls")
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=pairs)
    parser.add_argument("--small", action="store_true", help="little to do: to try the script, not to measure")
    return parser


def report(rows: Sequence[Row], judged: bool) -> None:
    """Print the table and end the program: with an error when a limit was not kept and that is `judged`."""
    print(table(rows))
    sys.exit(0 if not judged or all(row.kept for row in rows) else 1)
