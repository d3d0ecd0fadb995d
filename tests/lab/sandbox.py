# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with real kernels, firewalls and packets in namespaces that cannot touch the machine. README.md shows the use.

    with Lab() as lab:
        server, peer = lab.host("server"), lab.host("peer")
        server.run(["nft", "-f", "-"], input=ruleset)
        server.run(["ansible-playbook", ...])

Works as root and as an ordinary user. In it the machine's files are read-only, its network, processes, D-Bus and
systemd are out of sight; each host has its own network, host name, /etc (a copy) and /run. All of it is gone when
the Lab is closed or its process ends, whatever the reason.
"""

from __future__ import annotations

import errno
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
from typing import IO, Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

FAMILIES = ("ipv4", "ipv6")
# The addresses of documentation and benchmarks: on no real network, and in a namespace anyway.
NETWORK_V4, NETWORK_V6 = "198.51.100.%d", "2001:db8:6c61:62::%x"
TOOLS = {"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux", "setpriv": "util-linux"}
# Debian leaves the sbin directories out of an ordinary user's path.
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HERE = pathlib.Path(__file__).resolve().parent
_CREDENTIALS = struct.Struct("3i")
Argv = Sequence[Union[str, "os.PathLike[str]"]]


class LabError(Exception):
    """The lab cannot do what was asked; the text says why and, where there is one, the cure."""


class Target(NamedTuple):
    """Where to knock; for the protocol `ip` the port is the IP protocol's number."""

    protocol: str
    address: str
    port: int


class _Message(NamedTuple):
    content: Dict[str, Any]
    pid: int


def _sysctl(name: str) -> Optional[str]:
    try:
        return pathlib.Path("/proc/sys", *name.split(".")).read_text().strip()
    except OSError:
        return None


def _cure(number: int) -> str:
    """What to do when the kernel refuses namespaces with errno `number`."""
    as_root = "run it as root: sudo make demo"
    switches = (
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu 23.10 and later
        ("kernel.unprivileged_userns_clone", "0", "1"),  # older Debian
        ("user.max_user_namespaces", "0", "10000"),
    )
    for name, refused, admitted in switches:
        if _sysctl(name) == refused:
            what = "This machine refuses user namespaces to ordinary users (%s = %s)" % (name, refused)
            return "%s. Either %s, or allow them: sudo sysctl -w %s=%s" % (what, as_root, name, admitted)
    if number == errno.ENOSYS:
        return "The sandbox needs Linux 5.12 or later; this is %s." % os.uname().release
    if number in (errno.EPERM, errno.EACCES):
        return "In a container, it needs --privileged; elsewhere, %s." % as_root
    return ""


def _check_machine() -> None:
    """Raises LabError for what would fail later with less of an explanation."""
    missing = sorted({TOOLS[tool] for tool in TOOLS if shutil.which(tool, path=SEARCH_PATH) is None})
    if missing:
        raise LabError("the sandbox needs %s: sudo apt-get install %s" % (" and ".join(missing), " ".join(missing)))
    if not pathlib.Path("/proc/sys/net/ipv6").exists():
        raise LabError("IPv6 is off on this machine (ipv6.disable=1 at boot), and the sandbox shows both families")
    hidden = [path for path in (str(HERE), sys.prefix, sys.base_prefix) if path.startswith(("/run/", "/dev/shm/"))]
    if hidden:
        raise LabError("the sandbox hides /run and /dev/shm, and %s is there: move the checkout" % hidden[0])


def _receive(channel: socket.socket) -> _Message:
    data, ancillary, _flags, _address = channel.recvmsg(65536, socket.CMSG_SPACE(_CREDENTIALS.size))
    if not data:
        raise LabError("the sandbox ended unexpectedly")
    content = json.loads(data)
    if "error" in content:
        raise LabError(" ".join(("cannot make the sandbox: %s." % content["error"], _cure(content["errno"]))).strip())
    return _Message(content, _CREDENTIALS.unpack(ancillary[0][2])[0])


