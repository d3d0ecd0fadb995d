# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A listener that is expected on a host, and the one place with the rules of its fields.

Pure; shared by the port spec on the controller and by the modules' `listeners` option on the target, so that a wrong
value is refused with the same sentence on both sides. Keys that only the spec has (versions, when, source ...) are
accepted here and left to `plugin_utils/_spec_model.py`.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ansible_collections.netports.core.plugins.module_utils import _address

PROTOCOLS = ("tcp", "udp", "ip")
FAMILIES = ("ipv4", "ipv6", "both", "any")
REDIRECT = "redirect"
SEEN_AS = ("socket", "nodeport", "protocol", REDIRECT)
TLS = ("none", "server", "mutual")
DYNAMIC = "dynamic"
KERNEL_PROCESS = "kernel"

_SLUG = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
_RANGE = re.compile(r"^([0-9]+)-([0-9]+)$")
# Linux IFNAMSIZ: 15 characters, no slash, no blank.
_DEVICE = re.compile(r"^[^/\s]{1,15}$")

# Every key that a listener may have, in the order in which people read them.
KEYS = (
    "name",
    "protocol",
    "port",
    "number",
    "family",
    "bind",
    "device",
    "process",
    "seen_as",
    "clients",
    "allow",
    "versions",
    "when",
    "optional",
    "preinstalled",
    "setting",
    "env",
    "bind_setting",
    "bind_env",
    "enabled_setting",
    "enabled_env",
    "tls",
    "purpose",
    "note",
    "verified",
    "expand",
    "source",
)


class Problem(ValueError):
    """A value that breaks a rule. `path` is where in the value (`port`, `process[1]`), may be empty."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__("%s: %s" % (path, sentence) if path else sentence)
        self.path = path
        self.sentence = sentence

    def under(self, prefix: str) -> Problem:
        """The same problem seen from further out: `port` under `listeners[4]` is `listeners[4].port`."""
        joiner = "" if not self.path or self.path.startswith("[") else "."
        return Problem(prefix + joiner + self.path, self.sentence)


class Listener(NamedTuple):
    """An expectation: something should listen like this (and, with `allow`, be admitted by the host firewall).

    `ports` is an inclusive (low, high) range, None for a dynamic port or an IP protocol (which has `number`).
    `bind` is `any`, `loopback` or a canonical address. `process` is empty where the owner is not checked.
    `given` is the plain data it was made from, handed back in results.
    """

    name: str
    protocol: str
    ports: Optional[Tuple[int, int]]
    number: Optional[int]
    family: str
    bind: str
    device: Optional[str]
    process: Tuple[str, ...]
    seen_as: str
    clients: Tuple[str, ...]
    allow: bool
    optional: bool
    preinstalled: bool
    given: Dict[str, Any]

    @property
    def dynamic(self) -> bool:
        return self.ports is None and self.protocol != "ip"

    @property
    def port_text(self) -> str:
        """The port as people write it: `5678`, `30001-65535`, `dynamic`, or the IP protocol's number."""
        if self.protocol == "ip":
            return str(self.number)
        if self.ports is None:
            return DYNAMIC
        low, high = self.ports
        return str(low) if low == high else "%d-%d" % (low, high)


def parse_port(value: Any) -> Optional[Tuple[int, int]]:
    """A port as an inclusive range, None for `dynamic`. Raises Problem with an empty path."""
    if value == DYNAMIC:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise Problem("", "%r is not a port (1-65535), a range such as 30001-65535, or 'dynamic'" % (value,))
    text = str(value).strip()
    match = _RANGE.match(text)
    numbers = [int(part) for part in match.groups()] if match else [int(text)] if text.isdigit() and text.isascii() else []
    if not numbers:
        raise Problem("", "%r is not a port (1-65535), a range such as 30001-65535, or 'dynamic'" % (value,))
    for number in numbers:
        if not 1 <= number <= 65535:
            raise Problem("", "%s is not a port (1-65535)" % (number,))
    low, high = numbers[0], numbers[-1]
    if low > high:
        raise Problem("", "the range %s runs backwards; write %d-%d" % (text, high, low))
    return low, high


def choice(value: Any, key: str, choices: Tuple[str, ...]) -> str:
    """The value, which has to be one of `choices`. Raises Problem with the path `key`."""
    if value not in choices or not isinstance(value, str):
        raise Problem(key, "%r is not one of %s" % (value, ", ".join(choices)))
    return value


