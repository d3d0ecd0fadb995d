# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""iptables in both flavours: the new one with the boot service of Debian, the old one with what Alpine's does."""

from __future__ import annotations

from typing import Dict

from tests.integration.rigs import Rig
from tests.lab.sandbox import Host

# As administrators write it: answers, loopback, what IPv6 needs to work at all, SSH.
DEFAULT_DROP = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -p %s -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
"""
ICMP = {"iptables": "icmp", "ip6tables": "ipv6-icmp"}


def default_drop() -> Dict[str, str]:
    return {program: DEFAULT_DROP % icmp for program, icmp in ICMP.items()}


class _Iptables(Rig):
    flavour: str
    files: Dict[str, str]

    def install(self, host: Host) -> None:
        self.prepare(host)
        self.configure(host, default_drop())

    def prepare(self, host: Host) -> None:
        """Put the flavour in charge, and the service that loads its files."""

    def configure(self, host: Host, texts: Dict[str, str]) -> None:
        """Make these rules the host's own, running and for the next boot; by the program that loads them."""
        for program, text in texts.items():
            host.write(self.files[program], text)
            host.run(["%s-%s-restore" % (program, self.flavour)], input=text)

    def running(self, host: Host) -> str:
        script = "for p in iptables ip6tables; do $p-%s-save | grep -v '^#' | sed 's/ \\[.*\\]$//'; done" % self.flavour
        sets = "command -v ipset >/dev/null && ipset save"
        return host.run(["sh", "-c", "%s; %s" % (script, sets)]).stdout


class IptablesNftRig(_Iptables):
    """Debian as it comes: iptables is iptables-nft, netfilter-persistent loads rules.v4 and rules.v6."""

    backend = "iptables"
    family_by_family = True
    name = "iptables-nft"
    flavour = "nft"
    machines = True
    files = {"iptables": "/etc/iptables/rules.v4", "ip6tables": "/etc/iptables/rules.v6"}

    def prepare(self, host: Host) -> None:
        # What the packages bring, without the seconds that dpkg takes to purge ufw first, on each host anew.
        unpack = "dpkg-deb --fsys-tarfile $package | tar --extract --directory / --keep-directory-symlink"
        host.run(["sh", "-euc", "for package in /opt/iptables-persistent/*.deb; do %s; done" % unpack])
        host.run(["systemctl", "enable", "--now", "netfilter-persistent"])


class IptablesLegacyRig(_Iptables):
    """The old iptables as the alternative in charge, and the files of Alpine's service."""

    backend = "iptables"
    family_by_family = True
    name = "iptables-legacy"
    flavour = "legacy"
    files = {"iptables": "/etc/iptables/rules-save", "ip6tables": "/etc/iptables/rules6-save"}

    def prepare(self, host: Host) -> None:
        for program in self.files:
            for verb in ("", "-save", "-restore"):
                binary = "/usr/sbin/%s-%s%s" % (program, self.flavour, verb)
                host.run(["ln", "-sf", binary, "/etc/alternatives/%s%s" % (program, verb)])
            host.write("/etc/init.d/" + program, "#!/sbin/openrc-run\n", 0o755)
            host.write("/etc/runlevels/default/" + program, "")

    def reboot(self, host: Host) -> None:
        """A kernel without rules, and what the service does with its file."""
        for program, path in self.files.items():
            host.run(["sh", "-c", "%s-restore < %s" % (program, path)])
        # Sets are the kernel's too, and no rule asks them any longer.
        host.run(["sh", "-c", "ipset destroy || true"])