class _Namespaces:
    """Commands inside the namespaces of the process `pid`."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid

    def path(self, inside: Union[str, pathlib.PurePath]) -> pathlib.Path:
        """The path by which this process reads and writes the host's file `inside` (absolute)."""
        return pathlib.Path("/proc/%d/root" % self.pid, *pathlib.PurePath(inside).parts[1:])

    def environment(self) -> Dict[str, str]:
        """What commands see; nothing of the caller's environment leaks in."""
        return {
            "PATH": SEARCH_PATH,
            "HOME": "/run/home",
            "TMPDIR": "/run/tmp",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def popen(self, argv: Argv, env: Optional[Mapping[str, str]] = None, **options: Any) -> subprocess.Popen[str]:
        """Start a command; it is killed when the returned process is, or with the lab."""
        # Joining an own user namespace again is refused, so it is joined only where the lab has one.
        user = ["--user", "--preserve-credentials"] if self._own_user_namespace() else []
        enter = ["nsenter", "--target=%d" % self.pid, *user, "--mount", "--uts", "--ipc", "--net", "--pid"]
        # Not nsenter's --wd: it opens the directory outside first, and the command would stand on the machine's own files.
        command = [*enter, "setpriv", "--pdeathsig=KILL", "--", *(os.fspath(word) for word in argv)]
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(command, env={**self.environment(), **(env or {})}, text=True, **options)

    def _own_user_namespace(self) -> bool:
        return os.readlink("/proc/%d/ns/user" % self.pid) != os.readlink("/proc/self/ns/user")

    def run(
        self,
        argv: Argv,
        input: Optional[str] = None,
        check: bool = True,
        timeout: float = 120,
        env: Optional[Mapping[str, str]] = None,
        stdout: Union[int, IO[str]] = subprocess.PIPE,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. With `check` a failure raises LabError with what the command said."""
        pipe = subprocess.DEVNULL if input is None else subprocess.PIPE
        with self.popen(argv, env=env, stdin=pipe, stdout=stdout, stderr=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(input, timeout)
            except BaseException:
                process.kill()
                raise
        if check and process.returncode:
            said = "\n".join(filter(None, (out, err))).strip()
            raise LabError("%s: %s: exit %d: %s" % (self.name, " ".join(map(str, argv)), process.returncode, said))
        return subprocess.CompletedProcess(list(map(str, argv)), process.returncode, out, err)


class Host(_Namespaces):
    """A host of the lab, joined to all others of it; `ipv4` and `ipv6` are its addresses, None where it has none."""

    python = sys.executable  # what runs Python on it

    def __init__(self, name: str, pid: int, number: int, families: Sequence[str]) -> None:
        super().__init__(name, pid)
        self.ipv4 = NETWORK_V4 % number if "ipv4" in families else None
        self.ipv6 = NETWORK_V6 % number if "ipv6" in families else None

    @property
    def addresses(self) -> List[str]:
        return [address for address in (self.ipv4, self.ipv6) if address]

    def probe(self, targets: Sequence[Target], seconds: float = 1.0) -> List[str]:
        """What this host finds at each of `targets`: open, refused, filtered or unreachable (standins/prober.py)."""
        argv = [self.python, "-I", "-S", str(HERE / "standins" / "prober.py"), str(seconds)]
        found: List[str] = json.loads(self.run(argv, input=json.dumps(targets)).stdout)
        return found

    def connect(self, address: str, port: int, protocol: str = "tcp", seconds: float = 1.0) -> str:
        """`probe` of one target."""
        return self.probe([Target(protocol, address, port)], seconds)[0]

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Put a file on the host (under /etc or /run: all else is the machine's, and read-only)."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def set_up_network(self) -> None:
        lines = ["link set dev lo up", "link set dev eth0 up"]
        lines += ["addr add %s/24 dev eth0" % self.ipv4] if self.ipv4 else []
        # Nobody else is on this network, and duplicate address detection would cost a second.
        lines += ["addr add %s/64 dev eth0 nodad" % self.ipv6] if self.ipv6 else []
        self.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n")
        # The kernel answers only a few closed UDP ports a second, and a test asks for many at once.
        for setting in ("ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"):
            self.sysctl(setting, 0)

    def sysctl(self, setting: str, value: int) -> None:
        """Set what is /proc/sys/net/`setting` on the host, where its kernel has that."""
        if self.path("/proc/sys/net/" + setting).exists():
            self.run(["sh", "-c", "echo %d > /proc/sys/net/%s" % (value, setting)])


class Lab:
    """A private sandbox with hosts. A context manager; `writable` are the machine's directories that stay writable."""

    def __init__(self, writable: Sequence[Union[str, os.PathLike[str]]] = ()) -> None:
        self.writable = [os.path.realpath(path) for path in writable]
        self.hosts: Dict[str, Host] = {}

    def __enter__(self) -> Lab:
        _check_machine()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        argv = [sys.executable, "-I", "-S", str(HERE / "_holder.py"), str(theirs.fileno()), *self.writable]
        self._process = subprocess.Popen(argv, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        try:
            self.switch = _Namespaces("sandbox", _receive(self._channel).pid)
            self.switch.run(["ip", "link", "add", "name", "lab", "up", "type", "bridge", "mcast_snooping", "0"])
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything in the sandbox. The kernel does it when PID 1 ends, and that ends with the channel."""
        self._channel.close()
        self._process.wait()

    def host(self, name: str, families: Sequence[str] = FAMILIES) -> Host:
        """A new host called `name`, on the network of the lab with addresses of `families`."""
        if name in self.hosts:
            raise LabError("there is a host %r already" % name)
        self._channel.send(json.dumps({"host": name}).encode())
        host = Host(name, _receive(self._channel).pid, len(self.hosts) + 1, families)
        port = "port%d" % (len(self.hosts) + 1)
        # eth0 is made inside the host at once; its name may exist in the sandbox.
        host.run(["ip", "link", "add", "name", "eth0", "type", "veth", "peer", "name", port, "netns", "1"])
        self.switch.run(["ip", "link", "set", "dev", port, "master", "lab", "up"])
        host.set_up_network()
        self.hosts[name] = host
        return host
