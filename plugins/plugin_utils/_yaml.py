# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML, read twice: strictly for spec files, and as its own product would for a product's configuration. Pure."""

from __future__ import annotations

import re
from typing import Any

import yaml

from ansible_collections.netports.core.plugins.module_utils._listener import Problem

# libyaml is ten times as fast, but not in every installation of PyYAML.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What the configuration of a product may hold.
_LEVELS, _VALUES = 100, 100_000
_PREFIX = "tag:yaml.org,2002:"
_STR, _INT, _BOOL, _NULL = (_PREFIX + kind for kind in ("str", "int", "bool", "null"))
_DECIMAL = re.compile(r"^[-+]?(0|[1-9][0-9]*)$")
_BOOLEANS = {"true": True, "false": False}


def strict(text: str) -> Any:
    """Plain data of one YAML document of text, whole numbers, true and false. Raises Problem.

    Whatever YAML could read in two ways is refused with its cure: fractions (a version without quotes), dates, octal
    and sexagesimal numbers, yes and no, duplicate keys, merge keys, tags.
    """
    try:
        node = yaml.compose(text, Loader=_Base)
    except yaml.YAMLError as error:
        raise _syntax_problem(error) from None
    return None if node is None else _Builder().build(node)


def documents(text: str, where: str) -> list[Any]:
    """The non-empty documents of a YAML text that belongs to a product. Raises Problem with the path `where`.

    The text may hold secrets: the Problem tells the line, and nothing that stands there. It may come from a host that means
    harm: what would crash libyaml, or grow without end when it is shown, is refused.
    """
    try:
        # A plain str: libyaml refuses the subclasses that Ansible marks its values with.
        plain = str.__str__(text)
        _require_modest(plain, where)
        return [document for document in yaml.load_all(plain, Loader=_Base) if document is not None]
    except Problem:
        raise  # it is a ValueError
    except yaml.YAMLError as error:
        raise Problem(_position(error, where + ": "), "is not YAML" + _without_quotations(error)) from None
    except (TypeError, ValueError):
        raise Problem(where, "cannot be read as YAML") from None


def _require_modest(text: str, where: str) -> None:
    """Few levels, and few values with every alias written out; told from the events, before anything is built. Raises Problem."""
    sizes: dict[str | None, int] = {}
    collections: list[tuple[str | None, int]] = []  # those that are open: anchor, and values so far
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.CollectionStartEvent):
            collections.append((event.anchor, 1))
            if len(collections) > _LEVELS:
                raise Problem(where, "is nested more than %d levels deep, which no configuration is" % _LEVELS)
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = collections.pop()
        elif isinstance(event, yaml.NodeEvent):
            anchor, size = event.anchor, 1
            if isinstance(event, yaml.AliasEvent):
                around = any(one == anchor for one, _size in collections)
                size = _VALUES if around else sizes.get(anchor, 1)
        else:
            continue
        sizes[anchor] = size
        if collections:
            outer, before = collections[-1]
            collections[-1] = (outer, before + size)
            if before + size > _VALUES:
                raise Problem(where, "has more than %d values, aliases written out, which no configuration has" % _VALUES)


def _syntax_problem(error: yaml.YAMLError) -> Problem:
    return Problem(_position(error), "is not YAML: %s" % (getattr(error, "problem", None) or error))


def _without_quotations(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or "'"
    return "" if "'" in problem or '"' in problem else ": %s" % problem


def _position(error: yaml.YAMLError, prefix: str = "") -> str:
    mark = getattr(error, "problem_mark", None)
    return "%sline %d, column %d" % (prefix, mark.line + 1, mark.column + 1) if mark else prefix.rstrip(": ")


class _Builder:
    """Builds plain data of nodes; an alias gives the data of its anchor again."""

    def __init__(self) -> None:
        self._built: dict[int, Any] = {}

    def build(self, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) not in self._built:
            self._built[id(node)] = _UNFINISHED
            self._built[id(node)] = self._sequence(node) if isinstance(node, yaml.SequenceNode) else self._mapping(node)
        elif self._built[id(node)] is _UNFINISHED:
            raise Problem("", "contains itself")
        return self._built[id(node)]

    def _sequence(self, node: Any) -> list[Any]:
        _refuse_tag(node, "seq")
        values = []
        for index, item in enumerate(node.value):
            try:
                values.append(self.build(item))
            except Problem as problem:
                raise problem.under("[%d]" % index) from None
        return values

    def _mapping(self, node: Any) -> dict[str, Any]:
        _refuse_tag(node, "map")
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _STR:
                raise Problem("", "the key in line %d is not a plain word; quote it" % line)
            key = key_node.value
            if key in values:
                raise Problem(key, "is there twice, again in line %d; leave one" % line)
            try:
                values[key] = self.build(value_node)
            except Problem as problem:
                raise problem.under(key) from None
        return values


_UNFINISHED = object()


def _refuse_tag(node: Any, kind: str) -> None:
    if node.tag != _PREFIX + kind:
        raise Problem("", "has the tag %s; spec files are plain data" % node.tag)


def _scalar(node: Any) -> Any:
    tag, text = node.tag, node.value
    if tag == _STR:
        return text
    if tag == _INT and _DECIMAL.match(text):
        return int(text)
    if tag == _BOOL and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if tag == _NULL:
        return None
    if tag == _BOOL:
        raise Problem("", "%s is true or false to some and a word to others; write true or false, or quote it" % text)
    if tag.startswith(_PREFIX):
        raise Problem("", "YAML reads %s as %s; quote it: '%s'" % (text, tag[len(_PREFIX) :], text))
    raise Problem("", "has the tag %s; spec files are plain data" % tag)
