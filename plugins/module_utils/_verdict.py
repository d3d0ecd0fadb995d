# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Expected listeners x observed sockets -> verdicts. Pure: the rules of the collection live here, no evidence is read.

A listener gets the first verdict that applies:

| order | verdict        | when                                                                                   |
| ----- | -------------- | -------------------------------------------------------------------------------------- |
| 1     | `wrong_owner`  | a socket in its place is held by a process that the expectation does not name          |
| 2     | `exposed`      | loopback was expected and a socket is bound wider                                      |
| 3     | `confined`     | sockets on the port, yet none (or not one in each wanted family) where it is needed    |
| 4     | `shut`         | the host firewall drops it (only with admissions)                                      |
| 5     | `unverifiable` | reach, owner or admission could be either, as far as the evidence tells                |
| 6     | `ok`           | all of it is as expected                                                               |
| -     | `absent`       | no socket that could be meant                                                          |
| -     | `taken`        | `state: free` alone: a socket that makes the bind fail                                 |

Failing verdicts come first because they are certain: whatever the missing evidence would say, they stay failures.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _address, _coverage, _ownership, _tolerate, _wording
from ansible_collections.netports.core.plugins.module_utils._listener import KERNEL_PROCESS, REDIRECT, Listener
from ansible_collections.netports.core.plugins.module_utils._socket_table import (
    FOUND,
    HIDDEN,
    KERNEL,
    UNASKED,
    Socket,
    SocketTable,
)

OK = "ok"
ABSENT = "absent"
EXPOSED = "exposed"
CONFINED = "confined"
WRONG_OWNER = "wrong_owner"
TAKEN = "taken"
SHUT = "shut"
UNVERIFIABLE = "unverifiable"
UNEXPECTED = "unexpected"
VERDICTS = (OK, ABSENT, EXPOSED, CONFINED, WRONG_OWNER, TAKEN, SHUT, UNVERIFIABLE, UNEXPECTED)
FAILING = frozenset((ABSENT, EXPOSED, CONFINED, WRONG_OWNER, TAKEN, SHUT))

LISTENING = "listening"
FREE = "free"
STATES = (LISTENING, FREE)
UNEXPECTED_MODES = ("ignore", "report", "fail")


class Finding(NamedTuple):
    """The verdict on one expected listener, and the sockets that were looked at for it."""

    listener: Listener
    verdict: str
    reason: str
    sockets: Tuple[Socket, ...] = ()

    @property
    def failed(self) -> bool:
        return self.verdict in FAILING and not (self.verdict == ABSENT and self.listener.optional)

    def as_dict(self) -> Dict[str, Any]:
        """The keys of the expectation as it was given, with `verdict`, `reason` and `observed`."""
        observed = [sock.as_dict() for sock in self.sockets]
        return dict(self.listener.given, verdict=self.verdict, reason=self.reason, observed=observed)


class Judgement(NamedTuple):
    """All findings of one look at a host. `unexpected` is empty unless it was asked for."""

    state: str
    findings: Tuple[Finding, ...]
    unexpected: Tuple[Socket, ...]
    unexpected_mode: str

    @property
    def failed(self) -> bool:
        return any(finding.failed for finding in self.findings) or (self.unexpected_mode == "fail" and bool(self.unexpected))

    def summary(self) -> Dict[str, int]:
        """A count for every verdict there is, zeros included, so that templates need no default."""
        counts = dict.fromkeys(VERDICTS, 0)
        for finding in self.findings:
            counts[finding.verdict] += 1
        counts[UNEXPECTED] = len(self.unexpected)
        return counts


class _Context(NamedTuple):
    """What every rule may look at."""

    listeners: Sequence[Listener]
    table: SocketTable
    check_process: bool

    def process(self, listener: Listener) -> Tuple[str, ...]:
        return listener.process if self.check_process else ()


