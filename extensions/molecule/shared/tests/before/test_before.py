# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before the role: everything listens, and nobody outside can reach it. Otherwise what follows would prove nothing."""

from __future__ import annotations

import re
from typing import Any


def test_what_is_to_be_opened_listens_on_every_address(fleet: Any, judged: str) -> None:
    seen = fleet.connect(judged).check_output("ss -Hlntup")
    for listener in fleet.hosts[judged]["opens"]:
        address = r"0\.0\.0\.0" if listener.get("family") == "ipv4" else r"(\*|\[::\])"
        if "address" in listener:
            address = re.escape(listener["address"])
        assert re.search(rf"^{listener['protocol']} .* {address}:{listener['port']} ", seen, re.M), (listener, seen)


def test_what_is_for_the_host_itself_listens_on_loopback_alone(fleet: Any, judged: str) -> None:
    seen = fleet.connect(judged).check_output("ss -Hlntu")
    for listener in fleet.hosts[judged]["stays_shut"]:
        if listener.get("bind") == "loopback":
            addresses = re.findall(rf"^{listener['protocol']} .* (\S+):{listener['port']} ", seen, re.M)
            assert set(addresses) in ({"127.0.0.1"}, {"127.0.0.1", "[::1]"}), (listener, seen)


def test_other_hosts_reach_ssh_and_nothing_else(fleet: Any, judged: str) -> None:
    assert fleet.found(judged) == fleet.expected(judged, opened=False)
