# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: to_goss
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into a file of goss
description:
  - Turns listeners into tests of goss that ask C(ss) of iproute2 on the host for port, address, family and device.
  - They are of the kind C(command). The kind C(port) takes a socket that serves both families for one of IPv6 alone.
  - Left out are optional listeners, what has no socket of its own (NodePorts, redirected ports, IP protocols), and who owns
    a socket. M(netports.core.port_verify) knows them.
  - A listener that is not optional and whose port is V(dynamic) is refused.
extends_documentation_fragment:
  - netports.core.listeners
positional: _input
seealso:
  - module: netports.core.port_verify
"""

EXAMPLES = r"""
- name: Show tests of goss for a Kuma zone control plane
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'kuma_zone_cp') | netports.core.to_goss | to_nice_yaml }}"
"""

RETURN = r"""
_value:
  description:
    - The content of the file, for P(ansible.builtin.to_nice_yaml#filter).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export_goss, _filter


def to_goss(listeners: Any) -> dict[str, Any]:
    """The content of a file of goss."""
    with _filter.problems_of("to_goss"):
        return _export_goss.render(listeners)


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_goss": to_goss}
