# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The product's configuration is read on the host: the verdict and the firewall follow the files and the unit there."""

from __future__ import annotations

import json
import pathlib
import re
import shlex
from typing import Any, Dict, FrozenSet, Iterator, List, Set

import pytest
import yaml

from ansible_collections.netports.core.plugins.plugin_utils import _environment, _resolve, _spec_load
from tests.lab import ansible_runs as ansible
from tests.lab import firewall
from tests.lab.fixtures import HostPair
from tests.lab.machine import Machine, Machines
from tests.lab.role_host import Admission, RoleHost, admit
from tests.lab.sandbox import HERE, Host, Target
from tests.lab.ssh_runs import OPERATOR, Controller

ROLE, VERSION = "kuma_zone_cp", "2.9"
NO_PYTHON = ("--extra-vars", "ansible_python_interpreter=/nonexistent/python3")
SECRET = "hunter2"

CONFIG_FILE, ENV_FILE = "/etc/kuma/kuma cp.yml", "/etc/default/kuma-cp"
CONFIG = """\
apiServer:
  http: {port: 15681}
  https: {enabled: false}
diagnostics: {serverPort: 15679}
store: {postgres: {password: %s}}
unheardOf: {port: nonsense}
"""
ENV = """\
# The environment wins over the file.
KUMA_DP_SERVER_PORT="15678"
KUMA_DIAGNOSTICS_SERVER_PORT=15680
KUMA_STORE_POSTGRES_PASSWORD='%s'
KUMA_UNHEARD_OF_PORT=nonsense
"""
MOVED = {"dp-server": 15678, "diagnostics": 15680, "http-api": 15681, "mads": 5676, "inter-cp": 5683}
OF_FILES = {"config_file": CONFIG_FILE, "env_file": [ENV_FILE, "-/etc/default/kuma-cp.local"]}


def served() -> List[Dict[str, Any]]:
    """What a control plane with that configuration listens on."""
    listeners = _resolve.resolve(_spec_load.load(role=ROLE), ROLE, VERSION).listeners
    return [{**one, "port": MOVED[one["name"]]} for one in listeners if one["name"] in MOVED]


def configure(host: Host) -> None:
    host.write(CONFIG_FILE, CONFIG % SECRET, 0o600)
    host.write(ENV_FILE, ENV % SECRET, 0o600)


def ports(result: Dict[str, Any]) -> Dict[str, int]:
    return {one["name"]: one["port"] for one in result["listeners"]}


def verdicts(result: Dict[str, Any]) -> Set[str]:
    return {one["verdict"] for one in result["listeners"]}


@pytest.fixture
def pair(lab_host_pair: HostPair) -> HostPair:
    """A host behind a firewall with such a control plane, and a peer."""
    configure(lab_host_pair.host)
    return lab_host_pair


def test_the_firewall_and_the_verdict_follow_the_files_of_the_host(pair: HostPair) -> None:
    control_plane = RoleHost(pair.host, served())
    control_plane.start()
    run = ansible.role(pair.host, ROLE, {"version": VERSION, "product_config": OF_FILES, "timeout": 0}, "-vvv")
    assert run.code == 0, run.output
    assert ports(run.result("port_verify")) == MOVED
    assert verdicts(run.result("port_verify")) == {"ok"}
    admitted: FrozenSet[Admission] = frozenset().union(*(admit("tcp", port) for port in (22, *MOVED.values())))
    assert control_plane.disagreements(pair.peer, set(admitted))[1] == []
    old = [Target("tcp", address, port) for address in pair.host.addresses for port in (5678, 5680, 5681, 5682)]
    assert set(pair.peer.probe(old)) == {"filtered"}
    assert SECRET not in run.output + json.dumps([event.result for event in run.events])


