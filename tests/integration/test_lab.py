# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab is the judge of the other integration tests, so it is judged here: its packets, its shield, its end."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Dict, List

import pytest

from tests.lab import firewall, ordinary_user
from tests.lab.fixtures import HostPair
from tests.lab.role_host import RoleHost
from tests.lab.sandbox import Lab, LabError, Target

LISTENERS = [
    {"name": "web", "protocol": "tcp", "port": 8080, "process": ["a rather long name"]},
    {"name": "inner", "protocol": "tcp", "port": 8081, "process": ["a rather long name"], "bind": "loopback"},
    {"name": "six", "protocol": "udp", "port": 8082, "process": ["other"], "family": "ipv6"},
    {"name": "ipip", "protocol": "ip", "number": 4, "seen_as": "protocol"},
    {"name": "vxlan", "protocol": "udp", "port": 8472, "process": ["kernel"]},
]


def seen(served: RoleHost, pair: HostPair) -> Dict[str, List[str]]:
    found: Dict[str, List[str]] = {}
    for knock, word in served.probe(pair.peer, 0.7).items():
        found.setdefault(knock.listener, []).append(word)
    return found


def test_real_packets_tell_open_from_refused_from_filtered(lab_host_pair: HostPair) -> None:
    served = RoleHost(lab_host_pair.host, LISTENERS)
    served.start()
    assert seen(served, lab_host_pair) == {name: ["filtered", "filtered"] for name in ("web", "inner", "six", "ipip", "vxlan")}
    firewall.install(lab_host_pair.host, firewall.DEBIAN_DEFAULT)
    assert seen(served, lab_host_pair) == {
        "web": ["open", "open"],
        "inner": ["refused", "refused"],
        "six": ["refused", "open"],
        "ipip": ["open", "open"],
        "vxlan": ["open", "open"],
    }
    served.stop("web")
    assert lab_host_pair.peer.connect(lab_host_pair.host.ipv4 or "", 8080) == "refused"
    assert lab_host_pair.peer.connect("203.0.113.1", 8080) == "unreachable"


def test_stand_ins_have_the_names_of_their_products(lab_host_pair: HostPair) -> None:
    served = RoleHost(lab_host_pair.host, LISTENERS)
    served.start()
    listing = lab_host_pair.host.run(["ss", "-Hlntup"]).stdout
    assert 'users:(("a rather long n",' in listing  # comm, cut to 15 bytes
    arguments = lab_host_pair.host.run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'"]).stdout.splitlines()
    assert "a rather long name" in arguments


def test_hosts_of_one_family(lab: Lab) -> None:
    host, peer = lab.host("host", families=("ipv6",)), lab.host("peer")
    assert (host.ipv4, host.addresses) == (None, [host.ipv6])
    assert peer.probe([Target("tcp", host.ipv6 or "", 1)]) == ["refused"]


def test_the_machine_cannot_be_touched(lab: Lab, tmp_path: pathlib.Path, checkout: pathlib.Path) -> None:
    def rules() -> str:
        return subprocess.run(["nft", "-s", "list", "ruleset"], check=True, capture_output=True, text=True).stdout

    outside = {"mounts": pathlib.Path("/proc/self/mountinfo").read_text(), "rules": rules()}
    host, other = lab.host("host"), lab.host("other")
    firewall.install(host)
    assert "policy drop" in firewall.ruleset(host)
    assert firewall.ruleset(other) == ""
    for path in (checkout / "x", "/usr/x", "/var/lib/x", "usr/x"):
        assert "Read-only file system" in host.run(["touch", str(path)], check=False).stderr
    host.run(["touch", "/etc/x", "/run/x", str(tmp_path / "x")])
    assert (tmp_path / "x").exists()
    assert not pathlib.Path("/etc/x").exists() and not other.path("/etc/x").exists()
    # No way to the machine's systemd or D-Bus, which would act outside for whoever is root in here.
    assert host.run(["sh", "-c", "ls /run/systemd /run/dbus"], check=False).returncode != 0
    assert int(host.run(["sh", "-c", "ls -d /proc/[0-9]* | wc -l"]).stdout) < 15
    assert {"mounts": pathlib.Path("/proc/self/mountinfo").read_text(), "rules": rules()} == outside


def test_named_namespaces_are_the_host_s_own(lab: Lab) -> None:
    host = lab.host("host")
    host.run(["ip", "netns", "add", "inner"])
    host.run(["ip", "netns", "exec", "inner", "ip", "link", "set", "lo", "up"])
    assert not pathlib.Path("/run/netns/inner").exists()


def test_a_failing_command_says_what_it_said(lab: Lab) -> None:
    with pytest.raises(LabError, match="host: nft list table inet none: exit 1: .*No such file"):
        lab.host("host").run(["nft", "list", "table", "inet", "none"])


PROGRAM = """
import sys, time
from tests.lab.sandbox import Lab
with Lab() as lab:
    host = lab.host("host")
    host.popen(["sleep", "1000"])
    host.popen(["setsid", "sh", "-c", "sleep 1000 & exit"]).wait()
    print(host.pid, flush=True)
    sys.stdin.readline()
    print(host.run(["id", "-u"]).stdout.strip())
"""


def start(checkout: pathlib.Path, **options: object) -> subprocess.Popen[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(checkout)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=checkout, env=env, **pipes, **options)  # type: ignore[call-overload, no-any-return]


def processes_in(namespace: str) -> List[str]:
    """Process ids in a PID namespace."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/ns/pid"):
        try:
            if os.readlink(path) == namespace:
                found.append(path.parts[2])
        except OSError:  # it ended while we looked
            continue
    return found


def gone(namespace: str, seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while processes_in(namespace) and time.monotonic() < end:
        time.sleep(0.05)
    return not processes_in(namespace)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_process_that_opened_the_lab(checkout: pathlib.Path, number: signal.Signals) -> None:
    with start(checkout, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        namespace = os.readlink("/proc/%s/ns/pid" % process.stdout.readline().strip())
        assert len(processes_in(namespace)) >= 4
        process.send_signal(number)
    assert gone(namespace)


def test_an_ordinary_user_has_a_lab_too(checkout: pathlib.Path) -> None:
    with start(checkout, preexec_fn=ordinary_user.become()) as process:
        assert process.stdout is not None
        pid = process.stdout.readline().strip()
        status = pathlib.Path("/proc/%s/status" % pid).read_text()
        assert "\nUid:\t%d\t" % ordinary_user.UID in status
        assert process.communicate("\n")[0] == "0\n"
    assert process.returncode == 0


def test_listeners_file_is_plain_json(lab_host_pair: HostPair) -> None:
    """What the stand-in reads is what the lookup returns, so that Molecule can hand it over unchanged."""
    RoleHost(lab_host_pair.host, LISTENERS).start()
    assert json.loads(lab_host_pair.host.path("/run/lab/listeners.json").read_text()) == LISTENERS
