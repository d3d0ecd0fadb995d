# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils import _address

any_address = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


@given(any_address)
def test_canonical_agrees_with_the_standard_library(address):
    text = _address.canonical(str(address))
    assert ipaddress.ip_address(text) == address
    assert _address.canonical(text) == text
    assert _address.family_of(text) == "ipv%d" % address.version


@pytest.mark.parametrize("text", ["", "010.0.0.1", "127.1", "1.2.3.4.5", "fe80::1%eth0", "::1::", "localhost", "1.2.3.4 "])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="is not an IP address"):
        _address.canonical(text)


@given(any_address)
def test_loopback_and_wildcard_agree_with_the_standard_library(address):
    text = _address.canonical(str(address))
    mapped = getattr(address, "ipv4_mapped", None)
    assert _address.is_loopback(text) == (mapped or address).is_loopback
    assert _address.is_wildcard(text) == (mapped or address).is_unspecified
    assert _address.plain(text) == str(mapped or text)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"])
def test_loopback(text):
    assert _address.is_loopback(_address.canonical(text))


@pytest.mark.parametrize("text", ["128.0.0.1", "0.0.0.0", "::", "::2", "::ffff:128.0.0.1", "1270::"])
def test_not_loopback(text):
    assert not _address.is_loopback(_address.canonical(text))


@given(any_address, st.data())
def test_in_network_agrees_with_the_standard_library(address, data):
    base = data.draw(st.ip_addresses(v=data.draw(st.sampled_from([4, 6]))))
    prefix = data.draw(st.integers(0, base.max_prefixlen))
    network = ipaddress.ip_network("%s/%d" % (base, prefix), strict=False)
    found = _address.in_network(_address.canonical(str(address)), _address.parse_network("%s/%d" % (base, prefix)))
    assert found == (address.version == network.version and address in network)


def test_a_single_address_is_a_network_of_one():
    assert _address.in_network("192.0.2.1", _address.parse_network("192.0.2.1"))
    assert not _address.in_network("192.0.2.2", _address.parse_network("192.0.2.1"))
    assert _address.parse_network("192.0.2.1/32") == _address.parse_network("192.0.2.1")


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/x", "::/129", "sshd", "sshd/3"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError):
        _address.parse_network(text)


def _connects(family, address, port):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        outcome = client.connect_ex((address, port))
    assert outcome in (0, errno.ECONNREFUSED)
    return outcome == 0


@pytest.mark.parametrize(
    "family, bind, v6only",
    [
        ("ipv4", "0.0.0.0", None),
        ("ipv4", "127.0.0.1", None),
        ("ipv6", "::", True),
        ("ipv6", "::", False),
        ("ipv6", "::1", False),
        ("ipv6", "::ffff:127.0.0.1", False),
        ("ipv6", "::ffff:0.0.0.0", False),
    ],
)
def test_reach_agrees_with_the_kernel(family, bind, v6only):
    kind = socket.AF_INET if family == "ipv4" else socket.AF_INET6
    with socket.socket(kind, socket.SOCK_STREAM) as server:
        if v6only is not None:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
        server.bind((bind, 0))
        server.listen(5)
        port = server.getsockname()[1]
        served = {
            name
            for name, kind, address in (("ipv4", socket.AF_INET, "127.0.0.1"), ("ipv6", socket.AF_INET6, "::1"))
            if _connects(kind, address, port)
        }
    reach = _address.reach(family, _address.canonical(bind), v6only)
    assert reach.certain == reach.possible == served


def test_reach_of_a_wildcard_without_the_v6only_bit_is_uncertain():
    reach = _address.reach("ipv6", "::", None)
    assert reach.certain == {"ipv6"} and reach.possible == {"ipv4", "ipv6"}
