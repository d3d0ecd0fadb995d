# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as Markdown (GitHub's flavour, which GitLab reads too), for a comment or the summary of a job. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_failures, _report_reach_markdown
from ansible_collections.netports.core.plugins.plugin_utils._report import Report
from ansible_collections.netports.core.plugins.plugin_utils._report_markdown_table import escaped, hosts, section

# A comment on GitHub has 65536 characters at most, and more than that nobody reads.
_LONGEST = 60000


def render(report: Report) -> str:
    """Failures first, each with all its hosts; then the roles, or who reaches whom. What is too long for a comment is left off,
    which is said.
    """
    mark = "✅" if _report.passed(report) else "❌"
    head = "### %s netports %s: %s\n" % (mark, escaped(report["playbook"]), escaped(_report.headline(report)))
    asked = "reach" in report
    failures = section(
        "Failures",
        ("Hosts", "Role and listener", "Verdict", "Reason", "What to do"),
        _failures(report),
        _LONGEST // 4 if asked else _LONGEST * 3 // 4,
    )
    rest = [section("Roles", ("Role", "Hosts", "Listeners", "Firewall"), _roles(report), _LONGEST // 4)]
    if asked:
        rest = _report_reach_markdown.sections(report, _LONGEST * 3 // 4)
    return "\n".join(part for part in (head, failures, *rest, "<sub>%s</sub>\n" % escaped(report["generated"])) if part)


def _failures(report: Report) -> Iterable[Sequence[str]]:
    for group in _report_failures.grouped(report):
        failure = group.failure
        what = " ".join(part for part in (failure.role, failure.listener, failure.port) if part)
        verdict = "**%s**" % escaped(failure.verdict)
        remedy = failure.remedy.replace("|", "\\|")
        yield hosts(group.hosts), escaped(what), verdict, escaped(failure.reason), remedy


def _roles(report: Report) -> Iterable[Sequence[str]]:
    members: dict[tuple[str, str], int] = {}
    counts: dict[tuple[str, str], dict[str, int]] = {}
    firewalls: dict[tuple[str, str], dict[str, int]] = {}
    for host in report["hosts"]:
        for role in host["roles"]:
            key = (role["role"], role["version"])
            members[key] = members.get(key, 0) + 1
            for verdict, count in _report.counts(role).items():
                of_role = counts.setdefault(key, {})
                of_role[verdict] = of_role.get(verdict, 0) + count
            firewall = _report.firewall_text(role["allow"])
            if firewall:
                of_firewall = firewalls.setdefault(key, {})
                of_firewall[firewall] = of_firewall.get(firewall, 0) + 1
    for key, count in members.items():
        said = _report.counts_text(counts.get(key, {}))
        walls = "; ".join("%d: %s" % (number, text) for text, number in firewalls.get(key, {}).items())
        yield escaped(" ".join(key)), str(count), escaped(said), escaped(walls)
