# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""systemd's ways of writing variables. What a real systemd makes of them is in tests/integration/test_product_config.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _environment

# By systemd.exec(5), EnvironmentFile.
FILES = [
    ("A=b", {"A": "b"}),
    ("A=", {"A": ""}),
    ("  A = b c \t\r\nB=2", {"A": "b c", "B": "2"}),
    ("# A=1\n; B=2\n\n\nC=3", {"C": "3"}),
    ("A='b \"c\" \\d' ", {"A": 'b "c" \\d'}),
    ('A="b \'c\' \\" \\$ \\` \\\\ \\d"', {"A": "b 'c' \" $ ` \\ \\d"}),
    ("A='one\ntwo'\nB=3", {"A": "one\ntwo", "B": "3"}),
    ('A="one\ntwo \\\nthree"', {"A": "one\ntwo three"}),
    ("A='b' \"c\"d", {"A": "bcd"}),
    ("A=b'c\"d", {"A": "b'c\"d"}),
    ("A=b \\\n  c\nB=d", {"A": "b   c", "B": "d"}),
    ("A=b\\ \nB=\\\\", {"A": "b ", "B": "\\"}),
    ("A=1\nA=2", {"A": "2"}),
    ("A=b=c # no comment", {"A": "b=c # no comment"}),
    ("# no continuation \\\nA=1", {"A": "1"}),
    ("A=\u00fc", {"A": "\u00fc"}),
]


@pytest.mark.parametrize(("text", "variables"), FILES)
def test_environment_files(text: str, variables: dict[str, str]) -> None:
    assert _environment.parse_file(text, "env") == variables
    assert _environment.parse_units_file(text) == variables


@pytest.mark.parametrize(("text", "line"), [("A=b\nhunter2\n", 2), ("A='\n\n'\n\nhunter2", 5), ("hun ter=2", 1), ("- A=b", 1)])
def test_a_line_that_assigns_nothing_is_told_and_not_quoted(text: str, line: int) -> None:
    with pytest.raises(Problem) as caught:
        _environment.parse_file(text, "env")
    assert str(caught.value) == "env: line %d: is not KEY=VALUE" % line


def test_what_only_a_shell_understands_does_nothing_in_a_unit() -> None:
    text = "export A=1\nset -a\nB=2"
    assert _environment.parse_units_file(text) == {"B": "2"}
    assert _environment.parse_file("export A=1", "env") == {"A": "1"}


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), st.text(st.characters(exclude_characters="'\r", exclude_categories=["Cs"]))
    )
)
def test_whatever_is_in_single_quotes_is_kept(variables: dict[str, str]) -> None:
    text = "\n".join("%s='%s'" % item for item in variables.items())
    assert _environment.parse_file(text, "env") == variables


SHOWN = r"""MainPID=59
NeedDaemonReload=no
Environment=A=1 "B=two words" "C=a\"b\\c\$d" "D=tab\there" "E=x y=1 A=7" F=ü "G=a'b" H=a\x20b $'I=it\'s\n' J=
EnvironmentFiles=/etc/default/plain (ignore_errors=no)
EnvironmentFiles=/etc/with blank (1) (ignore_errors=yes)
EnvironmentFile=/etc/old (ignore_errors=no)
"""


def test_what_systemctl_shows() -> None:
    shown = _environment.parse_shown(SHOWN)
    assert shown.variables == {
        "A": "1",
        "B": "two words",
        "C": 'a"b\\c$d',
        "D": "tab\there",
        "E": "x y=1 A=7",
        "F": "ü",
        "G": "a'b",
        "H": "a b",
        "I": "it's\n",
        "J": "",
    }
    assert shown.files == [("/etc/default/plain", False), ("/etc/with blank (1)", True), ("/etc/old", False)]
    assert shown.properties["MainPID"] == "59"


def test_a_unit_without_an_environment() -> None:
    assert _environment.parse_shown("MainPID=0\nEnvironment=\n") == ({"MainPID": "0", "Environment": ""}, {}, [])


def test_the_environment_of_a_process() -> None:
    assert _environment.parse_running("A=1\nB=x=y\nC=\n\n") == {"A": "1", "B": "x=y", "C": ""}
