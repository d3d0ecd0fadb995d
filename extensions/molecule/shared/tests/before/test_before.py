# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before the role: everything listens, and nobody outside can reach it. Otherwise what follows would prove nothing."""

from __future__ import annotations

import re
from typing import Any

SSH = {"protocol": "tcp", "port": 22}


def test_the_stand_ins_listen_on_every_address(fleet: Any, judged: str) -> None:
    seen = fleet.connect(judged).check_output("ss -Hlntup")
    for listener in fleet.hosts[judged]["opens"]:
        address = r"0\.0\.0\.0" if listener.get("family") == "ipv4" else r"(\*|\[::\])"
        assert re.search(rf"^{listener['protocol']} .* {address}:{listener['port']} ", seen, re.M), (listener, seen)


def test_the_peer_reaches_ssh_and_nothing_else(fleet: Any, judged: str) -> None:
    found = fleet.reached("peer", judged, [SSH, *fleet.hosts[judged]["opens"], *fleet.hosts[judged]["stays_shut"]])
    assert {where for where, state in found.items() if state == "open"} == {"ipv4 tcp 22", "ipv6 tcp 22"}
    assert {state for where, state in found.items() if not where.endswith(" 22")} == {"filtered"}
