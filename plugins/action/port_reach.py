# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of port_reach, which has no other: who reaches whom, in the steps of the playbook `reach`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.module_utils._playbook_options import reach_arguments
from ansible_collections.netports.core.plugins.plugin_utils import (
    _reach_collect,
    _reach_files,
    _reach_inventory,
    _reach_steps,
    _report_collect,
)
from ansible_collections.netports.core.plugins.plugin_utils._action import SpecAction, checked_role, validated
from ansible_collections.netports.core.plugins.plugin_utils._reach_files import Files
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import SpecError

_NOTHING_TO_DO = {"skipped": True, "skip_reason": "nothing to do on this host", "passed": True}


class ActionModule(SpecAction):
    """One step. What is done on hosts are runs of port_listen, port_probe and port_verify."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        ActionBase.run(self, tmp, task_vars)
        try:
            params = validated(dict(self._task.args), reach_arguments())
            return {"changed": False, **self._step(params, task_vars or {})}
        except (Problem, SpecError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None

    def _step(self, params: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        step = params["step"]
        if step == "prepare":
            return _reach_steps.prepare(self._task._uuid, params, task_vars, self._templar.template)
        run = _run(params["run"], task_vars)
        if step == "plan":
            return _reach_steps.plan(run, task_vars)
        if step == "judge":
            return _reach_steps.judge(run, params, task_vars)
        if _unreachable(task_vars.get(params["held"])):
            return dict(_NOTHING_TO_DO)
        if step == "probe" and task_vars.get(params["held"]) is None:
            _check_not_held(Files(run).read(_reach_files.PROBE, task_vars["inventory_hostname"]))
        steps = {"read": self._read, "hold": self._hold, "probe": self._probe, "release": self._release, "ask": self._ask}
        return steps[step](Files(run), params["host"] or task_vars["inventory_hostname"], task_vars)

    # --- on hosts ------------------------------------------------------------------------------------------------------------

    def _read(self, files: Files, host: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        """The listeners of roles whose configuration is on the host. The configuration itself goes nowhere."""
        data = files.read(_reach_files.INVENTORY)["hosts"][host]
        found, warnings = {}, []
        for role in _reach_inventory.to_read(data):
            try:
                resolution = self.resolved(checked_role(data["roles"][role]["given"]), ask_host=True)
            except Problem as problem:
                found[role] = _reach_inventory.not_known(str(problem))
            else:
                found[role] = {"version": resolution.version, "listeners": resolution.listeners, "problem": ""}
                warnings += resolution.warnings
        files.write(_reach_files.READ, found, host)
        return {"warnings": warnings} if warnings else {}

    def _hold(self, files: Files, host: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        plan = files.read(_reach_files.TARGET, host)
        if plan is None:
            return dict(_NOTHING_TO_DO)
        result = self.execute_module(plan["options"], task_vars, "netports.core.port_listen")
        if "not_held" not in result:
            files.write(_reach_files.HELD, {"problem": _report_collect.message(result)}, host)
            return {**result, "passed": False}
        not_held = {one["listener"]: one["reason"] for one in result["not_held"]}
        files.write(_reach_files.HELD, {"not_held": not_held}, host)
        return {"passed": True, "msg": result["msg"], "changed": result["changed"]}

    def _probe(self, files: Files, host: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = files.read(_reach_files.PROBE, host)
        if options is None:
            return dict(_NOTHING_TO_DO)
        if self._task.check_mode and _wants_held(options):
            files.write(_reach_files.FOUND, {"skipped": _reach_collect.NOT_HELD_IN_CHECK_MODE}, host)
            return {**_NOTHING_TO_DO, "skip_reason": _reach_collect.NOT_HELD_IN_CHECK_MODE}
        result = self.execute_module(options, task_vars, "netports.core.port_probe")
        if "results" not in result:
            files.write(_reach_files.FOUND, {"problem": _report_collect.message(result)}, host)
            return {**result, "passed": False}
        kept = [{key: one[key] for key in _reach_collect.KEYS} for one in result["results"]]
        files.write(_reach_files.FOUND, {"results": kept}, host)
        return {"passed": result["passed"], "summary": result["summary"], "seconds": result["seconds"], "notes": result["notes"]}

    def _release(self, files: Files, host: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        plan = files.read(_reach_files.TARGET, host)
        if plan is None:
            return dict(_NOTHING_TO_DO)
        arguments = {"state": "stopped", "token": plan["options"]["token"], "listeners": []}
        return self.execute_module(arguments, task_vars, "netports.core.port_listen")

    def _ask(self, files: Files, host: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        plan = files.read(_reach_files.ASK, host)
        if plan is None:
            return dict(_NOTHING_TO_DO)
        arguments = {"listeners": plan["listeners"], "clients": plan["clients"], "check_firewall": True}
        result = self.execute_module(arguments, task_vars, "netports.core.port_verify_firewall")
        if "listeners" not in result:
            files.write(_reach_files.ASKED, {"plan": plan, "problem": _report_collect.message(result)}, host)
            return {**result, "passed": False}
        verdicts = {one["name"]: [one["verdict"], one["reason"]] for one in result["listeners"]}
        files.write(_reach_files.ASKED, {"plan": plan, "verdicts": verdicts}, host)
        return {"passed": True, "summary": result["summary"]}


def _run(variable: str, task_vars: Mapping[str, Any]) -> str:
    """A variable by its name and no template, which every host would have to resolve. Raises Problem."""
    prepared = task_vars.get(variable)
    if not isinstance(prepared, Mapping) or "run" not in prepared:
        raise Problem("run", "%s is not what a task with step: prepare registered" % variable)
    return str(prepared["run"])


def _unreachable(held: Any) -> bool:
    """Whether the host could not be reached when its ports were to be held: one timeout is enough."""
    return isinstance(held, Mapping) and bool(held.get("unreachable"))


def _wants_held(options: Mapping[str, Any]) -> bool:
    """Whether a host asks ports that are held for this run."""
    return any("token" in target for target in options["targets"])


def _check_not_held(options: Mapping[str, Any] | None) -> None:
    """The playbook leaves out the task that holds ports before it knows the variables of hosts. Raises Problem."""
    if options is not None and _wants_held(options):
        raise Problem("before_install", "no ports were held; give it by -e, not in the inventory")
