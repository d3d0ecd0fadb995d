# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils import _listener
from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _spec_model
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import SpecError
from tests.unit.plugins.plugin_utils import small_spec

SPEC = small_spec.spec_of()


def resolve(role: str = "toy_shelf", spec: _spec_model.Spec = SPEC, **asked: Any) -> _resolve.Resolution:
    return _resolve.resolve(spec, role, **asked)


def found(*args: Any, **asked: Any) -> dict[str, Any]:
    return {listener["name"]: listener["port"] for listener in resolve(*args, **asked).listeners}


def refusal(role: Any = "toy_shelf", spec: _spec_model.Spec = SPEC, **asked: Any) -> str:
    with pytest.raises(SpecError) as caught:
        _resolve.resolve(spec, role, **asked)
    return str(caught.value)


def with_listeners(*listeners: str) -> _spec_model.Spec:
    """The small spec with further listeners of toy_shelf."""
    added = "".join("  - {roles: [toy_shelf], purpose: x, source: manual, %s}\n" % listener for listener in listeners)
    return small_spec.spec_of(small_spec.TEXT + added)


# What comes out


def test_a_listener_has_every_key_in_order_with_its_default() -> None:
    api = resolve("toy_shelf").listeners[0]
    assert tuple(api) == _listener.KEYS
    assert api == {
        "name": "api",
        "protocol": "tcp",
        "port": 5000,
        "number": None,
        "family": "any",
        "bind": "any",
        "device": None,
        "process": ["toyd"],
        "seen_as": "socket",
        "clients": ["child", "operator", "toy_room"],
        "allow": True,
        "versions": None,
        "when": {},
        "optional": False,
        "preinstalled": False,
        "setting": "api.port",
        "env": "TOY_API_PORT",
        "bind_setting": "api.address",
        "bind_env": "TOY_API_ADDRESS",
        "enabled_setting": "api.enabled",
        "enabled_env": "TOY_API_ENABLED",
        "tls": None,
        "purpose": "To play with",
        "note": None,
        "verified": True,
        "expand": None,
        "source": ["manual"],
    }


@pytest.mark.parametrize(
    ("written", "key", "value"),
    [
        ({"port": "80"}, "port", 80),
        ({"port": "80-80"}, "port", 80),
        ({"port": 80}, "clients", []),
        ({"port": 80, "clients": "operator"}, "clients", ["operator"]),
        ({"port": 80, "device": "mgmt"}, "device", "mgmt"),
        ({"port": 80, "verified": False}, "verified", False),
        ({"port": 80, "source": "manual"}, "source", ["manual"]),
        ({"port": 80}, "source", []),
    ],
)
def test_a_listener_comes_out_in_one_form_whichever_way_it_was_written(written: dict[str, Any], key: str, value: Any) -> None:
    found = _resolve.plain({"name": "web", "protocol": "tcp", **written})
    assert tuple(found) == _listener.KEYS
    assert found[key] == value and type(found[key]) is type(value)


def test_a_listener_whose_source_is_no_name_is_refused() -> None:
    with pytest.raises(Problem, match=r"^source: 5 is not a name or a list of names$"):
        _resolve.plain({"name": "web", "protocol": "tcp", "port": 80, "source": 5})


def test_ranges_protocols_and_loopback_come_out_as_people_write_them() -> None:
    listeners = {one["name"]: one for one in resolve("toy_room", conditions={"place": "outside", "extra": True}).listeners}
    assert listeners["ball"]["port"] == "6000-6009"
    assert listeners["ball"]["when"] == {"place": "outside", "extra": True}
    assert (listeners["tunnel"]["port"], listeners["tunnel"]["number"], listeners["tunnel"]["seen_as"]) == (None, 4, "protocol")
    assert (listeners["admin"]["bind"], listeners["admin"]["allow"]) == ("loopback", False)


def test_the_result_says_what_was_chosen() -> None:
    assert resolve("toy_room", version="2.0.1", conditions={"extra": "yes"})._replace(listeners=[]) == _resolve.Resolution(
        "toy_room", "toy", "2.0.1", {"place": "inside", "extra": True}, [], []
    )


