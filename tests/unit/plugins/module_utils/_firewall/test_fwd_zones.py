# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import string

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import fwd_zones
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_model import Binding, Entries, Zone
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Connection, Rule

ADDRESSES = """1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever preferred_lft forever
2: eth0    inet6 2001:db8::5/64 scope global \\       valid_lft forever preferred_lft forever
3: bond0.7@bond0    inet 10.7.0.5/24 scope global bond0.7\\       valid_lft forever preferred_lft forever
4: docker0    inet 172.17.0.1/16 scope global docker0\\       valid_lft forever preferred_lft forever
5: br-0123456789ab    inet 172.18.0.1/16 scope global br-0123456789ab\\       valid_lft forever
6: br-lan    inet 10.8.0.1/24 scope global br-lan\\       valid_lft forever
7: veth12ab@if6    inet6 fe80::1/64 scope link \\       valid_lft forever
8: virbr0    inet 192.168.122.1/24 scope global virbr0\\       valid_lft forever
9: cni0    inet 10.88.0.1/16 scope global cni0\\       valid_lft forever
"""


def test_interfaces_of_guests_are_left_out():
    assert fwd_zones.interfaces_of(ADDRESSES) == {
        "eth0": ["10.0.0.5", "2001:db8::5"],
        "bond0.7": ["10.7.0.5"],
        "br-lan": ["10.8.0.1"],
    }


BOUND = {
    "internal": Binding(("bond+",)),
    "work": Binding((), ("192.0.2.0/24",)),
    "drop": Binding((), ("198.51.100.0/24",)),
    "docker": Binding(("docker0",)),
    "trusted": Binding((), ("203.0.113.1",)),
}


def zones(**targets):
    return {name: Zone(target, Entries()) for name, target in targets.items()}


def test_clients_come_by_the_zones_of_interfaces_with_addresses_and_of_sources():
    assert fwd_zones.entered(["eth0", "bond0.7"], BOUND, "public") == ["public", "internal", "work", "drop"]
    assert fwd_zones.entered([], {}, "public") == ["public"]


@pytest.mark.parametrize(
    ("name", "zone"), [("bond", "internal"), ("bond1", "internal"), ("bon1", "public"), ("b", "public"), ("eth0", "public")]
)
def test_a_zone_may_name_interfaces_by_how_they_begin(name, zone):
    assert fwd_zones.zone_of_interface(name, BOUND, "public") == zone


@pytest.mark.parametrize(
    ("default", "targets", "opened"),
    [
        ("public", {"public": "default", "drop": "DROP"}, ["public"]),
        ("public", {"public": "ACCEPT", "drop": "DROP"}, []),
        ("drop", {"drop": "DROP"}, ["drop"]),
        ("public", {"public": "%%REJECT%%"}, ["public"]),
    ],
)
def test_zones_that_accept_all_and_bans_are_not_opened(default, targets, opened):
    names = fwd_zones.entered(["eth0"], BOUND, default)
    assert fwd_zones.filtering(names, zones(**targets), ["eth0"], BOUND, default) == opened


INTERFACES = {"eth0": ["10.0.0.5", "2001:db8::5"], "bond0.7": ["10.7.0.5"]}


@pytest.mark.parametrize(
    ("client", "server", "expected"),
    [
        ("10.0.0.9", "10.0.0.5", ["public"]),
        ("10.0.0.9", "10.7.0.5", ["internal"]),
        ("192.0.2.9", "10.7.0.5", ["work"]),
        ("2001:db8::9", "2001:db8::5", ["public"]),
        ("10.0.0.9", "10.99.0.1", ["public"]),
    ],
)
def test_a_connection_comes_by_the_zone_of_its_source_or_else_its_interface(client, server, expected):
    assert fwd_zones.zones_of_connection(Connection(client, server, 22), INTERFACES, BOUND, "public") == expected


