# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cable with a program in it: every frame that comes in at one interface leaves at the other, later.

Run by links.py as `python -I -S _relay.py INTERFACE INTERFACE`. Each line of its input is a delay in seconds for the frames that
come from then on, and is answered by a line once it is in force.
"""

from __future__ import annotations

import heapq
import os
import select
import socket
import sys
import time
from typing import List, Optional, Tuple

_ETH_P_ALL = 3
_SOL_PACKET = 263
# The kernel then tells, with each frame, which checksums it still owes and what is to be segmented, and takes it back so.
_PACKET_VNET_HDR = 15
_PACKET_IGNORE_OUTGOING = 23
_LARGEST = 1 << 17


def _opened(interface: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setblocking(False)
    sock.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    sock.bind((interface, _ETH_P_ALL))
    return sock


def _passed_on(sock: socket.socket, frame: bytes) -> None:
    try:
        sock.send(frame)
    except OSError:
        pass  # a full queue, or a frame that the interface does not take: lost, as on a wire


def relay(first: socket.socket, second: socket.socket) -> None:
    other = {first: second, second: first}
    waiting: List[Tuple[float, int, socket.socket, bytes]] = []
    delay, number = 0.0, 0
    while True:
        patience: Optional[float] = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _writable, _other = select.select([0, first, second], [], [], patience)
        now = time.monotonic()
        for sock in [each for each in readable if each != 0]:
            number += 1
            heapq.heappush(waiting, (now + delay, number, other[sock], sock.recv(_LARGEST)))
        while waiting and waiting[0][0] <= now:
            _due, _number, out, frame = heapq.heappop(waiting)
            _passed_on(out, frame)
        if 0 in readable:
            line = os.read(0, 64)
            if not line:
                return
            delay = float(line)
            print(delay, flush=True)


if __name__ == "__main__":
    relay(_opened(sys.argv[1]), _opened(sys.argv[2]))
