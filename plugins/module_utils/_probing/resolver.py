# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names to addresses: each name once, all at the same time, and never longer than asked."""

from __future__ import annotations

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, NamedTuple, socket

if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Tuple

    Address = Tuple[int, Tuple[Any, ...]]

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
        found.update(_ask(names, family, timeout))
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


def _ask(names: List[str], family: str, timeout: float) -> Dict[str, Resolved]:
    from ansible_collections.netports.core.plugins.module_utils._probing import lookups

    def answer(name: str) -> Resolved:
        try:
            return _look_up(name, family)
        except (OSError, UnicodeError) as problem:
            return Resolved([], getattr(problem, "strerror", None) or "it is no host name: %s" % problem)

    found = lookups.all_at_once(names, answer, timeout)
    late = Resolved([], "the resolver did not answer within %g s" % timeout)
    return {name: found.get(name, late) for name in names}
