# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages of products, read as a person would: what their tables say of a release is what is resolved for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _versions

PAGES = Path(__file__).resolve().parents[3] / "docs" / "products"
SPEC = _spec_load.load()


class Row(NamedTuple):
    name: str
    releases: _versions.Range
    conditions: dict[str, list[str]]
    port: str
    sources: str


def rows(page: str, title: str) -> list[Row]:
    """The table below a heading."""
    section = page.split("\n## %s\n" % title)[1].split("\n## ")[0]
    found = []
    for line in section.splitlines():
        cells = line.strip("| ").split(" | ")
        if not cells[0].startswith("`"):
            continue
        releases, *conditions = cells[1].split("<br>")
        asked = dict(one.split(": ") for one in conditions)
        found.append(
            Row(
                cells[0].split("`")[1],
                _versions.parse_range(">=0" if releases == "all" else releases.strip("`").replace("\\|", "|")),
                {name: choices.split(" or ") for name, choices in asked.items()},
                cells[2],
                cells[-1],
            )
        )
    return found


def written(value: object) -> str:
    """A value of a condition as the pages have it."""
    if isinstance(value, bool):
        return str(value).lower()
    return '"%s"' % value if str(value)[:1].isdigit() else str(value)


@pytest.mark.parametrize("role", SPEC.homes)
def test_the_tables_say_what_is_resolved(role: str) -> None:
    product = SPEC.home(role)
    page = (PAGES / (product.name + ".md")).read_text()
    conditions = {name: written(one.default) for name, one in product.conditions.items()}
    table = [row for name in product.lineage(role) for row in rows(page, product.roles[name].title)]
    for release in _resolve.releases_of(product, product.roles[role]):
        version = _versions.parse_version(release)
        said = {
            (row.name, row.port)
            for row in table
            if row.releases.holds(version) and all(conditions[name] in choices for name, choices in row.conditions.items())
        }
        listeners = _resolve.resolve(SPEC, role, release).listeners
        resolved = {(one["name"], "%(protocol)s %(port)s" % one) for one in listeners if one["protocol"] != "ip"}
        resolved |= {(one["name"], "IP protocol %s" % one["number"]) for one in listeners if one["protocol"] == "ip"}
        assert resolved == said, release


@pytest.mark.parametrize("product", SPEC.products)
def test_every_source_that_is_cited_is_in_the_list_of_sources(product: str) -> None:
    page = (PAGES / (product + ".md")).read_text()
    listed = page.split("\n## Sources\n")[1]
    for role in SPEC.products[product].roles.values():
        for row in rows(page, role.title):
            for cited in row.sources.strip("| ").split(", "):
                assert "| %s |" % cited in listed
                if cited.startswith("["):
                    assert re.search(r"^%s: https://\S+$" % re.escape(cited), listed, re.MULTILINE)
