# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _versions

OPERATORS = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "==": operator.eq,
}
versions = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(lambda numbers: ".".join(map(str, numbers)))
terms = st.tuples(st.sampled_from(sorted(OPERATORS)), versions)
alternatives = st.lists(terms, min_size=1, max_size=3)


def padded(version: str) -> tuple[int, ...]:
    """The independent oracle: missing parts are zeros, compared as numbers."""
    numbers = [int(part) for part in version.split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))


def holds(ranges: list[list[tuple[str, str]]], version: str) -> bool:
    return any(all(OPERATORS[op](padded(version), padded(than)) for op, than in terms) for terms in ranges)


def text_of(ranges: list[list[tuple[str, str]]]) -> str:
    return " || ".join(",".join(op + than for op, than in terms) for terms in ranges)


def parsed_or_none(text: str) -> _versions.Range | None:
    try:
        return _versions.parse_range(text)
    except Problem as problem:
        assert "no version is in" in str(problem)
        return None


@given(st.lists(alternatives, min_size=1, max_size=3), versions)
def test_a_range_holds_what_its_comparisons_hold(ranges: list[list[tuple[str, str]]], version: str) -> None:
    parsed = parsed_or_none(text_of(ranges))
    if parsed is not None:
        assert parsed.holds(_versions.parse_version(version)) == holds(ranges, version)


@given(alternatives)
def test_a_range_is_refused_only_when_nothing_is_in_it(terms: list[tuple[str, str]]) -> None:
    if parsed_or_none(text_of([terms])) is None:
        candidates = [than for _op, than in terms] + [than + ".1" for _op, than in terms] + ["0", "9"]
        assert not any(holds([terms], version) for version in candidates)


@given(st.lists(alternatives, min_size=1, max_size=2), st.lists(alternatives, min_size=1, max_size=2))
def test_ranges_overlap_when_a_version_is_in_both(one: list[list[tuple[str, str]]], other: list[list[tuple[str, str]]]) -> None:
    first, second = parsed_or_none(text_of(one)), parsed_or_none(text_of(other))
    if first is None or second is None:
        return
    bounds = {than for terms in one + other for _op, than in terms} | {"0", "9"}
    # Just after a version and just before the next bound is where the open ends meet.
    candidates = bounds | {bound + ".0.0.1" for bound in bounds}
    common = any(holds(one, version) and holds(other, version) for version in bounds)
    between = any(
        first.holds(_versions.parse_version(version)) and second.holds(_versions.parse_version(version)) for version in candidates
    )
    assert first.overlaps(second) == second.overlaps(first) == (common or between)


def test_every_version_is_in_the_range_of_all() -> None:
    assert _versions.EVERY.holds(()) and _versions.EVERY.holds((999, 9))
    assert _versions.EVERY.overlaps(_versions.parse_range("=1.0"))


@pytest.mark.parametrize(
    ("comparison", "inside"),
    [
        (">=2.5", ["2.5", "2.5.0", "2.5.1", "3"]),
        (">2.5", ["2.5.1", "3"]),
        ("<=2.5", ["2", "2.4.9", "2.5", "2.5.0"]),
        ("<2.5", ["2", "2.4.9"]),
        ("=2.5", ["2.5", "2.5.0"]),
        ("==2.5", ["2.5", "2.5.0"]),
    ],
)
def test_the_bound_of_a_comparison_is_inside_or_not(comparison: str, inside: list[str]) -> None:
    asked = ("2", "2.4.9", "2.5", "2.5.0", "2.5.1", "3")
    parsed = _versions.parse_range(comparison)
    assert [version for version in asked if parsed.holds(_versions.parse_version(version))] == inside


def test_patch_ranges_of_one_minor_series() -> None:
    parsed = _versions.parse_range(">=2.5.10,<2.6 || >=2.6.11")
    inside = ("2.5.10", "2.5.11", "2.6.11", "2.7")
    outside = ("2.5", "2.5.9", "2.6", "2.6.10")
    assert [parsed.holds(_versions.parse_version(version)) for version in inside + outside] == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2.1", "'2.1' in '2.1' is not a comparison; write >=, >, <, <= or = and a version"),
        ("~=2.1", "'~=2.1' in '~=2.1' is not a comparison"),
        (">=2.1,", "'' in '>=2.1,' is not a comparison"),
        (">=2.x", "'>=2.x' in '>=2.x' is not a comparison"),
        (">=3,<2", "no version is in '>=3,<2'"),
        (">=1 || >=2,<2", "no version is in '>=2,<2'"),
        ("<0", "no version is in '<0'"),
        ("", "'' is not a range of versions"),
        (" ", "' ' is not a range of versions"),
        (2.1, "2.1 is not a range of versions; write it as a string"),
    ],
)
def test_a_range_that_cannot_be_read_says_what_would_be_right(text: object, sentence: str) -> None:
    with pytest.raises(Problem) as caught:
        _versions.parse_range(text)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("value", [2.1, 2, None, ["2.1"]])
def test_a_number_is_no_version_because_yaml_ate_its_zero(value: object) -> None:
    with pytest.raises(Problem) as caught:
        _versions.parse_version(value)
    assert str(caught.value) == "%r is not a string; quote the version, such as '2.10'" % (value,)


@pytest.mark.parametrize("value", ["", "v2.1", "2.1-rc1", "2..1", "latest", "2.1.x"])
def test_a_version_is_numbers_and_dots(value: str) -> None:
    with pytest.raises(Problem) as caught:
        _versions.parse_version(value)
    assert str(caught.value) == "%r is not a version; give numbers and dots, such as '2.10'" % value


def test_missing_parts_count_as_zero() -> None:
    assert _versions.parse_version("2") == _versions.parse_version(" 2.0.0 ")
    assert _versions.parse_version("2.10") > _versions.parse_version("2.9")


RELEASES = ("0.3.2", "1.6", "2.0", "2.9", "2.14")


@pytest.mark.parametrize(
    ("version", "used", "warning"),
    [
        ("1.6", "1.6", None),
        ("1.6.5", "1.6.5", None),  # the release stands for its patch versions, and ranges see the patch
        ("2.0.0", "2.0.0", None),
        ("2", "2", None),  # equal to 2.0
        (" 2.9 ", "2.9", None),
        ("1.7", "1.6", "version 1.7 is not a release that the spec knows; using the listeners of 1.6"),
        ("0.3.3", "0.3.2", "version 0.3.3 is not a release that the spec knows; using the listeners of 0.3.2"),
        ("2.1", "2.0", "version 2.1 is not a release that the spec knows; using the listeners of 2.0"),
        ("2.15", "2.14", "version 2.15 is newer than the spec knows; using the listeners of 2.14"),
        ("3", "2.14", "version 3 is newer than the spec knows; using the listeners of 2.14"),
    ],
)
def test_the_release_that_stands_for_a_version(version: str, used: str, warning: str | None) -> None:
    assert _versions.select(version, RELEASES) == (used, warning)


def test_a_version_before_all_releases_is_refused_with_the_list() -> None:
    with pytest.raises(Problem) as caught:
        _versions.select("0.3", RELEASES)
    assert str(caught.value) == "0.3 is older than the spec knows; it knows 0.3.2, 1.6, 2.0, 2.9, 2.14"
