# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the metrics say of results. tests/integration has Prometheus and its node exporter read them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netports.core.plugins.filter.to_metrics import FilterModule

to_metrics = FilterModule().filters()["to_metrics"]


def finding(name: str, verdict: str, **listener: Any) -> dict[str, Any]:
    given = {"name": name, "protocol": "tcp", "port": 80, **listener}
    return {**given, "verdict": verdict, "reason": "it is so", "observed": []}


def result(role: str | None = "web", passed: bool = True, listeners: Any = (), **summary: int) -> dict[str, Any]:
    named = {} if role is None else {"role": role}
    return {**named, "failed": False, "passed": passed, "listeners": list(listeners), "summary": summary}


def samples(text: str) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_what_fails_is_one_and_says_how() -> None:
    listeners = [
        finding("http", "ok"),
        finding("api", "absent", port="8000-8010"),
        finding("extra", "absent", port=81, optional=True),
        finding("tunnel", "unverifiable", protocol="ip", number=4, port=None),
    ]
    found = samples(to_metrics(result(passed=False, listeners=listeners, ok=1, absent=2, unverifiable=1, unexpected=0)))
    assert re.fullmatch(r"\d{10}", found.pop('netports_verify_timestamp_seconds{role="web"}'))
    assert found == {
        'netports_verify_failed{role="web"}': "1",
        'netports_verify_listeners{role="web",verdict="ok"}': "1",
        'netports_verify_listeners{role="web",verdict="absent"}': "2",
        'netports_verify_listeners{role="web",verdict="unverifiable"}': "1",
        'netports_verify_listeners{role="web",verdict="unexpected"}': "0",
        'netports_listener_failed{role="web",listener="http",protocol="tcp",port="80",verdict="ok"}': "0",
        'netports_listener_failed{role="web",listener="api",protocol="tcp",port="8000-8010",verdict="absent"}': "1",
        'netports_listener_failed{role="web",listener="extra",protocol="tcp",port="81",verdict="absent"}': "0",
        'netports_listener_failed{role="web",listener="tunnel",protocol="ip",port="4",verdict="unverifiable"}': "0",
    }


def test_a_run_without_verdicts_failed_and_says_nothing_of_listeners() -> None:
    error = {"failed": False, "msg": "the listening sockets cannot be read", "item": "web", "ansible_loop_var": "item"}
    found = samples(to_metrics({"results": [error, result("db", ok=1)], "changed": False}))
    assert found['netports_verify_failed{role="web"}'] == "1"
    assert found['netports_verify_failed{role="db"}'] == "0"
    assert not [name for name in found if "listener" in name and "web" in name]


def test_what_the_task_itself_calls_failed_is() -> None:
    found = samples(to_metrics({**result(ok=1), "failed": True}))
    assert found['netports_verify_failed{role="web"}'] == "1"


def test_who_was_not_asked_is_left_out() -> None:
    assert to_metrics([{"skipped": True}, {"unreachable": True, "msg": "no route"}]) == ""


def test_labels_are_quoted_and_an_empty_role_is_none() -> None:
    text = to_metrics(result(None, ok=0), labels={"place": 'a"b\\c\nd'})
    assert r'netports_verify_failed{place="a\"b\\c\nd"} 0' in text.splitlines()
    assert 'netports_verify_failed{role="shop"} 0' in to_metrics(result(None), labels={"role": "shop"}).splitlines()


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        ("text", {}, "wants what tasks of port_verify registered, not str"),
        ([{"listeners": [], "changed": False}], {}, "wants results of port_verify; this one has listeners without verdicts"),
        ([result(), result()], {}, "role web is there twice"),
        ([result(None), result(None)], {}, "a verification without a role is there twice"),
        (result(), {"labels": {"a-b": 1}}, "labels: 'a-b' is not a name of a label"),
        (result(), {"labels": {"port": 1}}, "labels: port is a label that says what is watched"),
        (result(), {"labels": ["a"]}, r"labels: \['a'\] is not a mapping"),
    ],
)
def test_what_it_refuses(value: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match="netports.core.to_metrics: " + message):
        to_metrics(value, **options)
