# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the statements of a rule of nftables do with a packet: verdicts, marks, and extensions of iptables. Pure."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ansible_collections.netports.core.plugins.module_utils._firewall import nft_ruleset

VERDICTS = {
    "accept": "accept",
    "drop": "drop",
    "reject": "drop",
    "return": "return",
    "continue": "continue",
    "jump": "jump",
    "goto": "goto",
    "dnat": "translated",
    "redirect": "translated",
    # These hand the packet to somebody who decides later.
    "queue": "unknown",
    "synproxy": "unknown",
    "tproxy": "unknown",
}
# Statements that let the packet go on as it is.
NO_EFFECT = frozenset(
    (
        "counter",
        "log",
        "mangle",
        "notrack",
        "ct helper",
        "ct timeout",
        "ct expectation",
        "secmark",
        "dup",
        "flow",
        "map",
        "last",
        "comment",
    )
)


ALL_BITS = 0xFFFFFFFF


def mark_mask(left: Any) -> Optional[int]:
    """The bits that a match of the packet's mark asks for; None for a match of anything else."""
    if nft_ruleset.meta_key(left) == "mark":
        return ALL_BITS
    parts = left.get("&") if isinstance(left, dict) else None
    if isinstance(parts, list) and len(parts) == 2 and nft_ruleset.meta_key(parts[0]) == "mark" and isinstance(parts[1], int):
        return parts[1]
    return None


def bits_set_by(kind: str, value: Any) -> int:
    """The bits of a packet's mark that this statement may set."""
    if kind == "xt":
        named = isinstance(value, dict) and (value.get("type") == "match" or value.get("name") not in ("MARK", "CONNMARK"))
        return 0 if named else ALL_BITS
    if kind != "mangle" or not isinstance(value, dict) or nft_ruleset.meta_key(value.get("key")) != "mark":
        return 0
    return _bits_of(value.get("value"))


def _bits_of(value: Any) -> int:
    """The bits that a new mark may have and the old one had not."""
    if isinstance(value, int):
        return value & ALL_BITS
    if nft_ruleset.meta_key(value) == "mark":
        return 0
    if isinstance(value, dict) and len(value) == 1:
        (operator, parts), *_others = value.items()
        if isinstance(parts, list) and len(parts) == 2:
            first, second = _bits_of(parts[0]), _bits_of(parts[1])
            if operator in ("|", "^"):
                return first | second
            if operator == "&":
                return first & second
    return ALL_BITS


# Extensions of iptables, those of Cumulus Linux too, that change, count or log a packet and let it go on.
_XT_NO_VERDICT = frozenset(
    (
        "AUDIT",
        "CHECKSUM",
        "CLASSIFY",
        "CONNMARK",
        "CONNSECMARK",
        "CT",
        "DSCP",
        "ECN",
        "ERSPAN",
        "HL",
        "IDLETIMER",
        "LED",
        "LOG",
        "MARK",
        "NFLOG",
        "POLICE",
        "RATEEST",
        "SECMARK",
        "SET",
        "SETCLASS",
        "SETQOS",
        "SPAN",
        "TCPMSS",
        "TCPOPTSTRIP",
        "TEE",
        "TOS",
        "TRACE",
        "TRICOLORPOLICE",
        "TTL",
        "ULOG",
    )
)


def xt_decides(value: Any, last: bool) -> bool:
    """May this extension of iptables decide about the packet? Old versions of nft print no more of it than that it is there."""
    if not isinstance(value, dict) or "type" not in value:
        return last
    return value["type"] == "target" and value.get("name") not in _XT_NO_VERDICT


def verdict_of(value: Any) -> Tuple[str, Any]:
    (kind, target), *_others = value.items()
    return VERDICTS.get(kind, "unknown"), target
