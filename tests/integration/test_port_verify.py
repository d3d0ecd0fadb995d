# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_verify through the real ansible command, against real sockets on lab hosts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.lab import ansible_runs as lab_ansible
from tests.lab.fixtures import HostPair
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import HERE, Host, Lab

NO_PYTHON = ("--extra-vars", "ansible_python_interpreter=/nonexistent/python3")
WEB = {"name": "web", "protocol": "tcp", "port": 8080, "family": "both", "process": ["webserver"]}
ADMIN = {"name": "admin", "protocol": "tcp", "port": 8081, "bind": "loopback", "process": ["webserver"]}
DNS = {"name": "dns", "protocol": "udp", "port": 5353, "process": ["resolver-with-a-long-name"]}
SERVED = [WEB, ADMIN, DNS]


@pytest.fixture
def host(lab: Lab) -> Host:
    """A host without a firewall that serves SERVED."""
    return lab.host("host")


@pytest.fixture
def served(host: Host) -> RoleHost:
    role_host = RoleHost(host, SERVED)
    role_host.start()
    return role_host


def verify(host: Host, *options: str, **arguments: Any) -> dict[str, Any]:
    arguments.setdefault("listeners", SERVED)
    run = lab_ansible.module(host, "port_verify", arguments, *options)
    result = run.result("port_verify")
    assert not result["changed"]
    return {**result, "failed": run.code != 0}


def verdicts(result: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["verdict"] for item in result["listeners"]}


ALL_OK = {"web": "ok", "admin": "ok", "dns": "ok"}


@pytest.mark.parametrize("gather", ["auto", "sock_diag", "ss", "raw"])
def test_what_is_served_as_expected_is_ok(served: RoleHost, gather: str) -> None:
    result = verify(served.host, gather=gather, unexpected="fail")
    assert not result["failed"], result["msg"]
    assert verdicts(result) == ALL_OK
    assert result["unexpected"] == []
    assert result["summary"]["ok"] == 3
    assert result["gathered_by"]
    assert result["listeners"][0]["port"] == 8080
    assert {owner["name"] for sock in result["listeners"][0]["observed"] for owner in sock["owners"]} == {"webserver"}


@pytest.mark.parametrize("gather", ["proc", "netstat"])
def test_what_a_source_cannot_tell_is_unverifiable(served: RoleHost, gather: str) -> None:
    result = verify(served.host, gather=gather)
    assert not result["failed"], result["msg"]
    # One dual-stack socket: neither source tells it from an IPv6-only one.
    assert verdicts(result) == {**ALL_OK, "web": "unverifiable"}


def test_failures_of_every_kind_in_one_run(served: RoleHost) -> None:
    served.stop("dns")
    other = [
        dict(WEB, process=["somebody-else"]),
        dict(ADMIN, bind="any"),
        DNS,
        {"name": "open", "protocol": "tcp", "port": 8080, "bind": "loopback"},
        {"name": "maybe", "protocol": "tcp", "port": 9, "optional": True},
        {"name": "ipip", "protocol": "ip", "number": 4},
    ]
    result = verify(served.host, "--diff", listeners=other)
    assert result["failed"]
    assert verdicts(result) == {
        "web": "wrong_owner",
        "admin": "confined",
        "dns": "absent",
        "open": "exposed",
        "maybe": "absent",
        "ipip": "unverifiable",
    }
    assert "webserver" in result["listeners"][0]["reason"]
    assert result["msg"].splitlines()[0].startswith("4 of 6 listeners are not as expected")
    assert "dns (udp/5353): absent" in result["msg"]
    assert result["report"][0].split()[:3] == ["VERDICT", "LISTENER", "PORT"]
    assert result["diff"]["before"].count("\n") == 6
    assert result["diff"]["after"].count("\n") == 5  # dns is not seen at all


def test_free_before_an_installation_and_taken_after(host: Host) -> None:
    assert verdicts(verify(host, state="free")) == ALL_OK
    RoleHost(host, SERVED).start()
    result = verify(host, state="free")
    assert result["failed"]
    assert verdicts(result) == {"web": "taken", "admin": "taken", "dns": "taken"}
    assert "held by webserver, the expected process" in result["listeners"][0]["reason"]


