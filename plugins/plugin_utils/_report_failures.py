# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong in a report, in the order in which people should look at it, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.plugin_utils._reach import EdgeResult
from ansible_collections.netports.core.plugins.plugin_utils._reach_cause import CAUSES
from ansible_collections.netports.core.plugins.plugin_utils._report import (
    FAILED,
    UNREACHABLE,
    Explanation,
    ListenerResult,
    Report,
    RoleResult,
    VerifyResult,
    edges,
    listeners,
    natural,
    port_label,
    shortened,
)

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
# What failures that are no verdicts mean and ask for. A task names its own cure in its message.
_OF_HOSTS = {
    UNREACHABLE: Explanation(
        "Ansible could not log in", "check its address, the network and the credentials: `ansible HOST -m ping`"
    ),
    FAILED: Explanation(
        "a task failed, so that not all was done or looked at",
        "the reason is the message of the task that failed; set right what it names, and run again",
    ),
}

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
    *CAUSES,
)


class Failure(NamedTuple):
    """One thing that is wrong. `verdict` may be `failed` or `unreachable`; what is not about one role or listener has "".

    An edge that is broken is of its source, has a `target`, whose are role and listener, and its cause for a verdict.
    """

    host: str
    role: str
    listener: str
    port: str
    verdict: str
    reason: str
    target: str = ""

    @property
    def explanation(self) -> Explanation:
        known = CAUSES if self.target else EXPLANATIONS
        return known[self.verdict] if self.verdict in known else _OF_HOSTS[self.verdict]

    @property
    def remedy(self) -> str:
        return self.explanation.remedy


class Group(NamedTuple):
    """The hosts on which the same is wrong. `failure` is that of the first."""

    failure: Failure
    hosts: list[str]


def failures(report: Report) -> list[Failure]:
    """All that is wrong, the most urgent kind first, then by host. A failed host has at least one."""
    broken = [edge for edge in edges(report) if edge["failing"]]
    return _sorted([*_of_hosts(report, {edge["from"] for edge in broken}), *map(_of_edge, broken)])


def of_hosts(report: Report) -> list[Failure]:
    """The failures that are no broken edges."""
    return _sorted(_of_hosts(report, {edge["from"] for edge in edges(report) if edge["failing"]}))


def grouped(report: Report) -> list[Group]:
    """The failures that are no broken edges, in their order, each thing once with its hosts."""
    groups: dict[Failure, Group] = {}
    for failure in of_hosts(report):
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


def _sorted(found: Iterable[Failure]) -> list[Failure]:
    return sorted(found, key=lambda one: (_urgency(one.verdict), natural(one.host), one.role, natural(one.target)))


def _urgency(verdict: str) -> int:
    return _URGENCY.index(verdict) if verdict in _URGENCY else len(_URGENCY)


def _of_edge(edge: EdgeResult) -> Failure:
    port = "%s/%s" % (edge["protocol"], edge["port"])
    return Failure(edge["from"], edge["role"], edge["listener"], port, edge["cause"], shortened(edge["reason"]), edge["to"])


def _of_hosts(report: Report, explained: set[str]) -> Iterator[Failure]:
    """`explained` are the hosts of which broken edges tell why they failed."""
    for host in report["hosts"]:
        found = [failure for role in host["roles"] for failure in _of_role(host["host"], role)]
        # A role that failed without a task of its own is told by the host alone.
        itself = any(role["state"] == FAILED for role in host["roles"])
        untold = host["state"] == FAILED and not found and (itself or host["host"] not in explained)
        if host["state"] == UNREACHABLE or untold:
            reason = shortened(host["msg"]) or "the run does not tell why"
            yield Failure(host["host"], "", "", "", host["state"], reason)
        yield from found


def _of_role(host: str, role: RoleResult) -> Iterator[Failure]:
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
