# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection has, from the documentation of its plugins, its playbooks and the port spec. For generate.py."""

from __future__ import annotations

import ast
import pathlib
from typing import Any, Dict, List, Mapping, Tuple

import yaml

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_model
from tools import product_pages

ROOT = pathlib.Path(__file__).resolve().parent.parent
GALAXY: Dict[str, Any] = yaml.safe_load((ROOT / "galaxy.yml").read_text())
EVENT_SOURCES = ROOT / "extensions" / "eda" / "plugins" / "event_source"
PLUGINS = ("modules", "lookup", "filter")

Row = Tuple[str, ...]


def address(path: str) -> str:
    return "%s/blob/main/%s" % (GALAXY["repository"], path)


def plugins(kind: str) -> Dict[str, str]:
    """The plugins of a kind by name, each with its short description."""
    found = {}
    for path in sorted((ROOT / "plugins" / kind).glob("[a-z]*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
                found[path.stem] = yaml.safe_load(ast.literal_eval(node.value))["short_description"]
    return found


def parts(names: Dict[str, str]) -> List[str]:
    """Plugins that continue another's name are a part of it, and nothing that a playbook would name."""
    return [name for name in names if any(name.startswith(other + "_") for other in names)]


def for_people(kind: str) -> Dict[str, str]:
    found = plugins(kind)
    return {name: text for name, text in found.items() if name not in parts(found)}


def titles(texts: Mapping[str, str]) -> Dict[str, str]:
    """Playbooks by name with their titles, from the texts of files."""
    paths = {path: pathlib.PurePath(path) for path in sorted(texts)}
    return {path.stem: yaml.safe_load(texts[name])[0]["name"] for name, path in paths.items() if path.parent.name == "playbooks"}


def readme(spec: _spec_model.Spec, playbooks: Mapping[str, str]) -> List[Row]:
    """The table of the README, a row for each kind of thing; of roles and modules one for each product and module."""
    rows: List[Row] = [("name", "what it is")]
    for product in spec.products.values():
        names = ", ".join("[`%s`](%s)" % (name, address("roles/%s/README.md" % name)) for name in product.roles)
        kind = "role " if len(product.roles) == 1 else "roles "
        page = "[%s](%s)" % (product.title, address("docs/products/%s.md" % product.name))
        rows.append(("%s %s" % (page, product_pages.span(product.releases)), kind + names))
    for name, text in for_people("modules").items():
        link = "[`%s`](%s)" % (name, address("plugins/modules/%s.py" % name))
        rows.append((link, "module: %s%s" % (text[0].lower(), text[1:])))
    names = ", ".join("`%s`" % name for name in playbooks)
    rows.append(("[playbooks](%s)" % address("docs/playbooks.md"), names))
    for kind in PLUGINS[1:]:
        names = ", ".join("`%s`" % name for name in for_people(kind))
        rows.append(("[%ss](%s)" % (kind, address("docs/reference.md")), names))
    sources = ", ".join("`%s`" % path.stem for path in sorted(EVENT_SOURCES.glob("[a-z]*.py")))
    rows.append(("[event source](%s)" % address("docs/event-driven.md"), sources))
    return rows


def reference(kind: str) -> List[Row]:
    rows: List[Row] = [(kind.removesuffix("s"), "what it does")]
    return rows + [("[`%s`](../plugins/%s/%s.py)" % (name, kind, name), text) for name, text in plugins(kind).items()]


def roles(spec: _spec_model.Spec) -> List[Row]:
    rows: List[Row] = [("role", "system", "releases in the spec")]
    for product in spec.products.values():
        for role in product.roles.values():
            text = product_pages.span(_resolve.releases_of(product, role))
            rows.append(("[`%s`](../roles/%s/README.md)" % (role.name, role.name), role.title, text))
    return rows


def playbooks(found: Mapping[str, str]) -> List[Row]:
    rows: List[Row] = [("playbook", "what it does")]
    return rows + [("[`%s`](../playbooks/%s.yml)" % (name, name), title) for name, title in found.items()]
