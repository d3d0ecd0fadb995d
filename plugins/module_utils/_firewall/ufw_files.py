# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of ufw, and what to write into them.

Pure. All that is not ours stays as it is, byte for byte. In user.rules and user6.rules a rule is a tuple, by which ufw knows
it, and the lines for iptables behind it. What ufw cannot say stands in after.rules and after6.rules, which it does not write.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import ufw_rules
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError
from ansible_collections.netports.core.plugins.module_utils._firewall.ufw_rules import Entry, TupleRead

DEFAULTS = "/etc/default/ufw"
CONF = "/etc/ufw/ufw.conf"
PROFILES = "/etc/ufw/applications.d"
USER = {IPV4: "/etc/ufw/user.rules", IPV6: "/etc/ufw/user6.rules"}
AFTER = {IPV4: "/etc/ufw/after.rules", IPV6: "/etc/ufw/after6.rules"}
HEADER = "# Written by netports.core.port_allow, which writes it anew when the ports of the label change.\n"

_RULES = "### RULES ###"
_BELONGS = re.compile(r"-A ufw6?-user-(?:logging-)?(?:input|output|forward)\s")
_BEGIN, _END = "# BEGIN " + ufw_rules.MARK, "# END " + ufw_rules.MARK


class Settings(NamedTuple):
    enabled: bool
    ipv6: bool
    admits: bool  # what no rule refuses


def settings(defaults: str, conf: str) -> Settings:
    """What the two files say, which are shell."""
    found: Dict[str, str] = {}
    for name, value in re.findall(r"""(?m)^\s*(\w+)=["']?(\w*)""", defaults + "\n" + conf):
        found[name] = value.lower()
    return Settings(
        enabled=found.get("ENABLED") == "yes",
        ipv6=found.get("IPV6") == "yes",
        admits=found.get("DEFAULT_INPUT_POLICY") == "accept",
    )


class Block(NamedTuple):
    """A rule in a rules file: lines `start` to `end`, the empty one before it included."""

    start: int
    end: int
    line: str
    read: TupleRead


def blocks(text: str, family: str) -> List[Block]:
    """The rules of a user.rules."""
    lines = text.splitlines()
    return list(_blocks(lines, family))


def _blocks(lines: Sequence[str], family: str) -> Iterator[Block]:
    for index, line in enumerate(lines):
        if not line.startswith(ufw_rules.TUPLE):
            continue
        end = index + 1
        while end < len(lines) and _BELONGS.match(lines[end]):
            end += 1
        start = index - 1 if index and not lines[index - 1].strip() else index
        yield Block(start, end, line, ufw_rules.parse_tuple(line, family))


def with_rules(text: str, family: str, label: str, entries: Sequence[Entry], exclusive: bool) -> str:
    """A user.rules in which the label has these entries; with `exclusive` no other label has any.

    They stand where the label's first rule stood, at the end where it had none. Raises FirewallError.
    """
    path = USER[family]
    if not re.search(r"(?m)^COMMIT$", text):
        raise FirewallError("%s is not whole: it has no COMMIT. Look at it, and at its copies of `ufw reset`" % path)
    known = blocks(text, family)
    own = [block for block in known if block.read.label == label]
    others = [block for block in known if exclusive and block.read.label not in (None, label)]
    wanted = [ufw_rules.tuple_line(entry, family, label) for entry in entries]
    if not others and [block.line.strip() for block in own] == wanted:
        return text
    lines = text.splitlines(keepends=True)
    place = own[0].start if own else known[-1].end if known else _first_place(lines, path)
    new = ["\n%s\n%s\n" % (head, ufw_rules.line(entry, family, label)) for head, entry in zip(wanted, entries)]
    gone = {index for block in own + others for index in range(block.start, block.end)}
    kept = [(index, line) for index, line in enumerate(lines) if index not in gone]
    return "".join([line for index, line in kept if index < place] + new + [line for index, line in kept if index >= place])


def _first_place(lines: Sequence[str], path: str) -> int:
    for index, line in enumerate(lines):
        if line.strip() == _RULES:
            return index + 1
    raise FirewallError("%s has no line `%s`: ufw did not write it. Look at it, or let `ufw reset` make it anew" % (path, _RULES))


def protocol_blocks(text: str, path: str) -> Dict[str, Tuple[int, int]]:
    """By label, the lines of its block in an after.rules, marks included. Raises FirewallError for one without an end."""
    found: Dict[str, Tuple[int, int]] = {}
    begun: Optional[Tuple[str, int]] = None
    for index, line in enumerate(text.splitlines()):
        if line.startswith(_BEGIN):
            begun = (line[len(_BEGIN) :].strip(), index)
        elif begun and line.strip() == _END + begun[0]:
            found[begun[0]] = (begun[1], index + 1)
            begun = None
    if begun:
        raise FirewallError("%s: line %d begins a block that nothing ends; take it away" % (path, begun[1] + 1))
    return found


def with_protocols(text: str, family: str, label: str, entries: Sequence[Entry], exclusive: bool) -> str:
    """An after.rules in which the label has a block with these entries, or none for none. Raises FirewallError."""
    path = AFTER[family]
    known = protocol_blocks(text, path)
    lines = text.splitlines(keepends=True)
    new: List[str] = []
    if entries:
        new = [ufw_rules.line(entry, family, label) + "\n" for entry in entries]
        new = ["%s%s\n" % (_BEGIN, label), *new, "%s%s\n" % (_END, label)]
    removed = [place for name, place in known.items() if name == label or exclusive]
    place = len(lines)
    if new:
        place = known[label][0] if label in known else _end_of_filter(lines, family, path)
    gone = {index for start, end in removed for index in range(start, end)}
    kept = [(index, line) for index, line in enumerate(lines) if index not in gone]
    return "".join([line for index, line in kept if index < place] + new + [line for index, line in kept if index >= place])


def _end_of_filter(lines: Sequence[str], family: str, path: str) -> int:
    """The COMMIT of the part that makes the chain: a file can have several parts for a table."""
    chain = ufw_rules.chains(family)[1]
    made = False
    for index, line in enumerate(lines):
        made = made or line.startswith(":%s " % chain)
        if made and line.strip() == "COMMIT":
            return index
    raise FirewallError("%s has no part that makes the chain %s and ends with COMMIT; put the file of ufw back" % (path, chain))


def profile_path(label: str) -> str:
    return "%s/%s" % (PROFILES, ufw_rules.profile_base(label))


def profile_text(label: str, profiles: Sequence[Tuple[str, str]]) -> Optional[str]:
    """The file with the profiles of a label; None for none."""
    sections = [
        "\n[%s]\ntitle=Ports of %s\ndescription=Ports that netports.core.port_allow opened for %s\nports=%s\n"
        % (name, label, label, ports)
        for name, ports in profiles
    ]
    return HEADER + "".join(sections) if sections else None


def is_ours(text: str) -> bool:
    """Is this a file with profiles that we wrote?"""
    return text.startswith(HEADER)
