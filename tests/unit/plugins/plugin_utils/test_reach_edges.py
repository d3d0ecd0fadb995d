# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has to reach whom, as tables: hosts with roles and addresses to edges, and to what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netports.core.plugins.module_utils._listener import parse_listener
from ansible_collections.netports.core.plugins.plugin_utils import _reach_edges
from ansible_collections.netports.core.plugins.plugin_utils._reach_edges import Host, Inventory

V4, V6 = "192.0.2.%d", "2001:db8::%d"
# The role `cluster` includes `node`: a host of it is one of both.
KINDS = {"server": ("server",), "node": ("node", "cluster"), "cluster": ("cluster",), "asker": ("asker",)}


def listener(**keys: Any) -> Any:
    return parse_listener({"name": "api", "protocol": "tcp", "port": 7000, "clients": ["asker"], **keys})


def host(number: int, *roles: str, listeners: Any = (), families: str = "46", **keys: Any) -> Host:
    """`listeners` are those of the first role."""
    addresses = [V4 % number] * ("4" in families) + [V6 % number] * ("6" in families)
    mine = {role: [] for role in roles}
    if roles:
        mine[roles[0]] = list(listeners)
    return Host(mine, keys.pop("addresses", addresses), **keys)


def inventory(hosts: dict[str, Host], sources: Any = None, **groups: list[str]) -> Inventory:
    """Groups named after the roles of the hosts, and those of `groups`, whose underscores may stand for hyphens."""
    named: dict[str, list[str]] = {}
    for name, one in hosts.items():
        for role in one.roles:
            named.setdefault(role, []).append(name)
    named.update(groups)
    return Inventory(hosts, named, list(hosts) if sources is None else sources, lambda word: KINDS.get(word, ()))


def edges(given: Inventory, **options: bool) -> list[tuple[str, ...]]:
    """Source, target, listener, family, expectation and addresses of all edges."""
    mesh = _reach_edges.mesh(given, **options)
    return [
        (one.source, one.target, one.listener.name, one.family, one.expect, *one.addresses)
        for source, targets in mesh.peers().items()
        for target in targets
        for one in mesh.edges(source, target)
    ]


def pairs(given: Inventory, **options: bool) -> list[str]:
    return ["%s-%s" % (one[0], one[1]) for one in edges(given, **options)]


def left_out(given: Inventory, **options: bool) -> dict[str, tuple[int, list[str]]]:
    return {one["reason"]: (one["count"], one["examples"]) for one in _reach_edges.mesh(given, **options).not_probed}


def server(families: str = "46", **keys: Any) -> dict[str, Host]:
    return {"s": host(1, "server", listeners=[listener(**keys)], families=families), "a": host(2, "asker")}


# --- who ---------------------------------------------------------------------------------------------------------------------


def test_a_client_is_a_host_of_the_role_and_of_roles_that_include_it() -> None:
    hosts = {"s": host(1, "server", listeners=[listener(clients=["node"])]), "n": host(2, "node"), "c": host(3, "cluster")}
    assert pairs(inventory({**hosts, "other": host(4, "asker")})) == ["n-s", "c-s"]


def test_hosts_of_a_role_ask_each_other_and_never_themselves() -> None:
    given = [listener(clients=["node"])]
    hosts = {name: host(number, "node", listeners=given) for number, name in enumerate("xyz", 1)}
    assert pairs(inventory(hosts)) == ["x-y", "x-z", "y-x", "y-z", "z-x", "z-y"]
    assert pairs(inventory({"x": hosts["x"]})) == []


@pytest.mark.parametrize("group", ["load_balancer", "load-balancer"])
def test_a_client_is_a_host_of_the_group_of_its_name_with_or_without_hyphens(group: str) -> None:
    hosts = {**server(clients=["load-balancer"]), "lb": host(3)}
    assert pairs(inventory(hosts, **{group: ["lb"]})) == ["lb-s"]


def test_any_is_every_host_with_a_role() -> None:
    hosts = {**server(clients=["any"]), "bare": host(3)}
    assert pairs(inventory(hosts)) == ["a-s"]


