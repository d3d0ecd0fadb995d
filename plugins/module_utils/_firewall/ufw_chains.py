# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of ours in the chains of a running ufw, and what to change in them.

Pure. In the chains of user rules ours are known by the profile in their comment, as ufw leaves it; in those behind them by
the comment `netports:<label>`. A rule that names a profile of ours, and whose tuple in the rules file has no comment of
ours, is somebody's `ufw allow netports-...`, and stays.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import nft_ruleset, ufw_rules
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError, Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import LEGACY, ChainKey, NftRule, Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.ufw_rules import Entry

_FAMILIES = {IPV4: "ip", IPV6: "ip6"}


class Own(NamedTuple):
    """A rule of ours; `place` counts all rules of the chain, from 1. `entry` is None for one that somebody changed."""

    place: int
    label: str
    entry: Optional[Entry]
    rule: NftRule

    def text(self, family: str) -> str:
        said = self.entry.text(family) if self.entry else "(changed by hand) %s" % self.rule.line
        return "%s: %s" % (nft_ruleset.chain_text(self.rule.chain), said)


class ChainEdit(NamedTuple):
    """`insert` goes before place `at`, to the end where that is None; `kept` are those of the label that stay."""

    key: ChainKey
    delete: Tuple[Own, ...]
    insert: Tuple[Entry, ...]
    at: Optional[int]
    kept: Tuple[Own, ...]


class FamilyEdit(NamedTuple):
    """What one `iptables-restore` changes."""

    family: str
    label: str
    chains: Tuple[ChainEdit, ...]

    @property
    def changes(self) -> bool:
        return any(edit.delete or edit.insert for edit in self.chains)

    def script(self) -> str:
        """One transaction of `iptables-restore --noflush`."""
        lines: List[str] = []
        for edit in self.chains:
            lines += ["-D" + own.rule.line[2:] for own in edit.delete]
            for offset, entry in enumerate(edit.insert):
                line = ufw_rules.line(entry, self.family, self.label)
                head = "-A %s " % edit.key[2]
                lines.append(line if edit.at is None else "-I %s %d %s" % (edit.key[2], edit.at + offset, line[len(head) :]))
        return _transaction(lines)

    def inverse(self) -> str:
        """The transaction that takes `script` back."""
        lines: List[str] = []
        for edit in self.chains:
            lines += ["-D" + ufw_rules.line(entry, self.family, self.label)[2:] for entry in edit.insert]
            for own in edit.delete:
                head = "-A %s " % edit.key[2]
                lines.append("-I %s %d %s" % (edit.key[2], own.place, own.rule.line[len(head) :]))
        return _transaction(lines)


def _transaction(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in ("*filter", *lines, "COMMIT"))


def table(ruleset: Ruleset) -> Optional[str]:
    """The table with ufw's chains, by the name that Ruleset has for it; None when ufw is not loaded.

    Raises FirewallError when both flavours of iptables have them.
    """
    found = [name for name in ("filter", LEGACY + "filter") if ("ip", name, ufw_rules.chains(IPV4)[0]) in ruleset.chains]
    if len(found) > 1:
        raise FirewallError(
            "the rules of ufw are loaded twice, by iptables-nft and by iptables-legacy. Boot the host, or flush those of one"
        )
    return found[0] if found else None


def keys(table_name: str, family: str, ruleset: Ruleset) -> Tuple[ChainKey, ...]:
    """The chains of that family with room for rules of ours, as far as they are loaded."""
    found = [(_FAMILIES[family], table_name, chain) for chain in ufw_rules.chains(family)]
    return tuple(key for key in found if key in ruleset.chains)


def shape(ruleset: Ruleset, family: str) -> Mapping[ChainKey, Any]:
    """Which rules the family has, to be compared."""
    return {key: handles for key, handles in ruleset.shape().items() if key[0] == _FAMILIES[family]}


def own_rules(ruleset: Ruleset, key: ChainKey, family: str, labels: Mapping[str, str], theirs: Sequence[Entry]) -> List[Own]:
    """The rules of ours in a chain. `labels` are known labels by first profile, `theirs` what others made of our profiles.

    Raises FirewallError when the chain cannot be read.
    """
    left = list(theirs)
    found: List[Own] = []
    # From the end: of rules that are alike, `-D` takes the first.
    for place, rule in reversed(list(enumerate(ruleset.rules.get(key, ()), 1))):
        if not rule.line:
            raise FirewallError(
                "cannot read the rules of chain %s: iptables-save does not list them" % nft_ruleset.chain_text(key)
            )
        profile = ufw_rules.profile_of_comment(rule.comment)
        if profile is None and rule.label is None:
            continue
        entry = ufw_rules.entry_of_line(rule.line, family)
        if entry is not None and entry in left:
            left.remove(entry)
            continue
        label = rule.label or labels.get(ufw_rules.first_profile(profile or "")) or ufw_rules.label_of_profile(profile or "")
        found.append(Own(place, label, entry, rule))
    return found[::-1]


def edit(key: ChainKey, own: Sequence[Own], label: str, wanted: Sequence[Entry], exclusive: bool) -> ChainEdit:
    """What gives the label these entries in a chain, without touching those that it has. `exclusive`: no other has any."""
    left = list(wanted)
    delete: List[Own] = []
    kept: List[Own] = []
    for one in own:
        if one.label == label and one.entry in left:
            left.remove(one.entry)
            kept.append(one)
        elif one.label == label or exclusive:
            delete.append(one)
    mine = [one.place for one in own if one.label == label]
    # What goes away before this place moves it up.
    at = mine[0] - sum(one.place < mine[0] for one in delete) if mine else None
    return ChainEdit(key, tuple(delete), tuple(left), at, tuple(kept))


def lines(edits: Sequence[FamilyEdit], after: bool) -> List[str]:
    """The rules of the labels that the edits look at, before or after them, for people."""
    result: List[str] = []
    for family_edit in edits:
        for one in family_edit.chains:
            texts = {own.place: own.text(family_edit.family) for own in one.kept + (() if after else one.delete)}
            found = [text for _place, text in sorted(texts.items())]
            name = nft_ruleset.chain_text(one.key)
            result += found + ["%s: %s" % (name, entry.text(family_edit.family)) for entry in one.insert if after]
    return result


def after(ruleset: Ruleset, edits: Sequence[FamilyEdit], rules: Sequence[Rule]) -> Ruleset:
    """The ruleset as the edits leave it, with the rules of the label as one each, whatever their sources."""
    changed: Dict[ChainKey, List[NftRule]] = dict(ruleset.rules)
    for family_edit in edits:
        for one in family_edit.chains:
            gone = {own.place for own in one.delete + one.kept}
            mine = [own.place for own in one.delete + one.kept if own.label == family_edit.label]
            place = min(mine, default=len(changed[one.key]) + 1)
            new = [new_rule for rule in rules for new_rule in _as_one(rule, one.key, family_edit.family)]
            listed = list(enumerate(changed[one.key], 1))
            changed[one.key] = [
                *(rule for number, rule in listed if number not in gone and number < place),
                *new,
                *(rule for number, rule in listed if number not in gone and number >= place),
            ]
    return ruleset._replace(rules=changed)


def _as_one(rule: Rule, key: ChainKey, family: str) -> List[NftRule]:
    is_here = key[2] == ufw_rules.chains(family)[1 if rule.protocol == "ip" else 0]
    projected = nft_ruleset.project(rule, key[0]) if is_here else None
    if projected is None:
        return []
    return [NftRule(key, None, ufw_rules.MARK + rule.label, nft_ruleset.expression(projected, key[0]))]
