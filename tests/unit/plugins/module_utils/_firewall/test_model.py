# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import connection, intervals, model
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_listeners


def rules(listeners, clients=None):
    intent = model.intent("label", parse_listeners(listeners), clients)
    found = []
    for rule in intent.rules:
        plain = rule.as_dict()
        found.append(" ".join([plain["protocol"], ",".join(plain["ports"]), plain["family"], ",".join(plain["sources"])]).strip())
    return found


def tcp(name, port, **keys):
    return dict(keys, name=name, protocol="tcp", port=port)


def test_one_rule_has_all_ports_of_a_protocol():
    listeners = [tcp("a", 5680), tcp("b", 5681), tcp("c", "5683-5690"), tcp("d", 5682), tcp("e", 80), tcp("f", 80, family="ipv4")]
    listeners += [{"name": "g", "protocol": "udp", "port": 53}, {"name": "h", "protocol": "ip", "number": 4}]
    assert rules(listeners) == ["tcp 80,5680-5690 both", "udp 53 both", "ip 4 both"]


def test_families():
    listeners = [tcp("a", 1, family="ipv4"), tcp("b", 2, family="ipv6"), tcp("c", 3, family="both"), tcp("d", 4)]
    assert rules(listeners) == ["tcp 3-4 both", "tcp 1 ipv4", "tcp 2 ipv6"]


@pytest.mark.parametrize(
    ("bind", "family", "expected"),
    [
        ("192.0.2.1", "any", ["tcp 1 ipv4"]),
        ("2001:db8::1", "any", ["tcp 1 ipv6"]),
        ("0.0.0.0", "any", ["tcp 1 ipv4"]),
        ("::", "any", ["tcp 1 both"]),
        ("::", "ipv6", ["tcp 1 ipv6"]),
        ("::ffff:192.0.2.1", "any", ["tcp 1 ipv4"]),
        ("loopback", "any", []),
        ("127.0.0.1", "any", []),
    ],
)
def test_the_bound_address_says_which_families_come(bind, family, expected):
    assert rules([tcp("a", 1, bind=bind, family=family)]) == expected


def test_an_ip_protocol_is_no_tcp_port():
    intent = model.intent("label", parse_listeners([{"name": "ipip", "protocol": "ip", "number": 4, "family": "ipv4"}]))
    assert intent.rules == (model.Rule("label", "ip", ((4, 4),), "ipv4"),)
    assert rules([{"name": "hop-by-hop", "protocol": "ip", "number": 0}]) == ["ip 0 both"]


def test_a_port_that_is_not_known_yet_has_no_number():
    (listener,) = parse_listeners([tcp("a", "dynamic")])
    assert model.numbers_of(listener) == ()


def test_a_rule_in_results():
    rule = model.Rule("a", "tcp", ((80, 80), (8000, 8010)), "ipv6", (intervals.block("2001:db8::", 32),))
    assert rule.as_dict() == {
        "label": "a",
        "protocol": "tcp",
        "ports": ["80", "8000-8010"],
        "family": "ipv6",
        "sources": ["2001:db8::/32"],
    }


def test_what_nobody_has_to_reach_is_left_out_and_nothing_else():
    assert rules([tcp("a", 1, allow=False), tcp("b", 2), tcp("c", 3, bind="loopback"), tcp("d", 4)]) == ["tcp 2,4 both"]
    # Who asks for it gets it, in every family that the loopback interface has.
    assert rules([tcp("a", 1, bind="loopback", allow=True)]) == ["tcp 1 both"]


def test_a_listener_is_restricted_when_all_its_clients_are_known():
    listeners = [tcp("a", 1, clients=["x", "y"]), tcp("b", 2, clients=["x"]), tcp("c", 3)]
    clients = {"x": ["10.0.0.0/9", "10.128.0.0/9", "2001:db8::1"]}
    assert rules(listeners, clients) == ["tcp 1,3 both", "tcp 2 ipv4 10.0.0.0/8", "tcp 2 ipv6 2001:db8::1"]
    clients["y"] = "192.0.2.1"
    assert rules(listeners, clients) == [
        "tcp 3 both",
        "tcp 2 ipv4 10.0.0.0/8",
        "tcp 1 ipv4 10.0.0.0/8,192.0.2.1",
        "tcp 1-2 ipv6 2001:db8::1",
    ]


