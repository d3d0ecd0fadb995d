# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Environment variables as systemd writes and reads them: environment files, and the answers of `systemctl show`. Pure.

What is read may hold secrets, so a Problem names a line and never quotes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.netports.core.plugins.module_utils._listener import Problem

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_EXPORT = re.compile(r"^export[ \t]+")
_BLANK, _NEWLINE = " \t", "\n\r"
# What a backslash takes its meaning from between double quotes; before anything else it stays.
_ESCAPED = '"\\`$'

_ENVIRONMENT_FILE = re.compile(r"^EnvironmentFiles?=(.*) \(ignore_errors=(yes|no)\)$")
_WORD = re.compile(r"""(?:\$'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\\.|[^\s"\\])+""", re.DOTALL)
_PART = re.compile(r"""\$'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|((?:\\.|[^\s"\\])+?)(?=\$'|"|$)""", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([0-7]{3})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "s": " "}


class Assignment(NamedTuple):
    """One entry of an environment file, and where it begins; `value` is None for a line without an equals sign."""

    offset: int
    name: str
    value: str | None


def parse_file(text: str, where: str) -> dict[str, str]:
    """The variables of an environment file in systemd's syntax, and of one that a shell reads: `export` may come first.

    Raises Problem with the path `where` for a line that assigns nothing.
    """
    variables = {}
    for offset, name, value in _assignments(text):
        name = _EXPORT.sub("", name)
        if value is None or not _NAME.match(name):
            raise Problem("%s: line %d" % (where, text.count("\n", 0, offset) + 1), "is not KEY=VALUE")
        variables[name] = value
    return variables


def parse_units_file(text: str) -> dict[str, str]:
    """The variables that systemd takes from an EnvironmentFile: what it cannot use it passes over."""
    return {name: value for _offset, name, value in _assignments(text) if value is not None and _NAME.match(name)}


def _assignments(text: str) -> Iterator[Assignment]:
    """The entries of a file, by the rules of systemd.exec(5), EnvironmentFile."""
    rest = _Characters(text)
    while rest.skip(_BLANK + _NEWLINE):
        if rest.peek() in "#;":
            # A backslash at its end continues no comment (systemd 254 and later).
            rest.until(_NEWLINE)
            continue
        offset = rest.offset
        name = rest.until("=" + _NEWLINE).rstrip(_BLANK)
        yield Assignment(offset, name, rest.value() if rest.take() == "=" else None)


class _Characters:
    """A text that is read once, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.offset = 0

    def peek(self) -> str:
        return self._text[self.offset : self.offset + 1]

    def take(self) -> str:
        character = self.peek()
        self.offset += 1
        return character

    def skip(self, characters: str) -> bool:
        """Pass over `characters`; is anything left?"""
        while self.peek() and self.peek() in characters:
            self.offset += 1
        return self.peek() != ""

    def until(self, ends: str) -> str:
        start = self.offset
        while self.peek() and self.peek() not in ends:
            self.offset += 1
        return self._text[start : self.offset]

    def value(self) -> str:
        """To the end of the line, or further where a quote or a backslash goes over it."""
        value = ""
        while self.skip(_BLANK) and self.peek() not in _NEWLINE:
            if self.peek() == "'":
                self.take()
                value += self.until("'")
                self.take()
            elif self.peek() == '"':
                self.take()
                value += self._double_quoted()
            else:
                # From here on quotes are characters like others.
                return value + self._plain()
        return value

    def _double_quoted(self) -> str:
        value = ""
        while (character := self.take()) not in ("", '"'):
            if character == "\\":
                escaped = self.take()
                character = escaped if escaped in _ESCAPED else "" if escaped == "\n" else "\\" + escaped
            value += character
        return value

    def _plain(self) -> str:
        value, kept = "", 0
        while self.peek() and self.peek() not in _NEWLINE:
            character = self.take()
            if character == "\\":
                escaped = self.take()
                if escaped not in _NEWLINE:
                    value += escaped
                    kept = len(value)
            else:
                value += character
        # Blanks at the end belong to the value only if they are escaped.
        return value[:kept] + value[kept:].rstrip(_BLANK)


# ---------------------------------------------------------------------------------------------------------------------
# systemctl show


class Shown(NamedTuple):
    """What `systemctl show` said of a unit. `files` are patterns of paths, and whether each may be missing."""

    properties: dict[str, str]
    variables: dict[str, str]
    files: list[tuple[str, bool]]


def parse_shown(text: str) -> Shown:
    """The properties of one unit, one a line."""
    properties, files = {}, []
    for line in text.split("\n"):
        match = _ENVIRONMENT_FILE.match(line)
        if match:
            files.append((match.group(1), match.group(2) == "yes"))
        name, equals, value = line.partition("=")
        if equals:
            properties[name] = value
    return Shown(properties, _shown_variables(properties.get("Environment", "")), files)


def parse_running(text: str) -> dict[str, str]:
    """The environment of a process, one variable a line."""
    return {name: value for name, equals, value in (line.partition("=") for line in text.split("\n")) if equals}


def _shown_variables(text: str) -> dict[str, str]:
    """Words with a variable each: quoted whole where they need it, with `\\x20` for a blank in older releases."""
    words = ("".join(_unescaped(part) for part in _PART.finditer(word)) for word in _WORD.findall(text))
    return {name: value for name, equals, value in (word.partition("=") for word in words) if equals}


def _unescaped(part: re.Match[str]) -> str:
    return _ESCAPE.sub(_meant, next(group for group in part.groups() if group is not None))


def _meant(escape: re.Match[str]) -> str:
    hexadecimal, octal, letter = escape.groups()
    if letter is not None:
        return _LETTERS.get(letter, letter)
    return chr(int(hexadecimal, 16) if hexadecimal else int(octal, 8))
