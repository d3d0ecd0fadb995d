# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks of the playbook `reach`, and what all playbooks say alike. For playbook_files.py.

A task that every host skips costs half of one that it does, so a run in which all is well has one task that is for every host,
and that has neither a condition nor a template.
What is only there before an installation has a tag that leaves it out, and what follows on failures comes after the end of the
batch.
"""

from __future__ import annotations

from typing import Any, Dict, List

Task = Dict[str, Any]

# The host that it falls to may have variables of its connection that cannot be resolved.
ONCE: Task = {"run_once": True, "delegate_to": "localhost"}
# What failed is told by the report, and fails the host at the end, so that its other roles and the report go on.
UNTIL_THE_END: Task = {"failed_when": False, "ignore_errors": True, "ignore_unreachable": True, "any_errors_fatal": False}
REPORT_FILES = "{{ netports_report | default([], true) }}"

_ALWAYS: Task = {"tags": ["always"]}
_BEFORE_INSTALL: Task = {"tags": ["{{ 'always' if before_install | default(false) | bool else 'never' }}"]}


def tasks() -> List[Task]:
    return [*_plan(), *_ask_each_other(), *_report(), *_explain()]


def _step(name: str, step: str, **options: str) -> Task:
    return {"name": name, "netports.core.port_reach": {"step": step, **options}}


def _plan() -> List[Task]:
    options = {
        "before_install": "{{ before_install | default(false) }}",
        "strict": "{{ strict | default(false) }}",
        "sample": "{{ sample | default(0) }}",
        "timeout": "{{ netports_reach_timeout | default(3) }}",
        "files": REPORT_FILES,
    }
    read = {
        **_step("Read on their hosts what the products are configured with", "read", host="{{ netports_host }}"),
        "run_once": True,
        "delegate_to": "{{ netports_host }}",
        "loop": "{{ netports_reach_run.read }}",
        "loop_control": {"loop_var": "netports_host"},
        "register": "netports_reach_read",
        **UNTIL_THE_END,
        **_ALWAYS,
    }
    return [
        {**_step("Find the roles of each host", "prepare", **options), "register": "netports_reach_run", **ONCE, **_ALWAYS},
        read,
        {**_step("Plan who asks whom", "plan"), **ONCE, **_ALWAYS},
    ]


def _ask_each_other() -> List[Task]:
    hold = {**_step("Hold the ports of what is not installed yet", "hold"), "register": "netports_reach_held"}
    probe = {**_step("Ask the others", "probe"), "register": "netports_reach_probed"}
    release = {**_step("Release the ports", "release"), "register": "netports_reach_released"}
    return [
        {**hold, **UNTIL_THE_END, **_BEFORE_INSTALL},
        {**probe, **UNTIL_THE_END, **_ALWAYS},
        {**release, **UNTIL_THE_END, **_BEFORE_INSTALL},
    ]


def _judge() -> Task:
    return {**_step("Find out what is broken", "judge"), "register": "netports_reach_judged", **ONCE, **_ALWAYS}


def _write() -> Task:
    options = {"step": "write", "playbook": "reach", "reached": "netports_reach_judged", "files": REPORT_FILES}
    return {"name": "Report", "netports.core.port_report": options, **ONCE, **_ALWAYS}


def _report() -> List[Task]:
    """The report of hosts with which nothing is wrong, which is the end for them."""
    well = {"when": "netports_reach_judged.passed"}
    return [
        _judge(),
        {**_write(), **well},
        {"name": "End where nothing is broken", "ansible.builtin.meta": "end_batch", **well, **_ALWAYS},
    ]


def _explain() -> List[Task]:
    """What the targets say of broken edges, the report with that, and the end of each host."""
    conclude = {"step": "conclude", "playbook": "reach", "reached": "netports_reach_judged"}
    ask = {**_step("Ask the targets of what is broken", "ask"), "register": "netports_reach_asked"}
    return [
        {**ask, **UNTIL_THE_END, **_ALWAYS},
        _judge(),
        _write(),
        {"name": "Pass or fail each host", "netports.core.port_report": conclude, **_ALWAYS},
    ]