# Roles


def test_an_unknown_role_is_refused_with_close_ones_first() -> None:
    assert refusal("toy_shelve") == (
        "role: 'toy_shelve' is not a role of the spec; did you mean toy_shelf; its roles are toy_shelf, toy_box, toy_room"
    )
    assert refusal("xyz") == "role: 'xyz' is not a role of the spec; its roles are toy_box, toy_room, toy_shelf"


def test_no_more_than_three_roles_are_suggested() -> None:
    more = "".join("  toy_shelf_%d: {title: x, description: x}\n" % number for number in range(4))
    spec = small_spec.spec_of(small_spec.TEXT.replace("listeners:\n", more + "listeners:\n"))
    suggested = refusal("toy_shelf_", spec).partition("; did you mean ")[2].partition(";")[0]
    assert len(suggested.split(" or ")) == 3


@pytest.mark.parametrize("role", [None, 5, ["toy_box"]])
def test_something_else_than_a_name_is_no_role(role: Any) -> None:
    assert refusal(role).startswith("role: %r is not a role of the spec" % (role,))


def test_a_role_has_the_listeners_of_those_that_it_includes_in_the_order_of_the_spec() -> None:
    assert list(found("toy_room", conditions={"place": "outside", "extra": True})) == ["api", "admin", "ball", "tunnel"]


def test_a_roles_own_listener_hides_an_included_one() -> None:
    own = "  - {name: api, roles: [toy_room], protocol: tcp, port: 5555, purpose: x, source: manual}\n"
    spec = small_spec.spec_of(small_spec.TEXT + own)
    assert found("toy_room", spec)["api"] == 5555
    assert found("toy_shelf", spec)["api"] == 5000


def test_an_own_listener_of_other_versions_hides_nothing() -> None:
    own = '  - {name: api, roles: [toy_room], versions: ">=2.4", protocol: tcp, port: 5555, purpose: x, source: manual}\n'
    spec = small_spec.spec_of(small_spec.TEXT + own)
    assert found("toy_room", spec, version="2.0")["api"] == 5000
    assert found("toy_room", spec, version="2.4")["api"] == 5555


# Versions


def test_the_default_is_the_newest_release_that_has_the_role() -> None:
    assert resolve("toy_shelf").version == "2.4"
    assert resolve("toy_box").version == "1.2"


def test_ranges_are_asked_about_the_patch_version() -> None:
    spec = with_listeners('name: late, protocol: tcp, port: 5100, versions: ">=2.4.3"')
    assert "late" not in found(spec=spec, version="2.4.2")
    assert "late" in found(spec=spec, version="2.4.3")


def test_a_gap_between_releases_uses_the_older_one_with_a_warning() -> None:
    resolution = resolve(version="2.2")
    assert resolution.version == "2.0"
    assert resolution.warnings == ["version 2.2 is not a release that the spec knows; using the listeners of 2.0"]
    assert [listener["name"] for listener in resolution.listeners] == ["api"]


def test_a_newer_version_uses_the_newest_with_a_warning() -> None:
    resolution = resolve(version="7.1")
    assert resolution.version == "2.4"
    assert resolution.warnings == ["version 7.1 is newer than the spec knows; using the listeners of 2.4"]


def test_an_older_version_is_refused_with_the_list() -> None:
    assert refusal("toy_box", version="0.9") == "version: 0.9 is older than the spec knows; it knows 1.0, 1.2, 2.0, 2.4"


@pytest.mark.parametrize("version", [2.1, 2, True, ["2.0"]])
def test_a_version_that_yaml_made_a_number_is_refused(version: Any) -> None:
    assert refusal(version=version) == "version: %r is not a string; quote the version, such as '2.10'" % (version,)


def test_a_role_outside_of_its_versions_names_who_took_over() -> None:
    assert refusal("toy_box", version="2.0") == (
        "version: Toy has the role toy_box only in versions <2.0, not in 2.0; there, use toy_shelf"
    )


