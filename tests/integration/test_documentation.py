# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example of README, docs/ and the plugins is run, or says why not (tests/lab/doc_blocks.py).

Tasks and plays run on a lab host with a firewall and a control plane of Kuma; those of plugins on one where nothing listens.
Commands run where a reader would type them, in a directory with the page's inventory; a connection that answers at once
stands in for its hosts, which do not exist. The collection that they use is the artefact, installed as README says.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load
from tests.lab import ansible_runs as ansible
from tests.lab import doc_blocks, firewall
from tests.lab.doc_blocks import ROOT, Block
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import SEARCH_PATH, Host, Lab

ROLE, VERSION = "kuma_zone_cp", "2.9"
DATA = pathlib.Path(__file__).parent / "data"
BLOCKS = [block for page in doc_blocks.pages() for block in doc_blocks.blocks(page)]
MODULES = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}
# They look at what is there and fail when it is not as it should be; what is not run at all has none of these.
JUDGED = ("summary", "results")
PATIENCE = 280  # one run of Ansible for all tasks, half a minute on an idle machine
# What the examples take from an inventory that a reader has.
VARIABLES = {"kuma_cp_pid": "1"}
NAMES = ("global.example.com", "etcd-1.example.com", "bastion.example.com", "dp2.example.com", "netq1.example.com")
GROUPS = ("kuma_dp", "kuma_zone_ingress", "kuma_zone_egress", "load_balancer", "kubelet", "new_servers", "kuma_zone_cp")
ANSWER = {"changed": False, "listeners": [], "unexpected": [], "summary": {}, "msg": "", "notes": [], "warnings": []}
ANSWER_OF_ALLOW = {"backend": "nftables", "enforcing": True, "rules": [], "commands": [], "rollback": None}

pytestmark = pytest.mark.slow


def is_play(item: dict[str, Any]) -> bool:
    return "hosts" in item or any(key.endswith("import_playbook") for key in item)


def kind(block: Block) -> str:
    """What a block is, by what is in it; how it is run depends on that."""
    if block.kind:
        return block.kind
    if block.language not in ("yaml", "yml"):
        return "commands" if block.commands else "unknown"
    if isinstance(block.data, dict):
        return {"all": "inventory", "product": "spec"}.get(next(iter(block.data)), "unknown")
    if any(not isinstance(item, dict) for item in block.data):
        return "unknown"
    if any(key.endswith("import_playbook") for item in block.data for key in item):
        return "playbook"
    if any("rules" in item for item in block.data):
        return "unknown"  # a rulebook
    return "plays" if is_play(block.data[0]) else "tasks"


def of(*kinds: str) -> list[Any]:
    return [pytest.param(block, id=block.place) for block in BLOCKS if kind(block) in kinds]


# --- nothing is left out ----------------------------------------------------------------------------------------------------


@pytest.mark.anywhere
@pytest.mark.parametrize("block", [pytest.param(block, id=block.place) for block in BLOCKS])
def test_a_block_is_run_or_says_why_not(block: Block) -> None:
    assert kind(block) != "unknown", (
        "%s is nothing that is run here. Say what runs it or why nothing does, on the line above it: <!-- run by: FILE -->, "
        "<!-- not run: REASON -->" % block.place
    )
    if block.kind == "run by":
        assert pathlib.Path(block.page).name in (ROOT / block.value).read_text(), "%s does not name the page" % block.value
    if block.kind == "not run":
        assert len(block.value.split()) > 1, "a reason, please"


@pytest.mark.anywhere
def test_blocks_are_found() -> None:
    """That the others see all of them: as many as there are fences in these languages."""
    fence = re.compile(r"^ *```(?:%s)$" % "|".join(doc_blocks.LANGUAGES), re.MULTILINE)
    assert len(BLOCKS) == sum(len(fence.findall(page.read_text())) for page in doc_blocks.pages()) > 40
    assert {block.page for block in doc_blocks.examples()} >= {"plugins/modules/%s.py" % name for name in MODULES}


# --- a reader's machine -----------------------------------------------------------------------------------------------------


