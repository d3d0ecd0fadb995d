# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reaches whom in the report: what it comes to, and what each format says of it."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ET

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.plugin_utils import (
    _reach_cause,
    _report,
    _report_drawing,
    _report_failures,
    _report_html,
    _report_json,
    _report_junit,
    _report_markdown,
    _report_reach,
    _report_reach_blocks,
    _report_reach_matrix,
    _report_reach_shares,
    _report_text,
)
from tests.unit.plugins.plugin_utils import reach_samples as samples
from tests.unit.plugins.plugin_utils.report_samples import HOSTILE
from tests.unit.plugins.plugin_utils.test_report import RENDERERS
from tests.unit.plugins.plugin_utils.test_report_html import Document
from tests.unit.plugins.plugin_utils.test_report_junit import ALLOWED
from tests.unit.plugins.plugin_utils.test_report_markdown import rows

MAKERS = [samples.small, samples.everything, samples.hostile, lambda: samples.mesh(20), lambda: samples.mesh(2, 1)]
NOBODY = samples.report(samples.result([]))


def blocks(edges):
    found = _report_reach_blocks.blocks(samples.report(samples.result(edges)))
    return [(one.cause, one.sources, one.targets, one.edges) for one in found]


# --- what it comes to --------------------------------------------------------------------------------------------------------


def test_every_edge_is_of_one_kind_and_the_worst_of_a_pair_is_what_the_pair_is():
    reach = samples.everything()["reach"]
    assert set(_report_reach.counts(reach["edges"])) == set(_report_reach.KINDS)
    pair = [samples.edge("a", "b"), samples.broken("a", "b", "refused", "service"), samples.edge("a", "b", passed=None)]
    (cell,) = _report_reach.of_hosts(samples.result(pair)).cells.values()
    assert [_report_reach.look(edge) for edge in cell] == ["refused", "unverifiable", "ok"]


def test_hosts_of_a_site_are_beside_each_other_and_rows_and_columns_are_in_one_order():
    edges = [samples.edge("h10", "h2"), samples.edge("h2", "h1"), samples.edge("h1", "h10")]
    matrix = _report_reach.of_hosts(samples.result(edges, {"h1": "b", "h2": "a", "h10": "a"}))
    assert matrix.all == matrix.rows == matrix.columns == ["h2", "h10", "h1"]


def test_a_host_that_reaches_nobody_is_one_block_and_one_that_nobody_reaches_is_one_too():
    (dead, wall, deaf) = blocks(samples.mesh(100)["reach"]["edges"])
    assert (dead[0], dead[1], len(dead[2]), dead[3]) == ("route", ["dp-011.example.com"], 98, 98)
    assert (wall[0], len(wall[1]), len(wall[2]), wall[3]) == ("network", 25, 25, 625)
    assert (deaf[0], len(deaf[1]), deaf[2], deaf[3]) == ("service", 99, ["dp-007.example.com"], 99)


def test_edges_among_hosts_none_of_which_reaches_another_are_one_block():
    names = "abc"
    found = [samples.broken(s, t, "filtered", "path") for s in names for t in names if s != t]
    assert blocks(found) == [("path", ["a", "b", "c"], ["a", "b", "c"], 6)]


