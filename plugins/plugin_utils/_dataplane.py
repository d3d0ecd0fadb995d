# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ports that Kuma's Dataplane, ZoneIngress and ZoneEgress resources give to a listener with `expand`. Pure.

Each expansion reads one resource and answers with endpoints; `_product_config.py` makes listeners of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _listener
from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _yaml

TRANSPARENT_PROXY = "dataplane.transparent-proxy"

DATAPLANE = "Dataplane"
INGRESS = "ZoneIngress"
EGRESS = "ZoneEgress"

# Kuma 0.3: `interface: 192.168.0.1:8080:8081`, the address and port it listens on and the port of the workload.
_INTERFACE = re.compile(r"^(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[^:]*)):(?P<port>[0-9]+)(?::[0-9]+)?$")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


class Resource(NamedTuple):
    """One resource. `where` is its path in the user's input; `transparent` says whether traffic is redirected to the proxy."""

    where: str
    kind: str
    body: Mapping[str, Any]
    transparent: bool

    @property
    def address(self) -> str | None:
        address = dig(self.body, "networking.address", self.where)
        return None if address is None else str(address)


class Endpoint(NamedTuple):
    """Where a proxy listens: None keeps what the listener has. `service` tells endpoints apart for people.

    `certain`: the resource alone makes the proxy listen there (the admin and metrics ports depend on more).
    """

    port: int | None
    address: str | None = None
    service: str = ""
    certain: bool = False


def dig(data: Mapping[str, Any], dotted: str, where: str) -> Any:
    """The value of a dotted key, None where it is not given. Raises Problem where something on the way is no mapping."""
    value: Any = data
    path = where
    for key in dotted.split("."):
        if not isinstance(value, Mapping):
            raise Problem(path, "%r is not a mapping, so it cannot hold %s" % (value, key))
        path = "%s.%s" % (path, key) if path else key
        value = value.get(key)
        if value is None:
            return None
    return value


def slug(text: Any) -> str:
    return _NOT_SLUG.sub("-", str(text).lower()).strip("-")


def parse_resources(value: Any, where: str) -> list[Resource]:
    """The resources in YAML text, a mapping or a list of mappings; other kinds are passed over. Raises Problem."""
    if isinstance(value, str):
        if "{{" in value:
            raise Problem(where, "is a template with {{ }}; fill in its variables first")
        items = _yaml.documents(value, where)
    else:
        items = list(value) if isinstance(value, (list, tuple)) else [value]
    resources = []
    for index, item in enumerate(items):
        path = where if len(items) == 1 else "%s[%d]" % (where, index)
        if not isinstance(item, Mapping):
            raise Problem(path, "is not a resource; give the text of the file, or dataplane_file for one of the host")
        resource = _resource(item, path)
        if resource is not None:
            resources.append(resource)
    if not resources:
        raise Problem(where, "holds no Dataplane, ZoneIngress or ZoneEgress")
    return resources


def _resource(item: Mapping[str, Any], where: str) -> Resource | None:
    # Universal resources say `type` and have their content at the top, those of Kubernetes say `kind` and have a `spec`.
    kind, body = item.get("type"), item
    if kind is None:
        kind, body, where = item.get("kind"), item.get("spec") or {}, where + ".spec"
    if kind not in (DATAPLANE, INGRESS, EGRESS):
        return None
    if kind == DATAPLANE and dig(body, "networking.ingress", where) is not None:
        kind = INGRESS  # before ZoneIngress existed
    return Resource(where, kind, body, _transparent(body, where))


def _transparent(body: Mapping[str, Any], where: str) -> bool:
    section = dig(body, "networking.transparentProxying", where)
    if section is None:
        return False
    if not isinstance(section, Mapping):
        raise Problem(where + ".networking.transparentProxying", "%r is not a mapping" % (section,))
    # Ports of 0 switch it off. Without any port the proxy got them from its command line (2.9 and later).
    ports = [value for key, value in section.items() if str(key).startswith("redirectPort")]
    return not ports or any(ports)


def port_of(value: Any, where: str) -> int:
    """One port number. Raises Problem."""
    try:
        ports = _listener.parse_port(value)
    except Problem as problem:
        raise problem.under(where) from None
    if ports is None or ports[0] != ports[1]:
        raise Problem(where, "%r is not a port (1-65535)" % (value,))
    return ports[0]


def _port_at(resource: Resource, dotted: str) -> int | None:
    value = dig(resource.body, dotted, resource.where)
    return None if value is None else port_of(value, "%s.%s" % (resource.where, dotted))


def _certain(resource: Resource, dotted: str, address: str | None) -> Endpoint:
    port = _port_at(resource, dotted)
    return Endpoint(port, address, certain=port is not None)


