# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what hosts found to edges with causes, and to how hosts end."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _reach, _reach_collect, _resolve
from ansible_collections.netports.core.plugins.plugin_utils._reach import Evidence
from ansible_collections.netports.core.plugins.plugin_utils._reach_collect import Visit

CAME = Visit(True)
KNOWN = {
    "from": "c",
    "to": "s",
    "role": "peer",
    "listener": "api",
    "protocol": "tcp",
    "port": "7000",
    "family": "ipv4",
    "expect": "open",
    "optional": False,
}


def answer(state: str, passed: bool | None, **keys: Any) -> Any:
    given = {
        "passed": passed,
        "state": state,
        "reason": state,
        "address": "192.0.2.1",
        "seconds": 0.1,
        "attempts": 1,
        "tls": None,
    }
    return {**given, **keys}


def found(*answers: Any, visit: Visit = CAME, **known: Any) -> Any:
    planned = [{**KNOWN, **known, "asks": list(range(len(answers)))}]
    (edge,) = _reach_collect.edges(planned, {"results": list(answers)} if answers else None, visit)
    return edge


OPEN, REFUSED, SILENT = answer("open", True), answer("refused", False), answer("no_answer", None)
UNTRUE = answer("open", False, tls={"error": "no"})


def test_an_edge_is_what_was_planned_and_what_was_found() -> None:
    says = {"tls": {"version": "TLSv1.3"}, "reason": "", "seconds": 0.2, "attempts": 2}
    assert found(answer("open", True, **says)) == {
        **KNOWN,
        "state": "open",
        "passed": True,
        "failing": False,
        "address": "192.0.2.1",
        "cause": "",
        "remedy": "",
        **says,
    }


@pytest.mark.parametrize(
    ("answers", "state", "passed"),
    [
        ([OPEN], "open", True),
        ([REFUSED, OPEN], "open", True),
        ([REFUSED, answer("filtered", False)], "refused", False),
        ([SILENT], "no_answer", None),
        ([SILENT, OPEN], "open", True),
        ([SILENT, REFUSED], "refused", None),
        # A handshake that fails at one address does not count where it succeeds at another.
        ([UNTRUE, OPEN], "open", True),
        ([UNTRUE], "open", False),
    ],
)
def test_an_edge_is_what_its_best_address_is(answers: Any, state: str, passed: bool | None) -> None:
    edge = found(*answers)
    assert (edge["state"], edge["passed"], edge["failing"]) == (state, passed, passed is False)
    optional = found(*answers, optional=True)
    assert (optional["passed"], optional["failing"]) == (passed, False)


@pytest.mark.parametrize(
    ("answers", "state", "passed"),
    [
        ([answer("refused", True), answer("filtered", True)], "refused", True),
        ([answer("refused", True), answer("open", False)], "open", False),
        ([answer("refused", True), SILENT], "refused", None),
    ],
)
def test_what_has_to_be_closed_is_so_at_all_addresses(answers: Any, state: str, passed: bool | None) -> None:
    edge = found(*answers, expect="closed")
    assert (edge["state"], edge["passed"]) == (state, passed)


@pytest.mark.parametrize(
    ("visit", "said", "state", "passed", "reason"),
    [
        (Visit(False), None, "not_run", None, _reach_collect.NOT_COME),
        (Visit(True, unreachable="no route"), None, "not_run", None, _reach_collect.NOT_REACHED),
        (Visit(True, failed="no Python"), None, "error", False, "no Python"),
        (CAME, {"problem": "MODULE FAILURE"}, "error", False, "MODULE FAILURE"),
        (CAME, {"skipped": "check mode"}, "not_run", None, "check mode"),
    ],
)
def test_a_host_that_could_not_ask(visit: Visit, said: Any, state: str, passed: Any, reason: str) -> None:
    (edge,) = _reach_collect.edges([{**KNOWN, "asks": [0]}], said, visit)
    assert (edge["state"], edge["passed"], edge["reason"], edge["failing"]) == (state, passed, reason, passed is False)
    assert (edge["address"], edge["seconds"], edge["attempts"], edge["tls"]) == (None, None, 0, None)


# --- causes ------------------------------------------------------------------------------------------------------------------


