# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tasks of the playbook `reach` leave to each other: a file for each host, in the run's directory for temporary files.

Variables would do it too, but Ansible hands all of them to each worker that it forks, and 100 hosts have 10,000 edges or more.
The directory is the user's alone, and is gone when Ansible ends.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ansible import constants

# What is kept: of the run, then of a host.
INVENTORY = "inventory"
PLAN = "plan"
READ = "read"
PROBE = "probe"
EDGES = "edges"
FOUND = "found"
TARGET = "target"
HELD = "held"
ASK = "ask"
ASKED = "asked"


class Files:
    """The files of one play; `run` is the same for all of its batches, and for no other play."""

    def __init__(self, run: str) -> None:
        self._directory = Path(constants.DEFAULT_LOCAL_TMP) / ("netports-reach-%s" % run)  # type: ignore[attr-defined]

    def write(self, kind: str, content: Any, host: str = "") -> None:
        """Whole or not at all."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        path = self._path(kind, host)
        made = path.with_suffix(".new")
        made.touch(mode=0o600)
        made.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
        made.replace(path)

    def read(self, kind: str, host: str = "") -> Any:
        """What was written, None where nothing was."""
        try:
            return json.loads(self._path(kind, host).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def _path(self, kind: str, host: str) -> Path:
        # Names of hosts may be longer than those of files, and have slashes.
        digest = hashlib.sha256(host.encode("utf-8", "surrogatepass")).hexdigest()[:32] if host else "all"
        return self._directory / ("%s-%s.json" % (kind, digest))
