# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab host that holds the listeners of a role, and what a peer must find at them.

The rules of what a peer must find are written from what the kernel does, not taken from the
collection's code: they judge it.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any, Collection, Dict, Iterable, List, NamedTuple, Sequence, Set, Tuple

from tests.lab.sandbox import FAMILIES, HERE, Host, LabError, Target
from tests.lab.standins import listener as standin

LISTENERS_FILE = "/run/lab/listeners.json"
Listener = Dict[str, Any]
Admission = Tuple[str, str, int]  # protocol, family, port
OPEN, REFUSED, FILTERED = "open", "refused", "filtered"


class Bound(NamedTuple):
    """A socket that was opened for a listener."""

    listener: str
    protocol: str
    address: str
    port: int


class Knock(NamedTuple):
    """One question of a peer: this listener's port, over this family."""

    listener: str
    family: str
    target: Target


def is_kernel(item: Listener) -> bool:
    return standin.owner(item) == standin.KERNEL


def number(item: Listener) -> int:
    """The one port (or IP protocol) that is known without looking at the host; 0 where there is none."""
    if item["protocol"] == "ip":
        return int(item["number"])
    text = str(item["port"])
    return int(text) if text.isdigit() else 0


def placed(listeners: Sequence[Listener], address: str) -> List[Listener]:
    """The listeners as servers bind them that share a port between loopback and the outside, as Envoy's admin does.

    A wildcard and an address of it cannot both listen, so the outer one is bound to the host's `address`.
    """
    inner = {(item["protocol"], number(item)) for item in listeners if item.get("bind") == "loopback"} - {("tcp", 0), ("udp", 0)}
    return [
        dict(item, bind=address) if item.get("bind", "any") == "any" and (item["protocol"], number(item)) in inner else item
        for item in listeners
    ]


def serving(item: Listener, stack: str, addresses: Collection[str]) -> Set[str]:
    """The families over which peers reach the sockets that the lab opens for the listener on a host of `addresses`."""
    bind = item.get("bind", "any")
    if item.get("device") or not (is_kernel(item) or standin.wants_socket(item)):
        return set()
    if bind != "any":
        return {"ipv6" if ":" in bind else "ipv4"} if bind in addresses else set()
    if is_kernel(item):
        return set(FAMILIES)
    families: Set[str] = set()
    for family, _address, v6only in standin.sockets(item, stack):
        families |= {"ipv4"} if family == standin.V4 else {"ipv6"} if v6only else set(FAMILIES)
    return families


def admit(protocol: str, port: int, families: Iterable[str] = FAMILIES) -> Set[Admission]:
    return {(protocol, family, port) for family in families}


def to_admit(listeners: Iterable[Listener]) -> Set[Admission]:
    """All that the host firewall must let in for the listeners, and no more; a dynamic port cannot be told."""
    admitted: Set[Admission] = set()
    for item in listeners:
        if item["allow"] and item.get("port") != "dynamic":
            families = FAMILIES if item.get("family", "any") in ("any", "both") else (item["family"],)
            if item.get("bind", "any") != "any":
                families = ("ipv6",) if ":" in item["bind"] else ("ipv4",)
            for port in standin.ports(item):
                admitted |= admit(item["protocol"], port, families)
    return admitted


