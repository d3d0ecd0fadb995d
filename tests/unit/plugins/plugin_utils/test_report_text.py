# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report for a terminal."""

from __future__ import annotations

import re

from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_text
from tests.unit.plugins.plugin_utils import report_samples as samples


def test_a_small_report():
    assert (
        _report_text.render(samples.small())
        == """\
netports site, 2026-11-21T18:58:48Z: 3 hosts: 1 ok, 2 failed

HOST                  ROLE               VERSION  LISTENERS                           FIREWALL
cp1.example.com       kuma_zone_cp       2.9      3 ok, 1 absent, 1 exposed, 1        nftables, changed
                                                  wrong_owner, 1 unverifiable
ingress1.example.com  kuma_zone_ingress  2.9      1 ok, 1 shut                        nftables, unchanged, not enforcing
dp1.example.com       kuma_dp            2.9      4 ok                                nftables, unchanged

ROLE          LISTENER              HOSTS  NOT VERIFIED, BECAUSE
kuma_zone_cp  diagnostics tcp/5680  1      the owner of 0.0.0.0:5680 cannot be seen: not run as root

3 FAILURES

HOST                  ROLE               LISTENER           VERDICT      REASON, AND WHAT TO DO
cp1.example.com       kuma_zone_cp       admin tcp/5679     exposed      expected on loopback, bound to 0.0.0.0, [::]
  -> exposed: fix the bind address in the product's configuration
cp1.example.com       kuma_zone_cp       api-http tcp/5681  wrong_owner  0.0.0.0:5681 held by nginx, not by kuma-cp
  -> wrong_owner: the reason names it, and port_info tells its pid; move or stop it
ingress1.example.com  kuma_zone_ingress  ingress tcp/10001  shut         new connections are dropped by the policy of
                                                                         chain inet filter input
  -> shut: run the role, or port_allow
"""
    )


def test_hosts_of_which_the_same_is_to_be_told_share_a_line():
    text = _report_text.render(samples.healthy(300))
    assert len(text.splitlines()) == 4
    assert re.search(r"^300 hosts: dp1, \.\.\. +kuma_dp +2\.9 +4 ok +nftables, unchanged$", text, re.MULTILINE)
    assert "3 hosts: dp1, dp2, dp3 " in _report_text.render(samples.healthy(3))


def test_failures_are_complete_whatever_their_number():
    role = samples.role("r", [samples.listener("web", "tcp", "80", "absent")])
    report = samples.report(*(samples.host("web%d" % n, role) for n in range(120)))
    lines = _report_text.render(report).partition("120 FAILURES")[2].splitlines()
    assert len([line for line in lines if "tcp/80" in line and " absent " in line]) == 120


def test_lines_are_no_longer_than_120_columns():
    for report in (samples.small(), samples.everything(), samples.hostile(), samples.large()):
        assert max(len(line) for line in _report_text.render(report).splitlines()) <= 120


def test_what_was_not_looked_at_is_there():
    text = _report_text.render(samples.everything())
    for host, state in {"later": "not run", "bystander": "no role", "gone": "unreachable", "crashed": "failed"}.items():
        assert re.search(r"^%s +- +- +%s" % (host, state), text, re.MULTILINE), host
    assert re.search(r"^half +kuma_dp +2.9 +skipped +-$", text, re.MULTILINE)


def test_a_host_that_went_away_is_told_with_what_it_said_before_and_what_it_was_not_asked():
    said, lost = samples.role("r", [samples.listener("web", "tcp", "80")]), samples.role("s", state="not_run", allow=None)
    text = _report_text.render(samples.report(samples.host("h", said, lost, state="unreachable")))
    assert re.findall(r"^h +(\w+) +(\S+) +(\S.*\S) +(?:nft|-$)", text.partition("FAILURE")[0], re.MULTILINE) == [
        ("s", "-", "unreachable"),
        ("r", "2.9", "1 ok"),
    ]


def test_reasons_for_doubt_are_few_lines_however_many_there_are():
    def doubtful(number):
        reason = "cannot be seen: %d" % (number if number < 30 else 30)
        return samples.role("r", [samples.listener("web", "tcp", "80", "unverifiable", reason=reason)])

    text = _report_text.render(samples.report(*(samples.host("h%d" % n, doubtful(n)) for n in range(100))))
    assert re.search(r"^r +web tcp/80 +70 +cannot be seen: 30$", text, re.MULTILINE)
    assert "and 21 lines like these; the report in JSON has all" in text


def test_nothing_in_it_moves_the_cursor_or_turns_the_writing():
    text = _report_text.render(samples.hostile())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text)
    assert "\N{REPLACEMENT CHARACTER}[31m" in text


def test_an_empty_inventory_is_a_line():
    assert _report_text.render(_report.build("verify", "now", [], [])) == "netports verify, now: 0 hosts\n"
