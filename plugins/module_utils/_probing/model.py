# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is probed, what was found, and whether that is what was expected. Pure."""

from __future__ import annotations

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

OPEN = "open"
REFUSED = "refused"
FILTERED = "filtered"
UNREACHABLE = "unreachable"
UNRESOLVED = "unresolved"
NO_ANSWER = "no_answer"
ERROR = "error"

# Of a name's addresses the first of these stands for the target: what tells most about the path comes first.
STATES = (OPEN, REFUSED, FILTERED, NO_ANSWER, UNREACHABLE, ERROR, UNRESOLVED)

# The reason of a target that is filtered before a packet has left: no question of the path.
NOT_LET_OUT = "a rule of this host itself does not let it out"


class ProbeError(Exception):
    """The run cannot be made as asked; names the option."""


class Target(NamedTuple):
    """`question` is what is sent; `asked` says whether a service of its kind would answer that."""

    host: str
    port: int
    protocol: str
    expect: str
    name: Optional[str]
    question: bytes
    asked: bool
    token: bytes
    tls: bool


class Finding(NamedTuple):
    """A state, and how it is known."""

    state: str
    reason: str
    tls: Optional[Dict[str, Any]] = None
    fault: str = ""  # why a target that is open is not what it should be


class Outcome(NamedTuple):
    """What was found at one address."""

    address: Optional[str]
    finding: Finding
    seconds: float
    attempts: int

    def as_dict(self) -> Dict[str, Any]:
        return {
            "address": self.address,
            "state": self.finding.state,
            "reason": self.finding.reason,
            "seconds": round(self.seconds, 4),
            "attempts": self.attempts,
        }


def result(target: Target, outcomes: Sequence[Outcome]) -> Dict[str, Any]:
    """One element of the module's `results`. A target is what its best address is."""
    best = outcomes[0] if len(outcomes) == 1 else min(outcomes, key=_rank)
    found: Dict[str, Any] = {
        "name": target.name,
        "host": target.host,
        "port": target.port,
        "protocol": target.protocol,
        "expect": target.expect,
        "passed": passes(target, outcomes),
    }
    found.update(best.as_dict())
    found["tls"] = best.finding.tls
    # An address says no more of itself than that; Ansible searches each word of a result for secrets.
    known = [outcome for outcome in outcomes if outcome.address not in (None, target.host)]
    found["addresses"] = [outcome.as_dict() for outcome in known]
    return found


def _rank(outcome: Outcome) -> Tuple[int, bool]:
    return STATES.index(outcome.finding.state), bool(outcome.finding.fault)


def passes(target: Target, outcomes: Sequence[Outcome]) -> Optional[bool]:
    """Whether it is as expected; None where silence cannot tell."""
    findings = [outcome.finding for outcome in outcomes]
    states = {finding.state for finding in findings}
    silent = NO_ANSWER in states and target.protocol == "udp" and not target.asked
    if target.expect == "open":
        if any(finding.state == OPEN and not finding.fault for finding in findings):
            return True
        return None if silent and OPEN not in states else False
    # What could not be tried is not proven to be closed, and a connection that is taken without the token is one.
    if states & {OPEN, UNRESOLVED, ERROR} or (NO_ANSWER in states and target.protocol == "tcp"):
        return False
    return None if silent else True


def summary(results: Sequence[Dict[str, Any]]) -> Dict[str, int]:
    counts = dict.fromkeys(STATES, 0)
    for each in results:
        counts[each["state"]] += 1
    return counts


def lines(results: Sequence[Dict[str, Any]]) -> List[str]:
    """What did not pass, a line each."""
    return [
        "%s: expected %s, found %s: %s" % (title(each), each["expect"], each["state"], each["reason"])
        for each in results
        if each["passed"] is False
    ]


def title(each: Dict[str, Any]) -> str:
    """`web: app.example:80/tcp (192.0.2.7)`"""
    host = "[%s]" % each["host"] if ":" in each["host"] else each["host"]
    address = each["address"]
    where = "%s:%d/%s" % (host, each["port"], each["protocol"])
    where = where if address in (None, each["host"]) else "%s (%s)" % (where, address)
    return "%s: %s" % (each["name"], where) if each["name"] else where


def verdict(results: Sequence[Dict[str, Any]]) -> Tuple[bool, str]:
    """Whether all passed, and the message where not."""
    failed = lines(results)
    if not failed:
        return True, ""
    shown = failed[:5] + (["and %d more" % (len(failed) - 5)] if len(failed) > 5 else [])
    return False, "%d of %d targets are not as expected: %s" % (len(failed), len(results), "; ".join(shown))
