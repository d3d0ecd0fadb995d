# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of ours that the next boot loads: in the file that the distribution restores, and nothing else of what runs.

To save all that runs would make the rules of containers and of others that come and go a part of every boot. Only our
chain and the jump to it are put into the saved file, in the place that its own rules ask for. There the sources of a rule
are a line each: a set of ipset may not be there when the file is restored, and the restore would fail as a whole.

Before a file is written, it is restored in a private network namespace, as the boot will do it.
"""

from __future__ import annotations

import glob
import os
import re
from typing import Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import ipt_plan, ipt_ruleset, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.base import FilesPlan, Request
from ansible_collections.netports.core.plugins.module_utils._firewall.ipt_plan import PROGRAMS, Edits, TableEdits
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import LEGACY, ChainKey, Ruleset
from ansible_collections.netports.core.plugins.module_utils._run import Answer, Effects, FileChange

_NO_PERSIST = "Or use persist: false, to change the running firewall only"
_RULE = re.compile(r"^\s*(?:\[\d+:\d+\]\s+)?(?:-A|--append)\s+(\S+)\s")
_NAMES = {"ip": "IPv4", "ip6": "IPv6"}


class Mechanism(NamedTuple):
    """How a distribution loads rules at boot. `marker` is a file that comes with it."""

    marker: str
    files: Mapping[str, str]
    services: Mapping[str, str]
    save: str


MECHANISMS = (
    Mechanism(  # Debian and Ubuntu: the packages iptables-persistent and netfilter-persistent
        "/usr/share/netfilter-persistent/plugins.d/15-ip4tables",
        {"ip": "/etc/iptables/rules.v4", "ip6": "/etc/iptables/rules.v6"},
        {"ip": "netfilter-persistent", "ip6": "netfilter-persistent"},
        "netfilter-persistent save",
    ),
    Mechanism(  # RHEL and its kin: the package iptables-services
        "/usr/libexec/iptables/iptables.init",
        {"ip": "/etc/sysconfig/iptables", "ip6": "/etc/sysconfig/ip6tables"},
        {"ip": "iptables", "ip6": "ip6tables"},
        "iptables-save > /etc/sysconfig/iptables, and ip6tables-save > /etc/sysconfig/ip6tables",
    ),
    Mechanism(  # Alpine: the package iptables-openrc
        "/etc/init.d/iptables",
        {"ip": "/etc/iptables/rules-save", "ip6": "/etc/iptables/rules6-save"},
        {"ip": "iptables", "ip6": "ip6tables"},
        "rc-service iptables save, and rc-service ip6tables save",
    ),
    Mechanism(  # Arch: the package iptables itself
        "/usr/lib/systemd/system/iptables.service",
        {"ip": "/etc/iptables/iptables.rules", "ip6": "/etc/iptables/ip6tables.rules"},
        {"ip": "iptables", "ip6": "ip6tables"},
        "iptables-save -f /etc/iptables/iptables.rules, and ip6tables-save -f /etc/iptables/ip6tables.rules",
    ),
)
# Where the init systems keep what is to start at boot.
_ENABLED = (
    "/etc/systemd/system/*.wants/%s.service",
    "/etc/systemd/system/*.requires/%s.service",
    "/run/systemd/system/*.wants/%s.service",
    "/etc/runlevels/*/%s",
    "/etc/rc[2-5].d/S*%s",
)


class _Saved(NamedTuple):
    """A file of saved rules; its text is None when there is no such file."""

    family: str
    path: str
    text: Optional[str]
    ruleset: Ruleset


def find_mechanism() -> Optional[Mechanism]:
    return next((mechanism for mechanism in MECHANISMS if os.path.exists(mechanism.marker)), None)


def _enabled(service: str) -> bool:
    return any(glob.glob(pattern % service) for pattern in _ENABLED)


def _parse(family: str, path: str, text: Optional[str]) -> _Saved:
    try:
        return _Saved(family, path, text, ipt_ruleset.parse(text or "", family))
    except ValueError as error:
        raise FirewallError(
            "%s is not as iptables-save writes it: %s. Write the file with iptables-save. %s" % (path, error, _NO_PERSIST)
        ) from None


def plan(effects: Effects, request: Request, edits: Edits) -> FilesPlan:
    """The files that have to change so that the next boot agrees with the edits of what runs. Raises FirewallError."""
    mechanism = find_mechanism()
    if not request.rules:
        return _removal(mechanism, request)
    if mechanism is None and not edits.placed:
        return FilesPlan((), (), ())
    if mechanism is None:
        raise FirewallError(
            "nothing on this host loads the rules of iptables at boot. Install what does: iptables-persistent (Debian, Ubuntu), "
            "iptables-services (RHEL and its kin), iptables-openrc (Alpine). %s" % _NO_PERSIST
        )
    saved = [_parse(family, path, _run.read_text(path)) for family, path in mechanism.files.items()]
    running = frozenset((family, table.replace(LEGACY, ""), chain) for family, table, chain in edits.needed)
    _check_outlasts(mechanism, saved, running)
    results = [(one, ipt_plan.edit(one.ruleset, request.label, request.rules, request.exclusive, also=running)) for one in saved]
    plan_ = _files_plan(results)
    notes = _rehearsed(effects, request, running, plan_.changes, results)
    return plan_._replace(warnings=tuple(_service_warnings(mechanism, results)), notes=tuple(notes))


def _removal(mechanism: Optional[Mechanism], request: Request) -> FilesPlan:
    """Nothing is added, so that nothing has to be rehearsed: what is left loads if it did before."""
    results = []
    for family, path in mechanism.files.items() if mechanism is not None else ():
        text = _run.read_text(path)
        if text is not None and nft_ruleset.MARK in text:
            saved = _parse(family, path, text)
            results.append((saved, ipt_plan.edit(saved.ruleset, request.label, (), request.exclusive)))
    return _files_plan(results)


def _files_plan(results: Sequence[Tuple[_Saved, Edits]]) -> FilesPlan:
    changes = [FileChange(saved.path, rewritten(saved.text or "", edits.tables)) for saved, edits in results if edits.tables]
    before, after = [], []  # type: List[str], List[str]
    for saved, edits in results:
        before += ["%s: %s" % (saved.path, line) for line in ipt_plan.lines(saved.ruleset)]
        after += ["%s: %s" % (saved.path, line) for line in ipt_plan.lines(ipt_plan.after(saved.ruleset, edits))]
    return FilesPlan(tuple(changes), tuple(before), tuple(after))


def _check_outlasts(mechanism: Mechanism, saved: Sequence[_Saved], running: FrozenSet[ChainKey]) -> None:
    for family, path, text, ruleset in saved:
        lost = sorted(" ".join(key[1:]) for key in running if key[0] == family and key not in ruleset.chains)
        if lost:
            what = "is missing" if text is None else "has no chain %s" % " and ".join(lost)
            raise FirewallError(
                "the rules would not outlast a boot: %s, from which the %s rules are loaded, %s, and what filters now came from "
                "elsewhere. Save the rules there (%s). %s" % (path, _NAMES[family], what, mechanism.save, _NO_PERSIST)
            )


def _service_warnings(mechanism: Mechanism, results: Sequence[Tuple[_Saved, Edits]]) -> Iterator[str]:
    off: Dict[str, List[str]] = {}
    for saved, edits in results:
        service = mechanism.services[saved.family]
        if edits.placed and not _enabled(service):
            off.setdefault(service, []).append(saved.path)
    for service, paths in off.items():
        yield "the service %s is not enabled: nothing will load %s at boot" % (service, " and ".join(paths))


# The text of a saved file.


def rewritten(text: str, tables: Sequence[TableEdits]) -> str:
    """The text with the edits carried out; all other lines stay to the byte."""
    for table in tables:
        text = _rewritten(text, table)
    return text


def _rewritten(text: str, edits: TableEdits) -> str:
    lines = text.splitlines(True)
    start, end = _section(lines, edits.key[1])
    head, section, rest = lines[:start], lines[start:end], lines[end:]
    positions: Dict[str, int] = {}
    kept: List[str] = []
    gone = set(edits.delete)
    for line in section:
        match = _RULE.match(line)
        if match:
            chain = match.group(1)
            positions[chain] = positions.get(chain, 0) + 1
            if (chain, positions[chain]) in gone:
                continue
        if not (edits.drop and _declares(line, ipt_plan.CHAIN)):
            kept.append(line)
    if edits.create:
        last = max(index for index, line in enumerate(kept) if line.lstrip().startswith(":"))
        kept.insert(last + 1, ":%s - [0:0]\n" % ipt_plan.CHAIN)
    if edits.jump:
        kept.insert(_line_of(kept, edits.base, edits.jump), "-A %s -j %s\n" % (edits.base, ipt_plan.CHAIN))
    kept += ["-A %s %s\n" % (ipt_plan.CHAIN, line.text) for line in edits.add]
    return "".join(head + kept + rest)


def _section(lines: Sequence[str], table: str) -> Tuple[int, int]:
    """From the table's first line to its COMMIT, that one not included."""
    start = next(index for index, line in enumerate(lines) if line.strip() == "*" + table)
    end = next((index for index, line in enumerate(lines) if index > start and line.strip() == "COMMIT"), len(lines))
    return start, end


