# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._firewall import intervals

SMALL = st.integers(0, 30)
LISTS = st.lists(st.tuples(SMALL, SMALL).map(lambda pair: (min(pair), max(pair))), max_size=6)


def numbers(values):
    return {number for low, high in values for number in range(low, high + 1)}


@given(LISTS, LISTS)
def test_sets_of_numbers(first, second):
    one, two = intervals.merged(first), intervals.merged(second)
    assert numbers(one) == numbers(first)
    # The only form that a set has: sorted, disjoint, not even adjacent.
    assert all(a[1] + 1 < b[0] for a, b in zip(one, one[1:]))
    assert (one == two) == (numbers(first) == numbers(second))
    assert intervals.common(one, two) == intervals.merged((n, n) for n in numbers(first) & numbers(second))
    assert intervals.without(one, two) == intervals.merged((n, n) for n in numbers(first) - numbers(second))


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(0, 128))
def test_networks_agree_with_the_standard_library(address, length):
    network = ipaddress.ip_network("%s/%d" % (address, min(length, address.max_prefixlen)), strict=False)
    family, (low, high) = intervals.parse_network(str(network))
    assert family == "ipv%d" % address.version
    assert (low, high) == (int(network[0]), int(network[-1]))
    text = intervals.network_text((low, high), family)
    assert ipaddress.ip_network(text) == network
    # Alone, a mapped address stands for the IPv4 client.
    assume("/" in text or not getattr(address, "ipv4_mapped", None))
    assert intervals.parse_network(text) == (family, (low, high))


def test_what_is_no_network_is_refused_with_what_would_be():
    cases = {
        "10.0.0.1/8": "write 10.0.0.0/8 for the network or 10.0.0.1 for the host",
        "2001:db8::1/32": "write 2001:db8::/32 for the network or 2001:db8::1 for the host",
        "10.0.0.0/33": "a prefix length, 0-32",
        "10.0.0.0/": "a prefix length, 0-32",
        "10.0.0.0/255.0.0.0": "a prefix length, 0-32",
        "10.0.0.0/\u00b2": "a prefix length, 0-32",
        "10.1": "neither an IP address nor a network",
        "host.example.org": "neither an IP address nor a network",
        "": "neither an IP address nor a network",
    }
    for text, said in cases.items():
        with pytest.raises(ValueError) as caught:
            intervals.parse_network(text)
        assert said in str(caught.value)


def test_a_mapped_address_is_the_ipv4_client_that_it_stands_for():
    assert intervals.parse_network("::ffff:10.0.0.1") == intervals.parse_network("10.0.0.1")


@pytest.mark.parametrize("last", ["10.0.0.4", "10.0.0.6"])
def test_addresses_that_no_prefix_covers_are_a_range(last):
    low, high = intervals.number_of("10.0.0.1"), intervals.number_of(last)
    assert intervals.network_text((low, high), "ipv4") == "10.0.0.1-" + last


@pytest.mark.parametrize(
    "low, high, expected",
    [
        ("10.0.0.1", "10.0.0.1", ["10.0.0.1"]),
        ("10.0.0.0", "10.0.0.255", ["10.0.0.0/24"]),
        ("10.0.0.1", "10.0.0.6", ["10.0.0.1", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6"]),
        ("0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]),
        ("::", "::2", ["::/127", "::2"]),
        ("2001:db8::", "2001:db8::2", ["2001:db8::/127", "2001:db8::2"]),
    ],
)
def test_an_interval_in_blocks_with_a_prefix_each(low, high, expected):
    family = "ipv6" if ":" in low else "ipv4"
    found = intervals.blocks((intervals.number_of(low), intervals.number_of(high)), family)
    assert [intervals.network_text(block, family) for block in found] == expected


@pytest.mark.parametrize(
    ("family", "inside", "outside"),
    [
        (
            "ipv4",
            ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255"],
            ["0.0.0.0", "0.255.255.255", "127.0.0.0", "127.255.255.255", "224.0.0.0", "255.255.255.255"],
        ),
        (
            "ipv6",
            ["::2", "::fffe:ffff:ffff", "::1:0:0:0", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
            ["::", "::1", "::ffff:0.0.0.0", "::ffff:255.255.255.255", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        ),
    ],
)
def test_addresses_that_packets_of_other_hosts_have(family, inside, outside):
    def found(addresses):
        asked = [(number, number) for number in map(intervals.number_of, addresses)]
        return len(intervals.common(intervals.merged(asked), intervals.ordinary_addresses(family)))

    assert (found(inside), found(outside)) == (len(inside), 0)


def singles(count):
    return [(port, port) for port in range(2, 2 * count + 2, 2)]


def ranges(count):
    return [(port, port + 1) for port in range(1000, 1000 + 3 * count, 3)]


@pytest.mark.parametrize(
    ("ports", "sizes"),
    [
        ([], []),
        (singles(15), [15]),
        (singles(16), [15, 1]),
        (singles(31), [15, 15, 1]),
        (singles(1) + ranges(7), [8]),
        (ranges(8), [7, 1]),
        (singles(2) + ranges(7), [8, 1]),
        (singles(14) + ranges(8), [14, 7, 1]),
    ],
)
def test_the_fewest_parts_that_a_match_of_iptables_has_room_for(ports, sizes):
    parts = list(intervals.portions(tuple(ports)))
    assert [len(part) for part in parts] == sizes
    assert [port for part in parts for port in part] == ports
