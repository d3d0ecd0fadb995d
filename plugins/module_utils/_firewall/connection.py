# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection by which this process was started, where it is one over ssh."""

from __future__ import annotations

import os
from typing import Iterator, Mapping, Optional

from ansible_collections.netports.core.plugins.module_utils import _address
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Connection

_VARIABLE = "SSH_CONNECTION"


def parse(value: str) -> Optional[Connection]:
    """`client port server port`, as sshd sets it; None for anything else."""
    parts = value.split()
    if len(parts) != 4 or not parts[3].isdigit():
        return None
    try:
        client, server = (_address.plain(_address.canonical(part.partition("%")[0])) for part in (parts[0], parts[2]))
    except ValueError:
        return None
    return Connection(client, server, int(parts[3]))


def _parent(process: str) -> Optional[str]:
    try:
        with open("/proc/%s/stat" % process, encoding="utf-8", errors="replace") as file:
            # The name in parentheses may hold blanks and parentheses.
            return file.read().rpartition(")")[2].split()[1]
    except (OSError, IndexError):
        return None


def _environment(process: str) -> Mapping[str, str]:
    try:
        with open("/proc/%s/environ" % process, "rb") as file:
            pairs = (item.partition(b"=") for item in file.read().split(b"\0"))
            return {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, _equals, value in pairs}
    except OSError:
        # Another user's process, or one that ended: it cannot tell.
        return {}


def _values() -> Iterator[str]:
    """Here, then up the parents: sudo and its like start with a clean environment, the shell that called them has it."""
    yield os.environ.get(_VARIABLE, "")
    process: Optional[str] = str(os.getppid())
    while process is not None and process not in ("0", "1"):
        yield _environment(process).get(_VARIABLE, "")
        process = _parent(process)


def session() -> str:
    """The connection as sshd described it; empty when not started over ssh, or when nothing tells."""
    return next((value for value in _values() if parse(value) is not None), "")
