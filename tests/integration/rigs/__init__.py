# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Firewalls of the hosts under test, one file a rig; the conformance suite runs on each of them.

A rig is any class of a module here that derives from Rig and names a `backend`: there is no list to keep.
"""

from __future__ import annotations

import abc
import importlib
import json
import pkgutil
import subprocess
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from tests.integration import _module
from tests.lab.machine import Machine
from tests.lab.sandbox import HERE, Host, Target


class Rig(abc.ABC):
    """A kind of firewall: drops all but SSH to start with."""

    backend: str  # of port_allow
    name: str = ""  # where one backend has several rigs
    machines = False  # whether it needs hosts with systemd
    quick = False  # whether the quick tests run on it
    family_by_family = False  # whether a run that is killed may have changed one family and not yet the other
    left_when_killed: Sequence[str] = ()  # files that a daemon wrote for a run that was killed, and that nobody misses
    watched: Sequence[str] = ("/etc",)  # the directories with what port_allow may change

    @abc.abstractmethod
    def install(self, host: Host) -> None:
        """Default drop with SSH admitted, running and for the next boot."""

    def reboot(self, host: Host) -> None:
        """Load what the next boot would load."""
        if not isinstance(host, Machine):
            raise NotImplementedError("%s says how its rules are loaded at boot" % type(self).__name__)
        host.reboot()

    @abc.abstractmethod
    def running(self, host: Host) -> str:
        """All rules in the kernel, whoever made them."""

    def state(self, host: Host) -> Dict[str, str]:
        """Everything that port_allow may change: the rules, and every file with its times."""
        files = host.run(["find", *self.watched, "-type", "f", "-printf", "%p %T@ %m %u %g %s\\n"]).stdout
        return {"rules": self.running(host), "files": "\n".join(sorted(files.splitlines()))}

    def contents(self, host: Host) -> Tuple[str, str]:
        """The rules, and what is in every file, however often it was written."""
        files = host.run(["find", *self.watched, "-type", "f", "-exec", "sha256sum", "{}", "+"]).stdout
        return self.running(host), "\n".join(sorted(files.splitlines()))


# What the hosts answer on. `admin` stands for what the operator has opened.
SERVED: List[Dict[str, Any]] = [
    {"name": "admin", "protocol": "tcp", "port": 22},
    {"name": "api", "protocol": "tcp", "port": 5678, "clients": ["app", "operator"]},
    {"name": "xds", "protocol": "tcp", "port": 5681, "clients": ["app"]},
    {"name": "low", "protocol": "tcp", "port": 6000},
    {"name": "high", "protocol": "tcp", "port": 6002},
    {"name": "dns", "protocol": "udp", "port": 5353},
    {"name": "tunnel", "protocol": "ip", "number": 4},
    {"name": "other", "protocol": "tcp", "port": 7000},
]
BY_NAME = {one["name"]: one for one in SERVED}


def listeners(*names: str) -> List[Dict[str, Any]]:
    return [BY_NAME[name] for name in names]


class Scene:
    """A host that answers everywhere behind a rig's firewall, and a peer."""

    def __init__(self, rig: Rig, host: Host, peer: Host) -> None:
        self.rig, self.host, self.peer = rig, host, peer
        if isinstance(host, Machine):
            # Its sshd would hold the port that `admin` is to answer on.
            host.run(["systemctl", "disable", "--now", "ssh.service", "ssh.socket"])
        self._serve()
        rig.install(host)
        self._forget_fast()

    def _serve(self) -> None:
        self.host.write("/run/lab/listeners", json.dumps(SERVED))
        argv = [self.host.python, str(HERE / "standins" / "listener.py")]
        argv += ["--name", "stand-in", "--listeners", "/run/lab/listeners"]
        stack = "dual" if len(self.host.addresses) == 2 else "ipv4" if self.host.ipv4 else "ipv6"
        self.server = self.host.popen([*argv, "--stack", stack], stdout=subprocess.PIPE)
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        while line != "ready\n":
            assert line, "the listeners did not start"
            line = self.server.stdout.readline()

    def _forget_fast(self) -> None:
        """Keep conntrack from passing a new packet as one of a connection that a test made before the rules changed."""
        # IP protocols have no ports, so that every packet of one peer is the same connection; the ports that UDP sockets
        # are given come again by chance.
        for timeout in ("generic_timeout", "udp_timeout", "udp_timeout_stream"):
            self.host.sysctl("netfilter/nf_conntrack_" + timeout, 1)

    def reboot(self) -> None:
        """Boot the host, or what comes to the same for its firewall."""
        if isinstance(self.host, Machine):
            # Systemd would wait for it for ten seconds: who started it from outside has to bury it, and that is nsenter.
            subprocess.run(["pkill", "-KILL", "--parent", str(self.server.pid)], check=True)
            self.server.wait()
        self.rig.reboot(self.host)
        if isinstance(self.host, Machine):
            self._serve()
            self._forget_fast()

    def allow(
        self,
        *names: str,
        check: bool = False,
        env: Optional[Mapping[str, str]] = None,
        wrapper: Optional[str] = None,
        **options: Any,
    ) -> Dict[str, Any]:
        """Run port_allow for some of SERVED; `wrapper` is a shell script that runs "$@"."""
        argv = _module.command("port_allow", {"listeners": listeners(*names), **options}, check, self.host.python)
        argv = ["sh", "-c", wrapper, "sh", *argv] if wrapper else argv
        return _module.parse(self.host.run(argv, check=False, env=_module.environment(env)))

    def start(self, *names: str, wrapper: Optional[str] = None, **options: Any) -> subprocess.Popen[str]:
        """Start port_allow and do not wait."""
        argv = _module.command("port_allow", {"listeners": listeners(*names), **options}, False, self.host.python)
        argv = ["sh", "-c", wrapper, "sh", *argv] if wrapper else argv
        return self.host.popen(argv, env=_module.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def forget_connections(self) -> None:
        """Wait until the firewall takes the packets of an IP protocol for new ones again."""
        time.sleep(1.5)

    def reached(self, peer: Optional[Host] = None, seconds: float = 0.4) -> Set[str]:
        """What a peer finds open, in every family of the host: `api`, or `api ipv6` where that is not so for all."""
        answers: Dict[str, List[str]] = {}
        targets = [(one, address) for one in SERVED for address in self.host.addresses]
        words = (peer or self.peer).probe([_target(one, address) for one, address in targets], seconds)
        for (one, address), word in zip(targets, words):
            if word == "open":
                answers.setdefault(one["name"], []).append("ipv6" if ":" in address else "ipv4")
        whole = len(self.host.addresses)
        return {
            name if len(families) == whole else "%s %s" % (name, family)
            for name, families in answers.items()
            for family in families
        }


def _target(one: Mapping[str, Any], address: str) -> Target:
    return Target(one["protocol"], address, one.get("port", one.get("number", 0)))


def unchanged(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    assert before["files"] == after["files"]
    assert before["rules"] == after["rules"]
    return True


def texts(rules: Sequence[Mapping[str, Any]]) -> Set[str]:
    """The rules of a result, one line each."""
    return {
        " ".join([rule["protocol"], ",".join(rule["ports"]), rule["family"], ",".join(rule["sources"])]).strip() for rule in rules
    }


def discovered() -> List[Rig]:
    """One rig of every kind."""
    rigs: List[Rig] = []
    for module in pkgutil.iter_modules(__path__):
        found = vars(importlib.import_module("%s.%s" % (__name__, module.name))).values()
        kinds = [kind for kind in found if isinstance(kind, type) and issubclass(kind, Rig) and hasattr(kind, "backend")]
        rigs += [kind() for kind in kinds]
    return rigs
