# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import yaml

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _yaml


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def base(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers, because an installation of PyYAML may have no libyaml."""
    if request.param == "libyaml" and not hasattr(yaml, "CSafeLoader"):
        pytest.skip("this PyYAML has no libyaml")
    monkeypatch.setattr(_yaml, "_Base", yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader)


def test_plain_data_is_read() -> None:
    text = """
a: [1, -2, "3", 30001-65535, '2.10', ~]
b: {c: true, d: False, e: }
f: &anchor [x]
g: *anchor
h: ::1
"""
    assert _yaml.strict(text) == {
        "a": [1, -2, "3", "30001-65535", "2.10", None],
        "b": {"c": True, "d": False, "e": None},
        "f": ["x"],
        "g": ["x"],
        "h": "::1",
    }


def test_an_empty_text_is_nothing() -> None:
    assert _yaml.strict("# nothing\n") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n- b: 2.10", "a[0].b: YAML reads 2.10 as float; quote it: '2.10'"),
        ("a: 2020-01-01", "a: YAML reads 2020-01-01 as timestamp; quote it: '2020-01-01'"),
        ("a: 0x1F", "a: YAML reads 0x1F as int; quote it: '0x1F'"),
        ("a: 010", "a: YAML reads 010 as int; quote it: '010'"),
        ("a: 22:22", "a: YAML reads 22:22 as int; quote it: '22:22'"),
        ("a: {b: {c: yes}}", "a.b.c: yes is true or false to some and a word to others; write true or false, or quote it"),
        ("a: 1\nb: 2\na: 3", "a: is there twice, again in line 3; leave one"),
        ("a:\n- b: 1\n  b: 1", "a[0].b: is there twice, again in line 3; leave one"),
        ("1: a", "the key in line 1 is not a plain word; quote it"),
        ("a: {[b]: c}", "a: the key in line 1 is not a plain word; quote it"),
        ("<<: {a: 1}", "the key in line 1 is not a plain word; quote it"),
        ("a: !vault x", "a: has the tag !vault; spec files are plain data"),
        ("a: !x [1]", "a: has the tag !x; spec files are plain data"),
        (
            "a: !!python/object:os.system {}",
            "a: has the tag tag:yaml.org,2002:python/object:os.system; spec files are plain data",
        ),
        ("a: &x [*x]", "a[0]: contains itself"),
        ("a: &x {b: *x}", "a.b: contains itself"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_its_cure(text: str, message: str) -> None:
    with pytest.raises(Problem) as caught:
        _yaml.strict(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["a: 1\nb: [\n", "a: 1\n\tb: 2\n", "a: 1\n--- \nb: 2\n", "a: *nowhere", "a: b: c"])
def test_a_syntax_error_names_its_line(text: str) -> None:
    with pytest.raises(Problem) as caught:
        _yaml.strict(text)
    assert caught.value.path.startswith("line ") and "is not YAML: " in str(caught.value)


def test_a_character_that_yaml_forbids_is_an_error_too() -> None:
    with pytest.raises(Problem, match="is not YAML"):
        _yaml.strict("a: \x07")


class Marked(str):
    """A str subclass, as Ansible marks the values of templates and inventories."""


def test_a_products_own_yaml_is_read_as_the_product_reads_it() -> None:
    assert _yaml.documents(Marked("a: 2.10\n---\n---\n- yes\n"), "config") == [{"a": 2.1}, [True]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: c: d", "config: line 2, column 5: is not YAML: mapping values are not allowed"),
        ("a: {{ address }}", "config: line 1, column 5: is not YAML: found unhashable key"),
        ("a: 2020-99-99", "config: cannot be read as YAML"),
        ("a: \x07", "config: is not YAML"),
        ("a: \ud800", "config: "),
    ],
)
def test_a_products_broken_yaml_is_an_error(text: str, message: str) -> None:
    with pytest.raises(Problem) as caught:
        _yaml.documents(text, "config")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "line",
    ["a: !hunter2 b", "a: *hunter2", "a: &hunter2 b\nc: &hunter2 d", "a: 'hunter2", "a: hunter2: b", "hunter2", "%hunter2\n"],
)
def test_what_is_wrong_with_a_products_yaml_is_told_without_quoting_it(line: str) -> None:
    try:
        _yaml.documents("before: 1\n" + line, "config")
    except Problem as problem:
        assert "hunter2" not in str(problem) and str(problem).startswith("config: line ")


LAUGHS = "\n".join(["a0: &a0 [x]", *("a%d: &a%d [%s]" % (n, n, ", ".join(["*a%d" % (n - 1)] * 10)) for n in range(1, 12))])
DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS + "\nport: *a11", "has more than 100000 values, aliases written out"),
        ("a: &a {b: [*a]}", "has more than 100000 values, aliases written out"),
        ("a: " + DEEP, "is nested more than 100 levels deep"),
        (DEEP.replace("[", "- "), "is nested more than 100 levels deep"),
    ],
)
def test_what_a_host_sends_to_do_harm_is_refused(text: str, message: str) -> None:
    with pytest.raises(Problem) as caught:
        _yaml.documents(text, "config")
    assert str(caught.value).startswith("config: " + message)


def test_aliases_of_a_product_are_followed() -> None:
    text = "port: &port 1\nall: &all {http: *port}\nother: {<<: *all, https: [*port, *all]}"
    assert _yaml.documents(text, "config")[0]["other"] == {"http": 1, "https": [1, {"http": 1}]}
