# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of port_reach that are done once on the controller: what the inventory says, the plan, what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import (
    _inventory,
    _reach,
    _reach_collect,
    _reach_files,
    _reach_inventory,
    _reach_plan,
    _report,
    _report_collect,
    _report_files,
    _spec_load,
)
from ansible_collections.netports.core.plugins.plugin_utils._reach import EdgeResult, Evidence, HostData, Listening, ReachResult
from ansible_collections.netports.core.plugins.plugin_utils._reach_collect import Visit
from ansible_collections.netports.core.plugins.plugin_utils._reach_files import Files
from ansible_collections.netports.core.plugins.plugin_utils._reach_plan import Options
from ansible_collections.netports.core.plugins.plugin_utils._report import Connection, HostResult

# As the playbook has it.
_FILES = "files (netports_report)"
_WRONG = (_report.FAILED, _report.UNREACHABLE)


# --- prepare: before any host is touched -------------------------------------------------------------------------------------


def prepare(run: str, params: Mapping[str, Any], task_vars: Mapping[str, Any], template: Callable[[Any], Any]) -> dict[str, Any]:
    """What the inventory says, once for all batches. Returns whose configuration has to be read on the host itself."""
    _report_files.paths(params["files"], _FILES)
    options = _options(params, task_vars)
    files = Files(run)
    if files.read(_reach_files.INVENTORY) is not None:
        return {"run": run, "read": []}
    names = list(dict.fromkeys([*task_vars["groups"]["all"], *task_vars["ansible_play_hosts_all"]]))
    addresses = _inventory.find_all(names, task_vars["hostvars"], run)
    hosts = _reach_inventory.describe(names, task_vars["groups"], _inventory.Variables(task_vars, template), addresses)
    files.write(_reach_files.INVENTORY, {"hosts": hosts, "options": options._asdict()})
    return {"run": run, "read": [name for name in task_vars["ansible_play_hosts"] if _reach_inventory.to_read(hosts[name])]}


