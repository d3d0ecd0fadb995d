# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules in the words of ufw; what ufw makes of them is in tests/integration/test_port_allow_ufw.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, model, ufw_rules
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.ufw_rules import Entry

BOTH = ("ipv4", "ipv6")
NET = intervals.block("10.0.0.0", 8)
API = Rule("a", "tcp", ((5678, 5678), (5681, 5681)), "both")


def test_a_profile_has_all_ports_of_one_set_of_clients():
    dns = Rule("a", "udp", ((53, 53),), "both")
    some = Rule("a", "tcp", ((22, 22),), "ipv4", (NET,))
    found = ufw_rules.layout("a", [API, dns, some], BOTH)
    assert found.profiles == (("netports-a", "5678,5681/tcp|53/udp"), ("netports-a+2", "22/tcp"))
    assert found.entries["ipv6"] == (
        Entry("tcp", API.ports, None, "netports-a"),
        Entry("udp", dns.ports, None, "netports-a"),
    )
    assert found.entries["ipv4"] == (*found.entries["ipv6"], Entry("tcp", some.ports, NET, "netports-a+2"))


def test_the_same_ports_for_clients_of_either_family_share_a_profile():
    rules = [Rule("a", "tcp", ((22, 22),), family, ((5, 5),)) for family in BOTH]
    assert ufw_rules.layout("a", rules, BOTH).profiles == (("netports-a", "22/tcp"),)


def test_ports_are_cut_as_ufw_takes_them():
    ports = tuple((port, port + 1) for port in range(1000, 1030, 3)) + tuple((port, port) for port in range(20000, 20600, 2))
    found = ufw_rules.layout("a", [Rule("a", "tcp", ports, "ipv4")], BOTH)
    for entry in found.entries["ipv4"]:
        text = ufw_rules.ports_text(entry.ports)
        assert text.count(",") + text.count(":") <= 14
    assert tuple(interval for entry in found.entries["ipv4"] for interval in entry.ports) == ports
    assert len(found.profiles) > 1


@pytest.mark.parametrize(("short", "lengths"), [(9, [1024]), (8, [931, 93])])
def test_a_profile_has_as_many_ports_as_the_field_of_ufw_takes(short, lengths):
    """165 ports, of which that many have four digits, and the others five."""
    numbers = [*range(1000, 1000 + 2 * short, 2), *range(20000, 20000 + 2 * (165 - short), 2)]
    rule = Rule("a", "tcp", tuple((number, number) for number in numbers), "ipv4")
    profiles = ufw_rules.layout("a", [rule], BOTH).profiles
    assert [len(text) for _name, text in profiles] == lengths


def test_each_ip_protocol_is_a_rule_of_its_own():
    rule = Rule("a", "ip", ((4, 4), (97, 98)), "ipv4")
    found = ufw_rules.layout("a", [rule], BOTH)
    assert found.entries["ipv4"] == tuple(Entry("ip", ((number, number),), None) for number in (4, 97, 98))
    assert not found.profiles


def test_sources_are_one_rule_each():
    low, high = intervals.number_of("10.0.0.1"), intervals.number_of("10.0.0.2")
    entries = ufw_rules.layout("a", [Rule("a", "tcp", ((22, 22),), "ipv4", ((low, high),))], BOTH).entries["ipv4"]
    assert [ufw_rules.tuple_line(entry, "ipv4", "a").split()[8] for entry in entries] == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize("length", [1, 51, 52, 64])
def test_a_label_of_any_length_has_a_profile_that_ufw_takes(length):
    name = ufw_rules.profile_base("x" * length)
    assert len(name + "+999") <= 64
    assert ufw_rules.first_profile(name + "+12") == name == ufw_rules.first_profile(name)
    assert ("x" * length).startswith(ufw_rules.label_of_profile(name))
    assert name != ufw_rules.profile_base("x" * (length - 1) + "y")


@pytest.mark.parametrize("label", ["a", "a.b-c", "x" * 51])
def test_the_profiles_of_a_label_that_is_not_too_long_tell_all_of_it(label):
    assert ufw_rules.profile_base(label) == "netports-" + label
    assert ufw_rules.label_of_profile("netports-" + label) == label == ufw_rules.label_of_profile("netports-%s+12" % label)


