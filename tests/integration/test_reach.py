# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reaches whom, by the commands of docs/reach.md: real kernels, and packets that are lost where they should be."""

from __future__ import annotations

import json
from typing import Dict

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _reach_edges
from tests.lab import firewall
from tests.lab.mesh import Mesh, edges, left_out, listener, spec, states
from tests.lab.sandbox import Host, Lab

API, BOTH, GOSSIP, INSIDE = 7000, 7001, 7002, 7003
PRODUCT = spec(
    ["asker", "server", "dual", "peer"],
    [
        listener("api", ["server"], API, ["asker", "operator"], setting="api.port"),
        listener("both", ["dual"], BOTH, ["asker"], family="both"),
        listener("gossip", ["peer"], GOSSIP, ["peer"], protocol="udp"),
        listener("inside", ["peer"], INSIDE, [], bind="loopback"),
    ],
)
NOBODY_THERE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}


def drop_between(lab: Lab, target: Host, port: int) -> None:
    """The network between the hosts loses what is for a port of the target; both hosts themselves know nothing of it."""
    rule = "ip daddr %s tcp dport %d drop" % (target.ipv4, port)
    lab.switch.run(
        ["nft", "-f", "-"],
        input="table bridge lost { chain forward { type filter hook forward priority 0; %s; }; }\n" % rule,
    )


@pytest.mark.slow
def test_each_kind_of_broken_has_its_cause(lab: Lab) -> None:
    mesh = Mesh(lab, PRODUCT)
    mesh.host("asker", "asker")
    mesh.declare("gone", "asker", **NOBODY_THERE, netports_addresses=["198.51.100.200"])
    mesh.serve(mesh.host("well", "server"), "api")
    mesh.host("down", "server")
    shut = mesh.host("shut", "server")
    mesh.serve(shut, "api")
    firewall.install(shut)
    cut = mesh.host("cut", "server", families=("ipv4",))
    mesh.serve(cut, "api")
    drop_between(lab, cut, API)
    mesh.serve(mesh.host("inner", "server"), "api", bind="loopback")
    mesh.serve(mesh.host("v6only", "server", families=("ipv6",)), "api")
    mesh.serve(mesh.host("v4half", "dual"), "both", family="ipv4")
    mesh.declare("nowhere", "server", netports_addresses=["203.0.113.9"], ansible_connection="local")
    mesh.declare("twin1", "server", netports_addresses=["198.51.100.77"], ansible_connection="local")
    mesh.declare("twin2", "server", netports_addresses=["198.51.100.77"], ansible_connection="local")

    done = mesh.run("--forks", "10")
    assert done.code in (2, 4, 6), done.output
    found = mesh.report()
    mine = {key[1:]: value for key, value in edges(found).items() if key[0] == "asker"}
    assert mine == {
        ("well", "api", "any"): ("open", ""),
        ("down", "api", "any"): ("refused", "service"),
        ("shut", "api", "any"): ("filtered", "host_firewall"),
        ("cut", "api", "ipv4"): ("filtered", "network"),
        ("inner", "api", "any"): ("refused", "bind"),
        ("v6only", "api", "ipv6"): ("open", ""),
        ("v4half", "both", "ipv4"): ("open", ""),
        ("v4half", "both", "ipv6"): ("refused", "bind"),
        ("nowhere", "api", "ipv4"): ("unreachable", "route"),
    }
    assert {value for key, value in edges(found).items() if key[0] == "gone"} == {("not_run", "")}
    # A host fails by what it cannot reach, and a target that nobody reaches is not at fault by itself.
    assert {name: state for name, state in states(found).items() if state != "ok"} == {"asker": "failed", "gone": "unreachable"}
    assert left_out(found)[_reach_edges.DUPLICATE] == [
        "asker -> twin1 api tcp/7000",
        "gone -> twin1 api tcp/7000",
        "asker -> twin2 api tcp/7000",
    ]
    assert "operator -> down api tcp/7000" in left_out(found)[_reach_edges.NO_CLIENT]
    assert "host_firewall" in done.output
    assert "changed=1" not in done.output


@pytest.mark.slow
def test_where_all_is_well_one_task_is_for_every_host(lab: Lab) -> None:
    mesh = Mesh(lab, PRODUCT)
    for name in ("p1", "p2"):
        mesh.serve(mesh.host(name, "peer", "asker", "server"), "api", "gossip", "inside")
    done = mesh.run("--check")
    assert done.code == 0, done.output
    found = mesh.report()
    assert states(found) == {"p1": "ok", "p2": "ok"}
    # A stand-in answers nothing to an empty datagram that could tell it from silence.
    assert {key[2]: value for key, value in edges(found).items()} == {"api": ("open", ""), "gossip": ("open", "")}
    steps = [event.result.get("invocation", {}).get("module_args", {}).get("step") for event in done.events]
    assert [event.action for event in done.events if event.action != "meta"].count("port_reach") == 6, steps

    limited = mesh.run("--limit", "p2")
    assert limited.code == 0, limited.output
    assert {key[:3] for key in edges(mesh.report())} == {("p2", "p1", "api"), ("p2", "p1", "gossip")}
    assert left_out(mesh.report())[_reach_edges.NOT_IN_RUN] == ["p1 -> p2 api tcp/7000", "p1 -> p2 gossip udp/7002"]

    # What is for the host alone, bound to any address by mistake.
    mesh.servers["p1"].stop("inside")
    mesh.serve(lab.hosts["p1"], "inside", bind="any")
    strict = mesh.run("--extra-vars", "strict=true")
    assert strict.code == 2, strict.output
    found = mesh.report()
    assert edges(found)["p2", "p1", "inside", "any"] == ("open", "exposed")
    assert edges(found)["p1", "p2", "inside", "any"] == ("refused", "")
    assert states(found) == {"p1": "ok", "p2": "failed"}


