# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Product versions, ranges of them, and which release of the spec stands for a version. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils._listener import Problem

Version = tuple[int, ...]
# A place between versions: (version, 0) is just before it, (version, 1) just after.
Cut = tuple[tuple[float, ...], int]

_VERSION = re.compile(r"^[0-9]+(\.[0-9]+)*$")
_TERM = re.compile(r"^(>=|<=|>|<|==|=)\s*([0-9]+(?:\.[0-9]+)*)$")
_LOWEST: Cut = ((), 0)
_HIGHEST: Cut = ((float("inf"),), 0)


def parts(value: Any) -> Version:
    """The numbers of a version as written. Raises Problem with an empty path for anything but a string of them."""
    if not isinstance(value, str):
        # YAML reads 2.10 as the number 2.1: what was meant cannot be told any more.
        raise Problem("", "%r is not a string; quote the version, such as '2.10'" % (value,))
    text = value.strip()
    if not _VERSION.match(text):
        raise Problem("", "%r is not a version; give numbers and dots, such as '2.10'" % (value,))
    return tuple(int(part) for part in text.split("."))


def parse_version(value: Any) -> Version:
    """A version for comparison: missing parts count as zero, so trailing zeros are cut off."""
    numbers = list(parts(value))
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


class Interval(NamedTuple):
    low: Cut
    high: Cut


class Range(NamedTuple):
    """A set of versions: the union of its intervals. `text` is how it was written, None for all versions."""

    text: str | None
    intervals: tuple[Interval, ...]

    def holds(self, version: Version) -> bool:
        return any(low <= (version, 0) and (version, 1) <= high for low, high in self.intervals)

    def overlaps(self, other: Range) -> bool:
        """Is there a version in both?"""
        return any(
            max(mine.low, theirs.low) < min(mine.high, theirs.high) for mine in self.intervals for theirs in other.intervals
        )


EVERY = Range(None, (Interval(_LOWEST, _HIGHEST),))


def parse_range(value: Any) -> Range:
    """A Range from `>=2.5.10,<2.6 || >=2.6.11`. Raises Problem with an empty path."""
    if not isinstance(value, str) or not value.strip():
        raise Problem("", "%r is not a range of versions; write it as a string, such as '>=2.1,<3'" % (value,))
    return Range(value, tuple(_interval(alternative, value) for alternative in value.split("||")))


def _interval(alternative: str, whole: str) -> Interval:
    low, high = _LOWEST, _HIGHEST
    for term in alternative.split(","):
        match = _TERM.match(term.strip())
        if not match:
            raise Problem(
                "",
                "%r in %r is not a comparison; write >=, >, <, <= or = and a version, such as '>=2.1,<3'" % (term.strip(), whole),
            )
        operator, version = match.group(1), parse_version(match.group(2))
        before, after = (version, 0), (version, 1)
        if operator in (">=", "=", "=="):
            low = max(low, before)
        if operator == ">":
            low = max(low, after)
        if operator == "<":
            high = min(high, before)
        if operator in ("<=", "=", "=="):
            high = min(high, after)
    if low >= high:
        raise Problem("", "no version is in %r" % (alternative.strip(),))
    return Interval(low, high)


class Selected(NamedTuple):
    """The version that ranges are asked about, and what people must know about the choice."""

    version: str
    warning: str | None


def select(version: Any, releases: Sequence[str]) -> Selected:
    """Which version of the spec stands for `version`; `releases` ascend. Raises Problem with an empty path."""
    wanted, numbers = parse_version(version), parts(version)
    version = version.strip()
    for release in releases:
        if parse_version(release) == wanted or numbers[: len(parts(release))] == parts(release):
            return Selected(version, None)
    older = [release for release in releases if parse_version(release) < wanted]
    if not older:
        raise Problem("", "%s is older than the spec knows; it knows %s" % (version, ", ".join(releases)))
    if older[-1] == releases[-1]:
        return Selected(older[-1], "version %s is newer than the spec knows; using the listeners of %s" % (version, older[-1]))
    return Selected(
        older[-1], "version %s is not a release that the spec knows; using the listeners of %s" % (version, older[-1])
    )