class Desk:
    """Where a reader types: a lab host without a network beyond the lab, and a directory for each page."""

    def __init__(self, host: Host, directory: pathlib.Path) -> None:
        self.host, self.directory = host, directory
        self.environment = {
            "PATH": os.pathsep.join([str(pathlib.Path(sys.executable).parent), SEARCH_PATH]),
            "HOME": "/run/home",
            "ANSIBLE_HOME": "/run/home/.ansible",
            "ANSIBLE_COLLECTIONS_PATH": "/run/home/.ansible/collections",
            "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests" / "lab" / "connection"),
            "ANSIBLE_NOCOLOR": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        (directory / "answer").write_text(json.dumps({**ANSWER, **ANSWER_OF_ALLOW}))
        self._install()

    def _install(self) -> None:
        self.run(self.directory, "ansible-galaxy collection build --output-path collections %s" % ROOT)
        (self.artefact,) = (self.directory / "collections").glob("*.tar.gz")
        self.run(self.directory, "ansible-galaxy collection install --offline %s" % self.artefact)

    def run(self, directory: pathlib.Path, command: str) -> str:
        """A command in a directory, to its end, which has to be a good one."""
        there = ["sh", "-c", 'cd "$0" && exec bash -c "$1"', directory, command]
        done = self.host.run(there, env=self.environment, check=False)
        assert done.returncode == 0, "$ %s\n%s" % (command, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def page(self, page: str) -> pathlib.Path:
        """The directory in which the reader of a page is: with the inventory that it begins with, and the files that it shows."""
        directory = self.directory / page.replace("/", "-")
        if directory.exists():
            return directory
        directory.mkdir()
        if any((block.page, block.kind) == (page, "file") for block in BLOCKS):
            return directory  # they come from a repository
        (directory / "group_vars").mkdir()
        settings = {
            "ansible_connection": "instant",
            "ansible_instant_answer": str(self.directory / "answer"),
            "ansible_pipelining": True,
            "ansible_python_interpreter": sys.executable,
        }
        (directory / "group_vars" / "all.yml").write_text(json.dumps(settings))
        named = re.findall(r"examples/(\w+\.yml)", (ROOT / page).read_text())
        shutil.copy(ROOT / "docs" / "examples" / (named[0] if named else "inventory.yml"), directory / "inventory.yml")
        return directory

    def repository(self, page: str) -> pathlib.Path:
        """What the files of a page are as a repository."""
        directory = self.directory / "repository"
        directory.mkdir()
        for block in BLOCKS:
            if (block.page, block.kind) == (page, "file"):
                (directory / block.value).write_text(block.text)
        identity = "-c user.name=reader -c user.email=reader@example.com"
        self.run(directory, "git init -q && git add . && git %s commit -q -m ports" % identity)
        return directory

    def adapted(self, command: str, page: str) -> str:
        """A command with what a reader has elsewhere: the artefact for Galaxy's, this checkout, a repository."""
        if command.startswith("make "):
            return "make --dry-run --directory %s %s" % (ROOT, command.removeprefix("make "))
        if command.startswith("ansible-galaxy collection build"):
            return command + " %s" % ROOT
        if command.startswith("ansible-pull "):
            return command.replace("https://git.example.com/ports.git", "file://%s" % self.repository(page))
        return command.replace("collection install netports.core", "collection install --force --offline %s" % self.artefact)


def serve(host: Host) -> None:
    RoleHost(host, _resolve.resolve(_spec_load.load(role=ROLE), ROLE, VERSION).listeners).start()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, pathlib.Path]]:
    directory = tmp_path_factory.mktemp("documentation")
    with Lab(writable=[directory]) as made:
        yield made, directory


def new_host(lab: tuple[Lab, pathlib.Path], name: str) -> Host:
    host = lab[0].host(name)
    firewall.install(host)
    host.run(["ip", "link", "add", "mgmt", "type", "bridge"])
    host.write("/etc/hosts", "".join("192.0.2.%d %s\n" % (50 + number, name) for number, name in enumerate(NAMES)))
    return host


@pytest.fixture(scope="module")
def desk(lab: tuple[Lab, pathlib.Path]) -> Desk:
    host = new_host(lab, "host")
    serve(host)
    return Desk(host, lab[1])


# --- commands, playbooks, inventories, specs --------------------------------------------------------------------------------


@pytest.mark.parametrize("block", of("commands"))
def test_commands(block: Block, desk: Desk) -> None:
    for command in block.commands:
        desk.run(desk.page(block.page), desk.adapted(command, block.page))