def test_unexpected_listeners(served: RoleHost) -> None:
    result = verify(served.host, listeners=[WEB], unexpected="report")
    assert not result["failed"]
    assert [(sock["protocol"], sock["port"]) for sock in result["unexpected"]] == [("tcp", 8081), ("udp", 5353)]
    assert result["unexpected"][0]["owners"][0]["name"] == "webserver"
    assert verify(served.host, listeners=[WEB], unexpected="fail")["failed"]
    result = verify(served.host, listeners=[WEB], unexpected="fail", tolerate=["127.0.0.0/8", "::1", "udp/5353"])
    assert not result["failed"], result["msg"]


@pytest.mark.parametrize("gather", ["auto", "raw"])
def test_one_loop_waits_until_all_listen(host: Host, gather: str) -> None:
    """The listeners start some seconds after Ansible's first command on the host."""
    host.write("/run/lab/late.json", json.dumps(SERVED))
    host.write("/run/lab/sh", '#!/bin/sh\ntouch /run/lab/asked\nexec /bin/sh "$@"\n', 0o755)
    late = 'until [ -e /run/lab/asked ]; do sleep 0.1; done; sleep "$1"; shift; exec "$@"'
    for name, delay in (("webserver", "3"), ("resolver-with-a-long-name", "4")):
        argv = ["sh", "-c", late, "sh", delay, sys.executable, str(HERE / "standins" / "listener.py")]
        host.popen([*argv, "--name", name, "--listeners", "/run/lab/late.json"], stdout=subprocess.DEVNULL)
    shell = ("--extra-vars", "ansible_shell_executable=/run/lab/sh")
    started = time.monotonic()
    result = verify(host, *shell, timeout=60, interval=0.2, gather=gather)
    assert not result["failed"], result["msg"]
    assert verdicts(result) == ALL_OK
    assert 0 < result["waited"] <= time.monotonic() - started


def test_a_timeout_that_is_over_fails(host: Host) -> None:
    result = verify(host, timeout=1, interval=0.3)
    assert result["failed"]
    assert 1 <= result["waited"] < 5


class TestWithoutPython:
    def test_auto_falls_back_and_says_so(self, served: RoleHost) -> None:
        run = lab_ansible.module(served.host, "port_verify", {"listeners": SERVED}, *NO_PYTHON)
        result = run.result("port_verify")
        assert verdicts(result) == ALL_OK
        assert "no usable Python" in result["notes"][0] and "/nonexistent/python3" in result["notes"][0]
        assert "no usable Python" in run.output

    def test_raw_does_not_even_ask_for_python(self, served: RoleHost) -> None:
        result = verify(served.host, *NO_PYTHON, gather="raw")
        assert verdicts(result) == ALL_OK
        assert result["notes"] == []

    def test_another_source_does_not_fall_back(self, served: RoleHost) -> None:
        run = lab_ansible.module(served.host, "port_verify", {"listeners": SERVED, "gather": "sock_diag"}, *NO_PYTHON)
        assert run.code != 0 and "listeners" not in run.result("port_verify")

    def test_the_firewall_cannot_be_checked(self, served: RoleHost) -> None:
        run = lab_ansible.module(served.host, "port_verify", {"listeners": SERVED, "check_firewall": True}, *NO_PYTHON)
        assert run.code != 0 and "check_firewall: needs Python on the host" in run.output

    def test_the_next_tool_serves_where_one_fails(self, served: RoleHost) -> None:
        served.host.run(["sh", "-c", 'mount --bind /dev/null "$(command -v ss)"'])
        result = verify(served.host, gather="raw")
        assert "netstat" in result["gathered_by"]
        assert verdicts(result)["admin"] == "ok"
        assert result["notes"] and result["notes"][0].startswith("ss ")

    def test_a_host_with_neither_tool_is_an_error(self, served: RoleHost) -> None:
        for tool in ("ss", "netstat"):
            served.host.run(["sh", "-c", 'mount --bind /dev/null "$(command -v %s)"' % tool])
        run = lab_ansible.module(served.host, "port_verify", {"listeners": SERVED, "gather": "raw"})
        assert run.code != 0
        assert "neither ss nor netstat told what listens on the host" in run.output
        assert "listeners" not in run.result("port_verify")

    def test_without_privilege_owners_are_unverifiable(self, served: RoleHost) -> None:
        """A shell that drops its privileges, as of a user without sudo."""
        shell = "ansible_shell_executable=/run/lab/unprivileged-sh"
        drop = '#!/bin/sh\nexec setpriv --reuid=65530 --clear-groups /bin/sh "$@"\n'
        served.host.write("/run/lab/unprivileged-sh", drop, 0o755)
        result = verify(served.host, "--extra-vars", shell, gather="raw")
        assert not result["failed"], result["msg"]
        assert verdicts(result) == dict.fromkeys(ALL_OK, "unverifiable")
        assert "privilege" in result["listeners"][0]["reason"]


