# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which firewall is in charge of this host, and the backend for it."""

from __future__ import annotations

import os
import re
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import (
    nft_admission,
    nft_plan,
    nft_ruleset,
    observed,
    units,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError, Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Chain, ChainKey, NftRule, Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nftables import Nftables
from ansible_collections.netports.core.plugins.module_utils._run import Effects, RunError

AUTO = "auto"
CUMULUS_POLICY = "/etc/cumulus/acl/policy.conf"
UFW_SETTINGS = "/etc/ufw/ufw.conf"
UFW_RULES = ("/etc/ufw/user.rules", "/etc/ufw/user6.rules", "/etc/ufw/after.rules", "/etc/ufw/after6.rules")
# ufw writes comments in hexadecimal.
UFW_MARKS = (" comment=" + nft_ruleset.MARK.encode().hex(), "# BEGIN " + nft_ruleset.MARK)

# Chains and tables of programs that look after their own traffic (containers, meshes, virtual machines, bans) and leave what
# else comes to the host to its firewall.
_BYSTANDER_CHAINS = re.compile(
    r"^(?:KUBE-|DOCKER|CNI-|CILIUM_|OLD_CILIUM_|cali-|FLANNEL-|WEAVE-|NETAVARK|KUMA_|ISTIO_|f2b-|fail2ban-|LIBVIRT_|ts-)"
)
_BYSTANDER_TABLES = frozenset(("kube-proxy", "docker-bridges", "calico", "cilium", "netavark", "libvirt_network", "f2b-table"))


def _nftables(effects: Effects) -> Backend:
    return Nftables(effects)


def _ufw(effects: Effects) -> Backend:
    from ansible_collections.netports.core.plugins.module_utils._firewall.ufw import Ufw

    return Ufw(effects)


def _iptables(effects: Effects) -> Backend:
    from ansible_collections.netports.core.plugins.module_utils._firewall.iptables import Iptables

    return Iptables(effects)


def _firewalld(effects: Effects) -> Backend:
    from ansible_collections.netports.core.plugins.module_utils._firewall.firewalld import Firewalld

    return Firewalld(effects)


def _cumulus_acl(effects: Effects) -> Backend:
    from ansible_collections.netports.core.plugins.module_utils._firewall.cumulus_acl import CumulusAcl

    return CumulusAcl(effects)


def _cumulus_nvue(effects: Effects) -> Backend:
    from ansible_collections.netports.core.plugins.module_utils._firewall.cumulus_nvue import CumulusNvue

    return CumulusNvue(effects)


# Each is imported when it is chosen: on a target, what is imported is compiled anew in each run.
BACKENDS: Dict[str, Callable[[Effects], Backend]] = {
    "nftables": _nftables,
    "firewalld": _firewalld,
    "ufw": _ufw,
    "iptables": _iptables,
    "cumulus_acl": _cumulus_acl,
    "cumulus_nvue": _cumulus_nvue,
}


def in_charge(ruleset: Ruleset, effects: Effects) -> List[str]:
    """The firewalls that filter what comes to this host, by name; those of other programs first.

    `ruleset` is what `observed.read` gives.
    """
    found: List[str] = []
    if os.path.exists(CUMULUS_POLICY):
        found.append("cumulus_acl")
    # systemd is asked where nothing tells; it takes longer than all else here.
    seen = any(key[1] == "firewalld" for key in ruleset.chains)
    runs, boots = (True, True) if seen else _firewalld_unit(effects)
    if runs:
        found.append("firewalld")
    if re.search(r"(?mi)^\s*ENABLED=yes\b", _run.read_text(UFW_SETTINGS) or ""):
        found.append("ufw")
    for chain in filtering_chains(ruleset):
        owner = _owner(ruleset, chain, found)
        if owner not in found and not (owner == "iptables" and "firewalld" in found and _has_direct_rules(effects)):
            found.append(owner)
    if boots and not found:
        found.append("firewalld")
    return found


def filtering_chains(ruleset: Ruleset) -> Iterator[Chain]:
    """The base chains that keep new connections to this host out.

    Not without marked rules, without what programs do to their own traffic, and without rules that nobody could list.
    Sources that are banned by name do not count.
    """
    rules: Dict[ChainKey, List[NftRule]] = {}
    for key, found in ruleset.unmarked().rules.items():
        bystander = key[1] in _BYSTANDER_TABLES or _BYSTANDER_CHAINS.match(key[2])
        rules[key] = [] if bystander else [rule for rule in found if not observed.unread(rule)]
    ours = ruleset._replace(rules=rules)
    for chain in ours.base_chains(nft_plan.INPUT):
        if chain.table not in _BYSTANDER_TABLES and nft_admission.shuts_out(ours, chain):
            yield chain


def _owner(ruleset: Ruleset, chain: Chain, found: Sequence[str]) -> str:
    """The firewall that a filtering chain belongs to, given those that were found by other evidence."""
    owner = nft_ruleset.foreign_owner(ruleset, chain) or "nftables"
    if owner != "iptables":
        return owner
    if "cumulus_acl" in found:
        return "cumulus_acl"  # it writes the tables of iptables, whole
    # With IPV6=no it drops all of IPv6, in chains that do not tell whose they are.
    ufw_runs = "ufw" in found and any(nft_ruleset.in_xtables(key) and key[2].startswith("ufw-") for key in ruleset.chains)
    return "ufw" if ufw_runs else owner


def _firewalld_unit(effects: Effects) -> Tuple[bool, bool]:
    """Whether it runs or is just starting, and whether the next boot starts it.

    Until it has loaded its rules, and with the iptables backend, it has no table of its own.
    """
    if _run.find_program("firewall-cmd") is None:
        return False, False
    state, boots = units.firewalld(effects)
    return state in units.ALIVE, boots.startswith("enabled")


def _has_direct_rules(effects: Effects) -> bool:
    """Has somebody given firewalld rules of iptables? They are in its tables whatever the rest is written with."""
    from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_bus import Bus

    try:
        return Bus(effects).has_direct_rules()
    except (FirewallError, RunError):
        return False  # not there to be asked: then its table is what is left of it


def choose(backend: str, effects: Effects) -> Backend:
    """The backend of that name; for `auto` the one in charge. Raises FirewallError when there is none of ours."""
    if backend != AUTO:
        return BACKENDS[backend](effects)
    ruleset, shown = observed.read_both(effects)
    found = in_charge(ruleset, effects)
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
    chosen = BACKENDS[found[0]](effects) if found else _idle(ruleset, effects)
    chosen.seen, chosen.shown = ruleset, shown
    return chosen


def _idle(ruleset: Ruleset, effects: Effects) -> Backend:
    """For a host that filters nothing. Rules of ours that are there may have to go, by the one that can.

    Raises FirewallError where that is not certain.
    """
    unread = [rule for rules in ruleset.rules.values() for rule in rules if observed.unread(rule)]
    if unread:
        raise FirewallError(
            "cannot tell whether this host filters what comes to it: table %s is %s. Nothing was changed"
            % (" ".join(unread[0].chain[:2]), unread[0].comment)
        )
    from ansible_collections.netports.core.plugins.module_utils._firewall.unfiltered import Unfiltered

    iptables = any(nft_ruleset.in_xtables(rule.chain) for rule in ruleset.marked())
    name = "iptables" if iptables or _run.find_program("nft") is None else "nftables"
    return Unfiltered(BACKENDS["ufw" if _ufw_has_ours() else name](effects))


def _ufw_has_ours() -> bool:
    """Are there rules of ours in the files of ufw, which it loads when it is switched on?"""
    texts = [_run.read_text(path) or "" for path in UFW_RULES]
    return any(mark in text for text in texts for mark in UFW_MARKS)


def notes(backend: Backend, rules: Sequence[Rule]) -> Tuple[str, ...]:
    """Ways in which packets that the rules are to admit pass by the input rules of this host, or come to them as others."""
    if not rules:
        return ()
    try:
        ruleset = observed.of(backend)
    except (FirewallError, RunError):
        return ()  # the backend has done its work without
    if not any(chain.type == "nat" for chain in ruleset.chains.values()):
        return ()
    from ansible_collections.netports.core.plugins.module_utils._firewall import detours

    return detours.notes(ruleset, rules)