@pytest.mark.slow
def test_check_mode_reads_too_and_foresees_the_moved_ports(pair: HostPair) -> None:
    before = firewall.ruleset(pair.host)
    run = ansible.module(
        pair.host, "port_allow", {"role": ROLE, "version": VERSION, "product_config": OF_FILES}, "--check", "--diff"
    )
    result = run.result("port_allow")
    assert result["changed"] and "15678" in json.dumps(result["diff"]) and "5682" not in json.dumps(result["diff"])
    assert firewall.ruleset(pair.host) == before


@pytest.mark.slow
def test_an_ad_hoc_command_names_files_as_text(pair: HostPair) -> None:
    text = "role=%s version=%s timeout=0 product_config='%s'" % (ROLE, VERSION, json.dumps(OF_FILES))
    assert ports(ansible.module(pair.host, "port_verify", text).result("port_verify")) == MOVED


@pytest.mark.slow
@pytest.mark.parametrize("gather", ["auto", "raw"])
def test_a_host_without_python_is_read(pair: HostPair, gather: str) -> None:
    RoleHost(pair.host, served()).start()
    arguments = {"role": ROLE, "version": VERSION, "product_config": OF_FILES, "gather": gather}
    run = ansible.module(pair.host, "port_verify", arguments, *NO_PYTHON)
    result = run.result("port_verify")
    assert (run.code, ports(result), verdicts(result)) == (0, MOVED, {"ok"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("product_config", "options", "message"),
    [
        (
            {"config_file": "/etc/kuma/nowhere.yml"},
            {},
            "product_config.config_file: /etc/kuma/nowhere.yml: cannot be read on the host: No such file or directory",
        ),
        ({"config_file": ENV_FILE}, {}, "product_config.config_file: %s: is neither a YAML mapping" % ENV_FILE),
        ({"env_file": CONFIG_FILE}, {}, "product_config.env_file: %s: line 1: is not KEY=VALUE" % CONFIG_FILE),
        ({"dataplane_file": CONFIG_FILE}, {}, "product_config.dataplane_file: %s: holds no Dataplane" % CONFIG_FILE),
        ({"unit": "kuma-cp"}, {}, "product_config.unit: kuma-cp: systemctl cannot show it on the host: "),
        ({"konfig": "/etc/kuma", "unit": "kuma-cp"}, {}, "product_config.konfig: is not known here; known are config, env, "),
        (
            {"config_file": CONFIG_FILE},
            {"capture": "x"},
            "product_config.config_file: is on the host, and no host is asked here; give what it holds as config",
        ),
    ],
)
def test_what_cannot_be_used_fails_with_option_and_path(
    pair: HostPair, product_config: Dict[str, Any], options: Dict[str, Any], message: str
) -> None:
    arguments = {"role": ROLE, "product_config": product_config, **options}
    run = ansible.module(pair.host, "port_verify", arguments, "-vvv")
    assert run.code != 0 and message in run.result("port_verify")["msg"]
    assert SECRET not in run.output


DATAPLANES = """\
type: Dataplane
mesh: default
name: web
networking:
  address: %(address)s
  inbound: [{port: 8080, servicePort: 18080, tags: {kuma.io/service: web}}]
  outbound: [{port: 10000, tags: {kuma.io/service: orders}}]%(redirect)s
---
type: Dataplane
mesh: default
name: orders
networking:
  address: %(address)s
  admin: {port: 9911}
  inbound: [{port: 8081, servicePort: 18081, tags: {kuma.io/service: orders}}]%(redirect)s
"""
REDIRECT = "\n  transparentProxying: {redirectPortInbound: 25006, redirectPortOutbound: 25001}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirect", "open_ports", "family"),
    [("", {8080, 8081, 9901, 9911}, 0), (REDIRECT, {25006, 9901, 9911}, 0), ("", {8080, 8081, 9901, 9911}, 1)],
    ids=["bound", "redirected", "ipv6"],
)
def test_data_plane_proxies_of_a_file_on_the_host(
    lab_host_pair: HostPair, redirect: str, open_ports: Set[int], family: int
) -> None:
    host, peer = lab_host_pair
    text = DATAPLANES % {"address": host.addresses[family], "redirect": redirect}
    host.write("/etc/kuma/dataplanes.yml", text)
    given = {"dataplane": text}
    RoleHost(host, _resolve.resolve(_spec_load.load(role="kuma_dp"), "kuma_dp", "2.8", product_config=given).listeners).start()
    variables = {"version": "2.8", "product_config": {"dataplane_file": "/etc/kuma/dataplanes.yml"}, "timeout": 10}
    run = ansible.role(host, "kuma_dp", variables)
    assert run.code == 0, run.output
    asked = [8080, 8081, 9901, 9911, 10000, 15001, 15006, 15053, 25001, 25006]
    found = peer.probe([Target("tcp", host.addresses[family], port) for port in asked])
    assert {port for port, answer in zip(asked, found, strict=True) if answer != "filtered"} == open_ports