class TestNetworkNamespace:
    @pytest.fixture
    def inner(self, host: Host) -> int:
        """A namespace `inner` in which SERVED listens; the ID of the process."""
        host.run(["ip", "netns", "add", "inner"])
        host.run(["ip", "netns", "exec", "inner", "ip", "link", "set", "lo", "up"])
        host.write("/run/lab/inner.json", json.dumps(SERVED))
        argv = ["ip", "netns", "exec", "inner", "sh", "-c", 'echo $$; exec "$@"', "sh", sys.executable]
        listener = str(HERE / "standins" / "listener.py")
        process = host.popen(
            [*argv, listener, "--name", "webserver", "--listeners", "/run/lab/inner.json"], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        while process.stdout.readline().strip() != "ready":
            assert process.poll() is None
        return pid

    @pytest.mark.parametrize("gather", ["sock_diag", "ss", "raw"])
    @pytest.mark.parametrize("form", ["name", "pid", "path"])
    def test_listeners_of_a_namespace(self, host: Host, inner: int, gather: str, form: str) -> None:
        namespace = {"name": "inner", "pid": str(inner), "path": "/run/netns/inner"}[form]
        result = verify(host, listeners=[WEB, ADMIN], gather=gather, network_namespace=namespace)
        assert not result["failed"], result["msg"]
        assert verdicts(verify(host, listeners=[WEB, ADMIN], gather=gather)) == {"web": "absent", "admin": "absent"}

    @pytest.mark.parametrize("gather", ["auto", "raw"])
    def test_a_namespace_that_does_not_exist_is_an_error(self, host: Host, gather: str) -> None:
        run = lab_ansible.module(host, "port_verify", {"listeners": [WEB], "gather": gather, "network_namespace": "nowhere"})
        assert run.code != 0 and "listeners" not in run.result("port_verify")
        assert "nowhere" in run.output


class TestRole:
    def test_the_listeners_of_a_role_with_arguments_as_ad_hoc_text(self, host: Host) -> None:
        """`-a 'role=... conditions=...'`: all that arrives is text."""
        words = "role=kuma_zone_cp version=2.9 conditions=environment=universal ports='{\"mads\": null}' check_process=no"
        run = lab_ansible.module(host, "port_verify", words)
        result = run.result("port_verify")
        assert (result["role"], result["version"]) == ("kuma_zone_cp", "2.9")
        assert result["conditions"]["environment"] == "universal"
        assert set(verdicts(result).values()) == {"absent"} and "mads" not in verdicts(result)

    def test_raw_tells_the_role_too(self, host: Host) -> None:
        result = verify(host, listeners=None, role="kuma_zone_cp", version="2.9", gather="raw")
        assert (result["role"], result["version"], result["conditions"]["environment"]) == ("kuma_zone_cp", "2.9", "universal")

    def test_a_version_newer_than_the_spec_warns(self, host: Host) -> None:
        run = lab_ansible.module(host, "port_verify", {"role": "kuma_zone_cp", "version": "99.0"})
        assert any("99.0" in str(warning) for warning in run.result("port_verify")["warnings"])

    def test_a_version_that_yaml_made_a_number_is_refused(self, host: Host) -> None:
        run = lab_ansible.module(host, "port_verify", {"role": "kuma_zone_cp", "version": 2.9})
        assert run.result("port_verify")["msg"].endswith("version: 2.9 is a number; quote it, since YAML reads 2.10 as 2.1")

    def test_the_configuration_of_the_product_stays_on_the_controller(self, host: Host) -> None:
        config = {"env": {"KUMA_STORE_POSTGRES_PASSWORD": "hunter2", "KUMA_API_SERVER_HTTP_PORT": "15681"}}
        task = {"netports.core.port_verify": {"role": "kuma_zone_cp", "product_config": config}, "ignore_errors": True}
        run = lab_ansible.playbook(host, [task], None)
        result = run.result("port_verify")
        assert 15681 in [item["port"] for item in result["listeners"]]
        assert "hunter2" not in json.dumps(result)

    def test_directories_of_specs_start_at_the_playbook(self, host: Host) -> None:
        spec = {
            "product": "acme",
            "title": "Acme",
            "releases": ["1.0"],
            "sources": {"manual": {"title": "Manual", "ref": "page 1"}},
            "roles": {"acme_server": {"title": "Server", "description": "A server."}},
            "listeners": [dict(WEB, roles=["acme_server"], purpose="Web", source="manual")],
        }
        host.write("/run/lab/specs/acme.yml", json.dumps(spec))
        task = {"netports.core.port_verify": {"role": "acme_server", "spec_dirs": ["specs"]}, "ignore_errors": True}
        assert verdicts(lab_ansible.playbook(host, [task]).result("port_verify")) == {"web": "absent"}


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({}, "give exactly one of role and listeners"),
        ({"role": "kuma_zone_cp", "listeners": [WEB]}, "give exactly one of role and listeners"),
        ("listeners=[{]", "listeners: is text, and not JSON"),
        ({"role": "kuma_zone_pc"}, "did you mean kuma_zone_cp"),
        ({"role": "kuma_zone_cp", "version": "0.1"}, "version: "),
        ({"role": "kuma_zone_cp", "conditions": {"rmp": True}}, "conditions.rmp: is not a condition of kuma"),
        ({"listeners": [WEB], "version": "2.9"}, "version: goes with role, not with listeners"),
        ({"listeners": [dict(WEB, port=70000)]}, "listeners[0].port: 70000 is not a port (1-65535)"),
        ({"listeners": [WEB], "state": "gone"}, "value of state must be one of: listening, free, got: gone"),
        ({"listeners": [WEB], "tolerate": ["22"]}, "tolerate[0]: '22' is none of"),
        ({"listeners": [WEB], "timeout": -1}, "timeout: -1.0 is not a number of seconds"),
        ({"listeners": [WEB], "tiemout": 1}, "tiemout"),
        ({"listeners": [WEB], "capture": "x", "gather": "ss"}, "capture: is judged instead of gathering"),
        ({"listeners": [WEB], "capture": "x", "network_namespace": "n"}, "network_namespace: cannot be used with capture"),
        ({"listeners": [WEB], "capture": {"a": 1}}, "capture: is neither a text nor a list of texts"),
        ({"listeners": [WEB], "capture": "nothing that netstat would print"}, "capture: "),
        ({"listeners": [WEB], "gather": "raw", "check_firewall": True}, "check_firewall: cannot be used with gather: raw"),
    ],
)
def test_wrong_options_are_refused_by_name(host: Host, arguments: Any, message: str) -> None:
    run = lab_ansible.module(host, "port_verify", arguments, *NO_PYTHON)  # refused before the host is asked
    assert run.code != 0
    assert message in str(run.result("port_verify")["msg"])


