# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _spec_model
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import SpecError
from tests.unit.plugins.plugin_utils import small_spec


def changed(path: str, value: Any) -> Any:
    """The small spec's data with one value replaced (or taken away: None at a key of a listener means absent)."""
    data = small_spec.data()
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    inner = data
    for step in way:
        inner = inner[step]
    inner[last] = value
    return data


def refusal(path: str, value: Any) -> str:
    with pytest.raises(SpecError) as caught:
        _spec_model.Spec({"toy": _spec_model.combine([_spec_model.parse_file(changed(path, value), "toy.yml")])})
    return str(caught.value)


def test_the_small_spec_is_a_spec() -> None:
    spec = small_spec.spec_of()
    assert spec.homes == {"toy_box": "toy", "toy_shelf": "toy", "toy_room": "toy"}
    product = spec.home("toy_room")
    assert product.lineage("toy_room") == ("toy_room", "toy_shelf")
    assert [(distance, entry.name) for distance, entry in product.entries("toy_room")] == [
        (1, "api"),
        (1, "admin"),
        (0, "ball"),
        (0, "tunnel"),
    ]
    assert product.conditions["extra"].is_flag and not product.conditions["place"].is_flag


def test_what_is_written_for_people_is_there_for_people() -> None:
    data = changed("sources/manual", {"title": "The manual", "ref": "page 1", "url": "https://toy.example", "note": "Old"})
    product = _spec_model.combine([_spec_model.parse_file(data, "toy.yml")])
    assert (product.name, product.title, product.clients) == ("toy", "Toy", {"child": "Whoever plays with it."})
    assert product.sources["manual"] == _spec_model.Source("manual", "The manual", "page 1", "https://toy.example", "Old")
    assert (product.roles["toy_box"].title, product.roles["toy_box"].description) == ("Toy box", "Holds toys.")
    assert [product.conditions[name].description for name in ("place", "extra")] == ["Where it runs.", None]


