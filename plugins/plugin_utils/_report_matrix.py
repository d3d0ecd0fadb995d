# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix of the report's page: hosts by ports. Pure.

Hosts with the same roles share a table, so that there is a column for what they have and no empty ground between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ansible_collections.netports.core.plugins.plugin_utils import _report
from ansible_collections.netports.core.plugins.plugin_utils._report import HostResult, ListenerResult, Report, RoleResult
from ansible_collections.netports.core.plugins.plugin_utils._report_markup import escaped, look

# A listener keeps its column where its port is another one on each host.
_Key = tuple[str, str]

# So many have room for names that are not turned.
_FEW_COLUMNS = 9


class _Group(NamedTuple):
    """The columns of a role: the ports of each listener, its place, and whether there is one for the firewall."""

    role: str
    versions: dict[str, None]
    ports: dict[_Key, dict[str, None]]
    places: dict[_Key, int]
    firewall: bool

    @property
    def width(self) -> int:
        return max(1, len(self.ports) + self.firewall)


def render(report: Report) -> str:
    """The tables; empty if no host has a role that was looked at."""
    blocks: dict[tuple[str, ...], list[HostResult]] = {}
    for host in report["hosts"]:
        if any(role["state"] != _report.NOT_RUN for role in host["roles"]):
            blocks.setdefault(tuple(role["role"] for role in host["roles"]), []).append(host)
    return "".join(_table(hosts) for hosts in blocks.values())


def _table(hosts: list[HostResult]) -> str:
    groups = [_group([host["roles"][number] for host in hosts]) for number in range(len(hosts[0]["roles"]))]
    hosts = sorted(hosts, key=lambda host: (_well(host), _report.natural(host["host"])))
    well = all(_well(host) for host in hosts)
    rows = "\n".join(_row(host, groups) for host in hosts)
    first = '<th class="corner" rowspan="2" scope="col">%s</th>' % _report.plural(len(hosts), "host")
    names = "".join(_heading(group) for group in groups)
    ports = "".join(_ports(group) for group in groups)
    # The last column of the head takes what width is left, so that the others stay narrow.
    head = '<thead><tr>%s%s<td class="rest" rowspan="2"></td></tr><tr>%s</tr></thead>' % (first, names, ports)
    roomy = sum(group.width for group in groups) <= _FEW_COLUMNS
    kind = "matrix" + " roomy" * roomy + " well" * well
    return '<table class="%s">%s\n<tbody>\n%s\n</tbody></table>\n' % (kind, head, rows)


def _well(host: HostResult) -> bool:
    return host["state"] not in (_report.FAILED, _report.UNREACHABLE)


def _group(roles: list[RoleResult]) -> _Group:
    group = _Group(roles[0]["role"], {}, {}, {}, any(role["allow"] for role in roles))
    for role in roles:
        group.versions.setdefault(role["version"])
        for listener in _listeners(role):
            group.places.setdefault(_key(listener), len(group.ports))
            group.ports.setdefault(_key(listener), {}).setdefault(listener["port"])
    return group


def _listeners(role: RoleResult) -> Iterable[ListenerResult]:
    return role["verify"]["listeners"] if role["verify"] else ()


def _key(listener: ListenerResult) -> _Key:
    return listener["name"], listener["protocol"]


def _heading(group: _Group) -> str:
    version = " <small>%s</small>" % escaped(next(iter(group.versions))) if len(group.versions) == 1 else ""
    return '<th class="group first" colspan="%d" scope="colgroup"><span>%s%s</span></th>' % (
        group.width,
        escaped(group.role),
        version,
    )


def _ports(group: _Group) -> str:
    labels = ["<b>%s/%s</b> %s" % (escaped(key[1]), escaped(_one(ports)), escaped(key[0])) for key, ports in group.ports.items()]
    cells = ['<th class="port" scope="col"><span>%s</span></th>' % label for label in labels]
    cells += ['<th class="port"></th>'] * (not labels and not group.firewall)
    cells += ['<th class="level" scope="col">firewall</th>'] * group.firewall
    return cells[0].replace('class="', 'class="first ', 1) + "".join(cells[1:])


def _one(ports: dict[str, None]) -> str:
    return next(iter(ports)) if len(ports) == 1 else "various"


def _row(host: HostResult, groups: list[_Group]) -> str:
    cells = "".join("".join(_cells(role, group)) for role, group in zip(host["roles"], groups))
    versions = [role["version"] for role, group in zip(host["roles"], groups) if len(group.versions) > 1]
    below = "<small>%s</small>" % escaped(", ".join(versions)) if versions else ""
    name = escaped(host["host"]).replace(".", ".<wbr>")
    return '<tr class="%s"><th scope="row">%s%s</th>%s</tr>' % ("well" if _well(host) else "bad", name, below, cells)


def _cells(role: RoleResult, group: _Group) -> Iterator[str]:
    found = {_key(listener): listener for listener in _listeners(role)}
    if not found and (group.ports or not group.firewall):
        yield _no_listeners(role, group.width - group.firewall)
    elif found:
        yield from _row_of(found, group)
    if group.firewall:
        yield _firewall(role)


def _row_of(found: dict[_Key, ListenerResult], group: _Group) -> Iterator[str]:
    """A cell for each listener, and one for each gap: a row costs what it has, however many columns others have brought."""
    column = 0
    for place, key in sorted((group.places[key], key) for key in found):
        if place > column:
            yield _gap(place - column)
        yield _cell(found[key])
        column = place + 1
    if column < len(group.ports):
        yield _gap(len(group.ports) - column)


def _gap(width: int) -> str:
    return '<td colspan="%d"></td>' % width


def _cell(listener: ListenerResult) -> str:
    verdict = listener["verdict"] + (", optional" if listener["optional"] and listener["verdict"] != _report.OK else "")
    reason = _report.shortened(listener["reason"])
    title = "%s %s: %s" % (listener["name"], _report.port_label(listener), verdict)
    return '<td class="%s" title="%s"><i>%s</i></td>' % (
        look(listener),
        escaped(title + (", " + reason if reason else "")),
        escaped(verdict),
    )


def _firewall(role: RoleResult) -> str:
    allow = role["allow"]
    text = escaped(_report.firewall_text(allow) or "–")
    if allow is None or not (allow["failed"] or allow["enforcing"] is False):
        return '<td class="wall">%s</td>' % text
    return '<td class="wall off" title="%s">%s</td>' % (escaped(_report.shortened(allow["msg"])), text)


def _no_listeners(role: RoleResult, width: int) -> str:
    """That no listener of this role was looked at; why is said by the failures."""
    kind = _report.FAILED if role["state"] == _report.FAILED else ""
    return '<td class="wide %s" colspan="%d"><i>%s</i></td>' % (kind, width, role["state"].replace("_", " "))
