# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The port spec as typed values, and everything that a spec file must obey. Pure.

`parse_file` checks one file by itself, `combine` merges the files of a product and checks what they say about each
other. The rules of a listener's own fields are those of `module_utils/_listener.py`. Format: docs/spec-format.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from ansible_collections.netports.core.plugins.module_utils import _listener
from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _dataplane, _versions

# Words that any listener's `clients` may use besides roles.
COMMON_CLIENTS = ("operator", "prometheus", "kubelet", "kube-apiserver", "resolver", "any")

_FILE_KEYS = ("product", "title", "releases", "conditions", "clients", "sources", "roles", "listeners")
_CONDITION_KEYS = ("choices", "type", "default", "from", "description")
_ROLE_KEYS = ("title", "description", "versions", "successors", "includes")
_SOURCE_KEYS = ("title", "ref", "url", "note")
_DROP_KEYS = {"name", "roles", "drop"}

_WORD = re.compile(r"^[a-z0-9]+([-_][a-z0-9]+)*$")
_VARIABLE = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
_SOURCE_ID = re.compile(r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$")
_SETTING = re.compile(r"^[A-Za-z][\w-]*(\.[A-Za-z][\w-]*)*$")
_ENV = re.compile(r"^[A-Z][A-Z0-9_]*$")
_ENV_ORIGIN = re.compile(r"^env\.[A-Z][A-Z0-9_]*$")

T = TypeVar("T")


class SpecError(Exception):
    """What is wrong with a spec file, or with what was asked of the spec. The text says where, and what would be right."""


class Place(NamedTuple):
    """Where a value was written: a file, and the path inside it."""

    file: str
    path: str

    def error(self, problem: Problem) -> SpecError:
        return SpecError("%s: %s" % (self.file, problem.under(self.path)))


@dataclass(frozen=True)
class Condition:
    """What `when` may ask. Choices are words, or True and False."""

    name: str
    choices: tuple[str | bool, ...]
    default: str | bool
    origin: str | None
    description: str | None

    @property
    def is_flag(self) -> bool:
        return self.choices == (False, True)


@dataclass(frozen=True)
class Source:
    name: str
    title: str
    ref: str | None
    url: str | None
    note: str | None


@dataclass(frozen=True)
class Role:
    name: str
    title: str
    description: str
    versions: _versions.Range
    successors: tuple[str, ...]
    includes: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Entry:
    """A listener of the spec. `given` are its keys as written, without `roles`."""

    name: str
    roles: tuple[str, ...]
    versions: _versions.Range
    when: Mapping[str, tuple[str | bool, ...]]
    sources: tuple[str, ...]
    clients: tuple[str, ...]
    given: Mapping[str, Any]
    place: Place


@dataclass(frozen=True)
class Drop:
    """An override that takes a listener away from roles."""

    name: str
    roles: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class SpecFile:
    """One file, right by itself. Everything but `product` may be missing: an override says only what it changes."""

    file: str
    product: str
    title: str | None
    releases: tuple[str, ...]
    conditions: Mapping[str, Condition]
    clients: Mapping[str, str]
    sources: Mapping[str, Source]
    roles: Mapping[str, Role]
    listeners: tuple[Entry | Drop, ...]


@dataclass(frozen=True)
class Product:
    name: str
    title: str
    releases: tuple[str, ...]
    conditions: Mapping[str, Condition]
    clients: Mapping[str, str]
    sources: Mapping[str, Source]
    roles: Mapping[str, Role]
    listeners: tuple[Entry, ...]

    def lineage(self, role: str) -> tuple[str, ...]:
        """The role and those that it includes, directly or not, nearest first."""
        found = [role]
        for name in found:
            found += [included for included in self.roles[name].includes if included not in found]
        return tuple(found)

    def entries(self, role: str) -> Iterator[tuple[int, Entry]]:
        """The listeners of a role in the order of the spec, each with how far away its role is (0: the role itself)."""
        lineage = self.lineage(role)
        for entry in self.listeners:
            distances = [lineage.index(name) for name in entry.roles if name in lineage]
            if distances:
                yield min(distances), entry


@dataclass(frozen=True)
class Spec:
    """Products by name. `homes` says which product a role belongs to."""

    products: Mapping[str, Product]
    homes: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        homes: dict[str, str] = {}
        for product in self.products.values():
            for role in product.roles.values():
                if role.name in homes:
                    raise role.place.error(Problem("", "product %s has a role of this name already" % homes[role.name]))
                homes[role.name] = product.name
        object.__setattr__(self, "homes", homes)

    def home(self, role: str) -> Product:
        """The product of a role that exists."""
        return self.products[self.homes[role]]

    def including(self, role: str) -> tuple[str, ...]:
        """The role, if there is one, and those that include it, directly or not: a host of any of them is one of the role."""
        if role not in self.homes:
            return ()
        product = self.home(role)
        return tuple(name for name in product.roles if role in product.lineage(name))


# ---------------------------------------------------------------------------------------------------------------------
# One file by itself


def parse_file(data: Any, file: str) -> SpecFile:
    """A SpecFile from plain data. `file` is how errors name it. Raises SpecError."""
    try:
        values = _mapping(data, _FILE_KEYS, "is not a spec file")
        return SpecFile(
            file=file,
            product=_matching(values.get("product"), "product", _WORD, "the name of a product, such as cumulus_linux"),
            title=_text(values, "title"),
            releases=_releases(values.get("releases")),
            conditions=_each(values, "conditions", _condition),
            clients=_each(values, "clients", _client),
            sources=_each(values, "sources", _source),
            roles=_each(values, "roles", lambda name, value: _role(name, value, file)),
            listeners=_listeners(values.get("listeners"), file),
        )
    except Problem as problem:
        raise SpecError("%s: %s" % (file, problem)) from None


def _mapping(value: Any, known: Sequence[str], sentence: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Problem("", "%s; give a mapping with %s" % (sentence, ", ".join(known)))
    for key in value:
        if key not in known:
            raise Problem(str(key), "is not known here; known are %s" % ", ".join(known))
    return value


def _each(values: Mapping[str, Any], key: str, parse: Callable[[str, Any], T]) -> dict[str, T]:
    items = values.get(key)
    if items is None:
        return {}
    if not isinstance(items, Mapping):
        raise Problem(key, "is not a mapping of names")
    parsed = {}
    for name, value in items.items():
        try:
            parsed[name] = parse(name, value)
        except Problem as problem:
            raise problem.under("%s.%s" % (key, name)) from None
    return parsed


def _text(values: Mapping[str, Any], key: str) -> str | None:
    value = values.get(key)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise Problem(key, "%r is not a text; quote it" % (value,))
    return value


def _needed(values: Mapping[str, Any], key: str) -> str:
    text = _text(values, key)
    if text is None:
        raise Problem(key, "is missing; give a line for people")
    return text


def _matching(value: Any, key: str, pattern: re.Pattern[str], meaning: str) -> str:
    if not isinstance(value, str) or not pattern.match(value):
        raise Problem(key, "%s %s" % ("is missing; give" if value is None else "%r is not" % (value,), meaning))
    return value


def _at(key: str, parse: Callable[[Any], T], value: Any) -> T:
    """The value parsed by a function whose problems carry no path."""
    try:
        return parse(value)
    except Problem as problem:
        raise problem.under(key) from None


def _range(values: Mapping[str, Any]) -> _versions.Range:
    return _versions.EVERY if values.get("versions") is None else _at("versions", _versions.parse_range, values["versions"])


def _releases(values: Any) -> tuple[str, ...]:
    if values is None:
        return ()
    if not isinstance(values, list) or not values:
        raise Problem("releases", "is not a list of versions, oldest first")
    newest: _versions.Version | None = None
    for index, value in enumerate(values):
        key = "releases[%d]" % index
        version = _at(key, _versions.parse_version, value)
        if newest is not None and version <= newest:
            raise Problem(key, "%s does not come after %s; list releases oldest first" % (value, values[index - 1]))
        newest = version
    return tuple(values)


def _condition(name: str, value: Any) -> Condition:
    _matching(name, "", _VARIABLE, "the name of a condition; use lower case letters, digits and underscores")
    values = _mapping(value, _CONDITION_KEYS, "is not a condition")
    choices: tuple[str | bool, ...]
    if "choices" in values:
        if "type" in values:
            raise Problem("type", "goes without choices; leave one of them")
        choices = _listener.names(values["choices"], "choices")
    else:
        _listener.choice(values.get("type"), "type", ("bool",))
        choices = (False, True)
    if not _among(values.get("default"), choices):
        raise Problem("default", "%r is not one of %s" % (values.get("default"), _listed(choices)))
    origin = values.get("from")
    if origin is not None:
        if origin != _dataplane.TRANSPARENT_PROXY:
            meaning = "%s, or env. and the name of a variable" % _dataplane.TRANSPARENT_PROXY
            _matching(origin, "from", _ENV_ORIGIN, meaning)
        if choices != (False, True):
            raise Problem("from", "%s is true or false, so the condition has to be of type bool" % origin)
    return Condition(name, choices, values["default"], origin, _text(values, "description"))


def _client(name: str, value: Any) -> str:
    _matching(name, "", _WORD, "a word for a client; use lower case letters, digits and hyphens")
    if not isinstance(value, str) or not value.strip():
        raise Problem("", "%r does not say who this is; give a line for people" % (value,))
    return value


def _source(name: str, value: Any) -> Source:
    _matching(name, "", _SOURCE_ID, "the id of a source; use letters, digits, dots and hyphens")
    values = _mapping(value, _SOURCE_KEYS, "is not a source")
    return Source(name, _needed(values, "title"), *(_text(values, key) for key in ("ref", "url", "note")))


def _role(name: str, value: Any, file: str) -> Role:
    _matching(name, "", _VARIABLE, "the name of a role; use lower case letters, digits and underscores")
    values = _mapping(value, _ROLE_KEYS, "is not a role")
    return Role(
        name=name,
        title=_needed(values, "title"),
        description=_needed(values, "description"),
        versions=_range(values),
        successors=_listener.names(values.get("successors") or (), "successors"),
        includes=_listener.names(values.get("includes") or (), "includes"),
        place=Place(file, "roles." + name),
    )


def _listeners(values: Any, file: str) -> tuple[Entry | Drop, ...]:
    if values is None:
        return ()
    if not isinstance(values, list):
        raise Problem("listeners", "is not a list of listeners")
    listeners = []
    for index, value in enumerate(values):
        path = "listeners[%d]" % index
        try:
            listeners.append(_entry(value, Place(file, path)))
        except Problem as problem:
            raise problem.under(path) from None
    return tuple(listeners)


def _entry(value: Any, place: Place) -> Entry | Drop:
    if not isinstance(value, Mapping):
        raise Problem("", "%r is not a listener; give a mapping with name, roles, protocol and port" % (value,))
    roles = _listener.names(value.get("roles") or (), "roles")
    if not roles:
        raise Problem("roles", "is missing; name the roles that have this listener")
    if "drop" in value:
        return _drop(value, roles, place)
    given = {key: content for key, content in value.items() if key != "roles"}
    listener = _listener.parse_listener(given)
    _check_texts(given)
    sources = _listener.names(given.get("source") or (), "source")
    if not sources:
        raise Problem("source", "is missing; every listener cites an entry of sources")
    if not _listener.flag(given.get("verified", True), "verified") and not listener.optional:
        raise Problem("verified", "is false, so the listener has to be optional: what no source confirms is never asserted")
    return Entry(listener.name, roles, _range(given), _when(given.get("when")), sources, listener.clients, given, place)


def _drop(value: Mapping[str, Any], roles: tuple[str, ...], place: Place) -> Drop:
    if value["drop"] is not True or set(value) != _DROP_KEYS:
        raise Problem("drop", "goes with name and roles alone, and is true")
    return Drop(_matching(value["name"], "name", _WORD, "the name of a listener"), roles, place)


def _check_texts(given: Mapping[str, Any]) -> None:
    if "\n" in _needed(given, "purpose").strip():
        raise Problem("purpose", "is more than one line; put the rest into note")
    _text(given, "note")
    for prefix in ("", "bind_", "enabled_"):
        for key, pattern, meaning in (
            (prefix + "setting", _SETTING, "a dotted key of the product's configuration, such as dpServer.port"),
            (prefix + "env", _ENV, "the name of an environment variable, such as KUMA_DP_SERVER_PORT"),
        ):
            name = given.get(key)
            if name is not None:
                inverted = prefix == "enabled_" and isinstance(name, str) and name.startswith("!")
                _matching(name[1:] if inverted else name, key, pattern, meaning)
    if given.get("tls") is not None:
        _listener.choice(given["tls"], "tls", _listener.TLS)
    if given.get("expand") is not None:
        _listener.choice(given["expand"], "expand", tuple(_dataplane.EXPANSIONS))


def _when(value: Any) -> dict[str, tuple[str | bool, ...]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Problem("when", "%r is not a mapping of conditions" % (value,))
    return {name: tuple(wanted) if isinstance(wanted, list) else (wanted,) for name, wanted in value.items()}


# ---------------------------------------------------------------------------------------------------------------------
# The files of a product together


def combine(files: Sequence[SpecFile]) -> Product:
    """The product that the files describe, later ones overriding earlier ones. Raises SpecError."""
    for key in ("title", "releases", "roles"):
        if not any(getattr(file, key) for file in files):
            raise SpecError(
                "%s: product: no other file describes the product %r, so this one has to, but %s is missing"
                % (files[0].file, files[0].product, key)
            )
    product = Product(
        name=files[0].product,
        title=[file.title for file in files if file.title][-1],
        releases=[file.releases for file in files if file.releases][-1],
        conditions=_joined(file.conditions for file in files),
        clients=_joined(file.clients for file in files),
        sources=_joined(file.sources for file in files),
        roles=_joined(file.roles for file in files),
        listeners=_overridden(files),
    )
    for role in product.roles.values():
        _check_related(role, product)
    for role in product.roles.values():
        _check_circle(role, product)
    for entry in product.listeners:
        _check_entry(entry, product)
    _check_names(product)
    return product


def _joined(mappings: Iterable[Mapping[str, T]]) -> dict[str, T]:
    return {name: value for mapping in mappings for name, value in mapping.items()}


def _overridden(files: Sequence[SpecFile]) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for file in files:
        older = entries
        for change in file.listeners:
            touched = [entry for entry in older if entry.name == change.name and set(entry.roles) & set(change.roles)]
            if isinstance(change, Drop) and not touched:
                raise change.place.error(
                    Problem("drop", "no listener %s is there in %s" % (change.name, ", ".join(change.roles)))
                )
            older = [_without(entry, change.roles) if entry in touched else entry for entry in older]
        entries = [entry for entry in older if entry.roles]
        entries += [change for change in file.listeners if isinstance(change, Entry)]
    return tuple(entries)


def _without(entry: Entry, roles: Sequence[str]) -> Entry:
    return replace(entry, roles=tuple(role for role in entry.roles if role not in roles))


def _among(value: Any, choices: Sequence[str | bool]) -> bool:
    # 1 equals True in Python; in a spec file it is a mistake.
    return any(value == choice and isinstance(value, type(choice)) for choice in choices)


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)


def _check_related(role: Role, product: Product) -> None:
    for key in ("includes", "successors"):
        for index, name in enumerate(getattr(role, key)):
            if name not in product.roles:
                path = "%s[%d]" % (key, index)
                raise role.place.error(
                    Problem(path, "%r is not a role of %s; its roles are %s" % (name, product.name, _listed(product.roles)))
                )


def _check_circle(role: Role, product: Product) -> None:
    # Successors may form one: a role that begins where another ends names it for earlier versions, and the reverse.
    if any(role.name in product.roles[name].includes for name in product.lineage(role.name)):
        raise role.place.error(Problem("includes", "lead back to %s itself" % role.name))


def _check_entry(entry: Entry, product: Product) -> None:
    try:
        _check_references(entry, product)
    except Problem as problem:
        raise entry.place.error(problem) from None


def _check_references(entry: Entry, product: Product) -> None:
    for key, names, known in (("roles", entry.roles, product.roles), ("source", entry.sources, product.sources)):
        for name in names:
            if name not in known:
                raise Problem(
                    key,
                    "%r is not among the %s of %s: %s" % (name, key.rstrip("s") + "s", product.name, _listed(known) or "none"),
                )
    for name, wanted in entry.when.items():
        condition = product.conditions.get(name)
        if condition is None:
            raise Problem(
                "when." + name,
                "is not a condition of %s; its conditions are %s" % (product.name, _listed(product.conditions) or "none"),
            )
        for value in wanted:
            if not _among(value, condition.choices):
                raise Problem("when." + name, "%r is not one of %s" % (value, _listed(condition.choices)))


def _check_names(product: Product) -> None:
    """No role may have two listeners of one name in a version and under conditions that can meet."""
    seen: dict[tuple[str, str], list[Entry]] = {}
    for entry in product.listeners:
        for role in entry.roles:
            for other in seen.setdefault((role, entry.name), []):
                if entry.versions.overlaps(other.versions) and _can_meet(entry, other):
                    raise entry.place.error(
                        Problem(
                            "name",
                            "%r is the name of %s in %s as well, in the same version" % (entry.name, other.place.path, role),
                        )
                    )
            seen[role, entry.name].append(entry)


def _can_meet(one: Entry, other: Entry) -> bool:
    return all(set(wanted) & set(other.when.get(name, wanted)) for name, wanted in one.when.items())


def unknown_clients(product: Product, roles: Iterable[str]) -> Iterator[tuple[Entry, int, str]]:
    """Words in `clients` that are neither roles nor words for clients, with where they are."""
    known = {*COMMON_CLIENTS, *product.clients, *roles}
    for entry in product.listeners:
        for index, word in enumerate(entry.clients):
            if word not in known:
                yield entry, index, word
