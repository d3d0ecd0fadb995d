# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks for a whole inventory: the real ansible-playbook, a real firewall, the packets of a peer, reports in files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load
from tests.lab import ansible_runs as ansible
from tests.lab import firewall
from tests.lab.fixtures import HostPair
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import Host, Lab

ZONE, GLOBAL = "kuma_zone_cp", "kuma_global_cp"
ONLY_ZONE, ONLY_GLOBAL, SHARED = 5678, 5685, 5681
REPORT = "/run/lab/report.json"
# Nothing listens on port 1 of the host itself.
GONE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
QUICK = {"%s_timeout" % role: 0 for role in (ZONE, GLOBAL, "kuma_dp")}

Groups = Mapping[str, Iterable[str]]


def inventory(groups: Groups, hosts: Optional[Mapping[str, Any]] = None, **variables: Any) -> Dict[str, Any]:
    """Groups with their hosts, and variables of hosts and of all."""
    children = {name: {"hosts": dict.fromkeys(members)} for name, members in groups.items()}
    return {"all": {"hosts": dict(hosts or {}), "children": children, "vars": {**QUICK, **variables}}}


def run(host: Host, playbook: str, data: Mapping[str, Any], *options: str) -> ansible.Run:
    return ansible.inventory_playbook(host, playbook, data, "--extra-vars", "netports_report=%s" % REPORT, *options)


def report(host: Host) -> Dict[str, Any]:
    data: Dict[str, Any] = json.loads(host.path(REPORT).read_text())
    return data


def states(data: Mapping[str, Any]) -> Dict[str, str]:
    return {host["host"]: host["state"] for host in data["hosts"]}


def roles(data: Mapping[str, Any], name: str) -> Dict[str, Dict[str, Any]]:
    (host,) = (host for host in data["hosts"] if host["host"] == name)
    return {role["role"]: role for role in host["roles"]}


def recap(done: ansible.Run, host: str) -> Dict[str, int]:
    (line,) = re.findall(r"^%s +: (.*)$" % host, done.output, re.MULTILINE)
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line)}


def listeners(*names: str) -> List[Dict[str, Any]]:
    """The listeners of roles, those that they share once."""
    found = {}
    for name in names:
        for one in _resolve.resolve(_spec_load.load(role=name), name).listeners:
            found.setdefault(one["name"], one)
    return list(found.values())


def admitted(pair: HostPair, *ports: int) -> List[int]:
    """The ports at which the peer does not meet a firewall."""
    return [port for port in ports if pair.peer.connect(pair.host.ipv4 or "", port, seconds=0.4) != "filtered"]


@pytest.mark.slow
def test_two_roles_share_ports_which_go_with_the_last_of_them(lab_host_pair: HostPair) -> None:
    host = lab_host_pair.host
    before = firewall.ruleset(host)
    RoleHost(host, listeners(ZONE, GLOBAL)).start()
    both = inventory({ZONE: ["cp"], GLOBAL: ["cp"]}, {"plain": None})
    assert admitted(lab_host_pair, ONLY_ZONE, ONLY_GLOBAL, SHARED) == []

    done = run(host, "site", both)
    assert done.code == 0, done.output
    assert admitted(lab_host_pair, ONLY_ZONE, ONLY_GLOBAL, SHARED) == [ONLY_ZONE, ONLY_GLOBAL, SHARED]
    made = report(host)
    assert states(made) == {"plain": "no_role", "cp": "ok"}
    assert {name: role["allow"]["changed"] for name, role in roles(made, "cp").items()} == {ZONE: True, GLOBAL: True}
    assert made["summary"]["verdicts"]["ok"] == len(listeners(ZONE)) + len(listeners(GLOBAL))
    assert "2 hosts: 1 ok, 1 without a role" in done.output
    assert {one["from"] for one in made["connections"] if one["to"] == GLOBAL and not one["external"]} == {ZONE, GLOBAL}

    shut = run(host, "site", both, "--extra-vars", "%s_state=absent" % ZONE)
    assert shut.code == 0, shut.output
    assert admitted(lab_host_pair, ONLY_ZONE, ONLY_GLOBAL, SHARED) == [ONLY_GLOBAL, SHARED]
    gone = roles(report(host), "cp")[ZONE]
    assert (gone["state"], gone["verify"], gone["allow"]["msg"]) == ("ok", None, "state: absent")

    run(host, "site", both, "--extra-vars", "%s_state=absent %s_state=absent" % (ZONE, GLOBAL))
    assert admitted(lab_host_pair, ONLY_ZONE, ONLY_GLOBAL, SHARED) == []
    assert firewall.ruleset(host) == before


