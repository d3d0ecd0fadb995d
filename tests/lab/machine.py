# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with a systemd of their own, for firewalls that are services: containers, used like the hosts of a Lab.

    with Machines() as machines:
        server, peer = machines.host("server"), machines.host("peer")
        server.run(["systemctl", "start", "firewalld"])
        peer.connect(server.ipv4, 22)
        server.reboot()

Needs root and podman (`tools/setup molecule`). The machine's files are not to be seen, but for the checkout, read-only
and at its own path; everything is gone when the Machines are closed.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import time
from typing import Dict, Mapping, Optional, Sequence

from tests.lab.sandbox import FAMILIES, Host, LabError

ROOT = pathlib.Path(__file__).resolve().parents[2]
_SCRIPT = ROOT / "extensions" / "molecule" / "shared" / "files" / "host"
_PYTHON = "/usr/bin/python3"


def why_not() -> Optional[str]:
    """Why there can be no machines here; None where there can."""
    if os.geteuid() != 0:
        return "needs root, to run hosts with systemd in podman"
    if shutil.which("podman") is None:
        return "needs podman; tools/setup molecule installs it"
    return None


class Machine(Host):
    """A host with systemd. Its files are its own; what it runs is Debian's, with Debian's Python."""

    python = _PYTHON

    def __init__(self, machines: Machines, name: str, number: int, families: Sequence[str]) -> None:
        super().__init__(name, 0, number, families)
        self._machines = machines
        self._number = number
        self._families = families
        self.ipv4 = "10.77.0.%d" % number if "ipv4" in families else None
        self.ipv6 = "fd77::%d" % number if "ipv6" in families else None

    @property
    def network(self) -> str:
        """The file of the network namespace in which the machines can be reached."""
        return self._machines.network

    def environment(self) -> Dict[str, str]:
        return {**super().environment(), "HOME": "/root", "TMPDIR": "/tmp"}

    def start(self) -> None:
        options = ["--volume", "%s:%s:ro" % (ROOT, ROOT)]
        self._machines.script("fresh", self.name, str(self._number), self._machines.image, os.devnull, *options)
        self._started()

    def reboot(self) -> None:
        """Restart as `systemctl reboot` does: the kernel's rules are gone, the files stay."""
        self._machines.script("reboot", self.name, str(self._number))
        self._started()

    def _started(self) -> None:
        self.pid = int(self._machines.script("pid", self.name))
        self._await_systemd()
        # The script numbers in decimal, and gives both families to every host.
        for family, flag, network in (("ipv4", "-4", "10.77.0.0/24"), ("ipv6", "-6", "fd77::/64")):
            if family not in self._families:
                self.run(["ip", flag, "address", "flush", "dev", "eth0", "to", network])
        for setting in ("ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"):
            self.sysctl(setting, 0)

    def sysctl(self, setting: str, value: int) -> None:
        # In the container these files are read-only; the machine's show the network of who asks.
        script = "[ ! -e /proc/sys/net/%s ] || echo %d > /proc/sys/net/%s" % (setting, value, setting)
        subprocess.run(["nsenter", "--target=%d" % self.pid, "--net", "sh", "-c", script], check=True)

    def _await_systemd(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            state = self.run(["systemctl", "is-system-running"], check=False).stdout.strip()
            if state in ("running", "degraded"):
                return
            time.sleep(0.1)
        raise LabError("%s: systemd is not up after 60 s: %s" % (self.name, state))


class Machines:
    """A network with machines on it. A context manager."""

    def __init__(self) -> None:
        reason = why_not()
        if reason is not None:
            raise LabError(reason)
        self.hosts: Dict[str, Machine] = {}
        self._run = "lab-%d-%d" % (os.getpid(), time.monotonic_ns() % 1_000_000)
        self.network = "/run/netns/netports-%s" % self._run
        self._environment = {**os.environ, "NETPORTS_RUN": self._run, **_podman_settings()}
        self.image = _image()

    def __enter__(self) -> Machines:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        self.script("remove")

    def script(self, *arguments: str) -> str:
        """What the script that runs the hosts prints. Raises LabError with what it said."""
        done = subprocess.run(
            ["bash", str(_SCRIPT), *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        if done.returncode != 0:
            raise LabError("%s %s: %s" % (_SCRIPT.name, " ".join(arguments), (done.stdout + done.stderr).strip()))
        return done.stdout.strip()

    def host(self, name: str, families: Sequence[str] = FAMILIES) -> Machine:
        """A new machine, up and on the network with addresses of `families`."""
        if name in self.hosts:
            raise LabError("there is a host %r already" % name)
        return self.renewed(name, families)

    def renewed(self, name: str, families: Sequence[str] = FAMILIES) -> Machine:
        """The machine of that name anew: nothing is left of the one before."""
        number = list(self.hosts).index(name) if name in self.hosts else len(self.hosts)
        self.hosts[name] = Machine(self, name, number + 2, families)
        self.hosts[name].start()
        return self.hosts[name]


def _podman_settings() -> Mapping[str, str]:
    """What tools/molecule found that podman needs on this machine."""
    settings = ROOT / ".venv" / "containers.conf"
    return {"CONTAINERS_CONF": str(settings)} if settings.exists() and "CONTAINERS_CONF" not in os.environ else {}


_images: Dict[str, str] = {}


def _image() -> str:
    """The image of the hosts, made when it is not there."""
    if "image" not in _images:
        done = subprocess.run(["tools/molecule", "image"], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LabError("the image of the machines: %s" % done.stderr.strip())
        _images["image"] = done.stdout.strip()
    return _images["image"]
