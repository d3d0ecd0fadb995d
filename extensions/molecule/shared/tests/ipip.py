# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a host: `ipip.py TARGET [SOURCE]` sends an IP-in-IP packet and prints `open` when it is answered, else `filtered`.

The packet inside is a datagram that asks the stand-in (listener.py) for an answer, by the same protocol.
"""

import socket
import struct
import sys

PATIENCE = 1.0
IPIP = socket.IPPROTO_IPIP
QUESTION = b"question"


def inner(source, target):
    """An IPv4 packet with a UDP datagram; the kernel of the target never reads its checksums."""
    datagram = struct.pack("!HHHH", 9, 9, 8 + len(QUESTION), 0) + QUESTION
    length = 20 + len(datagram)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, socket.IPPROTO_UDP, 0, source, target)
    return header + datagram


target, source = sys.argv[1], (sys.argv[2:] or ["0.0.0.0"])[0]
with socket.socket(socket.AF_INET, socket.SOCK_RAW, IPIP) as sock:
    sock.settimeout(PATIENCE)
    sock.bind((source, 0))
    sock.connect((target, 0))
    sock.send(inner(socket.inet_aton(sock.getsockname()[0]), socket.inet_aton(target)))
    try:
        while b"answer" not in sock.recv(1024):
            pass
        print("open")
    except OSError:  # nothing came in time, or a firewall said no
        print("filtered")
