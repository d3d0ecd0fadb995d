# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that filters on a host, whoever made it, as one Ruleset.

The kernel has two places for rules: nf_tables, which nft, firewalld and iptables-nft write, and the tables of
iptables-legacy, which nft does not see. nft in turn does not show what the extensions of iptables ask; iptables-save does.
A host with plain nftables costs one `nft -j list ruleset`.
"""

from __future__ import annotations

import re
from typing import Any, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import nft_admission, nft_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import LEGACY, Chain, ChainKey, NftRule, Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nftables import Nftables, local_addresses
from ansible_collections.netports.core.plugins.module_utils._run import Effects, RunError

NFT_FLAVOUR = "nft"
LEGACY_FLAVOUR = "legacy"
# What iptables-save says where nft wrote in its tables too.
_INCOMPATIBLE = re.compile(r"^# Table `(\S+)' .*use 'nft' tool", re.MULTILINE)
_PROGRAMS = {"ip": "iptables", "ip6": "ip6tables"}


# The sets of ipset by name; their type is imported with what reads them.
_Sets = Mapping[str, Any]


class _Dump(NamedTuple):
    """What iptables-save of a flavour said for a family; `problem` instead of text when it could not be asked."""

    family: str
    flavour: str
    text: str
    problem: str = ""


def read(effects: Effects, enter: Sequence[str] = ()) -> Ruleset:
    """All rules of the host. Raises FirewallError or RunError when they cannot be read.

    Rules of iptables-nft carry their line (`NftRule.line`) where nft could not show all of them. Tables of iptables-legacy have
    names that begin with `nft_ruleset.LEGACY`; what is loaded there and cannot be listed is one rule that may do anything.
    `enter` is a command that runs its arguments in another network namespace.
    """
    return read_both(effects, enter)[0]


def read_both(effects: Effects, enter: Sequence[str] = ()) -> Tuple[Ruleset, Optional[Ruleset]]:
    """The same, and what nft shows of it; None where there is no nft."""
    reader = _Reader(effects, tuple(enter))
    if _run.find_program("nft") is not None:
        ruleset = shown = Nftables(effects, enter).ruleset()
        dumps = [reader.dump(family, NFT_FLAVOUR) for family in sorted(_unclear_families(ruleset))]
    else:
        ruleset, shown = Ruleset({}, {}, {}, {}), None
        dumps = [reader.dump(family, NFT_FLAVOUR) for family in _PROGRAMS if reader.program(family, NFT_FLAVOUR)]
    dumps += [reader.dump(family, LEGACY_FLAVOUR) for family in reader.legacy_families()]
    if shown is None:
        _check_without_nft(dumps, reader)
        for family, table in reader.tables_beside_iptables(dumps):
            ruleset = _with_unread(ruleset, (family, table, "input"), "the command nft is not installed (package nftables)")
    if not dumps:
        return ruleset, shown
    # What most hosts do without is not compiled there.
    from ansible_collections.netports.core.plugins.module_utils._firewall import ipt_ruleset

    sets = reader.sets() if any(ipt_ruleset.names_sets(dump.text) for dump in dumps) else {}
    for dump in dumps:
        ruleset = _with(ruleset, dump, sets, native=shown is not None)
    if not ruleset.local and any(" -d " in dump.text for dump in dumps):
        ruleset = ruleset._replace(local=local_addresses(effects, enter))
    return ruleset, shown


def of(backend: Backend) -> Ruleset:
    """The same, once for a backend: what was read to find it in charge, where it was."""
    if backend.seen is None:
        backend.seen = read(backend.effects)
    return backend.seen


def read_with_addresses(effects: Effects, enter: Sequence[str] = ()) -> Ruleset:
    """The same with the host's own addresses, whether or not a rule asks for them."""
    ruleset = read(effects, enter)
    return ruleset if ruleset.local else ruleset._replace(local=local_addresses(effects, enter))


