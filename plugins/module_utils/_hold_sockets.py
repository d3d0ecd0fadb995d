# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sockets that hold ports: which ones a listener needs, and how they are bound. They take nothing that somebody has."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _address, _coverage, _run
from ansible_collections.netports.core.plugins.module_utils._listener import Listener

_WILDCARDS = {_address.IPV4: "0.0.0.0", _address.IPV6: "::"}  # noqa: S104 - the spec says where
_FAMILIES = {_address.IPV4: socket.AF_INET, _address.IPV6: socket.AF_INET6}
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_BACKLOG = 128
_CAN_BIND_SERVICE = 1 << 10  # CAP_NET_BIND_SERVICE
IP_PKTINFO = 8  # which Python has no name for


class Endpoint(NamedTuple):
    """One socket: IPv6 never takes IPv4, so that each family is held, or is not, by itself."""

    protocol: str
    family: str
    address: str
    port: int
    device: Optional[str] = None

    @property
    def wildcard(self) -> Endpoint:
        """The one that takes what comes to any address."""
        return self._replace(address=_WILDCARDS[self.family])


class UnheldError(Exception):
    """A listener cannot be held; says why."""


def endpoints(listener: Listener) -> List[Endpoint]:
    """The sockets for a listener; none for one without a port."""
    if listener.ports is None:
        return []
    addresses = _WILDCARDS if listener.bind == "any" else dict.fromkeys(_WILDCARDS, _address.plain(listener.bind))
    return [
        Endpoint(listener.protocol, family, addresses[family], listener.ports[0], listener.device)
        for family in sorted(_coverage.wanted_families(listener))
    ]


def covered(endpoint: Endpoint, held: Iterable[Endpoint]) -> bool:
    """Whether who holds all of `held` answers at the endpoint too."""
    held = set(held)
    return endpoint in held or endpoint.wildcard in held


Bound = Dict[Endpoint, socket.socket]


def bind(wanted: Sequence[Endpoint], bound: Bound, earlier: Sequence[Endpoint], only_try: bool) -> List[Endpoint]:
    """Add to `bound` the sockets for `wanted` that neither it nor `earlier` covers, all or none; what is held of it then.

    A family that the host has not is left out as long as there is another. With `only_try` no port is taken: all but the
    port is tried, and its privilege is judged. Raises UnheldError.
    """
    new: Bound = {}
    missing = ""
    try:
        for endpoint in wanted:
            if covered(endpoint, [*bound, *earlier]):
                continue
            try:
                new[endpoint] = _open(endpoint, only_try)
            except _NoFamilyError as error:
                missing = str(error)
    except UnheldError:
        _close(new)
        raise
    held = [endpoint for endpoint in wanted if covered(endpoint, [*new, *bound, *earlier])]
    if not held:
        raise UnheldError(missing)
    bound.update(new)
    return held


def _close(bound: Mapping[Endpoint, socket.socket]) -> None:
    for opened in bound.values():
        opened.close()


class _NoFamilyError(Exception):
    pass


def _open(endpoint: Endpoint, only_try: bool) -> socket.socket:
    try:
        opened = socket.socket(_FAMILIES[endpoint.family], _KINDS[endpoint.protocol])
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            raise _NoFamilyError("the host has no %s" % {"ipv4": "IPv4", "ipv6": "IPv6"}[endpoint.family]) from None
        raise UnheldError(str(error.strerror)) from None
    try:
        _set_up(opened, endpoint)
        if only_try and not _may_bind(endpoint.port):
            raise PermissionError(errno.EACCES, "")
        opened.bind((endpoint.address, 0 if only_try else endpoint.port))
        if endpoint.protocol == "tcp" and not only_try:
            opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        raise UnheldError(_sentence(error, endpoint)) from None
    return opened


def _set_up(opened: socket.socket, endpoint: Endpoint) -> None:
    opened.setblocking(False)
    if endpoint.device is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, endpoint.device.encode() + b"\0")
    if endpoint.family == _address.IPV6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if endpoint.protocol == "udp":
        # An answer has to come from the address that was asked, of which a host can have many.
        if endpoint.family == _address.IPV6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    else:
        # Connections inherit it: they end with a reset, and none stays in TIME_WAIT, which would keep the port from the
        # service that is installed next.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _may_bind(port: int) -> bool:
    first = (_run.read_text("/proc/sys/net/ipv4/ip_unprivileged_port_start") or "1024").strip()
    return port >= int(first) or bool(_capabilities() & _CAN_BIND_SERVICE)


def _capabilities() -> int:
    lines = (_run.read_text("/proc/self/status") or "").splitlines()
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)


def _sentence(error: OSError, endpoint: Endpoint) -> str:
    if error.errno == errno.EADDRINUSE:
        return "%s/%d is in use, by a connection or by a socket that does not listen" % (endpoint.protocol, endpoint.port)
    if error.errno == errno.EACCES:
        return "%s/%d is for root alone; become root" % (endpoint.protocol, endpoint.port)
    if error.errno == errno.EADDRNOTAVAIL:
        return "the host has no address %s" % endpoint.address
    if error.errno == errno.ENODEV:
        return "the host has no device %s" % endpoint.device
    if error.errno == errno.EPERM and endpoint.device is not None:
        return "only root binds to the device %s; become root" % endpoint.device
    return error.strerror or os.strerror(error.errno or 0)


def described(held: Sequence[Endpoint]) -> Tuple[str, List[str]]:
    """The families of a listener's sockets in one word, and their addresses."""
    families = sorted({endpoint.family for endpoint in held})
    return ("both" if len(families) > 1 else families[0]), [endpoint.address for endpoint in held]
