# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests see of a change that waits on a host to be confirmed."""

from __future__ import annotations

import time
from typing import Callable

from tests.lab.sandbox import Host

FILES = "/run/netports"


def eventually(true: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.1)
    return False


def decided(host: Host) -> bool:
    """Does no change wait to be confirmed?"""
    # One look at all names: a file that is renamed between two looks would be in neither.
    names = host.run(["ls", FILES], check=False).stdout.split()
    return not any(name.startswith(("pending.", "undoing.")) for name in names)


def process(host: Host) -> int:
    """The process that waits; it holds its file open."""
    script = "for p in /proc/[0-9]*; do ls -l $p/fd 2>/dev/null | grep -q %s/pending && echo ${p#/proc/}; done; true" % FILES
    return int(host.run(["sh", "-c", script]).stdout)
