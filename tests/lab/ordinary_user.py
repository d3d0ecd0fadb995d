# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run something as an ordinary user who has no account, for tests that run as root."""

from __future__ import annotations

import os
import pathlib
import stat
import sys
from typing import Callable, List, Sequence

from tests.lab import _holder
from tests.lab.sandbox import HERE

# Above the accounts of Debian (to 59999) and systemd's dynamic users (61184 to 65519).
UID = 65530
NEEDED = (str(HERE.parent.parent), sys.prefix, sys.base_prefix)


def _closed_ancestors(paths: Sequence[str]) -> List[pathlib.Path]:
    """The outermost directories above `paths` that others may not pass, such as a /root of mode 0700."""
    closed = []
    for path in paths:
        ancestors = reversed(pathlib.Path(path).parents)
        closed += [next((one for one in ancestors if not one.stat().st_mode & stat.S_IXOTH), None)]
    return sorted({one for one in closed if one is not None})


def become(needed: Sequence[str] = NEEDED) -> Callable[[], None]:
    """A preexec_fn: no privilege and no groups, but a view in which `needed` can be reached below closed directories."""
    closed = _closed_ancestors(needed)

    def drop() -> None:
        if closed:
            _holder.unshare(_holder.CLONE_NEWNS, "unshare")
            _holder.mount(None, "/", None, _holder.MS_REC | _holder.MS_PRIVATE)
        for directory in closed:
            inside = [path for path in needed if directory in pathlib.Path(path).parents]
            handles = [os.open(path, os.O_PATH) for path in inside]
            _holder.mount("open", str(directory), "tmpfs")
            for path, handle in zip(inside, handles, strict=True):
                os.makedirs(path, exist_ok=True)
                _holder.mount("/proc/self/fd/%d" % handle, path, None, _holder.MS_BIND | _holder.MS_REC)
        os.chdir(needed[0])
        os.setgroups([])
        os.setresgid(UID, UID, UID)
        os.setresuid(UID, UID, UID)

    return drop
