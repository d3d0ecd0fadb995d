# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as text for a terminal: the inventory, who reaches whom, then all that is wrong. Pure."""

from __future__ import annotations

import textwrap
from itertools import groupby

from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_failures, _report_reach_text
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_table import WIDTH, some, table

_UNCERTAIN_LINES = 10
_STATES = {_report.NOT_RUN: "not run", _report.NO_ROLE: "no role"}


def render(report: Report) -> str:
    """At most 120 columns, unless names are longer. Hosts of which the same is to be told share a line; failures do not."""
    title = "netports %s, %s: %s" % (report["playbook"], report["generated"], _report.headline(report))
    parts = ["\n".join(textwrap.wrap(_report.plain(title), WIDTH, break_on_hyphens=False)), _inventory(report)]
    if "reach" in report:
        parts += _report_reach_text.overview(report)
    parts += [_uncertain(report), _failures(report)]
    if "reach" in report:
        parts.append(_report_reach_text.broken(report))
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
        for role in host["roles"] if "reach" not in report else ():
            told = (role["role"], role["version"] or "-", _listeners(role), _report.firewall_text(role["allow"]) or "-")
            if role["state"] == _report.FAILED:
                failing.append((host["host"], *told))
            elif role not in lost:
                folded.setdefault(told, []).append(host["host"])
    rows = failing + [(some(hosts), *told) for told, hosts in folded.items()]
    return table([("HOST", "ROLE", "VERSION", "LISTENERS", "FIREWALL"), *rows]) if rows else ""


def _listeners(role: _report.RoleResult) -> str:
    return _report.counts_text(_report.counts(role)) or (role["state"].replace("_", " ") if role["state"] != _report.OK else "-")


def _failures(report: Report) -> str:
    found = _report_failures.of_hosts(report)
    if not found:
        return ""
    rows = [("HOST", "ROLE", "LISTENER", "VERDICT", "REASON, AND WHAT TO DO")]
    remedies = {}
    for verdict, failures in groupby(found, key=lambda failure: failure.verdict):
        for failure in failures:
            listener = " ".join(part for part in (failure.listener, failure.port) if part)
            rows.append((failure.host, failure.role or "-", listener or "-", verdict, failure.reason))
        remedies[len(rows) - 1] = "%s: %s" % (verdict, failure.remedy.replace("`", ""))
    return "%s\n\n%s" % (_report.plural(len(found), "failure").upper(), table(rows, remedies))


def _uncertain(report: Report) -> str:
    """What could not be told, by reason."""
    groups = _report_failures.unverified(report)
    if not groups:
        return ""
    rows = [("ROLE", "LISTENER", "HOSTS", "NOT VERIFIED, BECAUSE")]
    for failure, hosts in groups[:_UNCERTAIN_LINES]:
        rows.append((failure.role, "%s %s" % (failure.listener, failure.port), str(len(hosts)), failure.reason))
    more = len(groups) - _UNCERTAIN_LINES
    return table(rows) + ("\nand %s like these; the report in JSON has all" % _report.plural(more, "line") if more > 0 else "")