def _unseen_reason(sockets: Sequence[Socket], table: SocketTable) -> str:
    where = _wording.endpoints(sockets, port=True)
    states = {sock.owner_state for sock in sockets}
    if HIDDEN in states:
        return "the owner of %s cannot be seen: %s" % (where, table.hidden_because)
    if UNASKED in states:
        return "the owner of %s was not looked for" % where
    return "systemd holds %s, and the evidence does not tell for which service" % where


def _by_reach(listener: Listener, sockets: Sequence[Socket], table: SocketTable) -> Tuple[str, str]:
    """`ok`, `unverifiable` or `confined` by where the sockets are bound; the best of them counts in each family."""
    coverages = [(sock, _coverage.served_by(listener, sock, table)) for sock in sockets]
    if _coverage.satisfied(listener, _coverage.union(coverage.certain for _sock, coverage in coverages)):
        wanted = _coverage.wanted_families(listener)
        return OK, _ok_reason(listener, [sock for sock, coverage in coverages if coverage.certain & wanted])
    if _coverage.satisfied(listener, _coverage.union(coverage.possible for _sock, coverage in coverages)):
        return UNVERIFIABLE, _unsure_reason(listener, [sock for sock, coverage in coverages if coverage.possible], table)
    return CONFINED, _confined_reason(listener, coverages)


def _ok_reason(listener: Listener, serving: Sequence[Socket]) -> str:
    parts = []
    wildcards = [sock for sock in serving if _coverage.is_wildcard(sock)]
    if listener.bind == "any" and not wildcards:
        parts.append("on %s alone" % _wording.endpoints(serving))
    elif _coverage.has_address(listener) and wildcards and not _address.is_wildcard(listener.bind):
        parts.append("covered by %s" % _wording.endpoints(wildcards))
    devices = {sock.device for sock in serving}
    if listener.device is None and None not in devices:
        parts.append("only on device %s" % ", ".join(sorted(device for device in devices if device)))
    return "; ".join(parts)


def _unsure_reason(listener: Listener, possible: Sequence[Socket], table: SocketTable) -> str:
    cut = [sock for sock in possible if _coverage.place_of(sock, listener.device) == _coverage.UNKNOWN]
    if cut:
        return "netstat cut the address %s" % _wording.endpoints(cut)
    if listener.device is not None and not table.knows_device:
        return "%s does not tell the device that a socket is bound to" % table.gathered_by
    unsure = [sock for sock in possible if _coverage.reach_of(sock).certain != _coverage.reach_of(sock).possible]
    return "%s does not tell whether %s takes IPv4 too" % (table.gathered_by, _wording.endpoints(unsure))


def _confined_reason(listener: Listener, coverages: Sequence[Tuple[Socket, _address.Reach]]) -> str:
    served = _coverage.union(coverage.possible for _sock, coverage in coverages)
    if served:
        serving = [sock for sock, coverage in coverages if coverage.possible]
        missing = _wording.family_text(_coverage.wanted_families(listener) - served)
        return "only %s is served, %s is missing (%s)" % (_wording.family_text(served), missing, _wording.endpoints(serving))
    sockets = [sock for sock, _coverage_of in coverages]
    fitting = [sock for sock in sockets if _coverage.bind_fits(listener, sock)]
    if fitting:
        return "bound to %s, not to %s" % (", ".join(sorted({sock.device or "no device" for sock in fitting})), listener.device)
    if listener.bind == "any":
        return "only on loopback (%s)" % _wording.endpoints(sockets)
    return "bound to %s, not to %s" % (_wording.endpoints(sockets), listener.bind)


# --- verdict on one listener -------------------------------------------------------------------------------------------------


def _meant_by_another(listener: Listener, sock: Socket, context: _Context) -> bool:
    """Whether another fixed expectation names this socket's owner for it (two services that share a port by address)."""
    for other in context.listeners:
        if (
            other is listener
            or not _coverage.is_fixed(other)
            or not _coverage.in_ports(other, sock)
            or not context.process(other)
        ):
            continue
        serves = _coverage.served_by(other, sock, context.table).possible & _coverage.wanted_families(other)
        if serves and _ownership.ownership(sock, other.process) == _ownership.RIGHT:
            return True
    return False