def test_hosts_outside_of_the_run_are_asked_and_do_not_ask() -> None:
    hosts = {**server(), "a2": host(3, "asker")}
    assert pairs(inventory(hosts, ["a"])) == ["a-s"]
    assert left_out(inventory(hosts, ["a"])) == {_reach_edges.NOT_IN_RUN: (1, ["a2 -> s api tcp/7000"])}


def test_one_pair_has_an_edge_for_each_role_and_listener() -> None:
    both = Host({"server": [listener(), listener(name="ui", port=7001)], "node": [listener(name="api")]}, [V4 % 1])
    found = _reach_edges.mesh(inventory({"s": both, "a": host(2, "asker")}))
    assert [(one.role, one.listener.name) for one in found.edges("a", "s")] == [
        ("server", "api"),
        ("server", "ui"),
        ("node", "api"),
    ]


def test_a_listener_that_nobody_can_ask_hides_no_other() -> None:
    hosts = {"s": host(1, "server", listeners=[listener(allow=False), listener(name="ui")], families="4")}
    assert edges(inventory({**hosts, "a": host(2, "asker")})) == [("a", "s", "ui", "ipv4", "open", V4 % 1)]


# --- where -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "target", "source", "expected"),
    [
        ("both", "46", "46", [("ipv4", V4 % 1), ("ipv6", V6 % 1)]),
        ("both", "46", "4", [("ipv4", V4 % 1)]),
        ("both", "4", "46", [("ipv4", V4 % 1)]),
        # No family in common, as far as is known: both are asked.
        ("both", "46", "", [("ipv4", V4 % 1), ("ipv6", V6 % 1)]),
        ("both", "6", "4", [("ipv6", V6 % 1)]),
        # A network is no address to ask from.
        ("both", "46", [V4 % 2, "2001:db8:9::/64"], [("ipv4", V4 % 1)]),
        ("any", "46", "46", [("any", V4 % 1, V6 % 1)]),
        ("any", "46", "6", [("ipv6", V6 % 1)]),
        ("any", "6", "6", [("ipv6", V6 % 1)]),
        ("ipv4", "46", "46", [("ipv4", V4 % 1)]),
        ("ipv6", "46", "4", [("ipv6", V6 % 1)]),
    ],
)
def test_families(family: str, target: str, source: str | list[str], expected: list[Any]) -> None:
    asker = host(2, "asker", families=source) if isinstance(source, str) else host(2, "asker", addresses=source)
    hosts = {**server(target, family=family), "a": asker}
    assert [(one[3], *one[5:]) for one in edges(inventory(hosts))] == expected


@pytest.mark.parametrize(
    ("bind", "family", "expected"),
    [
        ("198.51.100.9", "any", [("ipv4", "198.51.100.9")]),
        ("2001:db8::9", "any", [("ipv6", "2001:db8::9")]),
        ("::", "any", [("any", V4 % 1, V6 % 1)]),
        ("::", "ipv6", [("ipv6", V6 % 1)]),
        ("0.0.0.0", "any", [("ipv4", V4 % 1)]),
    ],
)
def test_a_listener_with_an_address_is_asked_there(bind: str, family: str, expected: list[Any]) -> None:
    assert [(one[3], *one[5:]) for one in edges(inventory(server(bind=bind, family=family)))] == expected


def test_all_addresses_of_a_family_are_one_edge() -> None:
    hosts = {**server(), "s": host(1, "server", listeners=[listener()], addresses=[V4 % 1, V4 % 9, "198.51.100.0/24"])}
    assert edges(inventory(hosts)) == [("a", "s", "api", "ipv4", "open", V4 % 1, V4 % 9)]


def test_an_address_of_two_hosts_is_no_evidence() -> None:
    twin = {"t": host(9, "asker", addresses=[V4 % 1])}
    assert [one[5:] for one in edges(inventory({**server(), **twin})) if one[0] == "a"] == [(V6 % 1,)]
    lost = inventory({**server("4"), **twin})
    assert edges(lost) == []
    assert left_out(lost) == {_reach_edges.DUPLICATE: (2, ["a -> s api tcp/7000", "t -> s api tcp/7000"])}