@settings(max_examples=40)
@given(pairs=st.sets(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")).filter(lambda pair: pair[0] != pair[1])))
def test_blocks_are_all_broken_edges_and_no_others(pairs):
    edges = [samples.broken(source, target, "filtered", "path") for source, target in sorted(pairs)]
    covered = [(source, target) for _cause, sources, targets, _count in blocks(edges) for source in sources for target in targets]
    # A host among both is not said to have asked itself.
    assert sorted(pair for pair in covered if pair[0] != pair[1]) == sorted(pairs)
    assert sum(count for *_names, count in blocks(edges)) == len(pairs)


def test_both_families_of_a_pair_count_and_other_reasons_are_counted():
    edges = [samples.broken("a", "b", "filtered", "path", family=family, reason=family) for family in ("ipv4", "ipv6")]
    (block,) = _report_reach_blocks.blocks(samples.report(samples.result(edges)))
    assert (block.edges, block.reason) == (2, "ipv4 (and 1 other reason)")


def test_an_optional_listener_and_what_cannot_be_told_are_no_failures():
    report = samples.everything()
    broken = {failure.target for failure in _report_failures.failures(report)} - {""}
    assert {"t-maybe", "t-doubt", "t-well", "t-closed"} & broken == set()
    assert "15 broken, 1 broken and optional, 2 not known" in _report.headline(report)


def test_failures_are_those_of_hosts_and_edges_the_most_urgent_first():
    verdicts = [failure.verdict for failure in _report_failures.failures(samples.everything())]
    assert verdicts == ["unreachable", *_reach_cause.CAUSES, "not_known"]
    for failure in _report_failures.failures(samples.everything()):
        assert failure.remedy
    # That a host failed is told by its edges.
    assert [failure.verdict for failure in _report_failures.of_hosts(samples.everything())] == ["unreachable"]


def test_a_host_of_which_more_is_wrong_than_its_edges_says_so():
    report = samples.small()
    host = next(one for one in report["hosts"] if one["host"] == "dp2.example.com")
    host["msg"] = "kuma_dp: its configuration cannot be read; 3 of 3 edges failed"
    assert not _report_failures.of_hosts(report)
    host["roles"][0]["state"] = _report.FAILED
    assert [failure.reason for failure in _report_failures.of_hosts(report)] == [host["msg"]]


def test_the_edges_behind_a_connection_are_those_of_its_clients():
    shares = _report_reach_shares.shares(samples.small())
    assert {key: share.text for key, share in shares.items()} == {
        ("kuma_dp", "kuma_zone_cp", "dp-server tcp/5678"): "1 of 2",
        ("kuma_dp", "kuma_dp", "inbound tcp/15006"): "1 of 2",
    }
    # What a host asks that is none of its clients is behind no connection.
    edges = [samples.edge("dp1.example.com", "dp2.example.com"), samples.edge("cp1.example.com", "dp1.example.com")]
    stranger = samples.report(samples.result(edges), samples.ZONES, samples.CONNECTIONS)
    assert [share.text for share in _report_reach_shares.by_connection(stranger)] == ["", "", "0 of 1"]


# --- all formats -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
def test_every_format_can_be_written_and_does_not_change_the_report(render, make):
    report = make()
    text = render(report)
    assert text.encode().endswith(b"\n")
    assert report == make()


@pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
def test_a_run_in_which_nobody_asked_anybody_is_a_report(render):
    assert "0 edges" in render(NOBODY) or render in (_report_json.render, _report_junit.render, _report_html.render)


@pytest.mark.parametrize("make", MAKERS)
def test_the_json_keeps_to_its_schema(make, checkout):
    schema = json.loads((checkout / "docs" / "report.schema.json").read_text())
    jsonschema.validate(json.loads(_report_json.render(make())), schema)


# Bytes for each of 9,900 pairs, and seconds for all of them on a slow machine.
SIZES = {"text": 0.5, "json": 700, "junit": 200, "markdown": 0.5, "html": 90}


@pytest.mark.measures_time
@pytest.mark.slow
@pytest.mark.parametrize("kind", RENDERERS)
def test_a_hundred_hosts_that_all_ask_each_other_are_rendered_quickly_and_stay_small(kind):
    report = samples.mesh(100)
    start = time.process_time()
    text = RENDERERS[kind](report)
    assert time.process_time() - start < 2
    assert len(text.encode()) < SIZES[kind] * 9900


def test_what_is_broken_at_random_is_a_report_too():
    names = ["host-%03d.example.com" % number for number in range(60)]
    edges = [
        samples.broken(source, target, "filtered", "path", reason="no answer %d" % (number * target_number % 7))
        if (number * 7 + target_number * 13) % 11 < 4
        else samples.edge(source, target)
        for number, source in enumerate(names)
        for target_number, target in enumerate(names)
        if source != target
    ]
    report = samples.report(samples.result(edges))
    assert len(_report_markdown.render(report)) < 65_536
    assert len(_report_html.render(report)) < 1_500_000


# --- text --------------------------------------------------------------------------------------------------------------------


def test_a_small_report_as_text():
    text = _report_text.render(samples.small())
    assert text.startswith("netports reach, 2026-11-21T18:58:48Z: 3 hosts: 2 ok, 1 failed; 6 edges: 3 as expected, 3 broken\n")
    assert (
        """
FROM \\ TO          1  2  3
1 cp1.example.com
2 dp1.example.com  =     .
3 dp2.example.com  E  R
the worst of each pair: E exposed, R refused, = closed, . open

4 of 4 pairs of hosts were probed, 2 sources and 3 targets, what has to be closed too

NOT PROBED  BECAUSE                                    SUCH AS
1           its clients are no hosts of the inventory  operator -> cp1.example.com api-http tcp/5681

3 BROKEN EDGES
"""
        in text
    )
    assert re.search(
        r"^dp2.example.com +cp1.example.com +kuma_zone_cp dp-server tcp/5678 +filtered +no answer within 3 s\n  -> network: the",
        text,
        re.MULTILINE,
    )


@pytest.mark.parametrize("make", [*MAKERS, samples.mesh])
def test_lines_are_no_longer_than_120_columns(make):
    assert max(map(len, _report_text.render(make()).splitlines())) <= 120


def test_letters_are_below_the_numbers_of_their_hosts_however_short_names_are():
    lines = _report_text.render(samples.report(samples.result([samples.edge("a", "b"), samples.edge("b", "a")]))).splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("FROM"))
    assert lines[head + 1].index(".") == lines[head].index("2")
    assert lines[head + 2].index(".") == lines[head].index("1")


def test_a_matrix_that_does_not_fit_is_a_table_of_roles():
    text = _report_text.render(samples.mesh(100))
    assert "FROM \\ TO" not in text
    assert re.search(r"^kuma_dp +kuma_dp +9900 +99 refused, 625 filtered, 98 unreachable, 9078 open$", text, re.MULTILINE)


def test_a_sample_tells_between_which_sites_nobody_asked():
    text = _report_text.render(samples.everything())
    assert "20 of 20 pairs of hosts were probed, 2 sources and 19 targets, a sample of 3 peers for each host" in text
    reach = samples.everything()["reach"]
    reach["coverage"]["sites"].append({"from": "", "to": "rack1", "pairs": 9, "probed": 1})
    text = _report_text.render(samples.report(reach))
    assert re.findall(r"^(\S+) +(\S+) +(\d+) +(\d+)$", text.partition("FROM SITE")[2], re.MULTILINE)[:2] == [
        ("rack2", "rack1", "4", "0"),
        ("-", "rack1", "9", "1"),
    ]


def test_of_many_sites_the_first_are_named():
    reach = samples.mesh(30, 10)["reach"]
    for one in reach["coverage"]["sites"]:
        one["probed"] -= 1
    text = _report_text.render(samples.report(reach))
    assert len(re.findall(r"^rack\d+ +rack\d+ +\d+ +\d+$", text, re.MULTILINE)) == 20
    assert "and 80 pairs of sites; the report in JSON has all" in text


def test_roles_that_do_not_ask_each_other_are_no_row():
    names = ["host-%02d" % number for number in range(80)]
    roles = {name: "kuma_zone_cp" if number == 0 else "kuma_dp" for number, name in enumerate(names)}
    edges = [samples.edge(name, names[0], **samples.DP_SERVER) for name in names[1:]] + [samples.edge(names[0], names[1])]
    text = _report_text.render(samples.report(samples.result(edges), roles))
    assert re.findall(r"^(kuma_\w+) +(kuma_\w+) +(\d+) ", text, re.MULTILINE) == [
        ("kuma_dp", "kuma_zone_cp", "79"),
        ("kuma_zone_cp", "kuma_dp", "1"),
    ]


@pytest.mark.parametrize("render", [_report_text.render, _report_markdown.render, _report_html.render])
def test_that_nothing_was_installed_yet_is_said(render):
    report = samples.small()
    assert "before installation" not in render(report)
    report["reach"]["before_install"] = True
    assert "before installation" in render(report)


# --- JUnit -------------------------------------------------------------------------------------------------------------------


def cases(report, host):
    root = ET.fromstring(_report_junit.render(report).encode())
    return {case.get("name"): case for suite in root if suite.get("name") == host for case in suite}


def test_a_suite_is_a_source_and_a_case_an_edge():
    found = cases(samples.small(), "dp2.example.com")
    case = found["cp1.example.com dp-server tcp/5678"]
    assert case.get("classname") == "dp2.example.com.kuma_zone_cp"
    assert [(child.tag, child.get("type"), child.get("message")) for child in case] == [
        ("failure", "filtered/network", "filtered: no answer within 3 s")
    ]
    assert case[0].text.splitlines()[1:] == [
        "network: the target serves and admits it, and packets do not get there or back",
        "What to do: " + _reach_cause.CAUSES["network"].remedy,
    ]
    assert found["cp1.example.com admin tcp/5679 closed"][0].get("type") == "open/exposed"
    well = cases(samples.small(), "dp1.example.com")["dp2.example.com inbound tcp/15006"]
    assert (len(well), well.get("time")) == (0, "0.0004")
    assert cases(samples.small(), "cp1.example.com") == {}


def test_what_cannot_be_told_and_what_is_optional_is_skipped():
    report = samples.everything()
    kinds = {name: (case[0].tag, case[0].get("type")) for name, case in cases(report, "src").items() if len(case)}
    assert kinds["t-doubt inbound udp/15006"] == ("skipped", "no_answer")
    assert kinds["t-maybe inbound tcp/15006"] == ("skipped", "refused")
    assert kinds["t-silent inbound udp/15006"] == ("failure", "no_answer/not_known")
    gone = cases(report, "gone")
    assert gone["t-well inbound tcp/15006"][0].tag == "skipped"
    assert gone["host"][0].tag == "error"
    # Both families of a pair are cases of their own.
    assert {"t-well inbound tcp/15006 ipv4", "t-well inbound tcp/15006 ipv6"} <= set(cases(report, "src"))


@pytest.mark.parametrize("make", MAKERS)
def test_the_xml_keeps_to_what_readers_take(make):
    root = ET.fromstring(_report_junit.render(make()).encode())
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.keys()) <= attributes
        assert {child.tag for child in element} <= children
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)
    assert int(root.get("failures")) == sum(edge["failing"] for edge in make()["reach"]["edges"])


