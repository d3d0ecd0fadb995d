# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of ours that the next boot loads: a file of their own, and a line in the configuration that includes it.

The boot is rehearsed in a private network namespace before anything is written, so that a configuration which would not
load, or would not hold the rules, is found now and not when the host comes up without its firewall.
"""

from __future__ import annotations

import json
import os
import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import nft_plan, nft_ruleset, units
from ansible_collections.netports.core.plugins.module_utils._firewall.base import FilesPlan, Request
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError, Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import MARK, ChainKey, Ruleset
from ansible_collections.netports.core.plugins.module_utils._run import Answer, Effects, FileChange

OWN_FILE = "/etc/netports.nft"
# The brackets make it a pattern: a pattern that matches nothing is no error, a missing file would stop the boot's load.
INCLUDE = 'include "/etc/netports.nf[t]"  # netports: has to be the last line'
# Where distributions keep what their nftables service loads: RHEL and its kin, Debian and most others, Alpine.
CONFIGURATIONS = ("/etc/sysconfig/nftables.conf", "/etc/nftables.conf", "/etc/nftables.nft")
_HEADER = "# Written by netports.core.port_allow, which overwrites changes.\n"
_ENTRY = re.compile(r'^insert rule (\S+) (\S+) (\S+) (.+ comment "%s([^"]+)")$' % re.escape(MARK))
_INCLUDE_LINE = re.compile(r'^include "[^"]*"[ \t]+# netports:.*\n?', re.MULTILINE)
_NO_PERSIST = "Or use persist: false, to change the running firewall only"


class Entry(NamedTuple):
    """A rule as the file has it."""

    chain: ChainKey
    statement: str
    label: str


class Boot(NamedTuple):
    """What the host loads when it boots. `enabled` is None where nothing tells."""

    path: str
    text: str
    enabled: Optional[bool]


def parse(text: str) -> List[Entry]:
    found = (_ENTRY.match(line) for line in text.splitlines())
    return [Entry((m.group(1), m.group(2), m.group(3)), m.group(4), m.group(5)) for m in found if m]


def render(entries: Sequence[Entry]) -> str:
    """The file. It declares tables and chains, so that it loads where the operator has dropped one of them since."""
    by_chain: Dict[ChainKey, List[Entry]] = {}
    for entry in sorted(entries):
        by_chain.setdefault(entry.chain, []).append(entry)
    lines: List[str] = []
    for chain, members in by_chain.items():
        lines += ["", "add table %s %s" % chain[:2], "add chain %s %s %s" % chain]
        lines += ["insert rule %s %s" % (" ".join(chain), entry.statement) for entry in members]
    return _HEADER + "".join(line + "\n" for line in lines)


def detach(text: str) -> str:
    return _INCLUDE_LINE.sub("", text)


def attach(text: str, line: str = INCLUDE + "\n") -> str:
    body = detach(text)
    return body + ("" if body.endswith("\n") or not body else "\n") + line


def find_boot(effects: Effects) -> Boot:
    """What the nftables service loads. Raises FirewallError when there is no such file."""
    path, enabled = _asked_of_systemd(effects)
    candidates = [path] if path else [known for known in CONFIGURATIONS if os.path.exists(known)][:1]
    for candidate in candidates:
        text = _run.read_text(candidate)
        if text is not None:
            return Boot(candidate, text, enabled)
    missing = path or " or ".join(CONFIGURATIONS)
    raise FirewallError(
        "no boot configuration of nftables to add the rules to: %s is missing. Put it there. %s" % (missing, _NO_PERSIST)
    )


def _asked_of_systemd(effects: Effects) -> Tuple[Optional[str], Optional[bool]]:
    shown = units.show(effects, "nftables.service", "ExecStart", "UnitFileState")
    path = re.search(r"^ExecStart=.*\bargv\[\]=[^;]*?\s-f\s+(/[^\s;]+)", shown, re.MULTILINE)
    state = units.value(shown, "UnitFileState")
    enabled = state in ("enabled", "enabled-runtime", "static", "generated", "alias") if state else None
    return (path.group(1) if path else None), enabled


class Rehearsal:
    """Loads a configuration as the boot will, where it cannot do harm."""

    def __init__(self, effects: Effects, nft: str, local: Mapping[str, Intervals]) -> None:
        self._effects = effects
        self._local = local
        self._nft = nft

    def load(self, text: str) -> Tuple[Optional[Ruleset], str]:
        """The ruleset that the text gives in an empty namespace; or None, and why that could not be seen."""
        unshare = _run.find_program("unshare")
        if unshare is None:
            return None, "unshare is not installed"
        script = '"$0" -f - && exec "$0" -j list ruleset'
        answer = self._effects.query([unshare, "--net", "sh", "-c", script, self._nft], text)
        if answer.rc != 0:
            return None, first_error(answer)
        return nft_ruleset.parse(json.loads(answer.stdout))._replace(local=self._local), ""

    def check(self, text: str) -> str:
        """Why the running kernel would refuse the text; empty when it would take it. Loads nothing."""
        answer = self._effects.query([self._nft, "-c", "-f", "-"], text)
        return "" if answer.rc == 0 else first_error(answer)


def first_error(answer: Answer) -> str:
    """What nft complains about, without the copy of the line below it."""
    lines = [line.strip() for line in (answer.stderr + answer.stdout).splitlines()]
    return next((line for line in lines if "rror" in line), next((line for line in lines if line), "status %d" % answer.rc))


def plan(effects: Effects, nft: str, request: Request, edits: nft_plan.Edits, local: Mapping[str, Intervals]) -> FilesPlan:
    """The files that have to change so that the next boot agrees with the edits. Raises FirewallError.

    `local` are the host's own addresses, where rules ask for them.
    """
    old_text = _run.read_text(OWN_FILE)
    old = parse(old_text or "")
    others = [entry for entry in old if entry.label != request.label and not request.exclusive]
    if not request.rules:
        return _removal(effects, old, others, old_text)
    if not edits.placed and len(others) == len(old):
        return FilesPlan((), tuple(_lines(old)), tuple(_lines(old)))
    boot = find_boot(effects)
    rehearsal = Rehearsal(effects, nft, local)
    entries, notes = _entries(rehearsal, boot, request, edits)
    new = sorted(others + entries)
    new_text = render(new)
    changes: List[FileChange] = []
    # Our file first: the line that includes it must never find half of it.
    if new_text != old_text:
        changes.append(FileChange(OWN_FILE, new_text))
    if boot.text != attach(boot.text):
        changes.append(FileChange(boot.path, attach(boot.text)))
    if changes and not notes:
        _check_rehearsed(rehearsal, boot, request, new_text)
    warnings = []
    if boot.enabled is False:
        warnings.append("nftables.service is not enabled: nothing will load %s at boot" % boot.path)
    return FilesPlan(tuple(changes), _state(old, boot.text), _state(new, attach(boot.text)), tuple(warnings), tuple(notes))


def _removal(effects: Effects, old: Sequence[Entry], others: Sequence[Entry], old_text: Optional[str]) -> FilesPlan:
    if others:
        kept = len(others) == len(old)
        return FilesPlan(() if kept else (FileChange(OWN_FILE, render(others)),), tuple(_lines(old)), tuple(_lines(others)))
    changes: Tuple[FileChange, ...] = ()
    before: Tuple[str, ...] = tuple(_lines(old))
    try:
        boot = find_boot(effects)
    except FirewallError:
        pass  # no configuration: no line of ours in it
    else:
        before = _state(old, boot.text)
        if detach(boot.text) != boot.text:
            changes += (FileChange(boot.path, detach(boot.text)),)
    # The line first, then the file that it includes.
    if old_text is not None:
        changes += (FileChange(OWN_FILE, None),)
    return FilesPlan(changes, before, ())


def _entries(rehearsal: Rehearsal, boot: Boot, request: Request, edits: nft_plan.Edits) -> Tuple[List[Entry], List[str]]:
    """The label's entries, and notes on what could not be rehearsed."""
    ruleset, reason = rehearsal.load(detach(boot.text))
    if ruleset is None:
        items = edits.placed
        _check_in_place(rehearsal, boot, items, reason)
        return [_entry(key, rule) for key, rule in items], [
            "the boot could not be rehearsed (%s); checked with nft -c only" % reason
        ]
    restored = {chain.key for chain in ruleset.base_chains(nft_plan.INPUT)}
    lost = sorted({" ".join(key) for key, _rule in edits.needed if key not in restored})
    if lost:
        has = ", ".join(sorted(" ".join(key) for key in restored)) or "none"
        raise FirewallError(
            "the rules would not outlast a boot: %s, which the nftables service loads, has no input chain %s (it has: %s); "
            "the running one came from elsewhere. Save the ruleset there. %s" % (boot.path, " and ".join(lost), has, _NO_PERSIST)
        )
    wanted = [item for item in edits.placed if item[0] in restored]
    wanted += [item for item in nft_plan.needed_in(ruleset, request.rules) if item not in wanted]
    return [_entry(key, rule) for key, rule in wanted], []


