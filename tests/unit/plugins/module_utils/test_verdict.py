# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each row of the verdict tables in docs, judged on sockets written as text: `tcp [::]%mgmt:22 v6only sshd`."""

from __future__ import annotations

import itertools
import re

import pytest

from ansible_collections.netports.core.plugins.module_utils import _ownership, _tolerate, _verdict, _wording
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_listeners
from ansible_collections.netports.core.plugins.module_utils._socket_table import (
    FOUND,
    HIDDEN,
    KERNEL,
    UNASKED,
    Owner,
    Socket,
    SocketTable,
)

_SOCKET = re.compile(r"^(tcp|udp) (?:\[([^\]]+)\]|([0-9.]+))(?:%(\S+))?:(\d+)(?: (dual|v6only|cut))?(?: (.+))?$")

_inodes = itertools.count(100)


def sock(text):
    """`PROTOCOL ADDRESS[%DEVICE]:PORT [dual|v6only|cut] [OWNER|@kernel|@hidden|@unasked]`; owners `a,b` share the socket."""
    protocol, v6, v4, device, port, flag, owner = _SOCKET.match(text).groups()
    inode = next(_inodes)
    states = {"@kernel": KERNEL, "@hidden": HIDDEN, "@unasked": UNASKED, None: UNASKED}
    owners = ()
    if owner not in states:
        owners = tuple(Owner(1 if name == "systemd" else 4000 + inode, name) for name in owner.split(","))
    return Socket(
        protocol,
        "ipv6" if v6 else "ipv4",
        v6 or v4,
        int(port),
        device,
        {"dual": False, "v6only": True}.get(flag),
        inode,
        owners,
        FOUND if owners else states[owner],
        truncated_address=flag == "cut",
    )


def table(*texts, **known):
    sockets = tuple(text if isinstance(text, Socket) else sock(text) for text in texts)
    return SocketTable(sockets, "sock_diag", known.get("v6only", True), known.get("device", True))


def listener(**keys):
    return dict({"name": "web", "protocol": "tcp", "port": 80}, **keys)


def judge(listeners, observed, **options):
    return _verdict.judge(parse_listeners(listeners), observed, **options)


def verdict(expected, *texts, **options):
    """Verdict and reason for one expectation."""
    known = {key: options.pop(key) for key in ("v6only", "device") if key in options}
    (finding,) = judge([expected], table(*texts, **known), **options).findings
    return finding.verdict, finding.reason


@pytest.mark.parametrize(
    "keys, sockets, expected",
    [
        # bind: any
        ({}, ["tcp 0.0.0.0:80"], "ok"),
        ({}, ["tcp [::]:80 dual"], "ok"),
        ({}, ["tcp 192.0.2.1:80"], "ok"),
        ({}, ["tcp [2001:db8::1]:80"], "ok"),
        ({}, ["tcp 127.0.0.1:80"], "confined"),
        ({}, ["tcp 127.8.9.10:80"], "confined"),
        ({}, ["tcp [::1]:80"], "confined"),
        ({}, ["tcp [::ffff:127.0.0.1]:80"], "confined"),
        ({}, ["tcp [::ffff:192.0.2.1]:80"], "ok"),
        ({}, ["tcp 127.0.0.1:80", "tcp 192.0.2.1:80"], "ok"),
        ({}, [], "absent"),
        ({}, ["tcp 0.0.0.0:8080", "udp 0.0.0.0:80"], "absent"),
        # bind: loopback
        ({"bind": "loopback"}, ["tcp 127.0.0.1:80"], "ok"),
        ({"bind": "loopback"}, ["tcp 127.0.0.53:80"], "ok"),
        ({"bind": "loopback"}, ["tcp [::1]:80"], "ok"),
        ({"bind": "loopback"}, ["tcp [::ffff:127.0.0.1]:80"], "ok"),
        ({"bind": "loopback"}, ["tcp 0.0.0.0:80"], "exposed"),
        ({"bind": "loopback"}, ["tcp [::]:80 dual"], "exposed"),
        ({"bind": "loopback"}, ["tcp 192.0.2.1:80"], "exposed"),
        ({"bind": "loopback"}, ["tcp 127.0.0.1:80", "tcp 192.0.2.1:80"], "exposed"),
        ({"bind": "loopback", "family": "ipv4"}, ["tcp 127.0.0.1:80", "tcp [::]:80 v6only"], "exposed"),
        ({"bind": "loopback", "family": "ipv4"}, ["tcp [::1]:80"], "confined"),
        ({"bind": "loopback", "family": "both"}, ["tcp 127.0.0.1:80", "tcp [::1]:80"], "ok"),
        ({"bind": "loopback", "family": "both"}, ["tcp 127.0.0.1:80"], "confined"),
        # bind: an address
        ({"bind": "192.0.2.1"}, ["tcp 192.0.2.1:80"], "ok"),
        ({"bind": "192.0.2.1"}, ["tcp [::ffff:192.0.2.1]:80"], "ok"),
        ({"bind": "192.0.2.1"}, ["tcp 0.0.0.0:80"], "ok"),
        ({"bind": "192.0.2.1"}, ["tcp [::]:80 dual"], "ok"),
        ({"bind": "192.0.2.1"}, ["tcp [::]:80 v6only"], "confined"),
        ({"bind": "192.0.2.1"}, ["tcp [::]:80"], "unverifiable"),
        ({"bind": "192.0.2.1"}, ["tcp 192.0.2.2:80"], "confined"),
        ({"bind": "192.0.2.1"}, ["tcp 127.0.0.1:80"], "confined"),
        ({"bind": "2001:db8::1"}, ["tcp [2001:db8::1]:80"], "ok"),
        ({"bind": "2001:db8::1"}, ["tcp [::]:80 v6only"], "ok"),
        ({"bind": "2001:db8::1"}, ["tcp [::]:80"], "ok"),
        ({"bind": "2001:db8::1"}, ["tcp 0.0.0.0:80"], "confined"),
        ({"bind": "0.0.0.0"}, ["tcp 0.0.0.0:80"], "ok"),
        ({"bind": "0.0.0.0"}, ["tcp 192.0.2.1:80"], "confined"),
        ({"bind": "127.0.0.53"}, ["tcp 127.0.0.53:80"], "ok"),
        ({"bind": "127.0.0.53"}, ["tcp 127.0.0.1:80"], "confined"),
        ({"bind": "127.0.0.53"}, ["tcp 0.0.0.0:80"], "exposed"),
        ({"bind": "127.0.0.53"}, ["tcp 127.0.0.53:80", "tcp 192.0.2.1:80"], "ok"),
        # families
        ({"family": "ipv4"}, ["tcp [::]:80 dual"], "ok"),
        ({"family": "ipv4"}, ["tcp [::]:80 v6only"], "confined"),
        ({"family": "ipv4"}, ["tcp [::]:80"], "unverifiable"),
        ({"family": "ipv4"}, ["tcp [::]:80", "tcp 0.0.0.0:80"], "ok"),
        ({"family": "ipv6"}, ["tcp 0.0.0.0:80"], "confined"),
        ({"family": "ipv6"}, ["tcp [::ffff:192.0.2.1]:80"], "confined"),
        ({"family": "ipv6"}, ["tcp [::]:80"], "ok"),
        ({"family": "both"}, ["tcp [::]:80 dual"], "ok"),
        ({"family": "both"}, ["tcp [::]:80 v6only", "tcp 0.0.0.0:80"], "ok"),
        ({"family": "both"}, ["tcp [::]:80 v6only"], "confined"),
        ({"family": "both"}, ["tcp [::]:80"], "unverifiable"),
        ({"family": "both"}, ["tcp 0.0.0.0:80"], "confined"),
        ({"family": "both"}, ["tcp 0.0.0.0:80", "tcp [::1]:80"], "confined"),
        ({"family": "any"}, ["tcp [::]:80"], "ok"),
        # devices
        ({}, ["tcp 0.0.0.0%mgmt:80"], "ok"),
        ({}, ["tcp 0.0.0.0%lo:80"], "confined"),
        ({"bind": "loopback"}, ["tcp 0.0.0.0%lo:80"], "ok"),
        ({"bind": "loopback"}, ["tcp 192.0.2.1%lo:80"], "confined"),
        ({"device": "mgmt"}, ["tcp 0.0.0.0%mgmt:80"], "ok"),
        ({"device": "mgmt"}, ["tcp 0.0.0.0:80"], "confined"),
        ({"device": "mgmt"}, ["tcp 0.0.0.0%blue:80"], "confined"),
        ({"device": "mgmt"}, ["tcp 0.0.0.0%blue:80", "tcp 0.0.0.0%mgmt:80"], "ok"),
        ({"device": "lo"}, ["tcp 0.0.0.0%lo:80"], "ok"),
        # an address that netstat cut
        ({}, ["tcp [fe80::a200:ff:fe00:]:80 cut"], "unverifiable"),
        ({"family": "ipv4"}, ["tcp [fe80::a200:ff:fe00:]:80 cut"], "confined"),
        ({"family": "ipv4"}, ["tcp [::ffff:192.168.100.1]:80 cut"], "unverifiable"),
        ({"bind": "192.0.2.1"}, ["tcp [::ffff:192.168.100.1]:80 cut"], "unverifiable"),
        ({"bind": "loopback"}, ["tcp [::1]:80", "tcp [fe80::a200:ff:fe00:]:80 cut"], "unverifiable"),
        ({"bind": "loopback"}, ["tcp 0.0.0.0:80", "tcp [fe80::a200:ff:fe00:]:80 cut"], "exposed"),
        ({}, ["tcp [::]:80 dual", "tcp [fe80::a200:ff:fe00:]:80 cut"], "ok"),
        # what has no socket to see
        ({"seen_as": "nodeport"}, [], "unverifiable"),
        ({"seen_as": "nodeport"}, ["tcp 0.0.0.0:80"], "ok"),
        ({"seen_as": "nodeport"}, ["tcp 127.0.0.1:80"], "confined"),
        # what is bound there is the service behind the proxy
        ({"seen_as": "redirect"}, [], "unverifiable"),
        ({"seen_as": "redirect"}, ["tcp [::]:80 dual"], "unverifiable"),
        ({"optional": True}, [], "absent"),
    ],
)
def test_what_serves_what(keys, sockets, expected):
    assert verdict(listener(**keys), *sockets)[0] == expected


