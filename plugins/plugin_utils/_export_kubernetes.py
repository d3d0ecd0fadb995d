# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners as a NetworkPolicy of Kubernetes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _export
from ansible_collections.netports.core.plugins.plugin_utils._export import Opening

_DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = r"(?=.{1,253}$)%s(?:\.%s)*" % (_DNS_LABEL, _DNS_LABEL)


def render(found: tuple[Opening, ...], name: str, namespace: str | None, pod_selector: Any) -> dict[str, Any]:
    """The resource: what is admitted to the pods, and nothing else. Raises Problem."""
    _export.refuse_ip(found, "a NetworkPolicy")
    nodeports = [one.listener for one in found if one.listener.seen_as == "nodeport"]
    _export.refuse(nodeports, "a NetworkPolicy is about ports of pods, and a NodePort is one of the node")
    metadata = {"name": _export.checked(name, "name", _DNS_NAME, "a name of a resource, such as kuma-zone-cp")}
    if namespace is not None:
        metadata["namespace"] = _export.checked(namespace, "namespace", _DNS_LABEL, "a name of a namespace")
    if not isinstance(pod_selector, Mapping):
        raise Problem("pod_selector", "%r is not a label selector; {} is every pod of the namespace" % (pod_selector,))
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {"podSelector": dict(pod_selector), "policyTypes": ["Ingress"], "ingress": _rules(found)},
    }


def _rules(found: tuple[Opening, ...]) -> list[dict[str, Any]]:
    """One rule for all ports with the same sources. Without `from` it is for everybody."""
    ports: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for opening in found:
        networks = () if opening.to_everybody else tuple(n for family in _export.FAMILIES for n in opening.networks(family))
        if opening.listener.ports is None or not (networks or opening.to_everybody):
            continue
        low, high = opening.listener.ports
        port = {"protocol": opening.listener.protocol.upper(), "port": low, **({"endPort": high} if high > low else {})}
        of_sources = ports.setdefault(networks, [])
        if port not in of_sources:
            of_sources.append(port)
    return [
        {**({"from": [{"ipBlock": {"cidr": network}} for network in networks]} if networks else {}), "ports": of_sources}
        for networks, of_sources in ports.items()
    ]