def _check_without_nft(dumps: Sequence[_Dump], reader: _Reader) -> None:
    """Raises FirewallError when the rules of nf_tables cannot be had at all."""
    if not any(reader.program(family, flavour) for family in _PROGRAMS for flavour in (NFT_FLAVOUR, LEGACY_FLAVOUR)):
        raise FirewallError("neither the command nft (package nftables) nor iptables-save (package iptables) is installed")
    for dump in dumps:
        # A kernel that has no nf_tables has no rules there.
        if dump.problem and dump.flavour == NFT_FLAVOUR and "not supported" not in dump.problem:
            raise FirewallError("cannot read the rules of %s: %s" % (_PROGRAMS[dump.family], dump.problem))


def flavours(ruleset: Ruleset) -> FrozenSet[str]:
    """The flavours of iptables whose rules shut this host: none, `nft`, `legacy`, or both. Bans of named sources do not."""
    unmarked = ruleset.unmarked()
    found = [
        LEGACY_FLAVOUR if chain.table.startswith(LEGACY) else NFT_FLAVOUR
        for chain in unmarked.base_chains()
        if nft_ruleset.is_iptables(chain) and nft_admission.shuts_out(unmarked, chain)
    ]
    return frozenset(found)


def _unclear_families(ruleset: Ruleset) -> FrozenSet[str]:
    """The families of iptables whose tables hold something that nft does not show."""
    return frozenset(
        key[0]
        for key, rules in ruleset.rules.items()
        if key[0] in _PROGRAMS and key[1] in nft_ruleset.XTABLES and any(_has_extension(rule) for rule in rules)
    )


def _has_extension(rule: NftRule) -> bool:
    return any(isinstance(expression, dict) and "xt" in expression for expression in rule.expr)


def _with(ruleset: Ruleset, dump: _Dump, sets: _Sets, native: bool) -> Ruleset:
    legacy = dump.flavour == LEGACY_FLAVOUR
    if dump.problem:
        return _with_unread(ruleset, (dump.family, LEGACY + "filter", "INPUT"), dump.problem) if legacy else ruleset
    from ansible_collections.netports.core.plugins.module_utils._firewall import ipt_ruleset

    try:
        read_ = ipt_ruleset.parse(dump.text, dump.family, sets, legacy)
    except ValueError as error:
        return _with(ruleset, dump._replace(problem=str(error)), sets, native)
    sets_ = {**ruleset.sets, **read_.sets}
    if legacy or not native:
        return ruleset._replace(
            chains={**ruleset.chains, **read_.chains},
            rules={**ruleset.rules, **read_.rules},
            sets=sets_,
        )
    rules = dict(ruleset.rules)
    for key, translated in read_.rules.items():
        # Other numbers: somebody changed the chain between the two commands, or iptables does not know all that is in it.
        if key in rules and len(translated) == len(rules[key]):
            rules[key] = [_joined(ours, theirs) for ours, theirs in zip(rules[key], translated)]
    return ruleset._replace(rules=rules, sets=sets_)


def _joined(shown: NftRule, translated: NftRule) -> NftRule:
    """What nft shows of a rule, with what it does not show."""
    if _has_extension(shown):
        return shown._replace(expr=translated.expr, comment=shown.comment or translated.comment, line=translated.line)
    # Of a rule that nft made, iptables-save prints what it understands, and does not say so.
    same = _decision(shown) == _decision(translated)
    return shown._replace(comment=shown.comment or translated.comment, line=translated.line if same else "")


def _decision(rule: NftRule) -> Any:
    """What the rule does in the end."""
    last = rule.expr[-1] if rule.expr else None
    return last if isinstance(last, dict) and not set(last) & {"match", "counter", "limit"} else None


def _with_unread(ruleset: Ruleset, key: ChainKey, why: str) -> Ruleset:
    """With one rule in the place of those that are there and cannot be listed."""
    chain = Chain(*key, type="filter", hook="input")
    rule = NftRule(key, None, "not readable: %s" % why, (UNREAD,))
    return ruleset._replace(chains={**ruleset.chains, key: chain}, rules={**ruleset.rules, key: [rule]})


# As old versions of nft print an extension of iptables: it may match and decide anything.
UNREAD = {"xt": None}