@pytest.mark.parametrize(
    "keys, sockets, words",
    [
        ({}, ["tcp 192.0.2.1:80"], "192.0.2.1"),
        ({}, ["tcp 0.0.0.0%mgmt:80"], "mgmt"),
        ({}, ["tcp 127.0.0.1:80"], "loopback"),
        ({"bind": "192.0.2.1"}, ["tcp 0.0.0.0:80"], "covered by 0.0.0.0"),
        ({"bind": "192.0.2.1"}, ["tcp 192.0.2.2:80"], "bound to 192.0.2.2, not to 192.0.2.1"),
        ({"bind": "loopback"}, ["tcp 0.0.0.0:80"], "expected on loopback, bound to 0.0.0.0"),
        ({"family": "both"}, ["tcp 0.0.0.0:80"], "only IPv4 is served, IPv6 is missing"),
        ({"device": "mgmt"}, ["tcp 0.0.0.0:80"], "bound to no device, not to mgmt"),
        ({"device": "mgmt"}, ["tcp 0.0.0.0%blue:80"], "bound to blue, not to mgmt"),
        ({"family": "both"}, ["tcp [::]:80"], "does not tell whether [::] takes IPv4 too"),
        ({"seen_as": "nodeport"}, [], "NodePort"),
        ({}, ["tcp [fe80::a200:ff:fe00:]:80 cut"], "netstat cut the address"),
    ],
)
def test_the_reason_says_why(keys, sockets, words):
    assert words in verdict(listener(**keys), *sockets)[1]


def test_ip_protocol_is_unverifiable_and_is_not_tcp_of_that_number():
    expected = {"name": "ipip", "protocol": "ip", "number": 4}
    assert verdict(expected, "tcp 0.0.0.0:4")[0] == "unverifiable"


def test_device_asked_of_evidence_without_devices():
    assert verdict(listener(device="mgmt"), "tcp 0.0.0.0:80", device=False)[0] == "unverifiable"
    assert verdict(listener(device="mgmt"), "tcp 127.0.0.1:80", device=False)[0] == "confined"
    assert verdict(listener(device="mgmt"), device=False)[0] == "absent"


