# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what hosts found to the edges and the hosts of a report, and to what the targets of broken edges are to be asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

from ansible_collections.netports.core.plugins.module_utils import _address
from ansible_collections.netports.core.plugins.module_utils._probing import model
from ansible_collections.netports.core.plugins.plugin_utils import _reach, _reach_cause, _report, _report_collect
from ansible_collections.netports.core.plugins.plugin_utils._reach import EdgeResult, Evidence, HostData, Listening
from ansible_collections.netports.core.plugins.plugin_utils._reach_plan import TargetPlan
from ansible_collections.netports.core.plugins.plugin_utils._report import HostResult, RoleResult

# Of a result of port_probe, what an edge has.
KEYS = ("passed", "state", "reason", "address", "seconds", "attempts", "tls")
# The states in which what the target says makes a difference.
_ASKED_ABOUT = (model.REFUSED, model.FILTERED, model.NO_ANSWER)

NOT_COME = "the run has not come to the asking host"
NOT_REACHED = "Ansible could not reach the asking host"
NOT_HELD_IN_CHECK_MODE = "nothing is held in check mode, so that there is nothing to reach"
NOT_ASKED = "the target was not asked"

Key = tuple[str, str, str]  # target, role, listener
Listenings = Mapping[str, Mapping[str, Listening]]


class Visit(NamedTuple):
    """What became of the tasks of a host. `come`: there was a run for it. `unreachable`: None, or what Ansible said."""

    come: bool
    unreachable: str | None = None
    failed: str = ""


class AskPlan(TypedDict):
    """What port_verify is asked on a target: each broken edge is a listener of its own, whose client is the host that asked.

    `edges` are, by these names: role, listener, family and source.
    """

    listeners: list[dict[str, Any]]
    clients: dict[str, list[str]]
    edges: dict[str, list[str]]


# --- edges -------------------------------------------------------------------------------------------------------------------


def edges(planned: Sequence[Mapping[str, Any]], found: Mapping[str, Any] | None, visit: Visit) -> list[EdgeResult]:
    """What became of the edges of one source; `found` is `results` of port_probe, or a `problem`. Causes are not told yet."""
    if visit.unreachable is None and not visit.failed and found is not None and "results" in found:
        return [_edge(known, [found["results"][index] for index in known["asks"]]) for known in planned]
    problem = visit.failed or (found or {}).get("problem", "")
    if problem and visit.unreachable is None:
        nothing = _nothing(model.ERROR, str(problem), passed=False)
    else:
        skipped = (found or {}).get("skipped", "")
        nothing = _nothing(_reach.NOT_RUN, skipped or (NOT_COME if visit.unreachable is None else NOT_REACHED), passed=None)
    return [_edge(known, [nothing]) for known in planned]


def _nothing(state: str, reason: str, passed: bool | None) -> dict[str, Any]:
    return {
        "passed": passed,
        "state": state,
        "reason": reason,
        "address": None,
        "seconds": None,
        "attempts": 0,
        "tls": None,
    }


def _edge(known: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]) -> EdgeResult:
    """An edge is what its best address is, and one that has to be closed, what its most open one is."""
    wanted = known["expect"] == _reach.OPEN
    best = min(answers, key=lambda answer: (answer["passed"] is not wanted, _reach.STATES.index(answer["state"])))
    passed = _passed({answer["passed"] for answer in answers}, wanted)
    edge: Any = {name: value for name, value in known.items() if name != "asks"}
    edge.update({name: best[name] for name in KEYS})
    edge.update(passed=passed, failing=passed is False and not known["optional"], cause="", remedy="")
    result: EdgeResult = edge
    return result


def _passed(said: set[bool | None], wanted: bool) -> bool | None:
    """One address that is open is enough, and too much where all have to be closed; None where it cannot be told."""
    if wanted in said:
        return wanted
    return None if None in said else not wanted


# --- causes ------------------------------------------------------------------------------------------------------------------


def to_ask(found: Iterable[EdgeResult], hosts: Mapping[str, HostData], listening: Listenings) -> dict[str, AskPlan]:
    """By target of a failing edge, what would tell its cause. Once it is asked, its optional ones are asked about too."""
    broken = [
        edge for edge in found if edge["passed"] is False and edge["expect"] == _reach.OPEN and edge["state"] in _ASKED_ABOUT
    ]
    targets = {edge["to"] for edge in broken if edge["failing"]}
    plans: dict[str, AskPlan] = {}
    for edge in broken:
        if edge["to"] in targets:
            plan = plans.setdefault(edge["to"], {"listeners": [], "clients": {}, "edges": {}})
            _add(plan, edge, hosts[edge["from"]], listening[edge["to"]][edge["role"]])
    return plans


