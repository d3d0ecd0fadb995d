# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may connect: from the clients of listeners and the groups of an inventory to addresses. Pure.

What an inventory says arrives as plain data, and names are resolved by a function that is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6, canonical, family_of, plain
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, model
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem

# The addresses of a DNS name. Raises ValueError with the reason.
Resolve = Callable[[str], Iterable[str]]
# Addresses and networks by word, as the option `clients` has them.
Clients = dict[str, list[str]]

ADDRESSES = "netports_addresses"
LOCAL_CONNECTIONS = ("local", "ansible.builtin.local")

_WITH_PORT = re.compile(r"^(\[[^\]]*\]|[^:\[\]]+):[0-9]+$")
# Names as resolvers take them, also beyond ASCII. One that ends in a number would be read as a short form of an address.
_NAME = re.compile(r"^(?!.*(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$)[^\W](?:[\w-]|\.(?!\.))*$", re.IGNORECASE)
_LONGEST_LIST = 10
_FAMILY_NAMES = {IPV4: "IPv4", IPV6: "IPv6"}


class Host(NamedTuple):
    """What the inventory says about a host. `facts` are the addresses that were gathered; None: not set."""

    name: str
    addresses: Any = None
    facts: tuple[str, ...] = ()
    ansible_host: Any = None
    local: bool = False


class Found(NamedTuple):
    """The addresses of a host, or why they are not known."""

    addresses: tuple[str, ...]
    problem: str = ""


class Restriction(NamedTuple):
    """The option `clients` for the module, and what people should know about it."""

    clients: Clients
    warnings: tuple[str, ...]


# ---------------------------------------------------------------------------------------------------------------------
# Addresses of a host


def find(host: Host, resolve: Resolve) -> Found:
    """What other hosts see as the addresses of `host`: as the inventory says, else its facts, else its name."""
    try:
        return Found(_addresses(host, resolve))
    except ValueError as error:
        return Found((), str(error))


def _addresses(host: Host, resolve: Resolve) -> tuple[str, ...]:
    if host.addresses is not None:
        return _stated(host.addresses, resolve)
    gathered = {canonical(address) for address in host.facts if not _why_of_no_use(address)}
    if gathered:
        return tuple(sorted(gathered))
    if host.ansible_host is None and host.local:
        raise ValueError("its connection is local")
    if host.ansible_host is not None and not isinstance(host.ansible_host, str):
        raise ValueError("ansible_host: %r is not a text" % (host.ansible_host,))
    text = host.name if host.ansible_host is None else host.ansible_host
    where = "" if host.ansible_host is None else "ansible_host: "
    try:
        networks = parse(text, resolve)
        for network in networks:
            reason = "/" in network and "is a network" or _why_of_no_use(network)
            if reason:
                raise ValueError("%r %s" % (text, reason))
    except ValueError as error:
        raise ValueError("%s%s" % (where, error)) from None
    return networks


def _stated(value: Any, resolve: Resolve) -> tuple[str, ...]:
    values = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or not values:
        raise ValueError("%s: %r is not a list of addresses, networks or names" % (ADDRESSES, value))
    found: set[str] = set()
    for index, text in enumerate(values):
        try:
            found.update(parse(text, resolve))
        except ValueError as error:
            raise ValueError("%s[%d]: %s" % (ADDRESSES, index, error)) from None
    return tuple(sorted(found))


def _why_of_no_use(address: str) -> str:
    """Why packets of other hosts do not come from the address; empty where they may."""
    try:
        number = intervals.number_of(plain(canonical(address)))
    except ValueError:
        return "is no address of use to other hosts"  # such as one with a zone
    if family_of(plain(address)) == IPV4:
        kinds = {127: "a loopback", 0: "an unspecified"}
        kind = "a link-local" if number >> 16 == 0xA9FE else "a multicast" if number >> 28 == 0xE else kinds.get(number >> 24)
    else:
        kinds = {1: "a loopback", 0: "an unspecified"}
        kind = "a link-local" if number >> 118 == 0x3FA else "a multicast" if number >> 120 == 0xFF else kinds.get(number)
    return "is %s address" % kind if kind else ""


# ---------------------------------------------------------------------------------------------------------------------
# Addresses, networks and names as people write them


def parse(value: Any, resolve: Resolve) -> tuple[str, ...]:
    """The addresses and networks that a text stands for, names by `resolve`. Raises ValueError with what would be right."""
    if not isinstance(value, str):
        raise ValueError("%r is not an address, a network or a name" % (value,))
    text = value.strip()
    if _WITH_PORT.match(text):
        raise ValueError("%r has a port; leave it out" % (value,))
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if "%" in text and ":" in text:
        raise ValueError("%r has a zone, which is known to one host alone; leave it out" % (value,))
    try:
        family, network = intervals.parse_network(text)
    except ValueError:
        if not _NAME.match(text):
            raise
        return _by_name(text, resolve)
    return (intervals.network_text(network, family),)


def _by_name(name: str, resolve: Resolve) -> tuple[str, ...]:
    try:
        answers = list(resolve(name))
    except ValueError as error:
        raise ValueError("%r cannot be resolved on the controller: %s" % (name, error)) from None
    reasons = {answer: _why_of_no_use(answer) for answer in answers}
    found = sorted({plain(canonical(answer)) for answer in answers if not reasons[answer]})
    if not found:
        said = ", ".join("%s, which %s" % item for item in reasons.items()) or "nothing"
        raise ValueError("%r is, on the controller, %s" % (name, said))
    return tuple(found)


