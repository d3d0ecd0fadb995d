# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as a page: one HTML file that loads nothing and runs nothing. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from itertools import groupby

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.plugin_utils import (
    _report,
    _report_drawing,
    _report_failures,
    _report_matrix,
    _report_reach_html,
    _report_reach_shares,
    _report_style,
)
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_failures import Group
from ansible_collections.netports.core.plugins.plugin_utils._report_markup import (
    OPTIONAL,
    SIGNS,
    escaped,
    fault,
    faults,
    legend,
    line_of_shares,
    look,
    note,
    sentence,
    sign,
    switch,
    table,
    who,
)

_STATES = (
    ("ok", _report.OK, "ok"),
    ("failed", _report.FAILED, "failed"),
    ("unreachable", _report.UNREACHABLE, "unreachable"),
    ("not_run", OPTIONAL, "not run"),
    ("no_role", OPTIONAL, "without a role"),
)
_NOTHING_NEEDED = "nothing serves it, and nothing has to"


def render(report: Report) -> str:
    matrix = _report_reach_html.matrix(report) if "reach" in report else _matrix(report)
    sections = (_top(report), _failures(report), matrix, _connections(report), _notes(report))
    return _PAGE % {
        "policy": escaped(_report_style.POLICY),
        "title": escaped("%s: netports %s" % (_claim(report), report["playbook"])),
        "sheet": _report_style.SHEET,
        "sections": "\n".join(section for section in sections if section),
        "generated": _time(report["generated"]),
    }


