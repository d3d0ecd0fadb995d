# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to change in the tables of iptables so that they admit what they should, and how to say it to iptables-restore.

Pure, and the same for the running tables and for a saved file. In each table that would drop, our rules are in a chain of
their own, `netports`, and one jump leads to it, right before the first rule of INPUT that would drop their packets, or at
the end of INPUT where only its policy would: what others ban before that stays banned. A jump at a good place stays there.

A rule of ours is one line, or several where iptables cannot say it in one: more than 15 ports, several IP protocols, several
sources without a set. What they admit is compared, not their text, which differs among versions of iptables-save.
"""

from __future__ import annotations

import hashlib
from typing import Any, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import (
    intervals,
    model,
    nft_admission,
    nft_plan,
    nft_ruleset,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Interval, Intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.model import NOTHING_FILTERS, FirewallError, Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import (
    IPSET,
    LEGACY,
    MARK,
    Chain,
    ChainKey,
    NftRule,
    Ruleset,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_walk import Walk

CHAIN = "netports"
# As many sources as are worth a set of their own.
_SET_FROM = 5
PROGRAMS = {"ip": "iptables", "ip6": "ip6tables"}
FAMILY_OF = {"ip": IPV4, "ip6": IPV6}
_HEADERS = {IPV4: "ip", IPV6: "ip6"}
_JUMP: Tuple[Any, ...] = ({"jump": {"target": CHAIN}},)

# Family and name of a table, as a Ruleset has them.
TableKey = Tuple[str, str]


class Atom(NamedTuple):
    """The smallest part that a line of ours admits; `source` is None for everybody."""

    protocol: str
    family: str
    source: Optional[Interval]
    ports: Intervals


class Line(NamedTuple):
    """One line in our chain, and what it admits."""

    text: str
    rule: Rule

    @property
    def atoms(self) -> FrozenSet[Atom]:
        return _atoms(self.rule)

    @property
    def set_name(self) -> Optional[str]:
        return set_name(self.rule) if len(self.rule.sources) > 1 else None


class TableEdits(NamedTuple):
    """What to do in one table.

    `delete` are rules by chain and position (from 1), the last first. `jump` is where the jump is to be inserted in chain
    `base`, counted when those are gone. `create`: our chain is not there; `drop`: it is to go.
    """

    key: TableKey
    base: str
    create: bool
    delete: Tuple[Tuple[str, int], ...]
    add: Tuple[Line, ...]
    jump: Optional[int]
    drop: bool

    @property
    def idle(self) -> bool:
        return not (self.delete or self.add or self.jump or self.drop)

    def script(self) -> List[str]:
        """A section of the input of `iptables-restore --noflush`."""
        lines = ["*" + self.key[1].replace(LEGACY, "")]
        # To declare a chain that is there would empty it.
        lines += [":%s - [0:0]" % CHAIN] if self.create else []
        lines += ["-D %s %d" % item for item in self.delete]
        lines += ["-A %s %s" % (CHAIN, line.text) for line in self.add]
        lines += ["-I %s %d -j %s" % (self.base, self.jump, CHAIN)] if self.jump else []
        lines += ["-X " + CHAIN] if self.drop else []
        return [*lines, "COMMIT"]


class Edits(NamedTuple):
    """`placed`: the rules of the label as they are to be, by table; `needed`: base chains that would drop without them."""

    tables: Tuple[TableEdits, ...]
    placed: Tuple[Tuple[TableKey, Rule], ...]
    needed: FrozenSet[ChainKey]
    enforcing: bool
    warnings: Tuple[str, ...] = ()
    notes: Tuple[str, ...] = ()


# Lines of ours, from and to iptables.


def chunks(rule: Rule) -> Iterator[Intervals]:
    """The ports of a rule in portions that one line can have."""
    if rule.protocol == "ip":
        for low, high in rule.ports:
            yield from (((number, number),) for number in range(low, high + 1))
        return
    yield from intervals.portions(rule.ports)


def _atoms(rule: Rule) -> FrozenSet[Atom]:
    sources: Sequence[Optional[Interval]] = rule.sources or (None,)
    return frozenset(Atom(rule.protocol, rule.family, source, ports) for source in sources for ports in chunks(rule))


def set_name(rule: Rule) -> str:
    """The name of the set with the rule's sources: another list has another name."""
    text = "%s %s" % (rule.family, rule.sources)
    return "%s-%s" % (CHAIN, hashlib.sha256(text.encode("ascii")).hexdigest()[:16])