# As ufw 0.36.2 wrote and iptables-nft 1.8.9 printed them.
SEEN = [
    (
        Entry("tcp", ((5678, 5678), (5681, 5681)), None, "netports-a+2"),
        "allow tcp 5678,5681 0.0.0.0/0 any 0.0.0.0/0 netports-a+2 - in comment=6e6574706f7274733a61",
        "-A ufw-user-input -p tcp -m multiport --dports 5678,5681 -j ACCEPT -m comment --comment 'dapp_netports-a+2'",
        r'-A ufw-user-input -p tcp -m multiport --dports 5678,5681 -m comment --comment "\'dapp_netports-a+2\'" -j ACCEPT',
    ),
    (
        Entry("tcp", ((5678, 5681),), None, "netports-a+2"),
        "allow tcp 5678:5681 0.0.0.0/0 any 0.0.0.0/0 netports-a+2 - in comment=6e6574706f7274733a61",
        "-A ufw-user-input -p tcp -m multiport --dports 5678:5681 -j ACCEPT -m comment --comment 'dapp_netports-a+2'",
        r'-A ufw-user-input -p tcp -m multiport --dports 5678:5681 -m comment --comment "\'dapp_netports-a+2\'" -j ACCEPT',
    ),
    (
        Entry("udp", ((5353, 5353),), intervals.block("10.0.0.0", 25), "netports-a+2"),
        "allow udp 5353 0.0.0.0/0 any 10.0.0.0/25 netports-a+2 - in comment=6e6574706f7274733a61",
        "-A ufw-user-input -p udp --dport 5353 -s 10.0.0.0/25 -j ACCEPT -m comment --comment 'dapp_netports-a+2'",
        r'-A ufw-user-input -s 10.0.0.0/25 -p udp -m udp --dport 5353 -m comment --comment "\'dapp_netports-a+2\'" -j ACCEPT',
    ),
]


@pytest.mark.parametrize("entry, tuple_, line, printed", SEEN)
def test_rules_are_written_as_ufw_writes_them_and_known_again(entry, tuple_, line, printed):
    assert ufw_rules.tuple_line(entry, "ipv4", "a") == "### tuple ### " + tuple_
    assert ufw_rules.line(entry, "ipv4", "a") == line
    assert ufw_rules.parse_tuple("### tuple ### " + tuple_, "ipv4") == ("a", entry)
    assert ufw_rules.entry_of_line(printed, "ipv4") == entry


def test_a_protocol_by_number_stands_behind_the_rules_of_ufw():
    entry = Entry("ip", ((4, 4),), None)
    assert ufw_rules.line(entry, "ipv6", "a") == "-A ufw6-after-input -p 4 -m comment --comment netports:a -j ACCEPT"
    printed = '-A ufw6-after-input -p ipencap -m comment --comment "netports:a" -j ACCEPT'
    assert ufw_rules.entry_of_line(printed, "ipv6") == entry


@pytest.mark.parametrize(
    "line",
    [
        "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=6e6574706f7274733a61",
        "deny tcp 22 0.0.0.0/0 any 0.0.0.0/0 netports-a - in comment=6e6574706f7274733a61",
        "allow tcp 22 10.0.0.1 any 0.0.0.0/0 netports-a - in comment=6e6574706f7274733a61",
        "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 netports-a - in_eth0 comment=6e6574706f7274733a61",
    ],
)
def test_a_marked_tuple_that_somebody_changed_is_ours_and_no_entry(line):
    assert ufw_rules.parse_tuple("### tuple ### " + line, "ipv4") == ("a", None)


@pytest.mark.parametrize("comment", ["", " comment=61", " comment=zz", " comment=ff", " comment=6e6574706f7274733"])
def test_tuples_without_the_mark_are_others(comment):
    line = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in" + comment
    assert ufw_rules.parse_tuple(line, "ipv4").label is None


def test_a_rule_that_an_operator_made_of_a_profile_of_ours_is_an_entry_of_no_label():
    """`ufw allow netports-a`."""
    entry, tuple_ = SEEN[0][:2]
    assert ufw_rules.parse_tuple("### tuple ### " + tuple_.partition(" comment=")[0], "ipv4") == (None, entry)


@pytest.mark.parametrize(
    "line",
    [
        "-A ufw-user-input -p tcp -m tcp --dport 22 -m comment --comment dapp_netports-a -j DROP",
        "-A ufw-user-input -i eth0 -p tcp -m tcp --dport 22 -m comment --comment dapp_netports-a -j ACCEPT",
        "-A ufw-user-input ! -s 10.0.0.1/32 -p tcp -m tcp --dport 22 -m comment --comment dapp_netports-a -j ACCEPT",
        "-A ufw-user-input -p tcp -m comment --comment dapp_netports-a -j ACCEPT",
    ],
)
def test_a_rule_of_the_kernel_that_we_would_not_write_is_no_entry(line):
    assert ufw_rules.entry_of_line(line, "ipv4") is None


NUMBERS = st.lists(st.tuples(st.integers(1, 400), st.integers(0, 20)).map(lambda p: (p[0], p[0] + p[1])), min_size=1, max_size=25)


@st.composite
def rules(draw):
    ports = {}
    for _rule in range(draw(st.integers(1, 5))):
        family = draw(st.sampled_from(BOTH))
        sources = intervals.merged(draw(st.one_of(st.just([]), NUMBERS)))
        protocol = draw(st.sampled_from(("tcp", "udp", "ip")))
        numbers = [(low % 255, low % 255) for low, _high in draw(NUMBERS)] if protocol == "ip" else draw(NUMBERS)
        ports[(protocol, family, sources)] = intervals.merged(numbers)
    return model.rules_of("a", ports)


