# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd says of the services of firewalls."""

from __future__ import annotations

import os
import re
from typing import Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._run import Effects

# The states of a service that runs, or soon will.
ALIVE = ("active", "activating", "reloading")


def show(effects: Effects, unit: str, *properties: str) -> str:
    """Lines of `property=value`; empty where systemd does not run, or does not know the unit."""
    systemctl = _run.find_program("systemctl") if os.path.isdir("/run/systemd/system") else None
    if systemctl is None:
        return ""
    answer = effects.query([systemctl, "show", unit, "--property=" + ",".join(properties)])
    return answer.stdout if answer.rc == 0 else ""


def value(shown: str, name: str) -> str:
    """The value of a property; empty where it has none."""
    found = re.search(r"^%s=(.*)$" % name, shown, re.MULTILINE)
    return found.group(1) if found else ""


def firewalld(effects: Effects) -> Tuple[str, str]:
    """The state of firewalld.service, and whether it starts at boot; empty where there is none."""
    shown = show(effects, "firewalld.service", "ActiveState", "UnitFileState")
    return value(shown, "ActiveState"), value(shown, "UnitFileState")
