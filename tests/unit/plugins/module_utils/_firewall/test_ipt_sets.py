# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a set of ipset holds, by its type and options."""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, ipt_sets


def parsed(head, *members):
    return ipt_sets.parse("".join(["create a %s\n" % head, *("add a %s\n" % member for member in members)]))["a"]


def numbers(*texts):
    return intervals.merged(intervals.parse_network(text)[1] for text in texts)


@pytest.mark.parametrize(
    ("head", "family", "fields"),
    [
        ("hash:ip family inet", "ipv4", ("address",)),
        ("hash:ip family inet6", "ipv6", ("address",)),
        ("hash:ip", "ipv4", ("address",)),
        ("hash:net family inet6", "ipv6", ("address",)),
        ("bitmap:ip range 10.0.0.0-10.0.0.255", "ipv4", ("address",)),
        ("hash:ip,port family inet6", "ipv6", ("address", "port")),
        ("hash:net,port family inet", "ipv4", ("address", "port")),
        ("bitmap:port range 0-9", "", ("port",)),
        # What ends where a word should follow says nothing.
        ("hash:ip family", "ipv4", ("address",)),
    ],
)
def test_types_of_sets(head, family, fields):
    found = parsed(head)
    assert (found.name, found.type, found.family, found.fields) == ("a", head.split()[0], family, fields)
    assert (found.elements, found.addresses) == ((), ())


@pytest.mark.parametrize(
    ("head", "members", "expected"),
    [
        ("hash:ip family inet", ["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "10.0.0.2"]),
        ("hash:net family inet6", ["2001:db8::/32 timeout 5", "::1"], ["2001:db8::/32", "::1"]),
        ("hash:ip family inet netmask 24", ["10.0.0.0"], ["10.0.0.0/24"]),
        ("hash:ip family inet netmask 24", ["10.0.0.0/25"], ["10.0.0.0/25"]),
        ("bitmap:ip range 10.0.0.0-10.0.3.255 netmask 24", ["10.0.0.0-10.0.1.255"], ["10.0.0.0/23"]),
    ],
)
def test_addresses(head, members, expected):
    found = parsed(head, *members)
    assert found.addresses == numbers(*expected)
    ranges = [tuple(intervals.number_of(end) for end in element["range"]) for element in found.elements]
    assert tuple(ranges) == found.addresses


@pytest.mark.parametrize(
    ("member", "element"),
    [
        ("10.0.0.1,tcp:80", {"concat": ["10.0.0.1", "tcp", 80]}),
        ("10.0.0.1,udp:53-55", {"concat": ["10.0.0.1", "udp", {"range": [53, 55]}]}),
        ("10.0.0.1,udp:7-9", {"concat": ["10.0.0.1", "udp", {"range": [7, 9]}]}),
        ("10.0.0.1,80", {"concat": ["10.0.0.1", "tcp", 80]}),
        ("10.0.0.1,icmp:ping", {"concat": ["10.0.0.1", "icmp", -1]}),
        ('10.0.0.1,tcp:80 comment "nomatch"', {"concat": ["10.0.0.1", "tcp", 80]}),
    ],
)
def test_addresses_with_ports(member, element):
    found = parsed("hash:ip,port family inet", member)
    assert (found.elements, found.addresses) == ((element,), ())


def test_networks_with_ports_under_a_mask_are_not_understood():
    assert parsed("hash:ip,port family inet netmask 24", "10.0.0.0,tcp:80").elements is None
    assert parsed("hash:net,port family inet", "10.0.0.0/8,tcp:80 nomatch").elements is None


@pytest.mark.parametrize(
    ("details", "excepted"),
    [
        ("nomatch", True),
        ("timeout 5 nomatch", True),
        ('nomatch comment "a"', True),
        ('comment "a" nomatch', True),
        ('comment "nomatch"', False),
        ('comment "a nomatch b" timeout 5', False),
        ("timeout 5", False),
        ("", False),
    ],
)
def test_exceptions_from_a_network(details, excepted):
    found = parsed("hash:net family inet", "10.0.0.0/30", "10.0.0.1 " + details)
    assert found.addresses == (numbers("10.0.0.0", "10.0.0.2/31") if excepted else numbers("10.0.0.0/30"))


def test_of_networks_within_each_other_the_smallest_decides_in_any_order():
    members = ["10.0.0.0/8", "10.1.0.0/16 nomatch", "10.1.1.0/24", "10.1.1.1 nomatch"]
    expected = ((0x0A000000, 0x0A00FFFF), (0x0A010100, 0x0A010100), (0x0A010102, 0x0A0101FF), (0x0A020000, 0x0AFFFFFF))
    for order in (members, members[::-1]):
        assert parsed("hash:net family inet", *order).addresses == expected
    found = parsed("hash:net family inet", "10.0.0.0/8", "10.255.0.0/16 nomatch").addresses
    assert found == ((0x0A000000, 0x0AFEFFFF),)


def test_a_set_without_a_type_is_of_none():
    assert parsed("") == ipt_sets.IpSet("a", "", "ipv4", (), None)


def test_several_sets_and_their_members_in_any_order():
    text = "create a bitmap:port range 0-9\nadd b 10.0.0.1\ncreate b hash:ip family inet\nadd a 7\nadd a 5\n"
    found = ipt_sets.parse(text)
    assert sorted(found) == ["a", "b"]
    assert (found["a"].elements, found["b"].addresses) == ((7, 5), numbers("10.0.0.1"))