def test_hosts_of_a_role_are_those_of_the_roles_that_include_it_as_well() -> None:
    spec = small_spec.spec_of()
    assert spec.including("toy_shelf") == ("toy_shelf", "toy_room")
    assert spec.including("toy_room") == ("toy_room",)
    assert spec.including("operator") == ()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # The file
        ("colour", "red", "colour: is not known here; known are product, title, releases, conditions, clients, sources, roles"),
        ("product", None, "product: is missing; give the name of a product, such as cumulus_linux"),
        ("product", "Toy Box", "product: 'Toy Box' is not the name of a product"),
        ("title", 3, "title: 3 is not a text; quote it"),
        ("title", " ", "title: ' ' is not a text; quote it"),
        ("releases", "1.0", "releases: is not a list of versions, oldest first"),
        ("releases", [], "releases: is not a list of versions, oldest first"),
        ("releases/1", 2, "releases[1]: 2 is not a string; quote the version"),
        ("releases/1", "1.0.0", "releases[1]: 1.0.0 does not come after 1.0; list releases oldest first"),
        ("roles", [], "roles: is not a mapping of names"),
        # Conditions
        ("conditions/place", "inside", "conditions.place: is not a condition; give a mapping with choices, type"),
        ("conditions/place/type", "bool", "conditions.place.type: goes without choices; leave one of them"),
        ("conditions/place/choices", [1], "conditions.place.choices[0]: 1 is not a name"),
        ("conditions/place/default", "upstairs", "conditions.place.default: 'upstairs' is not one of inside, outside"),
        (
            "conditions/place/from",
            "dataplane.transparent-proxy",
            "conditions.place.from: dataplane.transparent-proxy is true or false",
        ),
        ("conditions/extra/type", "int", "conditions.extra.type: 'int' is not one of bool"),
        ("conditions/extra/default", 0, "conditions.extra.default: 0 is not one of false, true"),
        ("conditions/extra/from", "the sky", "conditions.extra.from: 'the sky' is not dataplane.transparent-proxy, or env."),
        ("conditions/Extra", {}, "conditions.Extra: 'Extra' is not the name of a condition"),
        ("conditions/extra/description", 5, "conditions.extra.description: 5 is not a text; quote it"),
        ("conditions", None, "listeners[2].when.place: is not a condition of toy; its conditions are none"),
        # Clients and sources
        ("clients/child", None, "clients.child: None does not say who this is; give a line for people"),
        ("clients/child", " ", "clients.child: ' ' does not say who this is; give a line for people"),
        ("clients/A child", "x", "clients.A child: 'A child' is not a word for a client"),
        ("sources/manual", {"ref": "x"}, "sources.manual.title: is missing; give a line for people"),
        ("sources/manual/page", "3", "sources.manual.page: is not known here; known are title, ref, url, note"),
        ("sources/a b", {"title": "x"}, "sources.a b: 'a b' is not the id of a source"),
        ("sources", None, "listeners[0].source: 'manual' is not among the sources of toy: none"),
        ("sources", {"RFC.1": {"title": "x"}}, "listeners[0].source: 'manual' is not among the sources of toy: RFC.1"),
        # Roles
        ("roles/toy_box/title", None, "roles.toy_box.title: is missing"),
        ("roles/toy_box/versions", 2, "roles.toy_box.versions: 2 is not a range of versions"),
        (
            "roles/toy_box/successors",
            ["shelf"],
            "roles.toy_box.successors[0]: 'shelf' is not a role of toy; its roles are toy_box, ",
        ),
        ("roles/toy_box/successors", [5], "roles.toy_box.successors[0]: 5 is not a name"),
        ("roles/toy_box/includes", [5], "roles.toy_box.includes[0]: 5 is not a name"),
        ("roles/toy_room/includes", ["wall"], "roles.toy_room.includes[0]: 'wall' is not a role of toy"),
        ("roles/toy_room/includes", ["toy_room"], "roles.toy_room.includes: lead back to toy_room itself"),
        ("roles/toy_shelf/includes", ["toy_room"], "roles.toy_shelf.includes: lead back to toy_shelf itself"),
        ("roles/toy-box", {}, "roles.toy-box: 'toy-box' is not the name of a role"),
        # Listeners: the fields' own rules are those of _listener.py, with the path
        ("listeners", {}, "listeners: is not a list of listeners"),
        ("listeners/1", "api", "listeners[1]: 'api' is not a listener"),
        ("listeners/1/port", 70000, "listeners[1].port: 70000 is not a port (1-65535)"),
        ("listeners/1/process", ["a", 1], "listeners[1].process[1]: 1 is not a name"),
        ("listeners/1/color", 1, "listeners[1].color: is not a key of a listener"),
        ("listeners/1/roles", [], "listeners[1].roles: is missing; name the roles that have this listener"),
        ("listeners/1/roles", [5], "listeners[1].roles[0]: 5 is not a name"),
        (
            "listeners/1/roles",
            ["toy_chest"],
            "listeners[1].roles: 'toy_chest' is not among the roles of toy: toy_box, toy_shelf, toy_room",
        ),
        ("listeners/1/source", None, "listeners[1].source: is missing; every listener cites an entry of sources"),
        ("listeners/1/source", [5], "listeners[1].source[0]: 5 is not a name"),
        ("listeners/1/source", "rumour", "listeners[1].source: 'rumour' is not among the sources of toy: manual"),
        ("listeners/1/purpose", None, "listeners[1].purpose: is missing; give a line for people"),
        ("listeners/1/purpose", "a\nb", "listeners[1].purpose: is more than one line; put the rest into note"),
        ("listeners/1/note", 5, "listeners[1].note: 5 is not a text; quote it"),
        ("listeners/0/verified", False, "listeners[0].verified: is false, so the listener has to be optional"),
        ("listeners/0/verified", "no", "listeners[0].verified: 'no' is not true or false"),
        ("listeners/1/versions", "2.1+", "listeners[1].versions: '2.1+' in '2.1+' is not a comparison"),
        ("listeners/1/setting", "a..b", "listeners[1].setting: 'a..b' is not a dotted key of the product's configuration"),
        ("listeners/1/setting", "!a.b", "listeners[1].setting: '!a.b' is not a dotted key"),
        ("listeners/1/bind_env", "toy", "listeners[1].bind_env: 'toy' is not the name of an environment variable"),
        ("listeners/1/enabled_env", 1, "listeners[1].enabled_env: 1 is not the name of an environment variable"),
        ("listeners/1/enabled_env", "!1A", "listeners[1].enabled_env: '1A' is not the name of an environment variable"),
        ("listeners/1/tls", "yes", "listeners[1].tls: 'yes' is not one of none, server, mutual"),
        ("listeners/1/expand", "dataplane", "listeners[1].expand: 'dataplane' is not one of dataplane.inbound, "),
        ("listeners/1/when", ["x"], "listeners[1].when: ['x'] is not a mapping of conditions"),
        (
            "listeners/1/when",
            {"weather": "fine"},
            "listeners[1].when.weather: is not a condition of toy; its conditions are place, extra",
        ),
        ("listeners/1/when", {"place": ["inside", "up"]}, "listeners[1].when.place: 'up' is not one of inside, outside"),
        ("listeners/1/when", {"extra": 1}, "listeners[1].when.extra: 1 is not one of false, true"),
        ("listeners/1/when", {"extra": "true"}, "listeners[1].when.extra: 'true' is not one of false, true"),
        (
            "listeners/1/name",
            "api",
            "listeners[1].name: 'api' is the name of listeners[0] in toy_shelf as well, in the same version",
        ),
        ("listeners/1/drop", True, "listeners[1].drop: goes with name and roles alone, and is true"),
    ],
)
def test_nonsense_is_refused_with_file_path_and_cure(path: str, value: Any, message: str) -> None:
    assert refusal(path, value).startswith("toy.yml: " + message)


