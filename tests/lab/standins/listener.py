# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for a product's process: real sockets under the process's name, nothing behind them.

    listener.py --name kuma-cp --listeners FILE.json [--only NAME ...] [--stack dual|ipv4|ipv6] [--commands]

FILE.json is a list of resolved listeners (docs/spec-format.md; what the lookup netports.core.ports returns). Of
these it binds the ones whose first `process` is NAME, as a Go program would: one dual-stack IPv6 socket where both
families will do. A listener without `process` belongs to the name `stand-in`. It skips what has no socket of a
process: `process: kernel`, NodePorts and redirects. An IP protocol gets a raw socket, which answers for it. A listener
with `tls_file`, a file with a key and its certificate, speaks TLS.

It prints `bound LISTENER PROTOCOL ADDRESS PORT` for each socket, then `ready`, which it tells systemd too; answers a TCP
connection with the line `NAME LISTENER`, a datagram with itself, and a raw packet that says `question`; ends on SIGTERM.
With --commands it reads `close LISTENER` from standard input (answer: `closed LISTENER`) and ends when its input ends, so
that it never outlives who started it.
One file, standard library only, Python 3.7 or later.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import selectors
import signal
import socket
import sys
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

UNNAMED = "stand-in"
KERNEL = "kernel"
QUESTION = b"question"
V4, V6 = socket.AF_INET, socket.AF_INET6
# Linux gives these no name in Python's socket module everywhere.
SO_BINDTODEVICE = 25
# Seconds that one client may keep all others waiting.
HANDSHAKE = 1.0


class Plan(NamedTuple):
    """One socket to open."""

    listener: str
    protocol: str
    family: int
    address: str
    v6only: bool
    device: Optional[str]
    tls: Optional[str]
    ports: Iterable[int]  # the first that is free is taken; 0 lets the kernel choose; an IP protocol's number


def owner(listener: Dict[str, Any]) -> str:
    """The name of the process that is to hold the listener."""
    process = listener.get("process") or UNNAMED
    return process if isinstance(process, str) else process[0]


def wants_socket(listener: Dict[str, Any]) -> bool:
    """Whether some process holds a socket for it."""
    if owner(listener) == KERNEL:
        return False
    seen_as: str = listener.get("seen_as", "protocol" if listener["protocol"] == "ip" else "socket")
    return seen_as in ("socket", "protocol")


def is_loopback(bind: str) -> bool:
    return bind in ("loopback", "::1") or bind.startswith("127.")


def ports(listener: Dict[str, Any]) -> Iterable[int]:
    if listener["protocol"] == "ip":
        return (listener["number"],)
    port = listener["port"]
    if port == "dynamic":
        return (0,)
    low, _dash, high = str(port).partition("-")
    return range(int(low), int(high or low) + 1)


def sockets(listener: Dict[str, Any], stack: str) -> List[Tuple[int, str, bool]]:
    """The sockets (family, address, v6only) that a Go-like server opens for the listener."""
    bind, family = listener.get("bind", "any"), listener.get("family", "any")
    if bind not in ("any", "loopback"):
        return [(V6, bind, True) if ":" in bind else (V4, bind, False)]
    if family == "any" and stack != "dual":
        family = stack
    v4, v6 = ("127.0.0.1", "::1") if bind == "loopback" else ("0.0.0.0", "::")
    if family == "ipv4" or (family == "any" and bind == "loopback"):
        return [(V4, v4, False)]
    if family == "ipv6":
        return [(V6, v6, True)]
    if bind == "loopback" or listener["protocol"] == "ip":
        return [(V4, v4, False), (V6, v6, True)]
    return [(V6, v6, False)]


def plans(listeners: Iterable[Dict[str, Any]], name: str, only: Iterable[str], stack: str) -> List[Plan]:
    """What the process `name` opens, in the order of the listeners."""
    chosen = set(only)
    return [
        Plan(item["name"], item["protocol"], family, address, v6only, item.get("device"), item.get("tls_file"), ports(item))
        for item in listeners
        if owner(item) == name and wants_socket(item) and (not chosen or item["name"] in chosen)
        for family, address, v6only in sockets(item, stack)
    ]


