# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of Debian packages that the tests run and that must not become services of this machine: unpacked by tools/setup."""

from __future__ import annotations

import os
import pathlib
import shutil
import socket
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
_UNPACKED = ROOT / ".venv" / "unpacked" / "usr" / "bin"


def program(name: str) -> str:
    """The path of a program. Skips the test where there is none."""
    found = shutil.which(name, path=os.pathsep.join([str(_UNPACKED), os.environ["PATH"]]))
    if found is None:
        pytest.skip("needs %s; tools/setup molecule unpacks it" % name)
    return found


def free_port() -> int:
    """A port of loopback that nothing held a moment ago."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])


def await_port(port: int, seconds: float = 20) -> None:
    """Returns when something listens there."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