def _anothers(listener: Listener, sock: Socket, context: _Context) -> bool:
    """Whether a socket that does not serve this listener is just what another expectation of its kind asks for.

    Two listeners share a number by address (Envoy's admin interface on loopback and on the proxy's own address) or by
    family, or one process has dynamic ports on both. A wildcard is never only another's: it takes loopback too.
    """
    wanted = _coverage.wanted_families(listener)
    if _coverage.served_by(listener, sock, context.table).possible & wanted or (
        _coverage.is_wildcard(sock) and _coverage.reach_of(sock).possible & wanted
    ):
        return False
    return any(
        other is not listener
        and _coverage.is_fixed(other) == _coverage.is_fixed(listener)
        and _coverage.in_ports(other, sock)
        and (context.process(other) or not other.dynamic)
        and _ownership.ownership(sock, context.process(other)) != _ownership.FOREIGN
        and _coverage.served_by(other, sock, context.table).certain & _coverage.wanted_families(other)
        for other in context.listeners
    )


def _nothing(listener: Listener, seen: str = "") -> Tuple[str, str]:
    """No socket for it: `absent`, unless it is a kind of listener that has none."""
    if listener.seen_as == "nodeport":
        return UNVERIFIABLE, "a NodePort is served by packet filter rules, mostly without a socket"
    if listener.seen_as == "protocol":
        return UNVERIFIABLE, "it is not served by a socket that could be seen"
    return ABSENT, seen or "nothing listens on it"


def _judge_fixed(listener: Listener, context: _Context) -> Finding:
    """A listener on one port: every socket there counts for owner and exposure, the best for reach."""
    table = context.table
    process = context.process(listener)
    on_port = tuple(sock for sock in table.sockets if _coverage.in_ports(listener, sock))
    if not on_port:
        return Finding(listener, *_nothing(listener))
    foreign = [sock for sock in on_port if _ownership.ownership(sock, process) == _ownership.FOREIGN]
    stealing = [
        sock for sock in foreign if _coverage.concerns(listener, sock, table) and not _meant_by_another(listener, sock, context)
    ]
    if stealing:
        reason = "%s held by %s, not by %s" % (
            _wording.endpoints(stealing, port=True),
            _wording.holders(stealing),
            " or ".join(process),
        )
        return Finding(listener, WRONG_OWNER, reason, on_port)
    mine = [sock for sock in on_port if sock not in foreign and not _anothers(listener, sock, context)]
    if not mine:
        seen = "nothing listens on it but %s, held by %s" % (_wording.endpoints(on_port, port=True), _wording.holders(on_port))
        return Finding(listener, *_nothing(listener, seen), sockets=on_port)
    wider = [sock for sock in mine if _coverage.wants_loopback(listener) and _coverage.wider(listener, sock)]
    if wider:
        return Finding(listener, EXPOSED, "expected on %s, bound to %s" % (listener.bind, _wording.endpoints(wider)), on_port)
    verdict, reason = _by_reach(listener, mine, table)
    if verdict == OK:
        doubt = _doubt(listener, mine, process, table)
        if doubt:
            verdict, reason = UNVERIFIABLE, doubt
    return Finding(listener, verdict, reason, on_port)


def _doubt(listener: Listener, mine: Sequence[Socket], process: Sequence[str], table: SocketTable) -> str:
    """Why a listener that is reached as expected is still not `ok` for certain; empty if it is."""
    unseen = [
        sock
        for sock in mine
        if _ownership.ownership(sock, process) == _ownership.UNSEEN and _coverage.concerns(listener, sock, table)
    ]
    if unseen:
        return _unseen_reason(unseen, table)
    cut = [
        sock
        for sock in mine
        if _coverage.wants_loopback(listener) and _coverage.place_of(sock, listener.device) == _coverage.UNKNOWN
    ]
    return "netstat cut the address %s, which may be more than loopback" % _wording.endpoints(cut) if cut else ""


