# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a peer finds when it knocks: real connects and datagrams, all targets at once.

    prober.py SECONDS < TARGETS        TARGETS is a JSON list of [protocol, address, port]

The protocols: tcp; udp; ip (the port is the IP protocol's number); vxlan (udp with a frame in it; nobody answers that).

Prints a JSON list with one word a target:
    open         it answered
    refused      the host said that nothing is there (the packet passed its firewall)
    filtered     no answer at all in SECONDS of waiting; for UDP and IP protocols that may also be a silent owner
    unreachable  no way to the host, or an administrative refusal
The stand-ins of listener.py answer everything, so that here silence means a firewall. Independent of the
collection's own code on purpose: it is the judge of it.
"""

from __future__ import annotations

import errno
import json
import selectors
import socket
import sys
from typing import Dict, List, Tuple

Target = Tuple[str, str, int]
QUESTION = b"question"
# No flags but "this VXLAN has an identifier", the identifier 42, and a broadcast frame of an experimental type.
VXLAN = bytes.fromhex("0800000000002a00 ffffffffffff 020000000001 88b5") + b"netports".ljust(46)
REPEAT_AFTER = 0.25
REFUSALS = (errno.ECONNREFUSED, errno.ENOPROTOOPT, errno.EPROTO)


def word(number: int) -> str:
    return "refused" if number in REFUSALS else "unreachable"


def payload(target: Target) -> bytes:
    return VXLAN if target[0] == "vxlan" else QUESTION


def knock(target: Target) -> socket.socket:
    """A non-blocking socket whose first packet is on its way. Raises OSError."""
    protocol, address, port = target
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = {"tcp": socket.SOCK_STREAM, "ip": socket.SOCK_RAW}.get(protocol, socket.SOCK_DGRAM)
    sock = socket.socket(family, kind, port if protocol == "ip" else 0)
    sock.setblocking(False)
    try:
        # Connecting a UDP or raw socket is what makes the kernel hand it the refusals that come back.
        sock.connect((address, 0 if protocol == "ip" else port))
        if protocol != "tcp":
            sock.send(payload(target))
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    return sock


def verdict(target: Target, sock: socket.socket) -> str:
    """What the ready socket says."""
    if target[0] == "tcp":
        failure = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return word(failure) if failure else "open"
    try:
        sock.recv(65535)
    except OSError as error:
        return word(error.errno or 0)
    return "open"


def probe(targets: List[Target], seconds: float) -> List[str]:
    results: Dict[int, str] = {}
    waiting: Dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()
    for number, target in enumerate(targets):
        try:
            waiting[number] = knock(target)
        except OSError as error:
            results[number] = word(error.errno or 0)
            continue
        event = selectors.EVENT_WRITE if target[0] == "tcp" else selectors.EVENT_READ
        selector.register(waiting[number], event, number)
    # Counted is how long select was told to wait for nothing, not the clock: on a busy machine the clock may run out
    # while an answer lies there unread.
    left = seconds
    while waiting and left > 0:
        patience = min(REPEAT_AFTER, left)
        ready = selector.select(patience)
        for key, _events in ready:
            number = key.data
            results[number] = verdict(targets[number], waiting[number])
            selector.unregister(waiting[number])
            waiting.pop(number).close()
        if not ready:
            left -= patience
            ask_again(targets, waiting)
    for sock in waiting.values():
        sock.close()
    return [results.get(number, "filtered") for number in range(len(targets))]


def ask_again(targets: List[Target], waiting: Dict[int, socket.socket]) -> None:
    """Datagrams get lost and nobody repeats them; TCP repeats by itself."""
    for number, sock in waiting.items():
        if targets[number][0] != "tcp":
            try:
                sock.send(payload(targets[number]))
            except OSError:
                continue  # a refusal that arrived just now; the next select reports it


def main() -> None:
    targets = [tuple(target) for target in json.load(sys.stdin)]
    json.dump(probe(targets, float(sys.argv[1])), sys.stdout)


if __name__ == "__main__":
    main()
