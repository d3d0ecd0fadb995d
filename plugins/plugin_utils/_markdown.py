# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text of others in tables of Markdown (GitHub's flavour, which GitLab reads too). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.netports.core.plugins.plugin_utils import _report

# Markup that lines may have in a cell; blocks do not begin there. An underline within a word is none.
_MARKUP = re.compile(r"[\\`*\[\]|~$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# What becomes a link, a reference or a call for people without any markup, even when written as an entity.
_AUTOLINK = re.compile(r"@|#|:(?=//)|www(?=\.)", re.IGNORECASE)
_BREAK = "&#8203;"


def escaped(text: str) -> str:
    """Text as text, in one line."""
    text = "".join(_ENTITIES.get(character, character) for character in _report.plain(text))
    return _AUTOLINK.sub(lambda found: found[0] + _BREAK, _MARKUP.sub(lambda found: "\\" + found[0], text))


def row(cells: Sequence[str]) -> str:
    """A line of a table; the cells are escaped already."""
    return "| %s |" % " | ".join(cells)


def head(titles: Sequence[str]) -> list[str]:
    """The first two lines of a table."""
    return [row(titles), "|%s" % (" --- |" * len(titles))]
