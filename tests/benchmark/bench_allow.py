# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it costs to open ports on each firewall, as whole processes of Ansible, against what else could be run.

    python tests/benchmark/bench_allow.py [--pairs 8] [--small] [--only FIREWALL]

Needs root and podman: each firewall runs in a machine with systemd (tests/lab/machine.py), which Ansible enters as cheaply as
it would run on the machine itself. Before each first run the host is put back, which is not counted.

The peers ansible.posix and community.general come with the package `ansible` from PyPI. The role linux-system-roles.firewall
is measured where it is in .venv/peers/roles, where `ansible-galaxy role install --roles-path .venv/peers/roles
linux-system-roles.firewall` puts it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(1, str(Path(__file__).resolve().parents[2] / ".venv" / "collections"))

from ansible_collections.netports.core.plugins.module_utils._firewall import registry
from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load
from tests.benchmark import _ansible, _pairs
from tests.integration import _module, rigs
from tests.lab import machine
from tests.lab.standins import listener as standin

# NetQ's cluster node has 21 ports without ssh, which is open already, and the NodePorts, which have no sockets.
_ROLE = "netq_cluster"
_VARIABLES = {
    "netq_cluster_version": "5.3",
    "netq_cluster_ports": dict.fromkeys(("ssh", "dpu", "otlp-grpc", "otlp-https", "agent", "agent-tls", "api-gateway")),
}
_LABEL = "bench"
_MANY, _FEW = 21, 7
_SYSTEM_ROLE = "linux-system-roles.firewall"

Task = Mapping[str, Any]


class Peer(NamedTuple):
    """What opens ports as well. `limit`: what our first run of 21 ports may take of its, at most."""

    title: str
    limit: float
    task: Callable[[Sequence[int]], Task]


class Kind(NamedTuple):
    """A firewall. `kept` is the directory that its peers write to, `load` the command that makes the firewall as it says."""

    role_limit: float
    peers: Sequence[Peer] = ()
    kept: str = ""
    load: str = "true"


def _loop(module: str, ports: Sequence[int], **arguments: object) -> Task:
    return {"name": "Open the ports", module: arguments, "loop": list(ports)}


def _by_iptables(ports: Sequence[int]) -> Task:
    arguments = {"chain": "INPUT", "protocol": "tcp", "destination_port": "{{ item }}", "jump": "ACCEPT"}
    return _loop("ansible.builtin.iptables", ports, **arguments)


def _by_firewalld(ports: Sequence[int]) -> Task:
    return _loop("ansible.posix.firewalld", ports, port="{{ item }}/tcp", permanent=True, immediate=True, state="enabled")


def _by_ufw(ports: Sequence[int]) -> Task:
    return _loop("community.general.ufw", ports, rule="allow", port="{{ item }}", proto="tcp")


def _by_system_role(ports: Sequence[int]) -> Task:
    return {
        "name": "Open the ports",
        "ansible.builtin.include_role": {"name": _SYSTEM_ROLE},
        "vars": {
            "firewall": [{"port": ["%d/tcp" % port for port in ports], "state": "enabled"}],
            # The machine has no Python bindings of apt. It costs the role less than finding out that firewalld is installed.
            "ansible_package_use": "present",
        },
    }


KINDS = {
    "nftables": Kind(1.15),
    "iptables": Kind(
        1.15,
        [Peer("a loop of `ansible.builtin.iptables`", 0.17, _by_iptables)],
        "/etc/iptables",
        "iptables-restore </run/bench/ipv4 && ip6tables-restore </run/bench/ipv6",
    ),
    "firewalld": Kind(
        1.4,
        [
            Peer("a loop of `ansible.posix.firewalld`", 0.15, _by_firewalld),
            Peer("`%s`, one list" % _SYSTEM_ROLE, 0.17, _by_system_role),
        ],
        "/etc/firewalld",
        "firewall-cmd --quiet --reload",
    ),
    "ufw": Kind(1.6, [Peer("a loop of `community.general.ufw`", 0.10, _by_ufw)], "/etc/ufw", "ufw reload >/dev/null"),
}


def _rigs(name: str) -> list[rigs.Rig]:
    """Those that put the firewall in charge, as the distribution has it first."""
    return sorted((rig for rig in rigs.discovered() if rig.backend == name), key=lambda rig: not rig.machines)


