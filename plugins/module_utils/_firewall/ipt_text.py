# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rule of iptables as text: its matches with their options, and its target. Pure; what they mean is in `ipt_matches.py`."""

from __future__ import annotations

import re
from typing import Container, Iterator, List, NamedTuple, Optional, Sequence, Tuple

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_COUNTERS = re.compile(r"^\[\d+:\d+\]\s+")
# What takes exactly one word, which may look like an option: text of people's own.
_TAKES_ONE = frozenset(
    (
        "--comment",
        "--name",
        "--hashlimit-name",
        "--string",
        "--hex-string",
        "--u32",
        "--bytecode",
        "--path",
        "--helper",
        "--cgroup",
    )
)


class _Token(NamedTuple):
    text: str
    quoted: bool = False

    @property
    def is_option(self) -> bool:
        return not self.quoted and self.text.startswith("-") and len(self.text) > 1

    @property
    def negates(self) -> bool:
        return not self.quoted and self.text == "!"


class Option(NamedTuple):
    """One option of a rule: `! --dport 22` is Option(True, "--dport", ("22",))."""

    negated: bool
    name: str
    values: Tuple[str, ...]

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def operator(self) -> str:
        return "!=" if self.negated else "=="


class Part(NamedTuple):
    """The options of one match; `name` is empty for those of iptables itself."""

    name: str
    options: Tuple[Option, ...]


class RuleText(NamedTuple):
    """A rule's line, taken apart. `target` is None for a rule that has none; `odd` when it was not written by iptables-save."""

    chain: str
    parts: Tuple[Part, ...]
    target: Optional[str]
    goto: bool
    options: Tuple[Option, ...]
    odd: bool = False

    @property
    def protocol(self) -> Optional[str]:
        """The protocol that it asks for by name or number; None for any, or for all but one."""
        for option in self.parts[0].options:
            if option.name in ("-p", "--protocol") and not option.negated:
                return option.value
        return None

    @property
    def comment(self) -> str:
        """The texts of all `-m comment`, as one."""
        found = [o.value for part in self.parts if part.name == "comment" for o in part.options if o.name == "--comment"]
        return " ".join(found)


def _tokens(line: str) -> List[_Token]:
    return [
        _Token(word) if word else _Token(_ESCAPED.sub(r"\1", quoted), quoted=True)
        for quoted, word in (match.groups("") for match in _TOKEN.finditer(line))
    ]


def _options(tokens: Sequence[_Token]) -> Iterator[Option]:
    left, negated = list(reversed(tokens)), False
    while left:
        token, values = left.pop(), []  # type: _Token, List[str]
        if token.negates:
            negated = True
            continue
        if token.text in _TAKES_ONE and not token.quoted:
            values = [left.pop().text] if left else []
        else:
            while left and not left[-1].is_option and not left[-1].negates:
                values.append(left.pop().text)
        yield Option(negated, token.text, tuple(values))
        negated = False


_TARGET_OPTIONS = ("-j", "--jump", "-g", "--goto")


def without_counters(line: str) -> str:
    return _COUNTERS.sub("", line)


def take_apart(line: str, own: Container[str]) -> RuleText:
    """A line `-A CHAIN ...`, with or without counters before it. Raises ValueError for anything else.

    `own` are the options that iptables takes without a match.
    """
    tokens = _tokens(without_counters(line))
    if len(tokens) < 2 or tokens[0].text not in ("-A", "--append"):
        raise ValueError("%r is not a rule of iptables" % line)
    parts: List[Tuple[str, List[Option]]] = [("", [])]
    target, goto, after = None, False, []  # type: Optional[str], bool, List[Option]
    for option in _options(tokens[2:]):
        if target is not None:
            after.append(option)
        elif option.name in _TARGET_OPTIONS:
            target, goto = option.value, option.name in ("-g", "--goto")
        elif option.name in ("-m", "--match"):
            parts.append((option.value, []))
        elif option.name in own:
            parts[0][1].append(option)
        else:
            # Without -m, as people write it, the options of the protocol.
            if len(parts) == 1:
                parts.append((_protocol_of(parts[0][1]), []))
            parts[-1][1].append(option)
    odd = any(option.negated or option.name == "-m" or option.name in own for option in after)
    return RuleText(tokens[1].text, tuple(Part(name, tuple(o)) for name, o in parts), target, goto, tuple(after), odd)


def _protocol_of(options: Sequence[Option]) -> str:
    for option in options:
        if option.name in ("-p", "--protocol"):
            return option.value
    return ""