@pytest.mark.parametrize("block", of("playbook"))
def test_playbooks(block: Block, desk: Desk) -> None:
    directory = desk.page(block.page)
    (directory / "playbook.yml").write_text(block.text)
    (directory / "roles" / "install_the_product" / "tasks").mkdir(parents=True)
    (directory / "groups.yml").write_text("new_servers: {hosts: {zone1.example.com: }}\n")
    output = desk.run(directory, "ansible-playbook -i inventory.yml -i groups.yml playbook.yml")
    assert (directory / "report.html").is_file()
    assert "Could not match" not in output


@pytest.mark.parametrize("block", of("inventory"))
def test_inventories(block: Block, desk: Desk) -> None:
    directory = desk.page(block.page)
    (directory / "shown.yml").write_text(block.text)
    assert ": ok" in desk.run(directory, "ansible-playbook -i shown.yml netports.core.site")


@pytest.mark.anywhere
@pytest.mark.parametrize("block", of("spec"))
def test_specs(block: Block, tmp_path: pathlib.Path) -> None:
    (tmp_path / "own.yml").write_text(block.text)
    spec = _spec_load.load([str(tmp_path)])
    for role in spec.products[block.data["product"]].roles:
        names = [one["name"] for one in _resolve.resolve(spec, role).listeners]
        assert {one["name"] for one in block.data["listeners"]} <= set(names)


# --- plays and tasks ----------------------------------------------------------------------------------------------------------


def plays(blocks: list[Block]) -> list[dict[str, Any]]:
    """Each block as plays for all hosts, tasks without a name under their place; what fails does not end the rest."""
    found: list[dict[str, Any]] = []
    for block in blocks:
        items = block.data if is_play(block.data[0]) else [{"hosts": "all", "tasks": block.data}]
        for play in items:
            hosts = play["hosts"] if play["hosts"] == "localhost" else "host"
            tasks = [{"name": block.place, **without_patience(task)} for task in play["tasks"]]
            found.append(
                {"gather_facts": False, **play, "name": block.place, "hosts": hosts, "tasks": tasks, "ignore_errors": True}
            )
    return found


def without_patience(task: dict[str, Any]) -> dict[str, Any]:
    """A task that waits for nothing: what it would wait for does not come."""
    verify = task.get("netports.core.port_verify")
    return {**task, "netports.core.port_verify": {**verify, "timeout": 0}} if verify and "timeout" in verify else task


def ran(host: Host, directory: pathlib.Path, blocks: list[Block]) -> ansible.Run:
    directory.mkdir(exist_ok=True)
    (directory / "netstat.txt").write_text((DATA / "netstat-cumulus-3.2-rmp.txt").read_text())
    (directory / "specs").mkdir(exist_ok=True)
    for block in BLOCKS:
        if block.text.startswith("# specs/"):
            (directory / block.text.split("\n")[0].removeprefix("# ")).write_text(block.text)
    (directory / "playbook.yml").write_text(json.dumps(plays(blocks), indent=1))
    groups = {name: {"hosts": {"%s-1" % name: {"ansible_host": "192.0.2.%d" % number}}} for number, name in enumerate(GROUPS, 1)}
    (directory / "groups.yml").write_text(
        json.dumps({"all": {"children": groups, "hosts": {"host": {"ansible_host": host.ipv4}}}})
    )
    options = ("-i", "groups.yml", "-e", json.dumps(VARIABLES))
    return ansible.playbook_file(host, "playbook.yml", *options, directory=str(directory), timeout=PATIENCE)


def wrong(run: ansible.Run) -> list[str]:
    """Failed tasks, but for those that looked and found what they do not like."""
    return [
        "%s: %s" % (event.action, event.result.get("msg") or event.result)
        for event in run.events
        if event.outcome in ("failed", "unreachable") and not any(key in event.result for key in JUDGED)
    ]


def test_plays_and_tasks_of_the_pages(desk: Desk) -> None:
    blocks = [block for block in BLOCKS if kind(block) in ("plays", "tasks")]
    run = ran(desk.host, desk.directory / "plays", blocks)
    assert wrong(run) == [], "\n".join(wrong(run))
    assert len({event.action for event in run.events}) >= 4
    assert run.output.count("\nPLAY [") == len(plays(blocks))


def test_examples_of_plugins(lab: tuple[Lab, pathlib.Path]) -> None:
    blocks = list(doc_blocks.examples())
    run = ran(new_host(lab, "bare"), lab[1] / "examples", blocks)
    assert wrong(run) == [], "\n".join(wrong(run))
    assert {event.action for event in run.events} >= MODULES - {"port_verify_firewall"}
