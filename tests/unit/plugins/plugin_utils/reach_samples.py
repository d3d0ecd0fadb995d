# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edges, and reports of who reaches whom, for the tests of the renderers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _reach, _reach_cause, _report
from tests.unit.plugins.plugin_utils import report_samples as samples


def edge(source: str, target: str, **changes: Any) -> Any:
    state = changes.get("state", "open")
    given = {
        "from": source,
        "to": target,
        "role": "kuma_dp",
        "listener": "inbound",
        "protocol": "tcp",
        "port": "15006",
        "family": "any",
        "expect": "open",
        "optional": False,
        "state": state,
        "passed": None if state == "not_run" else state == changes.get("expect", "open"),
        "reason": "it accepts connections",
        "address": "192.0.2.7",
        "seconds": 0.0004,
        "attempts": 1,
        "tls": None,
        "cause": "",
        "remedy": "",
    }
    given.update(changes)
    given.setdefault("failing", given["passed"] is False and not given["optional"])
    return given


def broken(source: str, target: str, state: str, cause: str, **changes: Any) -> Any:
    return edge(source, target, **{"state": state, "passed": False, "cause": cause, "reason": REASONS[state], **changes})


def result(edges: list[Any], sites: dict[str, str] | None = None, **changes: Any) -> Any:
    """What these edges come to; every pair of them was probed."""
    sites = sites or {}
    for one in edges:
        if one["cause"] and not one["remedy"]:
            one["remedy"] = _reach_cause.CAUSES[one["cause"]].remedy
    pairs = {(one["from"], one["to"]) for one in edges}
    of_sites = Counter((sites.get(source, ""), sites.get(target, "")) for source, target in pairs)
    sources, targets = ({pair[side] for pair in pairs} for side in (0, 1))
    return {
        "edges": edges,
        "sites": sites,
        "coverage": {
            "pairs": len(pairs),
            "probed": len(pairs),
            "sample": 0,
            "hosts": len(sources | targets),
            "sources": len(sources),
            "targets": len(targets),
            "sites": [
                {"from": one, "to": other, "pairs": count, "probed": count} for (one, other), count in sorted(of_sites.items())
            ],
        },
        "not_probed": [],
        "summary": _reach.summary(edges),
        "before_install": False,
        "strict": False,
        **changes,
    }


def report(reach: Any, roles: dict[str, str] | None = None, connections: Any = (), others: Any = ()) -> Any:
    """A source with a failing edge has failed. `roles` of hosts, kuma_dp where not said; `others` are further hosts."""
    failed = {one["from"] for one in reach["edges"] if one["failing"]}
    names = dict.fromkeys(one[end] for one in reach["edges"] for end in ("from", "to"))
    hosts = []
    for name in [name for name in names if name not in {other["host"] for other in others}]:
        role = (roles or {}).get(name, "kuma_dp")
        state = _report.FAILED if name in failed else _report.OK
        made = samples.role(role, allow=None, state=_report.OK)
        hosts.append(samples.host(name, made, state=state, groups=["all", role]))
    return _report.build("reach", samples.GENERATED, [*hosts, *others], list(connections), reach)


REASONS = {
    "open": "it accepts connections, but the TLS handshake failed: WRONG_VERSION_NUMBER",
    "refused": "nothing listens there: reset",
    "filtered": "no answer within 3 s",
    "unreachable": "this host has no route to it",
    "unresolved": "the name is not known",
    "no_answer": "the connection was accepted, but not by what knows the token: no answer",
    "error": "this host could not ask: too many open files",
}
ZONES = {"cp1.example.com": "kuma_zone_cp", "dp1.example.com": "kuma_dp", "dp2.example.com": "kuma_dp"}
CONNECTIONS = [
    {"from": "kuma_dp", "to": "kuma_zone_cp", "listeners": ["dp-server tcp/5678"], "external": False},
    {"from": "operator", "to": "kuma_zone_cp", "listeners": ["api-http tcp/5681"], "external": True},
    {"from": "kuma_dp", "to": "kuma_dp", "listeners": ["inbound tcp/15006"], "external": False},
]
DP_SERVER = {"role": "kuma_zone_cp", "listener": "dp-server", "port": "5678"}
NOT_PROBED = [
    {
        "reason": "its clients are no hosts of the inventory",
        "count": 1,
        "examples": ["operator -> cp1.example.com api-http tcp/5681"],
    }
]


