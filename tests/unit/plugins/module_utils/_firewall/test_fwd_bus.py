# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import fwd_bus, units
from ansible_collections.netports.core.plugins.module_utils._run import Answer

# As busctl prints them.
ANSWERS = [
    ('s "public"\n', "public"),
    ("b false\n", False),
    ("a{sa{sas}} 0\n", {}),
    ('a{sa{sas}} 1 "work" 2 "interfaces" 1 "eth0" "sources" 0\n', {"work": {"interfaces": ["eth0"], "sources": []}}),
    (
        'a{sv} 4 "short" s "P" "forward" b true "ports" a(ss) 2 "80" "tcp" "1-2" "udp" '
        '"rules_str" as 1 "rule family=\\"ipv4\\" accept"\n',
        {"short": "P", "forward": True, "ports": [("80", "tcp"), ("1-2", "udp")], "rules_str": ['rule family="ipv4" accept']},
    ),
    ('as 2 "a\\\\b" "\\303\\244\\n"\n', ["a\\b", "\u00e4\n"]),
    ('o "/org/x/1"\n', "/org/x/1"),
    ("(iu) -1 2\n", (-1, 2)),
    ("\n", None),
]


@pytest.mark.parametrize(("text", "value"), ANSWERS)
def test_reads_what_busctl_prints(text, value):
    assert fwd_bus.parse(text) == value


@pytest.mark.parametrize("text", ['as 2 "a"', 'a{sv} 1 "x"', "(", "i x"])
def test_what_is_cut_off_is_an_error(text):
    with pytest.raises(ValueError, match="."):
        fwd_bus.parse(text)


class Scripted:
    """Effects whose commands answer what they were told to."""

    check_mode = False

    def __init__(self, answers):
        self._answers = list(answers)
        self.asked = []

    def query(self, argv, text=""):
        self.asked.append(argv)
        return self._answers.pop(0)

    change = query


@pytest.fixture
def bus(monkeypatch):
    monkeypatch.setattr(fwd_bus._run, "find_program", lambda name: "/usr/bin/" + name)
    monkeypatch.setattr(units.os.path, "isdir", lambda path: True)
    monkeypatch.setattr(fwd_bus.time, "sleep", lambda seconds: None)
    return lambda *answers: fwd_bus.Bus(Scripted(answers))


ABSENT = Answer(1, "", 'Call failed: Name "org.fedoraproject.FirewallD1" does not exist\n')


def state(word):
    return Answer(0, "ActiveState=%s\nUnitFileState=enabled\n" % word, "")


def test_a_daemon_that_is_starting_is_waited_for(bus):
    found = bus(ABSENT, state("activating"), ABSENT, state("active"), Answer(0, 's "work"\n', ""))
    assert found.runs()
    assert found.default_zone == "work"


def test_a_daemon_that_is_not_there_is_no_error(bus):
    assert not bus(ABSENT, state("inactive")).runs()


def test_a_refusal_is_not_taken_for_absence(bus):
    with pytest.raises(fwd_bus.FirewallError, match="cannot ask firewalld over D-Bus: Access denied"):
        bus(Answer(1, "", "Call failed: Access denied\n")).runs()


def test_an_old_firewalld_is_named_as_such(bus):
    said = "Call failed: Traceback (most recent call last):\n  File x\ndbus: org.freedesktop.DBus.Error.UnknownMethod: no\n"
    with pytest.raises(fwd_bus.FirewallError, match="too old; port_allow needs 0.9.0"):
        bus(Answer(1, "", said)).zone("public")


def test_a_zone_that_is_not_known_is_none(bus):
    assert bus(Answer(1, "", "Call failed: INVALID_ZONE: x\n")).zone("x") is None
