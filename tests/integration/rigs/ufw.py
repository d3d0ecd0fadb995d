# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

from tests.integration.rigs import Rig
from tests.lab.sandbox import Host


class UfwRig(Rig):
    backend = "ufw"
    machines = True
    family_by_family = True

    def install(self, host: Host) -> None:
        host.run(["ufw", "allow", "22/tcp"])
        host.run(["ufw", "--force", "enable"])
        host.run(["systemctl", "enable", "--now", "ufw"])

    def running(self, host: Host) -> str:
        # nft shows handles: a rule that is taken away and put back is a change. iptables-save shows what the rules ask.
        saved = host.run(["sh", "-c", "iptables-save && ip6tables-save"]).stdout
        rules = host.run(["nft", "-a", "-s", "list", "ruleset"]).stdout
        return rules + re.sub(r"(?m)^#.*$| \[\d+:\d+\]$", "", saved)
