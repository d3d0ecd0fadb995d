# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory says about its hosts for the playbook `reach`: roles with their options, addresses, sites. And the listeners
that come of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _inventory_roles, _product_config, _resolve, _spec_load
from ansible_collections.netports.core.plugins.plugin_utils._action import checked_role
from ansible_collections.netports.core.plugins.plugin_utils._inventory_roles import HostRole, Variable
from ansible_collections.netports.core.plugins.plugin_utils._reach import HostData, Listening, RoleOptions
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import SpecError
from ansible_collections.netports.core.plugins.plugin_utils._topology import Found

SITE = "netports_site"
# The options of a role that say what it listens on; its variables are <role>_<option>.
_OPTIONS = ("version", "conditions", "ports", "product_config")
_NOT_READ = "its configuration is on the host, and was not read there"


def describe(
    names: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    variable: Variable,
    addresses: Mapping[str, Found],
) -> dict[str, HostData]:
    """All hosts of the inventory. Raises ValueError and SpecError for spec files that cannot be used."""
    groups_of = _inventory_roles.groups_of(names, groups)
    roles = _inventory_roles.roles_of(groups_of, variable, lambda directories: _spec_load.load(directories).homes)
    return {
        name: {
            "groups": groups_of[name],
            "roles": {role["name"]: _options(name, role, variable) for role in roles[name]},
            "addresses": list(addresses[name].addresses),
            "problem": addresses[name].problem,
            "site": _site(name, variable),
        }
        for name in names
    }


def _options(host: str, role: HostRole, variable: Variable) -> RoleOptions:
    given: dict[str, Any] = {"role": role["name"], "spec_dirs": role["spec_dirs"]}
    try:
        for option in _OPTIONS:
            value = variable(host, "%s_%s" % (role["name"], option))
            if value:
                given[option] = value
    except ValueError as error:
        return {"given": given, "problem": str(error)}
    return {"given": given, "problem": ""}


def _site(host: str, variable: Variable) -> str:
    value = variable(host, SITE)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (str, int))):
        raise ValueError("%s of %s: %r is not a name" % (SITE, host, value))
    return "" if value is None else str(value)


def to_read(host: HostData) -> list[str]:
    """The roles of a host whose configuration has to be read there."""
    return [
        name
        for name, options in host["roles"].items()
        if not options["problem"] and _product_config.asked_of_host(options["given"].get("product_config"))
    ]


class Resolver:
    """Listeners of roles by their options; hosts with the same options have the same object."""

    def __init__(self) -> None:
        self._known: dict[str, Listening] = {}
        self.warnings: dict[str, None] = {}

    def of(self, options: RoleOptions) -> Listening:
        if options["problem"]:
            return not_known(options["problem"])
        key = json.dumps(options["given"], sort_keys=True)
        if key not in self._known:
            self._known[key] = self._resolved(options["given"])
        return self._known[key]

    def _resolved(self, given: dict[str, Any]) -> Listening:
        try:
            params = checked_role(given)
            if _product_config.asked_of_host(params["product_config"]):
                return not_known(_NOT_READ)
            spec = _spec_load.load(params.pop("spec_dirs") or (), params["role"])
            resolution = _resolve.resolve(spec, **params)
        except (Problem, SpecError) as error:
            return not_known(str(error))
        self.warnings.update(dict.fromkeys(resolution.warnings))
        return {"version": resolution.version, "listeners": resolution.listeners, "problem": ""}


def not_known(problem: str) -> Listening:
    return {"version": "", "listeners": [], "problem": problem}
