# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad links for hosts of the lab: slow ones, and routers that let through what they want to.

    slow = links.slow(lab, server)
    slow.delay(0.3)                      # each way, so that a round trip takes 0.6 s more
    links.route(peer, router, server)    # peer reaches server's `links.FAR` addresses by router

The frames are real, and go through a program (_relay.py): not every kernel has netem. What is lost is the business of
nftables on one of the hosts, where loss can be counted (`numgen inc`) and needs no luck.
"""

from __future__ import annotations

import subprocess

from tests.lab.sandbox import FAMILIES, HERE, Host, Lab

# Networks behind a router: documentation addresses beside those of the lab itself.
FAR_V4, FAR_V6 = "203.0.113.%d", "2001:db8:666:6172::%x"


class SlowLink:
    """The link of one host to the network of the lab. It ends with the lab."""

    def __init__(self, relay: subprocess.Popen[str]) -> None:
        self._relay = relay

    def delay(self, seconds: float) -> None:
        """From now on all frames take so long, each way."""
        assert self._relay.stdin is not None and self._relay.stdout is not None
        self._relay.stdin.write("%f\n" % seconds)
        self._relay.stdin.flush()
        assert self._relay.stdout.readline(), "the relay ended"

    def close(self) -> None:
        self._relay.communicate()


def slow(lab: Lab, host: Host) -> SlowLink:
    """Put a program into the link of `host`; without a delay at first."""
    port = "port%d" % (list(lab.hosts).index(host.name) + 1)
    inner, outer = port + "i", port + "o"
    lines = [
        "link set dev %s nomaster" % port,
        "link add name %s up type veth peer name %s" % (inner, outer),
        "link set dev %s master lab up" % outer,
    ]
    lab.switch.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n")
    argv = [host.python, "-I", "-S", str(HERE / "_relay.py"), port, inner]
    link = SlowLink(lab.switch.popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    link.delay(0.0)
    return link


def far(number: int, family: str) -> str:
    """An address on the network behind a router."""
    return {"ipv4": FAR_V4, "ipv6": FAR_V6}[family] % number


def route(source: Host, router: Host, target: Host) -> None:
    """Have `source` reach all that is far by `router`, which hands it to `target`. Answers come back the straight way.

    `target` has the far addresses with the number 1; the others are nobody's.
    """
    for setting in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        router.sysctl(setting, 1)
    # All are on one network, and a router would tell the source that there is a shorter way.
    for interface in ("all", "eth0"):
        router.sysctl("ipv4/conf/%s/send_redirects" % interface, 0)
    # Its own is not to be used for the first two seconds, and neighbours are asked from it.
    router.run(["ip", "addr", "add", "fe80::6c61:62/64", "dev", "eth0", "nodad"])
    for family in FAMILIES:
        network = far(0, family) + {"ipv4": "/24", "ipv6": "/64"}[family]
        source.run(["ip", "route", "add", network, "via", str(getattr(router, family))])
        router.run(["ip", "route", "add", network, "via", str(getattr(target, family))])
        target.run(["ip", "addr", "add", far(1, family), "dev", "lo"])
