# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _dataplane
from ansible_collections.netports.core.plugins.plugin_utils._dataplane import EXPANSIONS, Endpoint


def resource(networking: Any, kind: str = "Dataplane", **more: Any) -> _dataplane.Resource:
    (found,) = _dataplane.parse_resources({"type": kind, "networking": networking, **more}, "d")
    return found


def test_texts_mappings_and_lists_give_the_same_resources() -> None:
    one = "type: Dataplane\nname: %s\nnetworking: {address: 10.0.0.%d}\n"
    text = "---\n".join((one % ("a", 1), one % ("b", 2)))
    a, b = ({"type": "Dataplane", "name": n, "networking": {"address": "10.0.0." + i}} for n, i in (("a", "1"), ("b", "2")))
    assert _dataplane.parse_resources(text, "d") == _dataplane.parse_resources([a, b], "d")
    assert [found.where for found in _dataplane.parse_resources([a, b], "d")] == ["d[0]", "d[1]"]
    assert _dataplane.parse_resources(a, "d") == _dataplane.parse_resources([a], "d")


def test_kubernetes_resources_have_their_content_in_spec() -> None:
    text = "kind: Dataplane\nmetadata: {name: x}\nspec: {networking: {address: 10.0.0.1, inbound: [{port: 80000}]}}\n"
    (found,) = _dataplane.parse_resources(text, "d")
    assert found.address == "10.0.0.1"
    with pytest.raises(Problem, match=r"^d\.spec\.networking\.inbound\[0\]\.port: 80000 is not a port"):
        EXPANSIONS["dataplane.inbound"](found)


def test_other_resources_of_the_file_are_passed_over() -> None:
    found = _dataplane.parse_resources("type: Mesh\nname: default\n---\ntype: ZoneEgress\nname: e\n---\nkind: Mesh\n", "d")
    assert [(one.kind, one.where) for one in found] == [("ZoneEgress", "d[1]")]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("type: Mesh", "d: holds no Dataplane, ZoneIngress or ZoneEgress"),
        ("", "d: holds no Dataplane"),
        ([], "d: holds no Dataplane"),
        ("/etc/kuma/dataplane.yml", "d: is not a resource; give the text of the file, or dataplane_file"),
        ([{"type": "Dataplane"}, 5], "d[1]: is not a resource"),
        ("type: Dataplane\nnetworking: {address: {{ address }}}", "d: is a template with {{ }}; fill in its variables first"),
        ("type: a: b", "d: line 1, column 8: is not YAML"),
        ({"type": "Dataplane", "networking": []}, "d.networking: [] is not a mapping, so it cannot hold ingress"),
        (
            {"type": "Dataplane", "networking": {"transparentProxying": True}},
            "d.networking.transparentProxying: True is not a mapping",
        ),
    ],
)
def test_what_is_no_resource_is_refused(value: Any, message: str) -> None:
    with pytest.raises(Problem) as caught:
        _dataplane.parse_resources(value, "d")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("networking", "transparent"),
    [
        ({}, False),
        ({"transparentProxying": None}, False),
        ({"transparentProxying": {"redirectPort": 15001}}, True),
        ({"transparentProxying": {"redirectPortInbound": 15006, "redirectPortOutbound": 15001}}, True),
        ({"transparentProxying": {"redirectPortInbound": 0, "redirectPortOutbound": 0}}, False),
        ({"transparentProxying": {"reachableServices": ["web"]}}, True),  # its ports came from the command line
    ],
)
def test_when_a_proxy_is_transparent(networking: Any, transparent: bool) -> None:
    assert resource(networking).transparent is transparent


@pytest.mark.parametrize(
    ("item", "endpoint"),
    [
        ({"port": 8080}, Endpoint(8080, "10.0.0.1", "", True)),
        ({"port": "8080", "address": "10.0.0.9"}, Endpoint(8080, "10.0.0.9", "", True)),
        ({"port": 8080, "tags": {"kuma.io/service": "Web_1"}}, Endpoint(8080, "10.0.0.1", "web-1", True)),
        ({"port": 8080, "tags": {"service": "web"}}, Endpoint(8080, "10.0.0.1", "web", True)),
        ({"interface": "192.168.0.1:8080:8081"}, Endpoint(8080, "192.168.0.1", "", True)),
        ({"interface": "192.168.0.1:8080"}, Endpoint(8080, "192.168.0.1", "", True)),
        ({"interface": "[fd00::1]:8080:8081"}, Endpoint(8080, "fd00::1", "", True)),
        ({"interface": ":8080:8081"}, Endpoint(8080, "10.0.0.1", "", True)),
    ],
)
def test_inbound_ports(item: Any, endpoint: Endpoint) -> None:
    assert EXPANSIONS["dataplane.inbound"](resource({"address": "10.0.0.1", "inbound": [item]})) == [endpoint]


