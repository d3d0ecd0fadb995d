# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a host: processes bind what they are to bind, now and after a boot. Reads {process: [listener, ...]} as JSON."""

import json
import pathlib
import subprocess
import sys

wanted = json.load(sys.stdin)
for name, listeners in wanted.items():
    bound = [dict(listener, process=name) for listener in listeners]
    pathlib.Path("/etc", name + ".json").write_text(json.dumps(bound, indent=4) + "\n")
units = ["standin@" + name for name in wanted]
subprocess.run(["systemctl", "--quiet", "enable", *units], check=True)
subprocess.run(["systemctl", "restart", *units], check=True)
