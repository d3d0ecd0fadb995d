# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The output of a command that asks the host something."""

from __future__ import annotations

import os
import subprocess
from typing import Sequence

_PATH = ":/usr/sbin:/usr/bin:/sbin:/bin"


class CommandError(Exception):
    """The command cannot be run, failed, or took too long; says which."""


def output(command: Sequence[str], timeout: int) -> str:
    """What the command prints, in no language but C and in lines that no terminal cuts. Raises CommandError."""
    environment = dict(os.environ, LC_ALL="C", COLUMNS="4096")
    environment["PATH"] = environment.get("PATH", "") + _PATH
    try:
        # Not module.run_command: it has no time limit, and there may be no module.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            list(command), stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise CommandError("no answer within %d seconds" % timeout) from None
    except FileNotFoundError:
        raise CommandError("is not installed") from None
    except OSError as problem:
        raise CommandError(problem.strerror or str(problem)) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "backslashreplace").strip().splitlines()
        raise CommandError("exit status %d%s" % (done.returncode, ", " + said[0] if said else ""))
    return done.stdout.decode("utf-8", "backslashreplace")