@pytest.mark.parametrize(
    ("item", "endpoint"),
    [
        ({"port": 3000}, Endpoint(3000, "127.0.0.1", "", True)),
        ({"port": 3000, "address": "10.0.0.9", "tags": {"kuma.io/service": "db"}}, Endpoint(3000, "10.0.0.9", "db", True)),
        ({"interface": ":3000", "service": "db"}, Endpoint(3000, "127.0.0.1", "db", True)),
        ({"port": 3000, "backendRef": {"kind": "MeshService", "name": "db"}}, Endpoint(3000, "127.0.0.1", "db", True)),
    ],
)
def test_outbound_ports(item: Any, endpoint: Endpoint) -> None:
    assert EXPANSIONS["dataplane.outbound"](resource({"address": "10.0.0.1", "outbound": [item]})) == [endpoint]


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_nothing_binds_service_ports_where_the_proxy_is_transparent(direction: str) -> None:
    networking = {direction: [{"port": 80}], "transparentProxying": {"redirectPortInbound": 15006, "redirectPortOutbound": 15001}}
    assert EXPANSIONS["dataplane." + direction](resource(networking)) == []


@pytest.mark.parametrize(
    ("inbound", "message"),
    [
        ({"port": 1}, "d.networking.inbound: is not a list"),
        ([8080], "d.networking.inbound[0]: 8080 is not a mapping with a port"),
        ([{}], "d.networking.inbound[0].port: is missing"),
        ([{"port": 1}, {"port": 0}], "d.networking.inbound[1].port: 0 is not a port (1-65535)"),
        ([{"port": "1-5"}], "d.networking.inbound[0].port: '1-5' is not a port (1-65535)"),
        ([{"port": "dynamic"}], "d.networking.inbound[0].port: 'dynamic' is not a port"),
        ([{"interface": "8080"}], "d.networking.inbound[0].interface: '8080' is not ADDRESS:PORT or ADDRESS:PORT:PORT"),
        ([{"interface": "10.0.0.1:99999"}], "d.networking.inbound[0].interface: 99999 is not a port"),
        ([{"port": 1, "tags": ["web"]}], "d.networking.inbound[0].tags: ['web'] is not a mapping"),
    ],
)
def test_a_wrong_inbound_is_refused_with_its_path(inbound: Any, message: str) -> None:
    with pytest.raises(Problem) as caught:
        EXPANSIONS["dataplane.inbound"](resource({"inbound": inbound}))
    assert str(caught.value).startswith(message)


TRANSPARENT = {"redirectPortInbound": 16006, "redirectPortOutbound": 16001, "redirectPortInboundV6": 0}


@pytest.mark.parametrize(
    ("expansion", "given", "endpoints"),
    [
        ("gateway", resource({"address": "10.0.0.1", "gateway": {"type": "BUILTIN"}}), [Endpoint(None, "10.0.0.1")]),
        ("gateway", resource({"address": "10.0.0.1", "gateway": {"tags": {"kuma.io/service": "kong"}}}), []),
        ("gateway", resource({"address": "10.0.0.1"}), []),
        ("admin", resource({"address": "10.0.0.1"}), [Endpoint(None, "10.0.0.1")]),
        ("admin", resource({"address": "10.0.0.1", "admin": {"port": 9905}}), [Endpoint(9905, "10.0.0.1")]),
        ("probes", resource({"address": "10.0.0.1"}), []),
        ("probes", resource({"address": "10.0.0.1"}, probes={"port": 9010}), [Endpoint(9010, "10.0.0.1", certain=True)]),
        ("probes", resource({"transparentProxying": TRANSPARENT}, probes={"port": 9010}), []),
        ("metrics", resource({}), [Endpoint(None)]),
        ("metrics", resource({}, metrics={"type": "prometheus", "conf": {"port": 1234}}), [Endpoint(1234)]),
        ("metrics", resource({}, metrics={"prometheus": {"port": 1235}}), [Endpoint(1235)]),
        ("redirect-inbound", resource({"transparentProxying": TRANSPARENT}), [Endpoint(16006, certain=True)]),
        ("redirect-outbound", resource({"transparentProxying": TRANSPARENT}), [Endpoint(16001, certain=True)]),
        ("redirect-inbound-v6", resource({"transparentProxying": TRANSPARENT}), []),
        ("redirect-inbound", resource({"transparentProxying": {}}), [Endpoint(None)]),
        ("redirect-inbound", resource({}), []),
        ("ingress", resource({"address": "10.0.0.1", "port": 10001}, "ZoneIngress"), [Endpoint(10001, "10.0.0.1", certain=True)]),
        ("ingress", resource({"address": "10.0.0.1"}, "ZoneIngress"), [Endpoint(None, "10.0.0.1")]),
        (
            "ingress",
            resource(
                {"ingress": {}, "address": "10.0.0.1", "inbound": [{"port": 10005, "tags": {"kuma.io/service": "ingress"}}]}
            ),
            [Endpoint(10005, "10.0.0.1", certain=True)],
        ),
        ("egress", resource({"address": "10.0.0.1", "port": 10002}, "ZoneEgress"), [Endpoint(10002, "10.0.0.1", certain=True)]),
    ],
)
def test_single_ports(expansion: str, given: _dataplane.Resource, endpoints: list[Endpoint]) -> None:
    assert EXPANSIONS["dataplane." + expansion](given) == endpoints


def test_a_dataplane_with_ingress_is_an_ingress() -> None:
    assert resource({"ingress": {}}).kind == "ZoneIngress"
    assert resource({"ingress": None}).kind == "Dataplane"


def test_the_kinds_belong_to_expansions() -> None:
    assert set(_dataplane.KINDS) <= set(EXPANSIONS)
