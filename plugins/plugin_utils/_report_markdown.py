# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as Markdown (GitHub's flavour, which GitLab reads too), for a comment or the summary of a job. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ansible_collections.netports.core.plugins.plugin_utils import _report
from ansible_collections.netports.core.plugins.plugin_utils._report import Report

# A comment on GitHub has 65536 characters at most, and more than that nobody reads.
_LONGEST = 60000
_HOSTS = 5

# Markup that lines may have in a cell; blocks do not begin there. An underline within a word is none.
_MARKUP = re.compile(r"[\\`*\[\]|~$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# What becomes a link, a reference or a call for people without any markup, even when written as an entity.
_AUTOLINK = re.compile(r"@|#|:(?=//)|www(?=\.)", re.IGNORECASE)
_BREAK = "&#8203;"


def render(report: Report) -> str:
    """Failures first, each with all its hosts; then the roles. What is too long for a comment is left off, which is said."""
    mark = "✅" if _report.passed(report) else "❌"
    head = "### %s netports %s: %s\n" % (mark, _escaped(report["playbook"]), _escaped(_report.headline(report)))
    roles = _section("Roles", ("Role", "Hosts", "Listeners", "Firewall"), _roles(report), _LONGEST // 4)
    failures = _section(
        "Failures", ("Hosts", "Role and listener", "Verdict", "Reason", "What to do"), _failures(report), _LONGEST * 3 // 4
    )
    return "\n".join(part for part in (head, failures, roles, "<sub>%s</sub>\n" % _escaped(report["generated"])) if part)


def _failures(report: Report) -> Iterable[Sequence[str]]:
    for group in _report.grouped(report):
        failure = group.failure
        what = " ".join(part for part in (failure.role, failure.listener, failure.port) if part)
        verdict = "**%s**" % _escaped(failure.verdict)
        remedy = failure.remedy.replace("|", "\\|")
        yield _hosts(group.hosts), _escaped(what), verdict, _escaped(failure.reason), remedy


def _hosts(hosts: Sequence[str]) -> str:
    return _escaped(_report.names(hosts, _HOSTS))


def _roles(report: Report) -> Iterable[Sequence[str]]:
    hosts: dict[tuple[str, str], list[str]] = {}
    counts: dict[tuple[str, str], dict[str, int]] = {}
    firewalls: dict[tuple[str, str], dict[str, int]] = {}
    for host in report["hosts"]:
        for role in host["roles"]:
            key = (role["role"], role["version"])
            hosts.setdefault(key, []).append(host["host"])
            for verdict, count in _report.counts(role).items():
                of_role = counts.setdefault(key, {})
                of_role[verdict] = of_role.get(verdict, 0) + count
            firewall = _report.firewall_text(role["allow"])
            if firewall:
                of_firewall = firewalls.setdefault(key, {})
                of_firewall[firewall] = of_firewall.get(firewall, 0) + 1
    for key, members in hosts.items():
        said = _report.counts_text(counts.get(key, {}))
        walls = "; ".join("%d: %s" % (count, text) for text, count in firewalls.get(key, {}).items())
        yield _escaped(" ".join(key)), str(len(members)), _escaped(said), _escaped(walls)


def _section(title: str, header: Sequence[str], rows: Iterable[Sequence[str]], room: int) -> str:
    lines, left, more = [], room, 0
    for row in rows:
        line = "| %s |" % " | ".join(row)
        left -= len(line) + 1
        if left < 0:
            more += 1
        else:
            lines.append(line)
    if not lines and not more:
        return ""
    table = ["#### %s" % title, "", "| %s |" % " | ".join(header), "|%s" % (" --- |" * len(header)), *lines, ""]
    return "\n".join(
        [*table, *(["%s left off; other formats of the report have them.\n" % _report.plural(more, "line")] * bool(more))]
    )


def _escaped(text: str) -> str:
    text = "".join(_ENTITIES.get(character, character) for character in _report.plain(text))
    return _AUTOLINK.sub(lambda found: found[0] + _BREAK, _MARKUP.sub(lambda found: "\\" + found[0], text))