def _options(params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> Options:
    if params["before_install"] and set(task_vars["ansible_play_batch"]) < set(task_vars["ansible_play_hosts"]):
        raise Problem("before_install", "the ports of all hosts have to be held at once; leave out serial (netports_serial)")
    if not 0 < params["timeout"] < float("inf"):
        raise Problem("timeout (netports_reach_timeout)", "%s is no number of seconds above 0" % params["timeout"])
    sample = _sample(params["sample"])
    return Options(params["strict"], params["before_install"], sample, params["timeout"], os.urandom(8).hex())


def _sample(value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isdigit() and text.isascii()):
        raise Problem("sample", "%r is not a number of peers for each host to probe; 0 is all of them" % (value,))
    return int(text)


# --- plan: who asks whom -----------------------------------------------------------------------------------------------------


def plan(run: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Writes what each host does, once for all batches."""
    files = Files(run)
    if files.read(_reach_files.PLAN) is not None:
        return {"msg": "planned with the first hosts"}
    known = files.read(_reach_files.INVENTORY)
    hosts: dict[str, HostData] = known["hosts"]
    options = Options(**known["options"])
    resolver = _reach_inventory.Resolver()
    listening = {name: _listening(files, resolver, name, host) for name, host in hosts.items()}
    everybody = task_vars["ansible_play_hosts_all"]
    kinds = _kinds(hosts)
    made = _reach_plan.make(hosts, listening, task_vars["groups"], everybody, kinds, options)
    for name, source in made.sources.items():
        files.write(_reach_files.PROBE, source["options"], name)
        files.write(_reach_files.EDGES, source["edges"], name)
    for name, target in made.targets.items():
        files.write(_reach_files.TARGET, target, name)
    shown = {
        "coverage": made.coverage,
        "not_probed": made.not_probed,
        "sources": list(made.sources),
        "targets": list(made.targets),
    }
    files.write(_reach_files.PLAN, {**shown, **_pooled(listening)})
    result = {"msg": _summary(made), "coverage": made.coverage, "not_probed": made.not_probed}
    return {**result, "warnings": list(resolver.warnings)} if resolver.warnings else result


def _listening(files: Files, resolver: _reach_inventory.Resolver, name: str, host: HostData) -> dict[str, Listening]:
    read = files.read(_reach_files.READ, name) if _reach_inventory.to_read(host) else None
    return {role: (read or {}).get(role) or resolver.of(options) for role, options in host["roles"].items()}


def _pooled(listening: Mapping[str, Mapping[str, Listening]]) -> dict[str, Any]:
    """The same with each object once: hosts of a role mostly listen on the same."""
    pool = {id(one): one for roles in listening.values() for one in roles.values()}
    places = {key: place for place, key in enumerate(pool)}
    of_hosts = {name: {role: places[id(one)] for role, one in roles.items()} for name, roles in listening.items()}
    return {"pool": list(pool.values()), "listening": of_hosts}


def _unpooled(planned: Mapping[str, Any]) -> dict[str, dict[str, Listening]]:
    pool = planned["pool"]
    return {name: {role: pool[place] for role, place in roles.items()} for name, roles in planned["listening"].items()}


def _kinds(hosts: Mapping[str, HostData]) -> Callable[[str], Sequence[str]]:
    """The roles that a word of clients stands for, by the spec with the files of all hosts."""
    given = [role["given"] for host in hosts.values() for role in host["roles"].values()]
    directories = dict.fromkeys(directory for one in given for directory in one["spec_dirs"])
    return _spec_load.load(tuple(directories)).including


def _summary(made: _reach_plan.Plan) -> str:
    edges = sum(len(source["edges"]) for source in made.sources.values())
    said = made.coverage
    return "%d edges of %d pairs of hosts, of %d; %d hosts ask" % (edges, said["probed"], said["pairs"], said["sources"])


# --- judge: what came of it --------------------------------------------------------------------------------------------------


class Collected(NamedTuple):
    """What the report is made of."""

    hosts: list[HostResult]
    connections: list[Connection]
    reach: ReachResult


def judge(run: str, params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with which host of the batch. Writes what the targets of broken edges are to be asked."""
    result = {"run": run, "held": params["held"], "probed": params["probed"]}
    if _all_is_well(Files(run), params, task_vars):
        return {**result, "passed": True, "wrong": {}}
    hosts = {one["host"]: one for one in collected(run, params, task_vars).hosts}
    here = [hosts[name] for name in task_vars["ansible_play_batch"] if hosts[name]["state"] in _WRONG]
    wrong = {one["host"]: {"state": one["state"], "msg": one["msg"]} for one in here}
    return {**result, "passed": not wrong, "wrong": wrong}


def _all_is_well(files: Files, params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> bool:
    """Whether that can be said of the batch by what its tasks registered, without a look at each edge."""
    listening = _unpooled(files.read(_reach_files.PLAN))
    for name in task_vars["ansible_play_batch"]:
        probed = task_vars["hostvars"].raw_get(name).get(params["probed"]) or {}
        problems = any(one["problem"] for one in listening.get(name, {}).values())
        if problems or probed.get("unreachable") or not probed.get("passed"):
            return False
    return True


def collected(run: str, params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> Collected:
    """Hosts and edges of all batches, with what targets have said; what they still have to be asked is written."""
    files = Files(run)
    known, planned = files.read(_reach_files.INVENTORY), files.read(_reach_files.PLAN)
    hosts: dict[str, HostData] = known["hosts"]
    listening = _unpooled(planned)
    visits = {name: _visit(name, params, task_vars) for name in task_vars["ansible_play_hosts_all"]}
    found = {name: _edges(files, name, visits[name]) for name in planned["sources"]}
    edges = [edge for of_source in found.values() for edge in of_source]
    evidence = _held(files, planned) if known["options"]["before_install"] else _asked(files, edges, hosts, listening)
    _reach_collect.with_causes(edges, evidence)
    results = [
        _reach_collect.host_result(name, hosts[name], listening.get(name, {}), visits[name], found.get(name, ()))
        for name in visits
    ]
    reach: ReachResult = {
        "edges": edges,
        "sites": {name: host["site"] for name, host in hosts.items() if host["site"]},
        "coverage": planned["coverage"],
        "not_probed": planned["not_probed"],
        "summary": _reach.summary(edges),
        "before_install": known["options"]["before_install"],
        "strict": known["options"]["strict"],
    }
    return Collected(results, _connections(listening, task_vars["groups"], _kinds(hosts)), reach)


def _connections(
    listening: Mapping[str, Mapping[str, Listening]], groups: Mapping[str, Sequence[str]], kinds: Callable[[str], Sequence[str]]
) -> list[Connection]:
    """What the port spec says of these hosts, of listeners that others are to reach."""
    roles = {(role, id(one)): one["listeners"] for of_host in listening.values() for role, one in of_host.items()}
    listeners = [(role, one) for (role, _id), of_role in roles.items() for one in of_role if one["allow"]]
    rows = [(role, "%s %s/%s" % (one["name"], one["protocol"], one["port"]), one["clients"]) for role, one in listeners]
    return _report_collect.connections_of(rows, groups, kinds)


def _visit(name: str, params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> Visit:
    """What became of the tasks of a host, by what they registered. A task that is done says `passed`."""
    variables = task_vars["hostvars"].raw_get(name)
    held, probed = (variables.get(params[task]) for task in ("held", "probed"))
    for result in (held, probed):
        if result and result.get("unreachable"):
            return Visit(True, unreachable=str(result.get("msg") or ""))
    if probed is None:
        here = name in task_vars["ansible_play_batch"]
        return Visit(here, failed=_report_collect.DROPPED_OUT if here else "")
    return Visit(True, failed="" if "passed" in probed else _report_collect.message(probed) or _report_collect.DROPPED_OUT)


def _edges(files: Files, name: str, visit: Visit) -> list[EdgeResult]:
    return _reach_collect.edges(files.read(_reach_files.EDGES, name), files.read(_reach_files.FOUND, name), visit)


def _held(files: Files, planned: Mapping[str, Any]) -> dict[tuple[str, ...], Evidence]:
    found: dict[tuple[str, ...], Evidence] = {}
    for name in planned["targets"]:
        said = files.read(_reach_files.HELD, name) or {"problem": _reach_collect.NOT_ASKED}
        found.update(_reach_collect.held_evidence(name, files.read(_reach_files.TARGET, name), said))
    return found


def _asked(
    files: Files, edges: Sequence[EdgeResult], hosts: Mapping[str, HostData], listening: Mapping[str, Mapping[str, Listening]]
) -> dict[tuple[str, ...], Evidence]:
    """What targets have said, and for the others what they are to be asked."""
    found: dict[tuple[str, ...], Evidence] = {}
    for name, ask in _reach_collect.to_ask(edges, hosts, listening).items():
        said = files.read(_reach_files.ASKED, name)
        if said is None:
            files.write(_reach_files.ASK, ask, name)
        else:
            found.update(_reach_collect.asked_evidence(name, said["plan"], said))
    return found