@given(rules())
def test_entries_are_the_rules_that_they_were_made_of(wanted):
    entries = ufw_rules.layout("a", wanted, BOTH).entries
    again = ufw_rules.layout("a", ufw_rules.rules_of("a", entries), BOTH).entries
    assert opened(entries) == opened(again)
    for family in BOTH:
        for entry in entries[family]:
            if entry.protocol != "ip":
                assert ufw_rules.parse_tuple(ufw_rules.tuple_line(entry, family, "a"), family) == ("a", entry)
            assert (
                ufw_rules.entry_of_line(ufw_rules.line(entry, family, "a").replace(" -j ACCEPT", "") + " -j ACCEPT", family)
                == entry
            )


def opened(entries):
    """Everything that entries admit, however it is cut."""
    found = {}
    for family, several in entries.items():
        for entry in several:
            for low, high in entry.ports:
                for port in range(low, high + 1):
                    source = entry.source or intervals.whole_family(family)[0]
                    found.setdefault((family, entry.protocol, port), []).append(source)
    return {key: intervals.merged(sources) for key, sources in found.items()}


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (Entry("tcp", ((22, 22), (80, 90)), None, "netports-a"), "allow 22,80:90/tcp from anywhere (netports-a)"),
        (Entry("udp", ((53, 53),), NET, ""), "allow 53/udp from 10.0.0.0/8"),
        (Entry("ip", ((4, 4),), None), "allow IP protocol 4 from anywhere"),
    ],
)
def test_an_entry_in_words(entry, text):
    assert entry.text("ipv4") == text


HEX = "".join("%02x" % ord(letter) for letter in "netports:a")


@pytest.mark.parametrize(
    "line",
    [
        "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 netports-a - in comment=%s",
        "### tuple ### allow tcp 22 0.0.0.0/0 any 10.0.0.0/8 netports-a - in comment=%s",
    ],
)
def test_a_tuple_of_ours_is_read(line):
    assert ufw_rules.parse_tuple(line % HEX, "ipv4").entry is not None


@pytest.mark.parametrize(
    "line",
    [
        "### tuple ### deny tcp 22 0.0.0.0/0 any 0.0.0.0/0 netports-a - in comment=%s",
        "### tuple ### allow tcp ssh 0.0.0.0/0 any 0.0.0.0/0 netports-a - in comment=%s",
        "### tuple ### allow tcp 22:x 0.0.0.0/0 any 0.0.0.0/0 netports-a - in comment=%s",
        "### tuple ### allow esp 22 0.0.0.0/0 any 0.0.0.0/0 netports-a - in comment=%s",
        "### tuple ### allow tcp 22 0.0.0.0/0 any 2001:db8::1 netports-a - in comment=%s",
        "### tuple ### allow tcp 22 0.0.0.0/0 any somewhere netports-a - in comment=%s",
        "### tuple ### allow tcp 22 0.0.0.0/0 any 10.0.0.0/99 netports-a - in comment=%s",
        "### tuple ### allow tcp 22 10.0.0.1 any 0.0.0.0/0 netports-a - in comment=%s",
        "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 netports-a - out comment=%s",
        "### tuple ### allow tcp 22 0.0.0.0/0 99 0.0.0.0/0 netports-a - in comment=%s",
    ],
)
def test_a_tuple_that_somebody_changed_is_no_entry_of_ours(line):
    assert ufw_rules.parse_tuple(line % HEX, "ipv4").entry is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-A c -p tcp -m tcp --dport 22 -m comment --comment \"\\'dapp_netports-a\\'\" -j ACCEPT", True),
        ("-A c -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -m comment --comment \"\\'dapp_netports-a\\'\" -j ACCEPT", True),
        ('-A c -p ipencap -m comment --comment "netports:a" -j ACCEPT', True),
        ("-A c ! -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -m comment --comment \"\\'dapp_netports-a\\'\" -j ACCEPT", False),
        ("-A c -s somewhere -p tcp -m tcp --dport 22 -m comment --comment \"\\'dapp_netports-a\\'\" -j ACCEPT", False),
        ("-A c -i eth0 -p tcp -m tcp --dport 22 -m comment --comment \"\\'dapp_netports-a\\'\" -j ACCEPT", False),
        ("-A c -p tcp -m tcp --dport 22 -m comment --comment \"\\'dapp_netports-a\\'\" -j DROP", False),
        ("-A c -p tcp -m tcp --dport 22 -m comment --comment \"\\'dapp_netports-a\\'\" -g ACCEPT", False),
        ("-A c -p tcp -m comment --comment \"\\'dapp_netports-a\\'\" -j ACCEPT", False),
        ("-A c -p esp -m comment --comment \"\\'dapp_netports-a\\'\" -j ACCEPT", False),
        ("-A c -p tcp -m tcp --dport 22 -j ACCEPT", False),
        ("-A c -p tcp -m tcp --dport 22 -m comment --comment \"\\'dapp_netports-a\\'\" -j ACCEPT -s 10.0.0.0/8", False),
        ("-A c -p tcp -m tcp --dport 22 -m comment --comment \"\\'dapp_netports-a\\'\" -j ACCEPT --sport 1", False),
        ("-A c -j ACCEPT", False),
    ],
)
def test_a_rule_of_ours_in_the_kernel_is_known_by_all_that_it_says(text, expected):
    assert (ufw_rules.entry_of_line(text, "ipv4") is not None) == expected
