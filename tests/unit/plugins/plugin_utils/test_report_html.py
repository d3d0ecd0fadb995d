# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as a page: what it says, that it loads and runs nothing, and that its colours can be read."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_drawing, _report_html, _report_style
from ansible_collections.netports.core.plugins.plugin_utils._report_markup import SIGNS
from tests.unit.plugins.plugin_utils import report_samples as samples

VOID = {"meta", "br", "input", "wbr"}


class Document(html.parser.HTMLParser):
    """Elements in their order, `(tag, attributes)`, and the text outside of the style sheet. Refuses what is not balanced."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.style = [], "", ""
        self._open = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] == "style":
            self.style += data
        else:
            self.text += data

    def all(self, tag, kind=""):
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and (not kind or kind in attributes.get("class", "").split())
        ]


def page(report):
    return Document(_report_html.render(report))


def shape(report):
    return [(tag, attributes.get("class"), attributes.get("id")) for tag, attributes in page(report).elements]


def test_each_listener_is_a_cell_with_the_look_of_its_verdict_and_its_reason():
    document = page(samples.everything())
    for verdict, reason in samples.REASONS.items():
        titles = [cell["title"] for cell in document.all("td", verdict)]
        number = 8000 + list(samples.REASONS).index(verdict)
        assert ("l-%s tcp/%d: %s" % (verdict, number, verdict) + (", " + reason if reason else "")) in titles
    (optional,) = document.all("td", "optional")
    assert optional["title"] == "maybe tcp/9000: absent, optional, nothing listens on it"


def test_the_large_matrix_has_a_cell_for_each_listener():
    document = page(samples.large())
    cells = [attributes for tag, attributes in document.elements if tag == "td" and "title" in attributes]
    assert len(cells) == 299 * 20


def test_hosts_that_failed_come_first_and_the_others_can_be_hidden():
    document = page(samples.large())
    rows = [attributes["class"] for tag, attributes in document.elements if tag == "tr" and "class" in attributes]
    assert rows.count("bad") == 13
    assert rows[-269:] == ["bad"] * 12 + ["well"] * 257
    assert document.all("input") == [{"type": "checkbox", "class": "only", "id": "failing"}]
    assert not page(samples.healthy()).all("input")


def test_what_a_host_said_before_it_went_away_is_in_the_matrix():
    said, lost = samples.role("r", [samples.listener("web", "tcp", "80")]), samples.role("s", state="not_run", allow=None)
    document = page(
        samples.report(samples.host("h", said, lost, state="unreachable"), samples.host("g", lost, state="unreachable"))
    )
    assert len(document.all("tr", "bad")) == 1
    assert len(document.all("td", "ok")) == 1


def test_roles_of_hosts_are_groups_of_columns_and_ports_that_differ_by_host_one_column():
    def proxy(port):
        return samples.role("kuma_dp", [samples.listener("inbound-web", "tcp", port), samples.listener("admin", "tcp", "9901")])

    ingress = samples.role("kuma_zone_ingress", [samples.listener("ingress", "tcp", "10001")])
    text = _report_html.render(samples.report(*(samples.host("h%s" % p, proxy(p), ingress) for p in ("80", "81"))))
    assert re.findall(r'<th class="group first" colspan="(\d)".*?<span>(\w+)', text) == [
        ("3", "kuma_dp"),
        ("2", "kuma_zone_ingress"),
    ]
    assert re.findall(r"<b>([^<]*)</b> ([\w-]+)", text.partition("<thead>")[2].partition("</thead>")[0]) == [
        ("tcp/various", "inbound-web"),
        ("tcp/9901", "admin"),
        ("tcp/10001", "ingress"),
    ]
    assert 'title="inbound-web tcp/81: ok"' in text


def test_hosts_that_have_nothing_in_common_do_not_blow_up_the_page():
    def own(number):
        return samples.role("kuma_dp", [samples.listener("inbound-%d-%d" % (number, n), "tcp", str(n + 1)) for n in range(20)])

    text = _report_html.render(samples.report(*(samples.host("h%d" % n, own(n)) for n in range(300))))
    assert len(text) < 2_500_000


def test_failures_say_what_to_do_and_share_their_hosts():
    role = samples.role("r", [samples.listener("web", "tcp", "80", "absent")])
    document = page(samples.report(*(samples.host("web%d" % n, role) for n in range(120))))
    assert "120 of 120 hosts need attention" in document.text
    assert "Start the service; if it moved, set the role's _ports or _product_config." in document.text
    assert len(document.all("div", "fault")) == 1
    assert "120 hosts" in document.text
    assert "web119" in document.text


@pytest.mark.parametrize(
    "hosts, claim",
    [
        ((), "No host was looked at"),
        (samples.healthy(1)["hosts"], "The host is as expected"),
        (samples.healthy(3)["hosts"], "All 3 hosts are as expected"),
        ((*samples.healthy(3)["hosts"], samples.host("x", state="unreachable")), "1 of 4 hosts needs attention"),
        ((*samples.healthy(3)["hosts"], samples.host("x", state="not_run")), "1 of 4 hosts was not looked at"),
    ],
)
def test_the_claim(hosts, claim):
    report = samples.report(*hosts)
    assert "<h1>%s</h1>" % claim in _report_html.render(report)


def test_what_is_no_failure_is_told_below():
    strangers = samples.verify([samples.listener("web", "tcp", "80")], ("tcp/23 on 0.0.0.0 telnetd",))
    report = samples.report(samples.host("odd", samples.role("r", verify=strangers)), samples.host("later", state="not_run"))
    text = page(report).text
    assert "1 socket not expected" in text
    assert "tcp/23 on 0.0.0.0 telnetd" in text
    assert "1 host was not looked at" in text
    assert "What is wrong" not in text


# --- the drawing -------------------------------------------------------------------------------------------------------------


def test_the_drawing_has_clients_targets_and_a_line_for_each_of_their_meetings():
    drawing = Document(_report_drawing.render(samples.small()))
    wide, narrow = drawing.all("svg")
    # operator; prometheus twice; kubelet; kuma_dp twice; kuma_zone_ingress twice; remote-zone; in each of two drawings.
    assert len(drawing.all("path", "edge")) == 2 * 9
    assert len(drawing.all("g", "client")) == 2 * 6
    assert len(drawing.all("g", "external")) == 2 * 4
    assert "1 of 1 failed" in drawing.text
    assert wide["viewbox"].split()[2] == "960"
    assert narrow["viewbox"].split()[2] == "358"


def test_boxes_of_the_drawing_do_not_touch_and_stay_within():
    for number in (1, 5, 40):
        connections = [
            {"from": "client-%d" % (n % 17), "to": "role-%d" % (n % 7), "listeners": ["l%d tcp/%d" % (n, n)], "external": True}
            for n in range(number)
        ]
        for svg in re.findall(r"<svg.*?</svg>", _report_drawing.render(samples.report(connections=connections)), re.DOTALL):
            width, height = (float(n) for n in re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
            boxes = [
                tuple(float(n) for n in box)
                for box in re.findall(r'<rect class="box" x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"', svg)
            ]
            assert len(boxes) == min(number, 17) + min(number, 7)
            for x, y, w, h in boxes:
                assert 0 <= x < x + w <= width
                assert 0 <= y < y + h <= height
            for (x1, y1, w1, h1), (x2, y2, w2, h2) in product(boxes, boxes):
                same = (x1, y1) == (x2, y2)
                assert same or x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1


def test_the_same_is_there_in_words():
    text = page(samples.small()).text.partition("The same in words")[2]
    assert "operatorkuma_zone_cpapi-http tcp/5681, api-https tcp/5682" in text


# --- safety ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [samples.small, samples.everything, samples.hostile, samples.large, samples.report])
def test_it_loads_and_runs_nothing(make):
    document = page(make())
    tags = {tag for tag, _attributes in document.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "use", "image", "foreignobject"}
    names = {name for _tag, attributes in document.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")} & names
    assert not names & {"src", "href", "style", "action", "xlink:href"}
    (policy,) = [meta["content"] for meta in document.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(document.style.encode()).digest()).decode()
    assert policy == "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-%s'" % digest
    assert not re.search(r"url\(|@import|@font-face|https?:", document.style)


def test_ids_are_there_once():
    ids = [attributes["id"] for _tag, attributes in page(samples.everything()).elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_a_host_named_like_a_script_is_shown_as_it_is():
    name = "<script>alert(1)</script>"
    text = page(samples.report(samples.host(name, samples.role("r", [samples.listener("l", "tcp", "1", "absent")])))).text
    assert text.count(name) >= 2


@given(text=st.text(st.characters(exclude_categories=()), min_size=1))
def test_any_text_is_text(text):
    def report(name):
        bad = samples.listener(name, "tcp", "1", "absent", reason=name)
        role = samples.role(name, [bad], version=name, allow=samples.allow(failed=True, msg=name))
        connections = [{"from": name, "to": name, "listeners": [name + " tcp/1"], "external": True}]
        return samples.report(samples.host(name, role), samples.host(name, state="not_run", msg=name), connections=connections)

    # The drawing may break names into lines, and titles are only where something was cut.
    drawn = ("title", "text", "wbr")
    usual = [element for element in shape(report("name")) if element[0] not in drawn]
    assert [element for element in shape(report(text)) if element[0] not in drawn] == usual
    assert _report.plain(text) in _report.plain(page(report(text)).text) or not text.strip()


# --- colours -----------------------------------------------------------------------------------------------------------------


def luminance(colour):
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [_report_style.LIGHT, _report_style.DARK], ids=["light", "dark"])
def test_all_that_is_written_can_be_read(theme):
    """WCAG AA: 4.5 to 1 for text, 3 to 1 for lines that mean something."""
    for (name, ink), (ground, surface) in product(theme.inks.items(), theme.surfaces.items()):
        assert contrast(ink, surface) >= 4.5, (name, ground)
    for kind, (ground, ink) in theme.kinds.items():
        assert contrast(ground, ink) >= 4.5, kind
    for ground, surface in theme.surfaces.items():
        assert contrast(theme.lines["edge"], surface) >= 3, ground
    assert contrast("#ffffff", "#000000") == pytest.approx(21)


def test_everything_with_a_colour_has_a_sign_of_its_own():
    assert len(set(SIGNS.values())) == len(SIGNS)
    for theme in (_report_style.LIGHT, _report_style.DARK):
        assert set(theme.kinds) == set(SIGNS)