@pytest.mark.slow
def test_batches_and_samples(lab: Lab) -> None:
    mesh = Mesh(lab, PRODUCT)
    for number in range(1, 5):
        host = mesh.host("p%d" % number, "server", "asker", netports_site="rack%d" % (number % 2))
        mesh.serve(host, "api")
    done = mesh.run("--extra-vars", json.dumps({"netports_serial": 2, "sample": 1}))
    assert done.code == 0, done.output
    found = mesh.report()
    coverage = found["reach"]["coverage"]
    assert (coverage["pairs"], coverage["probed"], coverage["sample"], coverage["sources"], coverage["targets"]) == (
        12,
        4,
        1,
        4,
        4,
    )
    assert all(one["probed"] for one in coverage["sites"])
    assert len(coverage["sites"]) == 4
    assert set(edges(found).values()) == {("open", "")}
    assert states(found) == dict.fromkeys(("p1", "p2", "p3", "p4"), "ok")

    for given, said in (
        ({"sample": "x"}, "sample: 'x' is not a number of peers for each host to probe; 0 is all of them"),
        ({"netports_serial": 2, "before_install": True}, "before_install: the ports of all hosts have to be held at once"),
        ({"netports_reach_timeout": -1}, "timeout (netports_reach_timeout): -1.0 is no number of seconds above 0"),
    ):
        refused = mesh.run("--extra-vars", json.dumps(given))
        assert refused.code == 2
        assert said in refused.output.replace("\n", " ")
        assert [event.action for event in refused.events] == ["port_reach"]


def held(host: Host) -> str:
    return host.run(["ss", "-Hltun"]).stdout


@pytest.mark.slow
def test_before_the_installation_ports_are_held_and_released(lab: Lab) -> None:
    mesh = Mesh(lab, PRODUCT)
    mesh.host("asker", "asker")
    hosts: Dict[str, Host] = {
        name: mesh.host(name, "server", families=("ipv4",)) for name in ("free", "taken", "shut", "proxied")
    }
    mesh.serve(hosts["taken"], "api")
    firewall.install(hosts["shut"])
    # A transparent proxy takes whatever goes to one of them, and does not know the token.
    proxy = lab.host("proxy")
    mesh.serve(proxy, "api")
    redirect = "ip daddr %s tcp dport %d dnat to %s" % (hosts["proxied"].ipv4, API, proxy.ipv4)
    chain = "chain output { type nat hook output priority -100; %s; }" % redirect
    lab.hosts["asker"].run(["nft", "-f", "-"], input="table ip proxy { %s; }\n" % chain)

    done = mesh.run("--extra-vars", "before_install=true")
    assert done.code == 2, done.output
    found = mesh.report()
    assert {key[1]: value for key, value in edges(found).items()} == {
        "free": ("open", ""),
        "taken": ("no_answer", "not_held"),
        "shut": ("filtered", "path"),
        "proxied": ("no_answer", "impostor"),
    }
    assert found["reach"]["before_install"] is True
    for name in ("free", "shut", "proxied"):
        assert ":%d " % API not in held(hosts[name])

    in_vain = mesh.run(variables={"before_install": True})
    assert in_vain.code == 2
    assert "before_install: no ports were held; give it by -e" in in_vain.output

    foreseen = mesh.run("--check", "--extra-vars", "before_install=true")
    assert foreseen.code == 0, foreseen.output
    assert {value[0] for value in edges(mesh.report()).values()} == {"not_run"}


@pytest.mark.slow
def test_what_hosts_listen_on_is_what_their_variables_and_files_say(lab: Lab) -> None:
    mesh = Mesh(lab, PRODUCT)
    config = {"config_file": "/run/lab/product.yml"}
    ports = {"api": "{{ moved_to }}"}
    moved = {
        "by-variable": mesh.host("by-variable", "server", "asker", server_ports=ports, moved_to=7100),
        "by-file": mesh.host("by-file", "server", "asker", server_product_config=config),
    }
    moved["by-file"].write(config["config_file"], json.dumps({"api": {"port": 7200}}))
    for name, port in (("by-variable", 7100), ("by-file", 7200)):
        mesh.serve(moved[name], "api", port=port)
    mesh.host("wrong", "server", server_version="never")
    mesh.declare("unread", "server", server_product_config=config, **NOBODY_THERE, netports_addresses=["198.51.100.99"])

    done = mesh.run()
    found = mesh.report()
    assert {(one["from"], one["to"]): (one["port"], one["state"]) for one in found["reach"]["edges"]} == {
        ("by-file", "by-variable"): ("7100", "open"),
        ("by-variable", "by-file"): ("7200", "open"),
    }, done.output
    assert states(found) == {"by-variable": "ok", "by-file": "ok", "wrong": "failed", "unread": "failed"}
    said = {host["host"]: host["msg"] for host in found["hosts"]}
    assert "never" in said["wrong"]
    assert "was not read" in said["unread"]