def small() -> Any:
    """Three hosts, one of which does not get to the control plane, and one of the other kind of edges that is open."""
    edges = [
        edge("dp1.example.com", "cp1.example.com", **DP_SERVER),
        broken("dp2.example.com", "cp1.example.com", "filtered", "network", **DP_SERVER),
        edge("dp1.example.com", "dp2.example.com"),
        broken("dp2.example.com", "dp1.example.com", "refused", "service"),
        edge(
            "dp1.example.com",
            "cp1.example.com",
            role="kuma_zone_cp",
            listener="admin",
            port="5679",
            expect="closed",
            state="refused",
            passed=True,
        ),
        broken(
            "dp2.example.com",
            "cp1.example.com",
            "open",
            "exposed",
            role="kuma_zone_cp",
            listener="admin",
            port="5679",
            expect="closed",
        ),
    ]
    return report(result(edges, strict=True, not_probed=NOT_PROBED), ZONES, CONNECTIONS)


def everything() -> Any:
    """Each kind of edge, each cause, two sites, hosts that did not ask."""
    edges = [broken("src", "t-%s" % cause, _STATE_OF.get(cause, "refused"), cause) for cause in _reach_cause.CAUSES]
    edges[0]["expect"] = "closed"
    edges += [
        broken("src", "t-silent", "no_answer", "not_known", protocol="udp"),
        broken("src", "t-maybe", "refused", "service", optional=True),
        edge("src", "t-doubt", state="no_answer", protocol="udp", passed=None, reason="silence proves nothing"),
        edge("src", "t-closed", state="refused", expect="closed", passed=True),
        edge("src", "t-well", family="ipv6"),
        edge("src", "t-well", family="ipv4"),
        edge("gone", "t-well", state="not_run", reason="gone is unreachable", address=None, seconds=None, attempts=0),
    ]
    sites = {one["to"]: "rack2" for one in edges} | {"src": "rack1", "gone": "rack1", "t-well": "rack1"}
    gone = samples.host("gone", state="unreachable", msg="Failed to connect to the host via ssh")
    reach = result(edges, sites, not_probed=NOT_PROBED)
    reach["coverage"]["sample"] = 3
    reach["coverage"]["sites"].append({"from": "rack2", "to": "rack1", "pairs": 4, "probed": 0})
    return report(reach, others=[gone, samples.host("later", state="not_run")])


_STATE_OF = {
    "exposed": "open",
    "impostor": "no_answer",
    "source": "error",
    "name": "unresolved",
    "route": "unreachable",
    "host_firewall": "filtered",
    "network": "filtered",
    "path": "filtered",
    "tls": "open",
}


def hostile() -> Any:
    """Text of others wherever there is text."""
    bad = samples.HOSTILE
    listener = {"role": bad, "listener": bad, "reason": bad}
    edges = [broken(bad, bad + "2", "filtered", "network", **listener), edge(bad + "2", bad, **listener)]
    left = [{"reason": bad, "count": 1, "examples": [bad]}]
    connections = [{"from": bad, "to": bad, "listeners": ["%s tcp/15006" % bad], "external": False}]
    reach = result(edges, {bad: bad, bad + "2": bad + "3"}, not_probed=left)
    return report(reach, {bad: bad, bad + "2": bad}, connections)


def mesh(hosts: int = 100, sites: int = 4) -> Any:
    """Everybody asks everybody: one host that nobody reaches, one that reaches nobody, and two sites with a wall between them."""
    names = ["dp-%03d.example.com" % number for number in range(hosts)]
    site_of = {name: "rack%d" % (number * sites // hosts + 1) for number, name in enumerate(names)}
    edges = []
    for source in names:
        for target in names:
            if source == target:
                continue
            if target == names[7 % hosts]:
                made = broken(source, target, "refused", "service")
            elif source == names[11 % hosts]:
                made = broken(source, target, "unreachable", "route")
            elif (site_of[source], site_of[target]) == ("rack2", "rack3"):
                made = broken(source, target, "filtered", "network")
            else:
                made = edge(source, target)
            edges.append(made)
    return report(result(edges, site_of if sites > 1 else {}), connections=CONNECTIONS[2:])
