# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import ufw_files, ufw_rules
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError
from ansible_collections.netports.core.plugins.module_utils._firewall.ufw_rules import Entry

API = Entry("tcp", ((5678, 5678),), None, "netports-a")
LOW = Entry("tcp", ((6000, 6000),), None, "netports-a")
TUNNEL = Entry("ip", ((4, 4),), None)
# As the package brings it.
FRESH = """*filter
:ufw-user-input - [0:0]
:ufw-user-limit - [0:0]
### RULES ###
-A ufw-user-limit -m limit --limit 3/minute -j LOG --log-prefix "[UFW LIMIT BLOCK] "
-A ufw-user-limit -j REJECT
COMMIT
"""
# As ufw leaves it, one of the rules with a log.
USED = """*filter
:ufw-user-input - [0:0]
### RULES ###

### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -j ACCEPT

### tuple ### deny_log any any 0.0.0.0/0 any 192.0.2.1 in comment=626164
-A ufw-user-logging-input -s 192.0.2.1 -m conntrack --ctstate NEW -m limit -j LOG --log-prefix "[UFW BLOCK] "
-A ufw-user-logging-input -s 192.0.2.1 -j RETURN
-A ufw-user-input -s 192.0.2.1 -j ufw-user-logging-input
-A ufw-user-input -s 192.0.2.1 -j DROP

### END RULES ###

### LOGGING ###
### END LOGGING ###
COMMIT
"""
AFTER = """# rules.after
*filter
:ufw-after-input - [0:0]
-A ufw-after-input -p udp --dport 137 -j ufw-skip-to-policy-input
COMMIT
# BEGIN UFW AND DOCKER
*filter
:ufw-user-forward - [0:0]
COMMIT
# END UFW AND DOCKER
"""


def heads(text):
    return [block.line.split()[4:6] for block in ufw_files.blocks(text, "ipv4")]


@pytest.mark.parametrize("text", [FRESH, USED])
def test_rules_come_after_those_that_are_there_and_go_without_a_trace(text):
    with_api = ufw_files.with_rules(text, "ipv4", "a", [API, LOW], False)
    assert heads(with_api) == [*heads(text), ["tcp", "5678"], ["tcp", "6000"]]
    assert ufw_files.with_rules(with_api, "ipv4", "a", [API, LOW], False) == with_api
    assert ufw_files.with_rules(with_api, "ipv4", "a", [], False) == text


def test_rules_are_where_iptables_restore_loads_them():
    lines = ufw_files.with_rules(FRESH, "ipv4", "a", [API], False).splitlines()
    assert lines[4:7] == ["", ufw_rules.tuple_line(API, "ipv4", "a"), ufw_rules.line(API, "ipv4", "a")]
    assert lines[-1] == "COMMIT"


def test_changed_rules_stay_where_the_label_had_its_first():
    text = ufw_files.with_rules(FRESH, "ipv4", "a", [API], False)
    text = ufw_files.with_rules(text, "ipv4", "b", [API._replace(profile="netports-b")], False)
    text = ufw_files.with_rules(text, "ipv4", "a", [LOW, API], False)
    assert [block.read.label for block in ufw_files.blocks(text, "ipv4")] == ["a", "a", "b"]


def test_exclusive_takes_marked_rules_alone():
    text = ufw_files.with_rules(USED, "ipv4", "b", [API], False)
    assert ufw_files.with_rules(text, "ipv4", "a", [], True) == USED
    assert ufw_files.with_rules(text, "ipv4", "a", [], False) == text


OURS = ufw_rules.tuple_line(API, "ipv4", "a")
LINE = ufw_rules.line(API, "ipv4", "a")
OTHERS = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"


@pytest.mark.parametrize(
    "before, block, behind",
    [
        ("### RULES ###", (OURS, LINE), "COMMIT"),
        ("### RULES ###", (OURS,), "COMMIT"),
        ("### RULES ###", ("", OURS), OTHERS),
        ("-A ufw-user-input -p tcp --dport 22 -j ACCEPT", (OURS, LINE, LINE), OTHERS),
    ],
)
def test_a_rule_goes_with_its_lines_and_the_empty_one_before_it_and_nothing_else(before, block, behind):
    text = "\n".join(["*filter", "### RULES ###", before, *block, behind, "COMMIT", ""])
    assert ufw_files.with_rules(text, "ipv4", "a", [], False) == text.replace("\n".join(block) + "\n", "", 1)


