# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: to_aws_security_group
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into a security group of AWS in Terraform's JSON syntax
description:
  - Turns listeners into the content of a file such as C(kuma.tf.json), with a security group and a rule for each port and
    network.
  - The rules are resources of their own (C(aws_vpc_security_group_ingress_rule)), which the provider C(hashicorp/aws) has
    since 4.56.
  - What a firewall need not admit, such as listeners on loopback, is left out.
  - A listener that has to be admitted and whose port is V(dynamic) is refused.
extends_documentation_fragment:
  - netports.core.listeners
positional: _input
options:
  name:
    description:
      - Name of the group and of its resources.
    type: str
    required: true
  vpc_id:
    description:
      - The VPC, also as an expression of Terraform, such as V(${var.vpc_id}). By default the account's default VPC.
    type: str
  egress:
    description:
      - Let everything out, as AWS does with a group that nobody changed and Terraform does not by itself.
    type: bool
    default: true
  clients:
    description:
      - Addresses or networks by client, as for O(netports.core.port_allow#module:clients), but without names.
      - A listener one of whose clients is not named here is open to every address, with a warning.
    type: dict
"""

EXAMPLES = r"""
- name: Show a security group for a Kuma zone control plane
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'kuma_zone_cp') | netports.core.to_aws_security_group('kuma_zone') | to_nice_json }}"
"""

RETURN = r"""
_value:
  description:
    - The content of the file, for P(ansible.builtin.to_nice_json#filter).
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export, _export_aws, _filter


def to_aws_security_group(
    listeners: Any, name: str, vpc_id: str | None = None, egress: bool = True, clients: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The content of a file of Terraform."""
    with _filter.problems_of("to_aws_security_group"):
        found = _export.openings(listeners, clients)
        content = _export_aws.render(found.openings, name, vpc_id, egress)
    _filter.warn("to_aws_security_group", found.warnings)
    return content


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_aws_security_group": to_aws_security_group}
