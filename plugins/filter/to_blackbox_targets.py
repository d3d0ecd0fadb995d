# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: to_blackbox_targets
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into targets of Prometheus for the blackbox exporter
description:
  - Turns listeners into the content of a file for C(file_sd_configs) of Prometheus, an entry for each listener with its
    name as a label.
  - They are for a module of the blackbox exporter whose prober is C(tcp).
  - Left out is what such a probe cannot ask from another host (UDP, IP protocols, listeners on loopback, ranges and dynamic
    ports), and optional listeners.
extends_documentation_fragment:
  - netports.core.listeners
positional: _input
options:
  hosts:
    description:
      - Names or addresses of the hosts that have the listeners.
    type: list
    elements: str
    required: true
  labels:
    description:
      - Further labels of all targets.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the targets for all Kuma zone control planes
  ansible.builtin.debug:
    msg: "{{ listeners | netports.core.to_blackbox_targets(zones, labels={'role': 'kuma_zone_cp'}) | to_nice_yaml }}"
  vars:
    listeners: "{{ query('netports.core.ports', 'kuma_zone_cp') }}"
    zones: [zone1.example.com, 2001:db8::1]
"""

RETURN = r"""
_value:
  description:
    - The content of the file, for P(ansible.builtin.to_nice_yaml#filter).
  type: list
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export_blackbox, _filter


def to_blackbox_targets(listeners: Any, hosts: Sequence[str], labels: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The content of a file for file_sd."""
    with _filter.problems_of("to_blackbox_targets"):
        return _export_blackbox.render(listeners, hosts, labels)


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_blackbox_targets": to_blackbox_targets}
