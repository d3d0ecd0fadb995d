# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to change in tables of iptables, on listings as iptables-save prints them; the kernel's part is in
tests/integration/test_port_allow_iptables.py."""

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import ipt_persist, ipt_plan, ipt_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError, Rule

API = Rule("a", "tcp", ((5678, 5678),), "both")
OWN = '-A netports -p tcp -m tcp --dport 5678 -m comment --comment "netports:%s" -j ACCEPT'
SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
BAN = "-A INPUT -s 192.0.2.1/32 -j DROP"
DROP = "-A INPUT -j DROP"
JUMP = "-A INPUT -j netports"
INPUT = ("ip", "filter", "INPUT")
NETPORTS = ("ip", "filter", "netports")


def table(*rules, policy="DROP", chains=("netports",), name="filter"):
    lines = ["*" + name, ":INPUT %s [0:0]" % policy, ":FORWARD ACCEPT [0:0]"]
    return "\n".join([*lines, *(":%s - [0:0]" % chain for chain in chains), *rules, "COMMIT", ""])


def parsed(text, sets="", family="ip", legacy=False):
    return ipt_ruleset.parse(text, family, ipt_ruleset.parse_sets(sets), legacy)


def plan(text, rules=(API,), label="a", exclusive=False, **keys):
    return ipt_plan.plan(parsed(text, **keys), label, rules, exclusive)


def script(edits):
    """What is done, without the head and the end of the table."""
    return [line for one in edits.tables for line in one.script()[1:-1]]


def rewritten(text, edits):
    """The listing after the edits; as the saved file would be."""
    return ipt_persist.rewritten(text, edits.tables)


def test_the_first_rule_brings_chain_and_jump():
    edits = plan(table(SSH, chains=()))
    assert [one.script() for one in edits.tables] == [
        ["*filter", ":netports - [0:0]", OWN % "a", "-I INPUT 2 -j netports", "COMMIT"]
    ]


def test_what_is_there_stays():
    text = table(SSH, JUMP, OWN % "a")
    edits = plan(text)
    assert edits.tables == () and edits.enforcing and not edits.warnings


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ((SSH,), 2),
        ((SSH, DROP), 2),
        ((BAN, SSH, "-A INPUT -p tcp -j REJECT", SSH), 3),
        ((SSH, "-A INPUT -m conntrack --ctstate INVALID -j DROP", "-A INPUT -p udp -j DROP", DROP), 4),
        (("-A INPUT ! -p tcp -j DROP", "-A INPUT -p tcp -m tcp --dport 5000:6000 -j DROP"), 2),
        (("-A INPUT -m set --match-set banned src -j DROP", DROP), 2),
    ],
)
def test_the_jump_comes_right_before_what_would_drop(rules, place):
    assert script(plan(table(*rules, chains=())))[-1] == "-I INPUT %d -j netports" % place


@pytest.mark.parametrize("number", range(1, 9))
def test_the_jump_comes_as_far_behind_as_it_can_be(number):
    for place in range(1, number + 1):
        rules = [SSH] * number
        rules[place - 1] = DROP
        assert script(plan(table(*rules, chains=())))[-1] == "-I INPUT %d -j netports" % place


def test_what_other_labels_have_before_a_drop_may_go_and_is_not_counted_on():
    elsewhere = (OWN % "b").replace("-A netports", "-A INPUT")
    assert script(plan(table(elsewhere, DROP, JUMP, OWN % "a"))) == ["-D INPUT 3", "-I INPUT 2 -j netports"]


def test_places_are_counted_when_what_goes_is_gone():
    elsewhere = (OWN % "a").replace("-A netports", "-A INPUT")
    assert script(plan(table(elsewhere, SSH, DROP))) == ["-D INPUT 1", OWN % "a", "-I INPUT 2 -j netports"]


def test_a_jump_is_known_by_where_it_leads_and_not_by_what_it_counted():
    """As nft shows it."""
    ruleset = parsed(table(JUMP, OWN % "a"))
    (jump,) = ruleset.rules[INPUT]
    ruleset.rules[INPUT] = [jump._replace(expr=({"counter": {"packets": 5, "bytes": 300}}, *jump.expr))]
    assert ipt_plan.plan(ruleset, "a", [API]).tables == ()


def test_a_chain_that_drops_is_come_before():
    text = table(SSH, "-A INPUT -j refuse", "-A refuse -j DROP", policy="ACCEPT", chains=("refuse",))
    assert script(plan(text))[-1] == "-I INPUT 2 -j netports"


def test_a_jump_that_is_shadowed_moves():
    edits = plan(table(BAN, DROP, JUMP, OWN % "a"))
    assert script(edits) == ["-D INPUT 3", "-I INPUT 2 -j netports"]


def test_a_second_jump_goes():
    assert script(plan(table(JUMP, SSH, JUMP, OWN % "a"))) == ["-D INPUT 3"]


def test_stale_rules_go_in_the_transaction_that_brings_the_new():
    edits = plan(table(JUMP, OWN % "a", OWN % "b"), [API._replace(ports=((5681, 5682),))])
    new = '-A netports -p tcp -m tcp --dport 5681:5682 -m comment --comment "netports:a" -j ACCEPT'
    assert script(edits) == ["-D netports 1", new]


def test_a_second_copy_and_one_in_another_chain_go():
    elsewhere = (OWN % "a").replace("-A netports", "-A INPUT")
    assert script(plan(table(elsewhere, JUMP, OWN % "a", OWN % "a"))) == ["-D INPUT 1", "-D netports 2"]


def test_rules_are_taken_away_from_the_last_on():
    """By position: what goes first must not move what goes next."""
    text = table(JUMP, OWN % "a", OWN % "b", (OWN % "a").replace("5678", "1"))
    assert script(plan(text, ())) == ["-D netports 3", "-D netports 1"]


@pytest.mark.parametrize("ask", [ipt_plan.plan, ipt_plan.edit])
def test_other_labels_and_lists_of_sources_stay_as_they_are_unless_one_asks(ask):
    edits = ask(parsed(table(JUMP, OWN % "b")), "a", [RULES[-1]])
    done = script(edits)
    assert len(done) == len(RULES[-1].sources) and all(line.startswith("-A netports -s ") for line in done)


def test_what_a_label_is_to_have_is_told_by_table_and_nothing_of_others():
    changed = (OWN % "b").replace("ACCEPT", "DROP")
    text = table(JUMP, OWN % "a", OWN % "b", changed) + table(SSH, name="mangle", chains=())
    own = API._replace(family="ipv4")
    assert plan(text).placed == ((("ip", "mangle"), own), (("ip", "filter"), own))


@pytest.mark.parametrize(
    ("rules", "noted"),
    [
        ((JUMP, BAN, DROP), True),
        ((BAN, JUMP, DROP), False),
        ((BAN, DROP), False),
    ],
)
def test_bans_that_what_is_opened_passes_are_told(rules, noted):
    edits = plan(table(*rules))
    told = ("rule `%s` of chain ip filter INPUT bans some sources, which can reach the opened ports" % BAN,)
    assert edits.notes == (told if noted else ())


def test_other_labels_stay_unless_exclusive():
    text = table(JUMP, OWN % "b", OWN % "a")
    assert plan(text).tables == ()
    assert script(plan(text, exclusive=True)) == ["-D netports 1"]
    assert script(plan(text, ())) == ["-D netports 2"]


def test_the_last_label_takes_chain_and_jump_along():
    assert script(plan(table(SSH, JUMP, OWN % "a"), ())) == ["-D INPUT 2", "-D netports 1", "-X netports"]


@pytest.mark.parametrize(
    "stranger",
    ["-A netports -p udp -j ACCEPT", "-A FORWARD -j netports", "-A FORWARD -g netports", "-A INPUT -i eth1 -j netports"],
)
def test_a_chain_that_somebody_else_uses_stays(stranger):
    rules = [JUMP, OWN % "a", stranger] if stranger.startswith("-A n") else [stranger, JUMP, OWN % "a"]
    assert script(plan(table(*rules), ())) == ["-D netports 1"]


def test_what_somebody_changed_by_hand_is_written_anew():
    for changed in (
        (OWN % "a").replace("ACCEPT", "DROP"),
        (OWN % "a").replace("5678", "5679"),
        (OWN % "a").replace("-A netports", "-A netports -s 10.0.0.1/32"),
        (OWN % "a").replace("-j", "-m limit --limit 1/min -j"),
        (OWN % "a").replace("-p tcp", "-i eth0 -p tcp"),
    ):
        assert script(plan(table(JUMP, changed))) == ["-D netports 1", OWN % "a"], changed


def test_a_table_that_does_not_drop_gets_nothing():
    text = table(SSH, chains=()) + table(policy="ACCEPT", name="mangle", chains=())
    assert [one.key for one in plan(text).tables] == [("ip", "filter")]
    text = table(SSH, chains=()) + table(SSH, name="mangle", chains=())
    assert [one.key for one in plan(text).tables] == [("ip", "mangle"), ("ip", "filter")]


def test_nothing_filters():
    edits = plan(table(SSH, policy="ACCEPT", chains=()))
    assert not edits.enforcing and not edits.tables and edits.warnings


def test_a_family_gets_what_is_of_it():
    rules = [API._replace(family="ipv6"), API._replace(ports=((1, 1),), family="ipv4", sources=((0x0A000000, 0x0AFFFFFF),))]
    add = '-A netports -s 10.0.0.0/8 -p tcp -m tcp --dport 1 -m comment --comment "netports:a" -j ACCEPT'
    assert add in script(plan(table(), rules)) and OWN % "a" not in script(plan(table(), rules))
    assert OWN % "a" in script(plan(table(), rules, family="ip6"))


RULES = [
    API._replace(family="ipv4"),
    Rule("a", "udp", ((53, 53), (500, 600)), "ipv4"),
    Rule("a", "ip", ((4, 4), (97, 98)), "ipv4"),
    Rule("a", "tcp", tuple((n, n) for n in range(1000, 1100, 2)), "ipv4"),
    Rule("a", "tcp", tuple((n, n + 1) for n in range(2000, 2100, 3)), "ipv4"),
    Rule("a", "tcp", ((1, 1),), "ipv4", ((1, 1), (4, 7), (9, 11))),
    Rule("a", "udp", ((1, 1), (3, 3)), "ipv4", tuple((n, n) for n in range(0, 200, 2))),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("sets", [True, False])
def test_a_rule_is_known_again(rule, sets):
    """Through the text that iptables would be given, whatever number of lines it takes."""
    lines = ipt_plan.lines_of(rule, sets)
    members = ""
    if any(line.set_name for line in lines):
        name = ipt_plan.set_name(rule)
        members = "create %s hash:net family inet\n" % name
        members += "".join("add %s 0.0.0.%d\n" % (name, low) for low, _high in rule.sources)
    text = table(JUMP, *("-A netports " + line.text for line in lines))
    ruleset = parsed(text, members)
    assert ipt_plan.plan(ruleset, "a", [rule], sets=sets).tables == ()
    assert list(ipt_plan.previous(ruleset, "a", False)) == [("a", (rule,))]
    # One source or port less is a difference.
    fewer = rule._replace(sources=rule.sources[1:]) if rule.sources else rule._replace(ports=((65000, 65000),))
    assert ipt_plan.plan(ruleset, "a", [fewer], sets=sets).tables


@pytest.mark.parametrize(
    ("sources", "asks"),
    [
        ((), "-p tcp -m tcp --dport 5678"),
        (((1, 1),), "-s 0.0.0.1/32 -p tcp -m tcp --dport 5678"),
        (((0x0A000000, 0x0AFFFFFF),), "-s 10.0.0.0/8 -p tcp -m tcp --dport 5678"),
        (((1, 2),), "-p tcp -m iprange --src-range 0.0.0.1-0.0.0.2 -m tcp --dport 5678"),
        # The name says which list it is, and is the same in every version: or a host would have two sets.
        (((1, 1), (3, 3)), "-p tcp -m set --match-set netports-%s src -m tcp --dport 5678"),
    ],
)
def test_sources_in_one_line(sources, asks):
    text = ipt_plan.line_text(Rule("a", "tcp", API.ports, "ipv4", sources))
    name = hashlib.sha256(b"ipv4 ((1, 1), (3, 3))").hexdigest()[:16]
    assert text == (asks % name if "%s" in asks else asks) + ' -m comment --comment "netports:a" -j ACCEPT'


@pytest.mark.parametrize(("number", "wanted"), [(0, False), (4, False), (5, True), (6, True)])
def test_some_sources_are_worth_a_set(number, wanted):
    rule = API._replace(family="ipv4", sources=tuple((n, n) for n in range(0, 2 * number, 2)))
    assert ipt_plan.wants_set(rule) == wanted
    assert [line.set_name is not None for line in ipt_plan.lines_of(rule, True)] == (
        [True] if wanted else [False] * (number or 1)
    )


def test_no_line_has_more_than_iptables_takes():
    for rule in RULES:
        for portion in ipt_plan.chunks(rule):
            assert sum(1 if low == high else 2 for low, high in portion) <= 15
    assert len(ipt_plan.set_name(RULES[-1]) + "-t") <= 31


def test_protocols_by_the_names_that_iptables_save_has_for_them():
    rule = Rule("a", "ip", ((4, 4),), "ipv4")
    line = '-A netports -p %s -m comment --comment "netports:a" -j ACCEPT'
    for name in ("4", "ipencap", "ipv4"):
        assert plan(table(JUMP, line % name), [rule]).tables == ()


def test_protocol_0_cannot_be_said():
    with pytest.raises(FirewallError, match="protocol 0"):
        plan(table(), [Rule("a", "ip", ((0, 0),), "both")])


def test_a_set_that_is_gone_is_made_anew():
    rule = RULES[-1]
    text = table(JUMP, *("-A netports " + line.text for line in ipt_plan.lines_of(rule, True)))
    assert script(ipt_plan.plan(parsed(text), "a", [rule], sets=True))[:1] == ["-D netports 1"]


def test_both_families_are_told_as_one_rule():
    placed = [(("ip", "filter"), API._replace(family="ipv4")), (("ip6", "filter"), API._replace(family="ipv6"))]
    (told,) = ipt_plan.described("a", placed)
    assert told["family"] == "both" and told["chains"] == ["ip filter netports", "ip6 filter netports"]


# As the package iptables-services of RHEL and its kin has it.
RHEL = """# sample configuration for iptables service
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
COMMIT
"""
SAVED = [
    RHEL,
    table(SSH, chains=()),
    table(BAN, SSH, DROP, chains=()),
    "# a comment\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n" + table("[5:300] " + SSH, "[0:0] -A INPUT -j REJECT", chains=()),
    table(SSH, chains=("refuse",)) + "# end\n",
    table(chains=()).replace("\n:FORWARD ACCEPT [0:0]", ""),
]


@pytest.mark.parametrize("text", SAVED)
def test_a_saved_file_is_edited_and_left_as_it_was(text):
    edits = plan(text)
    new = rewritten(text, edits)
    assert plan(new).tables == () and OWN % "a" in new and JUMP in new
    assert [line for line in new.splitlines() if "netports" not in line] == text.splitlines()
    second = rewritten(new, plan(new, [API._replace(label="b")], "b"))
    assert plan(second, [API._replace(label="b")], "b").tables == () == plan(second).tables
    first_only = rewritten(second, plan(second, (), "b"))
    assert rewritten(first_only, plan(first_only, ())) == text


def test_the_file_of_rhel_is_opened_before_its_last_rule():
    lines = rewritten(RHEL, plan(RHEL)).splitlines()
    assert lines[lines.index(JUMP) + 1].startswith("-A INPUT -j REJECT")


def test_after_is_what_the_file_becomes():
    """The picture of a plan, for the guard against locking out, is the ruleset that the edits make."""
    several = table(JUMP, OWN % "a") + table(JUMP, OWN % "a", name="mangle")
    for text in (table(BAN, SSH, DROP, chains=()), table(DROP, JUMP, OWN % "b", OWN % "a"), several):
        for rules, exclusive in ((RULES[:4], False), ((), False), ([API], True)):
            edits = plan(text, rules, exclusive=exclusive)
            foreseen, made = ipt_plan.after(parsed(text), edits), parsed(rewritten(text, edits))
            assert sorted(ipt_plan.lines(foreseen)) == sorted(ipt_plan.lines(made))
            comments = [{key: [rule.comment for rule in rules] for key, rules in one.rules.items()} for one in (foreseen, made)]
            assert comments[0] == comments[1]


def test_taking_back_names_every_line_that_was():
    text = table(SSH, JUMP, OWN % "b", OWN % "a")
    edits = plan(text, ())
    assert ipt_plan.undo_script(parsed(text), edits.tables[0]) == [
        "*filter", "-D INPUT -j netports", ":netports - [0:0]", OWN % "b", OWN % "a", "-I INPUT 2 -j netports", "COMMIT"
    ]  # fmt: skip
    first = plan(table(SSH, chains=()))
    assert ipt_plan.undo_script(parsed(table(SSH, chains=())), first.tables[0]) == [
        "*filter", "-D INPUT -j netports", ":netports - [0:0]", "-X netports", "COMMIT"
    ]  # fmt: skip


def test_taking_back_makes_up_no_line_that_nobody_printed():
    """Somebody's rule that nft made, and iptables-save does not print."""
    ruleset = parsed(table(SSH, JUMP, "-A netports -p tcp -m tcp --dport 22 -j ACCEPT", OWN % "a"))
    ruleset.rules[NETPORTS][0] = ruleset.rules[NETPORTS][0]._replace(line="")
    done = ipt_plan.undo_script(ruleset, ipt_plan.plan(ruleset, "a", ()).tables[0])
    assert [line for line in done if line.startswith("-A")] == [OWN % "a"]
    ruleset.rules[NETPORTS][0] = ruleset.rules[NETPORTS][0]._replace(comment="netports:b", expr=({"drop": None},))
    assert ipt_plan.undo_script(ruleset, ipt_plan.plan(ruleset, "a", ()).tables[0]) == done


