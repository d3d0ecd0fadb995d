# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a host: what comes of connecting to others. Targets as JSON on standard input, their states as JSON on standard output.

A target has `address`, `protocol` and `port`. `open`: a TCP connection, or an answer to a datagram. `refused`: the other
side said no. `filtered`: no answer at all, or that of a firewall that says so.
A datagram carries the bytes of `question` (hexadecimal), from `from_port`. A target that never answers has `burst`: it is
sent so many datagrams, and `sent` means that nobody said no. Whether they arrived is for its own kernel to say.
"""

import concurrent.futures
import errno
import json
import socket
import sys

# Time for a second SYN, which the kernel sends after one second.
PATIENCE = 1.5
# How long to listen for a refusal.
PAUSE = 0.2


def burst(sock, question, times):
    sock.settimeout(PAUSE)
    for _time in range(times):
        sock.send(question)
    try:
        sock.recv(64)
    except socket.timeout:  # noqa: UP041
        return "sent"
    raise ValueError("what was said to be silent answered")


def state(target):
    kind = socket.SOCK_DGRAM if target["protocol"] == "udp" else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in target["address"] else socket.AF_INET
    with socket.socket(family, kind) as sock:
        sock.settimeout(PATIENCE)
        try:
            if "from_port" in target:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("", target["from_port"]))
            sock.connect((target["address"], target["port"]))
            if kind == socket.SOCK_DGRAM:
                question = bytes.fromhex(target["question"]) if "question" in target else b"netports"
                if "burst" in target:
                    return burst(sock, question, target["burst"])
                sock.send(question)
                sock.recv(64)
        except ConnectionRefusedError:
            return "refused"
        except socket.timeout:  # noqa: UP041 - a class of its own before Python 3.10
            return "filtered"
        except OSError as error:
            if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES):
                return "filtered"
            raise
        return "open"


targets = json.load(sys.stdin)
with concurrent.futures.ThreadPoolExecutor(max(len(targets), 1)) as pool:
    json.dump(list(pool.map(state, targets)), sys.stdout)
