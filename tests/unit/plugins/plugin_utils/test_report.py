# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model of a report, and its JSON."""

from __future__ import annotations

import json
import pathlib
import re
import time

import jsonschema
import pytest

from ansible_collections.netports.core.plugins.module_utils import _playbook_options, _verdict
from ansible_collections.netports.core.plugins.plugin_utils import (
    _reach,
    _reach_cause,
    _report,
    _report_failures,
    _report_html,
    _report_json,
    _report_junit,
    _report_markdown,
    _report_text,
)
from tests.unit.plugins.plugin_utils import report_samples as samples

RENDERERS = {
    "text": _report_text.render,
    "json": _report_json.render,
    "junit": _report_junit.render,
    "markdown": _report_markdown.render,
    "html": _report_html.render,
}
EMPTY = samples.report()


def of(host):
    return [(f.role, f.listener, f.verdict, f.reason) for f in _report_failures.failures(samples.everything()) if f.host == host]


def test_the_summary_counts_hosts_by_state_and_listeners_by_verdict():
    said = _report.summary(samples.everything()["hosts"])
    states = {state: said[state] for state in _report.HOST_STATES}
    assert states == {"ok": 1, "failed": 5, "unreachable": 1, "not_run": 1, "no_role": 1}
    assert said["hosts"] == 9
    assert said["verdicts"] == {
        **dict.fromkeys(_verdict.VERDICTS, 1),
        "ok": 2,
        "absent": 2,  # one of them is optional
    }


def test_every_failed_or_unreachable_host_has_a_failure_and_no_other_has():
    report = samples.everything()
    wrong = {host["host"] for host in report["hosts"] if host["state"] in ("failed", "unreachable")}
    assert {failure.host for failure in _report_failures.failures(report)} == wrong


def test_what_the_failures_say():
    assert of("gone") == [
        ("", "", "unreachable", "Failed to connect to the host via ssh: ssh: connect to port 22: No route"),
    ]
    assert of("crashed") == [("", "", "failed", "the task said no")]
    assert of("firewall") == [("kuma_dp", "", "failed", "firewalld does not answer: NoReply")]
    assert of("blind") == [("kuma_dp", "", "failed", "no source of evidence is left")]
    assert of("strangers") == [("kuma_dp", "", "unexpected", "tcp/23 on 0.0.0.0 telnetd")]
    # An absent listener that is optional is none, nor is one that cannot be verified.
    assert {listener for _role, listener, _verdict_, _reason in of("verdicts")} == {
        "l-" + verdict for verdict in sorted(_verdict.FAILING)
    }


def test_unexpected_sockets_that_are_only_reported_fail_nothing_even_where_a_listener_does():
    bad = samples.listener("web", "tcp", "80", "absent")
    reported = samples.verify([bad], ("tcp/23 on 0.0.0.0",))
    report = samples.report(samples.host("h", samples.role("r", verify=reported)))
    assert [failure.verdict for failure in _report_failures.failures(report)] == ["absent"]
    failing = samples.verify([bad], ("tcp/23 on 0.0.0.0",), fail_on_unexpected=True)
    report = samples.report(samples.host("h", samples.role("r", verify=failing)))
    assert [failure.verdict for failure in _report_failures.failures(report)] == ["absent", "unexpected"]


def test_the_most_urgent_comes_first_and_hosts_in_the_order_of_people():
    verdicts = [failure.verdict for failure in _report_failures.failures(samples.everything())]
    assert verdicts == [
        "unreachable",
        *["failed"] * 3,
        *("exposed", "wrong_owner", "taken", "absent", "confined", "shut", "unexpected"),
    ]
    role = samples.role("r", [samples.listener("web", "tcp", "80", "absent")])
    report = samples.report(*(samples.host(name, role) for name in ("web10", "web9", "db-2a", "db-2")))
    assert [failure.host for failure in _report_failures.failures(report)] == ["db-2", "db-2a", "web9", "web10"]


def test_what_is_wrong_on_many_hosts_is_one_group():
    role = samples.role("r", [samples.listener("web", "tcp", "80", "absent")])
    (group,) = _report_failures.grouped(samples.report(*(samples.host("web%d" % n, role) for n in range(3))))
    assert (group.failure.port, group.hosts) == ("tcp/80", ["web0", "web1", "web2"])


def test_each_failing_verdict_has_a_remedy():
    for verdict in (*_verdict.FAILING, _verdict.UNEXPECTED, _report.FAILED, _report.UNREACHABLE):
        assert _report_failures.Failure("h", "r", "l", "tcp/1", verdict, "").remedy
    assert set(_report_failures.EXPLANATIONS) == set(_verdict.VERDICTS)


def test_the_table_of_the_docs_says_what_the_reports_say(checkout):
    text = (checkout / "docs" / "concepts.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|$", text.partition("## Verdicts")[2].partition("\n## ")[0], re.MULTILINE))
    told = {verdict: ("%s | %s" % explanation).strip() for verdict, explanation in _report_failures.EXPLANATIONS.items()}
    assert rows == told


