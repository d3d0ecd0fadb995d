# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and rules in the words of firewalld; the daemon's part is in tests/integration/test_port_allow_firewalld.py."""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import fwd_model, intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_model import Entries
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule


def sources(*texts):
    return intervals.merged(intervals.parse_network(text)[1] for text in texts)


EVERYBODY = [Rule("cp", "tcp", ((5676, 5685), (6000, 6000)), "both"), Rule("cp", "udp", ((53, 53),), "both")]
TUNNEL = Rule("cp", "ip", ((4, 4),), "ipv4")
FEW = Rule("cp", "tcp", ((5678, 5678),), "ipv4", sources("10.0.0.1", "10.0.0.8/30"))
ONE = Rule("cp", "tcp", ((5678, 5678),), "ipv6", sources("2001:db8::/32"))


def test_what_everybody_may_reach_is_one_service():
    (group,) = fwd_model.groups("cp", EVERYBODY)
    assert group.service == "netports-cp"
    assert group.ports == (("5676-5685", "tcp"), ("6000", "tcp"), ("53", "udp"))
    assert fwd_model.entries(group) == Entries(("netports-cp",))


def test_each_family_and_list_of_sources_is_a_service_of_its_own():
    groups = {group.service: group for group in fwd_model.groups("cp", [*EVERYBODY, TUNNEL, FEW, ONE])}
    assert list(groups) == ["netports-cp", "netports4-cp", "netports4_1-cp", "netports6_1-cp"]
    assert (groups["netports4-cp"].ports, groups["netports4-cp"].protocols) == ((), ("4",))
    assert [fwd_model.entries(groups[name]).rules for name in list(groups)[1:]] == [
        ('rule family="ipv4" service name="netports4-cp" accept',),
        ('rule family="ipv4" source ipset="netports4_1-cp" service name="netports4_1-cp" accept',),
        ('rule family="ipv6" source address="2001:db8::/32" service name="netports6_1-cp" accept',),
    ]


def test_lists_of_sources_of_one_family_are_numbered():
    rules = [FEW, FEW._replace(sources=sources("10.0.0.9")), FEW._replace(sources=sources("10.1.0.0/16")), ONE]
    names = [group.service for group in fwd_model.groups("cp", rules)]
    assert names == ["netports4_1-cp", "netports4_2-cp", "netports4_3-cp", "netports6_1-cp"]


def test_sources_that_no_prefix_fits_become_several_that_have_one():
    (group,) = fwd_model.groups("cp", [FEW._replace(sources=((0x0A000001, 0x0A000006),))])
    assert group.sources == ("10.0.0.1", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6")


@pytest.mark.parametrize("rules", [EVERYBODY, [TUNNEL], [FEW], [ONE], [*EVERYBODY, TUNNEL, FEW, ONE]])
def test_services_and_stopgaps_mean_the_rules_that_they_were_made_of(rules):
    groups = fwd_model.groups("cp", rules)
    assert sorted(rule for group in groups for rule in fwd_model.rules_of(group)) == sorted(rules)
    texts = [text for group in groups for text in fwd_model.stopgaps(group).rules]
    assert sorted(fwd_model.stopgap_rules("cp", texts)) == sorted(rules)


def test_stopgaps_have_the_priority_of_their_label_after_the_denials_of_others():
    (group,) = fwd_model.groups("cp", [FEW])
    number = fwd_model.priority("cp")
    assert 0 < number < 1000
    assert fwd_model.stopgaps(group).rules == (
        'rule priority="%d" family="ipv4" source address="10.0.0.1" port port="5678" protocol="tcp" accept' % number,
        'rule priority="%d" family="ipv4" source address="10.0.0.8/30" port port="5678" protocol="tcp" accept' % number,
    )


# Labels that would have the same name if one were made without care.
LABELS = ["a", "a.b", "a_b", "a-b", "4-a", "4_1-a", "1-a", "x" * 64, "x" * 63 + "y", "x" * 63 + "."]


def test_no_two_labels_share_a_name():
    rules = [Rule("", "tcp", ((1, 1),), family, found) for family, found in (("both", ()), ("ipv4", ()), ("ipv6", FEW.sources))]
    rules.append(FEW)
    names = [group.service for label in LABELS for group in fwd_model.groups(label, rules)]
    assert len(set(names)) == len(names)
    sets = [group.set_name for label in LABELS for group in fwd_model.groups(label, rules) if group.set_name]
    assert len(set(sets)) == len(sets)
    assert all(len(name) <= 31 for name in sets)
    for label in LABELS:
        for group in fwd_model.groups(label, rules):
            assert fwd_model.label_in(group.service) == fwd_model.written(label)
            # What firewalld takes for the name of a service.
            assert group.service.replace("-", "").replace("_", "").isalnum()


def test_names_stay_what_they_are():
    """By them later versions find what earlier ones have opened."""
    assert fwd_model.written("a.b") == "a_b-2e7336"
    assert (fwd_model.priority("cp"), fwd_model.priority("kuma")) == (945, 647)
    longest = "netports4_1-" + "x" * 19
    assert fwd_model.set_name(longest) == longest
    assert fwd_model.set_name(longest + "x") == "netports4_1-xxxxxxxxxx-b9ed0ab5"


@pytest.mark.parametrize(
    ("name", "family"),
    [("netports-a", "both"), ("netports4-a", "ipv4"), ("netports6_2-a", "ipv6"), ("ssh", "both"), ("netports", "both")],
)
def test_the_name_of_a_service_tells_its_family(name, family):
    assert fwd_model.family_in(name) == family


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ('rule family="ipv4" source ipset="netports4_1-a" service name="netports4_1-a" accept', ("ipset", "netports4_1-a")),
        ('rule family="ipv6" source address="2001:db8::/32" service name="netports6_1-a" accept', ("address", "2001:db8::/32")),
        ('rule family="ipv4" service name="netports4-a" accept', ("", "")),
    ],
)
def test_the_source_that_a_rich_rule_names(rule, source):
    assert fwd_model.named_source(rule) == source


def test_entries_of_others_are_not_ours():
    held = Entries(
        ("ssh", "netports-a", "netportsish", "netports"),
        (
            'rule family="ipv4" service name="netports4-a" accept',
            'rule family="ipv4" service name="ssh" accept',
            'rule priority="7" port port="1" protocol="tcp" accept',
            'rule priority="7" port port="2" protocol="tcp" accept',
        ),
    )
    claimed = {'rule priority="7" port port="2" protocol="tcp" accept'}
    assert fwd_model.own_entries(held, claimed) == Entries(("netports-a",), (held.rules[0], held.rules[3]))
    assert fwd_model.of_label(held, "a") == Entries(("netports-a",), (held.rules[0],))
    assert fwd_model.of_label(held, "b") == Entries()


def test_entries_in_words():
    rule = 'rule family="ipv4" service name="netports4-a" accept'
    assert Entries(("netports-a", "ssh"), (rule,)).lines() == ["service netports-a", "service ssh", rule]
