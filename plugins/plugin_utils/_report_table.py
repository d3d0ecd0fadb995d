# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables of the report as text, as wide as a terminal at most. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from ansible_collections.netports.core.plugins.plugin_utils import _report

WIDTH = 120
_NARROWEST = 16
_NARROWEST_SENTENCE = 30
_LONGEST_WORDS = 40
_GAP = "  "
_NAMES_WIDTH = 40


def table(rows: Sequence[Sequence[str]], after: Mapping[int, str] | None = None) -> str:
    """Aligned columns, the header first. `after` has text that follows a row."""
    cells = [[_report.plain(cell) for cell in row] for row in rows]
    widths = _widths([max(len(row[column]) for row in cells) for column in range(len(cells[0]))])
    lines: list[str] = []
    for number, row in enumerate(cells):
        lines += _wrapped(row, widths)
        if after and number in after:
            lines += textwrap.wrap(after[number], WIDTH, initial_indent="  -> ", subsequent_indent="     ")
    return "\n".join(lines)


def some(hosts: Sequence[str]) -> str:
    """Hosts in a cell: all of them while that is short."""
    if len(hosts) == 1:
        return hosts[0]
    text = "%d hosts: %s" % (len(hosts), ", ".join(hosts))
    return text if len(text) <= _NAMES_WIDTH else "%d hosts: %s, ..." % (len(hosts), hosts[0])


def _widths(wanted: Sequence[int]) -> list[int]:
    """The widths of columns: where they are too wide together the last one gives way if it has sentences, then the widest."""
    room = WIDTH - len(_GAP) * (len(wanted) - 1)
    widths = list(wanted)
    if widths[-1] > _LONGEST_WORDS:
        widths[-1] = max(_NARROWEST_SENTENCE, widths[-1] - max(0, sum(widths) - room))
    for _excess in range(sum(widths) - room):
        if max(widths) <= _NARROWEST:
            break
        widths[widths.index(max(widths))] -= 1
    return widths


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    columns = [textwrap.wrap(cell, width, break_on_hyphens=False) if cell else [""] for cell, width in zip(row, widths)]
    for parts in zip_longest(*columns, fillvalue=""):
        yield _GAP.join(part.ljust(width) for part, width in zip(parts, widths)).rstrip()