def test_check_mode_is_the_same_run(served: RoleHost) -> None:
    assert verdicts(verify(served.host, "--check")) == ALL_OK


@pytest.mark.slow
def test_loop_delegation_and_async(served: RoleHost) -> None:
    arguments = {"listeners": "{{ [item] }}"}
    task = {"netports.core.port_verify": arguments, "loop": SERVED, "delegate_to": served.host.name}
    run = lab_ansible.playbook(served.host, [task])
    assert run.code == 0, run.output
    assert [verdicts(one) for one in run.result("port_verify")["results"]] == [{name: "ok"} for name in ALL_OK]
    task = {"netports.core.port_verify": {"listeners": SERVED}, "async": 30, "poll": 1}
    run = lab_ansible.playbook(served.host, [task])
    assert run.code == 0, run.output
    assert verdicts(run.result("port_verify")) == ALL_OK


def test_raw_evidence_cannot_be_asked_for_in_the_background(host: Host) -> None:
    task = {"netports.core.port_verify": {"listeners": SERVED, "gather": "raw"}, "async": 30, "poll": 1}
    run = lab_ansible.playbook(host, [task])
    assert run.code != 0 and "async: cannot be used with gather: raw or capture" in run.output


def test_an_owner_of_wild_name_is_told_right(host: Host) -> None:
    name = 'a ) b "q" c'
    RoleHost(host, [dict(WEB, process=[name])]).start()
    result = verify(host, listeners=[dict(WEB, process=[name])])
    assert not result["failed"], result["msg"]
    assert verdicts(verify(host, listeners=[WEB])) == {"web": "wrong_owner"}