def test_an_address_that_no_interface_carries_comes_by_the_default_zone():
    bound = {"work": Binding(tuple(letter + "+" for letter in string.ascii_letters))}
    for server, expected in (("10.0.0.5", "work"), ("10.99.0.1", "public")):
        assert fwd_zones.zones_of_connection(Connection("10.0.0.9", server, 22), INTERFACES, bound, "public") == [expected]


def test_a_set_may_hold_the_source():
    bound = {"work": Binding((), ("ipset:office",))}
    assert fwd_zones.zones_of_connection(Connection("10.0.0.9", "10.0.0.5", 22), INTERFACES, bound, "public") == [
        "work",
        "public",
    ]


@pytest.mark.parametrize(
    ("rule", "admits"),
    [
        ('rule port port="22" protocol="tcp" accept', True),
        ('rule priority="-5" family="ipv4" source address="10.0.0.0/8" port port="20-30" protocol="tcp" accept', True),
        ('rule family="ipv6" port port="22" protocol="tcp" accept', False),
        ('rule port port="22" protocol="udp" accept', False),
        ('rule port port="23-30" protocol="tcp" accept', False),
        ('rule family="ipv4" source address="192.0.2.0/24" port port="22" protocol="tcp" accept', False),
        ('rule port port="22" protocol="tcp" drop', False),
        ('rule family="ipv4" source NOT address="10.0.0.0/8" port port="22" protocol="tcp" accept', False),
        ('rule port port="22" protocol="tcp" accept limit value="1/m"', False),
    ],
)
def test_a_rich_rule_of_others_counts_when_it_is_sure(rule, admits):
    assert fwd_zones.rule_admits(rule, Connection("10.0.0.9", "10.0.0.5", 22)) == admits


@pytest.mark.parametrize(
    ("source", "zones"),
    [
        ("10.0.0.0/24", ["work"]),
        ("10.0.0.9", ["work"]),
        ("10.0.0.8", ["public"]),
        ("2001:db8::/32", ["public"]),
        # Who is in a set, or which hardware an address has, nobody knows here.
        ("ipset:office", ["work", "public"]),
        ("00:11:22:33:44:55", ["work", "public"]),
        ("something", ["public"]),
    ],
)
def test_sources_of_zones(source, zones):
    bound = {"work": Binding((), (source,))}
    connection = Connection("10.0.0.9", "10.0.0.5", 22)
    assert fwd_zones.zones_of_connection(connection, INTERFACES, bound, "public") == zones


NETS = ((0x0A000000, 0x0AFFFFFF),)


@pytest.mark.parametrize(
    ("rule", "admits"),
    [
        (Rule("a", "tcp", ((22, 22),), "both"), True),
        (Rule("a", "tcp", ((20, 22),), "ipv4"), True),
        (Rule("a", "tcp", ((22, 30),), "ipv4", NETS), True),
        (Rule("a", "tcp", ((23, 30),), "both"), False),
        (Rule("a", "udp", ((22, 22),), "both"), False),
        (Rule("a", "tcp", ((22, 22),), "ipv6"), False),
        (Rule("a", "tcp", ((22, 22),), "ipv4", ((1, 1),)), False),
    ],
)
def test_rules_of_ours_that_admit_the_connection(rule, admits):
    other = Rule("b", "tcp", ((80, 80),), "both")
    assert fwd_zones.admits([other, rule], Connection("10.0.0.9", "10.0.0.5", 22)) == admits
    assert not fwd_zones.admits([], Connection("10.0.0.9", "10.0.0.5", 22))


@pytest.mark.parametrize(
    ("ports", "protocols", "expected"),
    [
        ([("22", "tcp")], [], True),
        ([("20-22", "tcp")], [], True),
        ([("22-30", "tcp")], [], True),
        ([("22", "udp")], [], False),
        ([("23-30", "tcp")], [], False),
        ([("80", "tcp"), ("22", "tcp")], [], True),
        ([], ["tcp"], True),
        ([], ["6"], True),
        ([], ["udp", "esp"], False),
        ([], [], False),
    ],
)
def test_a_zone_or_service_that_opens_the_port(ports, protocols, expected):
    assert fwd_zones.opened(ports, protocols, 22) == expected
