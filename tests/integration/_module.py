# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module of the collection run on a lab host as Ansible would, without the second that ansible itself takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from typing import Any, Dict, List, Mapping, Optional

from tests.lab.ansible_runs import COLLECTIONS
from tests.lab.sandbox import Host

_RUNNER = """
import importlib, json, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = sys.argv[2].encode()
basic._ANSIBLE_PROFILE = "legacy"
importlib.import_module("ansible_collections.netports.core.plugins.modules." + sys.argv[1]).main()
"""


def command(name: str, options: Mapping[str, Any], check: bool = False, python: str = sys.executable) -> List[str]:
    """The command line that runs the module with that Python."""
    arguments = {"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check, "_ansible_diff": True}}
    return [python, "-c", _RUNNER, name, json.dumps(arguments)]


def environment(extra: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    # ansible.module_utils is plain Python: another Python than the one that it is installed for runs it too.
    return {"PYTHONPATH": os.pathsep.join([str(COLLECTIONS), sysconfig.get_path("purelib")]), **(extra or {})}


def parse(done: subprocess.CompletedProcess[str]) -> Dict[str, Any]:
    """What the module returned."""
    try:
        result: Dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise AssertionError("the module ended with %s: %s%s" % (done.returncode, done.stdout, done.stderr)) from None
    assert done.returncode == (1 if result.get("failed") else 0), done.stderr
    # ansible-core 2.19 wraps what a module warned of until the controller unwraps it.
    result["warnings"] = [w["event"]["msg"] if isinstance(w, dict) else w for w in result.get("warnings", [])]
    return result


def run(
    host: Host, name: str, options: Mapping[str, Any], check: bool = False, env: Optional[Mapping[str, str]] = None
) -> Dict[str, Any]:
    """Run the module on the host to its end."""
    return parse(host.run(command(name, options, check, host.python), check=False, env=environment(env)))
