# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that holds the sandbox: it makes the namespaces, shields the machine, and lives as long as its socket.

Run by sandbox.py as `python -I -S _holder.py FD PATH...`: FD is its end of a SOCK_SEQPACKET pair, PATHs stay writable.
Each message is JSON. It first sends {"ready": true}; a request {"host": NAME} starts a host and is answered by the
host itself with {"host": NAME}. The receiver learns the sender's process id from the message's credentials, which the
kernel translates into the receiver's own numbering. A failure is {"error": sentence, "errno": number}.

When the other end is closed, however its process ended, PID 1 of the sandbox ends, and the kernel ends everything in it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from typing import Callable, List, Optional

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_ATTR_RDONLY = 1
SYS_MOUNT_SETATTR = 442  # the same on every architecture, like all system calls since 5.1
CAP_SYS_ADMIN = 21

# Under /etc: whatever firewall the machine has, and whatever was made persistent in it, the lab's hosts begin without.
FIREWALLS = (
    "nftables.conf",
    "nftables.nft",
    "nftables.d",
    "nftables",
    "sysconfig/nftables.conf",
    "netports.nft",
    "firewalld",
    "ufw",
    "iptables",
    "cumulus",
)

_libc = ctypes.CDLL(None, use_errno=True)


class MountAttr(ctypes.Structure):
    """struct mount_attr of mount_setattr(2)."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def _checked(result: int, doing: str) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (doing, os.strerror(number)))


def unshare(flags: int, doing: str) -> None:
    _checked(_libc.unshare(flags), doing)


def mount(source: Optional[str], target: str, kind: Optional[str], flags: int = 0) -> None:
    arguments = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    _checked(_libc.mount(*arguments, ctypes.c_ulong(flags), None), "mount %s" % target)


def read_only(path: str, wanted: bool) -> None:
    """Make the mount at `path`, and with `wanted` all below it, read-only or writable."""
    attr = MountAttr(attr_set=MOUNT_ATTR_RDONLY) if wanted else MountAttr(attr_clr=MOUNT_ATTR_RDONLY)
    arguments = (AT_FDCWD, os.fsencode(path), AT_RECURSIVE if wanted else 0, ctypes.byref(attr), ctypes.sizeof(attr))
    _checked(_libc.syscall(SYS_MOUNT_SETATTR, *arguments), "mount_setattr %s" % path)


def write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        # AppArmor refuses at the close, which names no file.
        raise OSError(error.errno, "%s: %s" % (path, error.strerror)) from None


def replace(path: str, text: str) -> None:
    """A new file, as what stands there may be a link or read-only."""
    if os.path.lexists(path):
        os.unlink(path)
    write(path, text)


def may_administer() -> bool:
    """Whether namespaces can be made without a user namespace; root in a container often may not."""
    with open("/proc/self/status", encoding="utf-8") as file:
        effective = next(line.split()[1] for line in file if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> CAP_SYS_ADMIN & 1)


def leave_machine() -> None:
    """New namespaces, with the caller as their root."""
    user, group = os.geteuid(), os.getegid()
    flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS
    if may_administer():
        unshare(flags, "unshare")
        return
    unshare(flags | CLONE_NEWUSER, "unshare with a user namespace")
    write("/proc/self/setgroups", "deny")
    write("/proc/self/gid_map", "0 %d 1" % group)
    write("/proc/self/uid_map", "0 %d 1" % user)


def shield(writable: List[str]) -> None:
    """The machine's files read-only, save `writable`; its sockets under /run (systemd, D-Bus) out of sight."""
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    read_only("/", True)
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for path in ("/run", "/dev/shm"):
        mount("lab", path, "tmpfs", MS_NOSUID | MS_NODEV)
    for path in writable:
        mount(path, path, None, MS_BIND)
        read_only(path, False)


def shield_host(name: str) -> None:
    """What a host has of its own: /run with a home, a place for temporary files and a copy of /etc."""
    mount("lab", "/run", "tmpfs", MS_NOSUID | MS_NODEV)
    for path in ("/run/etc", "/run/home", "/run/tmp", "/run/lab"):
        os.mkdir(path)
    # What an ordinary user may not read is left out: nothing in the lab needs the machine's secrets.
    subprocess.run(["cp", "-a", "--no-preserve=ownership", "/etc/.", "/run/etc"], stderr=subprocess.DEVNULL, check=False)
    mount("/run/etc", "/etc", None, MS_BIND)
    subprocess.run(["rm", "-rf", *(os.path.join("/etc", name) for name in FIREWALLS)], check=True)
    replace("/etc/hosts", "127.0.0.1 localhost %s\n::1 localhost %s\n" % (name, name))
    # Programs that ask the system and not $HOME, as Ansible does, find the host's own home too.
    with open("/etc/passwd", encoding="utf-8") as file:
        others = [line for line in file if not line.startswith("root:")]
    replace("/etc/passwd", "".join(["root:x:0:0:root:/run/home:/bin/sh\n", *others]))


def send(channel: socket.socket, **message: object) -> None:
    channel.send(json.dumps(message).encode())


def guarded(channel: socket.socket, action: Callable[[], None]) -> None:
    """Do `action`; report its failure and end."""
    try:
        action()
    except OSError as error:
        send(channel, error=error.strerror or str(error), errno=error.errno)
        os._exit(1)


def be_host(channel: socket.socket, name: str) -> None:
    """Become a host of the lab; never returns."""

    def become() -> None:
        unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS, "unshare for host %s" % name)
        socket.sethostname(name)
        shield_host(name)

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    guarded(channel, become)
    send(channel, host=name)
    channel.close()
    while True:
        signal.pause()


def be_init(channel: socket.socket, writable: List[str]) -> None:
    """PID 1 of the sandbox: starts hosts, reaps orphans, ends with the channel."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    guarded(channel, lambda: shield(writable))
    send(channel, ready=True)
    while True:
        request = channel.recv(65536)
        if not request:
            os._exit(0)
        if os.fork() == 0:
            be_host(channel, json.loads(request)["host"])


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    # Ctrl-C reaches the whole terminal group; whoever opened the sandbox decides when it closes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    guarded(channel, leave_machine)
    child = os.fork()
    if child == 0:
        be_init(channel, sys.argv[2:])
    channel.close()
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
