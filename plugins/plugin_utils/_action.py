# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Base of the action plugins: a role of the spec becomes plain listeners on the controller, before a host is asked."""

from __future__ import annotations

import contextlib
import functools
import gc
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.netports.core.plugins.module_utils import _spec_options
from ansible_collections.netports.core.plugins.module_utils._listener import Problem

if TYPE_CHECKING:
    from ansible_collections.netports.core.plugins.plugin_utils._product_config import OnHost
    from ansible_collections.netports.core.plugins.plugin_utils._resolve import Resolution
    from ansible_collections.netports.core.plugins.plugin_utils._spec_model import Spec

_SPEC_ARGUMENTS = _spec_options.spec_arguments()
_ROLE_ARGUMENTS = {name: argument for name, argument in _SPEC_ARGUMENTS.items() if name != "listeners"}


@contextlib.contextmanager
def no_garbage() -> Iterator[None]:
    """For work that makes very many objects and no garbage: reading a spec, parsing a module for shipment.

    Each sweep that they set off over the heap of all of Ansible costs more than what it is done for. Freezing that heap
    is what Python's documentation advises before a fork, and Ansible forks a worker for every host.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


class SpecAction(ActionBase):
    """Hands `module` the task's arguments with the role replaced by its listeners.

    A plugin names its `module`, and may look at the prepared arguments in `prepared`.
    """

    module: ClassVar[str]
    _supports_async = True
    _directories: Sequence[str] = ()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        try:
            arguments, warnings = self._with_listeners(dict(self._task.args))
            result = self.prepared(arguments, task_vars or {})
        except Problem as problem:
            raise AnsibleActionFail(str(problem)) from None
        if warnings:
            result["warnings"] = [*warnings, *result.get("warnings", ())]
        if not self._task.async_val:
            # What `failed_when: false` leaves for those who judge later.
            result["passed"] = not result.get("failed", False) and not result.get("unreachable", False)
        return result

    def prepared(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """What to do once the listeners are known: run the module. A Problem becomes the task's failure."""
        return self.execute_module(arguments, task_vars)

    def with_clients(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The arguments with addresses for every client, and warnings. Raises Problem."""
        if not arguments.get("clients") and arguments.get("restrict") in (None, "none"):
            return arguments, ()
        from ansible_collections.netports.core.plugins.plugin_utils import _clients

        given = {name: arguments[name] for name in _clients.ARGUMENTS if arguments.get(name) is not None}
        options = validated(given, _clients.ARGUMENTS)
        clients, warnings = _clients.resolved(options, arguments["listeners"], task_vars, self._task._uuid, self.spec)
        return {**arguments, "clients": clients}, warnings

    def execute_module(self, arguments: dict[str, Any], task_vars: dict[str, Any], module: str | None = None) -> dict[str, Any]:
        """The result of the module on the host, `async` respected."""
        with no_garbage():
            result: dict[str, Any] = self._execute_module(
                module_name=module or self.module,
                module_args=dict(arguments),
                task_vars=task_vars,
                wrap_async=self._task.async_val,
            )
        return result

    def _with_listeners(self, arguments: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The arguments for the module, and the warnings of the resolution. Raises Problem.

        What the other options say is in the listeners; a product's configuration, which may hold secrets, stays here.
        """
        popped = {name: arguments.pop(name, None) for name in _SPEC_ARGUMENTS}
        given = {name: value for name, value in popped.items() if value is not None}
        _check_one_source(given)
        if "listeners" in given:
            return {**arguments, "listeners": _as_list(given["listeners"])}, []
        resolution = self.resolved(checked_role(given), self.asks_host(arguments))
        arguments.update(
            role=resolution.role,
            version=resolution.version,
            conditions=resolution.conditions,
            listeners=resolution.listeners,
        )
        return arguments, resolution.warnings

    def asks_host(self, arguments: dict[str, Any]) -> bool:
        """Whether the host may be asked for its product's configuration."""
        return True

    def _on_host(self, product_config: Any) -> OnHost | None:
        """What the option names on the host; None where it names nothing. Raises Problem."""
        from ansible_collections.netports.core.plugins.plugin_utils import _product_config

        if not _product_config.asked_of_host(product_config):
            return None
        from ansible_collections.netports.core.plugins.plugin_utils import _host_config

        return _host_config.read(product_config, functools.partial(_host_config.execute, self))

    def resolved(self, params: dict[str, Any], ask_host: bool) -> Resolution:
        """The listeners of a role by its options, which `checked_role` has seen. Raises Problem."""
        from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _spec_model

        self._directories = [self._loader.path_dwim(directory) for directory in params["spec_dirs"] or ()]
        asked = {name: params[name] for name in ("version", "conditions", "ports", "product_config")}
        on_host = self._on_host(params["product_config"]) if ask_host else None
        try:
            return _resolve.resolve(_spec_load.load(self._directories, params["role"]), params["role"], **asked, on_host=on_host)
        except _spec_model.SpecError as error:
            raise Problem("", str(error)) from None

    def spec(self) -> Spec:
        """The whole spec from which the listeners came. Raises Problem."""
        from ansible_collections.netports.core.plugins.plugin_utils import _spec_load, _spec_model

        try:
            return _spec_load.load(self._directories)
        except _spec_model.SpecError as error:
            raise Problem("", str(error)) from None


def checked_role(given: dict[str, Any]) -> dict[str, Any]:
    """The options of a role, all of them, as the resolution wants them. Raises Problem."""
    _refuse_number(given.get("version"))
    return validated(given, _ROLE_ARGUMENTS)


def _check_one_source(given: dict[str, Any]) -> None:
    sources = [name for name in _spec_options.SOURCES if name in given]
    if len(sources) != 1:
        raise Problem("", "give exactly one of %s" % " and ".join(_spec_options.SOURCES))
    surplus = [name for name in given if name not in sources]
    if "listeners" in given and surplus:
        raise Problem(surplus[0], "goes with role, not with listeners")


def _as_list(listeners: Any) -> Any:
    """KEY=VALUE arguments are text; Ansible would take JSON apart at its commas. The module checks the rest."""
    if not isinstance(listeners, str):
        return listeners
    try:
        return json.loads(listeners)
    except ValueError as error:
        raise Problem("listeners", "is text, and not JSON: %s" % error) from None


def _refuse_number(version: Any) -> None:
    """YAML has read 2.10 as 2.1 by the time a number arrives here: another release, and a half-right answer."""
    if isinstance(version, (int, float)):
        raise Problem("version", "%s is a number; quote it, since YAML reads 2.10 as 2.1" % version)


def validated(values: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The values converted and completed by an argument spec. Raises Problem with all that is wrong."""
    result = ArgumentSpecValidator(arguments).validate(values)
    if result.error_messages:
        raise Problem("", "; ".join(result.error_messages))
    parameters: dict[str, Any] = result.validated_parameters
    return parameters


def task_may_say(word: str) -> bool:
    """Whether tasks of this run may have the word in their arguments: known for an ad hoc command before it forks."""
    return word in (context.CLIARGS.get("module_args") or word)


def _preload() -> None:
    """Read the spec in the process that forks a worker for each host, so that no worker has to.

    A failure waits for the task that it concerns. An ad hoc command with listeners needs no spec.
    """
    if not task_may_say("role"):
        return
    from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _spec_model  # noqa: F401

    try:
        _spec_load.load()
    except _spec_model.SpecError:
        pass  # run() meets it again, if its role needs the file at fault


with no_garbage():
    _preload()
