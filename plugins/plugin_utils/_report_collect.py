# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what the tasks of a play registered to the hosts and connections of a report. Pure.

A result is what Ansible registers for a loop of port_allow or port_verify over roles. A result is taken as failed unless it says
that it `passed`, because a task with `failed_when: false` says `failed: false` of whatever happened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _verdict, _wording
from ansible_collections.netports.core.plugins.module_utils._listener import KEYS, parse_listener
from ansible_collections.netports.core.plugins.module_utils._socket_table import Owner, Socket
from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_failures
from ansible_collections.netports.core.plugins.plugin_utils._report import (
    AllowResult,
    Connection,
    HostResult,
    ListenerResult,
    RoleResult,
    VerifyResult,
)

Result = Mapping[str, Any]

NO_ROLE = "none of its groups is named after a role"
DROPPED_OUT = "the run of this host ended before its tasks did; what it said then has the reason"
ABSENT = "state: absent"


class Run(NamedTuple):
    """What is known of a host after the tasks. `allowed`, `verified`: None where the task was not run.

    `check_mode`: the firewall was asked what would change. `alive`: the host is still in the play.
    """

    host: str
    groups: Sequence[str]
    roles: Sequence[str]
    allowed: Result | None
    verified: Result | None
    check_mode: bool = False
    alive: bool = True


# --- hosts -------------------------------------------------------------------------------------------------------------------


def host_result(run: Run) -> HostResult:
    unreachable = _unreachable(run.allowed) or _unreachable(run.verified)
    roles = [_role(run, role) for role in run.roles]
    state, msg = _report.OK, ""
    if unreachable is not None:
        state, msg = _report.UNREACHABLE, unreachable
    elif any(role["state"] == _report.FAILED for role in roles):
        state, msg = _report.FAILED, _failed_roles(roles)
    elif not run.alive:
        state, msg = _report.FAILED, DROPPED_OUT
    elif not roles:
        state, msg = _report.NO_ROLE, NO_ROLE
    return {"host": run.host, "state": state, "msg": msg, "groups": list(run.groups), "roles": roles}


def not_run(host: str, groups: Sequence[str]) -> HostResult:
    """A host of the play that it has not come to."""
    return {"host": host, "state": _report.NOT_RUN, "msg": "", "groups": list(groups), "roles": []}


def _unreachable(registered: Result | None) -> str | None:
    """The message of the first that found the host unreachable; None when none did."""
    if registered is None:
        return None
    for result in (*registered.get("results", ()), registered):
        if result.get("unreachable"):
            return str(result.get("msg") or "")
    return None


def _failed_roles(roles: Sequence[RoleResult]) -> str:
    """`kuma_zone_cp: 2 absent, 1 shut; netq_server: failed`."""
    said = []
    for role in roles:
        if role["state"] == _report.FAILED:
            verify = role["verify"]
            failing = [listener["verdict"] for listener in verify["listeners"] if listener["failing"]] if verify else []
            failing += [_verdict.UNEXPECTED] * len(_report_failures.unexpected_failing(verify)) if verify else []
            counts = ["%d %s" % (failing.count(verdict), verdict) for verdict in _verdict.VERDICTS if verdict in failing]
            firewall = ["the firewall failed"] if role["allow"] and role["allow"]["failed"] else []
            said.append("%s: %s" % (role["role"], ", ".join(firewall + counts) or "failed"))
    return "; ".join(said)


# --- roles -------------------------------------------------------------------------------------------------------------------


def _role(run: Run, role: str) -> RoleResult:
    allowed, verified = _of_role(run.allowed, role), _of_role(run.verified, role)
    allow = None if allowed is None else _allow(allowed, run.check_mode)
    verify = None if verified is None else _verify(verified)
    if (allow and allow["failed"]) or (verify and verify["failed"]):
        state = _report.FAILED
    elif allow or verify:
        state = _report.OK
    else:
        reached = run.alive and _unreachable(run.allowed) is None and _unreachable(run.verified) is None
        state = _report.SKIPPED if reached else _report.NOT_RUN
    versions = [result["version"] for result in (allowed, verified) if result and result.get("version")]
    return {"role": role, "version": str(versions[0]) if versions else "", "state": state, "allow": allow, "verify": verify}


def _of_role(registered: Result | None, role: str) -> Result | None:
    """What was registered for the role; None where nothing was done for it. A loop that failed as a whole failed for all."""
    if registered is None:
        return None
    for result in registered.get("results", ()):
        if _named(result.get(result.get("ansible_loop_var", "item"))) == role:
            return None if result.get("skipped") or result.get("unreachable") else result
    return registered if registered.get("failed") and "results" not in registered else None


