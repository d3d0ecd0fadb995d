# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which firewall is in charge of this host, and the backend for it."""

from __future__ import annotations

import os
import re
from typing import Callable, Dict, List, Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import nft_admission, nft_plan, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend
from ansible_collections.netports.core.plugins.module_utils._firewall.model import UNKNOWN, Admission, FirewallError
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nftables import Nftables
from ansible_collections.netports.core.plugins.module_utils._listener import Listener
from ansible_collections.netports.core.plugins.module_utils._run import Effects, RunError

AUTO = "auto"


def _nftables(effects: Effects) -> Backend:
    return Nftables(effects)


# Each is imported when it is chosen: on a target, what is imported is compiled anew in each run.
BACKENDS: Dict[str, Callable[[Effects], Backend]] = {"nftables": _nftables}


def in_charge(ruleset: Ruleset, effects: Effects) -> List[str]:
    """The firewalls that filter what comes to this host, by name; those of other programs first."""
    found: List[str] = []
    if os.path.exists("/etc/cumulus/acl/policy.conf"):
        found.append("cumulus_acl")
    if any(key[1] == "firewalld" for key in ruleset.chains) or _firewalld_runs(effects):
        found.append("firewalld")
    if re.search(r"(?mi)^\s*ENABLED=yes\b", _run.read_text("/etc/ufw/ufw.conf") or ""):
        found.append("ufw")
    unmarked = ruleset.unmarked()
    for chain in unmarked.base_chains(nft_plan.INPUT):
        if nft_admission.can_refuse(unmarked, chain):
            found.append(nft_ruleset.foreign_owner(ruleset, chain) or "nftables")
    if "iptables" not in found and "ufw" not in found and _legacy_tables_filter(effects):
        found.append("iptables")
    return list(dict.fromkeys(found))


def _firewalld_runs(effects: Effects) -> bool:
    """Offline or with the iptables backend it has no table of its own."""
    systemctl = _run.find_program("systemctl") if os.path.isdir("/run/systemd/system") else None
    if systemctl is None or _run.find_program("firewall-cmd") is None:
        return False
    return effects.query([systemctl, "is-active", "--quiet", "firewalld.service"]).rc == 0


def _legacy_tables(effects: Effects, enter: Sequence[str]) -> List[str]:
    """What lists the tables of the old iptables, which nft does not see, as far as the namespace has loaded any."""
    found = []
    for name in ("ip", "ip6"):
        path = "/proc/self/net/%s_tables_names" % name
        try:
            tables = effects.query((*enter, "cat", path)).stdout if enter else _run.read_text(path)
        except RunError:
            tables = None  # without privilege; nft will say so itself
        if "filter" in (tables or "").split():
            found.append("%stables-legacy-save" % name)
    return found


def _legacy_tables_filter(effects: Effects, enter: Sequence[str] = ()) -> Optional[bool]:
    """Does iptables-legacy refuse anything that comes to this host? None where its tables cannot be listed."""
    answer: Optional[bool] = False
    for command in _legacy_tables(effects, enter):
        program = _run.find_program(command)
        if program is None:
            answer = None
        elif saved_tables_refuse(effects.query((*enter, program, "-t", "filter")).stdout):
            return True
    return answer


def saved_tables_refuse(text: str) -> bool:
    """Can the chain INPUT of an iptables-save listing drop anything, itself or in a chain that it goes to?"""
    if re.search(r"^:INPUT DROP\b", text, re.MULTILINE):
        return True
    todo, seen = ["INPUT"], {"INPUT"}
    while todo:
        rules = re.findall(r"^-A %s(?: .*)? -[jg] (\S+)" % re.escape(todo.pop()), text, re.MULTILINE)
        if {"DROP", "REJECT", "QUEUE", "NFQUEUE"} & set(rules):
            return True
        todo += [name for name in rules if name not in seen]
        seen.update(rules)
    return False


def choose(backend: str, effects: Effects) -> Backend:
    """The backend of that name; for `auto` the one in charge. Raises FirewallError when there is none of ours."""
    if backend != AUTO:
        return BACKENDS[backend](effects)
    nftables = Nftables(effects)
    found = in_charge(nftables.ruleset(), effects)
    if len(found) > 1:
        raise FirewallError(
            "several firewalls filter what comes to this host: %s. Leave one in charge, or name the one to write with backend"
            % " and ".join(found)
        )
    if found and found[0] not in BACKENDS:
        raise FirewallError(
            "%s is in charge of this host's firewall, and this version of port_allow writes %s only; nothing was changed"
            % (found[0], ", ".join(BACKENDS))
        )
    return BACKENDS[found[0]](effects) if found else nftables


def admissions(
    listeners: Sequence[Listener], backend: str = AUTO, source: Optional[str] = None, enter: Sequence[str] = ()
) -> Dict[str, Admission]:
    """By name of listener: does the host firewall admit new connections to it? Changes nothing and never fails.

    nftables shows the rules of firewalld, ufw and iptables too, so it is asked whatever is in charge. `enter` is a command
    that runs its arguments in another network namespace.
    """
    del backend  # one reader knows them all so far
    effects = Effects(check_mode=True)
    try:
        found = Nftables(effects, enter).admissions(listeners, source)
        legacy = _legacy_tables_filter(effects, enter)
    except (FirewallError, RunError) as error:
        return {listener.name: Admission(UNKNOWN, str(error)) for listener in listeners if listener.allow}
    if legacy is not False:
        reason = "iptables-legacy %s as well, and its rules are not read here" % ("filters" if legacy else "may filter")
        found = {name: a if a.state == "dropped" else Admission(UNKNOWN, reason) for name, a in found.items()}
    return found
