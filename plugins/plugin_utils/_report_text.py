# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as text for a terminal: one table of the inventory, then all that is wrong. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest

from ansible_collections.netports.core.plugins.plugin_utils import _report
from ansible_collections.netports.core.plugins.plugin_utils._report import Report

_WIDTH = 120
_NARROWEST = 16
_NARROWEST_SENTENCE = 30
_LONGEST_WORDS = 40
_GAP = "  "
_NAMES_WIDTH = 40
_UNCERTAIN_LINES = 10
_STATES = {_report.NOT_RUN: "not run", _report.NO_ROLE: "no role"}


def render(report: Report) -> str:
    """At most 120 columns, unless names are longer. Hosts of which the same is to be told share a line; failures do not."""
    title = "netports %s, %s: %s" % (report["playbook"], report["generated"], _report.headline(report))
    parts = [_report.plain(title), _inventory(report), _uncertain(report), _failures(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _inventory(report: Report) -> str:
    failing: list[tuple[str, ...]] = []
    # What is to be told of a role that is well, and the hosts of which it is told.
    folded: dict[tuple[str, ...], list[str]] = {}
    for host in sorted(report["hosts"], key=lambda host: _report.natural(host["host"])):
        gone = host["state"] == _report.UNREACHABLE
        lost = [role for role in host["roles"] if gone and role["state"] == _report.NOT_RUN]
        if gone or not host["roles"]:
            names = ", ".join(role["role"] for role in lost) or "-"
            folded.setdefault((names, "-", _STATES.get(host["state"], host["state"]), "-"), []).append(host["host"])
        for role in host["roles"]:
            told = (role["role"], role["version"] or "-", _listeners(role), _report.firewall_text(role["allow"]) or "-")
            if role["state"] == _report.FAILED:
                failing.append((host["host"], *told))
            elif role not in lost:
                folded.setdefault(told, []).append(host["host"])
    rows = failing + [(_some(hosts), *told) for told, hosts in folded.items()]
    return _table([("HOST", "ROLE", "VERSION", "LISTENERS", "FIREWALL"), *rows]) if rows else ""


def _listeners(role: _report.RoleResult) -> str:
    return _report.counts_text(_report.counts(role)) or (role["state"].replace("_", " ") if role["state"] != _report.OK else "-")


def _some(hosts: Sequence[str]) -> str:
    if len(hosts) == 1:
        return hosts[0]
    text = "%d hosts: %s" % (len(hosts), ", ".join(hosts))
    return text if len(text) <= _NAMES_WIDTH else "%d hosts: %s, ..." % (len(hosts), hosts[0])


def _failures(report: Report) -> str:
    found = _report.failures(report)
    if not found:
        return ""
    rows = [("HOST", "ROLE", "LISTENER", "VERDICT", "REASON, AND WHAT TO DO")]
    remedies = {}
    for verdict, failures in groupby(found, key=lambda failure: failure.verdict):
        for failure in failures:
            listener = " ".join(part for part in (failure.listener, failure.port) if part)
            rows.append((failure.host, failure.role or "-", listener or "-", verdict, failure.reason))
        remedies[len(rows) - 1] = "%s: %s" % (verdict, failure.remedy.replace("`", ""))
    return "%s\n\n%s" % (_report.plural(len(found), "failure").upper(), _table(rows, remedies))


def _uncertain(report: Report) -> str:
    """What could not be told, by reason."""
    groups = _report.unverified(report)
    if not groups:
        return ""
    rows = [("ROLE", "LISTENER", "HOSTS", "NOT VERIFIED, BECAUSE")]
    for failure, hosts in groups[:_UNCERTAIN_LINES]:
        rows.append((failure.role, "%s %s" % (failure.listener, failure.port), str(len(hosts)), failure.reason))
    more = len(groups) - _UNCERTAIN_LINES
    return _table(rows) + ("\nand %s like these; the report in JSON has all" % _report.plural(more, "line") if more > 0 else "")


# --- tables ------------------------------------------------------------------------------------------------------------------


def _table(rows: Sequence[Sequence[str]], after: Mapping[int, str] | None = None) -> str:
    """Aligned columns, the header first. `after` has text that follows a row."""
    cells = [[_report.plain(cell) for cell in row] for row in rows]
    widths = _widths([max(len(row[column]) for row in cells) for column in range(len(cells[0]))])
    lines: list[str] = []
    for number, row in enumerate(cells):
        lines += _wrapped(row, widths)
        if after and number in after:
            lines += textwrap.wrap(after[number], _WIDTH, initial_indent="  -> ", subsequent_indent="     ")
    return "\n".join(lines)


def _widths(wanted: Sequence[int]) -> list[int]:
    """The widths of columns: where they are too wide together the last one gives way if it has sentences, then the widest."""
    room = _WIDTH - len(_GAP) * (len(wanted) - 1)
    widths = list(wanted)
    if widths[-1] > _LONGEST_WORDS:
        widths[-1] = max(_NARROWEST_SENTENCE, widths[-1] - max(0, sum(widths) - room))
    for _excess in range(sum(widths) - room):
        if max(widths) <= _NARROWEST:
            break
        widths[widths.index(max(widths))] -= 1
    return widths


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    columns = [textwrap.wrap(cell, width, break_on_hyphens=False) if cell else [""] for cell, width in zip(row, widths)]
    for parts in zip_longest(*columns, fillvalue=""):
        yield _GAP.join(part.ljust(width) for part, width in zip(parts, widths)).rstrip()
