# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/architecture.md is true: its rooms are the files that there are, and who imports whom is what it says.

The code is read and not run, so that imports within functions and for annotations count as well.
"""

from __future__ import annotations

import ast
import fnmatch
import functools
import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.pure_middle import PURE_MIDDLE

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.netports.core."
PURE = "nothing: pure"
FILES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "plugins").rglob("*.py"))
# Modules of the standard library with which a file could touch anything but what it is handed.
TOUCHING = {
    *("ctypes", "fcntl", "glob", "importlib", "multiprocessing", "os", "random", "resource", "secrets", "select", "selectors"),
    *("shutil", "signal", "ssl", "subprocess", "syslog", "tempfile", "threading", "time", "urllib"),
}
# Of these a part is pure: addresses as numbers, names that are the same everywhere, and paths as text.
PARTLY_TOUCHING = {"socket": r"AF_\w+|IPPROTO_\w+|inet_(pton|ntop)|get(proto|serv)byname|error", "pathlib": r"Path|PurePath\w*"}


class Room(NamedTuple):
    pattern: str
    touches: str


def table(heading: str) -> Iterator[list[str]]:
    """The rows of the table under a heading, without its head."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.partition("## %s\n" % heading)[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    yield from rows[2:]


def paths_of(cell: str) -> Iterator[str]:
    """`a/b.py`, `c.py` and `d_{e,f}.py`: a name without a directory stands in that of the one before it."""
    directory = ""
    for name in re.findall(r"`([^`]+)`", cell):
        path = name if name.startswith(("plugins/", "tests/", "tools/")) else directory + name
        directory = path.rpartition("/")[0] + "/"
        head, brace, tail = path.partition("{")
        inside, _brace, end = tail.partition("}")
        yield from ([head + part + end for part in inside.split(",")] if brace else [path])


@functools.cache
def rooms() -> list[Room]:
    return [Room(path, touches) for place, _purpose, touches in table("The rooms") for path in paths_of(place)]


def rooms_of(file: str) -> list[Room]:
    """By name before by pattern; a directory is a pattern for all that is in it."""
    patterns = [(room, room.pattern + "*" if room.pattern.endswith("/") else room.pattern) for room in rooms()]
    named = [room for room, pattern in patterns if pattern == file]
    return named or [room for room, pattern in patterns if fnmatch.fnmatch(file, pattern)]


def is_pure(file: str) -> bool:
    return [room.touches for room in rooms_of(file)] == [PURE]


@functools.cache
def imports(file: str) -> list[str]:
    """What a file imports: files of the collection by path, anything else by its dotted name."""
    found = []
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += ["%s.%s" % (node.module, alias.name) for alias in node.names]
    return [own_file(name) if name.startswith(COLLECTION) else name for name in found]


def own_file(name: str) -> str:
    path = name[len(COLLECTION) :].replace(".", "/")
    return path + ".py" if path + ".py" in FILES else path.rpartition("/")[0] + ".py"


def layer(file: str) -> str:
    return file.rpartition("/")[0] + "/"


@pytest.mark.parametrize("file", FILES)
def test_every_file_has_one_room(file: str) -> None:
    assert len(rooms_of(file)) == 1, "docs/architecture.md, The rooms: %s is in %d rows" % (file, len(rooms_of(file)))


def test_every_room_is_there() -> None:
    assert [room.pattern for room in rooms() if not list(ROOT.glob(room.pattern.rstrip("/")))] == []


@pytest.mark.parametrize("file", [file for file in FILES if is_pure(file)])
def test_what_is_pure_imports_nothing_that_touches_anything(file: str) -> None:
    others = [name for name in imports(file) if name in FILES and not is_pure(name)]
    modules = {name.partition(".")[0] for name in imports(file) if name not in FILES}
    assert (others, modules & TOUCHING) == ([], set())
    text = (ROOT / file).read_text()
    for module, allowed in PARTLY_TOUCHING.items():
        used = re.findall(r"\b%s\.(\w+)" % module, text) if module in modules else []
        assert [name for name in used if not re.fullmatch(allowed, name)] == []
    assert [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name) and node.id == "open"] == []


def test_the_pure_middle_is_pure() -> None:
    assert [file for file in PURE_MIDDLE if file not in FILES or not is_pure(file)] == []


def test_who_imports_whom() -> None:
    """Both ways: no import that the table does not have, and no line of the table that nothing needs."""
    said = {here: set(paths_of(there)) for place, there in table("Who imports whom") for here in paths_of(place)}
    found = {layer(file): set() for file in FILES}  # type: dict[str, set[str]]
    for file in FILES:
        found[layer(file)] |= {layer(name) for name in imports(file) if name in FILES}
    assert said == {here: there - {here} for here, there in found.items()}


def test_no_circles() -> None:
    finished: set[str] = set()

    def visit(file: str, way: tuple[str, ...]) -> None:
        assert file not in way, "a circle of imports: " + " -> ".join((*way[way.index(file) :], file))
        if file not in finished:
            for name in imports(file):
                if name in FILES:
                    visit(name, (*way, file))
            finished.add(file)

    for file in FILES:
        visit(file, ())
