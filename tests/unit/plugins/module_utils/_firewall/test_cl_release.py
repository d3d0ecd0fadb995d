# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import cl_release

LSB = 'DISTRIB_ID="Cumulus Linux"\nDISTRIB_RELEASE=%s\nDISTRIB_DESCRIPTION="Cumulus Linux"\n'
OS = 'NAME="Cumulus Linux"\nVERSION_ID=%s\nID=cumulus-linux\n'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/etc/lsb-release": LSB % "5.9.1"}, (5, 9, 1)),
        ({"/etc/lsb-release": LSB % "3.7.12"}, (3, 7, 12)),
        ({"/etc/os-release": OS % "5.10.0"}, (5, 10, 0)),
        ({"/etc/os-release": OS % '"4.4.0"'}, (4, 4, 0)),
        ({"/etc/os-release": 'ID=debian\nVERSION_ID="12"\n'}, None),
        ({}, None),
    ],
)
def test_the_release(files, expected, monkeypatch):
    monkeypatch.setattr(cl_release._run, "read_text", files.get)
    assert cl_release.release() == expected


@pytest.mark.parametrize(
    ("release", "program", "whitelist", "startup", "expected"),
    [
        ((5, 9), True, False, True, True),
        ((5, 10), True, False, True, True),
        ((5, 8), True, True, True, False),
        ((5, 9), False, True, True, False),
        ((5, 9), True, True, False, False),  # switched off for plain files
        (None, True, True, True, True),
        (None, True, False, True, False),
    ],
)
def test_who_is_in_charge(release, program, whitelist, startup, expected, monkeypatch):
    monkeypatch.setattr(cl_release, "release", lambda: release)
    monkeypatch.setattr(cl_release._run, "find_program", lambda name: "/usr/bin/nv" if program and name == "nv" else None)
    there = {cl_release.cl_policy.WHITELIST_FILE: whitelist, "/etc/nvue.d/startup.yaml": startup}
    monkeypatch.setattr(cl_release.os.path, "exists", there.get)
    monkeypatch.setattr(cl_release.os.path, "isdir", lambda path: False)
    assert cl_release.nvue_in_charge(None) is expected
