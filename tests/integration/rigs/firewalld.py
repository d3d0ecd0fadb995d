# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Sequence

from tests.integration.rigs import Rig
from tests.lab.sandbox import Host

# What a package update or an operator would leave, and port_allow has to keep.
STATE = ("/etc", "/usr/lib/firewalld")


class FirewalldRig(Rig):
    """As it comes: zone public, which rejects what is not listed, with SSH."""

    backend = "firewalld"
    machines = True
    watched: Sequence[str] = STATE
    # The daemon keeps what it changes as it was, and what was staged is taken away by the next run that changes anything.
    left_when_killed: Sequence[str] = ("/zones/public.xml", ".xml.old", ".netports-new")

    def install(self, host: Host) -> None:
        host.run(["systemctl", "enable", "--now", "firewalld"])
        self._await(host)

    def reboot(self, host: Host) -> None:
        super().reboot(host)
        self._await(host)

    def _await(self, host: Host) -> None:
        # For systemd it is up when it has its name on the bus, and only then it loads its rules.
        host.run(["firewall-cmd", "--state"])

    def running(self, host: Host) -> str:
        # With handles: a rule that is taken away and put back is a change.
        return host.run(["nft", "-a", "-s", "list", "ruleset"]).stdout