def tls_context(file: str) -> Any:
    import ssl  # few stand-ins need it, and it is most of the time that one takes to start

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def open_one(plan: Plan, port: int) -> socket.socket:
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "ip": socket.SOCK_RAW}[plan.protocol]
    sock = socket.socket(plan.family, kind, port if plan.protocol == "ip" else 0)
    try:
        if plan.protocol == "tcp":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if plan.family == V6 and plan.protocol != "ip":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(plan.v6only))
        if plan.device:
            sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, plan.device.encode() + b"\0")
        sock.bind((plan.address, 0 if plan.protocol == "ip" else port))
        if plan.protocol == "tcp":
            sock.listen(16)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def open_first(plan: Plan) -> Tuple[socket.socket, int]:
    """A socket on the first free port of the plan. Raises OSError naming the listener."""
    failure: Optional[OSError] = None
    for port in plan.ports:
        try:
            sock = open_one(plan, port)
        except OSError as error:
            failure = error
            if error.errno != errno.EADDRINUSE:
                break
        else:
            return sock, port if plan.protocol == "ip" else sock.getsockname()[1]
    raise OSError("%s: cannot bind %s %s port %s: %s" % (plan.listener, plan.protocol, plan.address, port, failure))


class Server:
    """Answers on the sockets until told to stop. One thread, one selector."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.selector = selectors.DefaultSelector()
        self.held: Dict[str, List[socket.socket]] = {}
        self.contexts: Dict[str, Any] = {}

    def add(self, plan: Plan) -> None:
        if plan.tls:
            self.contexts[plan.listener] = tls_context(plan.tls)
        sock, port = open_first(plan)
        self.held.setdefault(plan.listener, []).append(sock)
        self.selector.register(sock, selectors.EVENT_READ, (plan.protocol, plan.listener))
        print("bound", plan.listener, plan.protocol, plan.address, port)

    def close(self, listener: str) -> None:
        for sock in self.held.pop(listener, []):
            self.selector.unregister(sock)
            sock.close()
        print("closed", listener, flush=True)

    def serve(self, commands: bool) -> None:
        if commands:
            self.selector.register(sys.stdin, selectors.EVENT_READ, ("commands", ""))
        while True:
            for key, _events in self.selector.select():
                protocol, listener = key.data
                if protocol == "commands":
                    line = sys.stdin.readline()
                    if not line:
                        return
                    self.close(line.split()[-1])
                else:
                    self.answer(protocol, listener, key.fileobj)

    def spoken(self, connection: socket.socket, listener: str) -> socket.socket:
        """The connection, after a handshake where TLS is spoken."""
        if listener not in self.contexts:
            return connection
        connection.settimeout(HANDSHAKE)
        secured: socket.socket = self.contexts[listener].wrap_socket(connection, server_side=True)
        return secured

    def answer(self, protocol: str, listener: str, sock: Any) -> None:
        try:
            if protocol == "tcp":
                connection, _peer = sock.accept()
                with self.spoken(connection, listener) as connection:
                    connection.sendall(("%s %s\n" % (self.name, listener)).encode())
            else:
                data, peer = sock.recvfrom(65535)
                # A raw socket sees its own answers when the asker is on this host, so it answers questions alone.
                if protocol == "udp":
                    sock.sendto(data, peer)
                elif QUESTION in data:
                    sock.sendto(b"answer", (peer[0], 0))
        except OSError as error:
            # A client that went away, or that cannot be answered, must not stop the stand-in.
            print("%s: %s" % (listener, error), file=sys.stderr)


def take_name(name: str) -> None:
    """Run as `name`: argv[0] in full, comm cut to 15 bytes by the kernel."""
    with open("/proc/self/cmdline", "rb") as file:
        arguments = file.read().split(b"\0")[:-1]
    if arguments[0] != name.encode():
        # A Python that is called by another name cannot find its library by it, so it is told where that is.
        environment = dict(os.environ, PYTHONHOME="%s:%s" % (sys.base_prefix, sys.base_exec_prefix))
        os.execve(sys.executable, [name.encode()] + arguments[1:], environment)
    with open("/proc/self/comm", "w") as file:
        file.write(name)


def tell_systemd() -> None:
    """As a unit of the type `notify` does, so that started means bound."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"READY=1", address)


def main() -> None:
    parser = argparse.ArgumentParser(description="Hold the listeners of one process of a role.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--listeners", required=True, metavar="FILE.json")
    parser.add_argument("--only", nargs="+", default=[], metavar="LISTENER")
    parser.add_argument("--stack", choices=("dual", "ipv4", "ipv6"), default="dual")
    parser.add_argument("--commands", action="store_true")
    options = parser.parse_args()
    take_name(options.name)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    with open(options.listeners, encoding="utf-8") as file:
        listeners = json.load(file)
    server = Server(options.name)
    try:
        for plan in plans(listeners, options.name, options.only, options.stack):
            server.add(plan)
    except OSError as error:
        sys.exit("%s: %s" % (options.name, error))
    print("ready", flush=True)
    tell_systemd()
    server.serve(options.commands)


if __name__ == "__main__":
    main()