def test_hosts_that_bind_the_same_address_are_told_apart_by_nobody() -> None:
    given = [listener(bind="198.51.100.9")]
    hosts = {"s": host(1, "server", listeners=given), "s2": host(3, "server", listeners=given), "a": host(2, "asker")}
    assert edges(inventory(hosts)) == []


# --- what is left out --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"bind": "loopback"}, _reach_edges.LOOPBACK),
        ({"bind": "127.0.0.53"}, _reach_edges.LOOPBACK),
        ({"allow": False}, _reach_edges.NOT_ADMITTED),
        ({"port": "dynamic"}, _reach_edges.DYNAMIC),
        ({"port": "7000-7010"}, _reach_edges.RANGE),
        ({"protocol": "ip", "port": None, "number": 4}, _reach_edges.NO_PORT),
        ({"seen_as": "redirect"}, _reach_edges.NOT_SEEN),
        ({"seen_as": "protocol"}, _reach_edges.NOT_SEEN),
        ({"clients": []}, _reach_edges.NO_CLIENTS),
        ({"clients": ["operator"]}, _reach_edges.NO_CLIENT),
    ],
)
def test_what_nobody_can_ask_is_counted(keys: dict[str, Any], reason: str) -> None:
    given = inventory(server(**keys))
    assert edges(given) == []
    assert list(left_out(given)) == [reason]
    assert left_out(given)[reason][0] == 1


@pytest.mark.parametrize(
    ("target", "keys", "reason", "detail"),
    [
        ("", {}, _reach_edges.NO_ADDRESS, ": its connection is local"),
        ("4", {"family": "ipv6"}, _reach_edges.NO_ADDRESS_OF_FAMILY, ""),
    ],
)
def test_without_an_address_there_is_nothing_to_ask(target: str, keys: dict[str, Any], reason: str, detail: str) -> None:
    hosts = server(target, **keys)
    hosts["s"] = hosts["s"]._replace(problem="its connection is local")
    assert edges(inventory(hosts)) == []
    assert left_out(inventory(hosts)) == {reason: (1, ["a -> s api tcp/7000" + detail])}


def test_examples_stay_few() -> None:
    hosts = {**server("4", family="ipv6"), **{"a%d" % number: host(number, "asker") for number in range(3, 13)}}
    ((count, examples),) = left_out(inventory(hosts)).values()
    assert (count, len(examples)) == (11, 3)


def test_examples_of_one_reason_stay_few_over_all_targets() -> None:
    hosts = {"s%d" % number: host(number, "server", listeners=[listener(bind="loopback")]) for number in range(5)}
    ((count, examples),) = left_out(inventory(hosts)).values()
    assert (count, examples) == (5, ["asker -> s%d api tcp/7000" % number for number in range(3)])


def test_examples_of_several_targets_and_clients_stay_few() -> None:
    hosts = {"s%d" % number: host(number, "server", listeners=[listener(family="ipv6")], families="4") for number in (1, 2)}
    hosts.update({"a%d" % number: host(number, "asker") for number in (3, 4)})
    said = ["a3 -> s1 api tcp/7000", "a4 -> s1 api tcp/7000", "a3 -> s2 api tcp/7000"]
    assert left_out(inventory(hosts)) == {_reach_edges.NO_ADDRESS_OF_FAMILY: (4, said)}


def test_a_host_is_not_counted_among_those_that_ask_it() -> None:
    given = [listener(clients=["node"], bind="loopback")]
    hosts = {name: host(number, "node", listeners=given) for number, name in enumerate("xyz", 1)}
    said = ["y -> x api tcp/7000", "z -> x api tcp/7000", "x -> y api tcp/7000"]
    assert left_out(inventory(hosts)) == {_reach_edges.LOOPBACK: (6, said)}
    assert left_out(inventory({"x": host(1, "node", listeners=[listener(clients=["node"])], families="")})) == {}
    assert left_out(inventory({"s": host(1, "server", listeners=[listener()], families="")}, asker=[])) == {}


def test_what_is_left_out_most_is_said_first() -> None:
    given = [listener(allow=False), listener(name="ui", clients=[]), listener(name="sync", clients=[])]
    said = left_out(inventory({"s": host(1, "server", listeners=given), "a": host(2, "asker")}))
    assert [(reason, count) for reason, (count, _examples) in said.items()] == [
        (_reach_edges.NO_CLIENTS, 2),
        (_reach_edges.NOT_ADMITTED, 1),
    ]