def _entry(key: ChainKey, rule: Rule) -> Entry:
    return Entry(key, nft_ruleset.statement(rule, key[0]), rule.label)


def _check_rehearsed(rehearsal: Rehearsal, boot: Boot, request: Request, own_text: str) -> None:
    ruleset, reason = rehearsal.load(attach(boot.text, own_text))
    if ruleset is None:
        raise FirewallError("%s would not load with the rules added: %s. %s" % (boot.path, reason, _NO_PERSIST))
    missing = nft_plan.plan(ruleset, request.label, request.rules).insert
    if missing:
        chains = ", ".join(sorted({" ".join(key) for key, _rule in missing}))
        raise FirewallError("after a boot with %s the rules would be missing in chain %s. %s" % (boot.path, chains, _NO_PERSIST))


def _check_in_place(rehearsal: Rehearsal, boot: Boot, items: Sequence[Tuple[ChainKey, Rule]], reason: str) -> None:
    """Without a namespace of our own: would this kernel take the configuration, and the rules in its chains?"""
    refused = rehearsal.check(detach(boot.text))
    if refused:
        raise FirewallError("%s does not load: %s. Mend it. %s" % (boot.path, refused, _NO_PERSIST))
    lines = ["insert rule %s %s\n" % (" ".join(key), nft_ruleset.statement(rule, key[0])) for key, rule in items]
    refused = rehearsal.check(attach(boot.text, "".join(lines)))
    if refused:
        what = "%s would not load with the rules added: %s (and no rehearsal: %s). %s"
        raise FirewallError(what % (boot.path, refused, reason, _NO_PERSIST))


def _lines(entries: Sequence[Entry]) -> List[str]:
    return ["%s: %s" % (" ".join(entry.chain), entry.statement) for entry in sorted(entries)]


def _state(entries: Sequence[Entry], main: str) -> Tuple[str, ...]:
    """What the next boot loads of ours: nothing while the line that includes it is missing."""
    return tuple(_lines(entries)) if main == attach(main) else ()
