# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the tasks that playbooks of the collection are made of. Their actions run on the controller alone."""

from __future__ import annotations

from typing import Any, Dict

PLAYBOOKS = ("site", "verify", "preflight", "reach")


def report_arguments() -> Dict[str, Dict[str, Any]]:
    """The argument spec of port_report."""
    return {
        "step": {"type": "str", "choices": ["prepare", "write", "conclude"], "required": True},
        "playbook": {"type": "str", "choices": list(PLAYBOOKS), "default": "site"},
        "files": {"type": "list", "elements": "str", "default": []},
        "plan": {"type": "str", "default": "netports_plan"},
        "allowed": {"type": "str", "default": "netports_allowed"},
        "verified": {"type": "str", "default": "netports_verified"},
        "reached": {"type": "str", "default": "netports_reach_judged"},
    }


def reach_arguments() -> Dict[str, Dict[str, Any]]:
    """The argument spec of port_reach."""
    steps = ["prepare", "read", "plan", "hold", "probe", "release", "judge", "ask"]
    return {
        "step": {"type": "str", "choices": steps, "required": True},
        "run": {"type": "str", "default": "netports_reach_run"},
        "before_install": {"type": "bool", "default": False},
        "strict": {"type": "bool", "default": False},
        "sample": {"type": "raw", "default": 0},
        "timeout": {"type": "float", "default": 3.0},
        "files": {"type": "list", "elements": "str", "default": []},
        "host": {"type": "str"},
        "held": {"type": "str", "default": "netports_reach_held"},
        "probed": {"type": "str", "default": "netports_reach_probed"},
    }
