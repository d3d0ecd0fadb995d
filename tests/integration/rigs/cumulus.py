# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A switch with Cumulus Linux: a real kernel with real packets behind a stand-in for cl-acltool, as that cannot be had."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Optional, Sequence

from tests.integration.rigs import Rig
from tests.lab.sandbox import HERE, Host

POLICY = "/etc/cumulus/acl/policy.d"
CONFIGURATION = "/etc/cumulus/acl/policy.conf"
# All that is written here comes from the manual: names, sections, variables and kinds of rules.
MASTER = """#
# This file is a master file for acl policy file inclusion
#
include /etc/cumulus/acl/policy.d/*.rules
"""
CONTROL_PLANE = """INGRESS_INTF = swp+
INGRESS_CHAIN = INPUT
INNFWD_CHAIN = INPUT,FORWARD
MARTIAN_SOURCES_4 = "240.0.0.0/5,127.0.0.0/8,224.0.0.0/8,255.255.255.255/32"
MARTIAN_SOURCES_6 = "ff00::/8,::/128,::ffff:0.0.0.0/96,::1/128"

[iptables]
-A $INNFWD_CHAIN --in-interface $INGRESS_INTF -s $MARTIAN_SOURCES_4 -j DROP
-A $INGRESS_CHAIN --in-interface $INGRESS_INTF -p udp --dport 3785 -j SETCLASS --class 7
-A $INGRESS_CHAIN -p udp --dport 3785 -j POLICE --set-mode pkt --set-rate 2000 --set-burst 2000

[ip6tables]
-A $INNFWD_CHAIN --in-interface $INGRESS_INTF -s $MARTIAN_SOURCES_6 -j DROP
"""
CATCH_ALL = """INGRESS_INTF = swp+

[iptables]
-A INPUT --in-interface $INGRESS_INTF -m addrtype --dst-type LOCAL -j POLICE --set-mode pkt --set-rate 1000 --set-burst 1000
"""
_OPERATOR = """INGRESS = swp+

[iptables]
-A INPUT -i $INGRESS -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -i $INGRESS -p icmp -j ACCEPT
-A INPUT -i $INGRESS -p tcp --dport 22 -j ACCEPT
-A INPUT -i $INGRESS -j DROP

[ip6tables]
-A INPUT -i $INGRESS -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -i $INGRESS -p ipv6-icmp -j ACCEPT
-A INPUT -i $INGRESS -p tcp --dport 22 -j ACCEPT
-A INPUT -i $INGRESS -j DROP
"""
DEFAULT_FILES = {"00control_plane.rules": CONTROL_PLANE, "99control_plane_catch_all.rules": CATCH_ALL}
OPERATOR_FILES = {**DEFAULT_FILES, "50_operator.rules": _OPERATOR}


def install(host: Host, files: Optional[Mapping[str, str]] = None, release: str = "5.4.0") -> None:
    """A switch port instead of eth0, the stand-in in the path, and these policy files, installed: else OPERATOR_FILES."""
    commands = ["ip link set dev eth0 down", "ip link set dev eth0 name swp1", "ip link set dev swp1 up"]
    if host.ipv6:
        commands.append("ip addr add %s/64 dev swp1 nodad" % host.ipv6)
    host.run(["sh", "-ec", "\n".join(commands)])
    provide(host, "cl-acltool", "cl_acltool.py")
    host.write("/etc/lsb-release", 'DISTRIB_ID="Cumulus Linux"\nDISTRIB_RELEASE=%s\n' % release)
    host.write(CONFIGURATION, MASTER)
    for name, text in (OPERATOR_FILES if files is None else files).items():
        host.write("%s/%s" % (POLICY, name), text)
    load(host)