def wants_set(rule: Rule) -> bool:
    return len(rule.sources) >= _SET_FROM


def lines_of(rule: Rule, sets: bool) -> List[Line]:
    """The lines for a rule of one family; with `sets` many sources are one line."""
    if sets and wants_set(rule):
        portions: Sequence[Intervals] = (rule.sources,)
    else:
        portions = [(source,) for source in rule.sources] or ((),)
    parts = [rule._replace(ports=ports, sources=sources) for sources in portions for ports in chunks(rule)]
    return [Line(line_text(part), part) for part in parts]


def line_text(rule: Rule) -> str:
    """A rule that fits into one line, in the order of iptables-save."""
    address, match = _source_text(rule)
    if rule.protocol == "ip":
        number = rule.ports[0][0]
        if number == 0:
            raise FirewallError("iptables cannot name IP protocol 0, which means every protocol to it. Leave it out")
        parts = [address, "-p %d" % number, match]
    else:
        ports = ",".join(intervals.number_text(p).replace("-", ":") for p in rule.ports)
        single = "-m %s --dport %s" % (rule.protocol, ports)
        parts = [address, "-p " + rule.protocol, match, single if len(rule.ports) == 1 else "-m multiport --dports " + ports]
    parts.append('-m comment --comment "%s%s" -j ACCEPT' % (MARK, rule.label))
    return " ".join(part for part in parts if part)


def _source_text(rule: Rule) -> Tuple[str, str]:
    """The option of iptables, or the match, that asks for the sources."""
    if not rule.sources:
        return "", ""
    if len(rule.sources) > 1:
        return "", "-m set --match-set %s src" % set_name(rule)
    text = intervals.network_text(rule.sources[0], rule.family)
    if "-" in text:
        return "", "-m iprange --src-range " + text
    return "-s " + (text if "/" in text else "%s/%d" % (text, intervals.BITS[rule.family])), ""


def read_own(rule: NftRule, ruleset: Ruleset) -> Optional[Rule]:
    """The Rule that a marked line is; None when somebody changed it into something that we do not write."""
    expressions: List[Any] = []
    for expression in rule.expr:
        reference = _set_asked(expression)
        if reference is not None:
            known = ruleset.sets.get(nft_ruleset.set_key(rule.chain, reference))
            if known is None:
                return None
            expression = {"match": {**expression["match"], "right": {"set": list(known.get("elem") or ())}}}
        expressions.append(expression)
    own = nft_ruleset.parse_own(rule._replace(expr=tuple(expressions)))
    return None if own is None else own._replace(family=FAMILY_OF[rule.chain[0]])


# What there is, and what is to change.


def marked(ruleset: Ruleset) -> Iterator[Tuple[ChainKey, int, NftRule]]:
    """The marked rules in tables of iptables, with their positions from 1."""
    for key, rules in ruleset.rules.items():
        if nft_ruleset.in_xtables(key):
            yield from ((key, index + 1, rule) for index, rule in enumerate(rules) if rule.label is not None)


def _is_jump(rule: NftRule) -> bool:
    return rule.label is None and tuple(e for e in rule.expr if "counter" not in e) == _JUMP


def _bases(ruleset: Ruleset) -> List[Chain]:
    return [chain for chain in ruleset.base_chains(nft_plan.INPUT) if nft_ruleset.is_iptables(chain)]


def enforces(ruleset: Ruleset) -> bool:
    """Does iptables refuse anything that comes to this host, apart from what this collection did?"""
    unmarked = ruleset.unmarked()
    return any(nft_admission.can_refuse(unmarked, chain) for chain in _bases(unmarked))


def plan(ruleset: Ruleset, label: str, rules: Sequence[Rule], exclusive: bool = False, sets: bool = False) -> Edits:
    """Rules for a label; no rules means that the label is to have none. With `sets`, many sources may be a set of ipset."""
    if rules and not enforces(ruleset):
        # Nothing to open; what is there is left for the day when the operator switches filtering on again.
        return Edits((), (), frozenset(), False, (NOTHING_FILTERS,))
    edits = edit(ruleset, label, rules, exclusive, sets)
    return edits._replace(
        warnings=tuple(nft_plan.warnings(after(ruleset, edits), rules)),
        notes=tuple(dict.fromkeys(_passed_bans(ruleset, edits))),
    )


