# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When an archive is made ahead; that it is used is seen where a role really runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _ahead


class Action:
    """The parts of an action plugin that are used; `made` are the modules whose archive was asked for."""

    def __init__(self, collection: str | None, problem: Exception | None = None) -> None:
        role = SimpleNamespace(_role_collection=collection) if collection is not None else None
        self._task = SimpleNamespace(_role=role)
        self._templar = SimpleNamespace(copy_with_new_env=lambda: "another templar")
        self.made: list[tuple[str, Any]] = []
        self._problem = problem

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> None:
        self.made.append((module_name, self._templar))
        if self._problem is not None:
            raise self._problem


def made(action: Action) -> list[tuple[str, Any]]:
    thread = _ahead.make(action, "netports.core.port_verify", {})
    if thread is not None:
        thread.join(10)
    return action.made


@pytest.fixture(autouse=True)
def run(tmp_path, monkeypatch):
    """A run of Ansible with its directory."""
    monkeypatch.setattr(_ahead.constants, "DEFAULT_LOCAL_TMP", str(tmp_path), raising=False)


def test_in_a_role_of_the_collection_once_a_run():
    assert made(Action("netports.core")) == [("netports.core.port_verify", "another templar")]
    assert made(Action("netports.core")) == []


@pytest.mark.parametrize("collection", [None, "", "other.one"])
def test_elsewhere_the_next_task_is_not_known(collection):
    assert made(Action(collection)) == []


def test_what_goes_wrong_is_left_to_the_next_task(capfd):
    assert len(made(Action("netports.core", problem=ValueError("no such module")))) == 1
    assert capfd.readouterr() == ("", "")
