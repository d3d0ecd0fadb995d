# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cumulus_acl
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into a policy file of Cumulus Linux
description:
  - Turns listeners into the text that M(netports.core.port_allow) would write to
    C(/etc/cumulus/acl/policy.d/02_netports.rules), for switches that are too old to run the module.
  - The host is not asked, so that everything is opened, whether the switch filters or not.
extends_documentation_fragment:
  - netports.core.listeners
positional: _input
options:
  label:
    description:
      - Marks the rules.
    type: str
    default: custom
  clients:
    description:
      - Addresses or networks by client, as for O(netports.core.port_allow#module:clients), but without names.
    type: dict
  interfaces:
    description:
      - Wildcards of interfaces that the rules name as well, for the hardware's sake. The manual knows V(swp+) and V(bond+).
    type: list
    elements: str
    default: [swp+]
seealso:
  - module: netports.core.port_allow
"""

EXAMPLES = r"""
# The text goes to /etc/cumulus/acl/policy.d/02_netports.rules of the switch, and `cl-acltool -i` installs it.
- name: Show the policy file for Cumulus Linux 3.7
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'cumulus_linux', version='3.7') | netports.core.cumulus_acl(label='cumulus_linux') }}"
"""

RETURN = r"""
_value:
  description:
    - The text of the file; empty when there is nothing to open.
  type: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.netports.core.plugins.module_utils import _listener
from ansible_collections.netports.core.plugins.module_utils._firewall import cl_own, model


def cumulus_acl(
    listeners: Any, label: str = "custom", clients: Mapping[str, Any] | None = None, interfaces: Sequence[str] = ("swp+",)
) -> str:
    """The text of a policy file that admits the listeners."""
    unknown = [name for name in interfaces if name not in ("swp+", "bond+")]
    if unknown:
        raise AnsibleFilterError("netports.core.cumulus_acl: interfaces: %r is no wildcard; swp+ and bond+ are" % (unknown[0],))
    try:
        rules = model.intent(label, _listener.parse_listeners(listeners), clients).rules
    except _listener.Problem as problem:
        raise AnsibleFilterError("netports.core.cumulus_acl: %s" % problem) from problem
    halves = [rule._replace(family=family) for rule in rules for family in rule.families]
    return cl_own.render({label: cl_own.merged(entry for half in halves for entry in cl_own.entries_of(half, interfaces))})


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cumulus_acl": cumulus_acl}
