# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a product's own configuration says about its listeners: ports, addresses, switches, Dataplane resources. Pure.

Nothing here knows a product: the keys and variables that count are named by the listeners of the spec.
A listener is the mapping of its keys as the spec writes them (absent means the default).
A configuration may hold secrets: a Problem quotes the value of a key that counts, and nothing else of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _address, _listener
from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _dataplane, _environment, _yaml
from ansible_collections.netports.core.plugins.plugin_utils._dataplane import Endpoint, Resource, slug

# Each key with a file of the host in it, and the key that has its content instead.
ON_HOST = {"config_file": "config", "env_file": "env", "unit": "env", "dataplane_file": "dataplane"}
KEYS = ("config", "env", "dataplane", *ON_HOST)

_OFF = ("0", "f", "false", "n", "no", "off")
_ON = ("1", "t", "true", "y", "yes", "on")
# Of a resource's endpoints these carry an address of their own; the others follow the resource where they are open to all.
_ADDRESSED = ("dataplane.inbound", "dataplane.redirected", "dataplane.outbound")

Data = Mapping[str, Any]


class File(NamedTuple):
    """A file of the host."""

    path: str
    text: str


class Unit(NamedTuple):
    """A systemd unit of the host: what `systemctl show` said, its environment files, and its main process's environment.

    `running` is None where no main process runs, or where it cannot be looked at.
    """

    name: str
    shown: str
    files: Sequence[File] = ()
    running: str | None = None


class OnHost(NamedTuple):
    """What was read on the host, in the order in which it was asked for."""

    config: File | None = None
    env: Sequence[File] = ()
    unit: Unit | None = None
    dataplane: Sequence[File] = ()


class Source(NamedTuple):
    """Values of one origin; `where` and a key are the path of a value."""

    where: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class ProductConfig:
    """A product's configuration, its environment, and the resources of a data plane proxy.

    What stands first in `config` and `env` wins. `described` is the path of the resources. `units` are those of `env`
    that come from the unit; `running` is what its process has.
    """

    config: Sequence[Source]
    env: Sequence[Source]
    resources: tuple[Resource, ...]
    described: str
    units: Sequence[Source] = ()
    running: Source | None = None
    warnings: tuple[str, ...] = ()

    def said(self, setting: str | None, variable: str | None) -> tuple[str, Any] | None:
        """(path, value) of a key or of its environment variable, which wins; None where neither is given."""
        found = None if variable is None else _first(self.env, variable)
        if found is None and setting is not None:
            found = next((said for source in self.config if (said := _dug(source, setting))), None)
        return found

    def switched_on(self, variable: str) -> bool | None:
        """Whether an environment variable is anything but off; None where it is not given."""
        said = self.said(None, variable)
        return None if said is None else _is_on(*said, anything=True)

    def of_kind(self, kind: str) -> ProductConfig:
        """The same with the resources of one kind only. Raises Problem where some are given, but none of that kind."""
        resources = tuple(resource for resource in self.resources if resource.kind == kind)
        if self.resources and not resources:
            raise Problem(self.described, "holds no %s, which is what describes this role" % kind)
        return replace(self, resources=resources)

    def transparent(self) -> bool | None:
        """Is any of the proxies transparent? None without resources."""
        return any(resource.transparent for resource in self.resources) if self.resources else None

    def with_transparent(self, transparent: bool) -> ProductConfig:
        """The same, with the user's word on the proxies instead of the resources'."""
        return replace(self, resources=tuple(resource._replace(transparent=transparent) for resource in self.resources))

    def outdated(self, variables: Collection[str]) -> str | None:
        """A warning where the unit's process runs with other values of these variables than the unit would start it with."""
        if self.running is None:
            return None
        declared = {name: said[1] for name in variables if (said := _first(self.units, name))}
        running = self.running.values
        differing = sorted(name for name in variables if declared.get(name) != running.get(name))
        if not differing:
            return None
        return "%s: runs with another %s than the unit says, which is what counts here; restart it" % (
            self.running.where,
            ", ".join(differing),
        )


def _first(sources: Sequence[Source], variable: str) -> tuple[str, Any] | None:
    return next(
        ((source.where + variable, source.values[variable]) for source in sources if source.values.get(variable) is not None),
        None,
    )


def _dug(source: Source, setting: str) -> tuple[str, Any] | None:
    try:
        value = _dataplane.dig(source.values, setting, "")
    except Problem as problem:
        raise Problem(source.where + problem.path, problem.sentence) from None
    return None if value is None else (source.where + setting, value)


def asked_of_host(value: Any) -> bool:
    """Whether anything in a `product_config` is on the host."""
    return isinstance(value, Mapping) and any(value.get(key) is not None for key in ON_HOST)


