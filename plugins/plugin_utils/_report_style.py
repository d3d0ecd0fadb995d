# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the report's page looks: colours for light and dark, and the style sheet."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.module_utils._probing import model
from ansible_collections.netports.core.plugins.plugin_utils import _report, _report_reach
from ansible_collections.netports.core.plugins.plugin_utils._report_markup import OPTIONAL, SIGNS


class Theme(NamedTuple):
    """`surfaces` are what text lies on, `inks` what it is written in; `kinds` are pairs of ground and ink."""

    surfaces: dict[str, str]
    inks: dict[str, str]
    lines: dict[str, str]
    kinds: dict[str, tuple[str, str]]


# Every ink can be read on every surface, and on its own ground: a test computes the contrasts.
LIGHT = Theme(
    surfaces={"page": "#f6f6f4", "card": "#ffffff", "head": "#f0f0ed"},
    inks={"text": "#191b1e", "muted": "#565c64", "accent": "#1a56a8", "bad": "#b4161f", "good": "#1a6a32"},
    lines={"line": "#dddfe2", "edge": "#7f8791"},
    kinds={
        _verdict.OK: ("#e3f2e6", "#1a6a32"),
        OPTIONAL: ("#ececee", "#565c64"),
        _verdict.UNVERIFIABLE: ("#f8e6ae", "#5c4500"),
        _verdict.ABSENT: ("#c3232b", "#ffffff"),
        _verdict.EXPOSED: ("#a8126f", "#ffffff"),
        _verdict.CONFINED: ("#ad4a00", "#ffffff"),
        _verdict.WRONG_OWNER: ("#6f2da8", "#ffffff"),
        _verdict.TAKEN: ("#75481f", "#ffffff"),
        _verdict.SHUT: ("#1d5fa8", "#ffffff"),
        _verdict.UNEXPECTED: ("#0d6868", "#ffffff"),
        _report.FAILED: ("#8e1219", "#ffffff"),
        _report.UNREACHABLE: ("#3b4047", "#ffffff"),
        model.REFUSED: ("#c3232b", "#ffffff"),
        model.FILTERED: ("#1d5fa8", "#ffffff"),
        model.UNRESOLVED: ("#75481f", "#ffffff"),
        model.NO_ANSWER: ("#6f2da8", "#ffffff"),
        _report_reach.TLS: ("#0d6868", "#ffffff"),
        _report.NOT_RUN: ("#e4e6e9", "#4b5159"),
        _report_reach.CLOSED: ("#dfe9f5", "#244a78"),
    },
)
DARK = Theme(
    surfaces={"page": "#101215", "card": "#181b1f", "head": "#202429"},
    inks={"text": "#e9ebee", "muted": "#a5acb6", "accent": "#8fb8f6", "bad": "#ff8a8e", "good": "#86d39b"},
    lines={"line": "#30353c", "edge": "#6d7681"},
    kinds={
        _verdict.OK: ("#17321f", "#8ad6a0"),
        OPTIONAL: ("#292d33", "#a9b0ba"),
        _verdict.UNVERIFIABLE: ("#47390d", "#f5dd92"),
        _verdict.ABSENT: ("#ff7378", "#2a0305"),
        _verdict.EXPOSED: ("#f27ac6", "#2d0420"),
        _verdict.CONFINED: ("#ffa05c", "#2b1200"),
        _verdict.WRONG_OWNER: ("#c79bf2", "#1f0a33"),
        _verdict.TAKEN: ("#d3a679", "#2a1704"),
        _verdict.SHUT: ("#7db4f5", "#041b36"),
        _verdict.UNEXPECTED: ("#5cc9c9", "#032323"),
        _report.FAILED: ("#ff9a9d", "#300406"),
        _report.UNREACHABLE: ("#cfd4da", "#14171b"),
        model.REFUSED: ("#ff7378", "#2a0305"),
        model.FILTERED: ("#7db4f5", "#041b36"),
        model.UNRESOLVED: ("#d3a679", "#2a1704"),
        model.NO_ANSWER: ("#c79bf2", "#1f0a33"),
        _report_reach.TLS: ("#5cc9c9", "#032323"),
        _report.NOT_RUN: ("#2f343b", "#b4bbc5"),
        _report_reach.CLOSED: ("#1b2a3d", "#a3c4ea"),
    },
)


_PALE = (_verdict.OK, OPTIONAL, _verdict.UNVERIFIABLE, _report.NOT_RUN, _report_reach.CLOSED)


def _variables(theme: Theme) -> str:
    pairs = {**theme.surfaces, **theme.inks, **theme.lines}
    for kind, (ground, ink) in theme.kinds.items():
        pairs.update({kind + "-ground": ground, kind + "-ink": ink})
    return ":root { %s }" % " ".join("--%s: %s;" % pair for pair in pairs.items())


def _kinds() -> str:
    """Colours and signs: of cells, of their signs elsewhere, and of parts of the bar."""
    rules = []
    for kind, sign in SIGNS.items():
        rules.append("td.%s, .sign.%s { background: var(--%s-ground); color: var(--%s-ink); }" % (kind, kind, kind, kind))
        # What reads aloud has the word beside it.
        rules.append('td.%s::before, .sign.%s::before { content: "%s"; content: "%s" / ""; }' % (kind, kind, sign, sign))
        # Where no word is beside it, the sign is read as one.
        rules.append('.reach td.%s::before { content: "%s" / "%s"; }' % (kind, sign, kind.replace("_", " ")))
        pale = kind in _PALE
        rules.append(".bar .%s { fill: var(--%s-%s); }" % (kind, kind, "ink" if pale else "ground"))
    return "\n".join(rules)


SHEET = "\n".join(
    [
        "",
        ":root { color-scheme: light dark; }",
        _variables(LIGHT),
        # On paper all is light.
        "@media screen and (prefers-color-scheme: dark) { %s }" % _variables(DARK),
        Path(__file__).with_name("_report_page.css").read_text(encoding="utf-8"),
        _kinds(),
        "",
    ]
)
# Nothing may be loaded, and no style but this is used: what is injected has no effect.
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-%s'" % (
    base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode()
)
