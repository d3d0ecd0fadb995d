# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""After the role, and again after a reboot: requests from service to service, through the Envoys of both and both firewalls."""

from __future__ import annotations

import json
from typing import Any

import pytest

ASK = """
import json, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
    print(json.dumps([answer.status, answer.headers.get("via"), answer.read().decode()]))
"""
# Who asks, what for, who answers, and by way of which proxies: each adds its name to the answer, the nearest last.
REQUESTS = {
    "web's outbound to the transparent backend": (
        "web",
        "http://127.0.0.1:10000/",
        "backend",
        ["backend-inbound", "web-outbound"],
    ),
    "the same over IPv6": ("web", "http://[::1]:10001/", "backend", ["backend-inbound", "web-outbound"]),
    "backend's redirected call to web": ("backend", "http://10.77.0.3:8080/", "web", ["web-inbound", "backend-outbound"]),
    "the same redirected call over IPv6": ("backend", "http://[fd77::3]:8080/", "web", ["web-inbound", "backend-outbound"]),
    "a stranger to web": ("peer", "http://10.77.0.3:8080/", "web", ["web-inbound"]),
    "a stranger to web over IPv6": ("peer", "http://[fd77::3]:8080/", "web", ["web-inbound"]),
    "a stranger to backend": ("peer", "http://10.77.0.4:8080/", "backend", ["backend-inbound"]),
    "a stranger to backend over IPv6": ("peer", "http://[fd77::4]:8080/", "backend", ["backend-inbound"]),
}


def ask(fleet: Any, source: str, url: str) -> list[Any]:
    run = fleet.connect(source).run("python3 -c %s %s", ASK, url)
    assert run.rc == 0, run.stderr
    answer: list[Any] = json.loads(run.stdout)
    return answer


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_services_reach_each_other(fleet: Any, request_: tuple[str, str, str, list[str]]) -> None:
    source, url, service, proxies = request_
    status, via, body = ask(fleet, source, url)
    assert (status, body) == (200, f"I am {service}\n")
    assert [proxy.split()[-1] for proxy in via.split(",")] == proxies


@pytest.mark.parametrize("address", ["10.77.0.3", "10.77.0.4"])
def test_the_control_plane_can_ask_the_proxies(fleet: Any, address: str) -> None:
    status, _via, body = ask(fleet, "peer", f"http://{address}:9901/ready")
    assert (status, body) == (200, "LIVE\n")
