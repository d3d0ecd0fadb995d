# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of port_verify: resolves the role, and decides where the sockets are read and judged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils._action import SpecAction, no_garbage, task_may_say

if TYPE_CHECKING:
    from ansible_collections.netports.core.plugins.plugin_utils._raw_sockets import Answer

# Exit statuses of a shell that cannot run the interpreter.
_NOT_RUN = (126, 127)
# What a Python that is too old, or a stripped one, prints instead of a module's result.
_UNUSABLE = re.compile(r"SyntaxError: |requires a minimum of Python|No module named '?(?!ansible)\w|[Nn]o python interpreters")


class ActionModule(SpecAction):
    """The module where the host has a usable Python; else `ss` or `netstat` through the connection, or a capture."""

    module = "netports.core.port_verify"
    module_for_firewall = "netports.core.port_verify_firewall"

    def asks_host(self, arguments: dict[str, Any]) -> bool:
        return arguments.get("capture") is None

    def prepared(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        gather = arguments.get("gather") or "auto"
        if gather == "raw" or arguments.get("capture") is not None:
            if self._task.async_val:
                raise Problem("async", "cannot be used with gather: raw or capture, which are judged on the controller")
            return self._by_text(arguments)
        with_firewall = boolean(arguments.get("check_firewall") or False, strict=False)
        if with_firewall:
            # Families without clients are told of with each listener, so that no warning is needed here.
            arguments, _warnings = self.with_clients(arguments, task_vars)
        result = self.execute_module(arguments, task_vars, self.module_for_firewall if with_firewall else self.module)
        reason = why_no_python(result) if gather == "auto" and not self._task.async_val else ""
        return self._by_text(arguments, reason) if reason else result

    def _by_text(self, arguments: dict[str, Any], reason: str = "") -> dict[str, Any]:
        from ansible_collections.netports.core.plugins.plugin_utils import _verify_text

        return _verify_text.verify(arguments, self._execute, bool(self._task.diff), reason)

    def _execute(self, line: str) -> Answer:
        from ansible_collections.netports.core.plugins.plugin_utils._raw_sockets import Answer

        answer: dict[str, Any] = self._low_level_execute_command(line)
        return Answer(answer["rc"], answer["stdout"], answer["stderr"])


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


if task_may_say("raw") or task_may_say("capture"):
    # In the process that forks the workers, instead of in each of them.
    with no_garbage():
        from ansible_collections.netports.core.plugins.plugin_utils import _verify_text  # noqa: F401
