# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _report
from ansible_collections.netports.core.plugins.plugin_utils._report_collect import Run, connections, host_result, not_run

WEB = {"name": "web", "protocol": "tcp", "port": 80, "clients": ["any", "dp"], "verdict": "ok", "reason": "", "observed": []}
TUNNEL = {"name": "ipip", "protocol": "ip", "number": 4, "verdict": "unverifiable", "reason": "no socket", "observed": []}


def loop(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a loop over roles registers, each result with its role first."""
    items = [
        {"ansible_loop_var": "netports_role", "netports_role": {"name": one.pop("of"), "spec_dirs": []}, **one} for one in results
    ]
    return {"changed": False, "results": items, **more}


def verified(role: str, *findings: dict[str, Any], passed: bool = True, **more: Any) -> dict[str, Any]:
    summary = {verdict: sum(one["verdict"] == verdict for one in findings) for verdict in ("ok", "absent", "unverifiable")}
    return {"of": role, "passed": passed, "msg": "", "version": "2.9", "listeners": list(findings), "summary": summary, **more}


def allowed(role: str, **more: Any) -> dict[str, Any]:
    return {"of": role, "passed": True, "changed": True, "backend": "nftables", "enforcing": True, "version": "2.9", **more}


def result(*roles: str, **known: Any) -> _report.HostResult:
    return host_result(Run("h1", ["group"], roles, **{"allowed": None, "verified": None, **known}))


def test_a_host_on_which_all_is_well() -> None:
    absent = {**WEB, "name": "spare", "verdict": "absent", "optional": True}
    found = result(
        "cp", allowed=loop(allowed("cp")), verified=loop(verified("cp", WEB, TUNNEL, absent, state="listening")), check_mode=True
    )
    assert (found["state"], found["msg"], found["groups"]) == ("ok", "", ["group"])
    (role,) = found["roles"]
    assert (role["role"], role["version"], role["state"]) == ("cp", "2.9", "ok")
    assert role["allow"] == {
        "changed": True,
        "check_mode": True,
        "backend": "nftables",
        "enforcing": True,
        "failed": False,
        "msg": "",
    }
    assert role["verify"] is not None
    assert [(one["name"], one["protocol"], one["port"], one["failing"]) for one in role["verify"]["listeners"]] == [
        ("web", "tcp", "80", False),
        ("ipip", "ip", "4", False),
        ("spare", "tcp", "80", False),
    ]


def test_what_did_not_say_that_it_passed_has_failed() -> None:
    """`failed_when: false` leaves `failed: false` on whatever happened."""
    died = {"of": "cp", "failed": False, "msg": "MODULE FAILURE\nSee stdout/stderr", "module_stderr": "Traceback\nOSError: disk"}
    said = {"of": "dp", "failed": False, "passed": False, "msg": "not confirmed", "backend": "nftables", "enforcing": True}
    found = result("cp", "dp", allowed=loop(died, said))
    assert found["state"] == "failed"
    assert [role["allow"]["msg"] for role in found["roles"] if role["allow"]] == [
        "MODULE FAILURE: OSError: disk",
        "not confirmed",
    ]
    assert found["msg"] == "cp: the firewall failed; dp: the firewall failed"


def test_a_host_says_how_many_failed_of_which_kind() -> None:
    absent = {**WEB, "verdict": "absent", "reason": "nothing listens on it"}
    stranger = {
        "protocol": "tcp",
        "family": "ipv6",
        "address": "::",
        "port": 9,
        "device": "mgmt",
        "owners": [{"pid": 1, "name": "discard"}],
        "owner_state": "found",
    }
    message = "1 of 2 listeners is not as expected\nweb (tcp/80): absent: nothing listens on it\nunexpected: tcp/9 on [::]"
    bad = verified("cp", WEB, absent, passed=False, msg=message, unexpected=[stranger])
    found = result("cp", "dp", verified=loop(bad, verified("dp", WEB)))
    assert found["msg"] == "cp: 1 absent, 1 unexpected"
    assert [role["state"] for role in found["roles"]] == ["failed", "ok"]
    assert found["roles"][0]["verify"]["unexpected"] == ["tcp/9 on [::]%mgmt, held by discard"]  # type: ignore[index]


@pytest.mark.parametrize(
    "allowed_result",
    [
        pytest.param({"unreachable": True, "msg": "no route"}, id="as a whole"),
        pytest.param(loop({"of": "cp", "unreachable": True, "msg": "no route"}), id="in the loop, as before ansible-core 2.18"),
    ],
)
def test_unreachable(allowed_result: dict[str, Any]) -> None:
    found = result("cp", allowed=allowed_result, verified=loop({"of": "cp", "skipped": True}))
    assert (found["state"], found["msg"]) == ("unreachable", "no route")
    assert [role["state"] for role in found["roles"]] == ["not_run"]


def test_skipped_roles_no_roles_and_hosts_that_nobody_came_to() -> None:
    found = result("cp", "dp", allowed=loop({"of": "cp", "skipped": True}, {"of": "dp", "skipped": True}, skipped=True))
    assert (found["state"], [role["state"] for role in found["roles"]]) == ("ok", ["skipped", "skipped"])
    assert result()["state"] == "no_role"
    assert result("cp", alive=False)["state"] == "failed"
    assert not_run("h2", ["a"]) == {"host": "h2", "state": "not_run", "msg": "", "groups": ["a"], "roles": []}


def test_a_loop_that_failed_as_a_whole_failed_for_every_role_without_the_excerpt_of_the_playbook() -> None:
    failed = {"failed": True, "msg": "'nowhere' is undefined\n\nThe error appears to be in '/x/site.yml': line 30"}
    found = result("cp", "dp", verified=failed)
    assert [role["verify"]["msg"] for role in found["roles"] if role["verify"]] == ["'nowhere' is undefined"] * 2


def test_what_was_closed_is_told() -> None:
    closed = allowed("cp", state="absent")
    (role,) = result("cp", allowed=loop(closed), verified=loop({"of": "cp", "skipped": True}))["roles"]
    assert role["state"] == "ok" and role["allow"] is not None and role["allow"]["msg"] == "state: absent"


def test_connections_lead_to_groups_of_the_inventory_or_outside() -> None:
    agent = {**WEB, "name": "agent", "port": 31980, "clients": ["dp", "switch"]}
    hosts = [result("cp", verified=loop(verified("cp", WEB, agent))), result("cp", verified=loop(verified("cp", WEB)))]
    kinds = {"dp": ["dp", "dp_with_gateway"], "switch": ["switch"]}
    groups = {"dp": ["h1"], "dp_with_gateway": ["h2"], "switch": []}
    assert connections(hosts, groups, lambda word: kinds.get(word, ())) == [
        {"from": "any", "to": "cp", "listeners": ["web tcp/80"], "external": True},
        {"from": "dp", "to": "cp", "listeners": ["web tcp/80", "agent tcp/31980"], "external": False},
        {"from": "dp_with_gateway", "to": "cp", "listeners": ["web tcp/80", "agent tcp/31980"], "external": False},
        {"from": "switch", "to": "cp", "listeners": ["agent tcp/31980"], "external": True},
    ]