# --- Markdown ----------------------------------------------------------------------------------------------------------------


def test_a_small_report_as_markdown():
    text = _report_markdown.render(samples.small())
    assert text.startswith("### ❌ netports reach: 3 hosts: 2 ok, 1 failed; 6 edges: 3 as expected, 3 broken\n")
    assert rows(text, "Broken edges")[1] == [
        "dp2.example.com",
        "cp1.example.com",
        "kuma_zone_cp dp-server tcp/5678",
        "**network**",
        "filtered: no answer within 3 s",
        _reach_cause.CAUSES["network"].remedy,
    ]
    assert rows(text, "Who reaches whom") == [
        ["dp1.example.com", "1 closed, 1 open", "", "1 open"],
        ["dp2.example.com", "1 exposed, 1 filtered", "1 refused", ""],
    ]
    assert "4 of 4 pairs of hosts were probed, 2 sources and 3 targets, what has to be closed too." in text


def test_a_large_matrix_is_one_of_sites_in_markdown():
    text = _report_markdown.render(samples.mesh(100))
    assert rows(text, "Who reaches whom")[1] == ["rack2", "25 refused, 600 open", "600 open", "625 filtered", "625 open"]


# --- the page ----------------------------------------------------------------------------------------------------------------


def page(report):
    return Document(_report_html.render(report))