def test_a_role_before_its_versions_names_who_was_there() -> None:
    assert refusal("toy_shelf", version="1.2") == (
        "version: Toy has the role toy_shelf only in versions >=2.0, not in 1.2; there, use toy_box"
    )


def test_a_role_without_relatives_names_its_versions() -> None:
    assert refusal("toy_room", version="1.2") == "version: Toy has the role toy_room only in versions >=2.0, not in 1.2"


def test_a_role_that_no_release_has_is_refused_by_default_too() -> None:
    spec = small_spec.spec_of(small_spec.TEXT.replace('releases: ["1.0", "1.2", "2.0", "2.4"]', 'releases: ["1.0"]'))
    assert refusal("toy_room", spec) == "version: Toy has the role toy_room only in versions >=2.0, not in 1.0"


# Conditions


@pytest.mark.parametrize("value", [True, "true", "True", "yes", "on", "1", 1])
def test_a_flag_may_arrive_as_text(value: Any) -> None:
    assert resolve(conditions={"extra": value}).conditions["extra"] is True


def test_a_condition_of_nothing_has_its_default() -> None:
    assert resolve(conditions={"extra": None, "place": None}).conditions == {"place": "inside", "extra": False}


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (
            {"weather": "fine"},
            "conditions.weather: is not a condition of toy; its conditions are place (inside, outside), extra (true or false)",
        ),
        ({"place": "up"}, "conditions.place: 'up' is not one of: inside, outside"),
        ({"place": ["inside"]}, "conditions.place: ['inside'] is not one of: inside, outside"),
        ({"extra": "maybe"}, "conditions.extra: 'maybe' is not one of: true or false"),
        ({"extra": []}, "conditions.extra: [] is not one of: true or false"),
        ("place=inside", "conditions: 'place=inside' is not a mapping of conditions to values"),
    ],
)
def test_a_condition_that_does_not_exist_is_refused_with_those_that_do(conditions: Any, message: str) -> None:
    assert refusal(conditions=conditions) == message


def test_a_product_without_conditions_says_so() -> None:
    text = small_spec.TEXT.replace("    when: {place: outside, extra: true}\n", "")
    start, end = text.index("conditions:"), text.index("clients:")
    assert refusal(spec=small_spec.spec_of(text[:start] + text[end:]), conditions={"a": "b"}) == (
        "conditions.a: is not a condition of toy; its conditions are none"
    )


def test_all_conditions_of_a_listener_have_to_hold() -> None:
    assert "ball" not in found("toy_room", conditions={"place": "outside"})
    assert "ball" not in found("toy_room", conditions={"extra": True})
    assert "ball" in found("toy_room", conditions={"place": "outside", "extra": True})


# Ports


@pytest.mark.parametrize(("port", "result"), [(5555, 5555), ("5555", 5555), ("6000-6010", "6000-6010"), ("dynamic", "dynamic")])
def test_a_port_is_moved_by_name(port: Any, result: Any) -> None:
    assert found(ports={"api": port}) == {"api": result, "admin": 5001}


def test_a_port_of_nothing_drops_the_listener() -> None:
    assert found(ports={"api": None}) == {"admin": 5001}


def test_ports_win_over_the_products_configuration() -> None:
    assert found(ports={"api": 5555}, product_config={"env": {"TOY_API_PORT": 5556}})["api"] == 5555


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ({"app": 1}, "ports.app: is not a listener of toy_shelf 2.4 here; its listeners are api, admin"),
        ({"app": None}, "ports.app: is not a listener of toy_shelf 2.4 here; its listeners are api, admin"),
        ({"api": 70000}, "ports.api: 70000 is not a port (1-65535)"),
        ({"api": {"port": 1}}, "ports.api: {'port': 1} is not a port (1-65535), a range such as 30001-65535, or 'dynamic'"),
        (["api"], "ports: ['api'] is not a mapping of names to ports"),
    ],
)
def test_a_port_of_an_unknown_name_or_value_is_refused(ports: Any, message: str) -> None:
    assert refusal(ports=ports) == message


