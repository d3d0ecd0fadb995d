# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text into HTML and SVG, and the signs of verdicts there. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.module_utils._probing import model
from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_reach
from ansible_collections.netports.core.plugins.plugin_utils._report import Explanation, ListenerResult

# What an absent listener is that may be: no failure, and not as if it were there.
OPTIONAL = _report_reach.OPTIONAL

# A sign for everything that has a colour: colour alone tells nothing to some people, and on some printers.
SIGNS = {
    _verdict.OK: "✓",
    _verdict.ABSENT: "A",
    OPTIONAL: "–",
    _verdict.EXPOSED: "E",
    _verdict.CONFINED: "C",
    _verdict.WRONG_OWNER: "W",
    _verdict.TAKEN: "T",
    _verdict.SHUT: "S",
    _verdict.UNVERIFIABLE: "?",
    _verdict.UNEXPECTED: "U",
    _report.FAILED: "!",
    _report.UNREACHABLE: "×",
    model.REFUSED: "R",
    model.FILTERED: "F",
    model.UNRESOLVED: "D",
    model.NO_ANSWER: "N",
    _report_reach.TLS: "L",
    _report.NOT_RUN: "·",
    _report_reach.CLOSED: "=",
}

# What is more is there, folded.
_HOSTS_SHOWN = 3
_FAULTS_SHOWN = 12


def escaped(text: str) -> str:
    """Text of others as text, in elements and in quoted attributes."""
    return html.escape(_report.plain(text))


def prose(text: str) -> str:
    """Our own sentences, in which `words` of a program are marked."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text, quote=False))


def sentence(text: str) -> str:
    """The same as a sentence of its own."""
    return prose(text[0].upper() + text[1:] + ".")


def look(listener: ListenerResult) -> str:
    """The class of a listener's cell."""
    if listener["verdict"] == _verdict.ABSENT and not listener["failing"]:
        return OPTIONAL
    return listener["verdict"] if listener["verdict"] in SIGNS else _report.FAILED


def sign(kind: str) -> str:
    """The coloured sign of a kind that is named beside it."""
    return '<span class="sign %s" aria-hidden="true"></span>' % kind


def who(hosts: Sequence[str], most: int | None = None) -> str:
    """Hosts by name; many of them folded, and not more than `most`."""
    if len(hosts) <= _HOSTS_SHOWN:
        return "<br>".join(escaped(host) for host in hosts)
    items = [*hosts[:most], *(["and %d more" % (len(hosts) - most)] if most and len(hosts) > most else [])]
    names = "".join("<li>%s</li>" % escaped(item) for item in items)
    return "<details><summary>%d hosts</summary><ul>%s</ul></details>" % (len(hosts), names)


def fault(where: str, what: str, why: str) -> str:
    """One thing that is wrong, of three pieces of markup."""
    return '<div class="fault"><div class="who">%s</div><div class="what">%s</div><div class="why">%s</div></div>' % (
        where,
        what,
        why,
    )


def faults(kind: str, word: str, count: int, explanation: Explanation, found: Sequence[str]) -> str:
    """What is wrong in one way, with what that means and asks for."""
    folded = found[_FAULTS_SHOWN:]
    parts = [
        '<section class="card kind"><h3>%s%s <span class="muted">%d</span></h3>' % (sign(kind), word, count),
        '<p class="muted">%s</p>' % sentence(explanation.meaning),
        '<p class="remedy"><b>What to do:</b> %s</p>' % sentence(explanation.remedy),
        *found[:_FAULTS_SHOWN],
    ]
    if folded:
        parts.append("<details><summary>%d more</summary>%s</details>" % (len(folded), "".join(folded)))
    return "".join([*parts, "</section>\n"])


def switch(label: str, tables: str) -> str:
    """A switch that hides what is well in the box that follows, without any script; empty where that would change nothing."""
    if '<tr class="well">' not in tables or '<tr class="bad">' not in tables:
        return ""
    return '<input type="checkbox" class="only" id="failing"><label class="filter" for="failing">%s</label>' % label


def line_of_shares(counts: Sequence[tuple[int, str, str]]) -> str:
    """Shares as one line; what there is little of stays visible."""
    total = sum(count for count, _kind, _word in counts)
    widths = [max(12.0, 1000 * count / total) for count, _kind, _word in counts]
    scale, x, parts = 1000 / sum(widths), 0.0, []
    for (_count, kind, _word), width in zip(counts, widths):
        parts.append('<rect class="%s" x="%.1f" width="%.1f" height="10"/>' % (kind, x, max(width * scale - 2, 1)))
        x += width * scale
    return '<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">%s</svg>' % "".join(parts)


def legend(entries: Iterable[tuple[str, str, str]]) -> str:
    """Kinds with their names and meanings."""
    rows = "".join("<dt>%s%s</dt><dd>%s</dd>" % (sign(kind), word, sentence(meaning)) for kind, word, meaning in entries)
    return '<details class="legend" open><summary>What the signs mean</summary><dl>%s</dl></details>' % rows


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Text of others in cells, under a head of our own."""
    cells = "".join("<tr>%s</tr>" % "".join("<td>%s</td>" % escaped(cell) for cell in row) for row in rows)
    names = "".join('<th scope="col">%s</th>' % name for name in head)
    return '<table class="plain"><thead><tr>%s</tr></thead><tbody>%s</tbody></table>' % (names, cells)


def note(title: str, said: str, content: str) -> str:
    """Something that is no failure, folded."""
    return '<details class="card"><summary>%s</summary><p>%s</p>%s</details>' % (title, said, content)
