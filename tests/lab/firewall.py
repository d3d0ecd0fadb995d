# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The firewalls that hosts of the lab start with: nftables, as its configuration file and in the kernel."""

from __future__ import annotations

from tests.lab.sandbox import Host

CONFIGURATION = "/etc/nftables.conf"

# As administrators of Debian write it: SSH, answers to what the host asked, and what IPv6 needs to work at all.
DEFAULT_DROP = """#!/usr/sbin/nft -f

flush ruleset

table inet filter {
    chain input {
        type filter hook input priority filter; policy drop;
        iif "lo" accept
        ct state established,related accept
        ct state invalid drop
        icmp type echo-request accept
        icmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
        tcp dport 22 accept
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
    }
    chain output {
        type filter hook output priority filter;
    }
}
"""

# What the package nftables of Debian installs: chains that filter nothing.
DEBIAN_DEFAULT = """#!/usr/sbin/nft -f

flush ruleset

table inet filter {
    chain input {
        type filter hook input priority filter;
    }
    chain forward {
        type filter hook forward priority filter;
    }
    chain output {
        type filter hook output priority filter;
    }
}
"""


def install(host: Host, configuration: str = DEFAULT_DROP) -> None:
    """Write the configuration file of the host and load it."""
    host.write(CONFIGURATION, configuration, mode=0o755)
    load(host)


def load(host: Host) -> None:
    """What the service nftables does at boot: the file is all that counts."""
    host.run(["nft", "-f", CONFIGURATION])


def ruleset(host: Host) -> str:
    """The ruleset in the kernel, without counters."""
    return host.run(["nft", "-s", "list", "ruleset"]).stdout
