# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports for the tests of the renderers: small ones with all that can happen, large ones, and hostile ones."""

from __future__ import annotations

from typing import Any

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.plugin_utils import _report

GENERATED = "2026-11-21T18:58:48Z"
# Markup, quotes, a table of Markdown, a terminal's escape, a null byte, a raw byte of a file name, a writing direction.
HOSTILE = "<script>alert(1)</script> & \"'`|\\ [x](http://x) \x1b[31m \x00 \udc80 \u202e @all #1 ]]> {{ x }}"

KUMA = [
    ("dp-server", "tcp", "5678"),
    ("api-http", "tcp", "5681"),
    ("api-https", "tcp", "5682"),
    ("monitoring-assignment", "tcp", "5676"),
    ("diagnostics", "tcp", "5680"),
    ("admin", "tcp", "5679"),
    ("dns", "udp", "5653"),
]
PROXY = [("inbound", "tcp", "15006"), ("outbound", "tcp", "15001"), ("envoy-admin", "tcp", "9901"), ("coredns", "udp", "15053")]
INGRESS = [("ingress", "tcp", "10001"), ("envoy-admin", "tcp", "9901")]
REASONS = {
    _verdict.OK: "",
    _verdict.ABSENT: "nothing listens on it",
    _verdict.EXPOSED: "expected on loopback, bound to 0.0.0.0, [::]",
    _verdict.CONFINED: "only on loopback (127.0.0.1)",
    _verdict.WRONG_OWNER: "0.0.0.0:5681 held by nginx, not by kuma-cp",
    _verdict.TAKEN: "0.0.0.0:5681 held by nginx",
    _verdict.SHUT: "new connections are dropped by the policy of chain inet filter input",
    _verdict.UNVERIFIABLE: "the owner of 0.0.0.0:5680 cannot be seen: not run as root",
}


def listener(name: str, protocol: str, port: str, verdict: str = _verdict.OK, **changes: Any) -> Any:
    given = {
        "name": name,
        "protocol": protocol,
        "port": port,
        "family": "both",
        "bind": "any",
        "optional": False,
        "clients": ["any"],
        "verdict": verdict,
        "reason": REASONS[verdict],
    }
    given.update(changes)
    given.setdefault("failing", verdict in _verdict.FAILING and not (verdict == _verdict.ABSENT and given["optional"]))
    return given


def verify(listeners: list[Any], unexpected: tuple[str, ...] = (), fail_on_unexpected: bool = False) -> Any:
    summary = dict.fromkeys(_verdict.VERDICTS, 0)
    for one in listeners:
        summary[one["verdict"]] += 1
    summary[_verdict.UNEXPECTED] = len(unexpected)
    failing = [one for one in listeners if one["failing"]]
    lines = ["%s (%s/%s): %s: %s" % (o["name"], o["protocol"], o["port"], o["verdict"], o["reason"]) for o in failing]
    if fail_on_unexpected:
        lines += ["unexpected: " + line for line in unexpected]
    return {
        "failed": bool(lines),
        "msg": "\n".join(["%d are not as expected" % len(lines), *lines] if lines else ["%d ok" % len(listeners)]),
        "summary": summary,
        "listeners": listeners,
        "unexpected": list(unexpected),
    }


def allow(**changes: Any) -> Any:
    return {
        "changed": False,
        "check_mode": False,
        "backend": "nftables",
        "enforcing": True,
        "failed": False,
        "msg": "",
        **changes,
    }


def role(name: str, listeners: list[Any] | None = None, version: str = "2.9", **changes: Any) -> Any:
    made = {"role": name, "version": version, "allow": allow(), "verify": None if listeners is None else verify(listeners)}
    made.update(changes)
    failed = any(part and part["failed"] for part in (made["allow"], made["verify"]))
    made.setdefault("state", _report.FAILED if failed else _report.OK)
    return made


def host(name: str, *roles: Any, **changes: Any) -> Any:
    state = _report.FAILED if any(one["state"] == _report.FAILED for one in roles) else _report.OK
    return {"host": name, "state": state, "msg": "", "groups": ["all"], "roles": list(roles), **changes}


def report(*hosts: Any, playbook: str = "site", connections: Any = ()) -> Any:
    return _report.build(playbook, GENERATED, hosts, list(connections))


CONNECTIONS = [
    {
        "from": "operator",
        "to": "kuma_zone_cp",
        "listeners": ["api-http tcp/5681", "api-https tcp/5682"],
        "external": True,
    },
    {"from": "prometheus", "to": "kuma_zone_cp", "listeners": ["monitoring-assignment tcp/5676"], "external": True},
    {"from": "kubelet", "to": "kuma_zone_cp", "listeners": ["diagnostics tcp/5680"], "external": True},
    {"from": "prometheus", "to": "kuma_zone_cp", "listeners": ["diagnostics tcp/5680"], "external": True},
    {"from": "kuma_dp", "to": "kuma_zone_cp", "listeners": ["dp-server tcp/5678"], "external": False},
    {"from": "kuma_zone_ingress", "to": "kuma_zone_cp", "listeners": ["dp-server tcp/5678"], "external": False},
    {"from": "kuma_dp", "to": "kuma_dp", "listeners": ["inbound tcp/15006"], "external": False},
    {"from": "kuma_zone_ingress", "to": "kuma_dp", "listeners": ["inbound tcp/15006"], "external": False},
    {"from": "remote-zone", "to": "kuma_zone_ingress", "listeners": ["ingress tcp/10001"], "external": True},
]