def test_tables_of_the_old_iptables_have_their_own_names_in_its_commands():
    ruleset = parsed(table(SSH, chains=()), legacy=True)
    (edits,) = ipt_plan.plan(ruleset, "a", [API]).tables
    assert edits.key == ("ip", "legacy:filter") and edits.script()[0] == "*filter"
    assert ipt_plan.undo_script(ruleset, edits)[0] == "*filter"
    own = parsed(table(JUMP, OWN % "a"), legacy=True)
    assert ipt_plan.plan(own, "a", [API]).tables == ()
    assert ipt_plan.lines(own) == ["iptables -t filter -I INPUT 1 -j netports", "iptables -t filter " + OWN % "a"]


def test_what_nft_has_no_words_for_is_changed_by_hand():
    """It prints such a statement as one text."""
    ruleset = parsed(table(JUMP, OWN % "a"))
    (own,) = ruleset.rules[NETPORTS]
    ruleset.rules[NETPORTS] = [own._replace(expr=("tproxy to :8080", *own.expr))]
    assert script(ipt_plan.plan(ruleset, "a", [API])) == ["-D netports 1", OWN % "a"]
    assert ipt_plan.set_names(ruleset) == frozenset()


@pytest.mark.parametrize("mechanism", ipt_persist.MECHANISMS)
def test_how_each_distribution_loads_rules_is_found(mechanism, monkeypatch):
    monkeypatch.setattr(ipt_persist.os.path, "exists", lambda path: path == mechanism.marker)
    assert ipt_persist.find_mechanism() == mechanism
    monkeypatch.setattr(ipt_persist.os.path, "exists", lambda path: False)
    assert ipt_persist.find_mechanism() is None


