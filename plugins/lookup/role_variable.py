# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: role_variable
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: The variable of a role whose name is known only at run time
description:
  - Returns the variable C(<role>_<name>) of the host, for tasks that loop over roles, such as those of C(netports.core.site).
  - Unlike P(ansible.builtin.vars#lookup) it never takes its default for a variable that is there but cannot be resolved, so that
    a version with a mistake in it is an error and not the newest version.
options:
  _terms:
    description:
      - Names of variables without the role, such as V(version).
    type: list
    elements: str
    required: true
  role:
    description:
      - The role whose variables they are, such as V(kuma_zone_cp).
    type: str
    required: true
  default:
    description:
      - What to return for a variable that is not set.
    type: raw
    default: ""
seealso:
  - plugin: netports.core.ports
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Verify some roles of a host, each with its variables
  netports.core.port_verify:
    role: "{{ item }}"
    version: "{{ lookup('netports.core.role_variable', 'version', role=item) or omit }}"
    timeout: "{{ lookup('netports.core.role_variable', 'timeout', role=item, default=30) }}"
  loop: [kuma_zone_cp, kuma_dp]
"""

RETURN = r"""
_raw:
  description:
    - The values of the variables.
  type: list
  elements: raw
"""

from collections.abc import Mapping
from typing import Any

from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    """Variables by names that are put together."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=variables, direct=kwargs)
        role, default, known = self.get_option("role"), self.get_option("default"), variables or {}
        names = ["%s_%s" % (role, term) for term in terms]
        template = self._templar.template  # type: ignore[union-attr]  # Ansible gives one to every lookup
        return [template(known[name]) if name in known else default for name in names]
