# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumps over netlink: the framing that sock_diag and rtnetlink share. No rules, only bytes in and out."""

from __future__ import annotations

import errno
import os
import struct

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, socket

if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, List, Tuple

NETLINK_ROUTE = 0
NETLINK_SOCK_DIAG = 4

_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_REQUEST_DUMP = 0x301
_NLM_F_DUMP_INTR = 0x10
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NLA_TYPE_MASK = 0x3FFF

# A dump that something changed under is asked for again; a host that changes all the time gets the last one, whose
# only fault is that a socket opened or closed meanwhile may be missing or doubled.
_ATTEMPTS = 5
_BUFFER = 1 << 17
_TIMEOUT = 10.0


class NetlinkError(Exception):
    """The kernel refused a dump, or its answer makes no sense; says which errno."""


def _refused(number: int) -> NetlinkError:
    return NetlinkError("%s (%s)" % (errno.errorcode.get(number, "errno %d" % number), os.strerror(number)))


class Netlink:
    """One netlink socket, opened in the network namespace of the calling thread."""

    def __init__(self, family: int) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family)
        except OSError as problem:
            raise _refused(problem.errno or 0) from None
        self._socket.settimeout(_TIMEOUT)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def dump(self, kind: int, request: bytes) -> List[bytes]:
        """The payloads of all messages that answer one dump request. Raises NetlinkError."""
        payloads: List[bytes] = []
        for _attempt in range(_ATTEMPTS):
            payloads = []
            try:
                if self._dump_once(kind, request, payloads.append):
                    break
            except socket.timeout:
                raise NetlinkError("ETIMEDOUT (the kernel did not finish the dump)") from None
            except OSError as problem:
                raise _refused(problem.errno or 0) from None
        return payloads

    def _dump_once(self, kind: int, request: bytes, take: Callable[[bytes], None]) -> bool:
        """Whether the dump is consistent."""
        self._sequence += 1
        self._socket.send(_HEADER.pack(_HEADER.size + len(request), kind, _NLM_F_REQUEST_DUMP, self._sequence, 0) + request)
        consistent = True
        while True:
            data = self._socket.recv(_BUFFER)
            for message, flags, payload in _messages(data, self._sequence):
                if flags & _NLM_F_DUMP_INTR:
                    consistent = False
                if message in (_NLMSG_DONE, _NLMSG_ERROR):
                    # A dump that fails half way says so in its DONE message.
                    status = struct.unpack_from("=i", payload)[0] if len(payload) >= 4 else 0
                    if status:
                        raise _refused(-status)
                    return consistent
                take(payload)


def _messages(data: bytes, sequence: int) -> Iterator[Tuple[int, int, bytes]]:
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, number, _port = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size or offset + length > len(data):
            raise NetlinkError("EBADMSG (a message of %d bytes in %d)" % (length, len(data) - offset))
        # What is left of an interrupted dump before carries an older number.
        if number == sequence:
            yield kind, flags, data[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3


def attributes(payload: bytes, offset: int = 0) -> Dict[int, bytes]:
    """The attributes that follow `offset`; of a repeated one the last. Stops where the bytes make no sense."""
    found: Dict[int, bytes] = {}
    while offset + _ATTRIBUTE.size <= len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, offset)
        if length < _ATTRIBUTE.size or offset + length > len(payload):
            break
        found[kind & _NLA_TYPE_MASK] = payload[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return found