def test_a_line_that_says_a_part_of_a_new_one_goes():
    rule = Rule("a", "udp", ((1, 1), (3, 3)), "ipv4")
    part = '-A netports -p udp -m udp --dport 1 -m comment --comment "netports:a" -j ACCEPT'
    (new,) = ipt_plan.lines_of(rule, False)
    assert script(plan(table(JUMP, part), [rule])) == ["-D netports 1", "-A netports " + new.text]


def test_chains_that_are_to_have_the_rules_get_them_without_need():
    """A policy that accepts today, on a host whose saved file drops."""
    ruleset = parsed(table(policy="ACCEPT", chains=()))
    key = ("ip", "filter", "INPUT")
    assert ipt_plan.edit(ruleset, "a", [API]).tables == ()
    edits = ipt_plan.edit(ruleset, "a", [API], also=frozenset([key]))
    assert script(edits) == [":netports - [0:0]", OWN % "a", "-I INPUT 1 -j netports"] and edits.needed == {key}


def test_sets_of_ours_that_rules_ask():
    asks = "-A netports -p tcp -m set --match-set %s src -m comment --comment netports:a -j ACCEPT"
    text = table(JUMP, asks % "netports-x", asks % "others", OWN % "b", "-A INPUT -m set --match-set netports-y src -j DROP")
    sets = "".join("create %s hash:net family inet\n" % name for name in ("netports-x", "netports-y", "others"))
    assert ipt_plan.set_names(parsed(text, sets)) == {"netports-x"}


