# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import (
    ipt_ruleset,
    nft_admission,
    nft_match,
    nft_ruleset,
    ufw_chains,
    ufw_rules,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError, Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.ufw_chains import FamilyEdit
from ansible_collections.netports.core.plugins.module_utils._firewall.ufw_rules import Entry

KEY = ("ip", "filter", "ufw-user-input")
BEHIND = ("ip", "filter", "ufw-after-input")
API = Entry("tcp", ((5678, 5678),), None, "netports-a")
LOW = Entry("tcp", ((6000, 6000),), None, "netports-a")
TOP = Entry("tcp", ((7000, 7000),), None, "netports-a")
TUNNEL = Entry("ip", ((4, 4),), None)
GRE = Entry("ip", ((47, 47),), None)
OTHER = API._replace(profile="netports-b")
SSH = "-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT"
DENY = "-A ufw-user-input -p tcp -m tcp --dport 5000:6999 -j DROP"
LABELS = {"netports-a": "a", "netports-b": "b"}


def printed(entry, label="a"):
    """As iptables-save prints a rule that was loaded from a file of ufw."""
    return saved(ufw_rules.line(entry, "ipv4", label)).replace("'dapp_%s'" % entry.profile, "\"\\'dapp_%s\\'\"" % entry.profile)


def saved(line):
    """The target is printed last."""
    return line.replace(" -j ACCEPT", "") + " -j ACCEPT" if " -j ACCEPT " in line else line


def ruleset(*lines, table="filter", legacy=False):
    head = ["*" + table, ":INPUT DROP [0:0]", ":ufw-user-input - [0:0]", ":ufw-after-input - [0:0]"]
    hooks = ["-A INPUT -j ufw-user-input", "-A INPUT -j ufw-after-input"]
    return ipt_ruleset.parse("\n".join([*head, *hooks, *lines, "COMMIT"]) + "\n", "ip", legacy=legacy)


def edit(found, wanted, label="a", exclusive=False, theirs=()):
    own = ufw_chains.own_rules(found, KEY, "ipv4", LABELS, theirs)
    return FamilyEdit("ipv4", label, (ufw_chains.edit(KEY, own, label, wanted, exclusive),))


def edit_both(found, wanted, wanted_behind):
    """Of the ports and of the IP protocols of label a."""
    owns = [ufw_chains.own_rules(found, key, "ipv4", LABELS, ()) for key in (KEY, BEHIND)]
    edits = zip((KEY, BEHIND), owns, (wanted, wanted_behind))
    return FamilyEdit("ipv4", "a", tuple(ufw_chains.edit(key, own, "a", entries, False) for key, own, entries in edits))


def run(found, script):
    """The chain as iptables-restore would leave it."""
    lines = [rule.line for rule in found.rules[KEY]]
    for line in script.splitlines()[1:-1]:
        command, _chain, rest = line.split(" ", 2)
        if command == "-D":
            entry = ufw_rules.entry_of_line(saved("-A ufw-user-input " + rest), "ipv4")
            lines.remove(next(one for one in lines if "dapp" in one and ufw_rules.entry_of_line(one, "ipv4") == entry))
        elif command == "-I":
            number, rule = rest.split(" ", 1)
            assert int(number) <= len(lines) + 1
            lines.insert(int(number) - 1, "-A ufw-user-input " + rule)
        else:
            lines.append("-A ufw-user-input " + rest)
    return [ufw_rules.entry_of_line(saved(line), "ipv4") if "dapp" in line else line for line in lines]


def test_new_rules_come_last():
    found = ruleset(SSH, DENY)
    change = edit(found, [API, LOW])
    assert run(found, change.script()) == [SSH, DENY, API, LOW]


def test_changed_rules_come_where_the_first_stood():
    found = ruleset(SSH, printed(LOW), DENY)
    assert run(found, edit(found, [API]).script()) == [SSH, API, DENY]
    assert run(found, edit(found, [API, LOW]).script()) == [SSH, API, LOW, DENY]
    assert run(found, edit(found, [API, TOP]).script()) == [SSH, API, TOP, DENY]


