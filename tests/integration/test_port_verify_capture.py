# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Captures judged on the controller. The data are the listing of a Cumulus Linux 3.2 switch that its vendor documents."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from tests.lab import ansible_runs as lab_ansible
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import Host, Lab

DATA = pathlib.Path(__file__).parent / "data"
SWITCH = {"role": "cumulus_linux", "version": "3.2", "conditions": {"rmp": True}, "unexpected": "fail"}
NO_PYTHON = ("--extra-vars", "ansible_python_interpreter=/nonexistent/python3")


@pytest.fixture
def host(lab: Lab) -> Host:
    """Where Ansible runs. No capture is about it."""
    return lab.host("host")


def verify(host: Host, **arguments: Any) -> dict[str, Any]:
    run = lab_ansible.module(host, "port_verify", arguments, *NO_PYTHON)
    return {**run.result("port_verify"), "failed": run.code != 0}


@pytest.mark.parametrize("form", ["netstat-cumulus-3.2-rmp.txt", "netstat-cumulus-3.2-rmp-table.txt"])
def test_the_documented_listing_verifies_clean(host: Host, form: str) -> None:
    """Every row is expected, every expectation is met: nothing absent, nothing unverifiable, nothing unexpected."""
    result = verify(host, capture=(DATA / form).read_text(), **SWITCH)
    assert not result["failed"], result["msg"]
    assert {item["verdict"] for item in result["listeners"]} == {"ok"}
    assert result["unexpected"] == []


def test_without_its_condition_the_management_plane_is_unexpected(host: Host) -> None:
    capture = (DATA / "netstat-cumulus-3.2-rmp.txt").read_text()
    result = verify(host, capture=capture, **{**SWITCH, "conditions": {}})
    assert result["failed"]
    assert {sock["port"] for sock in result["unexpected"]} == {53}
    assert {owner["name"] for sock in result["unexpected"] for owner in sock["owners"]} == {"dnsmasq"}


def test_a_row_that_is_missing_is_an_absent_listener(host: Host) -> None:
    lines = (DATA / "netstat-cumulus-3.2-rmp.txt").read_text().splitlines()
    result = verify(host, capture=[line for line in lines if ":3785" not in line], **SWITCH)
    assert result["failed"]
    assert [item["port"] for item in result["listeners"] if item["verdict"] == "absent"] == [3785]


def test_texts_of_two_runs_are_one_capture(host: Host) -> None:
    lines = (DATA / "netstat-cumulus-3.2-rmp.txt").read_text().splitlines()
    parts = ["\n".join(line for line in lines if not line.startswith(left)) + "\n" for left in ("tcp", "udp")]
    assert not verify(host, capture=parts, **SWITCH)["failed"]


def test_one_row_that_cannot_be_read_spoils_the_capture(host: Host) -> None:
    lines = (DATA / "netstat-cumulus-3.2-rmp.txt").read_text().splitlines()
    result = verify(host, capture=[line.replace("0.0.0.0:3785", "0.0.0.0") for line in lines], **SWITCH)
    assert result["failed"] and "listeners" not in result
    assert "capture: " in result["msg"] and "dnsmasq" not in result["msg"]


def test_what_this_host_itself_shows_can_be_judged_later(host: Host) -> None:
    """Text of the real ss and netstat, which tell dual-stack by `-e` alone, and no kernel socket from a hidden owner."""
    web = {"name": "web", "protocol": "tcp", "port": 8080, "process": ["a rather long name"], "family": "both"}
    vxlan = {"name": "vxlan", "protocol": "udp", "port": 8472, "process": "kernel", "family": "both"}
    RoleHost(host, [web, vxlan]).start()
    commands = {"ss -lntup": "unverifiable", "ss -lntupe": "ok", "netstat -nlp": "unverifiable"}
    for command, verdict in commands.items():
        result = verify(host, capture=host.run(command.split()).stdout, listeners=[web, vxlan])
        assert [item["verdict"] for item in result["listeners"]] == [verdict, "unverifiable"], (command, result["report"])