def with_causes(edges: Any, evidence: Any) -> list[str]:
    _reach_collect.with_causes(edges, evidence)
    return [edge["cause"] for edge in edges]


def test_evidence_is_of_the_edge_or_of_the_listener() -> None:
    shut = {("s", "peer", "api", "ipv4", "c"): Evidence("shut", "")}
    assert with_causes([found(REFUSED), found(REFUSED, family="ipv6")], shut) == ["host_firewall", "not_known"]
    taken = {("s", "peer", "api"): Evidence(_reach.NOT_HELD, "taken")}
    assert with_causes([found(REFUSED), found(REFUSED, family="ipv6")], taken) == ["not_held", "not_held"]


def test_a_cause_has_its_remedy_and_what_the_target_says() -> None:
    (well, broken) = edges = [found(OPEN, **{"from": "d"}), found(REFUSED)]
    _reach_collect.with_causes(edges, {("s", "peer", "api", "ipv4", "c"): Evidence("shut", "no rule admits it")})
    assert (well["cause"], well["remedy"], well["reason"]) == ("", "", "open")
    assert broken["remedy"] == "run the role on the target, or `port_allow`"
    assert broken["reason"] == "refused; the target says: no rule admits it"


def test_what_others_reach_is_served() -> None:
    served = {("s", "peer", "api", "ipv4", "c"): Evidence("ok", "")}
    assert with_causes([found(REFUSED)], served) == ["bind_or_namespace"]
    assert with_causes([found(REFUSED), found(OPEN, **{"from": "d"})], served) == ["network", ""]
    # Over the other family is no proof.
    assert with_causes([found(REFUSED), found(OPEN, family="ipv6", **{"from": "d"})], served) == ["bind_or_namespace", ""]


HELD: Any = {"listeners": [], "held": {"a": ["peer", "api"], "b": ["peer", "sync"]}}


@pytest.mark.parametrize(
    "said, api, sync",
    [
        ({"not_held": {}}, Evidence(_reach.HELD, ""), Evidence(_reach.HELD, "")),
        ({"not_held": {"b": "nginx has it"}}, Evidence(_reach.HELD, ""), Evidence(_reach.NOT_HELD, "nginx has it")),
        ({"problem": "no Python"}, *[Evidence(_reach.NOT_KNOWN, "no Python")] * 2),
    ],
)
def test_what_was_held_before_an_installation(said: Any, api: Evidence, sync: Evidence) -> None:
    assert _reach_collect.held_evidence("s", HELD, said) == {("s", "peer", "api"): api, ("s", "peer", "sync"): sync}


def test_of_an_optional_edge_no_cause_is_guessed() -> None:
    assert with_causes([found(REFUSED, optional=True)], {}) == [""]
    absent = {("s", "peer", "api", "ipv4", "c"): Evidence("absent", "")}
    assert with_causes([found(REFUSED, optional=True)], absent) == ["service"]


def host(*addresses: str) -> Any:
    return {"groups": [], "roles": {}, "addresses": list(addresses), "problem": "", "site": ""}


def listening(**keys: Any) -> Any:
    api = {"name": "api", "protocol": "tcp", "port": 7000, "clients": ["peer"], **keys}
    return {"peer": {"version": "1.0", "listeners": [_resolve.plain(api)], "problem": ""}}


LISTENING = listening(family="both")


def test_targets_are_asked_for_each_host_that_does_not_reach_them() -> None:
    edges = [
        found(REFUSED),
        found(answer("filtered", False), family="ipv6", **{"from": "d"}),
        found(answer("unreachable", False)),
        found(OPEN),
        found(answer("open", False), expect="closed"),
    ]
    hosts = {"c": host("192.0.2.9", "2001:db8::9"), "d": host(), "s": host("192.0.2.1")}
    plan = _reach_collect.to_ask(edges, hosts, {"s": LISTENING})["s"]
    assert [(one["name"], one["family"], one["clients"]) for one in plan["listeners"]] == [
        ("edge-0", "ipv4", ["edge-0"]),
        ("edge-1", "ipv6", []),
    ]
    assert plan["clients"] == {"edge-0": ["192.0.2.9"]}
    of_c, of_d = ("s", "peer", "api", "ipv4", "c"), ("s", "peer", "api", "ipv6", "d")
    assert _reach_collect.asked_evidence("s", plan, {"verdicts": {"edge-0": ["shut", "no rule"]}}) == {
        of_c: Evidence("shut", "no rule"),
        of_d: Evidence(_reach.NOT_KNOWN, ""),
    }
    nothing = Evidence(_reach.NOT_KNOWN, "no Python")
    assert _reach_collect.asked_evidence("s", plan, {"problem": "no Python"}) == {of_c: nothing, of_d: nothing}


