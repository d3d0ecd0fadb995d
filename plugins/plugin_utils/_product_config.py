# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a product's own configuration says about its listeners: ports, addresses, switches, Dataplane resources. Pure.

Nothing here knows a product: the keys and variables that count are named by the listeners of the spec.
A listener is the mapping of its keys as the spec writes them (absent means the default).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.netports.core.plugins.module_utils import _address, _listener
from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _dataplane, _yaml
from ansible_collections.netports.core.plugins.plugin_utils._dataplane import Endpoint, Resource, slug

KEYS = ("config", "env", "dataplane")

_ASSIGNMENT = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")
_OFF = ("0", "f", "false", "n", "no", "off")
_ON = ("1", "t", "true", "y", "yes", "on")
# Of a resource's endpoints these carry an address of their own; the others follow the resource where they are open to all.
_ADDRESSED = ("dataplane.inbound", "dataplane.outbound")

Data = Mapping[str, Any]


@dataclass(frozen=True)
class ProductConfig:
    """A product's configuration, its environment, and the resources of a data plane proxy. `where` is its path."""

    config: Mapping[str, Any]
    env: Mapping[str, Any]
    resources: tuple[Resource, ...]
    where: str

    def said(self, setting: str | None, variable: str | None) -> tuple[str, Any] | None:
        """(path, value) of a key or of its environment variable, which wins; None where neither is given."""
        if variable is not None and self.env.get(variable) is not None:
            return "%s.env.%s" % (self.where, variable), self.env[variable]
        if setting is not None:
            value = _dataplane.dig(self.config, setting, self.where + ".config")
            if value is not None:
                return "%s.config.%s" % (self.where, setting), value
        return None

    def of_kind(self, kind: str) -> ProductConfig:
        """The same with the resources of one kind only. Raises Problem where some are given, but none of that kind."""
        resources = tuple(resource for resource in self.resources if resource.kind == kind)
        if self.resources and not resources:
            raise Problem(self.where + ".dataplane", "holds no %s, which is what describes this role" % kind)
        return replace(self, resources=resources)

    def transparent(self) -> bool | None:
        """Is any of the proxies transparent? None without resources."""
        return any(resource.transparent for resource in self.resources) if self.resources else None

    def with_transparent(self, transparent: bool) -> ProductConfig:
        """The same, with the user's word on the proxies instead of the resources'."""
        return replace(self, resources=tuple(resource._replace(transparent=transparent) for resource in self.resources))


def parse(value: Any, where: str = "product_config") -> ProductConfig:
    """A ProductConfig from what the user gave. Raises Problem with paths that start with `where`."""
    value = {} if value is None else value
    if not isinstance(value, Mapping):
        raise Problem(where, "%r is not a mapping with %s" % (value, ", ".join(KEYS)))
    for key in value:
        if key not in KEYS:
            raise Problem("%s.%s" % (where, key), "is not known here; known are %s" % ", ".join(KEYS))
    dataplane = value.get("dataplane")
    return ProductConfig(
        config=_config(value.get("config"), where + ".config"),
        env=_env(value.get("env"), where + ".env"),
        resources=() if dataplane is None else tuple(_dataplane.parse_resources(dataplane, where + ".dataplane")),
        where=where,
    )


def _config(value: Any, where: str) -> Mapping[str, Any]:
    if isinstance(value, str):
        documents = _yaml.documents(value, where)
        if len(documents) > 1:
            raise Problem(where, "holds %d YAML documents; give one" % len(documents))
        value = documents[0] if documents else None
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Problem(where, "%r is not the text of a configuration file or a mapping; see lookup('file', ...)" % (value,))
    return value


