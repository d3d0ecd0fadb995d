# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_verify where the evidence is text, judged on the controller: a capture, or what the host's ss or netstat print.

A module of its own, imported when it is needed: most hosts have a Python, and Ansible compiles what it imports from a
collection anew in each process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.netports.core.plugins.module_utils import _spec_options, _verify
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_listeners
from ansible_collections.netports.core.plugins.module_utils._socket_table import SocketTable
from ansible_collections.netports.core.plugins.plugin_utils import _raw_sockets
from ansible_collections.netports.core.plugins.plugin_utils._action import validated


def verify(
    arguments: Mapping[str, Any], execute: Callable[[str], _raw_sockets.Answer], diff: bool, reason: str = ""
) -> dict[str, Any]:
    """The result of port_verify for its arguments, by a shell on the host if need be. Raises Problem.

    `reason` says why the module could not run on the host; without it, text was asked for.
    """
    of_spec = _spec_options.spec_arguments()
    params = validated({name: value for name, value in arguments.items() if name not in of_spec}, _verify.verify_arguments())
    options = _verify.parse_options(params, diff)
    if params["capture"] is not None:
        _refuse("capture", params, ("network_namespace", "check_firewall"))
        if params["gather"] != "auto":
            raise Problem("capture", "is judged instead of gathering; leave gather away")
        table = _raw_sockets.parse_captures(params["capture"])
        # The same text will not change by waiting.
        return _judged(lambda: table, arguments, options._replace(timeout=0))
    if params["check_firewall"]:
        raise Problem("check_firewall", "needs Python on the host: %s" % reason if reason else "cannot be used with gather: raw")
    try:
        result = _judged(_raw_sockets.RawSource(execute, params["network_namespace"]).gather, arguments, options)
    except _raw_sockets.RawError as error:
        raise Problem("", str(error)) from None
    if reason:
        note = "the host has no usable Python (%s); what ss or netstat print is judged instead" % reason
        result["notes"] = [note, *result["notes"]]
        result["warnings"] = [note]
    return result


def _refuse(source: str, params: Mapping[str, Any], options: tuple[str, ...]) -> None:
    for name in options:
        if params[name]:
            raise Problem(name, "cannot be used with %s" % source)


def _judged(gather: _verify.Gather, arguments: Mapping[str, Any], options: _verify.Options) -> dict[str, Any]:
    result = _verify.verify(gather, _owners_as_printed, parse_listeners(arguments["listeners"]), options, time)
    result.update(_spec_options.resolved({"role": None, **arguments}))
    return result


def _owners_as_printed(table: SocketTable, _wanted: object) -> SocketTable:
    return table
