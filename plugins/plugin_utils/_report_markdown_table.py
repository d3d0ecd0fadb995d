# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables of Markdown (GitHub's flavour) in which text of others is text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ansible_collections.netports.core.plugins.plugin_utils import _report

_HOSTS = 5

# Markup that lines may have in a cell; blocks do not begin there. An underline within a word is none.
_MARKUP = re.compile(r"[\\`*\[\]|~$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# What becomes a link, a reference or a call for people without any markup, even when written as an entity.
_AUTOLINK = re.compile(r"@|#|:(?=//)|www(?=\.)", re.IGNORECASE)
_BREAK = "&#8203;"


def hosts(names: Sequence[str]) -> str:
    return escaped(_report.names(names, _HOSTS))


def section(title: str, header: Sequence[str], rows: Iterable[Sequence[str]], room: int) -> str:
    """A table of so many characters at most. What does not fit is left off and counted."""
    lines, left, more = [], room, 0
    for row in rows:
        line = "| %s |" % " | ".join(row)
        left -= len(line) + 1
        if left < 0:
            more += 1
        else:
            lines.append(line)
    if not lines and not more:
        return ""
    table = ["#### %s" % title, "", "| %s |" % " | ".join(header), "|%s" % (" --- |" * len(header)), *lines, ""]
    return "\n".join(
        [*table, *(["%s left off; other formats of the report have them.\n" % _report.plural(more, "line")] * bool(more))]
    )


def escaped(text: str) -> str:
    text = "".join(_ENTITIES.get(character, character) for character in _report.plain(text))
    return _AUTOLINK.sub(lambda found: found[0] + _BREAK, _MARKUP.sub(lambda found: "\\" + found[0], text))
