# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_listen: what peers get at ports that are held, what is left alone, and that nothing is left behind."""

from __future__ import annotations

import json
import pathlib
import subprocess
import time
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from tests.integration import _module
from tests.integration._watchdog import eventually
from tests.lab import ansible_runs
from tests.lab.machine import Machines
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import Host, Lab
from tests.lab.ssh_runs import OPERATOR, Controller

TOKEN = "a-token-of-this-run"
WEB = {"name": "web", "protocol": "tcp", "port": 8080, "family": "both", "process": ["webserver"]}
LOW = {"name": "low", "protocol": "tcp", "port": 81}
DNS = {"name": "dns", "protocol": "udp", "port": 53, "family": "both"}
FOUR = {"name": "four", "protocol": "tcp", "port": 8084, "family": "ipv4"}
OWN = [WEB, DNS, FOUR]

# Asks every [protocol, address, port, text] of its input; what is said, None when nothing is.
_ASK = """
import json, socket, sys
def ask(protocol, address, port, text):
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as asking:
        asking.settimeout(1)
        try:
            # A connected datagram socket takes only what comes from the address that it asked.
            asking.connect((address, port))
            asking.send(text.encode())
            return asking.recv(65535).decode()
        except OSError as error:
            return type(error).__name__
print(json.dumps([ask(*question) for question in json.load(sys.stdin)]))
"""


def ask(peer: Host, *questions: Tuple[str, Any, int, str]) -> List[str]:
    said: List[str] = json.loads(peer.run([peer.python, "-I", "-c", _ASK], input=json.dumps(questions)).stdout)
    return said


def listen(host: Host, *listeners: Dict[str, Any], check: bool = False, **options: Any) -> Dict[str, Any]:
    """Run the module alone. It returns at once: nothing of it keeps its output open."""
    options.setdefault("token", TOKEN)
    return _module.run(host, "port_listen", {"listeners": list(listeners), "seconds": 60, **options}, check)


def names(entries: List[Dict[str, Any]]) -> List[str]:
    return [entry["listener"] for entry in entries]


def sockets(host: Host, port: int) -> str:
    """Every socket of the host with that local port, in whatever state."""
    return host.run(["ss", "-Hantu", "sport = :%d" % port]).stdout


@pytest.fixture
def host(lab: Lab) -> Host:
    return lab.host("host")


@pytest.fixture
def peer(lab: Lab, host: Host) -> Host:
    return lab.host("peer")


def test_a_peer_gets_the_token_over_both_families_and_protocols(host: Host, peer: Host) -> None:
    done = listen(host, *OWN)
    assert done["changed"] and names(done["held"]) == ["web", "dns", "four"] and done["not_held"] == []
    assert done["held"][0]["family"] == "both" and done["held"][2]["addresses"] == ["0.0.0.0"]
    for address in host.addresses:
        said = ask(
            peer, ("tcp", address, 8080, ""), ("udp", address, 53, TOKEN + "?"), ("udp", address, 53, "netports" + "?" * 20)
        )
        assert said == [TOKEN + "\n", TOKEN, TOKEN], address
    assert ask(peer, ("tcp", host.ipv4, 8084, ""), ("tcp", host.ipv6, 8084, "")) == [TOKEN + "\n", "ConnectionRefusedError"]
    assert host.path("/proc/%d/comm" % done["pid"]).read_text() == "netports-listen\n"


@pytest.mark.slow
def test_it_cannot_be_used_against_others(host: Host, peer: Host) -> None:
    listen(host, DNS)
    said = ask(peer, *(("udp", host.ipv4, 53, question) for question in ("?" * 500, "netports", TOKEN)))
    assert said == ["TimeoutError"] * 3


def test_an_answer_comes_from_the_address_that_was_asked(host: Host, peer: Host) -> None:
    host.run(["ip", "address", "add", "198.51.100.77/24", "dev", "eth0"])
    host.run(["ip", "address", "add", "2001:db8:6c61:62::77/64", "dev", "eth0", "nodad"])
    listen(host, DNS)
    for address in ("198.51.100.77", "2001:db8:6c61:62::77"):
        assert ask(peer, ("udp", address, 53, TOKEN + "?")) == [TOKEN]


