# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a whole inventory: its data model, and what the renderers have in common. Pure.

A report is plain data, the very thing that JSON readers get (docs/report.md). `_report_*.py` render it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypedDict

from ansible_collections.netports.core.plugins.module_utils import _verdict

VERSION = 1
PLAYBOOKS = ("site", "verify", "preflight")

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


class Report(TypedDict):
    netports_report: int
    playbook: str
    generated: str
    summary: Summary
    hosts: list[HostResult]
    connections: list[Connection]


class Explanation(NamedTuple):
    """What a verdict says, and what to do about it."""

    meaning: str
    remedy: str


# docs/concepts.md has the same table, and a test that compares the two.
EXPLANATIONS = {
    _verdict.OK: Explanation("a socket serves it as the spec says", ""),
    _verdict.ABSENT: Explanation(
        "nothing serves it; fails unless the listener is optional",
        "start the service; if it moved, set the role's `_ports` or `_product_config`",
    ),
    _verdict.EXPOSED: Explanation(
        "it should be loopback only and is reachable from outside", "fix the bind address in the product's configuration"
    ),
    _verdict.CONFINED: Explanation(
        "it is bound narrower than needed: loopback, one family, another VRF",
        "fix the bind address; for a VRF run the service in the right one",
    ),
    _verdict.WRONG_OWNER: Explanation(
        "another process holds the port", "the reason names it, and `port_info` tells its pid; move or stop it"
    ),
    _verdict.TAKEN: Explanation(
        "`state: free` and something holds it already", "move or stop what holds it before you install; the reason names it"
    ),
    _verdict.SHUT: Explanation("it listens, and the host firewall does not admit it", "run the role, or `port_allow`"),
    _verdict.UNVERIFIABLE: Explanation(
        "the evidence cannot tell; never a failure, always counted",
        "the reason says what was missing: run with `become`, use `gather: auto`, probe from another host",
    ),
    _verdict.UNEXPECTED: Explanation(
        "a listener that the spec does not know", "add it to `tolerate`, to a spec of yours, or stop it"
    ),
}
# What failures that are no verdicts ask for. A task names its own cure in its message.
_UNREACHABLE_REMEDY = "check its address, the network and the credentials: `ansible HOST -m ping`"
_TASK_REMEDY = "the reason is the message of the task that failed; set right what it names, and run again"

# What failures are sorted by: what hides other results first, then what outsiders may use, then what does not work.
_URGENCY = (
    UNREACHABLE,
    FAILED,
    _verdict.EXPOSED,
    _verdict.WRONG_OWNER,
    _verdict.TAKEN,
    _verdict.ABSENT,
    _verdict.CONFINED,
    _verdict.SHUT,
    _verdict.UNEXPECTED,
)


class Failure(NamedTuple):
    """One thing that is wrong. `verdict` may be `failed` or `unreachable`; what is not about one role or listener has ""."""

    host: str
    role: str
    listener: str
    port: str
    verdict: str
    reason: str

    @property
    def remedy(self) -> str:
        if self.verdict in EXPLANATIONS:
            return EXPLANATIONS[self.verdict].remedy
        return _UNREACHABLE_REMEDY if self.verdict == UNREACHABLE else _TASK_REMEDY


def build(playbook: str, generated: str, hosts: Sequence[HostResult], connections: Sequence[Connection]) -> Report:
    """The report of these results; the summary is counted here, so that it always agrees with them."""
    return {
        "netports_report": VERSION,
        "playbook": playbook,
        "generated": generated,
        "summary": summary(hosts),
        "hosts": list(hosts),
        "connections": list(connections),
    }


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


def failures(report: Report) -> list[Failure]:
    """All that is wrong, the most urgent kind first, then by host. A failed host has at least one."""
    found = [failure for host in report["hosts"] for failure in _failures_of(host)]
    return sorted(found, key=lambda failure: (_urgency(failure.verdict), natural(failure.host), failure.role))


class Group(NamedTuple):
    """The hosts on which the same is wrong. `failure` is that of the first."""

    failure: Failure
    hosts: list[str]


def grouped(report: Report) -> list[Group]:
    """All that is wrong, in the order of `failures`, each thing once with its hosts."""
    groups: dict[Failure, Group] = {}
    for failure in failures(report):
        groups.setdefault(failure._replace(host=""), Group(failure, [])).hosts.append(failure.host)
    return list(groups.values())


def unverified(report: Report) -> list[Group]:
    """What could not be told, each thing once with its hosts, what is so on the most hosts first."""
    groups: dict[Failure, Group] = {}
    for host, role, listener in listeners(report):
        if listener["verdict"] == _verdict.UNVERIFIABLE:
            what = _of_listener("", role, listener)
            groups.setdefault(what, Group(what, [])).hosts.append(host["host"])
    return sorted(groups.values(), key=lambda group: -len(group.hosts))


def _urgency(verdict: str) -> int:
    return _URGENCY.index(verdict) if verdict in _URGENCY else len(_URGENCY)


def _failures_of(host: HostResult) -> list[Failure]:
    found = [failure for role in host["roles"] for failure in _failures_of_role(host["host"], role)]
    if host["state"] == UNREACHABLE or (host["state"] == FAILED and not found):
        reason = shortened(host["msg"]) or "the run does not tell why"
        return [Failure(host["host"], "", "", "", host["state"], reason), *found]
    return found


def _failures_of_role(host: str, role: RoleResult) -> Iterator[Failure]:
    allow, verify = role["allow"], role["verify"]
    if allow and allow["failed"]:
        yield Failure(host, role["role"], "", "", FAILED, shortened(allow["msg"]))
    if verify is None:
        return
    failing = [listener for listener in verify["listeners"] if listener["failing"]]
    for listener in failing:
        yield _of_listener(host, role, listener)
    strangers = unexpected_failing(verify)
    for line in strangers:
        yield Failure(host, role["role"], "", "", _verdict.UNEXPECTED, line)
    if verify["failed"] and not failing and not strangers:
        yield Failure(host, role["role"], "", "", FAILED, shortened(verify["msg"]))


def _of_listener(host: str, role: RoleResult, listener: ListenerResult) -> Failure:
    reason = shortened(listener["reason"])
    return Failure(host, role["role"], listener["name"], port_label(listener), listener["verdict"], reason)


def unexpected_failing(verify: VerifyResult) -> list[str]:
    """The unexpected sockets, if they fail the verification: its message names them then, and it alone tells."""
    named = any(line.startswith("%s: " % _verdict.UNEXPECTED) for line in verify["msg"].splitlines())
    return verify["unexpected"] if verify["failed"] and named else []


def listeners(report: Report) -> Iterator[tuple[HostResult, RoleResult, ListenerResult]]:
    for host in report["hosts"]:
        for role in host["roles"]:
            for listener in role["verify"]["listeners"] if role["verify"] else ():
                yield host, role, listener


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
    """`300 hosts: 290 ok, 8 failed, 2 unreachable`."""
    said = report["summary"]
    words = {OK: "ok", FAILED: "failed", UNREACHABLE: "unreachable", NOT_RUN: "not run", NO_ROLE: "without a role"}
    counted = dict(zip(HOST_STATES, (said["ok"], said["failed"], said["unreachable"], said["not_run"], said["no_role"])))
    parts = ["%d %s" % (counted[state], words[state]) for state in HOST_STATES if counted[state]]
    return plural(said["hosts"], "host") + (": " + ", ".join(parts) if parts else "")


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