class RoleHost:
    """The listeners of a role on a host: stand-ins for its processes, real kernel sockets for the kernel's."""

    def __init__(self, host: Host, listeners: Sequence[Listener], stack: str = "dual") -> None:
        self.host = host
        self.listeners = placed(listeners, host.addresses[0])
        self.stack = stack
        self.bound: List[Bound] = []
        self.processes: Dict[str, subprocess.Popen[str]] = {}

    def start(self) -> None:
        """Open everything; returns when it listens."""
        self.host.write(LISTENERS_FILE, json.dumps(self.listeners))
        for item in self.listeners:
            self._prepare(item)
        names = [standin.owner(item) for item in self.listeners if standin.wants_socket(item)]
        for name in dict.fromkeys(names):
            self.processes[name] = self._launch(name)
        for name, process in self.processes.items():
            self._await(name, process)

    def stop(self, listener: str) -> None:
        """Close the sockets of one listener; its process goes on."""
        item = next(item for item in self.listeners if item["name"] == listener)
        process = self.processes[standin.owner(item)]
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("close %s\n" % listener)
        process.stdin.flush()
        answer = process.stdout.readline().split()
        if answer != ["closed", listener]:
            raise LabError("the stand-in %s did not close %s: %r" % (standin.owner(item), listener, answer))
        self.bound = [bound for bound in self.bound if bound.listener != listener]

    def knocks(self, peer: Host) -> List[Knock]:
        """What `peer` can ask: the ports that are open, and the numbers that are known, over the families of both."""
        sockets = {(bound.listener, bound.port) for bound in self.bound}
        numbers = {(item["name"], number(item)) for item in self.listeners if number(item)}
        with_socket = {name for name, _port in sockets}
        asked = sockets | {(name, port) for name, port in numbers if name not in with_socket}
        protocols = {item["name"]: item["protocol"] for item in self.listeners}
        order = {item["name"]: index for index, item in enumerate(self.listeners)}
        addresses = {"ipv4": self.host.ipv4 if peer.ipv4 else None, "ipv6": self.host.ipv6 if peer.ipv6 else None}
        return [
            Knock(name, family, Target(protocols[name], address, port))
            for name, port in sorted(asked, key=lambda pair: (order[pair[0]], pair[1]))
            for family, address in addresses.items()
            if address
        ]

    def expected(self, knock: Knock, admitted: Set[Admission]) -> str:
        """What a peer must find when the host's firewall admits `admitted` and nothing else."""
        protocol, _address, port = knock.target
        if (protocol, knock.family, port) not in admitted:
            return FILTERED
        bound = {bound.listener for bound in self.bound if (bound.protocol, bound.port) == (protocol, port)}
        served = [serving(item, self.stack, self.host.addresses) for item in self.listeners if item["name"] in bound]
        return OPEN if any(knock.family in families for families in served) else REFUSED

    def probe(self, peer: Host, seconds: float = 1.0) -> Dict[Knock, str]:
        """What `peer` finds. A VXLAN socket never answers, so for it the packets that came out of the tunnel count."""
        knocks = self.knocks(peer)
        kernel = {item["name"] for item in self.listeners if is_kernel(item)}
        silent = [knock for knock in knocks if knock.listener in kernel]
        found = dict(zip(knocks, peer.probe([knock.target for knock in knocks], seconds), strict=True))
        for knock in silent:
            before = self._tunnelled(knock.target.port)
            peer.probe([Target("vxlan", *knock.target[1:])], 0.3)
            found[knock] = OPEN if self._tunnelled(knock.target.port) > before else FILTERED
        return found

    def disagreements(self, peer: Host, admitted: Set[Admission]) -> Tuple[Dict[Knock, str], List[str]]:
        """What `peer` finds, and a sentence for each knock at which that is not as it must be."""
        for seconds in (1.0, 5.0):
            found = self.probe(peer, seconds)
            wrong = {knock: seen for knock, seen in found.items() if seen != self.expected(knock, admitted)}
            # Too little may be found on a busy machine, for want of time; too much is wrong at once.
            if FILTERED not in wrong.values():
                break
        return found, [
            "%s, %s/%d over %s: %s, not %s"
            % (knock.listener, knock.target.protocol, knock.target.port, knock.family, seen, self.expected(knock, admitted))
            for knock, seen in wrong.items()
        ]

    def _prepare(self, item: Listener) -> None:
        """What the kernel must have before the listener can be bound."""
        bind, device = item.get("bind", "any"), item.get("device")
        if is_kernel(item):
            self._open_vxlan(item)
        if bind not in ("any", "loopback", *self.host.addresses) and not standin.is_loopback(bind):
            self.host.run(["ip", "address", "replace", bind, "dev", "lo"])
        if device and self.host.run(["ip", "link", "show", "dev", device], check=False).returncode:
            # A veth, because VRF and dummy are modules that not every kernel has.
            self.host.run(["ip", "link", "add", "name", device, "up", "type", "veth", "peer", "name", device[:13] + "-p"])

    def _open_vxlan(self, item: Listener) -> None:
        if item["protocol"] != "udp":
            raise LabError("%s: the kernel socket of a VXLAN is UDP, not %s" % (item["name"], item["protocol"]))
        # `external` opens a socket of each family and takes every VXLAN identifier.
        name, port = "vxlan%d" % item["port"], str(item["port"])
        self.host.run(["ip", "link", "add", "name", name, "up", "type", "vxlan", "external", "dstport", port])
        self.bound += [Bound(item["name"], "udp", address, item["port"]) for address in ("0.0.0.0", "::")]

    def _tunnelled(self, port: int) -> int:
        """Packets that came out of the tunnel with that UDP port."""
        shown = self.host.run(["ip", "-json", "-stats", "link", "show", "dev", "vxlan%d" % port])
        packets: int = json.loads(shown.stdout)[0]["stats64"]["rx"]["packets"]
        return packets

    def _launch(self, name: str) -> subprocess.Popen[str]:
        argv = [self.host.python, str(HERE / "standins" / "listener.py"), "--name", name]
        argv += ["--listeners", LISTENERS_FILE, "--stack", self.stack, "--commands"]
        return self.host.popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def _await(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            words = line.split()
            if words == ["ready"]:
                return
            self.bound.append(Bound(words[1], words[2], words[3], int(words[4])))
        raise LabError("the stand-in %s ended: %s" % (name, process.stderr.read().strip()))
