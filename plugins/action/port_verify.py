# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of port_verify: resolves the role, and judges evidence that is text."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.netports.core.plugins.module_utils import _spec_options, _verify
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_listeners
from ansible_collections.netports.core.plugins.module_utils._socket_table import SocketTable
from ansible_collections.netports.core.plugins.plugin_utils import _raw_sockets
from ansible_collections.netports.core.plugins.plugin_utils._action import SpecAction, validated

# Exit statuses of a shell that cannot run the interpreter.
_NOT_RUN = (126, 127)
# What a Python that is too old, or a stripped one, prints instead of a module's result.
_UNUSABLE = re.compile(r"SyntaxError: |requires a minimum of Python|No module named '?(?!ansible)\w|[Nn]o python interpreters")


class ActionModule(SpecAction):
    """The module where the host has a usable Python; else `ss` or `netstat` through the connection, or a capture."""

    module = "netports.core.port_verify"

    def prepared(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        arguments_of_spec = _spec_options.spec_arguments()
        own = {name: value for name, value in arguments.items() if name not in arguments_of_spec}
        params = validated(own, _verify.verify_arguments())
        options = _verify.parse_options(params, bool(self._task.diff))
        if params["capture"] is not None:
            self._refuse("capture", params, ("network_namespace", "check_firewall"))
            if params["gather"] != "auto":
                raise Problem("capture", "is judged instead of gathering; leave gather away")
            table = _raw_sockets.parse_captures(params["capture"])
            # The same text will not change by waiting.
            return self._judged(lambda: table, arguments, options._replace(timeout=0))
        if params["gather"] == "raw":
            self._refuse("gather: raw", params, ("check_firewall",))
            return self._raw(arguments, options, params["network_namespace"])
        result = self.execute_module(arguments, task_vars)
        reason = "" if params["gather"] != "auto" or self._task.async_val else why_no_python(result)
        if not reason:
            return result
        if params["check_firewall"]:
            raise Problem("check_firewall", "needs Python on the host: %s" % reason)
        note = "the host has no usable Python (%s); what ss or netstat print is judged instead" % reason
        result = self._raw(arguments, options, params["network_namespace"])
        result["notes"] = [note, *result["notes"]]
        result["warnings"] = [note]
        return result

    def _refuse(self, source: str, params: Mapping[str, Any], options: tuple[str, ...]) -> None:
        for name in options:
            if params[name]:
                raise Problem(name, "cannot be used with %s" % source)
        if self._task.async_val:
            raise Problem("async", "cannot be used with %s, which is judged on the controller" % source)

    def _raw(self, arguments: Mapping[str, Any], options: _verify.Options, namespace: str | None) -> dict[str, Any]:
        def execute(line: str) -> _raw_sockets.Answer:
            answer = self._low_level_execute_command(line)
            return _raw_sockets.Answer(answer["rc"], answer["stdout"], answer["stderr"])

        source = _raw_sockets.RawSource(execute, namespace)
        try:
            return self._judged(source.gather, arguments, options)
        except _raw_sockets.RawError as error:
            raise Problem("", str(error)) from None

    def _judged(self, gather: _verify.Gather, arguments: Mapping[str, Any], options: _verify.Options) -> dict[str, Any]:
        listeners = parse_listeners(arguments["listeners"])
        result = _verify.verify(gather, _owners_as_printed, listeners, options, time)
        resolved = dict.fromkeys(("role", "version", "conditions"), None)
        result.update(_spec_options.resolved({**resolved, **arguments}))
        return result


def _owners_as_printed(table: SocketTable, _wanted: object) -> SocketTable:
    return table


def why_no_python(result: Mapping[str, Any]) -> str:
    """Why the module could not run for want of Python; empty if it ran, or failed for another reason."""
    if "summary" in result or not result.get("failed"):
        return ""
    said = "%s\n%s\n%s" % (result.get("module_stderr", ""), result.get("module_stdout", ""), result.get("msg", ""))
    if "module_stderr" in result and result.get("rc") in _NOT_RUN:
        return said.strip().splitlines()[0]
    found = _UNUSABLE.search(said)
    if not found:
        return ""
    return next(line.strip() for line in said.splitlines() if found.group() in line)