def provide(host: Host, program: str, stand_in: str) -> None:
    """Make a stand-in a program of the host."""
    path = "/run/lab/bin/%s" % program
    host.write(path, '#!/bin/sh\nexec %s -I -S %s "$@"\n' % (host.python, HERE / "standins" / stand_in), mode=0o755)
    mounted = host.run(["sh", "-c", "grep -q ' /usr/local/sbin ' /proc/self/mounts"], check=False).returncode == 0
    if not mounted:
        host.run(["mount", "--bind", "/run/lab/bin", "/usr/local/sbin"])


def load(host: Host) -> None:
    """What the switch does at boot."""
    host.run(["cl-acltool", "-i"])


def installations(host: Host) -> int:
    """How often cl-acltool has installed something."""
    return len(host.path("/run/lab/cl-acltool.log").read_text().splitlines())


class CumulusRig(Rig):
    backend = "cumulus_acl"

    def install(self, host: Host) -> None:
        install(host)

    def reboot(self, host: Host) -> None:
        host.run(["cl-acltool", "-F", "all"])
        load(host)

    def running(self, host: Host) -> str:
        saved = "".join(host.run([program]).stdout for program in ("iptables-save", "ip6tables-save"))
        return re.sub(r"(?m)^#.*\n| \[\d+:\d+\]$", "", saved)

    def state(self, host: Host) -> Dict[str, str]:
        # To install the same rules again is a change too.
        state = super().state(host)
        return {**state, "rules": "%s%d installations" % (state["rules"], installations(host))}


# From 5.9 on, as the manual shows the default rules; only a few of them, and for IPv4 alone, as it does.
_RULE = "-A INPUT -m comment --comment rule_id:%d,acl_name:%s,dir:inbound,interface_id:control-plane %s\n"
_DOS = (
    "-i lo -j ACCEPT",
    "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
    "-p tcp --tcp-flags SYN,RST,ACK,FIN RST -m conntrack --ctstate NEW -j DROP",
    "-f -j DROP",
    "-p tcp --tcp-flags ALL ALL -j DROP",
    "-p tcp -m tcpmss ! --mss 536:65535 -m conntrack --ctstate NEW -j DROP",
    "-p tcp --dport 22 -m conntrack --ctstate NEW -m recent --set",
    "-p tcp --dport 22 -m conntrack --ctstate NEW -m recent --hitcount 10 --seconds 60 --update -j DROP",
    "-p tcp -m conntrack --ctstate NEW -m hashlimit --hashlimit-burst 30 --hashlimit-srcmask 32 --hashlimit-htable-expire 30000 "
    "--hashlimit-mode srcip --hashlimit-name TCPGENERAL --hashlimit-above 50/second -j DROP",
)
_WHITELIST = (
    "-p tcp --dport 22 -m conntrack --ctstate ESTABLISHED,NEW -j ACCEPT",
    "-p tcp --dport 7000 -m conntrack --ctstate ESTABLISHED,NEW -j ACCEPT",
    "-p icmp -j ACCEPT",
    "-m limit --limit 1/min -j LOG --log-prefix IPTables-Dropped: --log-level 3",
    "-j DROP",
)


def _numbered(name: str, rules: Sequence[str]) -> str:
    return "[iptables]\n" + "".join(_RULE % (10 * n, name, rule) for n, rule in enumerate(rules, 1))


WHITELIST_FILES = {
    "01control_plane.rules": _numbered("acl-default-dos", _DOS),
    "98control_plane_whitelist.rules": _numbered("acl-default-whitelist", _WHITELIST),
}


def install_nvue(host: Host, release: str = "5.9.1", files: Optional[Mapping[str, str]] = None) -> None:
    """A switch where NVUE is in charge, with these policy files, else WHITELIST_FILES."""
    host.write("/etc/nvue.d/startup.yaml", "")
    install(host, WHITELIST_FILES if files is None else files, release)
    provide(host, "nv", "nv.py")


def configured(host: Host) -> List[str]:
    """What NVUE has applied, as commands."""
    return host.run(["nv", "config", "show", "-o", "commands"]).stdout.splitlines()
