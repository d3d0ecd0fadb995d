# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: to_nftables_sets
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into named sets of nftables
description:
  - Turns listeners into a file for C(nft -f) that fills named sets, for a ruleset of one's own.
  - There are sets of ports that are open to everybody (suffixes V(_tcp), V(_udp) and V(_ip)), and sets of addresses with
    ports for each family (suffixes V(_tcp4), V(_tcp6) and so on).
  - All of them are made, also empty ones, and the first lines of the file are the rules that use them. The rules stay as
    they are when the spec changes.
  - Loaded again, the file replaces the elements in one transaction.
  - What a firewall need not admit, such as listeners on loopback, is left out.
  - A listener that has to be admitted and whose port is V(dynamic) is refused.
extends_documentation_fragment:
  - netports.core.listeners
positional: _input
options:
  prefix:
    description:
      - What the names of the sets begin with.
    type: str
    default: netports
  table:
    description:
      - Table of the family C(inet) that has the sets. It is made where it is not there.
    type: str
    default: filter
  clients:
    description:
      - Addresses or networks by client, as for O(netports.core.port_allow#module:clients), but without names.
      - A listener one of whose clients is not named here is open to every address, with a warning.
    type: dict
seealso:
  - module: netports.core.port_allow
"""

EXAMPLES = r"""
- name: Show sets of nftables for a Kuma zone control plane
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'kuma_zone_cp') | netports.core.to_nftables_sets(prefix='kuma') }}"

- name: Show sets for the control plane's own port, with the addresses of its clients
  ansible.builtin.debug:
    msg: "{{ listeners | netports.core.to_nftables_sets(clients=clients) }}"
  vars:
    listeners: "{{ query('netports.core.ports', 'kuma_zone_cp') | selectattr('name', 'equalto', 'dp-server') }}"
    clients:
      kuma_dp: [192.0.2.0/24, 2001:db8::/64]
      kuma_zone_ingress: [198.51.100.7]
      kuma_zone_egress: [198.51.100.7]
"""

RETURN = r"""
_value:
  description:
    - The text of the file.
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export, _export_nftables, _filter


def to_nftables_sets(
    listeners: Any, prefix: str = "netports", table: str = "filter", clients: Mapping[str, Any] | None = None
) -> str:
    """The text of a file for `nft -f`."""
    with _filter.problems_of("to_nftables_sets"):
        found = _export.openings(listeners, clients)
        text = _export_nftables.render(found.openings, prefix, table)
    _filter.warn("to_nftables_sets", found.warnings)
    return text


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_nftables_sets": to_nftables_sets}