def _env(value: Any, where: str) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    if not isinstance(value, str):
        raise Problem(where, "%r is neither a mapping nor lines of KEY=VALUE" % (value,))
    env = {}
    for number, line in enumerate(value.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            match = _ASSIGNMENT.match(line.strip())
            if not match:
                raise Problem("%s: line %d" % (where, number), "%r is not KEY=VALUE" % line.strip())
            env[match.group(1)] = _unquoted(match.group(2))
    return env


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


# ---------------------------------------------------------------------------------------------------------------------
# What it means for a listener


def apply(listener: Data, config: ProductConfig) -> list[dict[str, Any]]:
    """The listeners that one of the spec becomes: none, itself (moved or not), or several. Raises Problem."""
    data = _switched(listener, config)
    if data is None:
        return []
    data = _moved(data, config)
    expansion = data.get("expand")
    return _expanded(data, expansion, config) if expansion and config.resources else [data]


def _switched(listener: Data, config: ProductConfig) -> dict[str, Any] | None:
    data = dict(listener)
    setting, variable = data.get("enabled_setting"), data.get("enabled_env")
    inverted = any(name is not None and name.startswith("!") for name in (setting, variable))
    setting, variable = (name.lstrip("!") if name else None for name in (setting, variable))
    said = config.said(setting, variable)
    if said is None:
        return data
    # A port that is off at 0 is its own switch; whatever else it holds is for the port to judge.
    is_port = (setting is not None and setting == data.get("setting")) or (variable is not None and variable == data.get("env"))
    if _is_on(*said, anything=is_port) == inverted:
        return None
    return _asserted(data)


def _asserted(data: Data) -> dict[str, Any]:
    """The listener as one that has to be there, as far as the spec knows for certain what it is."""
    return {**data, "optional": False} if data.get("verified", True) else dict(data)


def _is_on(where: str, value: Any, anything: bool) -> bool:
    text = str(value).strip().lower()
    if text in _OFF:
        return False
    if text in _ON or anything:
        return True
    raise Problem(where, "%r is neither true nor false" % (value,))


def _moved(data: dict[str, Any], config: ProductConfig) -> dict[str, Any]:
    said = config.said(data.get("setting"), data.get("env"))
    if said is not None:
        where, value = said
        data = with_port(data, value, where)
    said = config.said(data.get("bind_setting"), data.get("bind_env"))
    if said is not None:
        where, value = said
        bind = _bind_of(value)
        if bind is None:
            raise Problem(where, "%r is not an IP address" % (value,))
        data = with_bind(data, bind)
    return data


def with_port(data: Data, value: Any, where: str) -> dict[str, Any]:
    """The listener on another port or range. Raises Problem with the path `where`."""
    if data["protocol"] == "ip":
        raise Problem(where, "%s is an IP protocol, which has no port" % data["name"])
    try:
        ports = _listener.parse_port(value)
    except Problem as problem:
        raise problem.under(where) from None
    return {**data, "port": _listener.DYNAMIC if ports is None else ports[0] if ports[0] == ports[1] else "%d-%d" % ports}


def with_bind(data: Data, bind: str) -> dict[str, Any]:
    """The listener on another address; what is bound to loopback is not admitted from outside."""
    moved = {**data, "bind": bind}
    if bind == "loopback" or (bind != "any" and _address.is_loopback(bind)):
        moved["allow"] = False
    if bind not in ("any", "loopback"):
        moved["family"] = "any"  # the address says it
    return moved


def _bind_of(value: Any) -> str | None:
    """`any`, `loopback` or an address, from what products take for an address to bind; None for a host name."""
    text = str(value).strip()
    if text in ("", "*"):
        return "any"
    if text == "localhost":
        return "loopback"
    try:
        address = _address.canonical(text.strip("[]"))
    except ValueError:
        return None
    if _address.is_wildcard(address):
        return "any"
    return "loopback" if address in ("127.0.0.1", "::1") else address


# ---------------------------------------------------------------------------------------------------------------------
# Resources of a data plane proxy


def _expanded(data: dict[str, Any], expansion: str, config: ProductConfig) -> list[dict[str, Any]]:
    addressed = expansion in _ADDRESSED
    found: list[tuple[Endpoint, dict[str, Any]]] = []
    for resource in config.resources:
        for endpoint in _dataplane.EXPANSIONS[expansion](resource):
            moved = _at_endpoint(data, endpoint, addressed)
            # Proxies that say nothing of their own share the listener as written; two services never share a port.
            if moved is not None and (addressed or moved not in [other for _endpoint, other in found]):
                found.append((endpoint, moved))
    return _named(found, always=addressed, where=config.where + ".dataplane")


def _at_endpoint(data: dict[str, Any], endpoint: Endpoint, addressed: bool) -> dict[str, Any] | None:
    moved = _asserted(data) if endpoint.certain else data
    if endpoint.port is not None:
        moved = {**moved, "port": endpoint.port}
    if endpoint.address is None or not (addressed or data.get("bind", "any") == "any"):
        return moved
    # The address that a host name stands for is not known here; other hosts reach it, so it is not loopback.
    bind = _bind_of(endpoint.address) or "any"
    if bind == "loopback" and data["expand"] == "dataplane.admin":
        # Envoy's own admin listener is there already, so Kuma adds no second one.
        return None
    return with_bind(moved, bind)


def _named(found: Sequence[tuple[Endpoint, dict[str, Any]]], always: bool, where: str) -> list[dict[str, Any]]:
    """Names that stay the same when other endpoints come and go, as long as they are unique."""
    if len(found) == 1 and not always:
        return [found[0][1]]
    names = [slug("-".join((data["name"], endpoint.service, str(data["port"])))) for endpoint, data in found]
    named: dict[str, dict[str, Any]] = {}
    for name, (_endpoint, data) in zip(names, found, strict=True):
        if names.count(name) > 1:
            name = slug("%s-%s" % (name, data.get("bind", "any")))
        if name in named:
            raise Problem(where, "%s is there twice, on one port and address" % name)
        named[name] = {**data, "name": name}
    return list(named.values())
