# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names by which a process may be expected, from what is seen of it. Pure."""

from __future__ import annotations

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterable, Tuple


def of_title(title: str) -> Tuple[str, ...]:
    """Names inside a command line's first part, which processes rewrite at will.

    `/usr/sbin/ntpd` is `ntpd`, `nginx: master process` is `nginx`, `sshd -D [listener]` is `sshd`.
    """
    head = title.split(":", 1)[0] if not title.startswith(":") else title
    candidates = [_base(title), _base(head), _base(head.split(" ", 1)[0]), _base(title.split(" ", 1)[0]).rstrip(":")]
    return unique(candidates)


def unique(candidates: Iterable[str], known: Tuple[str, ...] = ()) -> Tuple[str, ...]:
    """The candidates in order without blanks, doubles and `known` ones."""
    found = []
    for name in candidates:
        name = name.strip()
        if name and name not in known and name not in found:
            found.append(name)
    return tuple(found)


def _base(path: str) -> str:
    # A title such as "nginx: worker process /x" is no path.
    return path.rsplit("/", 1)[-1] if path.startswith("/") else path