@pytest.mark.slow
def test_check_mode_foresees_and_a_second_run_changes_nothing(lab_host_pair: HostPair) -> None:
    host = lab_host_pair.host
    RoleHost(host, listeners(ZONE)).start()
    data = inventory({ZONE: ["cp"]})
    before = firewall.ruleset(host)
    foreseen = run(host, "site", data, "--check", "--diff")
    assert (foreseen.code, firewall.ruleset(host)) == (0, before)
    assert recap(foreseen, "cp")["changed"] == 1
    allow = roles(report(host), "cp")[ZONE]["allow"]
    assert (allow["changed"], allow["check_mode"], allow["enforcing"], allow["backend"]) == (True, True, True, "nftables")
    assert "+++ after" in foreseen.output

    assert recap(run(host, "site", data), "cp")["changed"] == 1
    after = firewall.ruleset(host)
    assert after != before
    again = run(host, "site", data)
    assert (recap(again, "cp")["changed"], firewall.ruleset(host)) == (0, after)
    read_only = run(host, "verify", data)
    assert (read_only.code, firewall.ruleset(host)) == (0, after)
    assert roles(report(host), "cp")[ZONE]["allow"] is None


@pytest.mark.slow
def test_what_fails_on_one_host_stops_nothing_and_is_told_at_the_end(lab: Lab) -> None:
    host = lab.host("host")
    RoleHost(host, listeners(ZONE)).start()
    hosts = {"gone": GONE, "wrong": {"%s_version" % GLOBAL: "never"}, "plain": None}
    groups = {ZONE: ["bad", "good", "gone", "wrong"], GLOBAL: ["wrong"], "kuma_dp": ["bad"]}
    done = run(host, "site", inventory(groups, hosts))
    made = report(host)
    assert states(made) == {"gone": "unreachable", "wrong": "failed", "plain": "no_role", "bad": "failed", "good": "ok"}
    assert {name: role["state"] for name, role in roles(made, "bad").items()} == {ZONE: "ok", "kuma_dp": "failed"}
    assert {name: role["state"] for name, role in roles(made, "wrong").items()} == {ZONE: "ok", GLOBAL: "failed"}
    assert "never" in roles(made, "wrong")[GLOBAL]["allow"]["msg"]
    assert {name: role["state"] for name, role in roles(made, "gone").items()} == {ZONE: "not_run"}

    # As for any other playbook: 2 for failed hosts and 4 for unreachable ones, and each counts once.
    assert done.code in (2, 4, 6)
    counted = {name: (recap(done, name)["failed"], recap(done, name)["unreachable"]) for name in states(made)}
    assert counted == {"gone": (0, 1), "wrong": (1, 0), "plain": (0, 0), "bad": (1, 0), "good": (0, 0)}
    # The table once, and the host's own word in a line.
    assert done.output.count("5 hosts: 1 ok, 2 failed, 1 unreachable, 1 without a role") == 1
    assert re.search(r'fatal: \[bad\]: FAILED! => .*"kuma_dp: 1 absent"', done.output)


