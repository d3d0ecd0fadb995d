# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report's page in a real browser: phones and desks, light and dark, on screen and on paper."""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _report_html
from tests.conftest import IN_CI
from tests.lab import browser
from tests.unit.plugins.plugin_utils import reach_samples
from tests.unit.plugins.plugin_utils import report_samples as samples

pytestmark = [pytest.mark.anywhere, pytest.mark.slow]

PHONE, DESK = (390, 844), (1440, 900)
REPORTS = {
    "small": samples.small,
    "everything": samples.everything,
    "hostile": samples.hostile,
    "large": samples.large,
    "healthy": samples.healthy,
    "empty": samples.report,
    "reach": reach_samples.small,
    "reach-everything": reach_samples.everything,
    "reach-hostile": reach_samples.hostile,
    "mesh": reach_samples.mesh,
}

# Elements whose text is not as far from its ground as WCAG AA asks (large text would need less). What is transparent shows the
# ground of what it lies in.
CONTRASTS = """
(() => {
  const numbers = colour => colour.match(/[0-9.]+/g).map(Number);
  const luminance = rgb => rgb.slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = element => {
    for (let around = element; around; around = around.parentElement) {
      const svg = around.closest('svg');
      const colour = numbers(getComputedStyle(around).backgroundColor);
      if (!svg && (colour.length < 4 || colour[3] === 1)) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll('main *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const drawn = getComputedStyle(element, '::before').content !== 'none' && element.matches('td, .sign');
    if (!(own || drawn) || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = numbers(element.closest('svg') ? style.fill : style.color);
    const [dark, light] = [luminance(ink), luminance(ground(element))].sort((a, b) => a - b);
    if ((light + 0.05) / (dark + 0.05) < 4.5) found.push(element.outerHTML.slice(0, 120) + ' ' + ink + ' on ' + ground(element));
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def page():
    reason = browser.why_not()
    if reason:
        # Where CI has no browser this is not covered, and nobody would know.
        (pytest.fail if IN_CI else pytest.skip)(reason)
    with browser.browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("report")
    for name, make in REPORTS.items():
        (directory / (name + ".html")).write_text(_report_html.render(make()), encoding="utf-8")
    return {name: directory / (name + ".html") for name in REPORTS}


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_it_opens_without_a_complaint_loads_nothing_and_does_not_scroll_sideways(page, files, name, size):
    page.open(files[name], *size)
    assert page.complaints == []
    assert page.requests == [files[name].as_uri()]
    assert page.run("document.documentElement.scrollWidth") <= size[0]
    assert page.run("innerWidth") == size[0]
    # The style sheet was not refused.
    assert page.run("getComputedStyle(document.querySelector('main')).maxWidth") == "1440px"
    assert page.run("document.querySelectorAll('script, [onerror], [onclick]').length") == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("name", ["small", "everything", "reach", "reach-everything"])
def test_all_text_can_be_read(page, files, name, size, dark):
    page.open(files[name], *size, dark=dark)
    page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.run(CONTRASTS) == []
    lightness = page.run("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0]")
    assert (int(lightness) < 60) is dark


def test_every_listener_has_a_cell_and_the_cells_have_signs(page, files):
    page.open(files["large"], *DESK)
    assert page.run("document.querySelectorAll('.matrix td[title]').length") == 299 * 20
    page.open(files["everything"], *DESK)
    signs = page.run(
        "[...document.querySelectorAll('.matrix td[title]:not(.wall)')].map(cell => getComputedStyle(cell, '::before').content)"
    )
    # Eight verdicts and an absent listener that is optional on one host, and one more that is ok.
    assert len(signs) == 10
    assert len(set(signs)) == 9
    assert not {"none", '""'} & set(signs)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_head_and_the_hosts_stay_while_the_matrix_scrolls(page, files, size):
    page.open(files["large"], *size)
    place = """
      (() => {
        const area = document.querySelector('.scroll'), table = document.querySelectorAll('.matrix')[2];
        area.scrollTo(%d, table.offsetTop + 2000);
        const frame = area.getBoundingClientRect();
        const head = table.tHead.getBoundingClientRect(), host = table.tBodies[0].rows[60].cells[0].getBoundingClientRect();
        const down = head.top - frame.top - area.clientTop, right = host.left - frame.left - area.clientLeft;
        return [area.scrollLeft, Math.round(down), Math.round(right)];
      })()
    """
    scrolled, top, left = page.run(place % 300)
    assert (top, left) == (0, 0)
    assert scrolled > 0 or size == DESK
    # The head does not hide what it is the head of.
    assert page.run(
        "document.querySelectorAll('.matrix')[2].tHead.offsetHeight < document.querySelector('.scroll').clientHeight / 2"
    )


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_matrix_of_a_hundred_hosts_has_a_cell_and_a_sign_for_each_pair_under_a_head_that_stays(page, files, size):
    page.open(files["mesh"], *size)
    signs = page.run(
        "[...document.querySelectorAll('.reach td[title]')].map(cell => getComputedStyle(cell, '::before').content.slice(0, 3))"
    )
    assert {sign: signs.count(sign) for sign in set(signs)} == {'"✓"': 9078, '"F"': 625, '"×"': 98, '"R"': 99}
    place = """
      (() => {
        const area = document.querySelector('.scroll'), table = document.querySelector('.reach');
        area.scrollTo(400, 600);
        const frame = area.getBoundingClientRect(), head = table.tHead.getBoundingClientRect();
        const host = table.tBodies[2].rows[1].cells[0].getBoundingClientRect();
        return [head.top - frame.top - area.clientTop, host.left - frame.left - area.clientLeft].map(Math.round);
      })()
    """
    assert page.run(place) == [0, 0]
    assert page.run("document.querySelector('.reach').tHead.offsetHeight < document.querySelector('.scroll').clientHeight / 2")


def test_hosts_that_get_through_can_be_hidden(page, files):
    page.open(files["mesh"], *DESK)
    visible = "[...document.querySelectorAll('.reach tbody tr:not(.site)')].filter(row => row.checkVisibility()).length"
    assert page.run(visible) == 100
    page.run("document.querySelector('label[for=failing]').click()")
    assert page.run(visible) == 99
    assert page.run("document.querySelectorAll('.matrix th:not([scope]):not(:empty)').length") == 0


def test_hosts_that_are_well_can_be_hidden_without_any_script(page, files):
    page.open(files["large"], *PHONE)
    visible = "[...document.querySelectorAll('.matrix tbody tr')].filter(row => row.checkVisibility()).length"
    assert page.run(visible) == 299
    page.run("document.querySelector('label[for=failing]').click()")
    assert page.run(visible) == 13
    page.run("document.querySelector('label[for=failing]').click()")
    assert page.run(visible) == 299


@pytest.mark.parametrize("size, shown", [(PHONE, "narrow"), (DESK, "wide")], ids=["phone", "desk"])
@pytest.mark.parametrize("name", ["small", "hostile", "reach", "reach-hostile"])
def test_the_drawing_is_there_and_nothing_in_it_leaves_its_box(page, files, name, size, shown):
    page.open(files[name], *size)
    assert page.run(
        "[...document.querySelectorAll('.drawing svg')].filter(s => s.checkVisibility()).map(s => s.classList[0])"
    ) == [shown]
    outside = """
      [...document.querySelectorAll('.drawing svg.%s text:not(.share)')].filter(text => {
        const box = text.parentElement.querySelector('rect.box').getBBox(), it = text.getBBox();
        return it.x < box.x || it.x + it.width > box.x + box.width || it.y + it.height > box.y + box.height;
      }).map(text => text.textContent)
    """
    assert page.run(outside % shown) == []
    # How many edges are broken is said beside the boxes.
    covered = """
      [...document.querySelectorAll('.drawing svg.%s .share')].filter(text => {
        const it = text.getBBox(), boxes = [...text.closest('svg').querySelectorAll('rect.box')].map(box => box.getBBox());
        return boxes.some(box => it.x < box.x + box.width && box.x < it.x + it.width
          && it.y < box.y + box.height && box.y < it.y + it.height);
      }).map(text => text.textContent)
    """
    assert page.run(covered % shown) == []
    # It is drawn as large as it was measured, or larger: small letters are no letters.
    assert page.run("document.querySelector('.drawing svg.%s').getBoundingClientRect().width" % shown) >= 320


def test_on_paper_all_is_light_and_unfolded_and_nothing_is_cut_off(page, files):
    page.open(files["large"], 1000, 700, dark=True, media="print")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.querySelector('.scroll')).overflow") == "visible"
    assert page.run("document.querySelector('#failing').checkVisibility()") is False
    # Unfolded, as far as a browser can tell: what is within takes room.
    assert page.run("[...document.querySelectorAll('.notes details .fault')].every(one => one.offsetHeight > 0)")


def test_the_matrix_of_who_reaches_whom_is_whole_on_paper(page, files):
    page.open(files["mesh"], 1000, 700, dark=True, media="print")
    assert page.run("getComputedStyle(document.querySelector('.scroll')).overflow") == "visible"
    # A4 across, less its margins, is 1030 pixels wide.
    assert page.run("document.querySelector('.reach').offsetWidth") <= 1000
    assert page.run("[...document.querySelectorAll('.coverage details td')].every(one => one.offsetHeight > 0)")


def test_words_for_those_who_do_not_see(page, files):
    page.open(files["small"], *DESK)
    assert page.run("document.documentElement.lang") == "en"
    assert page.run("document.title") == "2 of 3 hosts need attention: netports site"
    assert page.run("[...document.querySelectorAll('.matrix td.exposed')].map(cell => cell.textContent)") == ["exposed"]
    assert page.run("[...document.querySelectorAll('h1, h2, h3')].map(head => +head.tagName[1])")[0] == 1
    assert page.run("document.querySelectorAll('.matrix th:not([scope]):not(:empty)').length") == 0
    # What scrolls can be scrolled with keys.
    assert page.run("document.querySelector('.scroll').tabIndex") == 0
