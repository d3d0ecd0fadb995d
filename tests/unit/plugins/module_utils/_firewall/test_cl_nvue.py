# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import cl_nvue, cl_own
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError, Rule

API = Rule("a", "tcp", ((22, 22), (80, 90)), "ipv4", ((10 << 24, (11 << 24) - 1),))
LIST = (
    "nv set acl netports-a-ipv4 type ipv4",
    "nv set acl netports-a-ipv4 rule 10 match ip protocol tcp",
    "nv set acl netports-a-ipv4 rule 10 match ip source-ip 10.0.0.0/8",
    "nv set acl netports-a-ipv4 rule 10 match ip tcp dest-port 22",
    "nv set acl netports-a-ipv4 rule 10 match ip tcp dest-port 80:90",
    "nv set acl netports-a-ipv4 rule 10 action permit",
)
BIND = "nv set system control-plane acl netports-a-ipv4 inbound"


def wanted(*rules, release=(5, 9, 1)):
    return cl_nvue.wanted("a", cl_own.merged(e for rule in rules for e in cl_own.entries_of(rule)), release)


def shown(*commands):
    return cl_nvue.parse("".join(command + "\n" for command in commands))


def test_the_commands_of_a_list():
    assert wanted(API) == {"netports-a-ipv4": LIST}
    assert cl_nvue.commands(shown(), wanted(API), ["a"]) == [*LIST, BIND]


def test_ports_before_5_9():
    assert LIST[3].replace("ip tcp dest", "ip dest") in wanted(API, release=(5, 6, 0))["netports-a-ipv4"]


def test_what_is_there_is_left_in_whatever_order_it_is_printed():
    assert cl_nvue.commands(shown(BIND, *reversed(LIST)), wanted(API), ["a"]) == []


def test_words_for_ports_and_bare_addresses_are_the_numbers():
    host = API._replace(sources=((10 << 24, 10 << 24),))
    commands = [c.replace("port 22", "port ssh").replace("10.0.0.0/8", "10.0.0.0") for c in LIST]
    assert cl_nvue.commands(shown(BIND, *commands), wanted(host), ["a"]) == []


def test_a_list_that_changes_is_made_anew_and_one_that_was_unbound_is_bound():
    other = wanted(API._replace(ports=((23, 23),)))
    changed = cl_nvue.commands(shown(BIND, *LIST), other, ["a"])
    assert changed[0] == "nv unset acl netports-a-ipv4" and BIND not in changed and len(changed) == 6
    assert cl_nvue.commands(shown(*LIST), wanted(API), ["a"]) == [BIND]


def test_taken_away_it_is_unbound_first():
    gone = ["nv unset system control-plane acl netports-a-ipv4", "nv unset acl netports-a-ipv4"]
    assert cl_nvue.commands(shown(BIND, *LIST), {}, ["a"]) == gone
    assert cl_nvue.commands(shown(BIND, *LIST), {}, ["b"]) == []


def test_others_lists_are_not_seen():
    configuration = shown("nv set acl acl-default-whitelist rule 5 action permit", "nv set acl mine type ipv4", BIND, *LIST)
    assert cl_nvue.labels(configuration) == ["a"]
    assert cl_own.rules_of(cl_nvue.entries(configuration)["a"]) == (API,)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", None),
        ("nv set system config auto-save state enabled", True),
        ("nv set system config auto-save enable off", False),
    ],
)
def test_whether_it_saves_itself(line, expected):
    assert shown(line).saves_itself is expected


def test_a_protocol_without_a_word():
    ospf = Rule("a", "ip", ((89, 89),), "ipv4")
    assert "nv set acl netports-a-ipv4 rule 10 match ip protocol ospf" in wanted(ospf)["netports-a-ipv4"]
    with pytest.raises(FirewallError, match="NVUE has no word for IP protocol 4"):
        wanted(ospf._replace(ports=((4, 4),)))