def parse(value: Any, where: str = "product_config", on_host: OnHost | None = None) -> ProductConfig:
    """A ProductConfig from what the user gave and what was read on the host. Raises Problem with paths that start with `where`.

    What the user gave wins over the host.
    """
    value = {} if value is None else value
    check_keys(value, where)
    if on_host is None:
        for key, instead in ON_HOST.items():
            if value.get(key) is not None:
                sentence = "is on the host, and no host is asked here; give what it holds as %s" % instead
                raise Problem("%s.%s" % (where, key), sentence)
        on_host = OnHost()
    config = [Source(where + ".config.", _config(value.get("config"), where + ".config"))]
    if on_host.config is not None:
        path = "%s.config_file: %s" % (where, on_host.config.path)
        config.append(Source(path + ": ", _config(on_host.config.text, path)))
    env = [Source(where + ".env.", _env(value.get("env"), where + ".env"))]
    for file in reversed(on_host.env):
        path = "%s.env_file: %s" % (where, file.path)
        env.append(Source(path + ": ", _environment.parse_file(file.text, path)))
    units, running, warnings = _unit(on_host.unit, where + ".unit")
    resources, described = _resources(value.get("dataplane"), on_host.dataplane, where)
    return ProductConfig(config, [*env, *units], resources, described, units, running, warnings)


def check_keys(value: Any, where: str) -> None:
    """Raises Problem for anything but a mapping with keys that are known."""
    if not isinstance(value, Mapping):
        raise Problem(where, "is not a mapping with %s" % ", ".join(KEYS))
    for key in value:
        if key not in KEYS:
            raise Problem("%s.%s" % (where, key), "is not known here; known are %s" % ", ".join(KEYS))


def _config(value: Any, where: str) -> Mapping[str, Any]:
    if isinstance(value, str):
        documents = _yaml.documents(value, where)
        if len(documents) > 1:
            raise Problem(where, "holds %d YAML documents; give one" % len(documents))
        value = documents[0] if documents else None
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Problem(where, "is neither a YAML mapping nor the text of one; a file of the host is config_file")
    return value


def _env(value: Any, where: str) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    if not isinstance(value, str):
        raise Problem(where, "is neither a mapping nor lines of KEY=VALUE; a file of the host is env_file")
    return _environment.parse_file(value, where)


def _unit(unit: Unit | None, where: str) -> tuple[list[Source], Source | None, tuple[str, ...]]:
    """What the unit's process is started with, what it runs with, and warnings."""
    if unit is None:
        return [], None, ()
    where = "%s: %s" % (where, unit.name)
    shown = _environment.parse_shown(unit.shown)
    sources = [Source("%s: %s: " % (where, file.path), _environment.parse_units_file(file.text)) for file in reversed(unit.files)]
    # Files win over what the unit itself says, whichever stands first in it.
    sources.append(Source(where + ": ", shown.variables))
    running = None if unit.running is None else Source(where, _environment.parse_running(unit.running))
    stale = shown.properties.get("NeedDaemonReload") == "yes"
    warning = "%s: has changed, and systemd goes by what it read before until systemctl daemon-reload" % where
    return sources, running, (warning,) if stale else ()


def _resources(given: Any, files: Sequence[File], where: str) -> tuple[tuple[Resource, ...], str]:
    """The resources, and the path of the key that they come from."""
    key = "%s.%s" % (where, "dataplane_file" if given is None and files else "dataplane")
    texts = [(file.text, "%s: %s" % (key, file.path)) for file in files] if given is None else [(given, key)]
    return tuple(resource for text, path in texts for resource in _dataplane.parse_resources(text, path)), key


# ---------------------------------------------------------------------------------------------------------------------
# What it means for a listener


def variables(listener: Data) -> set[str]:
    """The environment variables that count for a listener of the spec."""
    names = (listener.get(key) for key in ("env", "bind_env", "enabled_env"))
    return {name.lstrip("!") for name in names if name}


def apply(listener: Data, config: ProductConfig) -> list[dict[str, Any]]:
    """The listeners that one of the spec becomes: none, itself (moved or not), or several. Raises Problem."""
    data = _switched(listener, config)
    if data is None:
        return []
    data = _moved(data, config)
    if data is None:
        return []
    expansion = data.get("expand")
    if expansion and config.resources:
        return _expanded(data, expansion, config)
    # Nobody can look for the redirect of a port that nobody has named.
    return [] if data.get("seen_as") == _listener.REDIRECT and data["port"] == _listener.DYNAMIC else [data]


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


def _moved(data: dict[str, Any], config: ProductConfig) -> dict[str, Any] | None:
    said = config.said(data.get("setting"), data.get("env"))
    if said is not None:
        where, value = said
        if "-" in str(data.get("port")):
            value = _one_out_of(value)
            if value is None:
                return None
        data = with_port(data, value, where)
    said = config.said(data.get("bind_setting"), data.get("bind_env"))
    if said is not None:
        where, value = said
        bind = _bind_of(value)
        if bind is None:
            raise Problem(where, "%r is not an IP address" % (value,))
        data = with_bind(data, bind)
    return data


def _one_out_of(value: Any) -> Any:
    """What a product takes for ports to choose from, as a range: either end may be missing. None where both are."""
    low, dash, high = str(value).strip().partition("-")
    if not low and not high:
        return None
    return "%s-%s" % (low or 1, high or 65535) if dash else value


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
    return _named(found, always=addressed, where=config.described)


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