@pytest.mark.parametrize(
    "process, owner, expected",
    [
        ("kuma-cp", "kuma-cp", "ok"),
        ("kuma-cp", "nginx", "wrong_owner"),
        (["nginx", "apache2"], "apache2", "ok"),
        ("sshd", "systemd,sshd", "ok"),
        ("sshd", "systemd", "unverifiable"),
        ("kuma-cp", "@hidden", "unverifiable"),
        ("kuma-cp", "@unasked", "unverifiable"),
        ("kuma-cp", "@kernel", "wrong_owner"),
        ("kernel", "@kernel", "ok"),
        ("kernel", "nginx", "wrong_owner"),
        ("kernel", "@hidden", "unverifiable"),
        (["kernel", "vxlan"], "@kernel", "ok"),
    ],
)
def test_owner(process, owner, expected):
    assert verdict(listener(process=process), "tcp 0.0.0.0:80 " + owner)[0] == expected


def test_wrong_owner_names_both():
    assert verdict(listener(process="kuma-cp"), "tcp 0.0.0.0:80 nginx") == (
        "wrong_owner",
        "0.0.0.0:80 held by nginx, not by kuma-cp",
    )


@pytest.mark.parametrize(
    "expected, owner, matches",
    [
        ("systemd-resolved", Owner(5, "systemd-resolve", truncated=15), True),
        ("systemd-resolver", Owner(5, "systemd-resolve", truncated=15), True),
        ("systemd", Owner(5, "systemd-resolve", truncated=15), False),
        ("systemd-resolved", Owner(5, "systemd-resol", truncated=15), False),
        ("systemd-resolved", Owner(5, "systemd-resolve"), False),
        # 15 bytes, not characters: eight two-byte letters are cut in the middle of the last one
        ("\u00e4" * 8, Owner(5, "\u00e4" * 7 + "\udcc3", truncated=15), True),
        ("nginx", Owner(5, "nginx: master p", truncated=15), True),
        ("sshd", Owner(5, "sshd: /usr/sbin", truncated=15), True),
        ("sshd", Owner(5, "sshd: [listener", truncated=15), True),
        ("ssh", Owner(5, "sshd: [listener", truncated=15), False),
        ("rspamd", Owner(5, "rspamd: main p"), True),
        ("ntpd", Owner(5, "/usr/sbin/ntpd"), True),
        ("ntpd", Owner(5, "/usr/sbin/ntpd -g"), True),
        ("postgres", Owner(5, "/usr/bin/postgres: writer"), True),
        ("my proc name", Owner(5, "my proc name"), True),
        ("my", Owner(5, "my proc name"), False),
        ('a ) b "q" c', Owner(5, 'a ) b "q" c', truncated=15), True),
        ("kuma-dp", Owner(5, "envoy", aliases=("kuma-dp",)), True),
        ("sshd", Owner(1, "systemd", aliases=("ssh", "sshd")), True),
        ("", Owner(5, "", truncated=15), True),
    ],
)
def test_owner_names(expected, owner, matches):
    assert _ownership.owner_matches(expected, owner) is matches


def test_systemd_holding_a_socket_for_another_service_is_a_wrong_owner_named_by_the_service():
    held = sock("tcp 0.0.0.0:80 systemd")._replace(owners=(Owner(1, "systemd", aliases=("telnetd",)),))
    assert verdict(listener(process="sshd"), held) == ("wrong_owner", "0.0.0.0:80 held by systemd for telnetd, not by sshd")


def test_check_process_off_ignores_the_owner():
    assert verdict(listener(process="kuma-cp"), "tcp 0.0.0.0:80 nginx", check_process=False)[0] == "ok"


class TestSeveralSockets:
    def test_reuseport_thief_among_right_owners_is_named(self):
        found = verdict(listener(process="kuma-cp"), "tcp 0.0.0.0:80 kuma-cp", "tcp 0.0.0.0:80 thief")
        assert found[0] == "wrong_owner" and "thief" in found[1]

    def test_thief_in_the_other_family_of_a_dual_stack_expectation(self):
        assert verdict(listener(process="kuma-cp"), "tcp 0.0.0.0:80 kuma-cp", "tcp [::]:80 v6only thief")[0] == "wrong_owner"

    def test_other_family_is_no_business_of_one_family(self):
        assert verdict(listener(process="a", family="ipv4"), "tcp 0.0.0.0:80 a", "tcp [::]:80 v6only b")[0] == "ok"

    def test_only_a_stranger_in_another_family_is_absent_not_confined(self):
        found = verdict(listener(process="a", family="ipv4"), "tcp [::]:80 v6only b")
        assert found == ("absent", "nothing listens on it but [::]:80, held by b")

    def test_one_hidden_owner_among_right_ones(self):
        assert verdict(listener(process="a"), "tcp 0.0.0.0:80 a", "tcp [::]:80 v6only @hidden")[0] == "unverifiable"

    def test_workers_of_the_right_name(self):
        assert verdict(listener(process="nginx"), "tcp 0.0.0.0:80 nginx", "tcp 0.0.0.0:80 nginx,nginx")[0] == "ok"

    def test_another_process_on_another_address_does_not_touch_an_address(self):
        found = verdict(listener(process="apiserver", bind="192.0.2.1"), "tcp 192.0.2.1:80 apiserver", "tcp 192.0.2.9:80 haproxy")
        assert found[0] == "ok"

    def test_another_vrf_is_another_port(self):
        found = verdict(listener(process="ntpd", device="mgmt"), "tcp 0.0.0.0%mgmt:80 ntpd", "tcp 0.0.0.0:80 chronyd")
        assert found[0] == "ok"

    def test_two_services_that_share_a_port_by_address(self):
        named = listener(name="dns", process="named")
        stub = listener(name="stub", bind="127.0.0.53", process="systemd-resolve")
        observed = table("tcp 192.0.2.1:80 named", "tcp 127.0.0.53:80 systemd-resolve")
        assert [f.verdict for f in judge([named, stub], observed).findings] == ["ok", "ok"]
        assert [f.verdict for f in judge([named], observed).findings] == ["wrong_owner"]

    def test_exposure_in_one_family_is_forgiven_where_another_expectation_wants_it(self):
        admin = listener(name="admin", bind="loopback", family="ipv4")
        public = listener(name="public", family="ipv6")
        observed = table("tcp 127.0.0.1:80", "tcp [::]:80 v6only")
        assert [f.verdict for f in judge([admin, public], observed).findings] == ["ok", "ok"]

    def test_a_port_expected_on_loopback_and_outside_as_envoy_has_its_admin_port(self):
        admin, outer = listener(name="admin", bind="loopback"), listener(name="outer")
        observed = table("tcp 127.0.0.1:80", "tcp 192.0.2.1:80")
        assert [f.verdict for f in judge([admin, outer], observed).findings] == ["ok", "ok"]
        assert [f.verdict for f in judge([admin, outer], table("tcp 0.0.0.0:80")).findings] == ["exposed", "ok"]
        assert [f.verdict for f in judge([admin, outer], table("tcp 127.0.0.1:80")).findings] == ["ok", "absent"]
        assert [f.verdict for f in judge([admin, outer], table("tcp 192.0.2.1:80")).findings] == ["absent", "ok"]