def unread(rule: NftRule) -> bool:
    """Does this rule stand for rules that could not be listed?"""
    return rule.expr == (UNREAD,) and rule.handle is None


# The numbers of the kernel for families whose packets may come to this host.
_FAMILIES = {1: "inet", 2: "ip", 5: "netdev", 10: "ip6"}
_NETLINK_NETFILTER = 12
_GET_TABLES = 10 << 8 | 1
_TABLE_NAME = 1


def _tables() -> List[Tuple[str, str]]:
    """The tables of nf_tables, as the kernel names them to anybody who asks."""
    from ansible_collections.netports.core.plugins.module_utils._sockets import netlink

    try:
        link = netlink.Netlink(_NETLINK_NETFILTER)
        try:
            answers = link.dump(_GET_TABLES, bytes(4))
        finally:
            link.close()
    except netlink.NetlinkError:
        return []  # a kernel without nf_tables; without privilege iptables has said so
    tables = [(_FAMILIES.get(one[0]), netlink.attributes(one, 4).get(_TABLE_NAME, b"")) for one in answers]
    return [(family, name.rstrip(b"\0").decode("utf-8", "replace")) for family, name in tables if family is not None]


class _Reader:
    """The commands that read, each asked once at the most."""

    def __init__(self, effects: Effects, enter: Tuple[str, ...]) -> None:
        self._effects = effects
        self._enter = enter
        self._default: Optional[str] = None

    def program(self, family: str, flavour: str) -> Optional[str]:
        """The program that lists the rules of that flavour."""
        name = _PROGRAMS[family]
        program = _run.find_program("%s-%s-save" % (name, flavour))
        if program is None and self._default_flavour() == flavour:
            program = _run.find_program("%s-save" % name)
        return program

    def _default_flavour(self) -> str:
        """The flavour of `iptables-save`; empty when there is none."""
        if self._default is None:
            program = _run.find_program("iptables-save")
            said = self._effects.query([program, "-V"]).stdout if program else ""
            # Before 1.8 there was but one.
            self._default = "" if not program else NFT_FLAVOUR if "nf_tables" in said else LEGACY_FLAVOUR
        return self._default

    def dump(self, family: str, flavour: str) -> _Dump:
        program = self.program(family, flavour)
        if program is None:
            return _Dump(family, flavour, "", "%s-%s-save is not installed" % (_PROGRAMS[family], flavour))
        answer = self._effects.query((*self._enter, program))
        if answer.rc != 0:
            return _Dump(family, flavour, "", (answer.stderr.strip().splitlines() or ["%s failed" % program])[0])
        return _Dump(family, flavour, answer.stdout)

    def legacy_families(self) -> List[str]:
        """The families for which this namespace has loaded any table of iptables-legacy."""
        return [family for family in _PROGRAMS if self._legacy_tables(family)]

    def _legacy_tables(self, family: str) -> bool:
        path = "/proc/self/net/%s_tables_names" % family
        try:
            text = self._effects.query((*self._enter, "cat", path)).stdout if self._enter else _run.read_text(path)
        except RunError:
            text = None  # without privilege; nft will say so itself
        return bool((text or "").split())

    def tables_beside_iptables(self, dumps: Sequence[_Dump]) -> List[Tuple[str, str]]:
        """What a host without nft has in nf_tables and iptables does not show, by family and name."""
        found = [(dump.family, table) for dump in dumps for table in _INCOMPATIBLE.findall(dump.text)]
        if self._enter:
            return found  # the kernel answers this process for its own namespace
        return found + [key for key in _tables() if key[0] not in _PROGRAMS or key[1] not in nft_ruleset.XTABLES]

    def sets(self) -> _Sets:
        """The sets of ipset; empty where they cannot be listed: rules that ask for one are not certain then."""
        program = _run.find_program("ipset")
        if program is None:
            return {}
        from ansible_collections.netports.core.plugins.module_utils._firewall import ipt_ruleset

        answer = self._effects.query((*self._enter, program, "save"))
        return ipt_ruleset.parse_sets(answer.stdout) if answer.rc == 0 else {}
