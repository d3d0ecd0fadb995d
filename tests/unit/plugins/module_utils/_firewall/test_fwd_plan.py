# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The difference between what a label should have and what firewalld has, at run time and for good."""

from __future__ import annotations

from ansible_collections.netports.core.plugins.module_utils._firewall import fwd_files, fwd_model, fwd_plan
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_model import Entries, Zone
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Rule

API = Rule("a", "tcp", ((5678, 5678),), "both")
LIST = Rule("a", "tcp", ((5678, 5678),), "ipv4", ((0x0A000001, 0x0A000001), (0x0A000009, 0x0A000009)))


def wish(*rules, label="a", exclusive=False):
    return fwd_plan.Wish(label, fwd_model.groups(label, rules), ("public",) if rules else (), exclusive)


def zones(services=(), rules=()):
    return {"public": Zone("default", Entries(("ssh", *services), tuple(rules)))}


def unknown(group):
    return None


def forbidden(group):
    raise AssertionError("asked without need")


def stopgaps(rule):
    return [text for group in fwd_model.groups(rule.label, [rule]) for text in fwd_model.stopgaps(group).rules]


def noted(*rules):
    return {rule.label: {"public": stopgaps(rule)} for rule in rules}


def test_stopgaps_until_the_service_is_known():
    plan = fwd_plan.runtime(wish(API), zones(), {}, unknown)
    assert plan.edits["public"].after == Entries(("ssh",), tuple(stopgaps(API)))
    assert plan.claims == noted(API)
    again = fwd_plan.runtime(wish(API), zones(rules=stopgaps(API)), noted(API), forbidden)
    assert not again.changed and again.claims == noted(API)


def test_the_service_once_it_is_known():
    plan = fwd_plan.runtime(wish(API), zones(), {}, lambda group: ())
    assert plan.edits["public"].after == Entries(("ssh", "netports-a"))
    assert plan.claims == {}
    # After a reload the note is stale, and nothing is to be done about it.
    assert not fwd_plan.runtime(wish(API), zones(["netports-a"]), noted(API), lambda group: ()).changed


def test_a_service_that_is_known_with_other_ports_gives_way_to_stopgaps():
    plan = fwd_plan.runtime(wish(API), zones(["netports-a"]), {}, unknown)
    assert plan.edits["public"].after == Entries(("ssh",), tuple(stopgaps(API)))


def test_a_set_that_is_known_gets_its_members():
    plan = fwd_plan.runtime(wish(LIST), zones(), {}, lambda group: ("10.0.0.1",))
    assert plan.sets == {"netports4_1-a": (("10.0.0.1",), ("10.0.0.1", "10.0.0.9"))}
    assert plan.edits["public"].after.rules == fwd_model.entries(fwd_model.groups("a", [LIST])[0]).rules


def test_what_was_not_noted_is_not_ours():
    others = tuple(stopgaps(API))
    assert not fwd_plan.runtime(wish(), zones(rules=others), {}, forbidden).changed
    gone = fwd_plan.runtime(wish(), zones(rules=others), noted(API), forbidden)
    assert gone.edits["public"].after == Entries(("ssh",)) and gone.claims == {}


def test_exclusive_takes_all_of_ours_and_nothing_else():
    other = API._replace(label="b")
    plan = fwd_plan.runtime(wish(API, exclusive=True), zones(["netports-c"], stopgaps(other)), noted(other), unknown)
    assert plan.edits["public"].after == Entries(("ssh",), tuple(stopgaps(API)))
    assert plan.claims == noted(API)


def test_too_many_sources_wait_for_a_reload():
    many = LIST._replace(sources=tuple((2 * n, 2 * n) for n in range(1, 1200)))
    plan = fwd_plan.runtime(wish(many), zones(), {}, unknown)
    assert [group.service for group in plan.late] == ["netports4_1-a"]
    assert not plan.changed and plan.claims == {}


def permanent(*rules, zone="<zone/>"):
    groups = [group for label in {rule.label for rule in rules} for group in fwd_model.groups(label, rules)]
    for group in groups:
        zone = fwd_files.zone_text(zone, Entries(), fwd_model.entries(group))
    kept = {group.service: group._replace(sources=()) for group in groups}
    sets = {group.set_name: group._replace(ports=()) for group in groups if group.set_name}
    return fwd_files.Permanent(kept, sets, {"public": zone}, "public")


def names(files):
    return [(change.path.replace(fwd_files.ETC, ""), change.text is not None) for change in files.changes()]


def test_services_and_sets_come_before_the_zone_that_names_them_and_go_after_it():
    files = fwd_plan.files(wish(LIST), permanent())
    assert names(files) == [
        ("/ipsets/netports4_1-a.xml", True),
        ("/services/netports4_1-a.xml", True),
        ("/zones/public.xml", True),
    ]
    gone = fwd_plan.files(wish(), permanent(LIST))
    assert names(gone) == [
        ("/zones/public.xml", True),
        ("/ipsets/netports4_1-a.xml", False),
        ("/services/netports4_1-a.xml", False),
    ]
    assert not fwd_plan.files(wish(LIST), permanent(LIST)).changed


def test_what_undoes_a_change_brings_back_what_was():
    before = permanent(LIST)
    files = fwd_plan.files(wish(API), before)
    undone = fwd_plan.reverse(files)
    texts = {change.path: change.text for change in undone.changes()}
    assert texts["/etc/firewalld/services/netports-a.xml"] is None
    assert texts["/etc/firewalld/services/netports4_1-a.xml"] == fwd_files.service_text(before.groups["netports4_1-a"])
    assert texts["/etc/firewalld/ipsets/netports4_1-a.xml"] == fwd_files.set_text(before.sets["netports4_1-a"])
    assert undone.zones["public"].after == files.zones["public"].held