# --- the examples of the documentation --------------------------------------------------------------------------------------

DOCUMENT = (HERE.parent.parent / "docs" / "product-config.md").read_text()
BLOCK = re.compile(r"^```[a-z]+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOSTS_FILE = re.compile(r"# (/\S+) on the host\n(.*)", re.DOTALL)
ROW = re.compile(r"^\| `(\S+)` \| (?:(\w+) (\d+), (\S+)|nothing) \|$", re.MULTILINE)


class Example:
    """A section of the document: files of the host, a play, and a table of what becomes of listeners."""

    def __init__(self, text: str) -> None:
        blocks = BLOCK.findall(text)
        files = [HOSTS_FILE.match(block) for block in blocks]
        self.files = {match.group(1): match.group(2) for match in files if match}
        (play,) = [yaml.safe_load(block) for block, match in zip(blocks, files, strict=True) if not match]
        ((self.hosts, self.tasks),) = [(one["hosts"], one["tasks"]) for one in play]
        self.becomes = {name: (protocol, int(port), bind) if port else None for name, protocol, port, bind in ROW.findall(text)}

    def check(self, run: ansible.Run) -> None:
        assert run.result("port_allow")["changed"], run.output
        found = {one["name"]: (one["protocol"], one["port"], one["bind"]) for one in run.result("port_verify")["listeners"]}
        assert self.becomes and {name: found.get(name) for name in self.becomes} == self.becomes


EXAMPLES = {
    title: Example(text)
    for title, _newline, text in (section.partition("\n") for section in DOCUMENT.split("\n## ")[1:])
    if "\n- hosts: " in text
}


def examples(units: bool) -> List[str]:
    return [title for title, one in EXAMPLES.items() if any(".service" in path for path in one.files) is units]


def test_every_product_with_a_configuration_has_an_example() -> None:
    assert {example.hosts.partition("_")[0] for example in EXAMPLES.values()} == {"kuma", "netq"}
    assert len(examples(False)) == 4 and len(examples(True)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("title", examples(False))
def test_the_examples_of_the_documentation(lab_host_pair: HostPair, title: str) -> None:
    example, host = EXAMPLES[title], lab_host_pair.host
    for path, text in example.files.items():
        host.write(path, text)
    # Nothing listens there; what would have to is what the example is about.
    example.check(ansible.playbook(host, example.tasks, None, "-e", "%s_timeout=0" % example.hosts))


# --- machines with systemd -----------------------------------------------------------------------------------------------

UNIT = "/etc/systemd/system/kuma-cp.service"
# A stand-in for the program: it takes its ports from the file, whatever its environment says.
UNIT_TEXT = """\
[Service]
Environment=KUMA_DP_SERVER_PORT=1 "KUMA_STORE_POSTGRES_PASSWORD=%s and blanks" KUMA_API_SERVER_HTTPS_ENABLED=false
Environment=KUMA_DIAGNOSTICS_SERVER_PORT=15680
EnvironmentFile=/etc/kuma/*.env
EnvironmentFile=-/etc/kuma/nowhere
ExecStart=%s
"""
UNITS_FILE = "KUMA_DP_SERVER_PORT=15678\nKUMA_API_SERVER_HTTP_PORT='15681'\nexport KUMA_INTER_CP_SERVER_PORT=1\n"
OF_UNIT = {"unit": "kuma-cp"}


class Installed:
    """A machine with the unit, and who runs Ansible on it."""

    def __init__(self, machine: Machine, peer: Machine, directory: pathlib.Path) -> None:
        self.machine, self.peer = machine, peer
        firewall.install(machine)
        machine.write("/etc/kuma/1.env", UNITS_FILE, 0o600)
        machine.write("/etc/kuma/served.json", json.dumps(served()))
        program = [machine.python, str(HERE / "standins" / "listener.py"), "--name", "kuma-cp", "--listeners"]
        self.write_unit(UNIT_TEXT % (SECRET, shlex.join([*program, "/etc/kuma/served.json"])))
        machine.run(["systemctl", "start", "kuma-cp"])
        self.controller = Controller(machine, directory)

    def write_unit(self, text: str) -> None:
        self.unit = text
        self.machine.write(UNIT, text)
        self.machine.run(["systemctl", "daemon-reload"])

    def verify(self, *options: str, user: str = "root", **more: Any) -> ansible.Run:
        task = {"role": ROLE, "version": VERSION, "product_config": OF_UNIT, "timeout": 10, **more}
        return self.controller.playbook([{"netports.core.port_verify": task}], *options, user=user)


@pytest.fixture(scope="module")
def installed(machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    peer = machines.hosts.get("config-peer") or machines.host("config-peer")
    made = Installed(machines.renewed("config"), peer, tmp_path_factory.mktemp("controller"))
    yield made
    made.controller.close()


@pytest.mark.machines
@pytest.mark.slow
class TestUnits:
    @pytest.mark.parametrize("user", ["root", OPERATOR])
    def test_the_firewall_and_the_verdict_follow_the_units_environment(self, installed: Installed, user: str) -> None:
        """As root, and as an ordinary user who becomes root: the environment file is root's alone."""
        asked = {"role": ROLE, "version": VERSION, "product_config": OF_UNIT}
        tasks = [{"netports.core.port_allow": asked}, {"netports.core.port_verify": {**asked, "check_firewall": True}}]
        run = installed.controller.playbook(tasks, "-vvv", user=user)
        assert run.code == 0, run.output
        result = run.result("port_verify")
        assert (ports(result), verdicts(result), result.get("warnings")) == (MOVED, {"ok"}, None)
        machine, peer = installed.machine, installed.peer
        assert machine.ipv4 is not None and machine.ipv6 is not None
        for address in (machine.ipv4, machine.ipv6):
            assert {port: peer.connect(address, port) for port in (15678, 15680, 15681, 5678, 5682)} == {
                15678: "open",
                15680: "open",
                15681: "open",
                5678: "filtered",
                5682: "filtered",
            }
        assert SECRET not in run.output + json.dumps([event.result for event in run.events])

    def test_who_may_not_read_the_environment_file_is_told(self, installed: Installed) -> None:
        task = {"netports.core.port_verify": {"role": ROLE, "product_config": OF_UNIT}, "become": False}
        run = installed.controller.playbook([task], user=OPERATOR)
        assert (
            run.result("port_verify")["msg"].endswith(
                "product_config.unit: kuma-cp: /etc/kuma/*.env: cannot be read on the host: No such file or directory"
            )
            or "/etc/kuma/1.env: cannot be read on the host: Permission denied" in run.result("port_verify")["msg"]
        )

    def test_over_ssh_without_python(self, installed: Installed) -> None:
        run = installed.verify("-e", "ansible_python_interpreter=/nonexistent/python3", "-vvv", gather="raw")
        result = run.result("port_verify")
        assert (run.code, ports(result), verdicts(result)) == (0, MOVED, {"ok"})
        assert SECRET not in run.output

    def test_a_unit_that_changed_since_its_process_was_started(self, installed: Installed) -> None:
        installed.machine.write(UNIT, installed.unit.replace("15680", "15690"))
        before = installed.verify().result("port_verify")
        assert ports(before)["diagnostics"] == 15680
        assert [w for w in before["warnings"] if "kuma-cp.service: has changed, and systemd goes by what it read before" in w]
        installed.write_unit(installed.unit.replace("15680", "15690"))
        try:
            run = installed.verify(timeout=0)
            after = run.result("port_verify")
            assert run.code != 0 and ports(after)["diagnostics"] == 15690
            expected = "product_config.unit: kuma-cp.service: runs with another KUMA_DIAGNOSTICS_SERVER_PORT than the unit says"
            assert [warning for warning in after["warnings"] if expected in warning]
        finally:
            installed.write_unit(installed.unit.replace("15690", "15680"))

    @pytest.mark.parametrize("unit", ["no-such-unit", "dbus.socket"])
    def test_a_unit_that_says_nothing(self, installed: Installed, unit: str) -> None:
        run = installed.verify(product_config={"unit": unit}, timeout=0)
        result = run.result("port_verify")
        if unit == "dbus.socket":
            assert ports(result)["dp-server"] == 5678
        else:
            assert "product_config.unit: no-such-unit: is no unit that systemd on the host has loaded" in result["msg"]

    @pytest.mark.parametrize("title", examples(True))
    def test_the_examples_of_the_documentation(self, installed: Installed, title: str) -> None:
        example = EXAMPLES[title]
        for path, text in example.files.items():
            installed.machine.write(path, text)
        installed.machine.run(["systemctl", "daemon-reload"])
        try:
            example.check(installed.controller.playbook(example.tasks, "-e", "%s_timeout=0" % example.hosts))
        finally:
            installed.machine.run(["rm", "/etc/kuma/kuma-cp.env"])
            installed.write_unit(installed.unit)

    def test_environment_files_are_read_as_systemd_reads_them(self, installed: Installed) -> None:
        text = "\n".join(SYNTAX)
        installed.machine.write("/run/syntax.env", text)
        unit = "[Service]\nEnvironment=%s\nEnvironmentFile=/run/syntax.env\nExecStart=/bin/sleep infinity\n" % WORDS
        installed.machine.write("/etc/systemd/system/syntax.service", unit)
        installed.machine.run(["systemctl", "daemon-reload"])
        installed.machine.run(["systemctl", "restart", "syntax"])
        script = "systemctl show -p Environment syntax; cat /proc/$(systemctl show -p MainPID --value syntax)/environ"
        shown, _newline, environ = installed.machine.run(["sh", "-c", script]).stdout.partition("\n")
        truth = dict(entry.partition("=")[::2] for entry in environ.split("\0") if entry[:2] in ("F_", "W_"))
        ours = {**_environment.parse_shown(shown).variables, **_environment.parse_units_file(text)}
        assert ours == truth and len(truth) > 20


# By these every rule of the syntax has its turn.
SYNTAX = [
    "F_1=b c \t",
    "  F_2 = b",
    "# F_NO=1",
    "; F_NO=1",
    "F_3='b \"c\" \\d' ",
    'F_4="b \'c\' \\" \\$ \\` \\\\ \\d"',
    "F_5='one\ntwo'",
    'F_6="one\ntwo \\\nthree"',
    "F_7='b' \"c\"d",
    "F_8=b'c\"d",
    "F_9=b \\\n  c",
    "F_A=b\\ ",
    "F_B=\\\\x",
    "F_C=1",
    "F_C=2",
    "F_D=b=c # no comment",
    "F_E=ü",
    "export F_NO=1",
    "no assignment",
    "F-NO=1",
    "F_F=",
    "F_G=$F_1 ${F_1}",
    'F_H=""x',
    "F_I=a  b",
    "F_J='a\tb'",
]
WORDS = r"""W_1=1 "W_2=two words" 'W_3=a"b\\c$d' "W_4=tab\there" "W_5=x y=1 W_1=7" W_6=ü W_7=a\x27b W_8= "W_9=`id` $$x" """