def _declares(line: str, chain: str) -> bool:
    return line.lstrip().startswith(":") and line.lstrip()[1:].split()[:1] == [chain]


def _line_of(lines: Sequence[str], chain: str, position: int) -> int:
    """The index of the line with the rule at that position of a chain; behind its last one when there is no such rule."""
    found = [index for index, line in enumerate(lines) for match in [_RULE.match(line)] if match and match.group(1) == chain]
    if position <= len(found):
        return found[position - 1]
    if found:
        return found[-1] + 1
    return max(index for index, line in enumerate(lines) if line.lstrip().startswith(":")) + 1


# Rehearsal.


def _rehearsed(
    effects: Effects,
    request: Request,
    running: FrozenSet[ChainKey],
    changes: Sequence[FileChange],
    results: Sequence[Tuple[_Saved, Edits]],
) -> Iterator[str]:
    """Notes on what could not be rehearsed. Raises FirewallError when a file would not load, or not bring the rules."""
    texts = {change.path: change.text or "" for change in changes}
    for saved, _edits in results:
        if saved.path not in texts:
            continue
        ruleset, reason = _load(effects, saved.family, texts[saved.path])
        if ruleset is None:
            yield _checked_in_place(effects, saved, texts[saved.path], reason)
        elif ipt_plan.edit(ruleset, request.label, request.rules, request.exclusive, also=running).tables:
            raise FirewallError("after a boot with %s the rules would not be as they should. %s" % (saved.path, _NO_PERSIST))