def edit(
    ruleset: Ruleset,
    label: str,
    rules: Sequence[Rule],
    exclusive: bool = False,
    sets: bool = False,
    also: FrozenSet[ChainKey] = frozenset(),
) -> Edits:
    """The changes alone. `also`: base chains that are to have the rules, whether or not these would drop."""
    unmarked = ruleset.unmarked()
    tables: List[TableEdits] = []
    placed: List[Tuple[TableKey, Rule]] = []
    needed: Set[ChainKey] = set()
    for base in _bases(ruleset):
        wanted = [p for p in (nft_ruleset.project(rule, base.family) for rule in rules) if p is not None]
        here = [rule for rule in wanted if base.key in also or nft_plan.is_needed(unmarked, base, rule)]
        if here:
            needed.add(base.key)
        planner = _TablePlanner(ruleset, base, label, exclusive)
        planner.settle(wanted, here, sets)
        tables.append(planner.edits())
        placed += [(base.key[:2], rule) for rule in planner.of_label()]
    used = tuple(table for table in tables if not table.idle)
    return Edits(used, tuple(placed), frozenset(needed), enforces(ruleset))


class _TablePlanner:
    """The state of one table on its way from what is to what should be."""

    def __init__(self, ruleset: Ruleset, base: Chain, label: Optional[str], exclusive: bool) -> None:
        self._ruleset = ruleset
        self._unmarked = ruleset.unmarked()
        self._base = base
        self._label = label
        self._exclusive = exclusive
        self._key: TableKey = base.key[:2]
        self._own_chain: ChainKey = (*self._key, CHAIN)
        self._kept: Dict[int, Optional[Rule]] = {}
        self._delete: List[Tuple[str, int]] = []
        self._add: List[Line] = []

    def settle(self, wanted: Sequence[Rule], needed: Sequence[Rule], sets: bool) -> None:
        """Decide which lines of ours stay, go and come."""
        admitted = frozenset(atom for rule in wanted for atom in _atoms(rule))
        there: Set[Atom] = set()
        for key, position, rule in marked(self._ruleset):
            if key[:2] != self._key:
                continue
            own = read_own(rule, self._ruleset)
            concerns = rule.label == self._label or self._exclusive
            if not concerns and key == self._own_chain:
                self._kept[position] = own
            elif concerns:
                atoms = _atoms(own) if own is not None and key == self._own_chain else frozenset()
                if rule.label == self._label and atoms and atoms <= admitted and not atoms <= there:
                    self._kept[position] = own
                    there |= atoms
                else:
                    self._delete.append((key[2], position))
        self._add = [line for rule in needed for line in lines_of(rule, sets) if not line.atoms <= there]
        self._drop_parts_of_new()

    def _drop_parts_of_new(self) -> None:
        """Lines that say a part of what a new one says."""
        for position, own in list(self._kept.items()):
            if own is not None and own.label == self._label and any(_atoms(own) < line.atoms for line in self._add):
                del self._kept[position]
                self._delete.append((CHAIN, position))

    def of_label(self) -> List[Rule]:
        kept = [own for own in self._kept.values() if own is not None and own.label == self._label]
        return kept + [line.rule for line in self._add]

    def edits(self) -> TableEdits:
        delete = list(self._delete)
        base_rules = self._ruleset.rules.get(self._base.key, [])
        jumps = [index for index, rule in enumerate(base_rules) if _is_jump(rule)]
        there = self._own_chain in self._ruleset.chains
        jump: Optional[int] = None
        if self._kept or self._add:
            ours = folded("", [own for own in self._kept.values() if own is not None] + [line.rule for line in self._add])
            good = next((index for index in jumps if not self._shadowed(base_rules[:index], ours)), None)
            delete += [(self._base.name, index + 1) for index in jumps if index != good]
            if good is None:
                gone = {position for chain, position in delete if chain == self._base.name}
                jump = self._place([r for i, r in enumerate(base_rules) if i + 1 not in gone], ours) + 1
        elif self._is_all_ours():
            delete += [(self._base.name, index + 1) for index in jumps]
        drop = there and not self._kept and not self._add and self._is_all_ours()
        # From the last on, so that the positions of those before stay.
        ordered = tuple(sorted(delete, key=lambda item: (item[0], -item[1])))
        return TableEdits(self._key, self._base.name, not there and bool(self._add), ordered, tuple(self._add), jump, drop)

    def _is_all_ours(self) -> bool:
        """Nobody else has a rule in our chain, or leads to it."""
        strangers = any(rule.label is None for rule in self._ruleset.rules.get(self._own_chain, ()))
        for key, rules in self._ruleset.rules.items():
            if key[:2] == self._key:
                strangers |= any(_leads_here(rule) and not (key == self._base.key and _is_jump(rule)) for rule in rules)
        return not strangers

    def _shadowed(self, before: Sequence[NftRule], ours: Sequence[Rule]) -> bool:
        rules = [rule for rule in before if rule.label is None and not _is_jump(rule)]
        for rule in ours if rules else ():
            for packet in nft_plan.packets_of(rule, self._unmarked):
                walk = Walk(self._unmarked, packet)
                walk.rules(rules)
                if nft_plan.shadows(walk):
                    return True
        return False

    def _place(self, rules: Sequence[NftRule], ours: Sequence[Rule]) -> int:
        """As many rules can come before ours."""
        low, high = 0, len(rules)
        while low < high:
            middle = (low + high + 1) // 2
            if self._shadowed(rules[:middle], ours):
                high = middle - 1
            else:
                low = middle
        return low