def _add(plan: AskPlan, edge: EdgeResult, source: HostData, listening: Listening) -> None:
    name = "edge-%d" % len(plan["listeners"])
    (listener,) = (one for one in listening["listeners"] if one["name"] == edge["listener"])
    family = edge["family"] if listener["bind"] == "any" else listener["family"]
    addresses = [one for one in source["addresses"] if family in ("any", _address.family_of(one))]
    if addresses:
        plan["clients"][name] = addresses
    plan["listeners"].append({**listener, "name": name, "family": family, "clients": [name] if addresses else []})
    plan["edges"][name] = [edge["role"], edge["listener"], edge["family"], edge["from"]]


def with_causes(found: Sequence[EdgeResult], evidence: Mapping[tuple[str, ...], Evidence]) -> None:
    """Tell the causes of broken edges. `evidence` is by target, role and listener, with family and source where it is of these.

    Of an optional one nothing is told that would be a guess.
    """
    served = {(*_key(edge), edge["family"]) for edge in found if edge["passed"] and edge["expect"] == _reach.OPEN}
    for edge in found:
        if edge["passed"] is not False:
            continue
        said = evidence.get((*_key(edge), edge["family"], edge["from"])) or evidence.get(_key(edge))
        if said is not None or edge["failing"]:
            others = (*_key(edge), edge["family"]) in served
            edge["cause"], edge["remedy"] = _reach_cause.cause(edge, said or Evidence(_reach.NOT_KNOWN, NOT_ASKED), others)
            if said is not None and said.reason:
                edge["reason"] = "%s; the target says: %s" % (edge["reason"], said.reason)


def _key(edge: EdgeResult) -> Key:
    return edge["to"], edge["role"], edge["listener"]


def asked_evidence(target: str, plan: AskPlan, said: Mapping[str, Any]) -> dict[tuple[str, ...], Evidence]:
    """What a target said: `verdicts` by the names of the plan, or a `problem`."""
    found: dict[tuple[str, ...], Evidence] = {}
    for name, (role, listener, family, source) in plan["edges"].items():
        verdict, reason = said.get("verdicts", {}).get(name) or (_reach.NOT_KNOWN, str(said.get("problem", "")))
        found[target, role, listener, family, source] = Evidence(verdict, reason)
    return found


def held_evidence(target: str, plan: TargetPlan, said: Mapping[str, Any]) -> dict[tuple[str, ...], Evidence]:
    """What port_listen said: `not_held`, reasons by the names of the plan, or a `problem`."""
    found: dict[tuple[str, ...], Evidence] = {}
    for name, (role, listener) in plan["held"].items():
        if "problem" in said:
            found[target, role, listener] = Evidence(_reach.NOT_KNOWN, said["problem"])
        elif name in said["not_held"]:
            found[target, role, listener] = Evidence(_reach.NOT_HELD, said["not_held"][name])
        else:
            found[target, role, listener] = Evidence(_reach.HELD, "")
    return found


# --- hosts -------------------------------------------------------------------------------------------------------------------


def host_result(
    name: str, host: HostData, listening: Mapping[str, Listening], visit: Visit, found: Sequence[EdgeResult]
) -> HostResult:
    """A host fails by the edges that go out from it, and by what it could not do or be asked."""
    roles = [_role(role, one) for role, one in listening.items()]
    state, msg = _state(listening, visit, found)
    return {"host": name, "state": state, "msg": msg, "groups": host["groups"], "roles": roles}


def _state(listening: Mapping[str, Listening], visit: Visit, found: Sequence[EdgeResult]) -> tuple[str, str]:
    problems = ["%s: %s" % (role, one["problem"]) for role, one in listening.items() if one["problem"]]
    failing = sum(edge["failing"] for edge in found)
    if visit.unreachable is not None:
        return _report.UNREACHABLE, visit.unreachable
    if not visit.come:
        return _report.NOT_RUN, ""
    if visit.failed or problems or failing:
        edges = ["%d of %s failed" % (failing, _report.plural(len(found), "edge"))] if failing and not visit.failed else []
        return _report.FAILED, "; ".join([*filter(None, [visit.failed]), *problems, *edges])
    return (_report.OK, "") if listening or found else (_report.NO_ROLE, _report_collect.NO_ROLE)


def _role(name: str, listening: Listening) -> RoleResult:
    state = _report.FAILED if listening["problem"] else _report.OK
    return {"role": name, "version": listening["version"], "state": state, "allow": None, "verify": None}
