# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A page for each product: who listens where, from which release to which, and which source says so. For generate.py."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_model

Row = Tuple[str, ...]
Table = Callable[[List[Row]], str]
Value = Callable[[Any], str]

DIRECTORY = "docs/products/"
# "owner/repository path@commit": what a source of a repository on GitHub is cited as.
CITED = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+) (?P<path>\S+)@(?P<commit>\S+)")
COLUMNS = ("listener", "releases", "port", "bind", "firewall", "clients", "process", "source")

INTRODUCTION = """\
What the port spec knows of %s %s. A port that the host firewall has to admit says `admit`; one that need not be there
says `optional`, and `unconfirmed` where no source tells that it is there in these releases. Ranges are asked about the version
of the host: `>=2.1,<3` is 2.1 and later, before 3. Every row has its source.
"""


def files(spec: _spec_model.Spec, head: str, table: Table, value: Value) -> Iterator[Tuple[str, str]]:
    """Paths and texts of the pages; `table` and `value` write a table and a value of a condition in Markdown."""
    for product in spec.products.values():
        yield "%s%s.md" % (DIRECTORY, product.name), head + page(product, table, value)


def links(spec: _spec_model.Spec) -> str:
    """The list of the pages, for the index of docs/."""
    return "".join(
        "- [%s](products/%s.md): %s\n" % (product.title, product.name, ", ".join(role.title for role in product.roles.values()))
        for product in spec.products.values()
    )


def page(product: _spec_model.Product, table: Table, value: Value) -> str:
    parts = [
        "# Ports of %s\n" % product.title,
        INTRODUCTION % (product.title, span(product.releases)),
    ]
    for role in product.roles.values():
        parts += ["## %s\n" % role.title, about(product, role)]
        parts += [table([COLUMNS, *rows(product, role, value)]), notes(product, role)]
    parts += ["## Conditions\n", conditions(product, table, value), "## Clients\n", clients(product, table)]
    parts += ["## Sources\n", sources(product, table), addresses(product)]
    return "\n".join(part for part in parts if part)


def span(releases: Sequence[str]) -> str:
    return "%s to %s" % (releases[0], releases[-1]) if len(releases) > 1 else releases[0]


def about(product: _spec_model.Product, role: _spec_model.Role) -> str:
    text = "Role [`%s`](../../roles/%s/README.md). %s" % (role.name, role.name, role.description)
    included = [product.roles[name] for name in role.includes]
    if included:
        text += " The listeners below, and those of %s." % " and ".join(
            "[%s](#%s)" % (other.title, anchor(other.title)) for other in included
        )
    releases = _resolve.releases_of(product, role)
    if tuple(releases) != product.releases:
        text += " In %s." % span(releases)
    return text + "\n"


def anchor(heading: str) -> str:
    return re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-"))


def rows(product: _spec_model.Product, role: _spec_model.Role, value: Value) -> Iterator[Row]:
    for entry in own(product, role):
        given = entry.given
        bind = given.get("bind", "any")
        admitted = given.get("allow", bind != "loopback")
        yield (
            "`%s`%s<br>%s" % (entry.name, need(given), given["purpose"]),
            releases_of(entry, value),
            port(given),
            "`%s`%s" % (bind, ", `%s`" % given["family"] if given.get("family", "any") != "any" else ""),
            "admit" if admitted else "not needed",
            ", ".join(entry.clients),
            ", ".join(words(given.get("process"))),
            ", ".join(cited(name, product.sources[name]) for name in entry.sources),
        )


def own(product: _spec_model.Product, role: _spec_model.Role) -> Iterable[_spec_model.Entry]:
    return [entry for entry in product.listeners if role.name in entry.roles and role.versions.overlaps(entry.versions)]


def words(value: Any) -> List[str]:
    return [value] if isinstance(value, str) else list(value or ())


def port(given: Mapping[str, Any]) -> str:
    return "IP protocol %s" % given["number"] if given["protocol"] == "ip" else "%s %s" % (given["protocol"], given["port"])


def need(given: Mapping[str, Any]) -> str:
    return " optional" * bool(given.get("optional")) + " unconfirmed" * (not given.get("verified", True))


def releases_of(entry: _spec_model.Entry, value: Value) -> str:
    """The range of releases, and the conditions that hold."""
    parts = ["`%s`" % entry.versions.text if entry.versions.text else "all"]
    parts += ["%s: %s" % (name, " or ".join(value(one) for one in choices)) for name, choices in entry.when.items()]
    return "<br>".join(parts)


def notes(product: _spec_model.Product, role: _spec_model.Role) -> str:
    """What the listeners' notes say, each once with the listeners that it is about."""
    about: Dict[str, List[str]] = {}
    for entry in own(product, role):
        note: Optional[str] = entry.given.get("note")
        if note and entry.name not in about.setdefault(note, []):
            about[note].append(entry.name)
    return "".join("- %s: %s\n" % (", ".join("`%s`" % name for name in names), note) for note, names in about.items())


def conditions(product: _spec_model.Product, table: Table, value: Value) -> str:
    if not product.conditions:
        return "There are none.\n"
    found: List[Row] = [("condition", "one of", "default", "meaning")]
    for name, one in product.conditions.items():
        found.append((name, ", ".join(value(choice) for choice in one.choices), value(one.default), one.description or ""))
    return table(found)


def clients(product: _spec_model.Product, table: Table) -> str:
    common = ", ".join("`%s`" % name for name in _spec_model.COMMON_CLIENTS)
    text = "Roles of the port spec, and the common words %s" % common
    if not product.clients:
        return text + ".\n"
    return "%s; and these:\n\n%s" % (text, table([("client", "who it is"), *product.clients.items()]))


def sources(product: _spec_model.Product, table: Table) -> str:
    found: List[Row] = [("source", "what it is", "where")]
    for name, source in product.sources.items():
        where = (source.ref or source.url or "").replace("@", " at ")
        found.append((cited(name, source), source.title, where))
    return table(found)


def cited(name: str, source: _spec_model.Source) -> str:
    """The id of a source, a link where it is known where it lies; `addresses` has what the link refers to."""
    return "[%s]" % name if address(source) else name


def address(source: _spec_model.Source) -> Optional[str]:
    ref = source.ref or ""
    found = CITED.fullmatch(ref)
    if source.url or not found:
        return source.url or (ref if ref.startswith("https://") else None)
    return "https://github.com/%(repository)s/blob/%(commit)s/%(path)s" % found.groupdict()


def addresses(product: _spec_model.Product) -> str:
    found = {name: address(source) for name, source in product.sources.items()}
    return "".join("[%s]: %s\n" % (name, where) for name, where in found.items() if where)
