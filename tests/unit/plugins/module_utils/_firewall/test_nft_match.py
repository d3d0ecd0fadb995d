# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an answer of maybe depends on, and the edges of what is known of a packet."""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import nft_match
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import (
    INTERFACE,
    NO,
    NOT_SOURCE,
    OTHER,
    SOURCE,
    YES,
    Match,
    Numbers,
    Packet,
)

TCP_80 = Packet("ipv4", nft_match.TCP, 80)


def maybe(*kinds):
    return Match(None, frozenset(kinds))


@pytest.mark.parametrize("key", ["iif", "iifname", "iiftype", "iifgroup", "iifkind", "sdif", "sdifname", "ibrname", "ibriport"])
def test_whatever_asks_for_an_interface_depends_on_it(key):
    field = nft_match.field_of({"meta": {"key": key}}, TCP_80)
    assert nft_match.value_matches(field, "one") == maybe(INTERFACE)


def test_what_several_matches_depend_on_is_what_each_does():
    matches = (maybe(SOURCE), maybe(INTERFACE), maybe(OTHER))
    assert nft_match.any_of((NO, *matches)) == nft_match.all_of((YES, *matches)) == maybe(SOURCE, INTERFACE, OTHER)
    assert (nft_match.any_of((*matches, YES)), nft_match.all_of((*matches, NO))) == (YES, NO)
    assert (nft_match.any_of(()), nft_match.all_of(())) == (NO, YES)


def test_what_is_inverted():
    assert (YES.inverted(), NO.inverted()) == (NO, YES)
    assert maybe(SOURCE, INTERFACE).inverted() == maybe(NOT_SOURCE, INTERFACE)


@pytest.mark.parametrize(
    ("operator", "right", "expected"),
    [
        ("<", 10, YES),
        ("<", 9, maybe(OTHER)),
        ("<", 0, NO),
        ("<=", 9, YES),
        ("<=", 0, maybe(OTHER)),
        (">", 9, NO),
        (">", 8, maybe(OTHER)),
        (">=", 0, YES),
        (">=", 9, maybe(OTHER)),
        (">=", 10, NO),
    ],
)
def test_numbers_are_compared_to_their_last(operator, right, expected):
    assert nft_match.compared(Numbers(((0, 9),), "port", OTHER), operator, right) == expected


def test_any_address_may_be_above_another():
    every = nft_match.field_of({"payload": {"protocol": "ip6", "field": "saddr"}}, Packet("ipv6", nft_match.TCP, 80))
    assert nft_match.compared(every, ">=", "::") == YES


@pytest.mark.parametrize(
    ("left", "packet", "right", "expected"),
    [
        ({"payload": {"protocol": "ip6", "field": "nexthdr"}}, Packet("ipv6", 6, 80), "tcp", YES),
        ({"payload": {"protocol": "ip6", "field": "nexthdr"}}, Packet("ipv6", 6, 80), "udp", NO),
        ({"meta": {"key": "protocol"}}, Packet("ipv6", 6, 80), "ip6", YES),
        ({"meta": {"key": "protocol"}}, Packet("ipv6", 6, 80), "ip", NO),
    ],
)
def test_a_packet_of_ipv6(left, packet, right, expected):
    assert nft_match.value_matches(nft_match.field_of(left, packet), right) == expected


def test_a_packet_without_ports_has_none_to_ask_for():
    assert nft_match.field_of({"payload": {"protocol": "th", "field": "dport"}}, Packet("ipv4", 1)) is None
