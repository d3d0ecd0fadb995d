# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a broken edge and what its target says to a cause: every state with every evidence."""

from __future__ import annotations

import re
from itertools import product

import pytest

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.module_utils._probing import refusals
from ansible_collections.netports.core.plugins.module_utils._probing.model import STATES, Finding
from ansible_collections.netports.core.plugins.plugin_utils import _reach, _reach_cause
from tests.unit.plugins.plugin_utils import reach_samples as samples

VERDICTS = [verdict for verdict in _verdict.VERDICTS if verdict != _verdict.UNEXPECTED]
EVIDENCE = [*VERDICTS, _reach.HELD, _reach.NOT_HELD, _reach.NOT_KNOWN]

# State and protocol of an edge that should be open: the cause by what the target says, `*` for all else; behind a slash the cause
# where another host does reach the listener, if that makes a difference.
TABLE = {
    ("refused", "tcp"): {
        "ok": "bind_or_namespace/network",
        "absent": "service",
        "confined": "bind",
        "shut": "host_firewall",
        "wrong_owner": "impostor",
        "held": "path",
        "not_held": "not_held",
        "*": "not_known/path",
    },
    ("filtered", "tcp"): {"ok": "network", "shut": "host_firewall", "*": "path"},
    ("unreachable", "tcp"): {"*": "route"},
    ("unresolved", "tcp"): {"*": "name"},
    ("error", "tcp"): {"*": "source"},
    # Somebody took the connection and did not know the token.
    ("no_answer", "tcp"): {"not_held": "not_held", "*": "impostor"},
    ("open", "tcp"): {"*": "tls"},
    # A service that was asked what it has to answer, and is silent.
    ("no_answer", "udp"): {
        "ok": "not_known/network",
        "absent": "service",
        "confined": "bind",
        "shut": "host_firewall",
        "wrong_owner": "impostor",
        "held": "path",
        "not_held": "not_held",
        "*": "not_known",
    },
}
TABLE.update({(state, "udp"): TABLE[state, "tcp"] for state in ("refused", "filtered", "unreachable", "unresolved", "error")})


def cause(said=_reach.NOT_KNOWN, others=False, **changes):
    edge = samples.edge("a", "b", **{"passed": False, "cause": "", **changes})
    return _reach_cause.cause(edge, _reach.Evidence(said, "why"), others)


@pytest.mark.parametrize("state, protocol", TABLE)
def test_every_state_with_every_evidence(state, protocol):
    causes = TABLE[state, protocol]
    for said, others in product(EVIDENCE, (False, True)):
        expected = causes.get(said, causes["*"]).split("/")[-1 if others else 0]
        found = cause(said, others, state=state, protocol=protocol)
        assert found == (expected, _reach_cause.CAUSES[expected].remedy), (said, others)


def test_the_rows_are_all_states_that_can_fail():
    assert {state for state, _protocol in TABLE} == set(STATES)


@pytest.mark.parametrize(
    "state, expected", [("open", "exposed"), ("no_answer", "exposed"), ("unresolved", "name"), ("error", "source")]
)
@pytest.mark.parametrize("said", EVIDENCE)
def test_what_must_be_closed_is_exposed_when_it_takes_connections(state, expected, said):
    assert cause(said, state=state, expect="closed")[0] == expected


def test_a_rule_of_the_asking_host_is_not_blamed_on_the_target():
    found = refusals.local(1)
    assert isinstance(found, Finding) and found.state == "filtered"
    assert cause("ok", state=found.state, reason=found.reason)[0] == "source"


@pytest.mark.parametrize("passed", [True, None])
@pytest.mark.parametrize("state", _reach.STATES)
def test_where_nothing_is_wrong_there_is_no_cause(state, passed):
    assert cause("absent", state=state, passed=passed) == ("", "")


def test_every_cause_is_one_of_some_edge_and_can_be_cured():
    named = {one for causes in TABLE.values() for row in causes.values() for one in row.split("/")}
    assert named | {"exposed"} == set(_reach_cause.CAUSES)
    for explanation in _reach_cause.CAUSES.values():
        assert all(text and not text.endswith(".") for text in explanation)


def test_the_table_of_the_docs_says_what_the_reports_say(checkout):
    text = (checkout / "docs" / "reach.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|$", text.partition("\n## Causes")[2].partition("\n## ")[0], re.MULTILINE))
    assert rows == {cause: "%s | %s" % explanation for cause, explanation in _reach_cause.CAUSES.items()}