def _pool(listener: Listener, context: _Context) -> List[Socket]:
    """Sockets that a range or a dynamic port may be: those that no expectation of a fixed port has claimed."""
    fixed = [other for other in context.listeners if _coverage.is_fixed(other)]
    return [
        sock
        for sock in context.table.sockets
        if _coverage.in_ports(listener, sock)
        and not any(
            _coverage.in_ports(other, sock) and _coverage.reach_of(sock).possible & _coverage.wanted_families(other)
            for other in fixed
        )
    ]


def _judge_pool(listener: Listener, context: _Context) -> Finding:
    """A range or a dynamic port: one socket of the right owner suffices, and others' sockets there are no business of ours."""
    process = context.process(listener)
    if listener.dynamic and not process:
        return Finding(listener, UNVERIFIABLE, "a dynamic port can be told by its owner alone, and no process is checked")
    pool = [
        sock
        for sock in _pool(listener, context)
        if _coverage.reach_of(sock).possible & _coverage.wanted_families(listener) and not _anothers(listener, sock, context)
    ]
    right = tuple(sock for sock in pool if _ownership.ownership(sock, process) == _ownership.RIGHT)
    unseen = [sock for sock in pool if _ownership.ownership(sock, process) == _ownership.UNSEEN]
    if right:
        verdict, reason = _by_reach(listener, right, context.table)
        if verdict == OK:
            wanted = _coverage.wanted_families(listener)
            serving = [sock for sock in right if _coverage.served_by(listener, sock, context.table).certain & wanted]
            ports = "port %s" % ", ".join(str(port) for port in sorted({sock.port for sock in serving})[:5])
            return Finding(listener, OK, "; ".join(part for part in (ports, reason) if part), right)
        if verdict == UNVERIFIABLE or not unseen:
            wider = [
                sock
                for sock in right
                if verdict == CONFINED and _coverage.wants_loopback(listener) and _coverage.wider(listener, sock)
            ]
            if wider:
                verdict, reason = EXPOSED, "expected on %s, bound to %s" % (listener.bind, _wording.endpoints(wider, port=True))
            return Finding(listener, verdict, reason, right)
    if unseen:
        return Finding(listener, UNVERIFIABLE, _unseen_reason(unseen[:5], context.table), tuple(unseen))
    who = " of %s" % " or ".join(process) if process else ""
    return Finding(listener, *_nothing(listener, "no socket%s on %s" % (who, _pool_text(listener))))


def _pool_text(listener: Listener) -> str:
    return "any port" if listener.dynamic else "a port of %s" % listener.port_text


def _judge_listening(listener: Listener, context: _Context) -> Finding:
    if listener.seen_as == REDIRECT:
        # What is bound to the port is the service behind the proxy, and says nothing about the way to the proxy.
        return Finding(listener, UNVERIFIABLE, "rules of the packet filter redirect it; check_firewall: true looks for them")
    if listener.protocol == "ip":
        return Finding(listener, UNVERIFIABLE, "IP protocol %s has no ports and no listening socket" % listener.number)
    return _judge_fixed(listener, context) if _coverage.is_fixed(listener) else _judge_pool(listener, context)


def _judge_admission(finding: Finding, admission: Any) -> Finding:
    """Add what the host firewall says. A NodePort is translated before the filter sees its port."""
    if finding.listener.seen_as == REDIRECT:
        return _judge_redirect(finding, admission)
    if finding.verdict not in (OK, UNVERIFIABLE) or not finding.listener.allow:
        return finding
    if not finding.sockets and finding.listener.protocol != "ip":
        return finding
    if admission.state == "dropped":
        return finding._replace(verdict=SHUT, reason=admission.reason)
    reason = "; ".join(part for part in (finding.reason, admission.reason) if part)
    return finding._replace(verdict=UNVERIFIABLE if admission.state == "unknown" else finding.verdict, reason=reason)