class TestPrecedence:
    """The order of the table in the module's docstring."""

    def test_wrong_owner_before_exposed(self):
        assert verdict(listener(bind="loopback", process="envoy"), "tcp 0.0.0.0:80 nginx")[0] == "wrong_owner"

    def test_exposed_before_unseen_owner(self):
        assert verdict(listener(bind="loopback", process="envoy"), "tcp 0.0.0.0:80 @hidden")[0] == "exposed"

    def test_confined_before_unseen_owner(self):
        assert verdict(listener(process="envoy"), "tcp 127.0.0.1:80 @hidden")[0] == "confined"

    def test_shut_before_unseen_owner(self):
        assert verdict(listener(process="envoy"), "tcp 0.0.0.0:80 @hidden", admissions={"web": Admission("dropped")})[0] == "shut"

    def test_confined_before_shut(self):
        assert verdict(listener(), "tcp 127.0.0.1:80", admissions={"web": Admission("dropped")})[0] == "confined"


class Admission:
    """The two fields of `_firewall.model.Admission` that the verdict reads."""

    def __init__(self, state):
        self.state = state
        self.reason = "the firewall says %s" % state


@pytest.mark.parametrize(
    "keys, sockets, state, expected",
    [
        ({}, ["tcp 0.0.0.0:80"], "admitted", "ok"),
        ({}, ["tcp 0.0.0.0:80"], "unfiltered", "ok"),
        ({}, ["tcp 0.0.0.0:80"], "closed", "ok"),
        ({}, ["tcp 0.0.0.0:80"], "dropped", "shut"),
        ({}, ["tcp 0.0.0.0:80"], "unknown", "unverifiable"),
        ({"allow": False}, ["tcp 0.0.0.0:80"], "dropped", "ok"),
        ({"bind": "loopback"}, ["tcp 127.0.0.1:80"], "dropped", "ok"),
        ({}, [], "dropped", "absent"),
        ({"seen_as": "nodeport"}, [], "dropped", "unverifiable"),
        ({"seen_as": "redirect", "allow": False}, [], "redirected", "ok"),
        ({"seen_as": "redirect", "allow": False}, ["tcp 0.0.0.0:80"], "straight", "absent"),
        ({"seen_as": "redirect", "allow": False}, ["tcp 0.0.0.0:80"], "unknown", "unverifiable"),
        ({"seen_as": "redirect"}, ["tcp 0.0.0.0:80"], "dropped", "shut"),
        ({"seen_as": "redirect"}, [], "admitted", "ok"),
        ({"protocol": "ip", "number": 4, "port": None}, [], "dropped", "shut"),
    ],
)
def test_admission(keys, sockets, state, expected):
    found = verdict(listener(**keys), *sockets, admissions={"web": Admission(state)})
    assert found[0] == expected
    if expected == "shut":
        assert found[1] == "the firewall says dropped"
    elif sockets and keys == {}:
        assert found[1].endswith("the firewall says %s" % state)


class TestDynamicAndRanges:
    dynamic = {"name": "client", "protocol": "udp", "port": "dynamic", "process": "dhclient"}
    ranged = {"name": "tunnels", "protocol": "tcp", "port": "30001-65535", "process": "envoy"}

    def test_dynamic_by_owner(self):
        found = verdict(self.dynamic, "udp 0.0.0.0:28450 dhclient", "udp 0.0.0.0:123 ntpd")
        assert found[0] == "ok" and "28450" in found[1]

    def test_dynamic_without_a_socket_of_the_owner(self):
        assert verdict(self.dynamic, "udp 0.0.0.0:28450 ntpd")[0] == "absent"

    def test_dynamic_among_hidden_owners(self):
        assert verdict(self.dynamic, "udp 0.0.0.0:28450 @hidden")[0] == "unverifiable"

    def test_dynamic_without_process(self):
        assert verdict(dict(self.dynamic, process=[]), "udp 0.0.0.0:28450 dhclient")[0] == "unverifiable"
        assert verdict(self.dynamic, "udp 0.0.0.0:28450 dhclient", check_process=False)[0] == "unverifiable"

    def test_a_socket_of_a_fixed_port_is_no_dynamic_one(self):
        fixed = {"name": "dhcp", "protocol": "udp", "port": 68, "process": "dhclient"}
        found = judge([fixed, self.dynamic], table("udp 0.0.0.0:68 dhclient")).findings
        assert [f.verdict for f in found] == ["ok", "absent"]

    def test_a_fixed_port_of_one_family_leaves_the_other_family(self):
        fixed = {"name": "dhcp", "protocol": "udp", "port": 68, "process": "dhclient", "family": "ipv4"}
        found = judge([fixed, self.dynamic], table("udp 0.0.0.0:68 dhclient", "udp [::]:68 v6only dhclient")).findings
        assert [f.verdict for f in found] == ["ok", "ok"]

    def test_range_by_owner_ignores_other_owners(self):
        assert verdict(self.ranged, "tcp 0.0.0.0:31000 envoy", "tcp 0.0.0.0:40000 sshd")[0] == "ok"
        assert verdict(self.ranged, "tcp 0.0.0.0:40000 sshd")[0] == "absent"
        assert verdict(self.ranged, "tcp 0.0.0.0:30000 envoy")[0] == "absent"

    def test_range_without_process_takes_any_socket(self):
        assert verdict(dict(self.ranged, process=[]), "tcp 0.0.0.0:65535 sshd")[0] == "ok"

    def test_range_bound_to_loopback(self):
        assert verdict(self.ranged, "tcp 127.0.0.1:31000 envoy")[0] == "confined"

    def test_loopback_range(self):
        local = dict(self.ranged, bind="loopback")
        assert verdict(local, "tcp 127.0.0.1:31000 envoy", "tcp 0.0.0.0:31001 envoy")[0] == "ok"
        assert verdict(local, "tcp 0.0.0.0:31001 envoy")[0] == "exposed"


