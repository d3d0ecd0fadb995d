# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import fwd_files, fwd_model
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_model import Entries
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError, Rule

ZONE = """<?xml version="1.0" encoding="utf-8"?>
<zone target="DROP">
  <short>Public</short>
  <!-- <service name="netports-old"/> was here -->
  <service name="ssh"/>
  <interface name="eth0"/>
  <source address="192.0.2.0/24"/>
  <rule family="ipv4"><source address="10.0.0.1"/><service name="http"/><accept/></rule>
</zone>
"""
RICH = 'rule family="ipv4" source ipset="netports4_1-a" service name="netports4_1-a" accept'
PLAIN = 'rule family="ipv6" service name="netports6-a" accept'
OURS = Entries(("netports-a",), (PLAIN, RICH))


def test_entries_come_and_go_without_a_trace():
    text = fwd_files.zone_text(ZONE, Entries(), OURS)
    ElementTree.fromstring(text)
    assert fwd_files.own_entries(text) == OURS
    assert fwd_files.own_entries(ZONE) == Entries()
    assert fwd_files.zone_text(text, OURS, Entries()) == ZONE


def test_one_label_goes_and_the_other_stays():
    both = fwd_files.zone_text(fwd_files.zone_text(ZONE, Entries(), OURS), Entries(), Entries(("netports-b",)))
    assert fwd_files.own_entries(fwd_files.zone_text(both, OURS, Entries())) == Entries(("netports-b",))


@pytest.mark.parametrize(
    "text",
    [
        "<zone>\n  <service name='netports-a' />\n</zone>\n",
        '<zone><service name="netports-a"></service></zone>',
        '<zone>\n<service\n  name="netports-a"/></zone>',
    ],
)
def test_finds_its_entries_however_they_are_written(text):
    assert fwd_files.own_entries(text) == Entries(("netports-a",))
    gone = fwd_files.zone_text(text, Entries(("netports-a",)), Entries())
    ElementTree.fromstring(gone)
    assert "netports" not in gone


def test_a_rule_that_was_changed_by_hand_is_replaced():
    changed = fwd_files.zone_text(ZONE, Entries(), OURS).replace("<accept/>\n  </rule>", '<log prefix="x"/><accept/>\n  </rule>')
    found = fwd_files.own_entries(changed)
    assert RICH not in found.rules
    assert fwd_files.zone_text(changed, found, Entries()) == ZONE


def test_a_zone_without_any_element_takes_them_too():
    for text in ("<zone/>", '<zone target="DROP"/>\n', "<zone></zone>"):
        new = fwd_files.zone_text(text, Entries(), OURS)
        assert ElementTree.fromstring(new).tag == "zone"
        assert fwd_files.own_entries(new) == OURS


def test_a_file_that_is_no_zone_is_not_written():
    with pytest.raises(FirewallError, match="no end tag"):
        fwd_files.zone_text("<zone>", Entries(), OURS)


def test_only_stopgaps_of_the_label_are_found_where_they_were_made_to_stay():
    stopgap = 'rule priority="%d" family="ipv4" source address="10.0.0.1" port port="1-2" protocol="udp" accept'
    element = '<rule priority="%d" family="ipv4"><source address="10.0.0.1"/><port port="1-2" protocol="udp"/><accept/></rule>'
    mine, other = fwd_model.priority("a"), fwd_model.priority("b")
    assert mine != other
    text = "<zone>%s%s</zone>" % (element % mine, element % other)
    found = fwd_files.kept_stopgaps(text, ["a"])
    assert found == Entries((), (stopgap % mine,))
    assert fwd_files.zone_text(text, found, Entries()) == "<zone>%s</zone>" % (element % other)
    logged = text.replace("<accept/>", '<log prefix="x"/><accept/>')
    assert fwd_files.kept_stopgaps(logged, ["a"]) == Entries()


def permanent(**zones):
    return fwd_files.Permanent({}, {}, zones, "public")


def test_what_is_bound_to_a_zone_is_not_what_its_rules_name():
    bound = fwd_files.bindings(permanent(public=ZONE, work="<zone/>"))
    assert bound == {"public": fwd_files.Binding(("eth0",), ("192.0.2.0/24",))}
    assert fwd_files.zone(permanent(public=ZONE), "public").target == "DROP"


def test_files_are_xml_and_are_read_as_they_were_written(tmp_path, monkeypatch):
    monkeypatch.setattr(fwd_files, "ETC", str(tmp_path / "etc"))
    monkeypatch.setattr(fwd_files, "LIB", str(tmp_path / "lib"))
    rules = [
        Rule("a.b", "tcp", ((5678, 5678), (6000, 6010)), "both"),
        Rule("a.b", "ip", ((4, 4),), "both"),
        Rule("a.b", "tcp", ((7, 7),), "ipv6", ((1 << 120, (1 << 120) + 1), (1 << 121, 1 << 121))),
    ]
    groups = fwd_model.groups("a.b", rules)
    zone = "<zone/>"
    for directory in ("etc/services", "etc/ipsets", "lib/zones"):
        (tmp_path / directory).mkdir(parents=True)
    for group in groups:
        text = fwd_files.service_text(group)
        assert ElementTree.fromstring(text).tag == "service"
        (tmp_path / "etc" / "services" / (group.service + ".xml")).write_text(text)
        zone = fwd_files.zone_text(zone, Entries(), fwd_model.entries(group))
        if group.set_name:
            assert ElementTree.fromstring(fwd_files.set_text(group)).tag == "ipset"
            (tmp_path / "etc" / "ipsets" / (group.set_name + ".xml")).write_text(fwd_files.set_text(group))
    (tmp_path / "etc" / "services" / "ssh.xml").write_text("<service/>")
    (tmp_path / "lib" / "zones" / "public.xml").write_text(zone)
    found = fwd_files.read()
    kept = fwd_files.groups_of(found, "a.b")
    assert sorted(rule for group in kept for rule in fwd_model.rules_of(group)) == sorted(rules)
    assert fwd_files.groups_of(found, "a") == []
    assert found.default_zone == "public"