def _leads_here(rule: NftRule) -> bool:
    return any(e.get(kind) == {"target": CHAIN} for e in rule.expr if isinstance(e, dict) for kind in ("jump", "goto"))


def after(ruleset: Ruleset, edits: Edits) -> Ruleset:
    """The ruleset as the edits leave it."""
    chains, rules = dict(ruleset.chains), dict(ruleset.rules)
    for table in edits.tables:
        gone = set(table.delete)
        for key in [key for key in rules if key[:2] == table.key]:
            rules[key] = [rule for i, rule in enumerate(rules[key]) if (key[2], i + 1) not in gone]
        own, base = (*table.key, CHAIN), (*table.key, table.base)
        if table.drop:
            chains.pop(own)
            rules.pop(own)
            continue
        chains.setdefault(own, Chain(*own))
        new = [NftRule(own, None, MARK + line.rule.label, _expression(line.rule)) for line in table.add]
        rules[own] = rules.get(own, []) + new
        if table.jump:
            rules[base].insert(table.jump - 1, NftRule(base, None, "", _JUMP))
    return ruleset._replace(chains=chains, rules=rules)


def _expression(rule: Rule) -> Tuple[Any, ...]:
    return nft_ruleset.expression(rule, _HEADERS[rule.family])


def _passed_bans(ruleset: Ruleset, edits: Edits) -> Iterator[str]:
    """Drops for named sources that come after our jump."""
    result = after(ruleset, edits)
    for base in _bases(result):
        rules = result.rules[base.key]
        start = next((index + 1 for index, rule in enumerate(rules) if _is_jump(rule)), len(rules))
        rest = result._replace(rules={**result.unmarked().rules, base.key: [r for r in rules[start:] if r.label is None]})
        yield from nft_plan.passed_bans(rest, [(base.key, rule) for key, rule in edits.placed if key == base.key[:2]])


def undo_script(ruleset: Ruleset, table: TableEdits) -> List[str]:
    """What brings the table back to what it was in `ruleset`, after the edits."""
    own, base = (*table.key, CHAIN), (*table.key, table.base)
    jumps = [index + 1 for index, rule in enumerate(ruleset.rules.get(base, ())) if _is_jump(rule)]
    lines_ = ["*" + table.key[1].replace(LEGACY, "")]
    gone = {position for chain, position in table.delete if chain == table.base}
    now = [position for position in jumps if position not in gone]
    lines_ += ["-D %s -j %s" % (table.base, CHAIN)] * (len(now) + (1 if table.jump else 0))
    # A chain that is declared is emptied first, or made.
    lines_.append(":%s - [0:0]" % CHAIN)
    for rule in ruleset.rules.get(own, ()):
        text = _text_of(rule, ruleset)
        lines_ += ["-A %s %s" % (CHAIN, text)] if text else []
    lines_ += ["-I %s %d -j %s" % (table.base, position, CHAIN) for position in jumps]
    lines_ += [] if own in ruleset.chains else ["-X " + CHAIN]
    return [*lines_, "COMMIT"]