def test_each_pair_is_a_cell_in_the_colour_of_its_worst_edge_and_the_title_tells_all():
    document = page(samples.small())
    assert [cell["title"].splitlines() for cell in document.all("td", "exposed")] == [
        [
            "dp2.example.com → cp1.example.com",
            "admin tcp/5679: exposed, %s (exposed)" % samples.REASONS["open"],
            "dp-server tcp/5678: filtered, no answer within 3 s (network)",
        ]
    ]
    assert [cell["title"].splitlines() for cell in document.all("td", "closed")] == [
        ["admin tcp/5679: closed", "dp-server tcp/5678: open"]
    ]
    assert len([cell for cell in document.all("td") if "title" in cell]) == 4


def test_the_page_of_a_mesh_has_a_cell_for_each_pair_and_a_heading_for_each_site():
    document = page(samples.mesh(40))
    assert len([cell for cell in document.all("td") if "title" in cell]) == 40 * 39
    assert len(document.all("th", "group")) == len(document.all("tr", "site")) == 4
    assert not page(samples.mesh(40, 1)).all("tr", "site")


def test_more_hosts_than_anybody_looks_at_are_shown_by_site_or_by_role(monkeypatch):
    monkeypatch.setattr(_report_reach_matrix, "_MOST_PAIRS", 399)
    by_site = page(samples.mesh(20))
    assert [cell["class"] for cell in by_site.all("td", "wide")].count("wide filtered") == 1
    assert len(by_site.all("td", "wide")) == 16
    by_role = page(samples.mesh(20, 1))
    assert [cell["title"] for cell in by_role.all("td", "wide")] == ["19 refused, 18 unreachable, 343 open"]
    assert not page(samples.mesh(19)).all("td", "wide")


def test_sites_that_do_not_ask_each_other_are_an_empty_cell(monkeypatch):
    monkeypatch.setattr(_report_reach_matrix, "_MOST_PAIRS", 5)
    edges = [samples.edge("a", "b"), samples.edge("b", "c"), samples.edge("c", "a")]
    text = _report_html.render(samples.report(samples.result(edges, {"a": "1", "b": "2", "c": "1"})))
    body = text.partition('<section id="reach">')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    cells = re.findall(r"<td[^>]*>[^<]*</td>", body)
    assert [re.findall(r'title="(.*?)"', cell) for cell in cells] == [["1 open"], ["1 open"], ["1 open"], []]


