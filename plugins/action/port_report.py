# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of port_report, which has no other: what becomes of a play over a whole inventory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.module_utils._playbook_options import report_arguments
from ansible_collections.netports.core.plugins.plugin_utils import (
    _inventory,
    _inventory_roles,
    _reach_steps,
    _report,
    _report_collect,
    _report_files,
    _spec_load,
)
from ansible_collections.netports.core.plugins.plugin_utils._action import validated
from ansible_collections.netports.core.plugins.plugin_utils._inventory_roles import HostRole
from ansible_collections.netports.core.plugins.plugin_utils._report import HostResult, Report
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import Spec, SpecError

# The roles of hosts by their names.
Plan = Mapping[str, Sequence[HostRole]]

# As the playbooks have it.
_FILES = "files (netports_report)"
# Callbacks whose output is read by programs; a table amid it would spoil that.
_FOR_PROGRAMS = ("json", "jsonl", "null")


class ActionModule(ActionBase):
    """Steps of a play: which host has which roles, the report of all, and how the run ends for each host."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        try:
            params = validated(dict(self._task.args), report_arguments())
            steps = {"prepare": self._prepare, "write": self._write, "conclude": self._conclude}
            return {"changed": False, **steps[params["step"]](params, task_vars or {})}
        except (Problem, SpecError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None

    # --- prepare: before any host is touched ---------------------------------------------------------------------------------

    def _prepare(self, params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        _report_files.paths(params["files"], _FILES)
        groups = _inventory_roles.groups_of(task_vars["ansible_play_batch"], task_vars["groups"])
        variable = _inventory.Variables(task_vars, self._templar.template)
        return {"roles": _inventory_roles.roles_of(groups, variable, lambda directories: _spec_load.load(directories).homes)}

    # --- write: the report of all hosts so far -------------------------------------------------------------------------------

    def _write(self, params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        files = _report_files.paths(params["files"], _FILES)
        report, batch = self._reached(params, task_vars) if params["playbook"] == "reach" else self._opened(params, task_vars)
        # A run may end here when hosts failed; where it goes on, its hosts so far have been shown.
        whole = report["summary"]["not_run"] == 0 or not _report.passed(batch)
        lines = _show(report if whole else batch)
        for path in files:
            _report_files.write(report, path)
        return {
            "msg": _report.headline(report),
            "summary": report["summary"],
            "lines": lines,
            "files": [str(path) for path in files],
        }

    def _opened(self, params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> tuple[Report, Report]:
        """The report of what was opened and verified on all hosts so far, and that of this batch alone."""
        groups = task_vars["groups"]
        batch = [_report_collect.host_result(run) for run in self._runs(params, task_vars)]
        known = {host["host"]: host for host in [*_Batches(self._task._uuid).with_batch(batch), *batch]}
        everybody = task_vars["ansible_play_hosts_all"]
        groups_of = _inventory_roles.groups_of([host for host in everybody if host not in known], groups)
        hosts = [known[host] if host in known else _report_collect.not_run(host, groups_of[host]) for host in everybody]
        spec = _whole_spec(_planned(params, task_vars))
        connections = _report_collect.connections(known.values(), groups, spec.including)
        generated = _now()
        return (
            _report.build(params["playbook"], generated, hosts, connections),
            _report.build(params["playbook"], generated, batch, []),
        )

    def _reached(self, params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> tuple[Report, Report]:
        """The same of who reaches whom, of what port_reach has left."""
        judged = _judged(params, task_vars)
        found = _reach_steps.collected(judged["run"], judged, task_vars)
        batch = set(task_vars["ansible_play_batch"])
        hosts = [host for host in found.hosts if host["host"] in batch]
        mine = found.reach.copy()
        mine["edges"] = [edge for edge in found.reach["edges"] if edge["from"] in batch]
        generated = _now()
        return (
            _report.build("reach", generated, found.hosts, found.connections, found.reach),
            _report.build("reach", generated, hosts, [], mine),
        )

    def _runs(self, params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> Iterable[_report_collect.Run]:
        plan, alive = _planned(params, task_vars), set(task_vars["ansible_play_batch"])
        groups = _inventory_roles.groups_of(plan, task_vars["groups"])
        for host, roles in plan.items():
            yield self._run_of(host, groups[host], roles, params, task_vars["hostvars"].raw_get(host), host in alive)

    def _run_of(
        self,
        host: str,
        groups: Sequence[str],
        roles: Sequence[HostRole],
        params: Mapping[str, Any],
        variables: Mapping[str, Any],
        alive: bool = True,
    ) -> _report_collect.Run:
        return _report_collect.Run(
            host=host,
            groups=groups,
            roles=[role["name"] for role in roles],
            allowed=variables.get(params["allowed"]),
            verified=variables.get(params["verified"]),
            check_mode=params["playbook"] == "preflight" or bool(self._task.check_mode),
            alive=alive,
        )

    # --- conclude: how the run ends for this host ----------------------------------------------------------------------------

    def _conclude(self, params: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        host = task_vars["inventory_hostname"]
        if params["playbook"] == "reach":
            return _concluded(_judged(params, task_vars)["wrong"].get(host))
        roles = _planned(params, task_vars).get(host, ())
        return _concluded(_report_collect.host_result(self._run_of(host, (), roles, params, task_vars)))


class _Batches:
    """The hosts of the batches before this one (`serial`), kept in the directory for temporary files of the run."""

    def __init__(self, task: str) -> None:
        self._path = Path(constants.DEFAULT_LOCAL_TMP) / ("netports-report-%s.json" % task)  # type: ignore[attr-defined]

    def with_batch(self, batch: list[HostResult]) -> list[HostResult]:
        """The hosts of earlier batches, to whom those of this one are added for the next."""
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(batch) + "\n")
        return [host for line in lines for host in json.loads(line)]


def _planned(params: Mapping[str, Any], variables: Mapping[str, Any]) -> Plan:
    """The roles of the hosts, as the step `prepare` found them. Raises Problem."""
    plan = variables.get(params["plan"])
    if not isinstance(plan, Mapping) or "roles" not in plan:
        raise Problem("plan", "%s is not what a task with step: prepare registered" % params["plan"])
    roles: Plan = plan["roles"]
    return roles


def _judged(params: Mapping[str, Any], variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the step `judge` of port_reach has returned. Raises Problem."""
    judged = variables.get(params["reached"])
    if not isinstance(judged, Mapping) or "wrong" not in judged:
        raise Problem("reached", "%s is not what a task of port_reach with step: judge registered" % params["reached"])
    return judged


def _concluded(result: Mapping[str, Any] | None) -> dict[str, Any]:
    """The end of a host by its `state` and `msg`; None where nothing is wrong."""
    if result is None:
        return {"msg": _report.OK}
    if result["state"] == _report.UNREACHABLE:
        return {"unreachable": True, "msg": result["msg"]}
    return {"failed": result["state"] == _report.FAILED, "msg": result["msg"] or result["state"]}


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _whole_spec(plan: Plan) -> Spec:
    """The spec with the files of all hosts, for who is a client of whom."""
    directories = dict.fromkeys(directory for roles in plan.values() for role in roles for directory in role["spec_dirs"])
    return _spec_load.load(tuple(directories))


def _show(report: Report) -> list[str]:
    """Print the report for people, and return its lines."""
    text = _report_files.rendered(report, ".txt")
    if constants.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2] not in _FOR_PROGRAMS:  # type: ignore[attr-defined]
        Display().display(text)
    return text.splitlines()
