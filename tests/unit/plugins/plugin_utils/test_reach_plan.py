# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each host of a run does, from what hosts listen on; and how much of it there is in a large inventory."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _reach_plan, _resolve
from ansible_collections.netports.core.plugins.plugin_utils._reach_plan import Options

DEFAULT = Options(strict=False, before_install=False, sample=0, timeout=3.0, token="t0ken")


def listening(*listeners: Any) -> Any:
    return {"version": "1.0", "listeners": [_resolve.plain(one) for one in listeners], "problem": ""}


def listener(name: str, port: int, **keys: Any) -> Any:
    return {"name": name, "protocol": "tcp", "port": port, "clients": ["peer"], **keys}


def host(number: int, site: str = "") -> Any:
    return {"groups": ["peer"], "roles": {}, "addresses": ["192.0.2.%d" % number], "problem": "", "site": site}


def plan(hosts: dict[str, Any], of_hosts: dict[str, Any], options: Options = DEFAULT) -> _reach_plan.Plan:
    groups = {"peer": list(hosts), "twin": list(hosts)}
    return _reach_plan.make(hosts, of_hosts, groups, list(hosts), lambda word: ("peer",) if word == "peer" else (), options)


def pair(*listeners: Any, options: Options = DEFAULT) -> _reach_plan.Plan:
    """Two hosts, of which the first listens."""
    return plan({"s": host(1), "c": host(2)}, {"s": {"peer": listening(*listeners)}, "c": {"peer": listening()}}, options)


def test_what_several_edges_ask_is_asked_once() -> None:
    both = {"peer": listening(listener("api", 7000), listener("ui", 7001)), "twin": listening(listener("api", 7000))}
    made = plan({"s": host(1), "c": host(2)}, {"s": both, "c": {}})
    (source,) = made.sources.values()
    assert [target["port"] for target in source["options"]["targets"]] == [7000, 7001]
    assert [(edge["role"], edge["listener"], edge["asks"]) for edge in source["edges"]] == [
        ("peer", "api", [0]),
        ("peer", "ui", [1]),
        ("twin", "api", [0]),
    ]


def test_an_edge_has_what_its_report_has_before_it_is_asked() -> None:
    (edge,) = pair(listener("api", 7000, optional=True)).sources["c"]["edges"]
    assert edge == {
        "from": "c",
        "to": "s",
        "role": "peer",
        "listener": "api",
        "protocol": "tcp",
        "port": "7000",
        "family": "ipv4",
        "expect": "open",
        "optional": True,
        "asks": [0],
    }


def test_hosts_ask_in_the_order_of_the_inventory() -> None:
    hosts = {"z": host(1), "y": host(2), "x": host(3)}
    made = plan(hosts, dict.fromkeys(hosts, {"peer": listening(listener("api", 7000))}))
    asked = [(name, [edge["to"] for edge in source["edges"]]) for name, source in made.sources.items()]
    assert asked == [("z", ["y", "x"]), ("y", ["z", "x"]), ("x", ["z", "y"])]


@pytest.mark.parametrize(
    ("keys", "options", "expected"),
    [
        ({"tls": "server"}, {}, {"tls": True}),
        ({"tls": "mutual"}, {}, {"tls": True}),
        ({"tls": "none"}, {}, {}),
        ({"tls": "server"}, {"before_install": True}, {"token": "t0ken"}),
        ({}, {"before_install": True}, {"token": "t0ken"}),
        # What the system has before the product is there already.
        ({"preinstalled": True}, {"before_install": True}, {}),
    ],
)
def test_what_is_asked_of_a_target(keys: Any, options: Any, expected: Any) -> None:
    made = pair(listener("api", 7000, **keys), options=DEFAULT._replace(**options))
    common = {"host": "192.0.2.1", "port": 7000, "protocol": "tcp", "expect": "open"}
    assert made.sources["c"]["options"] == {"targets": [{**common, **expected}], "timeout": 3.0}
    assert set(made.targets) == ({"s"} if "token" in expected else set())


