# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _spec_model
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import SpecError
from tests.unit.plugins.plugin_utils import small_spec

GAME = """\
product: game
title: Game
releases: ["1"]
sources: {manual: {title: The manual}}
roles:
  game_board: {title: Board, description: A board.}
listeners:
  - {name: dice, roles: [game_board], protocol: tcp, port: 7000, clients: [toy_box], purpose: x, source: manual}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in the place of the collection's own, with two products."""
    directory = tmp_path / "_specs"
    directory.mkdir()
    (directory / "toy.yml").write_text(small_spec.TEXT)
    (directory / "game.yml").write_text(GAME)
    monkeypatch.setattr(_spec_load, "OWN_DIR", directory)
    return directory


@pytest.fixture
def user(tmp_path: Path) -> Path:
    directory = tmp_path / "user"
    directory.mkdir()
    return directory


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were parsed, in order."""
    names: list[str] = []
    real = _spec_model.parse_file

    def recording(data: object, file: str) -> _spec_model.SpecFile:
        names.append(os.path.basename(file))
        return real(data, file)

    monkeypatch.setattr(_spec_model, "parse_file", recording)
    return names


def test_all_files_make_one_spec(own: Path) -> None:
    spec = _spec_load.load()
    assert sorted(spec.products) == ["game", "toy"]
    assert sorted(spec.homes) == ["game_board", "toy_box", "toy_room", "toy_shelf"]


def test_a_role_parses_only_the_files_that_it_needs(own: Path, parsed: list[str]) -> None:
    spec = _spec_load.load(role="toy_shelf")
    assert parsed == ["toy.yml"]
    assert list(spec.products) == ["toy"]


def test_a_role_of_another_product_among_the_clients_is_looked_up(own: Path) -> None:
    (own / "game.yml").write_text(GAME.replace("toy_box", "toy_shelf, toy_room"))
    assert "game_board" in _spec_load.load(role="game_board").homes


def test_a_client_that_nobody_explains_is_refused(own: Path) -> None:
    (own / "game.yml").write_text(GAME.replace("toy_box", "toy_chest"))
    for role in (None, "game_board"):
        with pytest.raises(SpecError) as caught:
            _spec_load.load(role=role)
        assert str(caught.value).startswith(
            "_specs/game.yml: listeners[0].clients[0]: 'toy_chest' is neither a role nor a word of clients"
        )


def test_an_unknown_role_gives_the_whole_spec_so_that_it_can_be_listed(own: Path) -> None:
    with pytest.raises(SpecError, match="game_board, toy_box, toy_room, toy_shelf"):
        _resolve.resolve(_spec_load.load(role="nobody"), "nobody")


def test_files_are_read_once_and_again_when_they_change(own: Path, parsed: list[str]) -> None:
    assert _spec_load.load(role="toy_shelf") is _spec_load.load(role="toy_shelf")
    assert parsed == ["toy.yml"]
    (own / "toy.yml").write_text(small_spec.TEXT.replace("title: Toy\n", "title: Toys of 2026\n"))
    assert _spec_load.load(role="toy_shelf").products["toy"].title == "Toys of 2026"
    assert parsed == ["toy.yml", "toy.yml"]


def test_a_users_directory_adds_products_and_overrides_listeners(own: Path, user: Path) -> None:
    (own / "game.yml").unlink()
    (user / "game.yaml").write_text(GAME)
    (user / "ours.yml").write_text(
        "product: toy\nlisteners:\n- {name: api, roles: [toy_box], protocol: tcp, port: 9000, purpose: x, source: manual}\n"
    )
    (user / "README.md").write_text("no spec")
    (user / ".hidden.yml").write_text("[")
    assert "game_board" in _spec_load.load([str(user)]).homes
    listeners = _resolve.resolve(_spec_load.load([str(user)], "toy_box"), "toy_box").listeners
    assert [listener["port"] for listener in listeners] == [9000]


def test_later_directories_win(own: Path, tmp_path: Path) -> None:
    directories = []
    for port in (9001, 9002):
        directory = tmp_path / str(port)
        directory.mkdir()
        (directory / "x.yml").write_text(
            "product: toy\nlisteners:\n- {name: api, roles: [toy_box], protocol: tcp, port: %d, purpose: x, source: manual}\n"
            % port
        )
        directories.append(str(directory))
    for order, port in ((directories, 9002), (directories[::-1], 9001)):
        assert _resolve.resolve(_spec_load.load(order, "toy_box"), "toy_box").listeners[0]["port"] == port


@pytest.mark.parametrize("product", ["product: toy", '"product": "toy"  # ours', "{product: toy,", "# x\n'product' : toy"])
def test_an_override_that_does_not_mention_the_role_counts_all_the_same(own: Path, user: Path, product: str) -> None:
    flow = product.startswith("{")
    (user / "x.yml").write_text(product + ('releases: ["1.0", "1.9"]}' if flow else '\nreleases: ["1.0", "1.9"]\n'))
    assert _spec_load.load([str(user)], "toy_box").products["toy"].releases == ("1.0", "1.9")


def test_errors_name_own_files_shortly_and_users_files_in_full(own: Path, user: Path) -> None:
    (own / "toy.yml").write_text(small_spec.TEXT.replace("port: 5001", "port: 70000"))
    (user / "game.yml").write_text(GAME.replace("port: 7000", "port: 2.10"))
    with pytest.raises(SpecError) as caught:
        _spec_load.load()
    assert str(caught.value) == "_specs/toy.yml: listeners[1].port: 70000 is not a port (1-65535)"
    with pytest.raises(SpecError) as caught:
        _spec_load.load([str(user)], "game_board")
    assert str(caught.value) == "%s: listeners[0].port: YAML reads 2.10 as float; quote it: '2.10'" % (user / "game.yml")


def test_yaml_errors_name_the_line(own: Path) -> None:
    (own / "toy.yml").write_text("product: toy\nroles: [\n")
    with pytest.raises(SpecError, match=r"^_specs/toy\.yml: line 3, column 1: is not YAML: "):
        _spec_load.load()


def test_a_directory_that_is_not_there_is_an_error(own: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="/nowhere: cannot be read as a directory of spec files: No such file or directory"):
        _spec_load.load([str(tmp_path / "nowhere")])
    with pytest.raises(SpecError, match="toy.yml: cannot be read as a directory of spec files: Not a directory"):
        _spec_load.load([str(own / "toy.yml")])


def test_a_directory_without_spec_files_is_an_error(own: Path, user: Path) -> None:
    (user / "toy.json").write_text("{}")
    with pytest.raises(SpecError, match="holds no spec file; their names end with .yml or .yaml"):
        _spec_load.load([str(user)])


def test_a_file_that_cannot_be_read_is_an_error(own: Path, user: Path) -> None:
    (user / "dir.yml").mkdir()
    with pytest.raises(SpecError, match=r"dir\.yml: cannot be read: Is a directory"):
        _spec_load.load([str(user)])


def test_a_link_to_nowhere_is_an_error(own: Path, user: Path) -> None:
    (user / "link.yml").symlink_to(user / "gone.yml")
    with pytest.raises(SpecError, match=r"link\.yml: cannot be read as a directory of spec files: No such file"):
        _spec_load.load([str(user)])


def test_a_file_that_is_not_text_is_an_error(own: Path, user: Path) -> None:
    (user / "x.yml").write_bytes(b"title: \xff\n")
    with pytest.raises(SpecError, match=r"x\.yml: is not UTF-8 text: invalid start byte at byte 7"):
        _spec_load.load([str(user)])


@pytest.mark.parametrize("value", ["", None, 5])
def test_something_else_than_a_directory_is_an_error(own: Path, value: object) -> None:
    with pytest.raises(SpecError, match=r"^spec_dirs\[0\]: .* is not a directory"):
        _spec_load.load([value])  # type: ignore[list-item]


def test_a_home_directory_is_understood(own: Path, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (user / "x.yml").write_text("product: toy\ntitle: From home\n")
    monkeypatch.setenv("HOME", str(user.parent))
    assert _spec_load.load(["~/user"]).products["toy"].title == "From home"


def test_the_collections_own_spec_loads_whole() -> None:
    spec = _spec_load.load()
    for role in spec.homes:
        assert _spec_load.load(role=role).home(role) == spec.home(role)