def _judge_redirect(finding: Finding, admission: Any) -> Finding:
    if admission.state == "unknown":
        return finding._replace(reason=admission.reason)
    verdicts = {"straight": ABSENT, "dropped": SHUT}
    return finding._replace(verdict=verdicts.get(admission.state, OK), reason=admission.reason)


# --- state: free -------------------------------------------------------------------------------------------------------------


def _judge_free(listener: Listener, context: _Context) -> Finding:
    if listener.seen_as == REDIRECT:
        return Finding(listener, OK, "a redirect takes no port")
    if listener.protocol == "ip":
        return Finding(listener, UNVERIFIABLE, "IP protocol %s has no ports" % listener.number)
    if listener.ports is None:
        return Finding(listener, OK, "any free port will do")
    on_ports = [
        (sock, _coverage.blocks(listener, sock, context.table))
        for sock in context.table.sockets
        if _coverage.in_ports(listener, sock)
    ]
    certain = [sock for sock, blocks in on_ports if blocks == _coverage.YES]
    possible = [sock for sock, blocks in on_ports if blocks != _coverage.NO]
    size = listener.ports[1] - listener.ports[0] + 1
    if len({sock.port for sock in certain}) == size:
        return _judge_taken(listener, certain, context.process(listener))
    if len({sock.port for sock in possible}) == size:
        reason = "%s held by %s may be in the way" % (_wording.endpoints(possible, port=True), _wording.holders(possible))
        return Finding(listener, UNVERIFIABLE, reason, tuple(possible))
    return Finding(listener, OK, "")


def _judge_taken(listener: Listener, holders: Sequence[Socket], process: Sequence[str]) -> Finding:
    reason = "%s held by %s" % (_wording.endpoints(holders[:5], port=True), _wording.holders(holders))
    owned = {_ownership.ownership(sock, process) for sock in holders}
    if listener.preinstalled and _ownership.FOREIGN not in owned:
        verdict = OK if owned == {_ownership.RIGHT} else UNVERIFIABLE
        return Finding(listener, verdict, reason + ", which the system has before", tuple(holders))
    if process and owned == {_ownership.RIGHT}:
        reason += ", the expected process; is it installed already?"
    return Finding(listener, TAKEN, reason, tuple(holders))


# --- unexpected --------------------------------------------------------------------------------------------------------------


def _known(sock: Socket, context: _Context) -> bool:
    """Whether some expectation speaks of this socket; a foreign owner on an expected port is that listener's verdict."""
    for listener in context.listeners:
        if not _coverage.in_ports(listener, sock) or not _coverage.reach_of(sock).possible & _coverage.wanted_families(listener):
            continue
        if _coverage.is_fixed(listener):
            return True
        if listener.dynamic and not listener.process:
            continue
        if _ownership.ownership(sock, listener.process) != _ownership.FOREIGN:
            return True
    return False


def _unexpected(context: _Context, tolerate: Sequence[str]) -> Tuple[Socket, ...]:
    tolerances = _tolerate.parse_tolerate(tolerate)
    strangers = [sock for sock in context.table.sockets if not _known(sock, context) and not any(t(sock) for t in tolerances)]
    return tuple(sorted(strangers, key=lambda sock: (sock.protocol, sock.port, sock.family, sock.address, sock.device or "")))


# --- the interface -----------------------------------------------------------------------------------------------------------