def _interfaces(resource: Resource, direction: str, address: str | None) -> list[Endpoint]:
    key = "networking." + direction
    items = dig(resource.body, key, resource.where) or []
    if not isinstance(items, list):
        raise Problem("%s.%s" % (resource.where, key), "is not a list")
    return [_interface(item, "%s.%s[%d]" % (resource.where, key, index), address) for index, item in enumerate(items)]


def _interface(item: Any, where: str, address: str | None) -> Endpoint:
    if not isinstance(item, Mapping):
        raise Problem(where, "%r is not a mapping with a port" % (item,))
    service = _service(item, where)
    interface = item.get("interface")
    if interface is not None:
        match = _INTERFACE.match(str(interface))
        if not match:
            raise Problem(where + ".interface", "%r is not ADDRESS:PORT or ADDRESS:PORT:PORT" % (interface,))
        own = match.group("v6") or match.group("v4") or address
        return Endpoint(port_of(match.group("port"), where + ".interface"), own, service, certain=True)
    if item.get("port") is None:
        raise Problem(where + ".port", "is missing")
    return Endpoint(port_of(item["port"], where + ".port"), item.get("address") or address, service, certain=True)


def _service(item: Mapping[str, Any], where: str) -> str:
    tags = dig(item, "tags", where) or {}
    if not isinstance(tags, Mapping):
        raise Problem(where + ".tags", "%r is not a mapping" % (tags,))
    # Tags said `service` before 0.4; an outbound of 0.3 has it outside of tags, one of 2.8 and later a reference.
    named = tags.get("kuma.io/service") or tags.get("service") or item.get("service") or dig(item, "backendRef.name", where)
    return slug(named or "")


def _inbound(resource: Resource) -> list[Endpoint]:
    return [] if resource.transparent else _interfaces(resource, "inbound", resource.address)


def _redirected(resource: Resource) -> list[Endpoint]:
    return _interfaces(resource, "inbound", resource.address) if resource.transparent else []


def _outbound(resource: Resource) -> list[Endpoint]:
    return [] if resource.transparent else _interfaces(resource, "outbound", "127.0.0.1")


def _gateway(resource: Resource) -> list[Endpoint]:
    # A delegated gateway, which is the default, is a program of its own; the ports of a builtin one are in another resource.
    builtin = str(dig(resource.body, "networking.gateway.type", resource.where)).upper() == "BUILTIN"
    return [Endpoint(None, resource.address)] if builtin else []


def _admin(resource: Resource) -> list[Endpoint]:
    return [Endpoint(_port_at(resource, "networking.admin.port"), resource.address)]


def _probes(resource: Resource) -> list[Endpoint]:
    if resource.transparent or dig(resource.body, "probes", resource.where) is None:
        return []
    return [_certain(resource, "probes.port", resource.address)]


def _metrics(resource: Resource) -> list[Endpoint]:
    port = _port_at(resource, "metrics.conf.port") or _port_at(resource, "metrics.prometheus.port")
    return [Endpoint(port, resource.address)]


def _redirect(key: str) -> Callable[[Resource], list[Endpoint]]:
    dotted = "networking.transparentProxying." + key

    def expand(resource: Resource) -> list[Endpoint]:
        if not resource.transparent or dig(resource.body, dotted, resource.where) == 0:
            return []
        return [_certain(resource, dotted, None)]

    return expand


def _ingress(resource: Resource) -> list[Endpoint]:
    inbound = _interfaces(resource, "inbound", resource.address)
    return [one._replace(service="") for one in inbound] or _zone_proxy(resource)


def _zone_proxy(resource: Resource) -> list[Endpoint]:
    return [_certain(resource, "networking.port", resource.address)]


# What `expand` may say, and what reads the ports of it.
EXPANSIONS: dict[str, Callable[[Resource], list[Endpoint]]] = {
    "dataplane.inbound": _inbound,
    "dataplane.redirected": _redirected,
    "dataplane.outbound": _outbound,
    "dataplane.gateway": _gateway,
    "dataplane.admin": _admin,
    "dataplane.probes": _probes,
    "dataplane.metrics": _metrics,
    "dataplane.redirect-inbound": _redirect("redirectPortInbound"),
    "dataplane.redirect-inbound-v6": _redirect("redirectPortInboundV6"),
    "dataplane.redirect-outbound": _redirect("redirectPortOutbound"),
    "dataplane.ingress": _ingress,
    "dataplane.egress": _zone_proxy,
}
# A role with one of these is described by resources of that kind, every other role by a Dataplane.
KINDS = {"dataplane.ingress": INGRESS, "dataplane.egress": EGRESS}