@pytest.mark.parametrize(
    "allow, text",
    [
        (None, ""),
        (samples.allow(), "nftables, unchanged"),
        (samples.allow(changed=True), "nftables, changed"),
        (samples.allow(changed=True, check_mode=True), "nftables, would change"),
        (samples.allow(enforcing=False), "nftables, unchanged, not enforcing"),
        (samples.allow(enforcing=None), "nftables, unchanged"),
        (samples.allow(failed=True, backend="", msg="no firewall"), "failed"),
        (samples.allow(changed=True, msg="state: absent"), "nftables, changed, state: absent"),
    ],
)
def test_the_firewall_in_words(allow, text):
    assert _report.firewall_text(allow) == text


def test_long_messages_are_cut_and_lines_become_one():
    assert _report.shortened(" a\n\n b\tc ") == "a b c"
    assert len(_report.shortened("x" * 5000)) <= 500


# --- JSON --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [samples.small, samples.everything, samples.hostile, lambda: samples.large(30), lambda: EMPTY])
def test_json_is_the_model_and_keeps_to_its_schema(make, checkout: pathlib.Path):
    text = _report_json.render(make())
    assert json.loads(text) == make()
    assert text.isascii()
    schema = json.loads((checkout / "docs" / "report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(text), schema)


def test_the_schema_refuses_what_the_model_does_not_have(checkout: pathlib.Path):
    schema = json.loads((checkout / "docs" / "report.schema.json").read_text())
    for change in ({"state": "well"}, {"roles": None}):
        report = samples.healthy(1)
        report["hosts"][0].update(change)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(report, schema)


def test_the_schema_knows_all_keys_and_states_of_the_model(checkout: pathlib.Path):
    known = json.loads((checkout / "docs" / "report.schema.json").read_text())["$defs"]
    models = {
        "report": _report.Report,
        "summary": _report.Summary,
        "host": _report.HostResult,
        "role": _report.RoleResult,
        "allow": _report.AllowResult,
        "verify": _report.VerifyResult,
        "listener": _report.ListenerResult,
        "connection": _report.Connection,
        "reach": _reach.ReachResult,
        "edge": _reach.EdgeResult,
        "coverage": _reach.Coverage,
        "site_coverage": _reach.SiteCoverage,
        "not_probed": _reach.NotProbed,
    }
    for name, model in models.items():
        optional = model.__optional_keys__
        assert list(known[name]["properties"]) == list(model.__annotations__) == [*known[name]["required"], *optional], name
    assert known["state"]["enum"] == list(_reach.STATES)
    assert known["cause"]["enum"] == ["", *_reach_cause.CAUSES]
    assert known["host"]["properties"]["state"]["enum"] == list(_report.HOST_STATES)
    assert known["role"]["properties"]["state"]["enum"] == list(_report.ROLE_STATES)
    assert known["report"]["properties"]["playbook"]["enum"] == list(_playbook_options.PLAYBOOKS)
    assert known["verdict"]["enum"] == [verdict for verdict in _verdict.VERDICTS if verdict != _verdict.UNEXPECTED]


# --- all formats -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RENDERERS)
@pytest.mark.parametrize("make", [samples.small, samples.everything, samples.hostile, lambda: EMPTY])
def test_every_format_can_be_written_and_does_not_change_the_report(kind, make):
    report = make()
    text = RENDERERS[kind](report)
    assert text.encode().endswith(b"\n")
    assert report == make()
    assert RENDERERS[kind](make()) == text


@pytest.mark.measures_time
@pytest.mark.slow
@pytest.mark.parametrize("kind", RENDERERS)
def test_three_hundred_hosts_are_rendered_quickly_and_the_time_grows_as_they_do(kind):
    def seconds(report):
        best = 10.0
        for _attempt in range(3):
            start = time.process_time()
            RENDERERS[kind](report)
            best = min(best, time.process_time() - start)
        return best

    once = seconds(samples.large(300))
    assert once < 1
    # Four times the hosts in four times the time is linear, in sixteen times it is not.
    assert seconds(samples.large(1200)) < max(0.05, 8 * once)


def test_sizes_of_a_large_report():
    assert len(_report_html.render(samples.large()).encode()) < 1_500_000
    # What GitLab takes, and what GitHub takes as a comment.
    assert len(_report_junit.render(samples.large()).encode()) < 30_000_000
    assert len(_report_markdown.render(samples.large()).encode()) < 65_536


def test_the_examples_of_the_docs_keep_to_the_schema(checkout: pathlib.Path):
    example, reach = re.findall(r"```json\n(.*?)```", (checkout / "docs" / "report.md").read_text(), re.DOTALL)
    schema = json.loads((checkout / "docs" / "report.schema.json").read_text())
    jsonschema.validate(json.loads(example), schema)
    jsonschema.validate({**json.loads(example), "playbook": "reach", "reach": json.loads(reach)}, schema)