def test_an_ip_protocol_cannot_be_moved_but_dropped() -> None:
    assert refusal("toy_room", ports={"tunnel": 5}) == "ports.tunnel: tunnel is an IP protocol, which has no port"
    assert "tunnel" not in found("toy_room", ports={"tunnel": None})


def test_a_listener_switched_off_is_no_name_any_more() -> None:
    message = refusal("toy_box", ports={"api": 1}, product_config={"env": {"TOY_API_ENABLED": "false"}})
    assert message == "ports.api: is not a listener of toy_box 1.2 here; its listeners are none"


# One socket for two

FIXED = "name: fixed, protocol: tcp, port: 5002"


def test_a_port_moved_on_to_another_listeners_is_refused() -> None:
    sentence = "api and fixed would both be on tcp port 5002; give one of them another port"
    assert refusal(spec=with_listeners(FIXED), ports={"api": 5002}) == "ports.api: " + sentence
    assert refusal(spec=with_listeners(FIXED), product_config={"env": {"TOY_API_PORT": 5002}}) == "product_config: " + sentence


def test_two_moved_to_one_port_are_refused_even_if_optional() -> None:
    assert refusal(ports={"admin": 7000, "api": 7000}) == (
        "ports.api: api and admin would both be on tcp port 7000; give one of them another port"
    )


def test_an_optional_listener_gives_way_with_a_warning() -> None:
    resolution = resolve(ports={"api": 5001})
    assert [(listener["name"], listener["port"]) for listener in resolution.listeners] == [("api", 5001)]
    assert resolution.warnings == ["admin is left out: api is on tcp port 5001"]
    resolution = resolve(spec=with_listeners("name: late, protocol: tcp, port: 5100"), ports={"late": 5001})
    assert [listener["name"] for listener in resolution.listeners] == ["api", "late"]
    assert resolution.warnings == ["admin is left out: late is on tcp port 5001"]


@pytest.mark.parametrize(
    ("other", "ports"),
    [
        ("name: other, protocol: udp, port: 5002", {"api": 5002}),  # another protocol
        ("name: other, protocol: tcp, port: 5002-5005", {"api": 5002}),  # one out of a range
        ("name: other, protocol: tcp, port: 5002, device: mgmt", {"api": 5002}),
        ("name: other, protocol: tcp, port: 5002, bind: 10.0.0.1", {"admin": 5002}),  # beside loopback
        ("name: other, protocol: tcp, port: 5002, family: ipv6", {"narrow": 5002}),
        ("name: other, protocol: tcp, port: 5000", {"other": 5003}),  # away from a port that the spec shares
        ("name: other, protocol: tcp, port: 5000", {}),
        ("name: other, protocol: tcp, port: 5000", {"api": 5002, "other": 5002}),  # moved together
    ],
)
def test_listeners_beside_each_other_are_no_clash(other: str, ports: dict[str, int]) -> None:
    spec = with_listeners(other, "name: narrow, protocol: tcp, port: 5099, family: ipv4")
    moved = found(spec=spec, ports=ports)
    assert all(moved[name] == port for name, port in ports.items())
    assert len(moved) == 4


@pytest.mark.parametrize("bind", ["any", "loopback", "127.0.0.1", "127.0.0.9"])
def test_loopback_and_wildcard_overlap(bind: str) -> None:
    spec = with_listeners("name: other, protocol: tcp, port: 5002, bind: %s" % bind)
    assert "would both be on tcp port 5002" in refusal(spec=spec, ports={"admin": 5002})


def test_two_loopback_addresses_have_room_for_one_port_each() -> None:
    spec = with_listeners(*("name: own%d, protocol: tcp, port: 500%d, bind: 127.0.0.%d" % (one, one, one) for one in (2, 3)))
    assert found(spec=spec, ports={"own3": 5002}) == {"api": 5000, "admin": 5001, "own2": 5002, "own3": 5002}


# Product configuration


def test_configuration_moves_binds_and_switches() -> None:
    config = {"config": "api: {port: 5500, address: 127.0.0.1}", "env": {"TOY_ADMIN_PORT": "0"}}
    (api,) = resolve(product_config=config).listeners
    assert (api["port"], api["bind"], api["allow"]) == (5500, "loopback", False)