class Ground:
    """A machine behind a firewall, with the listeners of the role, and Ansible's way to it."""

    def __init__(self, name: str, machines: machine.Machines, home: str) -> None:
        self.name, self.kind = name, KINDS[name]
        self.host = machines.host(name)
        rig = _rigs(name)[0]
        rig.install(self.host)
        self._keep()
        self._listen()
        variables = {"ansible_python_interpreter": self.host.python, "ansible_machine_pid": self.host.pid}
        self.controller = _ansible.Controller(home, variables, connection="machine")

    def _keep(self) -> None:
        kept = "iptables-save >/run/bench/ipv4; ip6tables-save >/run/bench/ipv6; [ -z '%s' ] || cp -a '%s' /run/bench/kept"
        self.host.run(["sh", "-c", "mkdir /run/bench; " + kept % (self.kind.kept, self.kind.kept)])

    def _listen(self) -> None:
        variables = {name[len(_ROLE) + 1 :]: value for name, value in _VARIABLES.items()}
        found = _resolve.resolve(_spec_load.load((), _ROLE), _ROLE, **variables).listeners
        self.host.write("/run/lab/role", json.dumps(found))
        program = str(_ansible.ROOT / "tests" / "lab" / "standins" / "listener.py")
        for process in dict.fromkeys(standin.owner(item) for item in found if standin.wants_socket(item)):
            argv = [self.host.python, program, "--name", process, "--listeners", "/run/lab/role"]
            started = self.host.popen(argv, stdout=subprocess.PIPE)
            assert started.stdout is not None
            while started.stdout.readline() not in ("ready\n", ""):
                pass

    def _take_back(self, label: str) -> None:
        """What port_allow opened."""
        _module.run(self.host, "port_allow", {"label": label, "listeners": [], "state": "absent", "backend": self.name})

    def _restore(self) -> None:
        """What was before the peers."""
        kept = self.kind.kept
        self.host.run(["sh", "-c", "rm -rf '%s' && cp -a /run/bench/kept '%s' && %s" % (kept, kept, self.kind.load)])

    def empty(self) -> _pairs.Command:
        """A play with two modules that do nothing."""
        return self.controller.playbook("empty", [{"name": "Do nothing", "nothing": {}}] * 2, "changed=0")

    def role(self) -> list[_pairs.Command]:
        """The first run of the role, and one without change."""
        tasks = [{"name": "Apply", "ansible.builtin.include_role": {"name": "netports.core." + _ROLE}, "vars": _VARIABLES}]
        first, again = (self.controller.playbook("role %s" % said, tasks, said) for said in ("changed=1", "changed=0"))
        return [first._replace(before=lambda: self._take_back(_ROLE)), again]

    def ours(self, ports: Sequence[int]) -> list[_pairs.Command]:
        """The same of port_allow alone."""
        listeners = [{"name": "port-%d" % port, "protocol": "tcp", "port": port} for port in ports]
        tasks = [{"name": "Open the ports", "netports.core.port_allow": {"label": _LABEL, "listeners": listeners}}]
        first, again = (self.controller.playbook("ours %s" % said, tasks, said) for said in ("changed=1", "changed=0"))
        return [first._replace(before=lambda: self._take_back(_LABEL)), again._replace(after=lambda: self._take_back(_LABEL))]

    def theirs(self, peer: Peer, ports: Sequence[int]) -> list[_pairs.Command]:
        """The same of a peer, on a host without our ports."""
        tasks = [peer.task(ports)]
        first, again = (self.controller.playbook("theirs %s" % said, tasks, said) for said in ("changed=1", "changed=0"))
        return [first, again._replace(after=self._restore)]


def _role_rows(ground: Ground, pairs: int) -> Iterator[_pairs.Row]:
    groups = [ground.role(), [ground.empty()]]
    _pairs.in_turns(groups, 1)  # not counted
    (first, again), (nothing,) = _pairs.in_turns(groups, pairs)
    what = "a role of %d ports, %s" % (_MANY, ground.name)
    yield _pairs.Row(what + ", first run", "two modules that do nothing", _pairs.pair(first, nothing), ground.kind.role_limit)
    yield _pairs.Row(what + ", no change", "the same", _pairs.pair(again, nothing), ground.kind.role_limit)


def _peer_rows(ground: Ground, peer: Peer, pairs: int) -> Iterator[_pairs.Row]:
    """A peer takes so long that few pairs of it are stable; one is enough where no limit was set."""
    _pairs.in_turns([ground.theirs(peer, _ports(1))], 1)  # not counted
    for number, limit in ((_MANY, peer.limit), (_FEW, None)):
        ports = _ports(number)
        ours, theirs = _pairs.in_turns([ground.ours(ports), ground.theirs(peer, ports)], pairs if limit else 1)
        what = "`port_allow`, %d ports, %s" % (number, ground.name)
        yield _pairs.Row(what + ", first run", peer.title, _pairs.pair(ours[0], theirs[0]), limit)
        yield _pairs.Row(what + ", no change", "the same", _pairs.pair(ours[1], theirs[1]))


def _ports(number: int) -> list[int]:
    """With gaps between them, so that no range makes them one."""
    return [5000 + 10 * index for index in range(number)]


def _measured(kinds: Sequence[str], pairs: int, small: bool) -> Iterator[_pairs.Row]:
    with tempfile.TemporaryDirectory() as directory, machine.Machines() as machines:
        for name in kinds:
            home = Path(directory, name)
            home.mkdir()
            ground = Ground(name, machines, str(home))
            yield from _role_rows(ground, 1 if small else pairs)
            for peer in ground.kind.peers:
                if peer.task is _by_system_role and not (_ansible.PEERS / "roles" / _SYSTEM_ROLE).is_dir():
                    print("%s is not in %s: left out" % (_SYSTEM_ROLE, _ansible.PEERS / "roles"), file=sys.stderr)
                    continue
                yield from _peer_rows(ground, peer, 1 if small else max(1, pairs // 3))


def _missing(name: str) -> Optional[str]:
    if name not in registry.BACKENDS:
        return "port_allow does not write it"
    if not _rigs(name):
        return "tests/integration/rigs puts it on no host"
    return None


def main() -> None:
    parser = _pairs.options(__doc__, pairs=8)
    parser.add_argument("--only", choices=KINDS, help="measure this firewall alone")
    options = parser.parse_args()
    reason = machine.why_not()
    if reason is not None:
        sys.exit(reason)
    _ansible.fetch_peers("ansible.posix", "community.general")
    kinds = [options.only] if options.only else list(KINDS)
    for name in kinds:
        if _missing(name):
            print("%s: %s: left out" % (name, _missing(name)), file=sys.stderr)
    rows = list(_measured([name for name in kinds if not _missing(name)], options.pairs, options.small))
    _pairs.report(rows, judged=not options.small)


if __name__ == "__main__":
    main()
