# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/ as a site: Sphinx builds it without a warning or a network, every page is in its side bar, and links lead somewhere."""

from __future__ import annotations

import pathlib
import re
import urllib.parse

import pytest

from tests.gates.outer import ROOT, Run

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(ROOT) for path in [*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
OF_REPOSITORY = re.compile(r"\]\(https://github\.com/netports/netports\.core/(?:blob|tree)/main/([^)#]+)")
# Nothing beyond the machine itself is to be had, as where packages are built.
WITHOUT_NETWORK = ["unshare", "--net", "--map-root-user"]


@pytest.mark.namespaces
def test_the_site_is_built_without_warnings_and_without_a_network(run: Run, tmp_path: pathlib.Path) -> None:
    run([*WITHOUT_NETWORK, ROOT / ".venv" / "bin" / "python", "tools/docs_site/build.py", tmp_path])
    html = tmp_path / "html"
    assert (html / "plugins" / "port_verify_module.html").is_file()
    side_bar = (html / "index.html").read_text().partition('class="sidebar-tree"')[2].partition('class="main"')[0]
    missing = [page for page in DOCS.rglob("*.md") if 'href="%s"' % page.relative_to(DOCS).with_suffix(".html") not in side_bar]
    assert {page.name for page in missing} == {"index.md"}
    # The theme paints a second table of contents red.
    assert 'class="contents' not in (html / "plugins" / "port_verify_module.html").read_text()
    fetched = re.compile(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["'](?:https?:)?//""")
    assert [page for page in html.rglob("*.html") if fetched.search(page.read_text())] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_to_what_is_there(page: pathlib.Path) -> None:
    text = FENCED.sub("", (ROOT / page).read_text())
    near = [ROOT / page.parent / urllib.parse.unquote(link) for link in LINK.findall(text)]
    far = [ROOT / urllib.parse.unquote(link) for link in OF_REPOSITORY.findall(text)]
    assert [str(path) for path in near + far if not path.exists()] == []


def test_the_readme_has_absolute_links_alone() -> None:
    """Galaxy shows it without the files beside it."""
    assert LINK.findall(FENCED.sub("", (ROOT / "README.md").read_text())) == []
