# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks for a whole inventory, from the table of role variables. For generate.py."""

from __future__ import annotations

from typing import Any, Callable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from tools import reach_tasks
from tools.reach_tasks import ONCE, REPORT_FILES, UNTIL_THE_END, Task

ROLE = "netports_role"
REACHED = "(%(earlier)s | default({})).results | default([]) | selectattr('unreachable', 'defined') | length == 0"


class Playbook(NamedTuple):
    """`modules`: what it runs for every role of a host, in this order."""

    name: str
    title: str
    purpose: Sequence[str]
    modules: Tuple[str, ...]


PLAYBOOKS = (
    Playbook(
        "site",
        "Open the host firewalls for the roles of the inventory and verify their listeners",
        ("Every host gets the roles that its groups are named after: the firewall is opened, then the listeners are verified.",),
        ("allow", "verify"),
    ),
    Playbook(
        "verify",
        "Verify the listeners of the roles of the inventory",
        ("Verifies the roles that the groups of every host are named after. Changes nothing.",),
        ("verify",),
    ),
    Playbook(
        "preflight",
        "Check hosts before the roles of the inventory are installed",
        (
            "Before an installation: nothing may hold the ports of the roles that the groups of every host are named after, and",
            "the host firewall can be opened for them. Changes nothing.",
        ),
        ("verify", "allow"),
    ),
)


REACH = Playbook(
    "reach",
    "Prove who reaches whom",
    (
        "Every host asks the hosts to which the port spec says it connects, by the roles that the groups are named after.",
        "Changes nothing; with before_install=true it holds the ports of what is not installed yet as long as it runs.",
    ),
    (),
)


class Options(NamedTuple):
    """The options of both modules and the role variables that they are taken from, and the defaults of those."""

    spec: Sequence[str]
    allow: Mapping[str, str]
    verify: Mapping[str, str]
    defaults: Mapping[str, Any]

    def lookup(self, variable: str) -> str:
        """The expression of a role's variable, with the default that it has in the role; empty where that is empty or 0."""
        default = self.defaults[variable]
        literal = {True: "true", False: "false"}[default] if isinstance(default, bool) else repr(default)
        given = ", default=%s" % literal if default or isinstance(default, bool) else ""
        return "lookup('netports.core.role_variable', '%s', role=%s.name%s)" % (variable, ROLE, given)

    def value(self, variable: str) -> str:
        """The same for a module's option."""
        empty = not self.defaults[variable] and not isinstance(self.defaults[variable], bool)
        return self.lookup(variable) + " or omit" * empty

    def common(self) -> Task:
        named = {option: "{{ %s }}" % self.value(option) for option in self.spec if option != "spec_dirs"}
        return {"role": "{{ %s.name }}" % ROLE, **named, "spec_dirs": "{{ %s.spec_dirs }}" % ROLE}

    def of(self, options: Mapping[str, str]) -> Task:
        return {option: "{{ %s }}" % self.value(variable) for option, variable in options.items()}


def files(options: Options, text: Callable[[Any], str], head: str) -> Iterator[Tuple[str, str]]:
    """Names and contents. `text` writes YAML, `head` begins every file."""
    for playbook in PLAYBOOKS:
        tasks = [_prepare(playbook), *(_of_roles(module, playbook, options) for module in playbook.modules), *_end(playbook)]
        yield _file(playbook, tasks, text, head)
    yield _file(REACH, reach_tasks.tasks(), text, head)


def _file(playbook: Playbook, tasks: Sequence[Task], text: Callable[[Any], str], head: str) -> Tuple[str, str]:
    lines = ["# %s\n" % line if line else "#\n" for line in (*playbook.purpose, *_usage(playbook))]
    return "playbooks/%s.yml" % playbook.name, head + "".join(lines) + "\n" + _play(playbook, tasks, text)


def _usage(playbook: Playbook) -> List[str]:
    run = "  ansible-playbook -i inventory netports.core.%s" % playbook.name
    return ["", run, run + " -e netports_report=report.html", "", "docs/playbooks.md has the variables."]


def _play(playbook: Playbook, tasks: Sequence[Task], text: Callable[[Any], str]) -> str:
    play = {
        "name": playbook.title,
        "hosts": "{{ netports_hosts | default('all') }}",
        "gather_facts": False,
        "strategy": "ansible.builtin.linear",
        "serial": "{{ netports_serial | default('100%') }}",
        "max_fail_percentage": "{{ netports_max_fail_percentage | default(100) }}",
    }
    body = "\n".join(text([task]) for task in tasks)
    return text([{**play, "tasks": None}]).replace("tasks: null\n", "tasks:\n") + "".join(
        "    " + line if line.strip() else line for line in body.splitlines(keepends=True)
    )


def registered(playbook: Playbook, what: str) -> str:
    """A variable of this playbook alone: another one in the same run may have registered its own."""
    return "netports_%s_%s" % (playbook.name, what)


def _prepare(playbook: Playbook) -> Task:
    return {
        "name": "Find the roles of each host",
        "netports.core.port_report": {
            "step": "prepare",
            "playbook": playbook.name,
            "files": REPORT_FILES,
        },
        "register": registered(playbook, "plan"),
        **ONCE,
        "tags": ["always"],
    }


def _of_roles(module: str, playbook: Playbook, options: Options) -> Task:
    task = _allow(playbook, options) if module == "allow" else _verify(playbook, options)
    registers = {"allow": "allowed", "verify": "verified"}
    first = playbook.modules[0]
    if module != first:
        # One timeout is enough.
        task["when"].insert(0, REACHED % {"earlier": registered(playbook, registers[first])})
    return {
        **task,
        "loop": "{{ %s.roles[inventory_hostname] }}" % registered(playbook, "plan"),
        "loop_control": {"loop_var": ROLE, "label": "{{ %s.name }}" % ROLE},
        "register": registered(playbook, registers[module]),
        **UNTIL_THE_END,
        "tags": [module],
    }


def _allow(playbook: Playbook, options: Options) -> Task:
    arguments = {**options.common(), **options.of(options.allow)}
    task: Task = {"when": ["%s | bool" % options.lookup("allow")]}
    if playbook.name == "preflight":
        del arguments["state"]
        name = "Ask whether the host firewall can be opened"
        task["when"].append(_present(options))
        task["check_mode"] = True
    else:
        name = "Open the host firewall"
        arguments["rollback_after"] = "{{ %s | int or omit }}" % options.lookup("rollback_after")
    return {"name": name, "netports.core.port_allow": arguments, **task}


def _verify(playbook: Playbook, options: Options) -> Task:
    task: Task = {"when": ["%s | bool" % options.lookup("verify"), _present(options)]}
    if playbook.name == "preflight":
        arguments = {**options.common(), "state": "free"}
        return {"name": "Verify that the ports are free", "netports.core.port_verify": arguments, **task}
    arguments = {**options.common(), **options.of(options.verify)}
    return {"name": "Verify the listeners", "netports.core.port_verify": arguments, **task}


def _present(options: Options) -> str:
    return "%s == 'present'" % options.lookup("state")


def _end(playbook: Playbook) -> List[Task]:
    results = {
        "playbook": playbook.name,
        "plan": registered(playbook, "plan"),
        "allowed": registered(playbook, "allowed"),
        "verified": registered(playbook, "verified"),
    }
    return [
        {
            "name": "Report",
            "netports.core.port_report": {"step": "write", **results, "files": REPORT_FILES},
            **ONCE,
            "tags": ["always"],
        },
        {
            "name": "Pass or fail each host",
            "netports.core.port_report": {"step": "conclude", **results},
            "tags": ["always"],
        },
    ]
