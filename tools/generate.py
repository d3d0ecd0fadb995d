# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the role directories, the playbooks, a page for each product and the tables of the documentation from the port spec.

    tools/generate.py          write what differs, remove what the spec no longer needs
    tools/generate.py --lint   write nothing; exit 1 and name the files that differ

The port spec is the one source of truth: what is written here is never edited by hand.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys
import textwrap
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Tuple

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".venv" / "collections"
if not COLLECTIONS.is_dir():
    sys.exit("tools/generate.py: run `make setup` first; it links this checkout as the collection netports.core")
sys.path[:0] = [str(COLLECTIONS), str(ROOT)]

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _spec_model  # noqa: E402
from tools import included, playbook_files, product_pages  # noqa: E402

MARK = "DO NOT EDIT: written by tools/generate.py from the port spec"
SPDX = ("SPDX-FileCopyrightText: netports contributors", "SPDX-License-Identifier: GPL-3.0-or-later")
YAML_HEAD = "---\n" + "".join("# %s\n" % line for line in (*SPDX, MARK)) + "\n"
MARKDOWN_HEAD = "".join("<!-- %s -->\n" % line for line in (*SPDX, MARK)) + "\n"


class Variable(NamedTuple):
    """A role variable `<role>_<name>`, and the module options that it becomes."""

    name: str
    type: str
    default: Any
    description: str
    choices: Tuple[str, ...] = ()
    elements: str = ""


def variables(default_version: str) -> List[Variable]:
    return [
        Variable("version", "str", default_version, "Version of the product on the host, quoted."),
        Variable("conditions", "dict", {}, "Conditions of the port spec that hold on the host; the README lists them."),
        Variable("ports", "dict", {}, "Listener name to the port that it was moved to; null drops the listener."),
        Variable(
            "product_config",
            "dict",
            {},
            "Configuration of the product itself, given or read on the host; ports follow it (docs/product-config.md).",
        ),
        Variable("spec_dirs", "list", [], "Directories with spec files of your own, on the controller.", (), "path"),
        Variable(
            "state",
            "str",
            "present",
            "Whether the host firewall admits the role's ports or no longer does.",
            ("present", "absent"),
        ),
        Variable("allow", "bool", True, "Open the host firewall; false leaves it alone and only verifies."),
        Variable("clients", "dict", {}, "Client of the port spec to the list of addresses, networks and names that may connect."),
        Variable(
            "restrict",
            "str",
            "none",
            "Whether only clients of the port spec may connect: the hosts of the inventory's groups of their names.",
            ("none", "inventory"),
        ),
        Variable("firewall_backend", "str", "auto", "Firewall that is in charge of the host; auto finds it."),
        Variable("persist", "bool", True, "Keep the rules over a reboot."),
        Variable(
            "rollback_after",
            "int",
            0,
            "Seconds after which the host takes the change of its firewall back unless a new connection confirms it; 0 never.",
        ),
        Variable("verify", "bool", True, "Verify the listeners after the firewall was opened."),
        Variable("check_firewall", "bool", False, "Also ask the host firewall whether it admits each listener."),
        Variable("timeout", "int", 30, "Seconds to wait for all listeners together."),
        Variable(
            "unexpected",
            "str",
            "ignore",
            "What to do about listeners that the port spec does not know.",
            ("ignore", "report", "fail"),
        ),
        Variable("tolerate", "list", [], "Listeners that are never unexpected, such as tcp/9100.", (), "str"),
    ]


SPEC_OPTIONS = ("version", "conditions", "ports", "product_config", "spec_dirs")
ALLOW_OPTIONS = {
    "state": "state",
    "backend": "firewall_backend",
    "clients": "clients",
    "restrict": "restrict",
    "persist": "persist",
}
VERIFY_OPTIONS = {
    "check_firewall": "check_firewall",
    "clients": "clients",
    "restrict": "restrict",
    "timeout": "timeout",
    "unexpected": "unexpected",
    "tolerate": "tolerate",
}


