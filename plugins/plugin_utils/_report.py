# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a whole inventory: its data model, and the words that the renderers have in common. Pure.

A report is plain data, the very thing that JSON readers get (docs/report.md). `_report_failures.py` says what is wrong in it, the
other `_report_*.py` render it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypedDict

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.plugin_utils._reach import EdgeResult, ReachResult

VERSION = 1

# States of hosts and of roles.
OK = "ok"
FAILED = "failed"
UNREACHABLE = "unreachable"
NOT_RUN = "not_run"
NO_ROLE = "no_role"
SKIPPED = "skipped"
HOST_STATES = (OK, FAILED, UNREACHABLE, NOT_RUN, NO_ROLE)
ROLE_STATES = (OK, FAILED, SKIPPED, NOT_RUN)


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_LONGEST_REASON = 500


class ListenerResult(TypedDict):
    """One expected listener. `port` is text: a number, a range, or `dynamic`."""

    name: str
    protocol: str
    port: str
    family: str
    bind: str
    optional: bool
    clients: list[str]
    verdict: str
    reason: str
    failing: bool


class VerifyResult(TypedDict):
    """What port_verify said. `unexpected` are sockets that no expectation knows, a line for each."""

    failed: bool
    msg: str
    summary: dict[str, int]
    listeners: list[ListenerResult]
    unexpected: list[str]


class AllowResult(TypedDict):
    """What port_allow said. `enforcing` is None where it is not known. `msg` is why it failed, or what it did but opening."""

    changed: bool
    check_mode: bool
    backend: str
    enforcing: bool | None
    failed: bool
    msg: str


class RoleResult(TypedDict):
    role: str
    version: str
    state: str
    allow: AllowResult | None
    verify: VerifyResult | None


class HostResult(TypedDict):
    host: str
    state: str
    msg: str
    groups: list[str]
    roles: list[RoleResult]


# "from" is a keyword of Python. It is a role or another client; `external` says that no host of the report is one.
Connection = TypedDict("Connection", {"from": str, "to": str, "listeners": list[str], "external": bool})


class Summary(TypedDict):
    """Hosts by state, and listeners by verdict; every verdict has a count."""

    hosts: int
    ok: int
    failed: int
    unreachable: int
    not_run: int
    no_role: int
    verdicts: dict[str, int]


class _EveryReport(TypedDict):
    netports_report: int
    playbook: str
    generated: str
    summary: Summary
    hosts: list[HostResult]
    connections: list[Connection]


class Report(_EveryReport, total=False):
    """`reach` is there when the playbook asked who reaches whom."""

    reach: ReachResult


class Explanation(NamedTuple):
    """What a verdict or a cause says, and what to do about it."""

    meaning: str
    remedy: str


def build(
    playbook: str,
    generated: str,
    hosts: Sequence[HostResult],
    connections: Sequence[Connection],
    reach: ReachResult | None = None,
) -> Report:
    """The report of these results; the summary is counted here, so that it always agrees with them."""
    report: Report = {
        "netports_report": VERSION,
        "playbook": playbook,
        "generated": generated,
        "summary": summary(hosts),
        "hosts": list(hosts),
        "connections": list(connections),
    }
    if reach is not None:
        report["reach"] = reach
    return report


def summary(hosts: Sequence[HostResult]) -> Summary:
    states = dict.fromkeys(HOST_STATES, 0)
    verdicts = dict.fromkeys(_verdict.VERDICTS, 0)
    for host in hosts:
        states[host["state"]] += 1
        for role in host["roles"]:
            for verdict, count in counts(role).items():
                verdicts[verdict] += count
    return {
        "hosts": len(hosts),
        "ok": states[OK],
        "failed": states[FAILED],
        "unreachable": states[UNREACHABLE],
        "not_run": states[NOT_RUN],
        "no_role": states[NO_ROLE],
        "verdicts": verdicts,
    }


def counts(role: RoleResult) -> dict[str, int]:
    """The listeners of a role by verdict."""
    return role["verify"]["summary"] if role["verify"] else {}


def counts_text(said: Mapping[str, int]) -> str:
    """The counts that are not zero, in the order of the verdicts: `6 ok, 1 absent`."""
    return ", ".join("%d %s" % (said[verdict], verdict) for verdict in _verdict.VERDICTS if said.get(verdict))


def port_label(listener: ListenerResult) -> str:
    return "%s/%s" % (listener["protocol"], listener["port"])


def firewall_text(allow: AllowResult | None) -> str:
    """What became of the host firewall, in a few words; nothing where it was not asked."""
    if allow is None:
        return ""
    if allow["failed"]:
        return "failed"
    changed = "unchanged"
    if allow["changed"]:
        changed = "would change" if allow["check_mode"] else "changed"
    words = [allow["backend"], changed, shortened(allow["msg"])] + ["not enforcing"] * (allow["enforcing"] is False)
    return ", ".join(word for word in words if word)


def listeners(report: Report) -> Iterator[tuple[HostResult, RoleResult, ListenerResult]]:
    for host in report["hosts"]:
        for role in host["roles"]:
            for listener in role["verify"]["listeners"] if role["verify"] else ():
                yield host, role, listener


def edges(report: Report) -> list[EdgeResult]:
    return report["reach"]["edges"] if "reach" in report else []


def plain(text: str) -> str:
    """Text of an inventory or a host as one line that no terminal, browser or parser acts upon.

    Control characters, halves of surrogate pairs, what XML forbids, and what turns the direction of writing are replaced.
    """
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))


def shortened(text: str) -> str:
    """The beginning of a message, in one line."""
    line = plain(text)
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 4].rstrip() + " ..."


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts host2 before host10."""
    return [(int(part), "") if part.isdigit() and part.isascii() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def headline(report: Report) -> str:
    """`300 hosts: 290 ok, 8 failed, 2 unreachable`, and of a report of reach `; 900 edges: 895 as expected, 5 broken`."""
    said = report["summary"]
    words = {OK: "ok", FAILED: "failed", UNREACHABLE: "unreachable", NOT_RUN: "not run", NO_ROLE: "without a role"}
    counted = dict(zip(HOST_STATES, (said["ok"], said["failed"], said["unreachable"], said["not_run"], said["no_role"])))
    text = _counted(said["hosts"], "host", {words[state]: counted[state] for state in HOST_STATES})
    return text + "; " + _edges_text(report["reach"]) if "reach" in report else text


def _edges_text(reach: ReachResult) -> str:
    found = reach["edges"]
    kinds = {
        "as expected": sum(edge["passed"] is True for edge in found),
        "broken": sum(edge["failing"] for edge in found),
        "broken and optional": sum(edge["passed"] is False and not edge["failing"] for edge in found),
        "not known": sum(edge["passed"] is None for edge in found),
    }
    return _counted(len(found), "edge", kinds)


def _counted(count: int, word: str, kinds: Mapping[str, int]) -> str:
    parts = ["%d %s" % (number, kind) for kind, number in kinds.items() if number]
    return plural(count, word) + (": " + ", ".join(parts) if parts else "")


def plural(count: int, word: str) -> str:
    return "%d %s%s" % (count, word, "" if count == 1 else "s")


def passed(report: Report) -> bool:
    """Whether nothing is wrong, and something was looked at."""
    said = report["summary"]
    return not said["failed"] and not said["unreachable"] and not said["not_run"]


def names(values: Iterable[str], limit: int) -> str:
    """A list of names that stays short: `a, b and 7 more`."""
    known = list(values)
    text = ", ".join(known[:limit])
    return "%s and %d more" % (text, len(known) - limit) if len(known) > limit else text
