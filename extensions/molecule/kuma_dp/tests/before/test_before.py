# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before the role: the proxies listen as Kuma's do, and nobody outside reaches them; otherwise what follows proves nothing."""

from __future__ import annotations

import re
from typing import Any

# The sockets of the proxies and their number: `web` shares one among the workers of Envoy, `backend` has one for each of
# the two. UDP always has one for each.
SOCKETS = {
    "web": {
        "tcp 10.77.0.3:8080": 1,
        "tcp [fd77::3]:8080": 1,
        "tcp 127.0.0.1:10000": 1,
        "tcp [::1]:10001": 1,
        "tcp 127.0.0.1:9901": 1,
        "tcp 10.77.0.3:9901": 1,
    },
    "backend": {
        "tcp 0.0.0.0:15006": 2,
        "tcp [::]:15006": 2,
        "tcp 0.0.0.0:15001": 2,
        "tcp [::]:15001": 2,
        "tcp 10.77.0.4:9901": 2,
        "udp 127.0.0.1:15054": 2,
    },
}


def test_the_proxies_listen_as_the_resources_say(fleet: Any, judged: str) -> None:
    seen = re.findall(r'^(tcp|udp) +\S+ +\d+ +\d+ +(\S+) .*\("envoy",', fleet.connect(judged).check_output("ss -Hlntup"), re.M)
    counts: dict[str, int] = {}
    for protocol, address in seen:
        counts[f"{protocol} {address}"] = counts.get(f"{protocol} {address}", 0) + 1
    assert counts == SOCKETS[judged]


def test_other_hosts_reach_ssh_and_nothing_else(fleet: Any, judged: str) -> None:
    assert fleet.found(judged) == fleet.expected(judged, opened=False)
