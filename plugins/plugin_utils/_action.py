# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Base of the action plugins: a role of the spec becomes plain listeners on the controller, before a host is asked."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.netports.core.plugins.module_utils import _spec_options
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_listeners
from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import SpecError

_SPEC_ARGUMENTS = _spec_options.spec_arguments()
_ONE_SOURCE = [list(_spec_options.SOURCES)]


class SpecAction(ActionBase):
    """Hands `module` the task's arguments with the role replaced by its listeners.

    A plugin names its `module`, and may look at the prepared arguments in `prepared`.
    """

    module: ClassVar[str]
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        try:
            arguments, warnings = self._with_listeners(dict(self._task.args))
            result = self.prepared(arguments, task_vars)
        except (Problem, SpecError) as error:
            raise AnsibleActionFail(str(error)) from None
        if warnings:
            result["warnings"] = [*warnings, *result.get("warnings", ())]
        return result

    def prepared(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """What to do once the listeners are known: run the module. Problem and SpecError become the task's failure."""
        return self.execute_module(arguments, task_vars)

    def execute_module(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The result of the module on the host, `async` respected."""
        result: dict[str, Any] = self._execute_module(
            module_name=self.module, module_args=arguments, task_vars=task_vars, wrap_async=self._task.async_val
        )
        return result

    def _with_listeners(self, arguments: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The arguments for the module, and the warnings of the resolution. Raises Problem or SpecError.

        What the other options say is in the listeners; a product's configuration, which may hold secrets, stays here.
        """
        popped = {name: arguments.pop(name, None) for name in _SPEC_ARGUMENTS}
        given = {name: value for name, value in popped.items() if value is not None}
        checked = validated(given, _SPEC_ARGUMENTS, mutually_exclusive=_ONE_SOURCE, required_one_of=_ONE_SOURCE)
        if checked["role"] is None:
            surplus = [name for name in _SPEC_ARGUMENTS if name not in _spec_options.SOURCES and checked[name] is not None]
            if surplus:
                raise Problem(surplus[0], "goes with role, not with listeners")
            parse_listeners(checked["listeners"])
            return {**arguments, "listeners": checked["listeners"]}, []
        directories = [self._loader.path_dwim(directory) for directory in checked["spec_dirs"] or ()]
        spec = _spec_load.load(directories, checked["role"])
        asked = {name: checked[name] for name in ("version", "conditions", "ports", "product_config")}
        resolution = _resolve.resolve(spec, checked["role"], **asked)
        arguments.update(
            role=resolution.role,
            version=resolution.version,
            conditions=resolution.conditions,
            listeners=resolution.listeners,
        )
        return arguments, [*_version_warning(given), *resolution.warnings]


def _version_warning(given: dict[str, Any]) -> list[str]:
    version = given.get("version")
    if not isinstance(version, float):
        return []
    return ["version: %s was given as a number; quote it, since YAML reads 2.10 as 2.1" % version]


def validated(values: dict[str, Any], arguments: dict[str, Any], **rules: Any) -> dict[str, Any]:
    """The values converted and completed by an argument spec. Raises Problem with all that is wrong."""
    result = ArgumentSpecValidator(arguments, **rules).validate(values)
    if result.error_messages:
        raise Problem("", "; ".join(result.error_messages))
    parameters: dict[str, Any] = result.validated_parameters
    return parameters
