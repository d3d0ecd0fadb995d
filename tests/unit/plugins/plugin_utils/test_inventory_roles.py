# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netports.core.plugins.plugin_utils._inventory_roles import groups_of, roles_of

OWN = ("netq_server", "cumulus_linux")


def known(directories: tuple[str, ...]) -> list[str]:
    return [*OWN, *(["gitea"] if "/specs" in directories else [])]


def found(groups: Mapping[str, list[str]], variables: Mapping[str, Mapping[str, Any]]) -> dict[str, list[tuple[str, list[str]]]]:
    roles = roles_of(groups, lambda host, name: variables.get(host, {}).get(name), known)
    return {host: [(role["name"], role["spec_dirs"]) for role in mine] for host, mine in roles.items()}


def test_groups_are_turned_about() -> None:
    groups = {"all": ["a", "b", "c"], "ungrouped": ["c"], "web": ["b", "a"], "db": ["a", "elsewhere"]}
    assert groups_of(["a", "b", "c"], groups) == {"a": ["db", "web"], "b": ["web"], "c": []}


def test_roles_come_in_the_order_of_the_spec() -> None:
    assert found({"a": ["cumulus_linux", "netq_server", "other"], "b": ["other"]}, {}) == {
        "a": [("netq_server", []), ("cumulus_linux", [])],
        "b": [],
    }


def test_directories_of_all_roles_or_of_one() -> None:
    groups = {host: ["cumulus_linux", "gitea"] for host in "abc"}
    variables = {"a": {"netports_spec_dirs": ["/specs"]}, "b": {"gitea_spec_dirs": "/specs, /more"}}
    assert found(groups, variables) == {
        "a": [("cumulus_linux", ["/specs"]), ("gitea", ["/specs"])],
        "b": [("cumulus_linux", []), ("gitea", ["/specs", "/more"])],
        "c": [("cumulus_linux", [])],
    }


def test_relative_directories_start_where_the_user_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert found({"a": ["netq_server"]}, {"a": {"netports_spec_dirs": "specs"}}) == {
        "a": [("netq_server", [str(tmp_path / "specs")])]
    }


@pytest.mark.parametrize("value", [{"a": 1}, [1], 7, ["ok", ""]])
def test_nonsense_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"netports_spec_dirs of a: .* is not a list of directories"):
        found({"a": ["netq_server"]}, {"a": {"netports_spec_dirs": value}})
