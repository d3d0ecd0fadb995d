# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names to addresses: each name once, all at the same time, and never longer than asked."""

from __future__ import annotations

import time

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, NamedTuple, socket

if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Tuple

    Address = Tuple[int, Tuple[Any, ...]]

_THREADS = 32
_FAMILIES = {"any": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


class Resolved(NamedTuple):
    """The addresses as (family, sockaddr) in the resolver's order; without any, why."""

    addresses: List[Address]
    problem: str = ""


def resolve(hosts: Iterable[str], family: str, timeout: float) -> Dict[str, Resolved]:
    found: Dict[str, Resolved] = {}
    names: List[str] = []
    for host in dict.fromkeys(hosts):
        answer = _read(host, family)
        if answer is None:
            names.append(host)
        else:
            found[host] = answer
    if names:
        found.update(_by_threads(names, family, timeout))
    return found


def _read(host: str, family: str) -> Optional[Resolved]:
    """What is an address itself. The usual forms are known without the resolver, which reads its settings first."""
    for kind, rest in ((socket.AF_INET, (0,)), (socket.AF_INET6, (0, 0, 0))):
        try:
            text = socket.inet_ntop(kind, socket.inet_pton(kind, host))
        except (OSError, ValueError):
            continue
        return _of_family(host, family, [(int(kind), (text,) + rest)])
    try:
        return _look_up(host, family, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None


def _look_up(host: str, family: str, flags: int = 0) -> Resolved:
    answers = socket.getaddrinfo(host, None, socket.AF_UNSPEC, socket.SOCK_STREAM, 0, flags)
    addresses = list(dict.fromkeys((int(kind), tuple(sockaddr)) for kind, _type, _protocol, _name, sockaddr in answers))
    return _of_family(host, family, addresses)


def _of_family(host: str, family: str, addresses: List[Address]) -> Resolved:
    wanted = [each for each in addresses if family == "any" or each[0] == _FAMILIES[family]]
    if wanted:
        return Resolved(wanted)
    return Resolved([], "%s has no %s address" % (host, {"ipv4": "IPv4", "ipv6": "IPv6"}.get(family, "IP")))


def _by_threads(names: List[str], family: str, timeout: float) -> Dict[str, Resolved]:
    # Addresses need neither, and they cost more than looking at those.
    import queue
    import threading

    waiting: queue.Queue[str] = queue.Queue()
    answers: queue.Queue[Tuple[str, Resolved]] = queue.Queue()
    for name in names:
        waiting.put(name)

    def work() -> None:
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answers.put((name, _look_up(name, family)))
            except (OSError, UnicodeError) as problem:
                answers.put((name, Resolved([], getattr(problem, "strerror", None) or "it is no host name: %s" % problem)))

    # getaddrinfo cannot be interrupted; a thread that hangs in it ends with the process.
    for _number in range(min(_THREADS, len(names))):
        threading.Thread(target=work, name="netports-resolver", daemon=True).start()
    found: Dict[str, Resolved] = {}
    deadline = time.monotonic() + timeout
    while len(found) < len(names):
        try:
            name, answer = answers.get(timeout=max(0.001, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[name] = answer
    late = Resolved([], "the resolver did not answer within %g s" % timeout)
    return {name: found.get(name, late) for name in names}
