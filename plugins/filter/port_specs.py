# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: port_specs
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into port/protocol texts
description:
  - Turns listeners into texts such as V(5678/tcp) or V(30001-65535/tcp), the form that security groups,
    firewall roles and container tools take.
  - A listener whose port has no number (V(dynamic), or an IP protocol) has no such text and is left out.
extends_documentation_fragment:
  - netports.core.listeners
positional: _input
options:
  admitted_only:
    description:
      - Leave out what a firewall need not admit, such as listeners on loopback.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: List what a security group has to admit for a Kuma zone control plane
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'kuma_zone_cp', version='1.6') | netports.core.port_specs }}"

- name: List all ports that have to be free before an installation
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'kuma_zone_cp', version='1.6') | netports.core.port_specs(admitted_only=false) }}"
"""

RETURN = r"""
_value:
  description:
    - Texts of port and protocol, each once, in the order of the listeners.
  type: list
  elements: str
  sample: ["5678/tcp", "5653/udp"]
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.netports.core.plugins.module_utils import _listener


def port_specs(listeners: Any, admitted_only: bool = True) -> list[str]:
    """`5678/tcp` and the like of every listener with a port, each once."""
    if not isinstance(listeners, (list, tuple)):
        raise AnsibleFilterError("netports.core.port_specs: wants a list of listeners, not %s" % type(listeners).__name__)
    texts: dict[str, None] = {}
    for index, data in enumerate(listeners):
        try:
            listener = _listener.parse_listener(data)
        except _listener.Problem as problem:
            raise AnsibleFilterError("netports.core.port_specs: %s" % problem.under("[%d]" % index)) from problem
        if listener.ports is not None and (listener.allow or not admitted_only):
            texts["%s/%s" % (listener.port_text, listener.protocol)] = None
    return list(texts)


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"port_specs": port_specs}
