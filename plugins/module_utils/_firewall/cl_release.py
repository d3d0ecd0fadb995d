# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which release of Cumulus Linux this is, and whether NVUE writes its access lists."""

from __future__ import annotations

import os
import re
from typing import Optional, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._firewall import cl_policy
from ansible_collections.netports.core.plugins.module_utils._run import Effects

Release = Tuple[int, ...]

# The first with a whitelist that NVUE owns.
_OWNED_FROM: Release = (5, 9)
_STARTUP = "/etc/nvue.d/startup.yaml"
_FILES = (("/etc/lsb-release", "DISTRIB_ID", "DISTRIB_RELEASE"), ("/etc/os-release", "ID", "VERSION_ID"))


def release() -> Optional[Release]:
    """(5, 9, 1); None where no file says so."""
    for path, who, number in _FILES:
        values = dict(re.findall(r'(?m)^(\w+)="?([^"\n]*)"?\s*$', _run.read_text(path) or ""))
        digits = re.findall(r"\d+", values.get(number, ""))
        if "cumulus" in values.get(who, "").lower() and digits:
            return tuple(int(digit) for digit in digits)
    return None


def nvue_in_charge(effects: Effects) -> bool:
    """Does NVUE own the rules for the control plane? From 5.9 on, unless its service was switched off for plain files."""
    number = release()
    if _run.find_program("nv") is None:
        return False
    if number is None and not os.path.exists(cl_policy.WHITELIST_FILE):
        return False
    if number is not None and number < _OWNED_FROM:
        return False
    systemctl = _run.find_program("systemctl") if os.path.isdir("/run/systemd/system") else None
    if systemctl is None:
        return os.path.exists(_STARTUP)
    return effects.query([systemctl, "is-active", "--quiet", "nvued.service"]).rc == 0
