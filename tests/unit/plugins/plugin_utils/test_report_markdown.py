# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report for a comment or the summary of a job."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.plugin_utils import _report_markdown
from tests.unit.plugins.plugin_utils import report_samples as samples


def rows(text, title):
    table = text.partition("#### %s\n\n" % title)[2].partition("\n\n")[0]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()[2:]]


def test_a_small_report():
    text = _report_markdown.render(samples.small())
    assert text.startswith("### ❌ netports site: 3 hosts: 1 ok, 2 failed\n")
    assert rows(text, "Failures")[1] == [
        "cp1.example.com",
        "kuma_zone_cp api-http tcp/5681",
        "**wrong_owner**",
        "0.0.0.0:5681 held by nginx, not by kuma-cp",
        "the reason names it, and `port_info` tells its pid; move or stop it",
    ]
    assert rows(text, "Roles")[0] == [
        "kuma_zone_cp 2.9",
        "1",
        "3 ok, 1 absent, 1 exposed, 1 wrong_owner, 1 unverifiable",
        "1: nftables, changed",
    ]


def test_when_all_is_well_there_are_no_failures():
    text = _report_markdown.render(samples.healthy(300))
    assert text.startswith("### ✅ netports site: 300 hosts: 300 ok\n")
    assert "Failures" not in text
    assert rows(text, "Roles") == [["kuma_dp 2.9", "300", "1200 ok", "300: nftables, unchanged"]]


def test_a_run_that_did_not_come_to_all_hosts_is_no_success():
    report = samples.report(*samples.healthy()["hosts"], samples.host("later", state="not_run"))
    assert _report_markdown.render(report).startswith("### ❌")


def test_hosts_with_the_same_failure_share_a_row():
    role = samples.role("r", [samples.listener("web", "tcp", "80", "absent")])
    text = _report_markdown.render(samples.report(*(samples.host("web%d" % n, role) for n in range(120))))
    assert rows(text, "Failures")[0][0] == "web0, web1, web2, web3, web4 and 115 more"


def test_it_fits_into_a_comment_and_says_what_it_leaves_off():
    def failing(number):
        return samples.role("r", [samples.listener("web", "tcp", "80", "absent", reason="%d %s" % (number, "x" * 400))])

    text = _report_markdown.render(samples.report(*(samples.host("h%d" % n, failing(n)) for n in range(300))))
    assert len(text) < 65_536
    shown = len(rows(text, "Failures"))
    assert 0 < shown < 300
    assert "%d lines left off; other formats of the report have them." % (300 - shown) in text


def cells_of(text):
    report = samples.report(samples.host(text, samples.role("r", [samples.listener("l", "tcp", "1", "absent", reason=text)])))
    (row,) = rows(_report_markdown.render(report), "Failures")
    return row


def test_text_of_others_is_no_markup():
    host, _listener, _verdict, reason, _remedy = cells_of(samples.HOSTILE)
    for cell in (host, reason):
        assert not re.search(r"[<>\x00-\x1f]", cell)
        # Nobody is called, nothing is linked or referred to.
        assert not re.search(r"@\w|(?<!&)#\w|://|(?<!\\)[`|*\[\]~$]", cell)


@given(text=st.text(st.characters(exclude_categories=())))
def test_any_text_stays_in_its_cell(text):
    cells = cells_of(text)
    assert len(cells) == 5
    assert cells[4].startswith("start the service")
    assert not re.search(r"[<>\n]|(?<!\\)(?:\\\\)*[`*\[\]~$]", cells[3])
