# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of `verify` of an inventory in which something is wrong on each host."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest

REPORT = pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "verify.json"


@pytest.fixture(scope="module")
def report() -> Any:
    return json.loads(REPORT.read_text())


def test_each_host_has_the_verdict_of_its_own_fault(report: Any) -> None:
    failing = {
        (host["host"], role["role"], listener["port"]): listener["verdict"]
        for host in report["hosts"]
        for role in host["roles"]
        for listener in role["verify"]["listeners"]
        if listener["failing"]
    }
    assert failing == {
        ("global", "kuma_global_cp", "5685"): "absent",
        ("zone", "kuma_zone_cp", "5678"): "shut",
        ("web", "kuma_dp", "9902"): "exposed",
        ("backend", "kuma_dp", "8080"): "wrong_owner",
    }


def test_the_hosts_with_a_role_failed_and_the_peer_has_none(report: Any) -> None:
    states = {host["host"]: host["state"] for host in report["hosts"]}
    assert states == {"peer": "no_role", "global": "failed", "zone": "failed", "web": "failed", "backend": "failed"}


def test_the_reason_names_the_client_that_is_locked_out_and_not_the_other(report: Any) -> None:
    hosts = json.loads((REPORT.parent / "hosts.json").read_text())
    reason = next(
        listener["reason"]
        for host in report["hosts"]
        if host["host"] == "zone"
        for listener in host["roles"][0]["verify"]["listeners"]
        if listener["port"] == "5678"
    )
    assert hosts["web"]["addresses"]["ipv4"] in reason
    assert hosts["backend"]["addresses"]["ipv4"] not in reason
