# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""firewalld over D-Bus, by busctl of systemd: some 10 ms a call, where firewall-cmd takes 300.

What busctl prints is read in its own notation, which every version has; --json came with systemd 240.
"""

from __future__ import annotations

import re
import time
from typing import Any, Dict, FrozenSet, Iterator, List, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._address import IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import units
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_model import Binding, Entries, Group, Zone
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError
from ansible_collections.netports.core.plugins.module_utils._run import Answer, Effects

_NAME = "org.fedoraproject.FirewallD1"
_ROOT = "/org/fedoraproject/FirewallD1"
_ZONE = _NAME + ".zone"
_IPSET = _NAME + ".ipset"
_CONFIG = _NAME + ".config"
START_TIMEOUT = 20.0
# A rich rule takes the daemon some 10 ms, and there may be hundreds.
_CALL_TIMEOUT = 100
_UNKNOWN = ("INVALID_SERVICE", "INVALID_IPSET")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPE = re.compile(rb"\\([0-7]{3}|x[0-9a-fA-F]{2}|.)")
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"s": b" "}


class BusError(FirewallError):
    """firewalld refused a call; `code` is the name of its error, such as INVALID_SERVICE."""

    def __init__(self, call: str, said: str) -> None:
        super().__init__("firewalld refused %s: %s" % (call, said))
        self.code = said.partition(":")[0].strip()


def _unescaped(text: str) -> str:
    def letter(match: Any) -> bytes:
        what: bytes = match.group(1)
        if what[:1] == b"x" and len(what) == 3:
            return bytes((int(what[1:], 16),))
        return bytes((int(what, 8) & 255,)) if len(what) == 3 else _LETTERS.get(what, what)

    return _ESCAPE.sub(letter, text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


def _tokens(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        yield _unescaped(match.group(1)) if match.group(1) is not None else match.group(2)


def _member(signature: str) -> str:
    """The first complete type of a signature."""
    if signature[0] == "a":
        return "a" + _member(signature[1:])
    if signature[0] not in "({":
        return signature[0]
    depth = 0
    for index, letter in enumerate(signature):
        depth += (letter in "({") - (letter in ")}")
        if depth == 0:
            return signature[: index + 1]
    raise ValueError("incomplete signature %r" % signature)


def _members(signature: str) -> Iterator[str]:
    while signature:
        member = _member(signature)
        yield member
        signature = signature[len(member) :]


def _value(signature: str, tokens: Iterator[str]) -> Any:
    kind = signature[0]
    if kind == "v":
        return _value(next(tokens), tokens)
    if kind in "({":
        values = [_value(member, tokens) for member in _members(signature[1:-1])]
        return tuple(values)
    if kind == "a":
        items = [_value(signature[1:], tokens) for _index in range(int(next(tokens)))]
        return dict(items) if signature[1] == "{" else items
    word = next(tokens)
    return word == "true" if kind == "b" else word if kind in "sog" else float(word) if kind == "d" else int(word)


def parse(text: str) -> Any:
    """What a call answered, from the notation of busctl. Raises ValueError."""
    tokens = _tokens(text)
    try:
        signature = next(tokens, "")
        values = [_value(member, tokens) for member in _members(signature)]
    except (StopIteration, IndexError):
        raise ValueError("incomplete answer %r" % text[:80]) from None
    return values[0] if len(values) == 1 else values or None


def _strings(values: Sequence[str]) -> List[str]:
    return [str(len(values)), *values]


def _pairs(values: Sequence[Tuple[str, str]]) -> List[str]:
    return [str(len(values)), *(item for pair in values for item in pair)]


class Bus:
    """The calls that port_allow needs. Each raises BusError when firewalld refuses it."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self._busctl = _run.find_program("busctl")
        self.default_zone = ""  # known when it runs
        self._services: Optional[FrozenSet[str]] = None

    def runs(self) -> bool:
        """Is firewalld there to be asked? Waits for one that is just starting. Raises FirewallError."""
        if self._busctl is None:
            raise FirewallError("the command busctl is not there; firewalld is asked by it (package systemd)")
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            answer = self._ask((_ROOT, _NAME, "getDefaultZone"))
            if answer.rc == 0:
                self.default_zone = str(parse(answer.stdout))
                return True
            if not _absent(answer):
                raise FirewallError("cannot ask firewalld over D-Bus: %s" % _said(answer))
            if units.firewalld(self._effects)[0] not in units.ALIVE:
                return False
            if time.monotonic() > deadline:
                raise FirewallError("firewalld has been starting for %d s and does not answer on D-Bus" % START_TIMEOUT)
            time.sleep(0.1)

    def _command(self, call: Sequence[str], verb: str = "call") -> List[str]:
        path, interface, *rest = call
        options = ["--auto-start=no", "--timeout=%d" % _CALL_TIMEOUT]
        return [self._busctl or "busctl", *options, verb, _NAME, path, interface, *rest]

    def _ask(self, call: Sequence[str], verb: str = "call") -> Answer:
        return self._effects.query(self._command(call, verb))

    def ask(self, *call: str, verb: str = "call") -> Any:
        answer = self._ask(call, verb)
        if answer.rc != 0:
            raise BusError(call[2], _said(answer))
        try:
            return parse(answer.stdout)
        except ValueError as error:
            raise FirewallError("cannot read what firewalld answered to %s: %s" % (call[2], error)) from None

    def tell(self, *call: str) -> None:
        answer = self._effects.change(self._command(call))
        if answer.rc != 0:
            raise BusError(call[2], _said(answer))

    # The running firewall.

    def state(self) -> str:
        return str(self.ask(_ROOT, _NAME, "state", verb="get-property"))

    def panics(self) -> bool:
        return bool(self.ask(_ROOT, _NAME, "queryPanicMode"))

    def has_direct_rules(self) -> bool:
        return any(self.ask(_ROOT, _NAME + ".direct", call) for call in ("getAllRules", "getAllPassthroughs"))

    def active_zones(self) -> Dict[str, Binding]:
        found = self.ask(_ROOT, _ZONE, "getActiveZones")
        return {
            zone: Binding(tuple(bound.get("interfaces", ())), tuple(bound.get("sources", ()))) for zone, bound in found.items()
        }

    def zone(self, name: str) -> Optional[Zone]:
        """A zone with what was added to it at run time; None for one that firewalld does not know."""
        try:
            found = self.ask(_ROOT, _ZONE, "getZoneSettings2", "s", name)
        except BusError as error:
            if error.code == "INVALID_ZONE":
                return None
            if "UnknownMethod" in str(error):
                raise FirewallError("this firewalld is too old; port_allow needs 0.9.0 or later") from None
            raise
        held = Entries(tuple(found.get("services", ())), tuple(found.get("rules_str", ())))
        return Zone(str(found.get("target", "default")), held, tuple(found.get("ports", ())), tuple(found.get("protocols", ())))

    def set_zone(self, name: str, held: Entries) -> None:
        """Give a zone these services and rich rules at run time, in one call; what stays is not touched."""
        self.tell(_ROOT, _ZONE, "setZoneSettings2", "sa{sv}", name, *_entries_argument(held))

    def service(self, name: str) -> Optional[Tuple[Tuple[Tuple[str, str], ...], Tuple[str, ...]]]:
        """The ports and protocols of a service as the running firewalld knows it; None when it knows none."""
        # To ask for an unknown one would leave an error in its log.
        if self._services is None:
            self._services = frozenset(self.ask(_ROOT, _NAME, "listServices"))
        if name not in self._services:
            return None
        found = self.ask(_ROOT, _NAME, "getServiceSettings2", "s", name)
        return tuple(found.get("ports", ())), tuple(found.get("protocols", ()))

    def set_entries(self, name: str) -> Optional[Tuple[str, ...]]:
        """The members of an ipset as the running firewalld knows it; None when it knows none."""
        if name not in self.ask(_ROOT, _IPSET, "getIPSets"):
            return None
        return tuple(self.ask(_ROOT, _IPSET, "getEntries", "s", name))

    def fill_set(self, name: str, members: Sequence[str]) -> None:
        self.tell(_ROOT, _IPSET, "setEntries", "sas", name, *_strings(members))

    # The permanent configuration, as the daemon has it in memory and writes it. It would see files that are changed
    # beside it too, but five seconds later, and until then others who change the configuration would write the old one.

    def _object(self, kind: str, name: str) -> str:
        return str(self.ask(_ROOT + "/config", _CONFIG, "get%sByName" % kind, "s", name))

    def _keep(self, kind: str, name: str, is_there: bool, add: Sequence[str], update: Sequence[str]) -> None:
        """Add a `Service` or `IPSet`, or change the one that is there; files that changed lately may mislead about which."""
        if not is_there:
            try:
                self.tell(_ROOT + "/config", _CONFIG, *add)
                return
            except BusError as error:
                if error.code != "NAME_CONFLICT":
                    raise
        try:
            path = self._object(kind, name)
        except BusError as error:
            if error.code not in _UNKNOWN:
                raise
            self.tell(_ROOT + "/config", _CONFIG, *add)
        else:
            self.tell(path, "%s.%s" % (_CONFIG, kind.lower()), *update)

    def keep_service(self, group: Group, short: str, is_there: bool) -> None:
        settings = ["3", "short", "s", short, "ports", "a(ss)", *_pairs(group.ports)]
        settings += ["protocols", "as", *_strings(group.protocols)]
        add = ["addService2", "sa{sv}", group.service, *settings]
        self._keep("Service", group.service, is_there, add, ["update2", "a{sv}", *settings])

    def keep_set(self, name: str, group: Group, short: str, is_there: bool) -> None:
        options = [("family", "inet6")] if group.family == IPV6 else []
        settings = ["", short, "", "hash:net", *_pairs(options), *_strings(group.sources)]
        add = ["addIPSet", "s(ssssa{ss}as)", name, *settings]
        self._keep("IPSet", name, is_there, add, ["update", "(ssssa{ss}as)", *settings])

    def keep_zone(self, name: str, drop: Entries, add: Entries) -> None:
        path = self._object("Zone", name)
        found = self.ask(path, _CONFIG + ".zone", "getSettings2")
        held = Entries(tuple(found.get("services", ())), tuple(found.get("rules_str", ())))
        new = held.changed(drop, add)
        if new != held:
            self.tell(path, _CONFIG + ".zone", "update2", "a{sv}", *_entries_argument(new))

    def forget(self, kind: str, name: str) -> None:
        """Take a `Service` or `IPSet` out of the permanent configuration."""
        try:
            path = self._object(kind, name)
        except BusError as error:
            if error.code not in _UNKNOWN:
                raise
        else:
            self.tell(path, "%s.%s" % (_CONFIG, kind.lower()), "remove")


def _entries_argument(held: Entries) -> List[str]:
    return ["2", "services", "as", *_strings(held.services), "rules_str", "as", *_strings(held.rules)]


def _absent(answer: Answer) -> bool:
    said = answer.stderr
    return "does not exist" in said or "not provided by any" in said or "disconnected from message bus" in said


def _said(answer: Answer) -> str:
    """The reason alone: busctl puts `Call failed` before it, and a fault in the daemon comes with where it happened."""
    lines = [line.strip() for line in answer.stderr.splitlines() if line.strip()] or ["busctl ended with %d" % answer.rc]
    line = lines[-1] if "Traceback" in lines[0] else lines[0]
    return re.sub(r"^(Call|Failed to get property \S+) failed: ", "", line)
