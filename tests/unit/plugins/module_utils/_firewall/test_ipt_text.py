# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of iptables taken apart, as iptables-save prints them and as people write them."""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import ipt_text
from ansible_collections.netports.core.plugins.module_utils._firewall.ipt_text import Option, Part

OWN = ("-p", "--protocol", "-s", "-i", "-f")


def taken(line):
    return ipt_text.take_apart(line, OWN)


def test_a_line_of_iptables_save():
    rule = taken(
        '[5:300] -A INPUT ! -s 10.0.0.0/8 -p tcp -m multiport ! --dports 22,80 -m comment --comment "a b" -j LOG --log-level 4'
    )
    assert rule == ipt_text.RuleText(
        chain="INPUT",
        parts=(
            Part("", (Option(True, "-s", ("10.0.0.0/8",)), Option(False, "-p", ("tcp",)))),
            Part("multiport", (Option(True, "--dports", ("22,80",)),)),
            Part("comment", (Option(False, "--comment", ("a b",)),)),
        ),
        target="LOG",
        goto=False,
        options=(Option(False, "--log-level", ("4",)),),
        odd=False,
    )
    assert (rule.protocol, rule.comment) == ("tcp", "a b")


def test_counters_are_no_part_of_a_rule():
    assert ipt_text.without_counters("[5:300] -A INPUT -j DROP") == "-A INPUT -j DROP"
    assert ipt_text.without_counters("-A INPUT -j DROP") == "-A INPUT -j DROP"


@pytest.mark.parametrize(
    ("words", "target", "goto"),
    [
        ("-j sub", "sub", False),
        ("--jump sub", "sub", False),
        ("-g sub", "sub", True),
        ("--goto sub", "sub", True),
        ("-p tcp", None, False),
    ],
)
def test_targets(words, target, goto):
    for append in ("-A", "--append"):
        rule = taken("%s INPUT %s" % (append, words))
        assert (rule.chain, rule.target, rule.goto, rule.odd) == ("INPUT", target, goto, False)


@pytest.mark.parametrize("line", ["", "-A", "-I INPUT -j DROP", ":INPUT ACCEPT [0:0]"])
def test_what_is_no_rule_is_refused_and_shown(line):
    with pytest.raises(ValueError, match="is not a rule of iptables"):
        taken(line)


@pytest.mark.parametrize(
    ("words", "protocol"),
    [
        ("-p tcp", "tcp"),
        ("--protocol 6", "6"),
        ("-s 10.0.0.1 -p udp", "udp"),
        ("! -p tcp", None),
        ("! --protocol tcp", None),
        ("-s 10.0.0.1", None),
        ("-p", ""),
        ("", None),
    ],
)
def test_the_protocol_that_a_rule_asks_for(words, protocol):
    assert taken("-A INPUT " + words).protocol == protocol


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        # People leave out -m and iptables takes the protocol for it.
        ("-p tcp --dport 22 --sport 1", [("", ["-p"]), ("tcp", ["--dport", "--sport"])]),
        ("--protocol udp --dport 22", [("", ["--protocol"]), ("udp", ["--dport"])]),
        ("-s 10.0.0.1 -p udp --dport 22", [("", ["-s", "-p"]), ("udp", ["--dport"])]),
        ("--dport 22", [("", []), ("", ["--dport"])]),
        ("-s 10.0.0.1 --dport 22", [("", ["-s"]), ("", ["--dport"])]),
        ("--match limit --limit 3/min -i lo", [("", ["-i"]), ("limit", ["--limit"])]),
        ("-m limit -m tcp --dport 22", [("", []), ("limit", []), ("tcp", ["--dport"])]),
    ],
)
def test_the_match_that_an_option_is_of(words, parts):
    found = [(part.name, [option.name for option in part.options]) for part in taken("-A INPUT " + words).parts]
    assert found == parts


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("-m x --a 1 2 --b", [(False, "--a", ("1", "2")), (False, "--b", ())]),
        ("-m x --a 1 ! --b 2 --c 3", [(False, "--a", ("1",)), (True, "--b", ("2",)), (False, "--c", ("3",))]),
        ("-m x --a -", [(False, "--a", ("-",))]),
        ('-m x --a "-b" "!" --c', [(False, "--a", ("-b", "!")), (False, "--c", ())]),
        (r'-m x --a "say \"no\" \\ to"', [(False, "--a", (r'say "no" \ to',))]),
        ('-m x --a ""', [(False, "--a", ("",))]),
        # Text of people's own is one word, whatever it looks like.
        ("-m x --comment -j --b 1", [(False, "--comment", ("-j",)), (False, "--b", ("1",))]),
        ("-m x --name ! --b 1", [(False, "--name", ("!",)), (False, "--b", ("1",))]),
        ("-m x --comment", [(False, "--comment", ())]),
    ],
)
def test_options_and_their_values(words, options):
    assert taken("-A INPUT " + words).parts[1].options == tuple(Option(*option) for option in options)


def test_the_value_and_the_operator_of_an_option():
    assert (Option(False, "--a", ("1", "2")).value, Option(False, "--a", ()).value) == ("1", "")
    assert (Option(False, "--a", ()).operator, Option(True, "--a", ()).operator) == ("==", "!=")


def test_comments_are_read_as_one():
    line = "-A INPUT -m comment --comment a -m other --comment b -m comment --comment c --other d -j DROP"
    assert taken(line).comment == "a c"


@pytest.mark.parametrize(
    ("words", "odd"),
    [
        ("-j LOG --log-prefix x", False),
        ("-j LOG ! --log-prefix x", True),
        ("-j DROP -m tcp", True),
        ("-j DROP -p udp", True),
        ("-p udp -j DROP", False),
    ],
)
def test_what_stands_behind_the_target_and_should_not_is_odd(words, odd):
    assert taken("-A INPUT " + words).odd == odd