# --- before the installation -------------------------------------------------------------------------------------------------


def test_before_the_installation_only_what_can_be_held_is_asked() -> None:
    assert pairs(inventory(server()), before_install=True) == ["a-s"]
    assert pairs(inventory(server(seen_as="nodeport")), before_install=True) == []
    assert pairs(inventory(server(seen_as="nodeport"))) == ["a-s"]
    outside = inventory(server(), ["a"])
    assert list(left_out(outside, before_install=True)) == [_reach_edges.TARGET_NOT_IN_RUN]
    assert pairs(inventory(server(preinstalled=True), ["a"]), before_install=True) == ["a-s"]


# --- strict ------------------------------------------------------------------------------------------------------------------


def closed(given: Inventory, **options: bool) -> list[str]:
    return ["%s-%s" % one[:2] for one in edges(given, strict=True, **options) if one[4] == "closed"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"bind": "loopback", "clients": []}, ["a-s", "n-s"]),
        ({"clients": ["asker"]}, ["n-s"]),
        # Who is no role may be anywhere, and so may everybody.
        ({"clients": ["asker", "operator"]}, []),
        ({"clients": ["any"]}, []),
        ({"clients": []}, []),
        ({"clients": ["asker"], "allow": False}, []),
        ({"clients": ["asker"], "port": "dynamic"}, []),
    ],
)
def test_what_is_for_some_is_closed_to_the_others(keys: dict[str, Any], expected: list[str]) -> None:
    hosts = {**server(**keys), "n": host(3, "node"), "bare": host(4)}
    assert closed(inventory(hosts)) == expected
    assert closed(inventory(hosts, ["n"])) == [one for one in expected if one.startswith("n-")]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"clients": ["node"]}, []),
        ({"clients": ["operator"]}, []),
        ({"clients": ["any"]}, []),
        ({"clients": ["operator"], "port": "6000-8000"}, []),
        ({"clients": ["operator"], "port": 7001}, ["n-s"]),
        ({"clients": ["operator"], "port": "dynamic"}, ["n-s"]),
        ({"clients": ["operator"], "protocol": "udp"}, ["n-s"]),
    ],
)
def test_a_port_that_another_listener_opens_is_not_expected_to_be_closed(other: dict[str, Any], expected: list[str]) -> None:
    two = Host({"server": [listener()], "cluster": [listener(name="other", **other)]}, [V4 % 1])
    hosts = {"s": two, "a": host(2, "asker"), "n": host(3, "node")}
    given = inventory(hosts)
    assert [one for one in closed(given) if one == "n-s"] == expected


def test_strict_adds_to_what_has_to_be_open() -> None:
    given = [listener(clients=["any"]), listener(name="ui", port=7001)]
    hosts = {"s": host(1, "server", listeners=given, families="4"), "a": host(2, "asker"), "n": host(3, "node")}
    assert [(one[0], one[2], one[4]) for one in edges(inventory(hosts), strict=True)] == [
        ("a", "api", "open"),
        ("a", "ui", "open"),
        ("n", "api", "open"),
        ("n", "ui", "closed"),
    ]


def test_closed_means_all_addresses() -> None:
    hosts = {**server(bind="loopback", family="both"), "a": host(2, "asker")}
    assert edges(inventory(hosts), strict=True) == [("a", "s", "api", "any", "closed", V4 % 1, V6 % 1)]


def test_loopback_proves_nothing_before_the_installation() -> None:
    assert closed(inventory(server(bind="loopback")), before_install=True) == []


# --- large -------------------------------------------------------------------------------------------------------------------


def test_sources_with_the_same_targets_share_them() -> None:
    hosts = {
        "n%d" % number: host(number, "node", listeners=[listener(clients=["node"])], families="4") for number in range(1, 251)
    }
    peers = _reach_edges.mesh(inventory(hosts)).peers()
    assert len(peers) == 250
    assert len({id(targets) for targets in peers.values()}) == 1
