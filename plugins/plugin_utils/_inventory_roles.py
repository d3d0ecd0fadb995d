# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which roles the hosts of an inventory have: those that their groups are named after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

# The variable with directories of spec files for all roles; a role's own is <role>_spec_dirs. Relative ones start where the user
# stands: the directory of a playbook in a collection is of no use.
SPEC_DIRS = "netports_spec_dirs"

# The value of a variable of a host, None where it is not set. Raises ValueError.
Variable = Callable[[str, str], Any]
# The roles of the port spec together with the files of these directories. Raises SpecError.
RolesOf = Callable[[tuple[str, ...]], Iterable[str]]


class HostRole(TypedDict):
    """A role that a host has, and the directories whose spec files hold for it."""

    name: str
    spec_dirs: list[str]


def groups_of(hosts: Iterable[str], groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The groups of every host, but for those that every inventory has, sorted."""
    found: dict[str, list[str]] = {host: [] for host in hosts}
    for group in sorted(groups):
        if group not in ("all", "ungrouped"):
            for host in groups[group]:
                if host in found:
                    found[host].append(group)
    return found


def roles_of(groups: Mapping[str, Sequence[str]], variable: Variable, known: RolesOf) -> dict[str, list[HostRole]]:
    """The roles of every host by its groups, in the order of the spec. Raises ValueError and SpecError."""
    found = {}
    for host, names in groups.items():
        common = _directories(host, SPEC_DIRS, variable) or ()
        order: dict[str, int] = {}
        mine: list[HostRole] = []
        for name in names:
            own = _directories(host, "%s_spec_dirs" % name, variable)
            directories = common if own is None else own
            roles = list(known(directories))
            if name in roles:
                mine.append({"name": name, "spec_dirs": list(directories)})
                order[name] = roles.index(name)
        found[host] = sorted(mine, key=lambda role: order[role["name"]])
    return found


def _directories(host: str, name: str, variable: Variable) -> tuple[str, ...] | None:
    value = variable(host, name)
    if value is None:
        return None
    values = [one.strip() for one in value.split(",")] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or not all(isinstance(one, str) and one for one in values):
        raise ValueError("%s of %s: %r is not a list of directories" % (name, host, value))
    return tuple(str(Path(one).expanduser().absolute()) for one in values)