def named(clients: Mapping[str, Any], resolve: Resolve) -> Clients:
    """The option `clients` with the addresses of names in their place. Raises Problem: `clients.kuma_dp[1]: ...`."""
    result: Clients = {}
    for word, values in clients.items():
        values = [values] if isinstance(values, str) else values
        if not isinstance(values, (list, tuple)):
            raise Problem("clients.%s" % word, "is not a list of addresses, networks or names")
        found = result.setdefault(word, [])
        for index, value in enumerate(values):
            try:
                found.extend([value] if value == model.ANY else parse(value, resolve))
            except ValueError as error:
                raise Problem("clients.%s[%d]" % (word, index), str(error)) from None
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Clients of listeners


def restrict(
    listeners: Sequence[Listener],
    clients: Clients,
    groups: Mapping[str, Sequence[str]],
    kinds: Callable[[str], Collection[str]],
    find_all: Callable[[Collection[str]], Mapping[str, Found]],
) -> Restriction:
    """`clients`, completed by the inventory's hosts for every client that the listeners have.

    `kinds` are the roles that a word stands for: the role itself and those that include it. `find_all` is asked once, for
    all hosts. Raises Problem with all clients or all hosts that are not known.
    """
    restricted = [one for one in listeners if one.allow and not one.dynamic and not model.open_to_all(one, clients)]
    words = _words(restricted)
    hosts_of = {word: members(word, groups, kinds(word)) for word in words if word not in clients}
    _refuse_strangers(words, [word for word, hosts in hosts_of.items() if hosts is None])
    hosts = {word: found for word, found in hosts_of.items() if found is not None}
    found = find_all({host for of_word in hosts.values() for host in of_word})
    _refuse_unknown(hosts, found)
    known = {word: sorted({address for host in of_word for address in found[host].addresses}) for word, of_word in hosts.items()}
    complete = {**clients, **known}
    return Restriction(complete, tuple(_one_sided(restricted, complete)))


def _words(listeners: Iterable[Listener]) -> dict[str, list[str]]:
    """Every client with the names of the listeners that have it."""
    words: dict[str, list[str]] = {}
    silent = []
    for listener in listeners:
        if not listener.clients:
            silent.append(listener.name)
        for word in listener.clients:
            words.setdefault(word, []).append(listener.name)
    if silent:
        sentence = "these listeners do not say who their clients are: %s; give them clients, [any] for everybody"
        raise Problem("restrict", sentence % ", ".join(silent))
    return words


def members(word: str, groups: Mapping[str, Sequence[str]], kinds: Collection[str]) -> list[str] | None:
    """The hosts of the groups that stand for a client; None without any such group. Many keep hyphens out of groups."""
    names = dict.fromkeys([word, word.replace("-", "_"), *kinds])
    present = [groups[name] for name in names if name in groups]
    return list(dict.fromkeys(host for hosts in present for host in hosts)) if present else None


def _refuse_strangers(words: Mapping[str, Sequence[str]], strangers: Sequence[str]) -> None:
    if not strangers:
        return
    said = ", ".join("%s (of %s)" % (word, ", ".join(dict.fromkeys(words[word]))) for word in strangers)
    raise Problem(
        "restrict",
        "neither the inventory nor clients says who these clients are: %s. Make groups of these names, or name addresses: "
        "clients: {%s}; an empty list or group is nobody, any is everybody"
        % (said, ", ".join("%s: [...]" % word for word in strangers)),
    )


def _refuse_unknown(members: Mapping[str, Sequence[str]], found: Mapping[str, Found]) -> None:
    unknown = [host for host in found if found[host].problem]
    if not unknown:
        return
    said = ["%s (%s)" % (host, found[host].problem) for host in sorted(unknown)[:_LONGEST_LIST]]
    said += ["and %d more" % (len(unknown) - _LONGEST_LIST)] if len(unknown) > _LONGEST_LIST else []
    words = [word for word, hosts in members.items() if any(found[host].problem for host in hosts)]
    raise Problem(
        "restrict",
        "the addresses of these hosts are not known: %s. Set %s for them, gather their facts before, or name all addresses of "
        "their kind: clients: {%s}" % (", ".join(said), ADDRESSES, ", ".join("%s: [...]" % word for word in words)),
    )


def _one_sided(listeners: Iterable[Listener], clients: Clients) -> Iterable[str]:
    """Warnings about listeners that have clients in one family alone. Those without any are the module's to tell."""
    known = model.parse_clients(clients)
    closed: dict[str, list[str]] = {}
    for listener in listeners:
        families = {family for word in listener.clients for family, _network in known[word]}
        for family in model.families_of(listener):
            if families and family not in families:
                closed.setdefault(family, []).append(listener.name)
    for family, names in sorted(closed.items()):
        sentence = "over %s nobody is admitted to %s: none of their clients has an %s address"
        yield sentence % (_FAMILY_NAMES[family], ", ".join(names), _FAMILY_NAMES[family])