@pytest.mark.parametrize("everybody", [["0.0.0.0/0", "::/0"], "any", ["192.0.2.1", "any"]])
def test_everybody_is_no_restriction(everybody):
    assert rules([tcp("a", 1, clients=["x"])], {"x": everybody}) == ["tcp 1 both"]


def test_a_listener_for_any_needs_no_addresses_of_its_other_clients():
    listeners = [tcp("a", 1, clients=["x", "any"])]
    intent = model.intent("label", parse_listeners(listeners), {"x": ["192.0.2.1"]})
    assert (rules(listeners, {"x": ["192.0.2.1"]}), intent.warnings) == (["tcp 1 both"], ())
    assert rules(listeners, {"x": ["192.0.2.1"], "any": ["2001:db8::/32"]}) == [
        "tcp 1 ipv4 192.0.2.1",
        "tcp 1 ipv6 2001:db8::/32",
    ]


def test_nobody_is_no_rule():
    intent = model.intent("label", parse_listeners([tcp("a", 1, clients=["x"])]), {"x": []})
    assert intent.rules == ()
    assert intent.warnings == ("a is open to nobody: `clients` names no ipv4 or ipv6 address for it",)


def test_warnings_name_what_is_not_as_asked():
    listeners = [tcp("a", 1, clients=["x", "y"]), tcp("b", "dynamic"), tcp("c", 30001, seen_as="nodeport")]
    intent = model.intent("label", parse_listeners(listeners), {"x": ["10.0.0.1"], "typo": ["10.0.0.2"]})
    assert intent.warnings == (
        "a is open to every address: `clients` has no addresses for y",
        "cannot open ports that are not known before the service runs: b",
        "no listener here has the client typo of `clients`",
    )
    assert intent.notes == ("kube-proxy forwards NodePorts before the host firewall's input rules see them: c",)
    assert [rule.ports for rule in intent.rules] == [((1, 1), (30001, 30001))]


@pytest.mark.parametrize("label", ["", "a b", 'a"', "-a", "x" * 65, "a:b", "ä"])
def test_a_label_that_could_not_mark_a_rule_is_refused(label):
    with pytest.raises(Problem, match="^label: "):
        model.check_label(label)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("192.0.2.7 40000 198.51.100.1 22", ("192.0.2.7", "198.51.100.1", 22)),
        ("::ffff:192.0.2.7 40000 ::ffff:198.51.100.1 2222", ("192.0.2.7", "198.51.100.1", 2222)),
        ("fe80::1%eth0 40000 fe80::2%eth0 22", ("fe80::1", "fe80::2", 22)),
        ("", None),
        ("UNKNOWN 65535 UNKNOWN 65535", None),
        ("192.0.2.7 40000 22", None),
    ],
)
def test_the_connection_as_sshd_names_it(value, expected):
    assert connection.parse(value) == expected


@pytest.mark.parametrize(
    ("clients", "message"),
    [
        ({"x": {"10.0.0.1": 1}}, "clients.x: is not a list of addresses"),
        ({"x": ["any", "10.0.0.300"]}, r"clients.x\[1\]: "),
        ({"x": ["10.0.0.1", 7]}, r"clients.x\[1\]: 7 is not an address"),
        ({"x": ["10.0.0.300"]}, r"clients.x\[0\]: "),
        ({"x": "no address"}, r"clients.x\[0\]: "),
    ],
)
def test_clients_that_are_no_addresses_are_refused_by_place(clients, message):
    with pytest.raises(Problem, match=message):
        model.parse_clients(clients)


def test_a_connection_is_told_by_where_it_arrives():
    assert str(model.Connection("192.0.2.7", "198.51.100.1", 22)) == "198.51.100.1 port 22, used from 192.0.2.7"
