# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""After the role, and again after a reboot: the role's ports are open to other hosts in both families, and no others."""

from __future__ import annotations

import re
from typing import Any


def test_other_hosts_reach_what_the_role_opens_to_them_and_nothing_else(fleet: Any, judged: str) -> None:
    assert fleet.found(judged) == fleet.expected(judged, opened=True)


def test_the_rules_are_marked(fleet: Any, judged: str) -> None:
    rules = fleet.rules(judged)
    for role in fleet.hosts[judged]["roles"]:
        # firewalld has names and no comments: netports-ROLE, and where sources are admitted alone netports4-ROLE, netports6-ROLE.
        assert re.search(rf"netports(:|[46]?(_\d+)?-){role}\b", rules)
