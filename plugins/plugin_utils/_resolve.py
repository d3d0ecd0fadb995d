# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From (role, version, conditions, ports, product configuration) to the listeners that are expected on a host. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.netports.core.plugins.module_utils import _address, _listener
from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _dataplane, _product_config, _versions
from ansible_collections.netports.core.plugins.plugin_utils._product_config import OnHost, ProductConfig
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import Condition, Entry, Product, Role, Spec, SpecError


class Resolution(NamedTuple):
    """What a host of a role is expected to listen on. `listeners` are plain dicts with every key of a listener."""

    role: str
    product: str
    version: str
    conditions: dict[str, str | bool]
    listeners: list[dict[str, Any]]
    warnings: list[str]


def resolve(
    spec: Spec,
    role: str,
    version: str | None = None,
    conditions: Mapping[str, Any] | None = None,
    ports: Mapping[str, Any] | None = None,
    product_config: Mapping[str, Any] | None = None,
    on_host: OnHost | None = None,
) -> Resolution:
    """The listeners of a role; `on_host` is what `product_config` names there. Raises SpecError, which names the argument
    and the path inside it.
    """
    try:
        product, described = _find_role(spec, role)
        selected = _select_version(product, described, version)
        config = _product_config_for(product, role, product_config, on_host)
        holding = _conditions(product, conditions, config)
        config = _agreeing(product, conditions, holding, config)
        written = _written(product, role, _versions.parse_version(selected.version), holding)
        configured = [(entry, data) for entry in written for data in _product_config.apply(entry.given, config)]
        moved = _with_ports(configured, ports, "%s %s" % (role, selected.version))
        listeners = [plain(data) for _entry, data in moved]
        listeners, displaced = _settled([plain(entry.given) for entry, _data in moved], listeners, ports)
    except Problem as problem:
        raise SpecError(str(problem)) from None
    outdated = config.outdated({name for entry in written for name in _product_config.variables(entry.given)})
    warnings = [*filter(None, (selected.warning, *config.warnings, outdated)), *displaced]
    return Resolution(role, product.name, selected.version, holding, listeners, warnings)


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """All keys of a listener, in their order, with every default filled in. Raises Problem."""
    listener = _listener.parse_listener(data)
    ports = listener.ports
    values = {
        "port": ports[0] if ports and ports[0] == ports[1] else None if listener.protocol == "ip" else listener.port_text,
        "family": listener.family,
        "bind": listener.bind,
        "process": list(listener.process),
        "seen_as": listener.seen_as,
        "clients": list(listener.clients),
        "allow": listener.allow,
        "when": dict(data.get("when") or {}),
        "optional": listener.optional,
        "preinstalled": listener.preinstalled,
        "verified": data.get("verified", True),
        "source": list(_listener.names(data.get("source") or (), "source")),
    }
    return {key: values[key] if key in values else data.get(key) for key in _listener.KEYS}


def releases_of(product: Product, role: Role) -> list[str]:
    """The releases that the spec knows in which the role exists, oldest first."""
    return [release for release in product.releases if role.versions.holds(_versions.parse_version(release))]


def _find_role(spec: Spec, role: Any) -> tuple[Product, Role]:
    if isinstance(role, str) and role in spec.homes:
        product = spec.home(role)
        return product, product.roles[role]
    close = difflib.get_close_matches(str(role), spec.homes, n=3)
    others = sorted(name for name in spec.homes if name not in close)
    hint = "; did you mean %s" % " or ".join(close) if close else ""
    raise Problem("role", "%r is not a role of the spec%s; its roles are %s" % (role, hint, ", ".join(close + others)))


def _select_version(product: Product, role: Role, version: Any) -> _versions.Selected:
    try:
        if version is not None:
            return _for_role(product, role, _versions.select(version, product.releases))
        # A role that none of the releases has is refused, for the newest of them.
        return _for_role(product, role, _versions.Selected((releases_of(product, role) or product.releases)[-1], None))
    except Problem as problem:
        raise problem.under("version") from None


def _for_role(product: Product, role: Role, selected: _versions.Selected) -> _versions.Selected:
    version = _versions.parse_version(selected.version)
    if role.versions.holds(version):
        return selected
    earlier = [other.name for other in product.roles.values() if role.name in other.successors]
    related = dict.fromkeys([*role.successors, *earlier])
    there = [name for name in related if product.roles[name].versions.holds(version)]
    hint = "; there, use %s" % " or ".join(there) if there else ""
    raise Problem(
        "",
        "%s has the role %s only in versions %s, not in %s%s"
        % (product.title, role.name, role.versions.text, selected.version, hint),
    )


def _product_config_for(product: Product, role: str, value: Any, on_host: OnHost | None) -> ProductConfig:
    config = _product_config.parse(value, on_host=on_host)
    if not config.resources:
        return config
    expansions = {entry.given.get("expand") for _distance, entry in product.entries(role)} - {None}
    if not expansions:
        raise Problem(config.described, "no listener of %s comes from a Dataplane resource" % role)
    kinds = [kind for expansion, kind in _dataplane.KINDS.items() if expansion in expansions]
    return config.of_kind(kinds[0] if kinds else _dataplane.DATAPLANE)


# ---------------------------------------------------------------------------------------------------------------------
# Conditions