@pytest.mark.parametrize("data", [None, [], "text"])
def test_a_file_that_is_no_mapping_is_refused(data: Any) -> None:
    with pytest.raises(SpecError, match=r"^toy\.yml: is not a spec file; give a mapping with product"):
        _spec_model.parse_file(data, "toy.yml")


@pytest.mark.parametrize("origin", ["env.TOY_EXTRA", "dataplane.transparent-proxy"])
def test_a_flag_may_come_from_the_products_configuration(origin: str) -> None:
    condition = _spec_model.parse_file(changed("conditions/extra/from", origin), "toy.yml").conditions["extra"]
    assert condition.origin == origin and condition.is_flag


def test_an_inverted_switch_is_a_switch() -> None:
    file = _spec_model.parse_file(changed("listeners/0/enabled_env", "!TOY_OFF"), "toy.yml")
    assert file.listeners[0].given["enabled_env"] == "!TOY_OFF"  # type: ignore[union-attr]


def test_successors_may_name_each_other() -> None:
    data = changed("roles/toy_shelf/successors", ["toy_box"])
    assert _spec_model.combine([_spec_model.parse_file(data, "toy.yml")]).roles["toy_shelf"].successors == ("toy_box",)


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        ({"versions": "<2"}, {"versions": ">=2"}, False),
        ({"versions": "<=2"}, {"versions": ">=2"}, True),
        ({"when": {"place": "inside"}}, {"when": {"place": "outside"}}, False),
        ({"when": {"place": "inside"}}, {"when": {"extra": True}}, True),
        ({"when": {"place": ["inside", "outside"]}}, {"when": {"place": "outside", "extra": True}}, True),
        ({"roles": ["toy_box"]}, {"roles": ["toy_shelf"]}, False),
        ({"roles": ["toy_shelf"]}, {"roles": ["toy_room"]}, False),  # the nearer one hides the included one
    ],
)
def test_a_name_is_unique_where_two_listeners_can_meet(first: dict[str, Any], second: dict[str, Any], meet: bool) -> None:
    common = {"name": "x", "roles": ["toy_box"], "protocol": "tcp", "port": 7000, "purpose": "x", "source": "manual"}
    data = changed("listeners", [{**common, **first}, {**common, **second}])
    file = _spec_model.parse_file(data, "toy.yml")
    if meet:
        with pytest.raises(SpecError, match="'x' is the name of"):
            _spec_model.combine([file])
    else:
        assert len(_spec_model.combine([file]).listeners) == 2


# Overrides


def ports(spec: _spec_model.Spec, role: str) -> dict[str, Any]:
    return {entry.name: entry.given.get("port") for _distance, entry in spec.home(role).entries(role)}