def test_what_somebody_holds_is_left_alone(host: Host, peer: Host) -> None:
    served = RoleHost(host, [WEB])
    served.start()
    before = sockets(host, 8080)
    done = listen(host, WEB, FOUR)
    assert names(done["held"]) == ["four"]
    assert [(one["listener"], one["port"]) for one in done["not_held"]] == [("web", "8080")]
    assert "held by webserver" in done["not_held"][0]["reason"]
    assert sockets(host, 8080) == before
    assert ask(peer, ("tcp", host.ipv4, 8080, "")) != [TOKEN + "\n"]


_BOUND_TO_DEVICE = """
import socket, sys, time
taken = socket.socket()
taken.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode())
taken.bind(("0.0.0.0", 8080))
taken.listen()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_devices_have_their_say(host: Host, peer: Host) -> None:
    """Whether a socket on a device is in the way is for the kernel to say: one on an interface is."""
    other = host.popen([host.python, "-c", _BOUND_TO_DEVICE, "eth0"], stdout=subprocess.PIPE)
    assert other.stdout and other.stdout.readline() == "ready\n"
    for check in (True, False):
        done = listen(host, {**WEB, "family": "ipv4"}, check=check)
        assert done["held"] == [] and "may be in the way" in done["not_held"][0]["reason"]
    done = listen(host, {**FOUR, "device": "eth0"}, {**DNS, "device": "lo"})
    assert [one["device"] for one in done["held"]] == ["eth0", "lo"]
    assert ask(peer, ("tcp", host.ipv4, 8084, ""), ("udp", host.ipv4, 53, TOKEN + "?")) == [
        TOKEN + "\n",
        "ConnectionRefusedError",
    ]
    other.kill()


def test_what_is_not_to_be_held_says_why(host: Host) -> None:
    done = listen(
        host,
        {"name": "pool", "protocol": "tcp", "port": "30001-65535"},
        {"name": "any", "protocol": "tcp", "port": "dynamic"},
        {"name": "ipip", "protocol": "ip", "number": 4},
        {"name": "node", "protocol": "tcp", "port": 30685, "seen_as": "nodeport"},
        {"name": "redirect", "protocol": "tcp", "port": 15006, "seen_as": "redirect"},
        {"name": "admin", "protocol": "tcp", "port": 9901, "bind": "loopback"},
        {"name": "elsewhere", "protocol": "tcp", "port": 9902, "bind": "192.0.2.1"},
        {"name": "vrf", "protocol": "tcp", "port": 9903, "device": "mgmt"},
    )
    assert not done["changed"] and done["held"] == [] and done["pid"] is None and done["until"] is None
    words = ["30001-65535", "dynamic", "IP protocol 4", "NodePort", "redirect", "loopback", "192.0.2.1", "mgmt"]
    assert [word in skipped["reason"] for word, skipped in zip(words, done["not_held"])] == [True] * 8, done["not_held"]


@pytest.mark.slow
def test_it_ends_at_its_time_and_its_ports_are_free_at_once(host: Host, peer: Host) -> None:
    started = time.monotonic()
    done = listen(host, *OWN, seconds=3)
    # One that closes first, one that waits for the other side to close, and one that knocks and goes.
    assert ask(peer, ("tcp", host.ipv4, 8080, "")) == [TOKEN + "\n"]
    peer.popen(["nc", host.ipv4 or "", "8080"])
    assert peer.connect(host.ipv4 or "", 8080) == "open"
    assert eventually(lambda: not host.path("/proc/%d" % done["pid"]).exists())
    assert 2 < time.monotonic() - started < 6
    assert sockets(host, 8080) == sockets(host, 53) == ""
    assert host.run(["ls", "/run/netports"], check=False).returncode != 0
    # A service without SO_REUSEADDR.
    bind = "import socket; socket.socket().bind(('0.0.0.0', 8080))"
    host.run([host.python, "-c", bind])


@pytest.mark.slow
def test_a_second_run_extends_and_adds(host: Host, peer: Host) -> None:
    first = listen(host, WEB, seconds=4)
    again = listen(host, WEB, seconds=60)
    assert not again["changed"] and again["pid"] == first["pid"] and names(again["held"]) == ["web"]
    assert again["until"] > first["until"]
    shorter = listen(host, WEB, DNS, seconds=30)
    assert shorter["changed"] and names(shorter["held"]) == ["web", "dns"] and shorter["pid"] != first["pid"]
    other = listen(host, WEB, token="another")
    assert other["held"] == [] and "held by netports-listen" in other["not_held"][0]["reason"]
    assert not listen(host, token="another", state="stopped")["changed"]
    time.sleep(4)
    assert ask(peer, ("tcp", host.ipv4, 8080, ""), ("udp", host.ipv6, 53, TOKEN + "?")) == [TOKEN + "\n", TOKEN]
    assert listen(host, state="stopped")["changed"]
    assert sockets(host, 8080) == sockets(host, 53) == ""
    assert not listen(host, state="stopped")["changed"]


@pytest.mark.slow
def test_a_family_is_added_to_what_is_held(host: Host) -> None:
    """Two roles of one host share a token, and may share a port."""
    narrow = {**WEB, "name": "narrow", "family": "ipv4"}
    assert listen(host, narrow)["held"][0]["family"] == "ipv4"
    wide = listen(host, WEB, {**WEB, "name": "inside", "family": "ipv6", "bind": host.ipv6}, narrow)
    assert wide["changed"] and names(wide["held"]) == ["web", "inside", "narrow"] and wide["held"][0]["family"] == "both"
    assert len(sockets(host, 8080).splitlines()) == 2


@pytest.mark.slow
def test_without_a_token_stop_ends_all(host: Host) -> None:
    made = {listen(host, one, token=None)["token"] for one in (WEB, DNS)}
    assert len(made) == 2
    foreseen = listen(host, token=None, state="stopped", check=True)
    assert foreseen["changed"] and sockets(host, 8080)
    assert listen(host, token=None, state="stopped")["changed"]
    assert sockets(host, 8080) == sockets(host, 53) == ""


@pytest.mark.slow
def test_a_killed_process_leaves_nothing(host: Host, peer: Host) -> None:
    first = listen(host, *OWN)
    client = peer.popen(["nc", host.ipv4 or "", "8080"])
    assert eventually(lambda: "ESTAB" in sockets(host, 8080))
    host.run(["kill", "-KILL", str(first["pid"])])
    again = listen(host, *OWN)
    client.kill()
    assert again["changed"] and names(again["held"]) == ["web", "dns", "four"] and again["pid"] != first["pid"]


def test_check_mode_foresees_and_holds_nothing(host: Host) -> None:
    RoleHost(host, [WEB]).start()
    elsewhere = {"name": "elsewhere", "protocol": "tcp", "port": 9902, "bind": "192.0.2.1"}
    foreseen = listen(host, WEB, LOW, DNS, elsewhere, check=True)
    assert foreseen["changed"] and foreseen["pid"] is None
    assert sockets(host, 53) == sockets(host, 81) == ""
    done = listen(host, WEB, LOW, DNS, elsewhere)
    assert (done["held"], done["not_held"]) == (foreseen["held"], foreseen["not_held"])
    assert names(done["held"]) == ["low", "dns"]
    assert not listen(host, LOW, check=True)["changed"]


@pytest.mark.root
@pytest.mark.parametrize("check", [True, False], ids=["check mode", "run"])
def test_without_root_low_ports_are_skipped(host: Host, check: bool) -> None:
    options = {"listeners": [WEB, LOW], "token": TOKEN}
    # The distribution's Python: others cannot always read the libraries of one that is in root's home.
    command = _module.command("port_listen", options, check, "/usr/bin/python3")
    without = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    done = _module.parse(host.run([*without, *command], check=False, env=_module.environment()))
    assert names(done["held"]) == ["web"]
    assert [one["reason"] for one in done["not_held"]] == ["tcp/81 is for root alone; become root"]
    # Another user, be it root, neither believes nor ends it.
    assert not listen(host, state="stopped")["changed"]


# Somebody's socket with such a name, whose queue is full and who never answers.
_STRANGER = """
import contextlib, socket, time
def made():
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
stranger, clients = made(), [made() for _ in range(3)]
stranger.bind("\\0netports-listen.0")
stranger.listen(0)
for client in clients:
    client.setblocking(False)
    with contextlib.suppress(OSError):
        client.connect("\\0netports-listen.0")
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_a_stranger_that_calls_itself_so_stops_nobody(host: Host) -> None:
    stranger = host.popen([host.python, "-c", _STRANGER], stdout=subprocess.PIPE)
    assert stranger.stdout and stranger.stdout.readline() == "ready\n"
    assert names(listen(host, WEB)["held"]) == ["web"]
    assert listen(host, state="stopped")["changed"]
    stranger.kill()