def _named(item: Any) -> Any:
    return item.get("name") if isinstance(item, Mapping) else item


def _passed(result: Result) -> bool:
    return bool(result.get("passed")) and not result.get("failed")


def _allow(result: Result, check_mode: bool) -> AllowResult:
    passed = _passed(result)
    return {
        "changed": bool(result.get("changed")),
        "check_mode": check_mode,
        "backend": str(result.get("backend") or ""),
        "enforcing": result.get("enforcing"),
        "failed": not passed,
        "msg": message(result) if not passed else ABSENT if result.get("state") == "absent" else "",
    }


def _verify(result: Result) -> VerifyResult:
    return {
        "failed": not _passed(result),
        "msg": message(result),
        "summary": {verdict: int(count) for verdict, count in (result.get("summary") or {}).items()},
        "listeners": [_listener(finding) for finding in result.get("listeners") or ()],
        "unexpected": [_stranger(sock) for sock in result.get("unexpected") or ()],
    }


def message(result: Result) -> str:
    """What a result says, without the excerpt of the playbook; for a module that died, what it printed last."""
    text = str(result.get("msg") or "").partition("\n\nThe error appears to be in ")[0]
    printed = str(result.get("module_stderr") or result.get("module_stdout") or "").strip().splitlines()
    return "%s: %s" % (text.splitlines()[0], printed[-1]) if text and printed else text


def _listener(finding: Mapping[str, Any]) -> ListenerResult:
    listener = parse_listener({key: finding[key] for key in KEYS if key in finding})
    judged = _verdict.Finding(listener, str(finding["verdict"]), str(finding["reason"]))
    return {
        "name": listener.name,
        "protocol": listener.protocol,
        "port": str(listener.number) if listener.protocol == "ip" else listener.port_text,
        "family": listener.family,
        "bind": listener.bind,
        "optional": listener.optional,
        "clients": list(listener.clients),
        "verdict": judged.verdict,
        "reason": judged.reason,
        "failing": judged.failed,
    }


def _stranger(data: Mapping[str, Any]) -> str:
    """`tcp/8080 on 0.0.0.0, held by nginx`."""
    owners = tuple(Owner(owner.get("pid"), str(owner["name"])) for owner in data.get("owners") or ())
    sock = Socket(
        data["protocol"], data["family"], data["address"], data["port"], data["device"], None, 0, owners, data["owner_state"]
    )
    return "%s/%d on %s, held by %s" % (sock.protocol, sock.port, _wording.endpoint(sock, port=False), _wording.owner_text(sock))


# --- connections -------------------------------------------------------------------------------------------------------------


def connections(
    hosts: Iterable[HostResult], groups: Mapping[str, Collection[str]], kinds: Callable[[str], Collection[str]]
) -> list[Connection]:
    """Who connects to whom by the listeners of these hosts, each pair once.

    `kinds` are the roles that a word of clients stands for, as in `_topology.restrict`. A client that no group of the inventory
    stands for is outside of it.
    """
    return connections_of(_of_listeners(hosts), groups, kinds)


def _of_listeners(hosts: Iterable[HostResult]) -> Iterator[tuple[str, str, Sequence[str]]]:
    for host in hosts:
        for role in host["roles"]:
            for listener in role["verify"]["listeners"] if role["verify"] else ():
                yield role["role"], "%s %s" % (listener["name"], _report.port_label(listener)), listener["clients"]


def connections_of(
    listeners: Iterable[tuple[str, str, Sequence[str]]],
    groups: Mapping[str, Collection[str]],
    kinds: Callable[[str], Collection[str]],
) -> list[Connection]:
    """The same, by roles with their listeners as text and their clients."""
    texts_of: dict[tuple[str, str], dict[str, None]] = {}
    for role_name, text, clients in listeners:
        for client in clients:
            texts_of.setdefault((client, role_name), {})[text] = None
    found: dict[tuple[str, str], Connection] = {}
    for (client, role_name), texts in texts_of.items():
        inside = [kind for kind in kinds(client) if groups.get(kind)]
        for name in inside or [client]:
            one = found.setdefault((name, role_name), {"from": name, "to": role_name, "listeners": [], "external": not inside})
            one["listeners"] += [text for text in texts if text not in one["listeners"]]
    return [found[pair] for pair in sorted(found)]