@pytest.mark.parametrize(
    ("bind", "wanted", "over", "asked", "clients"),
    [
        ("any", "both", "ipv6", "ipv6", ["2001:db8::9"]),
        ("any", "any", "any", "any", ["192.0.2.9", "2001:db8::9"]),
        ("any", "any", "ipv4", "ipv4", ["192.0.2.9"]),
        # A listener with an address is of the family that the spec says, whatever the address is.
        ("::", "any", "ipv4", "any", ["192.0.2.9", "2001:db8::9"]),
        ("198.51.100.9", "ipv4", "ipv4", "ipv4", ["192.0.2.9"]),
    ],
)
def test_targets_are_asked_for_the_family_of_the_edge(bind: str, wanted: str, over: str, asked: str, clients: Any) -> None:
    of_target = {"s": listening(bind=bind, family=wanted)}
    plan = _reach_collect.to_ask([found(REFUSED, family=over)], {"c": host("192.0.2.9", "2001:db8::9")}, of_target)["s"]
    assert [(one["bind"], one["family"]) for one in plan["listeners"]] == [(bind, asked)]
    assert plan["clients"] == {"edge-0": clients}


def test_nobody_is_asked_for_the_sake_of_an_optional_edge_alone() -> None:
    optional = found(REFUSED, optional=True)
    hosts = {"c": host("192.0.2.9")}
    assert _reach_collect.to_ask([optional], hosts, {"s": LISTENING}) == {}
    plan = _reach_collect.to_ask([optional, found(REFUSED, family="ipv6")], hosts, {"s": LISTENING})["s"]
    assert len(plan["listeners"]) == 2


# --- hosts -------------------------------------------------------------------------------------------------------------------

WRONG: Any = {"peer": {"version": "", "listeners": [], "problem": "version: never"}}


@pytest.mark.parametrize(
    ("listening", "visit", "edges", "state", "msg"),
    [
        (LISTENING, CAME, [found(OPEN)], "ok", ""),
        (LISTENING, CAME, [found(OPEN), found(REFUSED)], "failed", "1 of 2 edges failed"),
        (LISTENING, CAME, [found(REFUSED, optional=True), found(SILENT)], "ok", ""),
        (LISTENING, Visit(True, unreachable="timed out"), [], "unreachable", "timed out"),
        (LISTENING, Visit(True, failed="no Python"), [found(visit=Visit(True, failed="x"))], "failed", "no Python"),
        (WRONG, CAME, [], "failed", "peer: version: never"),
        (WRONG, CAME, [found(REFUSED)], "failed", "peer: version: never; 1 of 1 edge failed"),
        (LISTENING, Visit(False), [], "not_run", ""),
        ({}, CAME, [], "no_role", "none of its groups is named after a role"),
        # A host of a group that is a client, and no role.
        ({}, CAME, [found(OPEN)], "ok", ""),
    ],
)
def test_how_a_host_ends(listening: Any, visit: Visit, edges: Any, state: str, msg: str) -> None:
    result = _reach_collect.host_result("c", host(), listening, visit, edges)
    assert (result["state"], result["msg"]) == (state, msg)


@pytest.mark.parametrize(("listening", "version", "state"), [(LISTENING, "1.0", "ok"), (WRONG, "", "failed")])
def test_the_report_of_a_host_has_its_groups_and_its_roles(listening: Any, version: str, state: str) -> None:
    assert _reach_collect.host_result("c", {**host(), "groups": ["rack1"]}, listening, Visit(False), []) == {
        "host": "c",
        "state": "not_run",
        "msg": "",
        "groups": ["rack1"],
        "roles": [{"role": "peer", "version": version, "state": state, "allow": None, "verify": None}],
    }