def owners_wanted(
    listeners: Sequence[Listener],
    table: SocketTable,
    *,
    state: str = LISTENING,
    check_process: bool = True,
    unexpected: str = "ignore",
) -> Dict[int, Tuple[str, ...]]:
    """The sockets (by inode) whose owners the verdicts depend on, each with the process names that are likely."""
    context = _Context(listeners, table, check_process)
    wanted: Dict[int, Tuple[str, ...]] = {}

    def want(sock: Socket, names: Sequence[str]) -> None:
        # What ss did not print may still be found by who looks closer.
        if sock.inode and sock.owner_state in (UNASKED, HIDDEN):
            known = wanted.get(sock.inode, ())
            wanted[sock.inode] = known + tuple(name for name in names if name != KERNEL_PROCESS and name not in known)

    for listener in listeners:
        if listener.seen_as == REDIRECT:
            continue
        if state == FREE:
            for sock in table.sockets:
                if _coverage.in_ports(listener, sock) and _coverage.blocks(listener, sock, table) and not listener.dynamic:
                    want(sock, listener.process)
        elif context.process(listener):
            candidates = (
                [s for s in table.sockets if _coverage.in_ports(listener, s)]
                if _coverage.is_fixed(listener)
                else _pool(listener, context)
            )
            for sock in candidates:
                want(sock, listener.process)
    if unexpected != "ignore":
        for sock in table.sockets:
            want(sock, ())
    return wanted


def judge(
    listeners: Sequence[Listener],
    table: SocketTable,
    *,
    state: str = LISTENING,
    check_process: bool = True,
    unexpected: str = "ignore",
    tolerate: Sequence[str] = (),
    admissions: Optional[Mapping[str, Any]] = None,
) -> Judgement:
    """The verdict on each listener, in their order, and the listeners that nobody expects.

    `admissions` maps names of listeners to what the host firewall does with them (`_firewall.model.Admission`).
    Raises Problem for a `tolerate` entry that means nothing.
    """
    context = _Context(listeners, table, check_process)
    one = _judge_free if state == FREE else _judge_listening
    findings = [one(listener, context) for listener in listeners]
    if admissions is not None and state == LISTENING:
        findings = [_judge_admission(f, admissions[f.listener.name]) if f.listener.name in admissions else f for f in findings]
    strangers = _unexpected(context, tolerate) if unexpected != "ignore" else ()
    return Judgement(state, tuple(findings), strangers, unexpected)


def port_label(listener: Listener) -> str:
    return "%s/%s" % (listener.protocol, listener.port_text)


def expected_text(listener: Listener, state: str = LISTENING) -> str:
    """What was expected, in a few words: `any, both, kuma-cp`."""
    if state == FREE:
        return "free"
    parts = [listener.bind + ("%" + listener.device if listener.device else ""), listener.family]
    return ", ".join(parts + [" or ".join(listener.process)] * bool(listener.process))


def observed_text(sockets: Sequence[Socket], port: bool = False) -> str:
    """What was seen, in a few words: `0.0.0.0, [::] kuma-cp`."""
    if not sockets:
        return "-"
    where = sorted({_wording.endpoint(sock, port) for sock in sockets})
    text = ", ".join(where[:3]) + (", ..." if len(where) > 3 else "")
    owners = sorted({_wording.owner_text(sock) for sock in sockets if sock.owner_state in (FOUND, KERNEL)})
    return " ".join([text] + [", ".join(owners[:3])] * bool(owners))


def report(judgement: Judgement) -> List[str]:
    """The verdicts as an aligned table for people, header first; no line ends in blanks."""
    rows = [("VERDICT", "LISTENER", "PORT", "EXPECTED", "OBSERVED", "REASON")]
    for finding in judgement.findings:
        listener = finding.listener
        verdict = finding.verdict + (" (optional)" if finding.verdict == ABSENT and listener.optional else "")
        seen = observed_text(finding.sockets, port=not _coverage.is_fixed(listener))
        expected = expected_text(listener, judgement.state)
        rows.append((verdict, listener.name, port_label(listener), expected, seen, finding.reason))
    for sock in judgement.unexpected:
        rows.append((UNEXPECTED, "-", "%s/%d" % (sock.protocol, sock.port), "-", observed_text((sock,)), ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