def test_listeners_of_one_name_are_held_under_names_of_their_own() -> None:
    both = {"peer": listening(listener("api", 7000)), "twin": listening(listener("api", 7001))}
    made = plan({"s": host(1), "c": host(2)}, {"s": both, "c": {}}, DEFAULT._replace(before_install=True))
    held = made.targets["s"]
    assert [(one["name"], one["port"]) for one in held["options"]["listeners"]] == [("held-0", 7000), ("held-1", 7001)]
    assert held["options"]["token"] == DEFAULT.token
    assert held["held"] == {"held-0": ["peer", "api"], "held-1": ["twin", "api"]}


@pytest.mark.parametrize(
    ("hosts", "timeout", "seconds"),
    [(2, 3.0, 316), (2, 10.0, 330), (3, 0.5, 316), (400, 3.0, 3500), (413, 3.0, 3600)],
)
def test_ports_are_held_for_the_longer_the_more_is_waited_for_and_an_hour_at_most(
    hosts: int, timeout: float, seconds: int
) -> None:
    all_hosts = {"h%d" % number: host(number) for number in range(hosts)}
    of_hosts = {name: {"peer": listening()} for name in all_hosts}
    of_hosts["h0"] = {"peer": listening(listener("api", 7000))}
    made = plan(all_hosts, of_hosts, DEFAULT._replace(before_install=True, timeout=timeout))
    assert made.targets["h0"]["options"]["seconds"] == seconds


def test_roles_that_cannot_be_resolved_are_counted_and_three_of_them_shown() -> None:
    wrong = {"version": "", "listeners": [], "problem": "what"}
    (said,) = plan({"s": host(1)}, {"s": dict.fromkeys("abcd", wrong)}).not_probed
    assert (said["count"], said["examples"]) == (4, ["s a: what", "s b: what", "s c: what"])
    assert pair(listener("api", 7000)).not_probed == []


def test_a_role_that_cannot_be_resolved_is_told() -> None:
    wrong = {"version": "", "listeners": [], "problem": "version: 'never' is not a version"}
    made = plan({"s": host(1), "c": host(2)}, {"s": {"peer": wrong}, "c": {}})
    (said,) = made.not_probed
    assert said == {
        "reason": _reach_plan.LISTENERS_NOT_KNOWN,
        "count": 1,
        "examples": ["s peer: version: 'never' is not a version"],
    }


def test_coverage_of_a_sample() -> None:
    hosts = {"h%d" % number: host(number, "rack%d" % (number % 2)) for number in range(1, 5)}
    same = listening(listener("api", 7000))
    said = plan(hosts, {name: {"peer": same} for name in hosts}, DEFAULT._replace(sample=1)).coverage
    assert {key: value for key, value in said.items() if key != "sites"} == {
        "pairs": 12,
        "probed": 4,
        "sample": 1,
        "hosts": 4,
        "sources": 4,
        "targets": 4,
    }
    assert sum(one["pairs"] for one in said["sites"]) == 12


def test_coverage_of_sites() -> None:
    hosts = {"s": host(1, "rack1"), "c": host(2, "rack2"), "bare": host(3)}
    silent = {"peer": listening()}
    made = plan(hosts, {"s": {"peer": listening(listener("api", 7000))}, "c": silent, "bare": silent})
    assert made.coverage["sites"] == [
        {"from": "", "to": "rack1", "pairs": 1, "probed": 1},
        {"from": "rack2", "to": "rack1", "pairs": 1, "probed": 1},
    ]


@pytest.mark.measures_time
def test_10_000_pairs_are_planned_in_little_time() -> None:
    hosts = {"h%d" % number: host(number) for number in range(1, 101)}
    same = listening(*(listener("l%d" % number, 7000 + number) for number in range(5)))
    started = time.process_time()
    made = plan(hosts, {name: {"peer": same} for name in hosts})
    assert sum(len(source["edges"]) for source in made.sources.values()) == 100 * 99 * 5
    # 0.5 s on a machine of 2026; the limit is for one that is busy.
    assert time.process_time() - started < 5