def small() -> Any:
    """Three hosts of three roles, two of them with something wrong."""
    control = [listener(*one) for one in KUMA]
    control[1] = listener(*KUMA[1], _verdict.WRONG_OWNER)
    control[4] = listener(*KUMA[4], _verdict.UNVERIFIABLE)
    control[5] = listener(*KUMA[5], _verdict.EXPOSED, bind="loopback")
    control[6] = listener(*KUMA[6], _verdict.ABSENT, optional=True)
    proxy = [listener(*one) for one in PROXY]
    ingress = [listener(*INGRESS[0], _verdict.SHUT), listener(*INGRESS[1])]
    return report(
        host("cp1.example.com", role("kuma_zone_cp", control, allow=allow(changed=True))),
        host("dp1.example.com", role("kuma_dp", proxy)),
        host("ingress1.example.com", role("kuma_zone_ingress", ingress, allow=allow(enforcing=False))),
        connections=CONNECTIONS,
    )


def healthy(count: int = 3) -> Any:
    return report(*(host("dp%d" % n, role("kuma_dp", [listener(*one) for one in PROXY])) for n in range(1, count + 1)))


def everything() -> Any:
    """Each state of hosts and roles, each verdict, each kind of failure."""
    verdicts = [listener("l-" + verdict, "tcp", str(8000 + n), verdict) for n, verdict in enumerate(REASONS)]
    verdicts.append(listener("maybe", "tcp", "9000", _verdict.ABSENT, optional=True))
    broken = allow(failed=True, msg="firewalld does not answer:\nNoReply")
    strangers = verify([listener(*PROXY[0])], ("tcp/23 on 0.0.0.0 telnetd",), fail_on_unexpected=True)
    lost = {**verify([]), "failed": True, "msg": "no source of evidence is left"}
    return report(
        host("verdicts", role("kuma_zone_cp", verdicts)),
        host("firewall", role("kuma_dp", allow=broken)),
        host("strangers", role("kuma_dp", verify=strangers)),
        host("blind", role("kuma_dp", verify=lost)),
        host("crashed", state="failed", msg="the task said no"),
        host("gone", state="unreachable", msg="Failed to connect to the host via ssh: \nssh: connect to port 22: No route"),
        host("later", state="not_run"),
        host("bystander", state="no_role"),
        host("half", role("kuma_dp", state="skipped", allow=None), role("kuma_zone_cp", state="not_run", allow=None)),
    )


def hostile() -> Any:
    """Text of others wherever there is text."""
    bad = listener(HOSTILE, "tcp", "1", _verdict.ABSENT, reason=HOSTILE, clients=[HOSTILE])
    strangers = verify([bad], (HOSTILE,), fail_on_unexpected=True)
    return report(
        host(HOSTILE, role(HOSTILE, version=HOSTILE, verify=strangers, allow=allow(failed=True, msg=HOSTILE, backend=HOSTILE))),
        host(HOSTILE + "2", role(HOSTILE, [listener(HOSTILE, "tcp", "1", _verdict.UNVERIFIABLE, reason=HOSTILE)])),
        host(HOSTILE + "3", state="unreachable", msg=HOSTILE, groups=[HOSTILE]),
        host(HOSTILE + "4", state="not_run", msg=HOSTILE),
        connections=[{"from": HOSTILE, "to": HOSTILE, "listeners": [HOSTILE], "external": True}],
    )


def large(hosts: int = 300, listeners: int = 20) -> Any:
    """Hosts of three roles, most of them well."""
    failing = (_verdict.ABSENT, _verdict.SHUT, _verdict.CONFINED)
    made = []
    for n in range(hosts):
        name, specified = (
            ("kuma_zone_cp", KUMA) if n % 100 < 3 else ("kuma_zone_ingress", INGRESS) if n % 100 < 10 else ("kuma_dp", PROXY)
        )
        padded = specified + [("service-%d" % m, "tcp", str(20000 + m)) for m in range(listeners - len(specified))]
        found = [listener(*one) for one in padded]
        if n % 23 == 5:
            found[n % len(specified)] = listener(*padded[n % len(specified)], failing[n % len(failing)])
        if n % 31 == 7:
            found[-1] = listener(*padded[-1], _verdict.UNVERIFIABLE)
        made.append(host("%s-%03d.example.com" % (name.replace("_", "-"), n), role(name, found)))
    gone = hosts // 7
    made[gone] = host(made[gone]["host"], state="unreachable", msg="Failed to connect to the host via ssh: Connection timed out")
    return report(*made, connections=CONNECTIONS)