def test_what_was_changed_by_hand_is_shown_as_it_is_and_other_tables_are_not():
    changed = (OWN % "a").replace("ACCEPT", "DROP")
    text = table("-A INPUT -j netports", name="other") + table(JUMP, OWN % "b", changed)
    own = '-p tcp -m tcp --dport 5678 -m comment --comment "netports:b" -j ACCEPT'
    assert ipt_plan.lines(parsed(text)) == [
        "iptables -t filter -I INPUT 1 -j netports",
        "iptables -t filter -A netports " + own,
        "iptables -t filter -A netports %s (changed by hand)" % changed,
    ]


def test_a_plan_of_what_is_not_there_yet_can_be_taken_back():
    """The ruleset that edits make has rules that no program has printed."""
    text = table(SSH, chains=())
    before = ipt_plan.after(parsed(text), plan(text))
    taken = ipt_plan.plan(before, "a", ())
    assert OWN % "a" in ipt_plan.undo_script(before, taken.tables[0])


def test_a_jump_that_the_edits_lost_is_mended():
    """Somebody wrote to the chain in between."""
    text = table(SSH, chains=())
    (edits,) = plan(text).tables
    made = parsed(table(SSH, JUMP, OWN % "a"))
    assert ipt_plan.mending(made, edits) is None
    mended = ipt_plan.mending(parsed(table(DROP, JUMP, OWN % "a")), edits)
    assert mended is not None and mended.script()[1:-1] == ["-D INPUT 2", "-I INPUT 1 -j netports"]
    assert ipt_plan.mending(parsed("*nat\nCOMMIT\n"), edits) is None