# More connections than it keeps, and datagrams that mean nothing.
_KNOCKS = """
import socket, sys, time
kept = [socket.create_connection((sys.argv[1], 8080)) for _ in range(600)]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
    for _ in range(2000):
        flood.sendto(b"x" * 900, (sys.argv[1], 53))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_many_knocks_do_not_silence_it(host: Host, peer: Host) -> None:
    done = listen(host, WEB, DNS)
    knocks = peer.popen([peer.python, "-c", _KNOCKS, host.ipv4 or ""], stdout=subprocess.PIPE)
    assert knocks.stdout and knocks.stdout.readline() == "ready\n"
    assert len(list(host.path("/proc/%d/fd" % done["pid"]).iterdir())) < 300
    assert ask(peer, ("tcp", host.ipv4, 8080, "noise"), ("udp", host.ipv4, 53, TOKEN + "?")) == [TOKEN + "\n", TOKEN]
    knocks.kill()


@pytest.mark.slow
def test_by_role_through_ansible(host: Host, peer: Host) -> None:
    role = {"role": "kuma_zone_cp", "version": "2.9"}
    # One that cannot be held, too: Ansible has words of its own in a result.
    loopback = {"name": "inside", "protocol": "tcp", "port": 9, "bind": "loopback"}
    tasks: List[Dict[str, Any]] = [
        {"netports.core.port_listen": {"listeners": [loopback]}},
        {"netports.core.port_listen": {**role, "seconds": 60}, "register": "listening"},
        {"netports.core.port_verify": {**role, "state": "free"}, "failed_when": False},
        {"netports.core.port_listen": {"state": "stopped", "token": "{{ listening.token }}"}},
    ]
    run = ansible_runs.playbook(host, tasks)
    assert run.code == 0, run.output
    assert [event.outcome for event in run.events] == ["ok"] * 4, run.output
    nothing, started, verified, stopped = (event.result for event in run.events)
    assert names(nothing["not_held"]) == ["inside"]
    assert started["held"] and started["role"] == "kuma_zone_cp"
    assert verified["summary"]["taken"] == len(started["held"])
    assert stopped["changed"]
    free = ansible_runs.module(host, "port_verify", {**role, "state": "free"})
    assert free.code == 0, free.output


@pytest.fixture(scope="module")
def controller(machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    machine = machines.renewed("listen")
    machine.write("/etc/systemd/logind.conf.d/kill.conf", "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=\n")
    machine.run(["systemctl", "restart", "systemd-logind"])
    directory: pathlib.Path = tmp_path_factory.mktemp("controller")
    made = Controller(machine, directory)
    yield made
    made.close()


@pytest.mark.machines
@pytest.mark.slow
@pytest.mark.parametrize("user", ["root", OPERATOR])
def test_over_ssh_it_outlives_the_session(controller: Controller, user: str) -> None:
    machine = controller.machine
    options = {"listeners": [WEB, LOW], "seconds": 300, "token": TOKEN}
    started = time.monotonic()
    run = controller.playbook([{"netports.core.port_listen": options}], user=user)
    assert time.monotonic() - started < 60
    done = run.result("port_listen")
    assert names(done["held"]) == ["web", "low"], run.output
    assert "netports-listen" in machine.path("/proc/%d/cgroup" % done["pid"]).read_text()
    machine.run(["loginctl", "kill-user", user], check=False)
    assert eventually(lambda: user not in machine.run(["loginctl", "list-sessions", "--no-legend"]).stdout)
    assert ask(machine, ("tcp", "127.0.0.1", 8080, ""), ("tcp", machine.ipv6, 81, "")) == [TOKEN + "\n"] * 2
    stopped = controller.playbook([{"netports.core.port_listen": {"state": "stopped"}}], user=user)
    assert stopped.result("port_listen")["changed"], stopped.output
    assert sockets(machine, 8080) == sockets(machine, 81) == ""
    listed = ["systemctl", "list-units", "--all", "--no-legend", "netports-listen*"]
    assert eventually(lambda: machine.run(listed).stdout == "")


@pytest.mark.machines
@pytest.mark.slow
def test_an_ordinary_user_is_told_that_his_session_may_end_it(controller: Controller) -> None:
    task = {"netports.core.port_listen": {"listeners": [WEB, LOW], "token": TOKEN}, "become": False}
    run = controller.playbook([task], user=OPERATOR)
    done = run.result("port_listen")
    assert names(done["held"]) == ["web"] and names(done["not_held"]) == ["low"], run.output
    assert any("when this user's session ends" in warning for warning in done["warnings"])
    controller.machine.run(["loginctl", "kill-user", OPERATOR])
    assert eventually(lambda: sockets(controller.machine, 8080) == "")