@pytest.mark.slow
def test_a_variable_that_cannot_be_resolved_fails_the_host_and_not_the_play(lab: Lab) -> None:
    host = lab.host("host")
    RoleHost(host, listeners(ZONE)).start()
    # The first one is the host to which tasks fall that run once.
    hosts = {"unconnected": {"ansible_connection": "{{ nowhere }}"}, "wrong": {"%s_version" % ZONE: "{{ nowhere }}"}}
    done = run(host, "verify", inventory({ZONE: ["unconnected", "good", "wrong"]}, hosts))
    made = report(host)
    assert done.code == 2
    assert states(made) == {"unconnected": "failed", "wrong": "failed", "good": "ok"}
    for name in hosts:
        said = roles(made, name)[ZONE]["verify"]["msg"]
        assert "nowhere" in said and "The error appears to be" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "environment"),
    [
        pytest.param({"netports_serial": 1}, {}, id="all of a batch"),
        pytest.param({"netports_serial": 2}, {"ANSIBLE_ANY_ERRORS_FATAL": "1"}, id="any errors fatal"),
        pytest.param({"netports_serial": 2, "netports_max_fail_percentage": 49}, {}, id="too many of a batch"),
    ],
)
def test_a_batch_that_fails_stops_the_run_as_users_know_it(
    lab: Lab, variables: Dict[str, int], environment: Dict[str, str]
) -> None:
    host = lab.host("host")
    RoleHost(host, listeners(ZONE)).start()
    hosts = {"h%d" % number: None for number in range(1, 6)}
    data = inventory({ZONE: list(hosts), "kuma_dp": ["h2"]}, hosts)
    extra = json.dumps({"netports_report": REPORT, **variables})
    done = ansible.inventory_playbook(host, "verify", data, "--extra-vars", extra, environment=environment)
    assert done.code == 2, done.output
    assert states(report(host)) == {"h1": "ok", "h2": "failed", "h3": "not_run", "h4": "not_run", "h5": "not_run"}, done.output
    assert "5 hosts: 1 ok, 1 failed, 3 not run" in done.output


@pytest.mark.slow
def test_batches_add_up_to_one_report(lab: Lab) -> None:
    host = lab.host("host")
    RoleHost(host, listeners(ZONE)).start()
    hosts = {"h%d" % number: None for number in range(1, 6)}
    done = run(host, "verify", inventory({ZONE: list(hosts)}, hosts), "--extra-vars", json.dumps({"netports_serial": [1, "50%"]}))
    assert done.code == 0, done.output
    assert states(report(host)) == dict.fromkeys(hosts, "ok")
    # Each batch for itself, then all.
    headlines = re.findall(r"^netports verify, \S+: (.*)$", done.output, re.MULTILINE)
    assert headlines == ["1 host: 1 ok", "2 hosts: 2 ok", "5 hosts: 5 ok"]


@pytest.mark.slow
def test_tags_limit_and_options_of_the_roles(lab_host_pair: HostPair) -> None:
    host = lab_host_pair.host
    data = inventory({ZONE: ["one", "two"]}, {}, **{"%s_ports" % ZONE: {"dp-server": 6000, "mads": None}})
    opened = run(host, "site", data, "--tags", "allow", "--limit", "one")
    assert opened.code == 0, opened.output
    made = report(host)
    assert states(made) == {"one": "ok"}
    assert roles(made, "one")[ZONE]["verify"] is None
    assert admitted(lab_host_pair, 5676, ONLY_ZONE, 6000, SHARED) == [6000, SHARED]

    looked = run(host, "site", data, "--tags", "verify", "--limit", "two", "--extra-vars", "%s_version=2.9" % ZONE)
    assert looked.code == 2
    role = roles(report(host), "two")[ZONE]
    assert (role["version"], role["allow"]) == ("2.9", None)
    assert {one["name"]: one["port"] for one in role["verify"]["listeners"]}["dp-server"] == "6000"

    skipped = run(host, "site", data, "--extra-vars", json.dumps({"%s_allow" % ZONE: False, "%s_verify" % ZONE: False}))
    assert skipped.code == 0
    assert roles(report(host), "one")[ZONE]["state"] == "skipped"


@pytest.mark.slow
def test_preflight_wants_free_ports_and_a_firewall_that_can_be_opened(lab_host_pair: HostPair) -> None:
    host = lab_host_pair.host
    before = firewall.ruleset(host)
    data = inventory({ZONE: ["cp"]})
    done = run(host, "preflight", data)
    assert done.code == 0, done.output
    role = roles(report(host), "cp")[ZONE]
    assert (role["allow"]["changed"], role["allow"]["check_mode"], role["verify"]["failed"]) == (True, True, False)
    assert firewall.ruleset(host) == before

    RoleHost(host, listeners(ZONE)).start()
    done = run(host, "preflight", data)
    assert done.code == 2
    assert {one["verdict"] for one in roles(report(host), "cp")[ZONE]["verify"]["listeners"]} == {"taken"}

    unknown = run(host, "preflight", data, "--extra-vars", "%s_firewall_backend=ufw" % ZONE)
    assert roles(report(host), "cp")[ZONE]["allow"]["failed"], unknown.output
    assert firewall.ruleset(host) == before