class TestFree:
    @pytest.mark.parametrize(
        "keys, sockets, expected",
        [
            ({}, [], "ok"),
            ({}, ["tcp 0.0.0.0:80 nginx"], "taken"),
            ({}, ["tcp 127.0.0.1:80 nginx"], "taken"),
            ({}, ["tcp 0.0.0.0%lo:80 nginx"], "taken"),
            ({}, ["tcp 0.0.0.0%mgmt:80 nginx"], "unverifiable"),
            ({}, ["udp 0.0.0.0:80 nginx"], "ok"),
            ({"family": "ipv4"}, ["tcp [::]:80 dual nginx"], "taken"),
            ({"family": "ipv4"}, ["tcp [::]:80 v6only nginx"], "ok"),
            ({"family": "ipv4"}, ["tcp [::]:80 nginx"], "unverifiable"),
            ({"family": "ipv6"}, ["tcp 0.0.0.0:80 nginx"], "ok"),
            ({"bind": "loopback"}, ["tcp 192.0.2.1:80 nginx"], "ok"),
            ({"bind": "loopback"}, ["tcp 0.0.0.0:80 nginx"], "taken"),
            ({"bind": "loopback"}, ["tcp 127.0.0.1:80 nginx"], "taken"),
            ({"bind": "192.0.2.1"}, ["tcp 192.0.2.2:80 nginx"], "ok"),
            ({"bind": "192.0.2.1"}, ["tcp 127.0.0.1:80 nginx"], "ok"),
            ({"bind": "192.0.2.1"}, ["tcp 192.0.2.1:80 nginx"], "taken"),
            ({"bind": "192.0.2.1"}, ["tcp [::]:80 dual nginx"], "taken"),
            ({"bind": "0.0.0.0"}, ["tcp 192.0.2.2:80 nginx"], "taken"),
            ({"device": "mgmt"}, ["tcp 0.0.0.0%mgmt:80 nginx"], "taken"),
            ({"device": "mgmt"}, ["tcp 0.0.0.0%blue:80 nginx"], "ok"),
            ({"device": "mgmt"}, ["tcp 0.0.0.0:80 nginx"], "unverifiable"),
            ({}, ["tcp [fe80::a200:ff:fe00:]:80 cut nginx"], "taken"),
            ({"bind": "2001:db8::1"}, ["tcp [fe80::a200:ff:fe00:]:80 cut nginx"], "unverifiable"),
            ({"port": "dynamic"}, ["tcp 0.0.0.0:80 nginx"], "ok"),
            ({"port": "80-81"}, ["tcp 0.0.0.0:80 nginx"], "ok"),
            ({"port": "80-81"}, ["tcp 0.0.0.0:80 nginx", "tcp 0.0.0.0:81 nginx"], "taken"),
            ({"protocol": "ip", "number": 4, "port": None}, [], "unverifiable"),
            ({"seen_as": "redirect"}, ["tcp 0.0.0.0:80 nginx"], "ok"),
        ],
    )
    def test_what_blocks_a_bind(self, keys, sockets, expected):
        assert verdict(listener(**keys), *sockets, state="free")[0] == expected

    def test_the_holder_is_named(self):
        assert "nginx" in verdict(listener(), "tcp 0.0.0.0:80 nginx", state="free")[1]
        assert "an unknown process" in verdict(listener(), "tcp 0.0.0.0:80 @hidden", state="free")[1]

    def test_the_expected_process_itself_is_said_to_be_so(self):
        assert "the expected process" in verdict(listener(process="nginx"), "tcp 0.0.0.0:80 nginx", state="free")[1]

    @pytest.mark.parametrize(
        "sockets, expected",
        [
            ([], "ok"),
            (["tcp 0.0.0.0:22 sshd", "tcp [::]:22 v6only sshd"], "ok"),
            (["tcp 0.0.0.0:22 @hidden"], "unverifiable"),
            (["tcp 0.0.0.0:22 nginx"], "taken"),
            (["tcp 0.0.0.0:22 nginx", "tcp [::]:22 v6only sshd"], "taken"),
        ],
    )
    def test_only_others_are_in_the_way_of_what_the_system_has_before(self, sockets, expected):
        ssh = listener(port=22, process="sshd", preinstalled=True)
        assert verdict(ssh, *sockets, state="free")[0] == expected

    def test_every_finding_of_taken_fails(self):
        assert judge([listener()], table("tcp 0.0.0.0:80 nginx"), state="free").failed


class TestUnexpected:
    def found(self, *texts, **options):
        tolerate = options.pop("tolerate", ())
        judgement = judge([listener(process="nginx", **options)], table(*texts), unexpected="fail", tolerate=tolerate)
        return [_wording.endpoint(each) for each in judgement.unexpected]

    def test_same_protocol_port_and_family_is_known(self):
        assert self.found("tcp 0.0.0.0:80 nginx", "tcp [::]:80 v6only nginx", "tcp 127.0.0.1:80 thief") == []
        assert self.found("udp 0.0.0.0:80 nginx") == ["0.0.0.0:80"]
        assert self.found("tcp [::]:80 v6only nginx", family="ipv4") == ["[::]:80"]
        assert self.found("tcp [::]:80 dual nginx", family="ipv4") == []

    def test_loopback_only_strangers_are_reported_in_a_stable_order(self):
        assert self.found("udp 127.0.0.1:323 chronyd", "tcp 127.0.0.1:631 cupsd") == ["127.0.0.1:631", "127.0.0.1:323"]

    def test_ranges_know_their_owner_only(self):
        assert self.found("tcp 0.0.0.0:81 nginx", "tcp 0.0.0.0:82 thief", "tcp 0.0.0.0:83 @hidden", port="80-90") == [
            "0.0.0.0:82"
        ]

    @pytest.mark.parametrize(
        "tolerate, left",
        [
            (["tcp/22"], ["[fe80::1]%eth0:5353", "127.0.0.1:323", "0.0.0.0:40000"]),
            (["udp/30000-40000"], ["0.0.0.0:22", "127.0.0.1:323", "[fe80::1]%eth0:5353"]),
            (["127.0.0.0/8", "sshd"], ["0.0.0.0:40000", "[fe80::1]%eth0:5353"]),
            (["fe80::/10", "tcp/1-65535", "udp/1-65535"], []),
            (["fe80::1"], ["0.0.0.0:22", "127.0.0.1:323", "0.0.0.0:40000"]),
        ],
    )
    def test_tolerate(self, tolerate, left):
        sockets = ["tcp 0.0.0.0:22 sshd", "udp 127.0.0.1:323 @hidden", "udp 0.0.0.0:40000 x", "udp [fe80::1]%eth0:5353 avahi"]
        assert sorted(self.found(*sockets, tolerate=tolerate)) == sorted(left)

    @pytest.mark.parametrize(
        "entry", ["22", "", " ", "tcp/", "tcp/70000", "tcp/dynamic", "sctp/22", "10.0.0.0/33", "10.0.0.0/x", "usr/sbin/sshd"]
    )
    def test_nonsense_is_refused_by_place(self, entry):
        with pytest.raises(Problem, match=r"^tolerate\[1\]: "):
            _tolerate.parse_tolerate(["tcp/22", entry])

    def test_report_does_not_fail_and_fail_does(self):
        observed = table("tcp 0.0.0.0:80", "tcp 0.0.0.0:22")
        assert [judge([listener()], observed, unexpected=mode).failed for mode in ("ignore", "report", "fail")] == [
            False,
            False,
            True,
        ]
        assert judge([listener()], observed).summary()["unexpected"] == 0