def _text_of(rule: NftRule, ruleset: Ruleset) -> str:
    if rule.line:
        return rule.line.partition(" ")[2].partition(" ")[2]
    own = read_own(rule, ruleset) if rule.label is not None else None
    return line_text(own) if own is not None else ""


def mending(ruleset: Ruleset, table: TableEdits) -> Optional[TableEdits]:
    """After the edits: what brings the jump to before what would drop; None when it is there."""
    base = ruleset.chains.get((*table.key, table.base))
    if base is None:
        return None
    planner = _TablePlanner(ruleset, base, None, False)
    planner.settle((), (), False)
    edits_ = planner.edits()
    return None if edits_.idle else edits_


# For people, and for bringing back what was.


def folded(label: str, rules: Sequence[Rule]) -> Tuple[Rule, ...]:
    """The rules that lines, of both families, come to."""
    sources: Dict[Tuple[str, str, Intervals], Set[Interval]] = {}
    ports: Dict[Tuple[str, str, Intervals], List[Interval]] = {}
    for rule in rules:
        for atom in _atoms(rule):
            members = sources.setdefault((atom.protocol, atom.family, atom.ports), set())
            if atom.source is None:
                ports.setdefault((atom.protocol, atom.family, ()), []).extend(atom.ports)
            else:
                members.add(atom.source)
    for (protocol, family, portion), members in sources.items():
        if members:
            ports.setdefault((protocol, family, tuple(sorted(members))), []).extend(portion)
    return model.rules_of(label, ports)


def previous(ruleset: Ruleset, label: str, exclusive: bool) -> Iterator[Tuple[str, Tuple[Rule, ...]]]:
    """The label and, when it is to be the only one, all others, with the rules that they have."""
    found: Dict[str, List[Rule]] = {label: []}
    for _key, _position, rule in marked(ruleset):
        own = read_own(rule, ruleset)
        if own is not None and (exclusive or own.label == label):
            found.setdefault(own.label, []).append(own)
    for name, had in found.items():
        yield name, folded(name, had)


def described(label: str, placed: Sequence[Tuple[TableKey, Rule]]) -> Iterator[Dict[str, Any]]:
    """Each rule once, with the chains that have it."""
    for rule in folded(label, [rule for _key, rule in placed]):
        keys = dict.fromkeys(key for key, _rule in placed if FAMILY_OF[key[0]] in rule.families)
        yield dict(rule.as_dict(), chains=[nft_ruleset.chain_text((*key, CHAIN)) for key in keys])


def lines(ruleset: Ruleset) -> List[str]:
    """Our rules and jumps, one line each as a command, for people and for the diff."""
    result: List[str] = []
    for key, rules in ruleset.rules.items():
        if not nft_ruleset.in_xtables(key):
            continue
        command = "%s -t %s" % (PROGRAMS[key[0]], key[1].replace(LEGACY, ""))
        for position, rule in enumerate(rules):
            if rule.label is not None:
                own = read_own(rule, ruleset)
                text = line_text(own) if own else "%s (changed by hand)" % (rule.line or rule.comment)
                result.append("%s -A %s %s" % (command, key[2], text))
            elif _is_jump(rule):
                result.append("%s -I %s %d -j %s" % (command, key[2], position + 1, CHAIN))
    return result


def set_names(ruleset: Ruleset) -> FrozenSet[str]:
    """The sets of ours that any rule asks."""
    asked = (_set_asked(expression) for _key, _position, rule in marked(ruleset) for expression in rule.expr)
    names = (reference[len(IPSET) :] for reference in asked if reference is not None)
    return frozenset(name for name in names if name.startswith(CHAIN + "-"))


def _set_asked(expression: Any) -> Optional[str]:
    match = expression.get("match") if isinstance(expression, dict) else None
    right = match.get("right") if isinstance(match, dict) else None
    return right if isinstance(right, str) and right.startswith(IPSET) else None
