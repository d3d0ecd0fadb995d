# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as JUnit XML: what Jenkins and GitLab read out of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_failures, _report_junit
from tests.unit.plugins.plugin_utils import report_samples as samples

# Elements with their attributes and children, as far as Jenkins' schema (junit-10.xsd) has them and we write them.
ALLOWED = {
    "testsuites": ({"name", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "timestamp", "hostname"}, {"testcase"}),
    "testcase": ({"name", "classname", "time"}, {"failure", "error", "skipped"}),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "skipped": ({"type", "message"}, set()),
}
REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name"}}


def parsed(report):
    # As bytes: what is declared and what is there have to be the same.
    return ET.fromstring(_report_junit.render(report).encode())


def cases(report, host):
    suite = next(suite for suite in parsed(report) if suite.get("name") == host)
    return {(case.get("classname"), case.get("name")): case for case in suite}


def outcome(case):
    return [(child.tag, child.get("type")) for child in case]


@pytest.mark.parametrize("make", [samples.small, samples.everything, samples.hostile, samples.large, samples.report])
def test_it_keeps_to_what_readers_take(make):
    root = parsed(make())
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert REQUIRED.get(element.tag, set()) <= set(element.keys()) <= attributes
        assert {child.tag for child in element} <= children
    for case in root.iter("testcase"):
        assert len(case) <= 1
    for counting in (root, *root):
        found = list(counting.iter("testcase"))
        assert int(counting.get("tests")) == len(found)
        for attribute, tag in {"failures": "failure", "errors": "error", "skipped": "skipped"}.items():
            if counting.get(attribute) is not None:
                assert int(counting.get(attribute)) == sum(case.find(tag) is not None for case in found)


def test_a_suite_is_a_host_and_a_case_a_listener_of_a_role():
    assert [suite.get("name") for suite in parsed(samples.small())] == [
        "cp1.example.com",
        "dp1.example.com",
        "ingress1.example.com",
    ]
    # Jenkins takes what is before the last dot for the package.
    found = cases(samples.small(), "cp1.example.com")
    assert ("cp1.example.com.kuma_zone_cp", "dp-server tcp/5678") in found
    assert outcome(found["cp1.example.com.kuma_zone_cp", "dp-server tcp/5678"]) == []


def test_a_failing_listener_is_a_failure_with_its_verdict_its_reason_and_what_to_do():
    case = cases(samples.small(), "cp1.example.com")["cp1.example.com.kuma_zone_cp", "admin tcp/5679"]
    assert outcome(case) == [("failure", "exposed")]
    assert case[0].get("message") == samples.REASONS["exposed"]
    # GitLab shows the text alone.
    assert (
        case[0].text
        == "exposed: %s\nWhat to do: fix the bind address in the product's configuration" % samples.REASONS["exposed"]
    )


def test_what_cannot_be_told_and_what_need_not_be_there_is_skipped():
    found = cases(samples.small(), "cp1.example.com")
    assert outcome(found["cp1.example.com.kuma_zone_cp", "diagnostics tcp/5680"]) == [("skipped", "unverifiable")]
    assert outcome(found["cp1.example.com.kuma_zone_cp", "dns udp/5653"]) == [("skipped", "absent")]


def test_tasks_and_hosts_that_failed_are_errors():
    report = samples.everything()
    assert outcome(cases(report, "gone")["gone", "host"]) == [("error", "unreachable")]
    assert outcome(cases(report, "crashed")["crashed", "host"]) == [("error", "failed")]
    assert outcome(cases(report, "firewall")["firewall.kuma_dp", "port_allow"]) == [("error", "failed")]
    assert outcome(cases(report, "blind")["blind.kuma_dp", "port_verify"]) == [("error", "failed")]
    assert outcome(cases(report, "strangers")["strangers.kuma_dp", "tcp/23 on 0.0.0.0 telnetd"]) == [("failure", "unexpected")]


def test_both_tasks_of_a_role_may_fail():
    lost = {**samples.verify([]), "failed": True, "msg": "no evidence"}
    report = samples.report(samples.host("h", samples.role("r", verify=lost, allow=samples.allow(failed=True, msg="no rules"))))
    messages = {name: case[0].get("message") for (_class, name), case in cases(report, "h").items()}
    assert messages == {"port_allow": "no rules", "port_verify": "no evidence"}


def test_what_was_not_looked_at_is_skipped():
    report = samples.everything()
    assert outcome(cases(report, "later")["later", "host"]) == [("skipped", "not_run")]
    assert outcome(cases(report, "bystander")["bystander", "host"]) == [("skipped", "no_role")]
    assert outcome(cases(report, "half")["half.kuma_dp", "role"]) == [("skipped", "skipped")]
    assert outcome(cases(report, "half")["half.kuma_zone_cp", "role"]) == [("skipped", "not_run")]


def test_a_run_passes_for_ci_exactly_when_no_host_failed():
    for report in (samples.small(), samples.healthy(), samples.everything(), samples.large()):
        wrong = sum(parsed(report).iter().__next__().get(name) != "0" for name in ("failures", "errors"))
        assert bool(wrong) == bool(_report_failures.failures(report))


@given(text=st.text(st.characters(exclude_categories=())))
def test_any_text_comes_back_out_of_the_xml(text):
    bad = samples.listener(text, "tcp", "1", "absent", reason=text)
    (suite,) = parsed(samples.report(samples.host(text, samples.role(text, [bad]))))
    case = suite[-1]
    assert (suite.get("name"), case[0].get("message")) == (_report.plain(text), _report.shortened(text))
    assert case.get("name") == _report.plain(text + " tcp/1")
