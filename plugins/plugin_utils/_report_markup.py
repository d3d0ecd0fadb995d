# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text into HTML and SVG, and the signs of verdicts there. Pure."""

from __future__ import annotations

import html
import re

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.plugin_utils import _report
from ansible_collections.netports.core.plugins.plugin_utils._report import ListenerResult

# What an absent listener is that may be: no failure, and not as if it were there.
OPTIONAL = "optional"

# A sign for everything that has a colour: colour alone tells nothing to some people, and on some printers.
SIGNS = {
    _verdict.OK: "✓",
    _verdict.ABSENT: "A",
    OPTIONAL: "–",
    _verdict.EXPOSED: "E",
    _verdict.CONFINED: "C",
    _verdict.WRONG_OWNER: "W",
    _verdict.TAKEN: "T",
    _verdict.SHUT: "S",
    _verdict.UNVERIFIABLE: "?",
    _verdict.UNEXPECTED: "U",
    _report.FAILED: "!",
    _report.UNREACHABLE: "×",
}


def escaped(text: str) -> str:
    """Text of others as text, in elements and in quoted attributes."""
    return html.escape(_report.plain(text))


def prose(text: str) -> str:
    """Our own sentences, in which `words` of a program are marked."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text, quote=False))


def look(listener: ListenerResult) -> str:
    """The class of a listener's cell."""
    if listener["verdict"] == _verdict.ABSENT and not listener["failing"]:
        return OPTIONAL
    return listener["verdict"] if listener["verdict"] in SIGNS else _report.FAILED


def sign(kind: str) -> str:
    """The coloured sign of a kind that is named beside it."""
    return '<span class="sign %s" aria-hidden="true"></span>' % kind