def test_the_rules_of_a_file_that_ends_too_early_are_read():
    (found,) = ufw_files.blocks("### RULES ###\n%s\n%s\n" % (OURS, LINE), "ipv4")
    assert (found.start, found.end, found.read.entry) == (1, 3, API)


@pytest.mark.parametrize("text, said", [("", "has no COMMIT"), ("*filter\nCOMMIT\n", "has no line `### RULES ###`")])
def test_a_file_that_ufw_did_not_write_is_refused(text, said):
    with pytest.raises(FirewallError, match=said):
        ufw_files.with_rules(text, "ipv4", "a", [API], False)


def test_protocols_stand_in_the_part_that_makes_their_chain_and_go_without_a_trace():
    text = ufw_files.with_protocols(AFTER, "ipv4", "a", [TUNNEL], False)
    block = ["# BEGIN netports:a", ufw_rules.line(TUNNEL, "ipv4", "a"), "# END netports:a", "COMMIT", "# BEGIN UFW AND DOCKER"]
    assert text.splitlines()[4:9] == block
    assert ufw_files.with_protocols(text, "ipv4", "a", [TUNNEL], True) == text
    assert ufw_files.with_protocols(text, "ipv4", "a", [], False) == AFTER
    assert ufw_files.with_protocols(text, "ipv4", "b", [], True) == AFTER
    assert ufw_files.with_protocols(text, "ipv4", "b", [], False) == text
    other = TUNNEL._replace(ports=((47, 47),))
    assert "-p 47" in ufw_files.with_protocols(text, "ipv4", "a", [other], False).splitlines()[5]
    assert "-p 4 " not in ufw_files.with_protocols(text, "ipv4", "a", [other], False)


def test_a_changed_block_of_protocols_stays_where_it_was():
    text = AFTER
    for label in ("a", "b"):
        text = ufw_files.with_protocols(text, "ipv4", label, [TUNNEL], False)
    changed = ufw_files.with_protocols(text, "ipv4", "a", [TUNNEL._replace(ports=((47, 47),))], False)
    assert changed == text.replace("-p 4 ", "-p 47 ", 1)


def test_a_block_without_an_end_is_refused():
    text = AFTER.replace("COMMIT", "# BEGIN netports:b\nCOMMIT", 1)
    with pytest.raises(FirewallError, match="line 5 begins a block that nothing ends"):
        ufw_files.with_protocols(text, "ipv4", "a", [TUNNEL], False)


def test_a_file_without_the_chain_is_refused():
    with pytest.raises(FirewallError, match="makes the chain ufw-after-input"):
        ufw_files.with_protocols("*filter\nCOMMIT\n", "ipv4", "a", [TUNNEL], False)
    assert ufw_files.with_protocols("*filter\nCOMMIT\n", "ipv4", "a", [], False) == "*filter\nCOMMIT\n", "it has no rules"


@pytest.mark.parametrize(
    "defaults, conf, expected",
    [
        ('IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\n', "ENABLED=yes\n", (True, True, False)),
        ("IPV6='no'\nDEFAULT_INPUT_POLICY=\"ACCEPT\"\n", "ENABLED=YES\n", (True, False, True)),
        ("# IPV6=yes\n", "#ENABLED=yes\nENABLED=no\n", (False, False, False)),
        ("IPV6=no\nIPV6=yes\n", "", (False, True, False)),
    ],
)
def test_settings_as_the_shell_reads_them(defaults, conf, expected):
    assert ufw_files.settings(defaults, conf) == expected


def test_a_file_of_profiles_says_who_wrote_it():
    text = ufw_files.profile_text("a", [("netports-a", "22/tcp"), ("netports-a+2", "23/tcp")])
    assert ufw_files.is_ours(text) and not ufw_files.is_ours("[netports-a]\n")
    head, *lines = text.splitlines()
    about = ["title=Ports of a", "description=Ports that netports.core.port_allow opened for a"]
    assert lines == ["", "[netports-a]", *about, "ports=22/tcp", "", "[netports-a+2]", *about, "ports=23/tcp"]
    assert head.startswith("# Written by netports.core.port_allow")
    assert ufw_files.profile_text("a", []) is None


@pytest.mark.parametrize("label", ["a", "a.b", "x" * 64])
def test_the_file_of_profiles_is_named_after_the_label(label):
    path = ufw_files.profile_path(label)
    assert path == "/etc/ufw/applications.d/" + ufw_rules.profile_base(label)