def flag(value: Any, key: str) -> bool:
    """The value, which has to be true or false. Raises Problem with the path `key`."""
    if not isinstance(value, bool):
        raise Problem(key, "%r is not true or false" % (value,))
    return value


def names(value: Any, key: str) -> Tuple[str, ...]:
    """A tuple from one name or a list of names. Raises Problem with the path `key` or inside it."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)):
        raise Problem(key, "%r is not a name or a list of names" % (value,))
    for index, item in enumerate(values):
        if not isinstance(item, str) or not item.strip():
            raise Problem("%s[%d]" % (key, index), "%r is not a name" % (item,))
    return tuple(values)


def _bind(value: Any) -> str:
    if value in ("any", "loopback"):
        return str(value)
    try:
        return _address.canonical(value)
    except (TypeError, ValueError):
        raise Problem("bind", "%r is neither 'any' nor 'loopback' nor an IP address" % (value,)) from None


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _SLUG.match(value):
        raise Problem("name", "%r is not a name: use lower case letters, digits and single hyphens, such as http-api" % (value,))
    return value


def _number(data: Mapping[str, Any], protocol: str) -> Optional[int]:
    number = data.get("number")
    if protocol != "ip":
        if number is not None:
            raise Problem("number", "only protocol 'ip' has a number; %s has a port" % protocol)
        return None
    if data.get("port") is not None:
        raise Problem("port", "an IP protocol has no port; give its number (4 is IP-in-IP)")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 255:
        raise Problem("number", "%r is not an IP protocol number (0-255)" % (number,))
    return number


def _ports(data: Mapping[str, Any], protocol: str) -> Optional[Tuple[int, int]]:
    if protocol == "ip":
        return None
    if data.get("port") is None:
        raise Problem("port", "is missing; give a port, a range, or 'dynamic'")
    try:
        return parse_port(data["port"])
    except Problem as problem:
        raise problem.under("port") from None


def _check_bind_fits(family: str, bind: str) -> None:
    if bind in ("any", "loopback"):
        return
    carried = _address.family_of(_address.plain(bind))
    if family not in ("any", carried):
        raise Problem("bind", "%s is an %s address, so family %r cannot be served there" % (bind, carried, family))


def parse_listener(data: Any) -> Listener:
    """A Listener from plain data (docs/spec-format.md). Raises Problem with the path inside `data`."""
    if not isinstance(data, Mapping):
        raise Problem("", "%r is not a listener; give a mapping with name, protocol and port" % (data,))
    unknown = sorted(str(key) for key in data if key not in KEYS)
    if unknown:
        raise Problem(unknown[0], "is not a key of a listener; known are %s" % ", ".join(KEYS))
    name = _name(data.get("name"))
    protocol = choice(data.get("protocol"), "protocol", PROTOCOLS)
    number = _number(data, protocol)
    family = choice(data.get("family", "any"), "family", FAMILIES)
    bind = _bind(data.get("bind", "any"))
    _check_bind_fits(family, bind)
    device = data.get("device")
    if device is not None and (not isinstance(device, str) or not _DEVICE.match(device)):
        raise Problem("device", "%r is not the name of an interface or a VRF" % (device,))
    return Listener(
        name=name,
        protocol=protocol,
        ports=_ports(data, protocol),
        number=number,
        family=family,
        bind=bind,
        device=device,
        process=names(data.get("process") or (), "process"),
        seen_as=choice(data.get("seen_as", "protocol" if protocol == "ip" else "socket"), "seen_as", SEEN_AS),
        clients=names(data.get("clients") or (), "clients"),
        allow=flag(data.get("allow", not (bind == "loopback" or _address.is_loopback(bind))), "allow"),
        optional=flag(data.get("optional", False), "optional"),
        preinstalled=flag(data.get("preinstalled", False), "preinstalled"),
        given=dict(data),
    )


def parse_listeners(values: Any, where: str = "listeners") -> List[Listener]:
    """Listeners from a list of plain data; names must be unique. Raises Problem: `listeners[4].port: ...`."""
    if not isinstance(values, (list, tuple)):
        raise Problem(where, "is not a list of listeners")
    listeners: List[Listener] = []
    seen: Dict[str, int] = {}
    for index, value in enumerate(values):
        try:
            listener = parse_listener(value)
        except Problem as problem:
            raise problem.under("%s[%d]" % (where, index)) from None
        if listener.name in seen:
            text = "%r is already the name of %s[%d]" % (listener.name, where, seen[listener.name])
            raise Problem("%s[%d].name" % (where, index), text)
        seen[listener.name] = index
        listeners.append(listener)
    return listeners