@pytest.mark.slow
def test_a_kernel_socket_has_no_owner_and_needs_none(host: Host) -> None:
    vxlan = {"name": "vxlan", "protocol": "udp", "port": 8472, "process": ["kernel"]}
    RoleHost(host, [vxlan]).start()
    for gather in ("auto", "ss"):
        assert verdicts(verify(host, listeners=[vxlan], gather=gather)) == {"vxlan": "ok"}
        assert verdicts(verify(host, listeners=[dict(vxlan, process=["flanneld"])], gather=gather)) == {"vxlan": "wrong_owner"}
    # Text alone cannot tell a socket without owner from one whose owner is hidden.
    assert verdicts(verify(host, listeners=[vxlan], gather="raw")) == {"vxlan": "unverifiable"}


@pytest.mark.slow
def test_a_socket_of_a_device(host: Host) -> None:
    bound = dict(WEB, device="mgmt", family="ipv4")
    RoleHost(host, [bound]).start()
    for gather in ("auto", "ss", "raw"):
        assert verdicts(verify(host, listeners=[bound], gather=gather)) == {"web": "ok"}
        assert verdicts(verify(host, listeners=[dict(bound, device="blue")], gather=gather)) == {"web": "confined"}
        result = verify(host, listeners=[dict(bound, device=None)], gather=gather)
        assert "mgmt" in result["listeners"][0]["reason"]
    for gather in ("proc", "netstat"):
        assert verdicts(verify(host, listeners=[bound], gather=gather)) == {"web": "unverifiable"}


def test_shut_by_the_host_firewall(lab_host_pair: HostPair) -> None:
    RoleHost(lab_host_pair.host, SERVED).start()
    result = verify(lab_host_pair.host, check_firewall=True)
    assert result["failed"]
    assert verdicts(result) == {"web": "shut", "admin": "ok", "dns": "shut"}


def test_shut_in_a_network_namespace_by_its_own_firewall(lab_host_pair: HostPair) -> None:
    """The host drops; its namespace admits one port and drops the other."""
    host = lab_host_pair.host
    host.run(["ip", "netns", "add", "inner"])
    rules = "table inet f { chain input { type filter hook input priority 0; policy drop; tcp dport 8080 accept; }; }"
    host.run(["ip", "netns", "exec", "inner", "nft", "-f", "-"], input=rules)
    other = dict(WEB, name="other", port=8090)
    host.write("/run/lab/inner.json", json.dumps([WEB, other]))
    argv = ["ip", "netns", "exec", "inner", sys.executable, str(HERE / "standins" / "listener.py")]
    process = host.popen([*argv, "--name", "webserver", "--listeners", "/run/lab/inner.json"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    while process.stdout.readline().strip() != "ready":
        assert process.poll() is None
    result = verify(host, listeners=[WEB, other], check_firewall=True, network_namespace="inner")
    assert verdicts(result) == {"web": "ok", "other": "shut"}
