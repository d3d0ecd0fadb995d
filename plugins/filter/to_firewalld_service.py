# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: to_firewalld_service
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into a service of firewalld
description:
  - Turns listeners into the text of a file such as C(/etc/firewalld/services/kuma.xml), with their ports and IP protocols.
  - What a firewall need not admit, such as listeners on loopback, is left out.
  - A listener that has to be admitted and whose port is V(dynamic) is refused.
  - What serves one family is admitted in both, since a service has no families.
  - Clients are for the zone that gets the service.
extends_documentation_fragment:
  - netports.core.listeners
positional: _input
options:
  short:
    description:
      - Short name of the service, for people.
    type: str
    required: true
  description:
    description:
      - What it is for.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show a service of firewalld for a Kuma zone control plane
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'kuma_zone_cp') | netports.core.to_firewalld_service(short='Kuma zone') }}"
"""

RETURN = r"""
_value:
  description:
    - The XML text.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export_firewalld, _filter


def to_firewalld_service(listeners: Any, short: str, description: str = "") -> str:
    """The XML text of a service."""
    with _filter.problems_of("to_firewalld_service"):
        return _export_firewalld.render(listeners, short, description)


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_firewalld_service": to_firewalld_service}