def test_all_chains_of_a_family_are_changed_and_taken_back_in_one_transaction():
    change = edit_both(ruleset(SSH, printed(LOW), printed(TUNNEL)), [API], [GRE])
    user, behind = "ufw-user-input", "ufw-after-input"
    old = {chain: printed(entry)[len("-A %s " % chain) :] for chain, entry in ((user, LOW), (behind, TUNNEL))}
    new = {chain: ufw_rules.line(entry, "ipv4", "a")[len("-A %s " % chain) :] for chain, entry in ((user, API), (behind, GRE))}
    assert change.script().splitlines() == [
        "*filter",
        *("-D %s %s" % (user, old[user]), "-I %s 2 %s" % (user, new[user])),
        *("-D %s %s" % (behind, old[behind]), "-I %s 1 %s" % (behind, new[behind])),
        "COMMIT",
    ]
    assert change.inverse().splitlines() == [
        "*filter",
        *("-D %s %s" % (user, new[user]), "-I %s 2 %s" % (user, old[user])),
        *("-D %s %s" % (behind, new[behind]), "-I %s 1 %s" % (behind, old[behind])),
        "COMMIT",
    ]


def test_what_people_are_shown_before_and_after():
    change = edit_both(ruleset(SSH, printed(LOW), printed(TOP), printed(TUNNEL)), [TOP, API], [TUNNEL, GRE])
    ports, protocols = "ip filter ufw-user-input: allow %d/tcp from anywhere (netports-a)", "ip filter ufw-after-input: allow %s"
    tunnel, gre = (protocols % "IP protocol %d from anywhere" % number for number in (4, 47))
    assert ufw_chains.lines([change], False) == [ports % 6000, ports % 7000, tunnel]
    assert ufw_chains.lines([change], True) == [ports % 7000, ports % 5678, tunnel, gre]


@pytest.mark.parametrize("length", [1, 51, 64])
def test_rules_are_of_the_label_that_has_their_profile(length):
    label = "x" * length
    name = ufw_rules.profile_base(label)
    rules = [printed(API._replace(profile=profile)) for profile in (name, name + "+2")]
    tunnel = printed(TUNNEL, label)
    found = ruleset(*rules, tunnel)
    own = ufw_chains.own_rules(found, KEY, "ipv4", {name: label}, ()) + ufw_chains.own_rules(found, BEHIND, "ipv4", {}, ())
    assert [(one.place, one.label, one.rule.line) for one in own] == [
        (1, label, rules[0]),
        (2, label, rules[1]),
        (1, label, tunnel),
    ]
    # Of a label that no file names, what the profile tells.
    unknown = ufw_chains.own_rules(found, KEY, "ipv4", LABELS, ())
    assert [one.label for one in unknown] == [ufw_rules.label_of_profile(name)] * 2


def test_rules_that_are_there_are_not_touched():
    found = ruleset(SSH, printed(API), DENY)
    assert not edit(found, [API]).changes


def test_other_labels_go_when_one_is_to_be_the_only_one():
    found = ruleset(printed(OTHER), SSH, printed(LOW))
    assert run(found, edit(found, [API]).script()) == [OTHER, SSH, API]
    assert run(found, edit(found, [API], exclusive=True).script()) == [SSH, API]


def test_the_rule_of_an_operator_who_uses_a_profile_stays():
    found = ruleset(printed(API), SSH, printed(API))
    assert run(found, edit(found, [], theirs=[API]).script()) == [SSH, API]
    assert not edit(found, [API], theirs=[API]).changes


def test_what_somebody_changed_by_hand_goes():
    changed = printed(API).replace("-p tcp", "-i eth0 -p tcp")
    found = ruleset(changed)
    change = edit(found, [API])
    assert [own.rule.line for own in change.chains[0].delete] == [changed]
    assert "(changed by hand)" in ufw_chains.lines([change], False)[0]


@pytest.mark.parametrize("wanted, exclusive", [([API], False), ([API, LOW], True), ([], True), ([], False)])
def test_the_inverse_brings_back_what_was(wanted, exclusive):
    found = ruleset(SSH, printed(LOW), DENY, printed(OTHER), printed(LOW._replace(source=(1, 1))))
    change = edit(found, wanted, exclusive=exclusive)
    before = run(found, "*filter\nCOMMIT\n")
    after = ruleset(*[printed(one) if isinstance(one, Entry) else one for one in run(found, change.script())])
    assert run(after, change.inverse()) == before


def test_the_foreseen_ruleset_admits_what_the_rules_do():
    found = ruleset(SSH, DENY)
    rules = [Rule("a", "tcp", API.ports, "both"), Rule("a", "ip", ((4, 4),), "ipv4")]
    keys = ufw_chains.keys("filter", "ipv4", found)
    entries = ufw_rules.layout("a", rules, ("ipv4",)).entries["ipv4"]
    edits = FamilyEdit(
        "ipv4",
        "a",
        tuple(
            ufw_chains.edit(key, [], "a", [one for one in entries if ufw_rules.chain_of(one, "ipv4") == key[2]], False)
            for key in keys
        ),
    )
    after = ufw_chains.after(found, [edits], rules)
    judged = [nft_admission.judge(after, nft_match.Packet("ipv4", 6, port)) for port in (22, 5678, 7000)]
    assert [one.state for one in judged] == ["admitted", "dropped", "dropped"]
    assert "5000:6999" in judged[1].reason
    assert nft_admission.judge(after, nft_match.Packet("ipv4", 4)).state == "admitted"


