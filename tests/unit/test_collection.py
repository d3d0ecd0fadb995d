# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is declared about the collection is what there is."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def names(directory: str) -> set[str]:
    return {path.stem for path in (ROOT / directory).glob("*.py") if not path.name.startswith("_")}


def test_action_group_has_every_module() -> None:
    assert set(load("meta/runtime.yml")["action_groups"]["ports"]) == names("plugins/modules")


def test_every_action_plugin_has_its_module() -> None:
    assert names("plugins/action") <= names("plugins/modules")


def test_oldest_ansible_core_is_the_oldest_that_is_tested() -> None:
    oldest = load("meta/runtime.yml")["requires_ansible"].removeprefix(">=").removesuffix(".0")
    assert 'cores=("%s ' % oldest in (ROOT / "tools" / "setup").read_text()


def test_version_has_a_changelog() -> None:
    version = load("galaxy.yml")["version"]
    fragment = ROOT / "changelogs" / "fragments" / (version + ".yml")
    assert version in load("changelogs/changelog.yaml")["releases"] or fragment.exists()


@pytest.mark.parametrize("path", sorted((ROOT / "plugins" / "module_utils").rglob("*.py")), ids=lambda path: path.name)
def test_targets_need_nothing_of_the_controller(path: pathlib.Path) -> None:
    imports = [line for line in path.read_text().splitlines() if line.lstrip().startswith(("import ", "from "))]
    assert [line for line in imports if "plugin_utils" in line] == []


def test_no_packages_in_plugins() -> None:
    """Collections are namespace packages; an __init__.py would be shipped to every target for nothing."""
    assert list((ROOT / "plugins").rglob("__init__.py")) == []
