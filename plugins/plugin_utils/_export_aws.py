# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners as a security group of AWS, in Terraform's JSON syntax. Pure."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.netports.core.plugins.module_utils._address import IPV4
from ansible_collections.netports.core.plugins.module_utils._listener import Listener
from ansible_collections.netports.core.plugins.plugin_utils import _export
from ansible_collections.netports.core.plugins.plugin_utils._export import Opening

# AWS keeps names that begin with sg- to itself.
_NAME = r"(?!sg-)[A-Za-z_][A-Za-z0-9_-]{0,99}"
# Less than AWS takes in a description: "${" and "%{" would begin a template of Terraform's.
_NOT_IN_DESCRIPTIONS = re.compile(r"[^0-9A-Za-z_ .:/()#,@\[\]+=&;!*-]")
_LONGEST_DESCRIPTION = 255
# IP protocols for which AWS wants ports, or types and codes: all of them.
_WITH_PORTS = {1: ("icmp", -1, -1), 6: ("tcp", 0, 65535), 17: ("udp", 0, 65535), 58: ("icmpv6", -1, -1)}
_EVERYTHING = "-1"


def render(found: tuple[Opening, ...], name: str, vpc_id: str | None, egress: bool) -> dict[str, Any]:
    """The `resource` block: the group, a rule for each port and network, and with `egress` what AWS itself lets out.

    Raises Problem.
    """
    name = _export.checked(
        name, "name", _NAME, "a name of a Terraform resource and of a group: letters, digits, _ and -, not sg-"
    )
    group: dict[str, Any] = {"name": name, "description": "Ports of %s" % name}
    if vpc_id is not None:
        group["vpc_id"] = vpc_id
    resources: dict[str, Any] = {"aws_security_group": {name: group}}
    ingress = _ingress(found, name)
    if ingress:
        resources["aws_vpc_security_group_ingress_rule"] = ingress
    if egress:
        # Terraform takes the rule away with which AWS makes a group.
        resources["aws_vpc_security_group_egress_rule"] = {
            "%s_%s" % (name, family): {**_to(name), _cidr(family): cidr, "ip_protocol": _EVERYTHING}
            for family, cidr in ((family, _export.networks((), family)[0]) for family in _export.FAMILIES)
        }
    return {"resource": resources}


def _ingress(found: tuple[Opening, ...], name: str) -> dict[str, Any]:
    """The rules by keys that stay as long as the rule does. AWS refuses two of the same port and network."""
    rules: dict[str, Any] = {}
    names: dict[str, list[str]] = {}
    for opening in found:
        listener = opening.listener
        for family in _export.FAMILIES:
            for network in opening.networks(family):
                place = "%s-%s-%s" % (listener.protocol, listener.port_text, network.replace("/", "-"))
                key = "%s_%s" % (name, re.sub(r"[.:]", "_", place))
                names.setdefault(key, []).append(_described(listener))
                rules[key] = {**_to(name), _cidr(family): network, **_port(listener)}
    return {key: {**rule, "description": _description(names[key])} for key, rule in rules.items()}


def _to(name: str) -> dict[str, str]:
    return {"security_group_id": "${aws_security_group.%s.id}" % name}


def _cidr(family: str) -> str:
    return "cidr_ipv4" if family == IPV4 else "cidr_ipv6"


def _port(listener: Listener) -> dict[str, Any]:
    if listener.ports is not None:
        protocol, low, high = listener.protocol, *listener.ports
    elif listener.number in _WITH_PORTS:
        protocol, low, high = _WITH_PORTS[listener.number]
    else:
        return {"ip_protocol": listener.port_text}
    return {"ip_protocol": protocol, "from_port": low, "to_port": high}


def _described(listener: Listener) -> str:
    purpose = listener.given.get("purpose")
    return "%s: %s" % (listener.name, purpose) if purpose else listener.name


def _description(names: list[str]) -> str:
    return _NOT_IN_DESCRIPTIONS.sub("_", "; ".join(dict.fromkeys(names)))[:_LONGEST_DESCRIPTION]