OWN = Rule("a", "tcp", API.ports, "ipv4", ((0x0A000000, 0x0AFFFFFF),))


@pytest.mark.parametrize(
    ("lines", "rules", "exclusive", "expected"),
    [
        ((SSH, DENY), (OWN,), False, [SSH, DENY, OWN]),
        ((SSH, printed(LOW), DENY), (OWN,), False, [SSH, OWN, DENY]),
        ((SSH, printed(LOW), DENY, printed(OTHER)), (OWN,), False, [SSH, OWN, DENY, printed(OTHER)]),
        ((SSH, printed(LOW), DENY, printed(TOP)), (OWN,), False, [SSH, OWN, DENY]),
        ((printed(OTHER), SSH, printed(LOW), DENY), (OWN,), True, [SSH, OWN, DENY]),
        ((SSH, printed(OTHER), DENY), (OWN,), True, [SSH, DENY, OWN]),
        ((SSH, printed(LOW), DENY), (), False, [SSH, DENY]),
        ((SSH, DENY), (OWN._replace(family="ipv6", sources=()),), False, [SSH, DENY]),
    ],
)
def test_the_foreseen_ruleset_has_the_rules_where_the_edits_put_them(lines, rules, exclusive, expected):
    found = ruleset(*lines)
    change = edit(found, ufw_rules.layout("a", rules, ("ipv4",)).entries["ipv4"], exclusive=exclusive)
    foreseen = ufw_chains.after(found, [change], rules)
    assert [rule.line or nft_ruleset.parse_own(rule) for rule in foreseen.rules[KEY]] == expected


def test_ports_and_protocols_are_foreseen_in_the_chains_for_them():
    found, protocol = ruleset(SSH), Rule("a", "ip", ((4, 4),), "ipv4")
    foreseen = ufw_chains.after(found, [edit_both(found, [API], [TUNNEL])], [protocol, OWN])
    assert [rule.line or nft_ruleset.parse_own(rule) for rule in foreseen.rules[KEY]] == [SSH, OWN]
    assert [nft_ruleset.parse_own(rule) for rule in foreseen.rules[BEHIND]] == [protocol]


def test_a_ufw_that_is_not_loaded_has_no_table():
    assert ufw_chains.table(ipt_ruleset.parse("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", "ip")) is None


def test_a_ufw_without_the_chain_for_protocols_has_room_for_ports():
    found = ipt_ruleset.parse("*filter\n:ufw-user-input - [0:0]\nCOMMIT\n", "ip")
    assert ufw_chains.table(found) == "filter"
    assert ufw_chains.keys("filter", "ipv4", found) == (KEY,)


def test_a_ufw_that_is_loaded_twice_is_refused():
    both = ruleset()
    legacy = ruleset(legacy=True)
    assert ufw_chains.table(both) == "filter" and ufw_chains.table(legacy) == "legacy:filter"
    with pytest.raises(FirewallError, match="loaded twice"):
        ufw_chains.table(both._replace(chains={**both.chains, **legacy.chains}))


def test_a_chain_that_cannot_be_listed_is_an_error_and_not_empty():
    found = ruleset(printed(API))
    found.rules[KEY] = [found.rules[KEY][0]._replace(line="")]
    with pytest.raises(FirewallError, match="cannot read the rules of chain ip filter ufw-user-input"):
        edit(found, [])


def test_rules_of_one_family_are_compared_alone():
    found = ruleset(SSH)
    six = ipt_ruleset.parse("*filter\n:ufw6-user-input - [0:0]\nCOMMIT\n", "ip6")
    both = found._replace(rules={**found.rules, **six.rules})
    assert ufw_chains.shape(both, "ipv4") == ufw_chains.shape(found, "ipv4")
    assert ufw_chains.shape(both, "ipv4")[KEY] == [(1, SSH)]
    assert ufw_chains.shape(both, "ipv6") == {("ip6", "filter", "ufw6-user-input"): []}
    assert ufw_chains.shape(ruleset(SSH, DENY), "ipv4") != ufw_chains.shape(found, "ipv4")