def test_a_wrong_configuration_is_refused_with_its_key() -> None:
    assert refusal(product_config={"config": {"api": {"port": 99999}}}) == (
        "product_config.config.api.port: 99999 is not a port (1-65535)"
    )


def test_a_resource_for_a_role_without_is_refused() -> None:
    assert refusal(product_config={"dataplane": {"type": "Dataplane"}}) == (
        "product_config.dataplane: no listener of toy_shelf comes from a Dataplane resource"
    )


PROXIES = """\
product: mesh
title: Mesh
releases: ["1"]
conditions:
  transparent: {type: bool, default: false, from: dataplane.transparent-proxy}
sources: {code: {title: The code}}
roles:
  mesh_dp: {title: Proxy, description: A proxy.}
  mesh_ingress: {title: Ingress, description: An ingress.}
listeners:
  - name: inbound
    roles: [mesh_dp]
    when: {transparent: false}
    protocol: tcp
    port: dynamic
    optional: true
    expand: dataplane.inbound
    purpose: x
    source: code
  - name: redirect
    roles: [mesh_dp]
    when: {transparent: true}
    protocol: tcp
    port: 15006
    expand: dataplane.redirect-inbound
    purpose: x
    source: code
  - name: ingress
    roles: [mesh_ingress]
    protocol: tcp
    port: 10001
    expand: dataplane.ingress
    purpose: x
    source: code
"""
MESH = small_spec.spec_of(PROXIES)
PLAIN = {"type": "Dataplane", "networking": {"address": "10.0.0.1", "inbound": [{"port": 80}]}}
TRANSPARENT = {"type": "Dataplane", "networking": {**PLAIN["networking"], "transparentProxying": {"redirectPortInbound": 16006}}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("conditions", "resource", "listeners"),
    [
        ({}, None, {"inbound": "dynamic"}),
        ({"transparent": True}, None, {"redirect": 15006}),
        ({}, PLAIN, {"inbound-80": 80}),
        ({}, TRANSPARENT, {"redirect": 16006}),  # the resource answers the condition
        ({}, [TRANSPARENT, PLAIN], {"redirect": 16006}),  # of itself alone
        ({"transparent": True}, PLAIN, {"redirect": 15006}),  # the user's word wins
        ({"transparent": False}, TRANSPARENT, {"inbound-80": 80}),
    ],
)
def test_a_resource_answers_the_condition_unless_the_user_does(conditions: Any, resource: Any, listeners: Any) -> None:
    assert found("mesh_dp", MESH, conditions=conditions, product_config={"dataplane": resource}) == listeners


def test_a_role_is_described_by_resources_of_its_kind() -> None:
    ingress = {"type": "ZoneIngress", "networking": {"address": "10.0.0.1", "port": 10009}}
    assert found("mesh_ingress", MESH, product_config={"dataplane": [PLAIN, ingress]}) == {"ingress": 10009}
    assert found("mesh_dp", MESH, product_config={"dataplane": [PLAIN, ingress]}) == {"inbound-80": 80}
    assert refusal("mesh_ingress", MESH, product_config={"dataplane": PLAIN}) == (
        "product_config.dataplane: holds no ZoneIngress, which is what describes this role"
    )


# The collection's own spec

OWN = _spec_load.load()


@pytest.mark.parametrize("role", sorted(OWN.homes))
def test_every_role_resolves_in_every_release_to_what_modules_take(role: str) -> None:
    product = OWN.home(role)
    resolved = 0
    for release in product.releases:
        try:
            resolution = _resolve.resolve(OWN, role, release)
        except SpecError as error:
            assert "only in versions" in str(error)
            continue
        assert resolution.warnings == [] and resolution.listeners
        listeners = _listener.parse_listeners(json.loads(json.dumps(resolution.listeners)))
        assert [_resolve.plain(listener.given) for listener in listeners] == resolution.listeners
        resolved += 1
    assert resolved


@pytest.mark.parametrize("role", sorted(OWN.homes))
def test_every_role_resolves_by_default(role: str) -> None:
    assert _resolve.resolve(OWN, role).warnings == []


