# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directories of cgroups that the kernel names by number."""

from __future__ import annotations

import os

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, List, Set, Tuple

ROOT = 1  # the number of the topmost cgroup, which holds whatever has no cgroup of its own
_MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
# A machine with more cgroups than this is searched by name instead.
_MOST = 8192


def processes(numbers: Set[int]) -> Dict[int, List[str]]:
    """The processes that can be seen in those cgroups of the unified hierarchy that have one of these numbers."""
    found: Dict[int, List[str]] = {}
    for number, directory in _directories(set(numbers)):
        try:
            with open(directory + "/cgroup.procs") as file:
                found[number] = file.read().split()
        except OSError:
            # Removed meanwhile, or a threaded cgroup, whose processes are listed above it.
            continue
    return found


def _directories(numbers: Set[int]) -> List[Tuple[int, str]]:
    found: List[Tuple[int, str]] = []
    # A cgroup's number is the inode of its directory, and a listing has it: nothing needs to be opened to compare.
    level = [mount for mount in _MOUNTS if os.path.exists(mount + "/cgroup.controllers")] if numbers else []
    seen = 0
    while level and numbers and seen < _MOST:
        below: List[str] = []
        for directory in level:
            seen += 1
            try:
                with os.scandir(directory) as entries:
                    inner = [(entry.inode(), entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
            except OSError:
                continue
            for number, path in inner:
                if number in numbers:
                    found.append((number, path))
                    numbers.remove(number)
                below.append(path)
            if not numbers:
                break
        level = below
    return found