class TestOwnersWanted:
    def wanted(self, listeners, *texts, **options):
        observed = table(*texts)
        by_inode = {each.inode: _wording.endpoint(each) for each in observed.sockets}
        return {
            by_inode[inode]: names
            for inode, names in _verdict.owners_wanted(parse_listeners(listeners), observed, **options).items()
        }

    def test_only_where_a_process_is_expected(self):
        found = self.wanted(
            [listener(process="nginx"), listener(name="x", port=81)], "tcp 0.0.0.0:80", "tcp 0.0.0.0:81", "tcp 0.0.0.0:82"
        )
        assert found == {"0.0.0.0:80": ("nginx",)}

    def test_nothing_without_check_process(self):
        assert self.wanted([listener(process="nginx")], "tcp 0.0.0.0:80", check_process=False) == {}

    def test_names_of_several_expectations_add_up_and_kernel_is_no_name(self):
        listeners = [listener(process=["a", "kernel"]), listener(name="b", process=["a", "b"])]
        assert self.wanted(listeners, "tcp 0.0.0.0:80") == {"0.0.0.0:80": ("a", "b")}

    def test_dynamic_looks_at_all_that_is_not_claimed(self):
        listeners = [listener(), listener(name="d", port="dynamic", process="x")]
        assert self.wanted(listeners, "tcp 0.0.0.0:80", "tcp 0.0.0.0:81", "udp 0.0.0.0:82") == {"0.0.0.0:81": ("x",)}

    def test_unexpected_looks_at_all(self):
        found = self.wanted(
            [listener(process="nginx")], "tcp 0.0.0.0:80", "udp 0.0.0.0:82", unexpected="report", check_process=False
        )
        assert found == {"0.0.0.0:80": (), "0.0.0.0:82": ()}

    def test_free_looks_at_what_is_in_the_way_even_without_expected_process(self):
        found = self.wanted([listener(bind="loopback")], "tcp 0.0.0.0:80", "tcp 192.0.2.1:80", state="free", check_process=False)
        assert found == {"0.0.0.0:80": ()}

    def test_known_owners_are_not_asked_again(self):
        assert self.wanted([listener(process="nginx")], "tcp 0.0.0.0:80 nginx") == {}


def test_optional_absence_counts_and_does_not_fail():
    judgement = judge([listener(optional=True), listener(name="b", optional=True)], table("tcp 127.0.0.1:80"))
    assert judgement.failed  # confined: there, but wrong
    judgement = judge([listener(optional=True)], table())
    assert not judgement.failed
    assert judgement.summary()["absent"] == 1
    assert sorted(judgement.summary()) == sorted(_verdict.VERDICTS)


def test_finding_as_data_keeps_what_was_given():
    given = listener(purpose="Web", process=["nginx"])
    (finding,) = judge([given], table("tcp 0.0.0.0:80 nginx")).findings
    data = finding.as_dict()
    assert {key: data[key] for key in given} == given
    assert data["verdict"] == "ok"
    assert data["observed"][0]["address"] == "0.0.0.0"


def test_report_is_an_aligned_table_without_trailing_blanks():
    judgement = judge(
        [
            listener(process="nginx"),
            listener(name="tunnels", port="30001-65535", process="envoy"),
            listener(name="opt", port=9, optional=True),
        ],
        table("tcp 0.0.0.0:80 nginx", "tcp 0.0.0.0:22 sshd"),
        unexpected="report",
    )
    lines = _verdict.report(judgement)
    assert len(lines) == 5
    assert all(line == line.rstrip() for line in lines)
    column = lines[0].index("PORT")
    assert [line[column:].split()[0] for line in lines] == ["PORT", "tcp/80", "tcp/30001-65535", "tcp/9", "tcp/22"]
    assert lines[1].split()[0] == "ok" and "0.0.0.0 nginx" in lines[1]
    assert lines[3].startswith("absent (optional)")
    assert lines[4].startswith("unexpected") and "0.0.0.0 sshd" in lines[4]
    assert "4000" not in "".join(lines)  # no process ids: reports of two runs compare


def test_an_owner_named_by_undecodable_bytes_is_judged():
    assert verdict(listener(process="x"), "tcp 0.0.0.0:80 \udcff\udcfe")[0] == "wrong_owner"


def test_what_is_expected_in_words():
    expected = parse_listeners([listener(bind="192.0.2.1", device="mgmt", family="ipv4", process=["a", "b"]), listener(name="x")])
    assert [_verdict.expected_text(one) for one in expected] == ["192.0.2.1%mgmt, ipv4, a or b", "any, any"]
    assert _verdict.expected_text(expected[0], "free") == "free"


@pytest.mark.parametrize(
    ("expected", "unknown"),
    [
        (dict(port="dynamic"), True),
        (dict(port="dynamic", process="web"), False),
        (dict(port="dynamic", process="other"), True),
        (dict(port="79-81"), False),
        (dict(port="79-81", process="other"), True),
        (dict(port=80, process="other"), False),
        (dict(port=80, family="ipv6"), True),
        (dict(port=81), True),
    ],
)
def test_what_no_expectation_speaks_of(expected, unknown):
    found = judge([listener(**expected)], table("tcp 0.0.0.0:80 web"), unexpected="report").unexpected
    assert bool(found) == unknown


def test_the_owner_of_what_stands_behind_a_proxy_is_not_asked_for():
    redirected = parse_listeners([listener(seen_as="redirect", process="web")])
    assert _verdict.owners_wanted(redirected, table("tcp 0.0.0.0:80")) == {}