def _conditions(product: Product, given: Any, config: ProductConfig) -> dict[str, str | bool]:
    """Every condition of the product: as given, else as the product's configuration says, else its default."""
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise Problem("conditions", "%r is not a mapping of conditions to values" % (given,))
    known = ", ".join("%s (%s)" % (name, _choices(condition)) for name, condition in product.conditions.items()) or "none"
    for name in given:
        if name not in product.conditions:
            raise Problem("conditions.%s" % name, "is not a condition of %s; its conditions are %s" % (product.name, known))
    holding = {}
    for name, condition in product.conditions.items():
        if given.get(name) is not None:
            holding[name] = _condition_value(condition, given[name])
        else:
            derived = _derived(condition, config)
            holding[name] = condition.default if derived is None else derived
    return holding


def _derived(condition: Condition, config: ProductConfig) -> bool | None:
    """What the product's configuration says about a condition; None where it says nothing."""
    if condition.origin is None:
        return None
    _env, dot, variable = condition.origin.partition("env.")
    return config.switched_on(variable) if dot else config.transparent()


def _choices(condition: Condition) -> str:
    return "true or false" if condition.is_flag else ", ".join(map(str, condition.choices))


def _condition_value(condition: Condition, value: Any) -> str | bool:
    if condition.is_flag:
        try:
            return bool(boolean(value))  # -e rmp=true arrives as text
        except TypeError:
            pass
    elif isinstance(value, (str, int)) and str(value) in condition.choices:
        return str(value)  # YAML reads 3 as a number
    raise Problem("conditions.%s" % condition.name, "%r is not one of: %s" % (value, _choices(condition)))


def _agreeing(product: Product, given: Any, holding: Mapping[str, Any], config: ProductConfig) -> ProductConfig:
    """The configuration with the user's word on the proxies, which wins over what their resources say."""
    for name, condition in product.conditions.items():
        if condition.origin == _dataplane.TRANSPARENT_PROXY and (given or {}).get(name) is not None:
            config = config.with_transparent(bool(holding[name]))
    return config


# ---------------------------------------------------------------------------------------------------------------------
# Listeners


def _written(product: Product, role: str, version: _versions.Version, holding: Mapping[str, Any]) -> list[Entry]:
    """The entries of the spec that live in the version under the conditions, in the order of the spec."""
    entries = [
        (distance, entry)
        for distance, entry in product.entries(role)
        if entry.versions.holds(version) and all(holding[name] in wanted for name, wanted in entry.when.items())
    ]
    nearest: dict[str, int] = {}
    for distance, entry in entries:
        nearest[entry.name] = min(distance, nearest.get(entry.name, distance))
    return [entry for distance, entry in entries if nearest[entry.name] == distance]


def _with_ports(
    configured: Sequence[tuple[Entry, dict[str, Any]]], ports: Any, described: str
) -> list[tuple[Entry, dict[str, Any]]]:
    """The listeners with the user's own ports; those with a port of None are left out."""
    ports = {} if ports is None else ports
    if not isinstance(ports, Mapping):
        raise Problem("ports", "%r is not a mapping of names to ports" % (ports,))
    names = [data["name"] for _entry, data in configured]
    for name in ports:
        if name not in names:
            raise Problem(
                "ports.%s" % name, "is not a listener of %s here; its listeners are %s" % (described, ", ".join(names) or "none")
            )
    moved = []
    for entry, data in configured:
        name = data["name"]
        if name not in ports:
            moved.append((entry, data))
        elif ports[name] is not None:
            moved.append((entry, _product_config.with_port(data, ports[name], "ports." + name)))
    return moved


def _settled(
    before: Sequence[Mapping[str, Any]], after: Sequence[dict[str, Any]], ports: Any
) -> tuple[list[dict[str, Any]], list[str]]:
    """The listeners that can all be there, and warnings about those that cannot: what was moved takes the socket of an
    optional one. Raises Problem where a listener was moved on to the socket of one that has to be there.

    What the spec itself puts on one port stays allowed.
    """
    displaced: dict[str, str] = {}
    for index, listener in enumerate(after):
        for number, other in enumerate(after[:index]):
            if not isinstance(listener["port"], int) or not _share(listener, other) or _share(before[index], before[number]):
                continue
            stayed = [new for old, new in ((before[index], listener), (before[number], other)) if _socket(old) == _socket(new)]
            socket = "%s port %s" % (listener["protocol"], listener["port"])
            if not stayed or not stayed[0]["optional"]:
                names = (other["name"], listener["name"])
                moved = [name for name in names if name in (ports or ())]
                sentence = "%s and %s would both be on %s; give one of them another port" % (*names, socket)
                raise Problem("ports.%s" % moved[0] if moved else "product_config", sentence)
            holder = other if stayed[0] is listener else listener
            displaced[stayed[0]["name"]] = "%s is left out: %s is on %s" % (stayed[0]["name"], holder["name"], socket)
    return [listener for listener in after if listener["name"] not in displaced], list(displaced.values())


def _socket(listener: Mapping[str, Any]) -> tuple[Any, ...]:
    return listener["protocol"], listener["port"], listener["bind"]


def _share(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Are they written on one port, or on one range, of addresses that overlap?"""
    return (
        one["protocol"] == other["protocol"]
        and one["port"] == other["port"] != _listener.DYNAMIC
        and one["device"] == other["device"]
        and {one["family"], other["family"]} != {"ipv4", "ipv6"}
        and _binds_overlap(one["bind"], other["bind"])
    )


def _binds_overlap(one: str, other: str) -> bool:
    if "any" in (one, other) or one == other:
        return True
    return "loopback" in (one, other) and all(bind == "loopback" or _address.is_loopback(bind) for bind in (one, other))