def yaml_text(data: Any) -> str:
    class Indented(yaml.SafeDumper):
        """Lists indented under their key, as ansible-lint wants them; double quotes, as people write them."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            return super().increase_indent(flow, False)

        def choose_scalar_style(self) -> str:
            style: str = super().choose_scalar_style()
            return '"' if style == "'" else style

    return yaml.dump(data, Dumper=Indented, sort_keys=False, width=150, allow_unicode=True)


class RoleFiles:
    """The files of one role directory."""

    def __init__(self, spec: _spec_model.Spec, product: _spec_model.Product, role: _spec_model.Role) -> None:
        self.product = product
        self.role = role
        self.resolution = _resolve.resolve(spec, role.name)
        self.variables = variables(self.resolution.version)

    def files(self) -> Iterator[Tuple[str, str]]:
        base = "roles/%s/" % self.role.name
        yield base + "defaults/main.yml", self.defaults()
        yield base + "meta/main.yml", self.meta()
        yield base + "meta/argument_specs.yml", self.argument_specs()
        yield base + "tasks/main.yml", self.tasks()
        yield base + "README.md", self.readme()

    def var(self, name: str) -> str:
        return "%s_%s" % (self.role.name, name)

    def defaults(self) -> str:
        return YAML_HEAD + "".join(
            "# %s\n%s" % (variable.description, yaml_text({self.var(variable.name): variable.default}))
            for variable in self.variables
        )

    def meta(self) -> str:
        info = {
            "author": "netports contributors",
            "description": "Open the host firewall and verify the listeners: %s" % self.role.title,
            "license": "GPL-3.0-or-later",
            "min_ansible_version": "2.16",
            "platforms": [
                {"name": "Debian", "versions": ["all"]},
                {"name": "Ubuntu", "versions": ["all"]},
                {"name": "EL", "versions": ["all"]},
            ],
            "galaxy_tags": ["networking", "firewall", "ports"],
        }
        return YAML_HEAD + yaml_text({"galaxy_info": info, "dependencies": []})

    def argument_specs(self) -> str:
        options: Dict[str, Any] = {}
        for variable in self.variables:
            option: Dict[str, Any] = {"type": variable.type, "default": variable.default, "description": variable.description}
            if variable.choices:
                option["choices"] = list(variable.choices)
            if variable.elements:
                option["elements"] = variable.elements
            options[self.var(variable.name)] = option
        main = {
            "short_description": "Open the host firewall and verify the listeners: %s" % self.role.title,
            "description": [self.role.description, "Ports and versions come from the port spec of the collection."],
            "author": ["netports contributors"],
            "version_added": "0.1.0",
            "options": options,
        }
        return YAML_HEAD + yaml_text({"argument_specs": {"main": main}})

    def tasks(self) -> str:
        common = {"role": self.role.name, **{name: "{{ %s }}" % self.var(name) for name in SPEC_OPTIONS}}
        allow = {**common, **{option: "{{ %s }}" % self.var(name) for option, name in ALLOW_OPTIONS.items()}}
        allow["rollback_after"] = "{{ %s | int or omit }}" % self.var("rollback_after")
        verify = {**common, **{option: "{{ %s }}" % self.var(name) for option, name in VERIFY_OPTIONS.items()}}
        tasks = [
            {
                "name": "Open the host firewall (%s)" % self.role.title,
                "netports.core.port_allow": allow,
                "when": "%s | bool" % self.var("allow"),
            },
            {
                "name": "Verify the listeners (%s)" % self.role.title,
                "netports.core.port_verify": verify,
                "when": ["%s | bool" % self.var("verify"), "%s == 'present'" % self.var("state")],
            },
        ]
        return YAML_HEAD + "\n".join(yaml_text([task]) for task in tasks)

    def readme(self) -> str:
        rows = [("variable", "default", "meaning")]
        rows += [("`%s`" % self.var(v.name), "`%s`" % flow(v.default), choices_text(v)) for v in self.variables]
        version = self.resolution.version
        parts = [
            MARKDOWN_HEAD + "# netports.core.%s\n" % self.role.name,
            "%s Opens the host firewall for it, then verifies its listeners.\n" % self.role.description,
            "```yaml\n- hosts: %s\n  tasks:\n    - ansible.builtin.include_role:\n        name: netports.core.%s\n"
            '      vars:\n        %s: "%s"\n```\n' % (self.role.name, self.role.name, self.var("version"), version),
            "## Variables\n",
            table(rows),
            "## Conditions\n",
            self.conditions(),
            "## Listeners of %s %s\n" % (self.product.title, version),
            "With every condition at its default. For others ask the lookup: "
            "`query('netports.core.ports', '%s', version='...')`.\n" % self.role.name,
            table(listener_rows(self.resolution.listeners)),
        ]
        return "\n".join(parts)

    def conditions(self) -> str:
        return product_pages.conditions(self.product, table, flow)


def flow(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return '"%s"' % value if isinstance(value, str) and value[:1].isdigit() else str(value)


def choices_text(variable: Variable) -> str:
    return variable.description + (" One of: %s." % ", ".join(variable.choices) if variable.choices else "")


def table(rows: List[Tuple[str, ...]]) -> str:
    lines = ["| %s |" % " | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "\n".join([lines[0], "|%s" % (" --- |" * len(rows[0]))] + lines[1:]) + "\n"


def listener_rows(listeners: Iterable[Dict[str, Any]]) -> List[Tuple[str, ...]]:
    rows: List[Tuple[str, ...]] = [("name", "protocol", "port", "bind", "firewall", "required", "purpose")]
    for listener in listeners:
        rows.append(
            (
                listener["name"],
                listener["protocol"],
                str(listener["number"] if listener["protocol"] == "ip" else listener["port"]),
                listener["bind"],
                "admit" if listener["allow"] else "not needed",
                "no" if listener["optional"] else "yes",
                listener["purpose"],
            )
        )
    return rows


def wanted_files(spec: _spec_model.Spec) -> Dict[str, str]:
    wanted: Dict[str, str] = {}
    for product in spec.products.values():
        for role in product.roles.values():
            wanted.update(RoleFiles(spec, product, role).files())
    defaults = {variable.name: variable.default for variable in variables("")}
    options = playbook_files.Options(SPEC_OPTIONS, ALLOW_OPTIONS, VERIFY_OPTIONS, defaults)
    wanted.update(playbook_files.files(options, yaml_text, YAML_HEAD))
    wanted.update(product_pages.files(spec, MARKDOWN_HEAD, table, flow))
    wanted["docs/index.md"] = with_blocks("docs/index.md", {"products": "\n%s\n" % product_pages.links(spec)})
    written_by_hand = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "playbooks").glob("*.yml")}
    playbooks = included.titles({**written_by_hand, **wanted})
    wanted["README.md"] = with_blocks("README.md", {"included": table(included.readme(spec, playbooks))})
    tables = {kind: included.reference(kind) for kind in included.PLUGINS}
    tables.update(playbooks=included.playbooks(playbooks), roles=included.roles(spec))
    wanted["docs/reference.md"] = with_blocks(
        "docs/reference.md", {name: "\n%s\n" % table(rows) for name, rows in tables.items()}
    )
    for document in ("docs/quick-start.md", "docs/howto/awx.md"):
        wanted[document] = with_examples((ROOT / document).read_text())
    return wanted


def with_examples(text: str) -> str:
    """A document with the text of each file that a line like `<!-- examples/kuma.yml -->` names, from docs/, below that line."""

    def shown(found: re.Match[str]) -> str:
        example = re.sub(r"^(# SPDX-.*\n|---\n)+\n?", "", (ROOT / "docs" / found.group("file")).read_text())
        return "%s```yaml\n%s```\n" % (found.group("line"), example)

    return re.sub(r"(?P<line><!-- (?P<file>\S+\.yml) -->\n)(```yaml\n.*?```\n)?", shown, text, flags=re.DOTALL)


def with_blocks(document: str, blocks: Dict[str, str]) -> str:
    """A document with the texts of its generated parts, by their names."""
    whole = (ROOT / document).read_text()
    for name, text in blocks.items():
        begin, end = "<!-- %s: %s -->\n" % (name, MARK), "<!-- end of %s -->" % name
        before, rest = whole.split(begin)
        whole = before + begin + text + end + rest.split(end)[1]
    return whole


def stale_files(wanted: Dict[str, str]) -> List[pathlib.Path]:
    generated = (ROOT / "roles", ROOT / product_pages.DIRECTORY)
    present = [path for directory in generated for path in directory.rglob("*") if path.is_file()]
    return [path for path in present if str(path.relative_to(ROOT)) not in wanted]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=textwrap.dedent(__doc__ or ""), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lint", action="store_true", help="write nothing; exit 1 when a file differs")
    lint = parser.parse_args().lint
    wanted = wanted_files(_spec_load.load())
    differing = [name for name, text in wanted.items() if not (ROOT / name).is_file() or (ROOT / name).read_text() != text]
    stale = stale_files(wanted)
    for name in differing:
        print("differs: %s" % name)
    for path in stale:
        print("nothing in the port spec needs: %s" % path.relative_to(ROOT))
    if lint:
        if differing or stale:
            print("run tools/generate.py and commit what it writes")
        return 1 if differing or stale else 0
    for name in differing:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(wanted[name])
    for path in stale:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