def test_an_address_that_was_cut_is_no_certain_address():
    """What netstat printed of it may be the beginning of many."""
    expected = listener(bind="2001:db8:1111:2222:3333:4444:5555:6666", family="ipv6")
    assert verdict(expected, "tcp [2001:db8:1111:2222::]:80 cut")[0] == "unverifiable"


def test_another_expectation_of_the_port_in_a_family_that_is_not_served():
    """It does not speak of the socket, so the port is held by a stranger."""
    other = listener(name="other", family="ipv6", process="thief")
    mine = listener(family="ipv4", process="web")
    found = judge([mine, other], table("tcp 0.0.0.0:80 thief")).findings
    assert [one.verdict for one in found] == ["wrong_owner", "confined"]


def test_a_range_whose_sockets_are_shut_in_or_hidden():
    """The right owner is on loopback alone, and what cannot be seen may be what is missing."""
    expected = listener(port="80-81", process="web", family="ipv4")
    assert verdict(expected, "tcp 127.0.0.1:80 web")[0] == "confined"
    assert verdict(expected, "tcp 127.0.0.1:80 web", "tcp 0.0.0.0:81 @hidden")[0] == "unverifiable"


def test_a_cut_address_on_the_loopback_device_is_no_address_of_the_host():
    expected = listener(bind="2001:db8:1111:2222:3333:4444:5555:6666", family="ipv6")
    assert verdict(expected, "tcp [2001:db8:1111:2222::]%lo:80 cut")[0] == "confined"


@pytest.mark.parametrize(
    ("seen_as", "expected"), [("socket", "absent"), ("protocol", "unverifiable"), ("nodeport", "unverifiable")]
)
def test_what_has_no_socket_by_its_nature_is_not_absent(seen_as, expected):
    assert verdict(listener(seen_as=seen_as))[0] == expected


LONG = "2001:db8:1111:2222:3333:4444:5555:6666"


def reason(expected, *texts, **options):
    return verdict(expected, *texts, **options)[1]


@pytest.mark.parametrize(
    ("expected", "sockets", "found"),
    [
        # Whose the socket in the place of an address is, and what a cut address may be.
        (dict(bind="192.0.2.1", process="web"), ["tcp 192.0.2.1:80 thief"], "wrong_owner"),
        (dict(bind=LONG, process="web"), ["tcp [2001:db8:1111:2222::]:80 cut thief"], "wrong_owner"),
        (dict(bind="::1"), ["tcp [2001:db8:1111:2222::]%lo:80 cut"], "confined"),
        # A range is served in its family, by its device, and is never exposed where it is expected outside.
        (dict(port="80-81", family="ipv4", process="web"), ["tcp [::]:80 v6only web"], "absent"),
        (dict(port="80-81", device="mgmt", process="web"), ["tcp 0.0.0.0:80 web"], "confined"),
    ],
)
def test_places_and_owners(expected, sockets, found):
    assert verdict(listener(**expected), *sockets)[0] == found


@pytest.mark.parametrize(
    "other",
    [
        dict(port="79-81", process="thief"),
        dict(port=81, process="thief"),
        dict(port=80),
        dict(port=80, process="someone"),
    ],
)
def test_who_is_not_expected_on_just_this_port_is_a_thief(other):
    mine = listener(process="web")
    assert (
        judge([mine, listener(**dict(other, name="other"))], table("tcp 0.0.0.0:80 thief")).findings[0].verdict == "wrong_owner"
    )


@pytest.mark.parametrize(
    ("expected", "sockets", "said"),
    [
        (dict(), ["tcp 0.0.0.0:80"], ""),
        (dict(device="mgmt"), ["tcp 0.0.0.0%mgmt:80"], ""),
        (dict(), ["tcp 0.0.0.0%mgmt:80"], "only on device mgmt"),
        (dict(), ["tcp 192.0.2.1:80", "tcp 127.0.0.1:80"], "on 192.0.2.1 alone"),
        (dict(bind="192.0.2.1"), ["tcp 0.0.0.0:80"], "covered by 0.0.0.0"),
        (dict(bind="192.0.2.1"), ["tcp 192.0.2.1:80"], ""),
        (dict(bind="0.0.0.0"), ["tcp 0.0.0.0:80"], ""),
        (dict(port="80-90", process="web"), ["tcp 0.0.0.0:80 web", "tcp 127.0.0.1:81 web"], "port 80"),
        (dict(port="80-90"), ["tcp 0.0.0.0:%d" % port for port in range(80, 86)], "port 80, 81, 82, 83, 84"),
        (dict(port="80-90", process="web"), [], "no socket of web on a port of 80-90"),
        (dict(port="80-90"), [], "no socket on a port of 80-90"),
        (dict(port="dynamic", process=["a", "b"]), [], "no socket of a or b on any port"),
        (dict(port="80-90", bind="loopback"), ["tcp 0.0.0.0:80"], "expected on loopback, bound to 0.0.0.0:80"),
        (dict(process="web"), ["tcp 0.0.0.0:80 @unasked"], "the owner of 0.0.0.0:80 was not looked for"),
        (
            dict(process="web"),
            ["tcp 0.0.0.0:80 systemd"],
            "systemd holds 0.0.0.0:80, and the evidence does not tell for which service",
        ),
        (dict(protocol="ip", number=4, port=None), [], "IP protocol 4 has no ports and no listening socket"),
    ],
)
def test_reasons(expected, sockets, said):
    assert reason(listener(**expected), *sockets) == said


def test_reasons_for_hidden_owners_name_five_sockets():
    assert reason(listener(process="web"), "tcp 0.0.0.0:80 @hidden").startswith("the owner of 0.0.0.0:80 cannot be seen: ")
    hidden = reason(listener(port="80-90", process="web"), *("tcp 0.0.0.0:%d @hidden" % port for port in range(80, 86)))
    assert "0.0.0.0:84" in hidden and "0.0.0.0:85" not in hidden


@pytest.mark.parametrize(
    ("keys", "device", "said"),
    [
        (dict(device="mgmt"), False, "sock_diag does not tell the device that a socket is bound to"),
        (dict(device="mgmt"), True, "sock_diag does not tell whether [::]%mgmt takes IPv4 too"),
        (dict(), False, "sock_diag does not tell whether [::] takes IPv4 too"),
    ],
)
def test_reasons_of_what_the_evidence_does_not_tell(keys, device, said):
    socket = "tcp [::]%mgmt:80" if keys and device else "tcp [::]:80"
    assert verdict(listener(family="both", **keys), socket, v6only=False, device=device) == ("unverifiable", said)


