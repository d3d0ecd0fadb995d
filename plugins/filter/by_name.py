# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: by_name
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn a list of listeners into a mapping by name
description:
  - Turns the listeners of P(netports.core.ports#lookup) into a mapping of their names,
    so that a template reads one of them without a search.
positional: _input
options:
  _input:
    description:
      - Listeners, or other dictionaries that have a C(name).
    type: list
    elements: dict
    required: true
seealso:
  - plugin: netports.core.ports
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Use one port of a role in a template
  ansible.builtin.debug:
    msg: "http://localhost:{{ (query('netports.core.ports', 'kuma_zone_cp') | netports.core.by_name)['http-api'].port }}"
"""

RETURN = r"""
_value:
  description:
    - The same dictionaries by their names.
  type: dict
  sample:
    http-api:
      name: http-api
      port: 5681
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def by_name(listeners: Any) -> dict[str, Any]:
    """Listeners by name. Two of one name, as two roles may have, are an error: one of them would be lost."""
    if not isinstance(listeners, (list, tuple)):
        raise AnsibleFilterError("netports.core.by_name: wants a list of listeners, not %s" % type(listeners).__name__)
    named: dict[str, Any] = {}
    for index, listener in enumerate(listeners):
        if not isinstance(listener, Mapping) or "name" not in listener:
            raise AnsibleFilterError("netports.core.by_name: [%d]: %r has no name" % (index, listener))
        if listener["name"] in named:
            raise AnsibleFilterError("netports.core.by_name: [%d]: %s is there twice" % (index, listener["name"]))
        named[listener["name"]] = listener
    return named


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"by_name": by_name}
