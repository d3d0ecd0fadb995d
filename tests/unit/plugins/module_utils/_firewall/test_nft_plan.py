# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to change, on rulesets as nft prints them; the kernel's part is in tests/integration/test_port_allow_nftables.py."""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import nft_persist, nft_plan, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError, Rule
from ansible_collections.netports.core.plugins.module_utils._run import Answer

KEY = ("inet", "filter", "input")
API = Rule("a", "tcp", ((5678, 5678),), "both")


def ruleset(*rules, **keys):
    family, table, name = keys.pop("key", KEY)
    names = {"family": family, "table": table}
    chain = dict(names, name=name, type="filter", hook="input", prio=keys.pop("prio", 0), policy=keys.pop("policy", "drop"))
    items = [{"chain": chain}]
    for handle, (comment, expr) in enumerate(rules, 5):
        items.append({"rule": dict(names, chain=name, handle=handle, comment=comment, expr=expr)})
    return nft_ruleset.parse({"nftables": items})


def ours(rule, family="inet"):
    return "netports:" + rule.label, list(nft_ruleset.expression(rule, family))


DROP = ("", [{"drop": None}])
SOURCE = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "192.0.2.1"}}
LO = {"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}}


def test_a_rule_is_inserted_once():
    before = ruleset(DROP)
    edits = nft_plan.plan(before, "a", [API])
    assert edits.script() == 'insert rule inet filter input tcp dport 5678 accept comment "netports:a"\n'
    after = nft_plan.after(before, edits)
    assert nft_plan.plan(after, "a", [API]).script() == ""


def test_stale_rules_go_in_the_transaction_that_brings_the_new():
    edits = nft_plan.plan(ruleset(ours(API)), "a", [API._replace(ports=((5681, 5681),))])
    assert edits.script().splitlines() == [
        "delete rule inet filter input handle 5",
        'insert rule inet filter input tcp dport 5681 accept comment "netports:a"',
    ]


def test_a_second_copy_goes():
    assert nft_plan.plan(ruleset(ours(API), ours(API)), "a", [API]).script() == "delete rule inet filter input handle 6\n"


def test_other_labels_stay_unless_exclusive():
    other = ours(API._replace(label="b"))
    assert nft_plan.plan(ruleset(other, ours(API)), "a", [API]).script() == ""
    assert nft_plan.plan(ruleset(other, ours(API)), "a", [API], True).script() == "delete rule inet filter input handle 5\n"
    # A port that another label opened is still opened for this one: the other may let go.
    assert nft_plan.plan(ruleset(other), "a", [API]).insert == ((KEY, API),)


def test_no_rules_take_all_of_the_label_away():
    assert nft_plan.plan(ruleset(ours(API), policy="accept"), "a", []).script() == "delete rule inet filter input handle 5\n"


@pytest.mark.parametrize(
    "shadow", [[{"drop": None}], [{"reject": None}], [{"match": dict(LO["match"], op="!=")}, {"drop": None}]]
)
def test_a_drop_before_ours_moves_ours(shadow):
    script = nft_plan.plan(ruleset(("", shadow), ours(API)), "a", [API]).script()
    assert script.startswith("delete rule inet filter input handle 6\ninsert rule inet filter input tcp dport 5678 ")


@pytest.mark.parametrize(
    "harmless", [[SOURCE, {"drop": None}], [LO, {"drop": None}], [{"counter": None}], [LO, {"accept": None}]]
)
def test_what_drops_nothing_of_ours_may_stand_before(harmless):
    assert nft_plan.plan(ruleset(("", harmless), ours(API)), "a", [API]).script() == ""


def test_a_chain_that_bans_named_sources_alone_is_not_opened():
    edits = nft_plan.plan(ruleset(("", [SOURCE, {"drop": None}]), policy="accept"), "a", [API])
    assert (edits.script(), edits.enforcing) == ("", True)
    assert "may be dropped for some sources by rule with handle 5" in edits.warnings[0]


def test_a_ban_that_ours_come_before_is_noted():
    edits = nft_plan.plan(ruleset(("", [SOURCE, {"drop": None}])), "a", [API])
    assert edits.notes == ("rule with handle 5 of chain inet filter input bans some sources, which can reach the opened ports",)


def test_ports_that_are_open_anyway_need_no_rule():
    accept = ("", [{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}, {"accept": None}])
    assert nft_plan.plan(ruleset(accept), "a", [API]).script() == ""
    dns = API._replace(protocol="udp")
    assert nft_plan.plan(ruleset(accept), "a", [API, dns]).insert == ((KEY, dns),)


def test_one_family_of_two_is_opened_in_a_table_of_both():
    before, half = ruleset(), API._replace(family="ipv4")
    edits = nft_plan.plan(before, "a", [half])
    words = 'meta nfproto ipv4 tcp dport 5678 accept comment "netports:a"'
    assert edits.script() == "insert rule inet filter input %s\n" % words
    after = nft_plan.after(before, edits)
    assert nft_plan.plan(after, "a", [half]).script() == ""
    assert nft_plan.lines(after) == ["inet filter input: " + words]


def test_every_chain_that_drops_is_opened_and_no_other():
    early, open_one, late = ("inet", "a", "in"), ("inet", "b", "in"), ("inet", "c", "in")
    parts = [ruleset(key=early, prio=2), ruleset(key=open_one, policy="accept", prio=1), ruleset(key=late, prio=3)]
    before = parts[0]._replace(
        chains={key: chain for part in parts for key, chain in part.chains.items()},
        rules={key: rules for part in parts for key, rules in part.rules.items()},
    )
    rules = [Rule("a", "tcp", ((port, port),), "both") for port in range(80, 88)]
    edits = nft_plan.plan(before, "a", rules[::-1])
    assert edits.placed == tuple((key, rule) for key in (early, late) for rule in rules)
    assert sorted(edits.needed) == sorted(edits.placed) and edits.warnings == ()


def test_marked_rules_in_words():
    key = ("ip6", "mine", "in")
    by_hand = ("netports:b", [{"counter": None}, {"drop": None}])
    found = ruleset(DROP, ours(API._replace(family="ipv6"), "ip6"), by_hand, key=key)
    assert nft_plan.lines(found) == [
        'ip6 mine in: tcp dport 5678 accept comment "netports:a"',
        'ip6 mine in: (changed by hand) comment "netports:b"',
    ]
    assert nft_plan.plan(found, "b", []).script() == "delete rule ip6 mine in handle 7\n"


@pytest.mark.parametrize(("family", "expected"), [("ip", "ipv4"), ("ip6", "ipv6")])
def test_a_table_of_one_family_gets_that_half(family, expected):
    key = (family, "mine", "in")
    half = API._replace(family=expected)
    before = ruleset(key=key)
    edits = nft_plan.plan(before, "a", [API])
    assert edits.insert == ((key, half),)
    assert edits.script() == 'insert rule %s mine in tcp dport 5678 accept comment "netports:a"\n' % family
    assert nft_plan.plan(nft_plan.after(before, edits), "a", [API]).script() == ""
    assert nft_plan.plan(before, "a", [API._replace(family="ipv6" if expected == "ipv4" else "ipv4")]).script() == ""


def test_a_chain_of_another_program_is_refused_by_name():
    with pytest.raises(FirewallError, match="chain ip filter INPUT would drop the traffic and belongs to iptables"):
        nft_plan.plan(ruleset(key=("ip", "filter", "INPUT")), "a", [API])
    # When nothing of ours has to go there, it is nobody's business.
    assert nft_plan.plan(ruleset(ours(API), key=("ip", "filter", "INPUT")), "a", []).script().startswith("delete rule")


def test_where_nothing_filters_nothing_changes():
    edits = nft_plan.plan(ruleset(ours(API), policy="accept"), "a", [API._replace(ports=((1, 1),))])
    assert (edits.script(), edits.enforcing, edits.placed) == ("", False, ())


# The file for the next boot.


def entry(label, ports=((5678, 5678),), key=KEY):
    rule = Rule(label, "tcp", ports, "both")
    return nft_persist.Entry(key, nft_ruleset.statement(rule, key[0]), label)


def test_the_file_is_read_as_it_was_written():
    entries = sorted([entry("a"), entry("b"), entry("a", ((1, 2),), ("ip", "x", "y"))])
    text = nft_persist.render(entries)
    assert nft_persist.parse(text) == entries
    assert nft_persist.render(nft_persist.parse(text)) == text
    # Whatever table is gone by then, the file loads.
    assert text.index("add table ip x") < text.index("add chain ip x y") < text.index("insert rule ip x y")


@pytest.mark.parametrize("text", ["", "flush ruleset\n", "flush ruleset", 'include "/etc/nftables.d/*.nft"\n# netports: mine\n'])
def test_our_line_comes_last_and_goes_without_a_trace(text):
    attached = nft_persist.attach(text)
    assert attached.endswith("\n" + nft_persist.INCLUDE + "\n") or attached == nft_persist.INCLUDE + "\n"
    assert nft_persist.attach(attached) == attached
    assert nft_persist.detach(attached).rstrip("\n") == text.rstrip("\n")
    assert nft_persist.attach(attached + "add table inet later\n").endswith(nft_persist.INCLUDE + "\n")


class Systemd:
    """Stands in for the answer of systemctl alone."""

    def __init__(self, stdout):
        self.stdout = stdout

    def query(self, argv, text=""):
        return Answer(0, self.stdout, "")


SHOWN = "ExecStart={ path=%s ; argv[]=%s ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 }\nUnitFileState=%s\n"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (SHOWN % ("/usr/sbin/nft", "/usr/sbin/nft -f /etc/nftables.conf", "enabled"), ("/etc/nftables.conf", True)),
        (SHOWN % ("/sbin/nft", "/sbin/nft -f /etc/sysconfig/nftables.conf", "disabled"), ("/etc/sysconfig/nftables.conf", False)),
        ("UnitFileState=\n", (None, None)),
        ("", (None, None)),
    ],
)
def test_what_the_service_loads(shown, expected, monkeypatch):
    monkeypatch.setattr(nft_persist.os.path, "isdir", lambda path: True)
    monkeypatch.setattr(nft_persist._run, "find_program", lambda name: "/usr/bin/" + name)
    assert nft_persist._asked_of_systemd(Systemd(shown)) == expected


def test_what_stands_in_the_way_of_both_families_is_told_once():
    """No rule of ours comes before the drop of a chain that is not there to be written to."""
    (warning,) = nft_plan.warnings(ruleset(DROP), [API])
    assert warning == "new connections to tcp 5678 are dropped by rule with handle 5 of chain inet filter input"
    tunnel = Rule("a", "ip", ((4, 4),), "ipv4")
    (warning,) = nft_plan.warnings(ruleset(("", [SOURCE, {"drop": None}]), policy="accept"), [tunnel])
    assert warning.startswith("new connections to ip 4 may be dropped for some sources by rule")
    unclear = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth1"}}
    (warning,) = nft_plan.warnings(ruleset(("", [unclear, {"drop": None}]), policy="accept"), [API])
    assert warning.startswith("new connections to tcp 5678 may be dropped by rule")
