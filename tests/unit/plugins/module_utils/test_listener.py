# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils import _listener
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_listener, parse_listeners

WEB = {"name": "web", "protocol": "tcp", "port": 80}


def test_defaults():
    web = parse_listener(WEB)
    assert (web.ports, web.family, web.bind, web.device, web.process) == ((80, 80), "any", "any", None, ())
    assert (web.seen_as, web.allow, web.optional, web.dynamic, web.port_text) == ("socket", True, False, False, "80")
    assert web.given == WEB


@pytest.mark.parametrize(
    "value, ports, text",
    [
        (80, (80, 80), "80"),
        ("80", (80, 80), "80"),
        ("30001-65535", (30001, 65535), "30001-65535"),
        ("0080", (80, 80), "80"),
        ("dynamic", None, "dynamic"),
    ],
)
def test_ports(value, ports, text):
    parsed = parse_listener(dict(WEB, port=value))
    assert (parsed.ports, parsed.port_text, parsed.dynamic) == (ports, text, ports is None)


@pytest.mark.parametrize(
    "bind, allow", [("any", True), ("loopback", False), ("127.0.0.53", False), ("::1", False), ("192.0.2.1", True)]
)
def test_the_firewall_is_not_asked_for_loopback(bind, allow):
    assert parse_listener(dict(WEB, bind=bind)).allow is allow
    assert parse_listener(dict(WEB, bind=bind, allow=not allow)).allow is not allow


def test_an_address_is_kept_in_its_shortest_form():
    assert parse_listener(dict(WEB, bind="2001:DB8:0:0::1")).bind == "2001:db8::1"


def test_ip_protocol_has_a_number_and_nothing_to_see():
    ipip = parse_listener({"name": "ipip", "protocol": "ip", "number": 4})
    assert (ipip.number, ipip.ports, ipip.dynamic, ipip.seen_as, ipip.port_text) == (4, None, False, "protocol", "4")


def test_one_process_may_be_a_plain_name():
    assert parse_listener(dict(WEB, process="nginx")).process == ("nginx",)


@pytest.mark.parametrize(
    "data, message",
    [
        ("web", r"^'web' is not a listener"),
        (dict(WEB, prot="tcp"), r"^prot: is not a key of a listener; known are name, protocol"),
        (dict(WEB, name="Web"), r"^name: 'Web' is not a name"),
        (dict(WEB, name=None), r"^name: None is not a name"),
        (dict(WEB, protocol="sctp"), r"^protocol: 'sctp' is not one of tcp, udp, ip"),
        (dict(WEB, protocol=None), r"^protocol: None is not one of"),
        (dict(WEB, port=70000), r"^port: 70000 is not a port \(1-65535\)$"),
        (dict(WEB, port=0), r"^port: 0 is not a port"),
        (dict(WEB, port=True), r"^port: True is not a port"),
        (dict(WEB, port="80-"), r"^port: '80-' is not a port"),
        (dict(WEB, port="90-80"), r"^port: the range 90-80 runs backwards; write 80-90"),
        (dict(WEB, port=[80]), r"^port: \[80\] is not a port"),
        (dict(WEB, port=None), r"^port: is missing"),
        (dict(WEB, number=4), r"^number: only protocol 'ip' has a number"),
        ({"name": "x", "protocol": "ip", "number": 4, "port": 4}, r"^port: an IP protocol has no port"),
        ({"name": "x", "protocol": "ip"}, r"^number: None is not an IP protocol number"),
        ({"name": "x", "protocol": "ip", "number": 256}, r"^number: 256 is not"),
        (dict(WEB, family="inet"), r"^family: 'inet' is not one of ipv4, ipv6, both, any"),
        (dict(WEB, bind="eth0"), r"^bind: 'eth0' is neither"),
        (dict(WEB, bind=5), r"^bind: 5 is neither"),
        (dict(WEB, bind="192.0.2.1", family="ipv6"), r"^bind: 192.0.2.1 is an ipv4 address"),
        (dict(WEB, bind="::1", family="both"), r"^bind: ::1 is an ipv6 address"),
        (dict(WEB, device="a/b"), r"^device: 'a/b' is not the name"),
        (dict(WEB, process=5), r"^process: 5 is not a name or a list"),
        (dict(WEB, process=["a", ""]), r"^process\[1\]: '' is not a name"),
        (dict(WEB, optional="no"), r"^optional: 'no' is not true or false"),
        (dict(WEB, seen_as="rule"), r"^seen_as: 'rule' is not one of"),
    ],
)
def test_nonsense_is_refused_by_place(data, message):
    with pytest.raises(Problem, match=message):
        parse_listener(data)


def test_a_list_says_which_one():
    with pytest.raises(Problem, match=r"^listeners\[1\]\.port: 0 is not a port"):
        parse_listeners([WEB, dict(WEB, name="b", port=0)])
    with pytest.raises(Problem, match=r"^x\[0\]: 5 is not a listener"):
        parse_listeners([5], "x")
    with pytest.raises(Problem, match=r"^listeners\[1\]\.name: 'web' is already the name of listeners\[0\]"):
        parse_listeners([WEB, WEB])
    with pytest.raises(Problem, match=r"^listeners: is not a list"):
        parse_listeners({"web": WEB})


def test_every_field_but_given_and_ports_is_a_known_key():
    fields = set(_listener.Listener._fields) - {"given", "ports"}
    assert fields <= set(_listener.KEYS)


@pytest.mark.parametrize("port", [True, [80], None, 0, 65536, "65536", "1-65536", 1.5])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(Problem, match="is not a port"):
        _listener.parse_port(port)


def test_the_first_and_the_last_port():
    assert (_listener.parse_port(1), _listener.parse_port(65535)) == ((1, 1), (65535, 65535))


@pytest.mark.parametrize(("number", "fine"), [(0, True), (255, True), (256, False), (-1, False), (True, False), ("4", False)])
def test_numbers_of_ip_protocols(number, fine):
    data = {"name": "x", "protocol": "ip", "number": number}
    if fine:
        assert parse_listener(data).number == number
    else:
        with pytest.raises(Problem, match="^number: "):
            parse_listener(data)


def test_clients_are_kept():
    assert parse_listener(dict(WEB, clients=["a", "b"])).clients == ("a", "b")


@pytest.mark.parametrize(
    ("key", "value"), [("clients", [1]), ("process", [1]), ("allow", "often"), ("preinstalled", 7), ("optional", [])]
)
def test_what_a_field_cannot_have_is_refused_by_its_name(key, value):
    with pytest.raises(Problem, match="^" + key):
        parse_listener(dict(WEB, **{key: value}))