@pytest.mark.parametrize(
    ("keys", "sockets", "expected"),
    [
        (dict(), [], ("ok", "")),
        (dict(), ["tcp 0.0.0.0:80 nginx"], ("taken", "0.0.0.0:80 held by nginx")),
        (dict(process="web"), ["tcp 0.0.0.0:80 nginx"], ("taken", "0.0.0.0:80 held by nginx")),
        (
            dict(process="nginx"),
            ["tcp 0.0.0.0:80 nginx"],
            ("taken", "0.0.0.0:80 held by nginx, the expected process; is it installed already?"),
        ),
        (dict(), ["tcp 0.0.0.0%mgmt:80 nginx"], ("unverifiable", "0.0.0.0%mgmt:80 held by nginx may be in the way")),
    ],
)
def test_reasons_before_an_installation(keys, sockets, expected):
    assert verdict(listener(**keys), *sockets, state="free") == expected


def test_holders_of_a_whole_range_are_five_of_them():
    said = reason(listener(port="80-85"), *("tcp 0.0.0.0:%d nginx" % port for port in range(80, 86)), state="free")
    assert "0.0.0.0:84" in said and "0.0.0.0:85" not in said


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(dict(device="mgmt"), "unverifiable"), (dict(), "taken")],
)
def test_a_source_that_knows_no_devices(keys, expected):
    sockets = ["tcp 0.0.0.0:80 nginx"] if not keys else ["tcp 0.0.0.0%mgmt:80 nginx"]
    assert verdict(listener(**keys), *sockets, state="free", device=False)[0] == expected


def test_one_expectation_after_another_is_asked_for_each_socket():
    listeners = [listener(name="other", port=81), listener()]
    assert judge(listeners, table("tcp 0.0.0.0:80"), unexpected="report").unexpected == ()
    anything = listener(name="anything", port="dynamic")
    assert judge([anything, listener()], table("tcp 0.0.0.0:80"), unexpected="report").unexpected == ()
    redirected = listener(name="redirected", port=82, seen_as="redirect", process="web")
    wanted = _verdict.owners_wanted(parse_listeners([redirected, listener(process="web")]), table("tcp 0.0.0.0:80"))
    assert list(wanted.values()) == [("web",)]


def test_strangers_come_in_the_order_of_their_places():
    found = judge([], table("tcp 0.0.0.0%Vrf:80", "tcp 0.0.0.0%eth0:80", "tcp 0.0.0.0:80"), unexpected="report").unexpected
    assert [sock.device for sock in found] == [None, "Vrf", "eth0"]


def test_a_listener_that_the_firewall_was_not_asked_for_is_judged_without():
    assert verdict(listener(), "tcp 0.0.0.0:80", admissions={})[0] == "ok"


@pytest.mark.parametrize(
    ("sockets", "expected"),
    [
        ([], "-"),
        (["tcp 0.0.0.0:1 a"], "0.0.0.0 a"),
        (["tcp 0.0.0.0:1"], "0.0.0.0"),
        (["tcp 192.0.2.%d:1 a" % n for n in (1, 2, 3)], "192.0.2.1, 192.0.2.2, 192.0.2.3 a"),
        (["tcp 192.0.2.%d:1 a" % n for n in (1, 2, 3, 4)], "192.0.2.1, 192.0.2.2, 192.0.2.3, ... a"),
        (["tcp 0.0.0.0:1 %s" % name for name in "abcd"], "0.0.0.0 a, b, c"),
    ],
)
def test_what_was_seen_in_words(sockets, expected):
    assert _verdict.observed_text([sock(text) for text in sockets]) == expected


def test_the_whole_report():
    optional = [listener(name="gone", port=81, optional=True), listener(name="local", port=82, optional=True)]
    observed = table("tcp 0.0.0.0:80 nginx", "tcp 127.0.0.1:82", "udp 0.0.0.0:53")
    lines = _verdict.report(judge([listener(), *optional], observed, unexpected="report"))
    cells = [[cell.strip() for cell in re.split(r"\s{2,}", line)] for line in lines]
    assert cells == [
        ["VERDICT", "LISTENER", "PORT", "EXPECTED", "OBSERVED", "REASON"],
        ["ok", "web", "tcp/80", "any, any", "0.0.0.0 nginx"],
        ["absent (optional)", "gone", "tcp/81", "any, any", "-", "nothing listens on it"],
        ["confined", "local", "tcp/82", "any, any", "127.0.0.1", "only on loopback (127.0.0.1)"],
        ["unexpected", "-", "udp/53", "-", "0.0.0.0"],
    ]


@pytest.mark.parametrize(
    ("pid", "name", "found"), [(1, "systemd", "unverifiable"), (1, "init", "wrong_owner"), (7, "systemd", "wrong_owner")]
)
def test_systemd_is_the_first_process(pid, name, found):
    held = sock("tcp 0.0.0.0:80")._replace(owners=(Owner(pid, name),), owner_state=FOUND)
    assert verdict(listener(process="web"), held)[0] == found


@pytest.mark.parametrize("title", ["nginx: master process", "nginx: worker: 7", "/usr/sbin/nginx: worker"])
def test_processes_that_write_a_title(title):
    held = sock("tcp 0.0.0.0:80")._replace(owners=(Owner(7, title),), owner_state=FOUND)
    assert verdict(listener(process="nginx"), held)[0] == "ok"


@pytest.mark.parametrize("entry", ["tcp/80/81", "x/tcp/80", "tcp/", "/80", "tcp/dynamic"])
def test_what_cannot_be_tolerated(entry):
    with pytest.raises(Problem, match=r"^tolerate\[0\]: "):
        _tolerate.parse_tolerate([entry])


def test_what_is_no_port_behind_a_protocol_is_named():
    with pytest.raises(Problem, match="'80/81' is not a port"):
        _tolerate.parse_tolerate(["tcp/80/81"])


def test_a_process_may_be_called_like_a_protocol():
    named = sock("udp 0.0.0.0:80")._replace(owners=(Owner(7, "tcp"),), owner_state=FOUND)
    (tolerated,) = _tolerate.parse_tolerate(["tcp"])
    assert tolerated(named) and not tolerated(sock("tcp 0.0.0.0:80 other"))
