# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fenced blocks of the documentation, and the examples of plugins: what is to be run, and what says why it is not.

A comment on the line above a block says what becomes of it where it is not simply run:

    <!-- not run: WHY -->           output, a sketch, what needs another program or a network
    <!-- run by: TEST -->           by that file of tests, extensions or tools, which names the page
    <!-- file: NAME -->             it is a file of what the page's commands work on
    <!-- PATH.yml -->               the text of that file, as seen from docs/, which tests run (tools/generate.py puts it there)

`<!-- all run by: TEST -->` stands for all blocks of a page.
"""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
LANGUAGES = ("yaml", "yml", "bash", "sh", "shell", "console")
_BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<mark>[^\n]+?) -->\n(?P=indent))?```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"(?:(?P<kind>not run|run by|file): )?(?P<value>\S.*)")
_ALL = re.compile(r"^<!-- all run by: (\S+) -->$", re.MULTILINE)


class Block(NamedTuple):
    """`kind` and `value` are those of the mark; without one, `kind` is empty."""

    page: str
    line: int
    language: str
    text: str
    kind: str
    value: str

    @property
    def place(self) -> str:
        return "%s:%d" % (self.page, self.line)

    @property
    def data(self) -> Any:
        return yaml.safe_load(self.text)

    @property
    def commands(self) -> list[str]:
        """The commands of a block of a terminal, without their prompts; what has no prompt is output."""
        return [line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ ")]


def pages() -> list[pathlib.Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: pathlib.Path) -> Iterator[Block]:
    """The blocks of a page in the languages of files and commands."""
    text, name = page.read_text(), str(page.relative_to(ROOT))
    of_page = _ALL.search(text)
    for found in _BLOCK.finditer(text):
        if found["language"] not in LANGUAGES:
            continue
        kind, value = ("run by", of_page[1]) if of_page else _said(found["mark"])
        line = text.count("\n", 0, found.start("language")) + 1
        indent = re.compile("^" + found["indent"], re.MULTILINE)
        yield Block(name, line, found["language"], indent.sub("", found["text"]), kind, value)


def _said(mark: str | None) -> tuple[str, str]:
    found = _MARK.fullmatch(mark or "")
    if not found:
        return "", ""
    return found["kind"] or ("example" if found["value"].endswith(".yml") else ""), found["value"]


def examples() -> Iterator[Block]:
    """EXAMPLES of modules, lookups and filters."""
    for path in sorted((ROOT / "plugins").glob("*/[a-z]*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EXAMPLES":
                text = str(ast.literal_eval(node.value))
                yield Block(str(path.relative_to(ROOT)), node.lineno, "yaml", text, "", "")