def test_an_override_replaces_a_listener_in_its_roles_only() -> None:
    override = """\
        product: toy
        sources: {here: {title: Our own change}}
        listeners:
          - {name: api, roles: [toy_shelf], protocol: tcp, port: 9000, purpose: x, source: here}
          - {name: drum, roles: [toy_shelf], protocol: tcp, port: 9001, purpose: x, source: manual}
    """
    spec = small_spec.spec_of(small_spec.TEXT, override)
    assert ports(spec, "toy_box") == {"api": 5000}
    assert ports(spec, "toy_shelf") == {"api": 9000, "admin": 5001, "drum": 9001}


def test_an_override_of_several_entries_for_several_versions_keeps_them_all() -> None:
    override = """\
        product: toy
        listeners:
          - {name: api, roles: [toy_shelf], versions: "<2.4", protocol: tcp, port: 9000, purpose: x, source: manual}
          - {name: api, roles: [toy_shelf], versions: ">=2.4", protocol: tcp, port: 9001, purpose: x, source: manual}
    """
    spec = small_spec.spec_of(small_spec.TEXT, override)
    assert [entry.given["port"] for _distance, entry in spec.home("toy_box").entries("toy_shelf") if entry.name == "api"] == [
        9000,
        9001,
    ]


def test_an_override_drops_a_listener_and_replaces_releases_and_mappings_by_key() -> None:
    override = """\
        product: toy
        title: Our toy
        releases: ["3.0"]
        conditions: {place: {choices: [attic], default: attic}}
        listeners:
          - {name: ball, roles: [toy_room], drop: true}
    """
    product = small_spec.spec_of(small_spec.TEXT, override).home("toy_room")
    assert product.releases == ("3.0",)
    assert product.title == "Our toy"
    assert product.conditions["place"].choices == ("attic",) and product.conditions["extra"].is_flag
    assert "ball" not in {entry.name for entry in product.listeners}


def test_later_overrides_win() -> None:
    overrides = [
        "product: toy\nlisteners: [{name: api, roles: [toy_box], protocol: tcp, port: %d, purpose: x, source: manual}]" % port
        for port in (9001, 9002)
    ]
    assert ports(small_spec.spec_of(small_spec.TEXT, *overrides), "toy_box") == {"api": 9002}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "listeners: [{name: aip, roles: [toy_box], drop: true}]",
            "1.yml: listeners[0].drop: no listener aip is there in toy_box",
        ),
        (
            "listeners: [{name: ball, roles: [toy_box], drop: true}]",
            "1.yml: listeners[0].drop: no listener ball is there in toy_box",
        ),
        ("listeners: [{name: 5, roles: [toy_box], drop: true}]", "1.yml: listeners[0].name: 5 is not the name of a listener"),
        (
            "listeners: [{name: x, roles: [toy_car], protocol: tcp, port: 1, purpose: x, source: manual}]",
            "1.yml: listeners[0].roles: 'toy_car' is not among the roles of toy",
        ),
        (
            "conditions: {place: {choices: [attic], default: attic}}",
            "0.yml: listeners[2].when.place: 'outside' is not one of attic",
        ),
    ],
)
def test_an_override_that_does_not_fit_is_refused_where_it_is_wrong(override: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        small_spec.spec_of(small_spec.TEXT, "product: toy\n" + override)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("missing", ["title", "releases", "roles"])
def test_a_product_of_nobody_has_to_be_described(missing: str) -> None:
    with pytest.raises(SpecError) as caught:
        _spec_model.combine([_spec_model.parse_file(changed(missing, None), "toy.yml")])
    assert str(caught.value) == (
        "toy.yml: product: no other file describes the product 'toy', so this one has to, but %s is missing" % missing
    )


def test_two_products_cannot_share_a_role() -> None:
    with pytest.raises(SpecError) as caught:
        small_spec.spec_of(small_spec.TEXT, small_spec.TEXT.replace("product: toy", "product: game"))
    assert str(caught.value) == "1.yml: roles.toy_box: product toy has a role of this name already"


def test_words_for_clients_are_roles_common_words_or_the_files_own() -> None:
    product = small_spec.spec_of(small_spec.TEXT.replace("operator, toy_room", "operator, grandma, toy_room")).home("toy_box")
    found = list(_spec_model.unknown_clients(product, ["toy_box", "toy_shelf", "toy_room"]))
    assert [(entry.name, index, word) for entry, index, word in found] == [("api", 2, "grandma")]
