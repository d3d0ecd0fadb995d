# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from tests.integration.rigs import Rig
from tests.lab import firewall
from tests.lab.sandbox import Host


class NftablesRig(Rig):
    backend = "nftables"
    quick = True

    def install(self, host: Host) -> None:
        firewall.install(host)

    def reboot(self, host: Host) -> None:
        firewall.load(host)

    def running(self, host: Host) -> str:
        # With handles: a rule that is taken away and put back is a change.
        return host.run(["nft", "-a", "-s", "list", "ruleset"]).stdout