def _load(effects: Effects, family: str, text: str) -> Tuple[Optional[Ruleset], str]:
    """What a restore of the text gives in an empty namespace; or None, and why that could not be seen."""
    unshare = _run.find_program("unshare")
    restore, save = (_run.find_program("%s-%s" % (PROGRAMS[family], verb)) for verb in ("restore", "save"))
    if unshare is None or restore is None or save is None:
        return None, "unshare is not installed" if unshare is None else "%s-restore is not installed" % PROGRAMS[family]
    answer = effects.query([unshare, "--net", "sh", "-c", '"$0" && exec "$1"', restore, save], text)
    if answer.rc != 0:
        return None, first_error(answer)
    return ipt_ruleset.parse(answer.stdout, family), ""


def _checked_in_place(effects: Effects, saved: _Saved, text: str, reason: str) -> str:
    """Without a namespace of our own, or where the file needs what is not in it: would it be accepted here?"""
    restore = _run.find_program("%s-restore" % PROGRAMS[saved.family])
    if restore is None:
        raise FirewallError("%s-restore is not installed (package iptables). %s" % (PROGRAMS[saved.family], _NO_PERSIST))
    # A file that loads alone by itself, and not with our rules, is our doing.
    before, _reason = _load(effects, saved.family, saved.text or "")
    answer = effects.query([restore, "--test"], text)
    if before is not None or answer.rc != 0:
        said = reason if before is not None else first_error(answer)
        raise FirewallError("%s would not load with the rules added: %s. %s" % (saved.path, said, _NO_PERSIST))
    return "the boot could not be rehearsed with %s (%s); checked with %s-restore --test only" % (
        saved.path,
        reason,
        PROGRAMS[saved.family],
    )


def first_error(answer: Answer) -> str:
    """What the command complains about, without its usage."""
    lines = [line.strip() for line in (answer.stderr + answer.stdout).splitlines()]
    lines = [line for line in lines if line and not line.startswith(("#", "Try `", "Error occurred at"))]
    return lines[0] if lines else "status %d" % answer.rc