@pytest.mark.measures_time
@pytest.mark.skipif(sys.gettrace() is not None, reason="under a tracer (coverage, a debugger) time says nothing")
def test_a_cold_resolution_is_fast() -> None:
    def cold() -> float:
        for cache in (_spec_load._load, _spec_load._parsed, _spec_load._text):
            cache.cache_clear()
        start = time.process_time()
        _resolve.resolve(_spec_load.load(role="kuma_zone_cp"), "kuma_zone_cp")
        return time.process_time() - start

    # The best of some runs, because others use the machine as well.
    assert min(cold() for _run in range(5)) < 0.04


def test_a_kuma_control_plane_by_its_own_configuration() -> None:
    config = """
mode: zone
apiServer:
  http: {enabled: false}
  https: {port: 15682, interface: 127.0.0.1}
"""
    listeners = {
        one["name"]: one
        for one in _resolve.resolve(
            OWN, "kuma_zone_cp", "2.9", product_config={"config": config, "env": "KUMA_DP_SERVER_PORT=15678"}
        ).listeners
    }
    assert "http-api" not in listeners
    assert (listeners["https-api"]["port"], listeners["https-api"]["bind"], listeners["https-api"]["allow"]) == (
        15682,
        "loopback",
        False,
    )
    assert listeners["dp-server"]["port"] == 15678


def test_a_kuma_data_plane_by_its_resource() -> None:
    resource = """
type: Dataplane
mesh: default
name: web-1
networking:
  address: 192.168.0.1
  inbound:
  - {port: 8080, servicePort: 8081, tags: {kuma.io/service: web}}
  outbound:
  - {port: 10000, tags: {kuma.io/service: redis}}
"""
    seen = {
        (one["protocol"], one["port"], one["bind"], one["optional"])
        for one in _resolve.resolve(OWN, "kuma_dp", "2.9", product_config={"dataplane": resource}).listeners
    }
    assert ("tcp", 8080, "192.168.0.1", False) in seen
    assert ("tcp", 10000, "loopback", False) in seen
    assert ("tcp", 9901, "loopback", False) in seen
    transparent = resource + "  transparentProxying: {redirectPortInbound: 15006, redirectPortOutbound: 15001}\n"
    found = _resolve.resolve(OWN, "kuma_dp", "2.9", product_config={"dataplane": transparent}).listeners
    ports = {one["port"]: one["seen_as"] for one in found}
    assert (ports[15001], ports[15006], ports[8080]) == ("socket", "socket", "redirect")
    assert 10000 not in ports


# Whatever is given

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-1, 70000)
    | st.floats()
    | st.sampled_from(["", "x", "80", "127.0.0.1", "::", "0.0.0.0"])
)
KEYS = [
    "type",
    "kind",
    "spec",
    "networking",
    "address",
    "inbound",
    "outbound",
    "port",
    "interface",
    "tags",
    "admin",
    "probes",
    "metrics",
]
KEYS += [
    "transparentProxying",
    "redirectPortInbound",
    "ingress",
    "backendRef",
    "conf",
    "Dataplane",
    "apiServer",
    "http",
    "enabled",
]
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4), max_leaves=12
)
networkings = st.dictionaries(st.sampled_from(KEYS), anything, max_size=6)
dataplanes = st.builds(lambda networking, more: {**more, "type": "Dataplane", "networking": networking}, networkings, networkings)


@given(st.sampled_from(["kuma_dp", "kuma_zone_ingress"]), networkings, st.lists(dataplanes, max_size=3) | anything)
@settings(deadline=None)
def test_any_configuration_gives_listeners_or_a_refusal_that_names_it(role: str, config: Any, dataplane: Any) -> None:
    product_config = {"config": config, "dataplane": dataplane}
    try:
        listeners = _resolve.resolve(OWN, role, "2.9", product_config=product_config).listeners
    except SpecError as error:
        assert str(error).startswith("product_config")
    else:
        assert [_resolve.plain(listener) for listener in listeners] == listeners
        _listener.parse_listeners(listeners)
