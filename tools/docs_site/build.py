# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the site of docs/: its pages, and the reference of modules, plugins and roles from their documentation.

    tools/docs_site/build.py [DIRECTORY]      default .venv/docs; the site is in DIRECTORY/html

Any warning fails. docs/ itself stays plain Markdown, to be read where it lies: the side bar is made from the lists of
docs/index.md, and what lies outside of docs/ is linked to the repository.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
COLLECTIONS = ROOT / ".venv" / "collections"
BIN = pathlib.Path(sys.executable).parent


def stage(source: pathlib.Path) -> None:
    """docs/ as Sphinx wants it."""
    shutil.copytree(ROOT / "docs", source)
    for page in source.rglob("*.md"):
        page.write_text(with_outer_links(page.read_text(), page.relative_to(source)))
    index = source / "index.md"
    index.write_text(with_side_bar(index.read_text()))
    reference = source / "reference.md"
    reference.write_text(reference.read_text() + toctree(["plugins/index"]))


def with_outer_links(text: str, page: pathlib.Path) -> str:
    """Links to files of the repository outside of docs/ as addresses."""
    up = re.escape("../" * len(page.parts))
    kind = {True: "tree", False: "blob"}

    def address(found: re.Match[str]) -> str:
        path, sign, anchor = found.group(1).partition("#")
        return "](%s/%s/main/%s)" % (GALAXY["repository"], kind[(ROOT / path).is_dir()], path + sign + anchor)

    return re.sub(r"\]\(%s([^)]+)\)" % up, address, text)


def with_side_bar(text: str) -> str:
    """The index with a hidden table of contents for each of its sections: the pages that its list links."""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    for number, section in enumerate(sections):
        pages = re.findall(r"^- \[([^\]]*)\]\(([\w./-]+)\.md\)", section, flags=re.MULTILINE)
        if pages:
            caption = section.splitlines()[0].removeprefix("## ")
            sections[number] = section + toctree(["%s <%s>" % page for page in pages], caption)
    return "".join(sections)


def toctree(pages: list[str], caption: str = "") -> str:
    options = ":hidden:\n" + (":caption: %s\n" % caption if caption else "")
    return "\n```{toctree}\n%s\n%s\n```\n\n" % (options, "\n".join(pages))


def plain(page: str) -> str:
    """A page of antsibull-docs for this theme: a title that fits the side bar, and no second table of contents."""
    page = re.sub(r"^\.\. contents::\n(   :.*\n)+", "", page, flags=re.MULTILINE)
    page = re.sub(r"^Netports\.Core\n=+\n", "All plugins and roles\n=====================\n", page, flags=re.MULTILINE)
    return re.sub(r"^netports\.core\.(\S+ \w+) -- (.+)\n(\++)\n", r"\1\n\3\n\n\2.\n", page, flags=re.MULTILINE)


def plugin_reference(directory: pathlib.Path) -> int:
    """The exit status of antsibull-docs, which has said what is wrong."""
    directory.mkdir()
    command: list[object] = [BIN / "antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error"]
    command += ["--no-add-antsibull-docs-version", "--dest-dir", directory, "%(namespace)s.%(name)s" % GALAXY]
    # It runs ansible-doc by name.
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    status = subprocess.run(command, env=environment, check=False).returncode
    for page in directory.glob("*.rst"):
        page.write_text(plain(page.read_text()))
    return status


def main(directory: pathlib.Path) -> int:
    source, html = directory / "source", directory / "html"
    for old in (source, html):
        shutil.rmtree(old, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    stage(source)
    sphinx: list[object] = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "--fresh-env"]
    sphinx += ["--jobs", "auto", "-b", "html", "-c", HERE, "-d", directory / "doctrees", source, html]
    status = plugin_reference(source / "plugins") or subprocess.run(sphinx, check=False).returncode
    if status == 0:
        print(html / "index.html")
    return status


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".venv" / "docs").resolve()))
