# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The body of port_verify: its options, the loop that waits, and the result.

Where the evidence comes from is the caller's: the module reads the host that it runs on, the action plugin reads text.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _spec_options, _tolerate, _verdict
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem
from ansible_collections.netports.core.plugins.module_utils._socket_table import SocketTable

GATHER = ("auto", "sock_diag", "proc", "ss", "netstat", "raw")

Gather = Callable[[], SocketTable]
FindOwners = Callable[[SocketTable, Mapping[int, Sequence[str]]], SocketTable]


def verify_arguments() -> Dict[str, Dict[str, Any]]:
    """The argument spec of port_verify's own options."""
    return {
        "state": {"type": "str", "default": _verdict.LISTENING, "choices": list(_verdict.STATES)},
        "unexpected": {"type": "str", "default": "ignore", "choices": list(_verdict.UNEXPECTED_MODES)},
        "tolerate": {"type": "list", "elements": "str", "default": []},
        "check_process": {"type": "bool", "default": True},
        "check_firewall": {"type": "bool", "default": False},
        **_spec_options.client_arguments(),
        "timeout": {"type": "float", "default": 0},
        "interval": {"type": "float", "default": 1},
        "gather": {"type": "str", "default": "auto", "choices": list(GATHER)},
        "capture": {"type": "raw"},
        "network_namespace": {"type": "str"},
    }


class Options(NamedTuple):
    """What to judge, and how long to wait until it passes."""

    state: str
    unexpected: str
    tolerate: Tuple[str, ...]
    check_process: bool
    timeout: float
    interval: float
    diff: bool


def parse_options(params: Mapping[str, Any], diff: bool = False) -> Options:
    """Options from a module's parameters. Raises Problem, which names the option."""
    if not 0 <= params["timeout"] < float("inf"):
        raise Problem("timeout", "%s is not a number of seconds" % params["timeout"])
    if not 0 < params["interval"] < float("inf"):
        raise Problem("interval", "%s is not a number of seconds above 0" % params["interval"])
    if params["check_firewall"] and params["state"] == _verdict.FREE:
        raise Problem("check_firewall", "goes with state: listening; a free port has nothing to admit")
    _tolerate.parse_tolerate(params["tolerate"])
    return Options(
        state=params["state"],
        unexpected=params["unexpected"],
        tolerate=tuple(params["tolerate"]),
        check_process=params["check_process"],
        timeout=params["timeout"],
        interval=params["interval"],
        diff=diff,
    )


def verify(
    gather: Gather,
    find_owners: FindOwners,
    listeners: Sequence[Listener],
    options: Options,
    clock: Any,
    admissions: Optional[Mapping[str, Any]] = None,
) -> Dict[str, Any]:
    """Judge until all passes or `timeout` seconds are over: one loop for all listeners. The result of the module.

    `clock` has `monotonic()` and `sleep(seconds)`, as the module `time` has. Errors of gathering are the caller's.
    """
    started = clock.monotonic()
    while True:
        table = gather()
        asked: Dict[str, Any] = {"state": options.state, "check_process": options.check_process, "unexpected": options.unexpected}
        wanted = _verdict.owners_wanted(listeners, table, **asked)
        if wanted:
            table = find_owners(table, wanted)
        judgement = _verdict.judge(listeners, table, tolerate=options.tolerate, admissions=admissions, **asked)
        waited = clock.monotonic() - started
        if not judgement.failed or waited >= options.timeout:
            return _result(judgement, table, waited, options.diff)
        # The last look falls on the end of the timeout, not before it.
        clock.sleep(min(options.interval, options.timeout - waited))


def _result(judgement: _verdict.Judgement, table: SocketTable, waited: float, diff: bool) -> Dict[str, Any]:
    result: Dict[str, Any] = {
        "changed": False,
        "failed": judgement.failed,
        "msg": "\n".join(_message(judgement)),
        "listeners": [finding.as_dict() for finding in judgement.findings],
        "unexpected": [sock.as_dict() for sock in judgement.unexpected],
        "summary": judgement.summary(),
        "report": _verdict.report(judgement),
        "gathered_by": table.gathered_by,
        "notes": list(table.notes),
        "waited": round(waited, 1),
    }
    if diff:
        result["diff"] = _diff(judgement)
    return result


def _message(judgement: _verdict.Judgement) -> List[str]:
    """What is wrong, one line each; the counts where nothing is."""
    lines = [
        "%s (%s): %s: %s" % (finding.listener.name, _verdict.port_label(finding.listener), finding.verdict, finding.reason)
        for finding in judgement.findings
        if finding.failed
    ]
    wrong = len(lines)
    if judgement.unexpected_mode == "fail":
        lines += ["unexpected: %s" % _stranger(sock) for sock in judgement.unexpected]
    counts = ", ".join("%d %s" % (count, verdict) for verdict, count in judgement.summary().items() if count)
    head = "%d of %d listeners %s as expected" % (wrong, len(judgement.findings), "is not" if wrong == 1 else "are not")
    if not lines:
        return [counts or "no listener is expected"]
    return ["%s (%s)" % (head, counts) if wrong else "%d unexpected (%s)" % (len(judgement.unexpected), counts)] + lines


def _stranger(sock: Any) -> str:
    return "%s/%d on %s" % (sock.protocol, sock.port, _verdict.observed_text((sock,)))


def _diff(judgement: _verdict.Judgement) -> Dict[str, str]:
    """The expected table and the seen one; what is as expected, or cannot be told, reads the same in both."""
    before, after = [], []
    for finding in judgement.findings:
        listener = finding.listener
        head = "%s %s: " % (_verdict.port_label(listener), listener.name)
        expected = head + _verdict.expected_text(listener, judgement.state)
        before.append(expected)
        if not finding.failed:
            after.append(expected)
        elif finding.verdict != _verdict.ABSENT:
            after.append("%s%s (%s)" % (head, _verdict.observed_text(finding.sockets), finding.verdict))
    after += ["%s (unexpected)" % _stranger(sock) for sock in judgement.unexpected]
    return {
        "before_header": "expected",
        "after_header": "seen",
        "before": "".join(line + "\n" for line in before),
        "after": "".join(line + "\n" for line in after),
    }
