# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as JUnit XML, in the subset that Jenkins' schema (junit-10.xsd) and GitLab's parser have in common. Pure.

A suite is a host, a case is a listener of a role, or an edge of which the host is the source. GitLab tells cases apart by class
and name, and shows of a failure its text alone; Jenkins takes what is before the last dot of a class for its package, which is
the host then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.plugin_utils import _reach, _report, _report_failures
from ansible_collections.netports.core.plugins.plugin_utils._reach import EdgeResult
from ansible_collections.netports.core.plugins.plugin_utils._reach_cause import CAUSES
from ansible_collections.netports.core.plugins.plugin_utils._report import HostResult, ListenerResult, Report, RoleResult
from ansible_collections.netports.core.plugins.plugin_utils._report_failures import Failure

_PASSED = ""
_FAILURE = "failure"
_ERROR = "error"
_SKIPPED = "skipped"


class _Case(NamedTuple):
    """`outcome` is the element within, or empty; `kind` its attribute `type`."""

    classname: str
    name: str
    outcome: str = _PASSED
    kind: str = ""
    message: str = ""
    text: str = ""
    seconds: float | None = None


def render(report: Report) -> str:
    found: dict[str, list[Failure]] = {}
    for failure in _report_failures.of_hosts(report):
        found.setdefault(failure.host, []).append(failure)
    asked: dict[str, list[EdgeResult]] = {}
    for edge in _report.edges(report):
        asked.setdefault(edge["from"], []).append(edge)
    suites = [
        (host, [*_cases(host, found.get(host["host"], [])), *map(_of_edge, asked.get(host["host"], []))])
        for host in report["hosts"]
    ]
    cases = [case for _host, of_host in suites for case in of_host]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<testsuites%s%s>" % (_attribute("name", "netports " + report["playbook"]), _counts(cases)),
    ]
    for host, of_host in suites:
        attributes = _attribute("name", host["host"]) + _counts(of_host) + _attribute("skipped", str(_count(of_host, _SKIPPED)))
        attributes += _attribute("timestamp", report["generated"]) + _attribute("hostname", host["host"])
        lines += ["  <testsuite%s>" % attributes, *(_element(case) for case in of_host), "  </testsuite>"]
    return "\n".join([*lines, "</testsuites>", ""])


def _cases(host: HostResult, failures: list[Failure]) -> Iterator[_Case]:
    name = host["host"]
    for failure in failures:
        if not failure.role:
            yield _Case(name, "host", _ERROR, failure.verdict, failure.reason, _advice(failure))
    if host["state"] in (_report.NOT_RUN, _report.NO_ROLE):
        words = {_report.NOT_RUN: "the run did not come to it", _report.NO_ROLE: "it has no role"}
        yield _Case(name, "host", _SKIPPED, host["state"], _report.shortened(host["msg"]) or words[host["state"]])
    for role in host["roles"]:
        yield from _of_role("%s.%s" % (name, role["role"]), role, [one for one in failures if one.role == role["role"]])


def _of_role(classname: str, role: RoleResult, failures: list[Failure]) -> Iterator[_Case]:
    if role["state"] in (_report.SKIPPED, _report.NOT_RUN):
        yield _Case(classname, "role", _SKIPPED, role["state"], "the role is %s" % role["state"].replace("_", " "))
    if role["allow"] and not role["allow"]["failed"]:
        yield _Case(classname, "port_allow")
    # In the order in which tasks run, which failures keep.
    tasks = ["port_allow"] * bool(role["allow"] and role["allow"]["failed"]) + ["port_verify"]
    for failure in failures:
        if failure.verdict == _report.FAILED:
            yield _Case(classname, tasks.pop(0), _ERROR, failure.verdict, failure.reason, _advice(failure))
        elif not failure.listener:
            yield _Case(classname, failure.reason, _FAILURE, failure.verdict, failure.reason, _advice(failure))
    for listener in role["verify"]["listeners"] if role["verify"] else ():
        yield _of_listener(classname, listener, failures)


def _of_listener(classname: str, listener: ListenerResult, failures: list[Failure]) -> _Case:
    case = _Case(classname, "%s %s" % (listener["name"], _report.port_label(listener)))
    reason = _report.shortened(listener["reason"])
    if listener["failing"]:
        advice = next(_advice(one) for one in failures if (one.listener, one.verdict) == (listener["name"], listener["verdict"]))
        return case._replace(outcome=_FAILURE, kind=listener["verdict"], message=reason, text=advice)
    if listener["verdict"] != _verdict.OK:
        return case._replace(outcome=_SKIPPED, kind=listener["verdict"], message="%s: %s" % (listener["verdict"], reason))
    return case


def _of_edge(edge: EdgeResult) -> _Case:
    """The target is in the name: Jenkins would take parts of it for a package."""
    family = "" if edge["family"] == "any" else " " + edge["family"]
    name = "%s %s %s/%s%s" % (edge["to"], edge["listener"], edge["protocol"], edge["port"], family)
    name += " closed" if edge["expect"] == _reach.CLOSED else ""
    case = _Case("%s.%s" % (edge["from"], edge["role"]), name, seconds=edge["seconds"])
    said = "%s: %s" % (edge["state"], _report.shortened(edge["reason"]))
    if edge["failing"]:
        text = "%s\n%s: %s" % (said, edge["cause"], CAUSES[edge["cause"]].meaning)
        text = "%s\nWhat to do: %s" % (text, edge["remedy"])
        return case._replace(
            outcome=_FAILURE, kind="%s/%s" % (edge["state"], edge["cause"]), message=said, text=text.replace("`", "")
        )
    return case if edge["passed"] else case._replace(outcome=_SKIPPED, kind=edge["state"], message=said)


def _advice(failure: Failure) -> str:
    return "%s: %s\nWhat to do: %s" % (failure.verdict, failure.reason, failure.remedy.replace("`", ""))


def _counts(cases: list[_Case]) -> str:
    numbers = {"tests": len(cases), "failures": _count(cases, _FAILURE), "errors": _count(cases, _ERROR)}
    return "".join(_attribute(name, str(number)) for name, number in numbers.items())


def _count(cases: list[_Case], outcome: str) -> int:
    return sum(case.outcome == outcome for case in cases)


def _element(case: _Case) -> str:
    start = "    <testcase%s%s" % (_attribute("classname", case.classname), _attribute("name", case.name))
    start += "" if case.seconds is None else _attribute("time", "%.4f" % case.seconds)
    if not case.outcome:
        return start + "/>"
    attributes = _attribute("type", case.kind) + _attribute("message", case.message)
    text = "\n".join(escape(_report.plain(line)) for line in case.text.splitlines())
    return "%s><%s%s>%s</%s></testcase>" % (start, case.outcome, attributes, text, case.outcome)


def _attribute(name: str, value: str) -> str:
    return " %s=%s" % (name, quoteattr(_report.plain(value)))