_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="%(policy)s">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>%(title)s</title>
<style>%(sheet)s</style>
</head>
<body>
<main>
%(sections)s
<footer>Made by netports.core from what the hosts said until %(generated)s.</footer>
</main>
</body>
</html>
"""


# --- the top -----------------------------------------------------------------------------------------------------------------


def _claim(report: Report) -> str:
    """The whole report in a sentence."""
    said = report["summary"]
    edges = _report.edges(report)
    broken = sum(edge["failing"] for edge in edges)
    if broken:
        return "%d of %s %s broken" % (broken, _report.plural(len(edges), "edge"), "is" if broken == 1 else "are")
    wrong = said["failed"] + said["unreachable"]
    hosts = _report.plural(said["hosts"], "host")
    if wrong:
        return "%d of %s %s attention" % (wrong, hosts, "needs" if wrong == 1 else "need")
    if not said["ok"]:
        return "No host was looked at"
    if said["not_run"]:
        return "%d of %s %s not looked at" % (said["not_run"], hosts, "was" if said["not_run"] == 1 else "were")
    return "%s as expected" % ("All %s are" % hosts if said["hosts"] > 1 else "The host is")


def _top(report: Report) -> str:
    said = report["summary"]
    states = [(said[key], kind, word) for key, kind, word in _STATES]  # type: ignore[literal-required]
    verdicts = [(count, kind, _word(kind)) for kind, count in _kinds(report).items()]
    parts = ['<header><p class="eyebrow">netports %s</p>' % escaped(report["playbook"]), "<h1>%s</h1>" % _claim(report)]
    parts.append('<p class="meta">%s</p>' % _time(report["generated"]))
    totals = [_totals("Hosts", states), _totals("Listeners", verdicts), _totals("Edges", _report_reach_html.totals(report))]
    parts.append('<div class="totals">%s</div></header>' % "".join(totals))
    return "\n".join(parts)


def _time(generated: str) -> str:
    """The time as people write it; as it is where it is no time."""
    try:
        moment = datetime.datetime.fromisoformat(generated.replace("Z", "+00:00")).astimezone(datetime.timezone.utc)
    except ValueError:
        return escaped(generated)
    return '<time datetime="%s">%d %s</time>' % (escaped(generated), moment.day, moment.strftime("%B %Y, %H:%M UTC"))


def _kinds(report: Report) -> dict[str, int]:
    """Listeners by the sign that they get."""
    counts = dict.fromkeys(SIGNS, 0)
    for _host, _role, listener in _report.listeners(report):
        counts[look(listener)] += 1
    counts[_verdict.UNEXPECTED] += report["summary"]["verdicts"][_verdict.UNEXPECTED]
    return counts


def _word(kind: str) -> str:
    return "absent, optional" if kind == OPTIONAL else kind.replace("_", " ")


def _totals(title: str, counts: Iterable[tuple[int, str, str]]) -> str:
    present = [(count, kind, word) for count, kind, word in counts if count]
    if not present:
        return ""
    items = "".join("<li>%s<b>%d</b> %s</li>" % (sign(kind), count, word) for count, kind, word in present)
    return '<div><h2>%s</h2>%s<ul class="chips">%s</ul></div>' % (title, line_of_shares(present), items)


# --- failures ----------------------------------------------------------------------------------------------------------------


def _failures(report: Report) -> str:
    count = len(_report_failures.failures(report))
    if not count:
        return ""
    groups = _report_failures.grouped(report)
    cards = [_card(verdict, list(of_kind)) for verdict, of_kind in groupby(groups, key=lambda group: group.failure.verdict)]
    if "reach" in report:
        cards += _report_reach_html.faults_of(report)
    return '<section id="failures"><h2>What is wrong <small>%d</small></h2><div class="kinds">%s</div></section>' % (
        count,
        "".join(cards),
    )


def _card(verdict: str, groups: Sequence[Group]) -> str:
    kind = verdict if verdict in SIGNS else _report.FAILED
    count = sum(len(group.hosts) for group in groups)
    return faults(kind, _word(verdict), count, groups[0].failure.explanation, [_fault(group) for group in groups])


def _fault(group: Group) -> str:
    failure = group.failure
    what = " ".join(
        part for part in (escaped(failure.listener), failure.port and "<code>%s</code>" % escaped(failure.port)) if part
    )
    role = "<small>%s</small>" % escaped(failure.role) if what else escaped(failure.role)
    return fault(who(group.hosts), what + role, escaped(failure.reason))


# --- the matrix and the drawing ----------------------------------------------------------------------------------------------


def _matrix(report: Report) -> str:
    tables = _report_matrix.render(report)
    if not tables:
        return ""
    return '<section id="matrix"><h2>Hosts and ports</h2>%s<div class="card scroll" tabindex="0">\n%s</div>%s</section>' % (
        switch("Only hosts that failed", tables),
        tables,
        _legend(report),
    )


def _legend(report: Report) -> str:
    """Of the kinds of listeners that there are."""
    meanings = {kind: said.meaning for kind, said in _report_failures.EXPLANATIONS.items()} | {OPTIONAL: _NOTHING_NEEDED}
    seen = [kind for kind, count in _kinds(report).items() if count and kind != _verdict.UNEXPECTED]
    return legend((kind, _word(kind), meanings[kind]) for kind in seen)


def _connections(report: Report) -> str:
    drawing = _report_drawing.render(report)
    if not drawing:
        return ""
    rows = [[one["from"], one["to"], ", ".join(one["listeners"])] for one in report["connections"]]
    head = ["From", "To", "Listeners"]
    said = ""
    if "reach" in report:
        head.append("Broken edges")
        for row, share in zip(rows, _report_reach_shares.by_connection(report)):
            row.append(share.text)
        said = '<p class="muted">On a red line some edges are broken: how many, of how many.</p>' * ("edge broken" in drawing)
    words = '<details class="legend"><summary>The same in words</summary>%s</details>' % table(head, rows)
    title = '<section id="connections"><h2>Who connects to whom</h2>'
    return '%s<div class="card drawing">\n%s%s</div>%s</section>' % (title, drawing, said, words)


# --- what is no failure ------------------------------------------------------------------------------------------------------


def _notes(report: Report) -> str:
    notes = [_unverified(report), _unexpected(report), _unseen(report)]
    if "reach" in report:
        notes += _report_reach_html.notes(report)
    if not any(notes):
        return ""
    return '<section id="notes"><h2>Worth knowing</h2><div class="notes">%s</div></section>' % "".join(notes)


def _unverified(report: Report) -> str:
    groups = _report_failures.unverified(report)
    if not groups:
        return ""
    count = sum(len(group.hosts) for group in groups)
    explanation = _report_failures.EXPLANATIONS[_verdict.UNVERIFIABLE]
    title = "%s could not be verified" % _report.plural(count, "listener")
    return note(title, sentence(explanation.remedy), "".join(_fault(one) for one in groups))


def _unexpected(report: Report) -> str:
    """Strangers that fail nothing; those that do are failures."""
    lines = {}
    for host in report["hosts"]:
        for role in host["roles"]:
            verify = role["verify"]
            if verify and verify["unexpected"] and not _report_failures.unexpected_failing(verify):
                lines[host["host"]] = verify["unexpected"]
    if not lines:
        return ""
    rows = "".join(
        "<tr><td>%s</td><td>%s</td></tr>" % (escaped(host), "<br>".join(escaped(line) for line in found))
        for host, found in lines.items()
    )
    count = sum(len(found) for found in lines.values())
    explanation = _report_failures.EXPLANATIONS[_verdict.UNEXPECTED]
    return note(
        "%s not expected" % _report.plural(count, "socket"),
        sentence(explanation.remedy),
        '<table class="plain">%s</table>' % rows,
    )


def _unseen(report: Report) -> str:
    states = {_report.NOT_RUN: "not run", _report.NO_ROLE: "no role"}
    rows = "".join(
        "<tr><td>%s</td><td>%s</td><td>%s</td></tr>"
        % (escaped(host["host"]), states[host["state"]], escaped(_report.shortened(host["msg"])))
        for host in report["hosts"]
        if host["state"] in states
    )
    if not rows:
        return ""
    count = report["summary"]["not_run"] + report["summary"]["no_role"]
    title = "%s %s not looked at" % (_report.plural(count, "host"), "was" if count == 1 else "were")
    said = "The run ended before it came to them, or they are in no group that stands for a role."
    return note(title, said, '<table class="plain">%s</table>' % rows)