@pytest.mark.slow
def test_a_sample_of_thousands_of_hosts_in_hundreds_of_sites_is_a_page_that_opens():
    names = ["host-%04d" % number for number in range(3000)]
    edges = [
        samples.broken(source, names[(number + step) % 3000], "filtered", "path")
        if number % 3
        else samples.edge(source, names[(number + step) % 3000])
        for number, source in enumerate(names)
        for step in (1, 500)
    ]
    report = samples.report(samples.result(edges, {name: "rack%d" % (number // 10) for number, name in enumerate(names)}))
    assert len(_report_html.render(report)) < 1_000_000
    assert len(_report_markdown.render(report)) < 65_536
    assert len(_report_text.render(report)) < 1_000_000


def test_each_cause_is_a_card_with_its_remedy_and_the_hosts_on_both_ends():
    text = page(samples.mesh(20)).text
    for cause in ("route", "network", "service"):
        assert _reach_cause.CAUSES[cause].meaning[1:] in text
    assert "62 of 380 edges are broken" in text
    assert len(page(samples.everything()).all("section", "kind")) == len(_reach_cause.CAUSES) + 1


def test_lines_of_the_picture_say_how_many_edges_are_broken():
    drawing = Document(_report_drawing.render(samples.small()))
    assert len(drawing.all("path", "broken")) == len(drawing.all("text", "share")) == 2 * 2
    assert drawing.text.count("1 of 2 edges are broken1/2") == 4
    assert "Broken edgesoperatorkuma_zone_cpapi-http tcp/5681" not in page(samples.mesh(3)).text
    assert "kuma_dpkuma_dpinbound tcp/150061 of 2" in page(samples.small()).text


def test_sites_between_which_nobody_asked_are_not_folded_away():
    text = _report_html.render(samples.everything())
    assert "<details open><summary>1 of 3 pairs of sites without a probe</summary>" in text
    assert re.search(r"<td>rack2</td><td>rack1</td><td>4</td><td>0</td></tr><tr>", text)
    assert "<details><summary>All 16 pairs of sites</summary>" in _report_html.render(samples.mesh(20))


def test_what_was_not_probed_and_what_nobody_knows_is_told_below():
    text = page(samples.everything()).text.partition("Worth knowing")[2]
    for title in ("1 edge not probed", "1 edge not known", "1 edge not run", "1 edge optional", "1 host was not looked at"):
        assert title in text
    assert "gone -> t-well inbound tcp/15006gone is unreachable" in text


def test_of_edges_that_fail_nothing_the_first_are_named():
    edges = [samples.edge("gone", "t%d" % number, state="not_run", reason="not reached") for number in range(60)]
    text = page(samples.report(samples.result(edges))).text
    assert "60 edges not run" in text
    assert text.count("not reached") == 50
    assert "and 10 more" in text


# --- safety ------------------------------------------------------------------------------------------------------------------


def test_names_of_hosts_are_text_in_the_page():
    document = page(samples.hostile())
    assert not {tag for tag, _attributes in document.elements} & {"script", "img", "a", "form", "iframe", "base", "link"}
    assert _report.plain(HOSTILE) in document.text
    titles = [cell["title"] for cell in document.all("td", "filtered")]
    assert titles and _report.plain(HOSTILE) in titles[0]


def test_names_of_hosts_do_not_move_the_cursor():
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", _report_text.render(samples.hostile()))


@pytest.mark.slow
@given(text=st.text(st.characters(exclude_categories=()), min_size=1))
def test_any_text_is_text(text):
    def report(name):
        listener = {"role": name, "listener": name, "reason": name}
        edges = [samples.broken(name, name + "2", "filtered", "path", **listener), samples.edge(name + "2", name, **listener)]
        left = [{"reason": name, "count": 1, "examples": [name]}]
        return samples.report(samples.result(edges, {name: name, name + "2": name + "3"}, not_probed=left))

    def shape(name):
        return sorted((tag, attributes.get("class", "")) for tag, attributes in page(report(name)).elements if tag != "wbr")

    assert shape(text) == shape("name")
    root = ET.fromstring(_report_junit.render(report(text)).encode())
    assert {suite.get("name") for suite in root} == {_report.plain(text), _report.plain(text + "2")}
    (row,) = rows(_report_markdown.render(report(text)), "Broken edges")
    assert len(row) == 6