@pytest.mark.slow
def test_products_of_ones_own_are_roles_too(lab: Lab) -> None:
    host = lab.host("host")
    spec = {
        "product": "gitea",
        "title": "Gitea",
        "releases": ["1.22"],
        "sources": {"docs": {"title": "Gitea documentation", "ref": "https://docs.gitea.com"}},
        "roles": {"gitea": {"title": "Gitea server", "description": "Gitea."}},
        "listeners": [
            {
                "name": "web",
                "roles": ["gitea"],
                "protocol": "tcp",
                "port": 3000,
                "clients": ["any"],
                "purpose": "Web",
                "source": "docs",
            }
        ],
    }
    host.write("/run/lab/specs/gitea.yml", json.dumps(spec))
    hosts = {
        "one": {"netports_spec_dirs": ["{{ inventory_dir }}/specs"]},
        "two": {"gitea_spec_dirs": "/run/lab/specs"},
        "bare": None,
    }
    run(host, "verify", inventory({"gitea": ["one", "two", "bare"]}, hosts, gitea_timeout=0))
    made = report(host)
    assert states(made) == {"one": "failed", "two": "failed", "bare": "no_role"}
    assert roles(made, "one")["gitea"]["verify"]["listeners"][0]["port"] == "3000"

    host.write("/run/lab/specs/gitea.yml", "product: [")
    done = run(host, "verify", inventory({"gitea": ["one"]}, hosts))
    assert done.code == 2
    assert "/run/lab/specs/gitea.yml" in done.output
    assert [event.action for event in done.events] == ["port_report"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("/run/lab/report.pdf", "known are .html, .json, .md, .txt, .xml"),
        ("/run/lab/nowhere/report.json", "/run/lab/nowhere is not a directory"),
        ("/run", "'/run': the ending says the format"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_a_host_is_touched(lab: Lab, file: str, said: str) -> None:
    host = lab.host("host")
    done = ansible.inventory_playbook(host, "site", inventory({ZONE: ["cp"]}), "--extra-vars", "netports_report=%s" % file)
    assert done.code == 2
    assert [event.action for event in done.events] == ["port_report"]
    assert said in done.output


@pytest.mark.slow
def test_all_formats_relative_paths_and_output_for_programs(lab: Lab, tmp_path: Path) -> None:
    host = lab.host("host")
    RoleHost(host, listeners(ZONE)).start()
    names = ["report.%s" % ending for ending in ("json", "xml", "md", "html", "txt")]
    done = ansible.inventory_playbook(
        host, "verify", inventory({ZONE: ["cp"]}), "--extra-vars", json.dumps({"netports_report": names}), directory=str(tmp_path)
    )
    assert done.code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert all("dp-server" in (tmp_path / name).read_text() or name in ("report.txt", "report.md") for name in names)
    assert (tmp_path / "report.txt").read_text() in done.output
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o644}


@pytest.mark.slow
def test_the_spec_is_parsed_once_for_all_hosts(lab: Lab) -> None:
    host = lab.host("host")
    hosts = {"h%d" % number: None for number in range(1, 5)}
    log = "/run/lab/parses"
    environment = {"ANSIBLE_CALLBACKS_ENABLED": "lab_events,lab_parses", "LAB_PARSES": log}
    data = inventory({ZONE: list(hosts), "netq_server": ["h1"]}, hosts, netq_server_timeout=0)
    done = ansible.inventory_playbook(host, "verify", data, environment=environment)
    assert "4 hosts: 4 failed" in done.output
    parsed = [line.split()[0] for line in host.path(log).read_text().splitlines()]
    assert sorted(parsed) == sorted("_specs/%s" % path.name for path in _spec_load.OWN_DIR.glob("*.yml"))
