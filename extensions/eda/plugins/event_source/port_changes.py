# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An event source of ansible-rulebook: what listens on the host that the rulebook runs on, and when that changes."""

from __future__ import annotations

import asyncio
import importlib
import pathlib
import socket
import sys
import time
import types
from typing import Any

DOCUMENTATION = r"""
---
module: port_changes
short_description: Watch the listeners of the host that the rulebook runs on
version_added: 0.1.0
author:
  - netports contributors (@netports)
description:
  - An ansible-rulebook event source plugin that raises an event when a listener of a role of the port spec, or one of a list,
    appears, vanishes, or is held by other processes than before.
  - An event C(port_change) has C(change) (V(appeared), V(vanished), V(changed_hands), V(verdict_changed) where the verdict of
    netports.core.port_verify is another one, or V(flapping) where changes that did not last came again and again),
    C(listener), C(protocol), C(port), C(present), C(verdict), C(reason), C(failed), C(owners), C(observed) (the sockets),
    C(previous) (C(present), C(verdict) and C(owners) before), C(role) and C(host).
  - An event C(port_evidence) has C(state), V(lost) when the listening sockets can no longer be read (C(reason) says why) and
    V(back) when they can. Meanwhile nothing is said to have vanished.
  - Only listeners that have sockets of their own are watched. NodePorts, redirected ports and IP protocols are not.
  - Processes of other users can be seen by root alone. Where they cannot be seen, no change of hands is reported.
options:
  role:
    description:
      - Role of the port spec, such as C(kuma_zone_cp). Needs ansible-core in the Python that runs ansible-rulebook.
    type: str
  version:
    description:
      - Version of the product. By default the newest known release that has the role.
    type: str
  conditions:
    description:
      - What is true of the host, such as C(environment=kubernetes).
    type: dict
  ports:
    description:
      - Ports that differ from the spec, as a mapping of the listener's name to a number; null leaves the listener out.
    type: dict
  product_config:
    description:
      - The product's own configuration (C(config), C(env), C(dataplane)), as for the lookup netports.core.ports.
    type: dict
  spec_dirs:
    description:
      - Directories with further spec files.
    type: list
    elements: str
  listeners:
    description:
      - Listeners to watch, instead of a role, as for netports.core.port_verify.
    type: list
    elements: dict
  interval:
    description:
      - Seconds between looks at the host. A look costs a few milliseconds.
    type: float
    default: 5
  debounce:
    description:
      - Seconds for which a change must last before it is told, so that the restart of a service is no event.
      - What came back three times within ten times as long is told as V(flapping).
    type: float
    default: 15
  initial:
    description:
      - Tell the first look too, with an event for each listener whose C(change) is V(present) or V(absent).
    type: bool
    default: false
"""

EXAMPLES = r"""
- netports.core.port_changes:
    role: kuma_zone_cp
    version: "2.9"

- netports.core.port_changes:
    listeners:
      - {name: http, protocol: tcp, port: 80, process: nginx}
    interval: 2
    debounce: 0
"""


def _make_importable() -> None:
    """Let the collection that this file is part of be imported: sources are run by path, without Ansible's loader."""
    try:
        importlib.import_module("ansible_collections.netports.core.plugins.plugin_utils._watch")
    except ModuleNotFoundError:
        # Not resolve(): who links the collection into a tree means the place of the link.
        root = str(pathlib.Path(__file__).absolute().parents[4])
        places: dict[str, list[str]] = {"ansible_collections": [], "ansible_collections.netports": []}
        for name, path in {**places, "ansible_collections.netports.core": [root]}.items():
            if name not in sys.modules:
                package = types.ModuleType(name)
                package.__path__ = path
                sys.modules[name] = package


_make_importable()

# ruff: noqa: E402 - only now they can be
from ansible_collections.netports.core.plugins.module_utils import _listener, _verdict
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem
from ansible_collections.netports.core.plugins.module_utils._sockets import gather
from ansible_collections.netports.core.plugins.plugin_utils import _watch

_OF_ROLE = ("version", "conditions", "ports", "product_config")
# The last one is ansible-rulebook's own.
_KNOWN = ("role", *_OF_ROLE, "spec_dirs", "listeners", "interval", "debounce", "initial", "eda_feedback_queue")


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Look at the host again and again, and put what has changed into the queue."""
    try:
        listeners, interval, watch = _watched(args)
    except ValueError as problem:
        raise ValueError("netports.core.port_changes: %s" % problem) from None
    while True:
        try:
            findings = await asyncio.to_thread(_look, listeners)
        except gather.GatherError as problem:
            events = watch.blind(str(problem))
        else:
            events = watch.seen(findings, time.monotonic())
        for event in events:
            await queue.put(event)
        await asyncio.sleep(interval)


def _watched(args: dict[str, Any]) -> tuple[list[Listener], float, _watch.Watch]:
    unknown = [name for name in args if name not in _KNOWN]
    if unknown:
        raise Problem(str(unknown[0]), "is not an option; known are %s" % ", ".join(_KNOWN[:-1]))
    interval, debounce = _seconds(args, "interval", 5), _seconds(args, "debounce", 15)
    if not interval:
        raise Problem("interval", "has to be above 0")
    initial = _listener.flag(args.get("initial", False), "initial")
    if (args.get("role") is None) == (args.get("listeners") is None):
        raise Problem("role", "give a role or listeners, and not both")
    data = args["listeners"] if args.get("role") is None else _of_role(args)
    listeners = [one for one in _listener.parse_listeners(data) if one.seen_as == "socket"]
    if not listeners:
        raise Problem("role" if args.get("role") else "listeners", "none of the listeners has a socket of its own to watch")
    about = {"role": args.get("role"), "host": socket.gethostname()}
    return listeners, interval, _watch.Watch(about, debounce, initial)


def _seconds(args: dict[str, Any], name: str, default: float) -> float:
    try:
        seconds = float(args.get(name, default))
    except (TypeError, ValueError):
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise Problem(name, "%r is not a number of seconds" % (args[name],))
    return seconds


def _of_role(args: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _spec_model
    except ModuleNotFoundError as error:
        sentence = "needs ansible-core in the Python that runs ansible-rulebook (%s); or give listeners" % error
        raise Problem("role", sentence) from None
    try:
        spec = _spec_load.load(args.get("spec_dirs") or [], args["role"])
        return _resolve.resolve(spec, args["role"], **{name: args.get(name) for name in _OF_ROLE}).listeners
    except _spec_model.SpecError as error:
        raise ValueError(str(error)) from None


def _look(listeners: list[Listener]) -> tuple[_verdict.Finding, ...]:
    """The verdicts on the listeners, with the owners of all their sockets. Raises GatherError."""
    table = gather.gather()
    seen = _verdict.judge(listeners, table, check_process=False).findings
    wanted = dict(_verdict.owners_wanted(listeners, table))
    for finding in seen:
        for sock in finding.sockets:
            if sock.inode:
                wanted.setdefault(sock.inode, ())
    return _verdict.judge(listeners, gather.find_owners(table, wanted)).findings