def test_mending_a_jump_takes_no_rule_away():
    (edits,) = plan(table(SSH, chains=())).tables
    mended = ipt_plan.mending(parsed(table(DROP, JUMP, OWN % "", OWN % "a")), edits)
    assert mended is not None and mended.script()[1:-1] == ["-D INPUT 2", "-I INPUT 1 -j netports"]


def test_a_line_for_one_source_goes_when_a_set_has_it():
    rule = RULES[-1]._replace(ports=((1, 1),))
    (new,) = ipt_plan.lines_of(rule, True)
    one = '-A netports -s 0.0.0.2/32 -p udp -m udp --dport 1 -m comment --comment "netports:a" -j ACCEPT'
    edits = ipt_plan.plan(parsed(table(JUMP, one)), "a", [rule], sets=True)
    assert script(edits) == ["-D netports 1", "-A netports " + new.text]


def test_each_table_keeps_to_its_own_and_other_tables_are_nobodys():
    text = table(JUMP, OWN % "a") + table(JUMP, OWN % "b", name="mangle") + table(OWN % "a", name="other")
    assert script(plan(text, ())) == ["-D INPUT 1", "-D netports 1", "-X netports"]


def test_a_rule_of_another_label_in_another_chain_is_left_alone():
    elsewhere = (OWN % "b").replace("-A netports", "-A INPUT")
    assert plan(table(elsewhere, JUMP, OWN % "a")).tables == ()
    assert script(plan(table(elsewhere, JUMP, OWN % "a"), exclusive=True)) == ["-D INPUT 1"]


@pytest.mark.parametrize(("exclusive", "labels"), [(False, ["a"]), (True, ["a", "b"])])
def test_what_a_label_had_before(exclusive, labels):
    ruleset = parsed(table(JUMP, OWN % "a", OWN % "b", (OWN % "a").replace("ACCEPT", "DROP")))
    own = API._replace(family="ipv4")
    assert dict(ipt_plan.previous(ruleset, "a", exclusive)) == {label: (own._replace(label=label),) for label in labels}
