# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_info against real sockets on a lab host."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration import _module
from tests.lab import ansible_runs
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import Host, Lab

SERVED = [
    {"name": "web", "protocol": "tcp", "port": 8080, "family": "both", "process": ["web server"]},
    {"name": "admin", "protocol": "tcp", "port": 8081, "bind": "loopback", "process": ["web server"]},
    {"name": "vxlan", "protocol": "udp", "port": 8472, "process": ["kernel"]},
]


@pytest.fixture
def host(lab: Lab) -> Host:
    made = lab.host("host")
    RoleHost(made, SERVED).start()
    return made


def by_port(result: dict[str, Any], family: str = "ipv4") -> dict[int, dict[str, Any]]:
    return {sock["port"]: sock for sock in result["sockets"] if sock["family"] == family or sock["address"] == "::"}


@pytest.mark.parametrize("gather", ["auto", "sock_diag", "proc", "ss", "netstat"])
@pytest.mark.parametrize("check", [True, False])
def test_sockets_and_their_owners(host: Host, gather: str, check: bool) -> None:
    result = _module.run(host, "port_info", {"gather": gather}, check)
    assert result["gathered_by"] == ("sock_diag" if gather == "auto" else gather)
    assert result["changed"] is False and result["notes"] == []
    found = by_port(result)
    assert set(found) == {8080, 8081, 8472}
    assert set(found[8080]) == {"protocol", "family", "address", "port", "device", "v6only", "inode", "owners", "owner_state"}
    if gather != "netstat":  # which prints argv[0]
        assert [owner["name"] for owner in found[8080]["owners"]] == ["web server"]
    assert found[8080]["owner_state"] == "found" and found[8080]["owners"][0]["pid"] > 0
    assert (found[8472]["owner_state"], found[8472]["owners"]) == ("kernel", [])
    assert result["owners_complete"] is True


def test_without_owners(host: Host) -> None:
    result = _module.run(host, "port_info", {"owners": False})
    assert {sock["owner_state"] for sock in result["sockets"]} == {"unasked"}
    assert result["owners_complete"] is False


def test_a_namespace_that_does_not_exist(host: Host) -> None:
    result = _module.run(host, "port_info", {"network_namespace": "nowhere"})
    assert result["failed"] and "network_namespace: /run/netns/nowhere does not exist" in result["msg"]


def test_the_real_command(host: Host) -> None:
    run = ansible_runs.module(host, "port_info", {})
    assert run.code == 0
    assert {sock["port"] for sock in run.result("port_info")["sockets"]} == {8080, 8081, 8472}
