# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: to_network_policy
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into a NetworkPolicy of Kubernetes
description:
  - Turns listeners into a NetworkPolicy that admits to pods what the listeners need, and nothing else.
  - What a firewall need not admit, such as listeners on loopback, is left out.
  - A listener that has to be admitted and whose port is V(dynamic) is refused.
  - Listeners of an IP protocol are refused, and so are NodePorts, which are no ports of pods.
extends_documentation_fragment:
  - netports.core.listeners
positional: _input
options:
  name:
    description:
      - Name of the resource.
    type: str
    required: true
  namespace:
    description:
      - Its namespace.
    type: str
  pod_selector:
    description:
      - Label selector of the pods, such as C(matchLabels). V({}) is every pod of the namespace.
    type: dict
    default: {}
  clients:
    description:
      - Addresses or networks by client, as for O(netports.core.port_allow#module:clients), but without names.
      - A listener one of whose clients is not named here is open to every address, with a warning.
    type: dict
"""

EXAMPLES = r"""
- name: Show a NetworkPolicy for the Kuma zone control plane
  ansible.builtin.debug:
    msg: "{{ listeners | netports.core.to_network_policy('kuma-cp', namespace='kuma-system', pod_selector=pods) | to_nice_yaml }}"
  vars:
    listeners: "{{ query('netports.core.ports', 'kuma_zone_cp', conditions={'environment': 'kubernetes'}) }}"
    pods:
      matchLabels:
        app: kuma-control-plane
"""

RETURN = r"""
_value:
  description:
    - The resource, for P(ansible.builtin.to_nice_yaml#filter).
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export, _export_kubernetes, _filter


def to_network_policy(
    listeners: Any,
    name: str,
    namespace: str | None = None,
    pod_selector: Mapping[str, Any] | None = None,
    clients: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The resource as a dictionary."""
    with _filter.problems_of("to_network_policy"):
        found = _export.openings(listeners, clients)
        policy = _export_kubernetes.render(found.openings, name, namespace, {} if pod_selector is None else pod_selector)
    _filter.warn("to_network_policy", found.warnings)
    return policy


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_network_policy": to_network_policy}
