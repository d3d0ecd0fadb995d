# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_allow on nftables: rulesets as operators have them, real packets, and everything that can go wrong."""

from __future__ import annotations

import subprocess
from typing import Any, Dict, List

import pytest

from tests.integration import _module
from tests.integration.rigs import Scene, listeners, unchanged
from tests.integration.rigs.nftables import NftablesRig
from tests.lab import firewall
from tests.lab.sandbox import Host, Lab

# IPv6 does not work at all where a ruleset drops neighbour discovery.
NDP = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
SSH = "tcp dport 22 accept"


def base(name: str, *rules: str, policy: str = "accept", priority: int = 0) -> str:
    """A base chain of hook input."""
    return chain(name, "type filter hook input priority %d; policy %s;" % (priority, policy), *rules)


def chain(name: str, *rules: str) -> str:
    return " chain %s {\n%s }\n" % (name, "".join("  %s\n" % line for line in rules))


def table(name: str, *chains: str) -> str:
    return "table %s {\n%s}\n" % (name, "".join(chains))


def filter_table(*rules: str, policy: str = "accept") -> str:
    return table("inet filter", base("input", NDP, *rules, policy=policy))


@pytest.fixture
def scene(lab: Lab) -> Scene:
    return Scene(NftablesRig(), lab.host("host"), lab.host("peer"))


def configure(scene: Scene, ruleset: str) -> None:
    """Make `ruleset` the host's own, running and for the next boot."""
    firewall.install(scene.host, "flush ruleset\n" + ruleset)


def nft(host: Host, text: str) -> None:
    host.run(["nft", "-f", "-"], input=text)


RULESETS: Dict[str, str] = {
    "a policy": filter_table(SSH, policy="drop"),
    "a last rule that drops": filter_table(SSH, "counter drop"),
    "a last rule that rejects": filter_table(SSH, "reject with icmpx admin-prohibited"),
    "drops of each protocol": filter_table(SSH, "tcp dport != 22 drop", "udp dport 1-65535 drop", "meta l4proto 4 drop"),
    "drops of the very ports": filter_table("tcp dport { 5678, 6000 } drop", "meta l4proto { 4, 17 } drop"),
    "an interface's drop": filter_table(SSH, 'iifname "eth0" drop'),
    "a jump to a chain that drops": table(
        "inet filter",
        chain("refuse", "counter", "reject with icmpx port-unreachable"),
        chain("services", SSH, "jump refuse"),
        base("input", NDP, "goto services"),
    ),
    "a verdict map": filter_table("tcp dport vmap { 22 : accept, 5678 : drop }", policy="drop"),
    "two chains of one table": table(
        "inet filter", base("early", "tcp dport 5000-6000 drop", priority=-10), base("late", NDP, SSH, policy="drop", priority=10)
    ),
    "tables of one family each": table("ip v4", base("input", SSH, policy="drop"))
    + table("ip6 v6", base("input", NDP, SSH, policy="drop")),
    "an accept in one table and a drop in another": table(
        "inet open", base("input", "tcp dport { 22, 5678 } accept", priority=-5)
    )
    + table("inet shut", base("input", NDP, SSH, policy="drop", priority=5)),
}


FAST = ("a policy", "a jump to a chain that drops")


@pytest.mark.parametrize("name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in RULESETS])
def test_opens_every_chain_that_would_drop(scene: Scene, name: str) -> None:
    configure(scene, RULESETS[name])
    opened = {"admin", "api", "low", "dns", "tunnel"}
    before = scene.reached()
    assert not {"api", "dns", "tunnel"} & before, before
    result = scene.allow("api", "low", "dns", "tunnel")
    assert result["changed"] and result["enforcing"] and not result["warnings"], result
    assert scene.reached() == opened | before
    state = scene.rig.state(scene.host)
    assert not scene.allow("api", "low", "dns", "tunnel")["changed"]
    assert unchanged(state, scene.rig.state(scene.host))
    scene.reboot()
    assert scene.reached() == opened | before
    assert not scene.allow("api", "low", "dns", "tunnel")["changed"]
    scene.allow(state="absent")
    scene.forget_connections()
    assert scene.reached() == before


@pytest.mark.slow
def test_a_host_that_filters_nothing_is_left_alone(scene: Scene) -> None:
    dormant = RULESETS["a policy"].replace("chain", "flags dormant\n chain")
    for ruleset in (firewall.DEBIAN_DEFAULT, "", filter_table(SSH), dormant):
        configure(scene, ruleset)
        before = scene.rig.state(scene.host)
        result = scene.allow("api")
        assert (result["changed"], result["enforcing"], result["rules"]) == (False, False, [])
        assert any("nothing on this host filters" in warning for warning in result["warnings"])
        assert unchanged(before, scene.rig.state(scene.host))
        assert "api" in scene.reached()


@pytest.mark.slow
def test_what_others_wrote_stays_to_the_handle(scene: Scene) -> None:
    foreign = """table inet theirs {
 set banned { type ipv4_addr; flags timeout; elements = { 192.0.2.7 timeout 1h }
 }
 chain input { type filter hook input priority -1; ip saddr @banned drop
 tcp dport 9 counter drop comment "netports"
 }
}
table netdev early {
 chain in { type filter hook ingress device "eth0" priority 0; ip saddr 192.0.2.8 drop
 }
}
"""
    nft(scene.host, foreign)
    before = scene.rig.running(scene.host)
    result = scene.allow("api", persist=False)
    assert result["changed"]
    # Bans of named sources, whoever made them, are told and left.
    assert "may be dropped for some sources by rule with handle 2 of chain netdev early in" in result["warnings"][0]
    kept = [line for line in scene.rig.running(scene.host).splitlines() if "netports:" not in line]
    assert "\n".join(kept) + "\n" == before
    assert "netports:custom" not in scene.host.run(["nft", "list", "table", "inet", "theirs"]).stdout
    scene.allow(state="absent", persist=False)
    assert scene.rig.running(scene.host) == before


def test_a_second_run_sends_the_kernel_no_transaction(scene: Scene) -> None:
    scene.allow("api", "dns")
    monitor = scene.host.popen(["nft", "monitor"], stdout=subprocess.PIPE)
    try:
        assert not scene.allow("api", "dns")["changed"]
        assert not scene.allow("api", "dns", check=True)["changed"]
        # A transaction of our own marks the end of what there was to see.
        nft(scene.host, "add table inet marker\n")
        assert monitor.stdout is not None
        assert monitor.stdout.readline().strip() == "add table inet marker"
    finally:
        monitor.kill()
        monitor.wait()


@pytest.mark.slow
def test_a_rule_that_a_drop_shadows_is_moved(scene: Scene) -> None:
    scene.allow("api")
    nft(scene.host, "insert rule inet filter input tcp dport 5000-6000 drop\n")
    assert scene.reached() == {"admin"}
    assert scene.allow("api")["changed"]
    assert scene.reached() == {"admin", "api"}
    assert not scene.allow("api")["changed"]


@pytest.mark.slow
def test_a_ban_of_named_sources_stays_in_force(scene: Scene) -> None:
    """As fail2ban puts it: before everything else, and later than our rules."""
    scene.allow("api", persist=False)
    nft(scene.host, "insert rule inet filter input ip saddr { %s, 192.0.2.1 } reject\n" % scene.peer.ipv4)
    again = scene.allow("api", persist=False)
    assert not again["changed"]
    assert any("for some sources" in warning for warning in again["warnings"])
    assert scene.reached() == {"admin ipv6", "api ipv6"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "edit",
    [
        'replace rule inet filter input handle %s tcp dport 5679 accept comment "netports:custom"',
        'replace rule inet filter input handle %s tcp dport 5678 drop comment "netports:custom"',
        'replace rule inet filter input handle %s ip saddr 10.0.0.1 tcp dport 5678 accept comment "netports:custom"',
        'replace rule inet filter input handle %s tcp dport 5678 limit rate 1/minute accept comment "netports:custom"',
        'add rule inet filter input tcp dport 5678 accept comment "netports:custom" # %s',
        "delete rule inet filter input handle %s",
    ],
)
def test_marked_rules_that_somebody_changed_are_put_right(scene: Scene, edit: str) -> None:
    scene.allow("api")
    listed = scene.rig.running(scene.host)
    handle = next(line.rpartition(" ")[2] for line in listed.splitlines() if "netports:" in line)
    nft(scene.host, edit % handle + "\n")
    result = scene.allow("api")
    assert result["changed"]
    assert scene.reached() == {"admin", "api"}
    assert scene.rig.running(scene.host).count("netports:") == 1
    assert not scene.allow("api")["changed"]


def test_counters_on_our_rules_are_no_change(scene: Scene) -> None:
    scene.allow("api", persist=False)
    listed = scene.rig.running(scene.host)
    handle = next(line.rpartition(" ")[2] for line in listed.splitlines() if "netports:" in line)
    nft(scene.host, 'replace rule inet filter input handle %s tcp dport 5678 counter accept comment "netports:custom"\n' % handle)
    assert not scene.allow("api", persist=False)["changed"]


# Firewalls of others.


def test_iptables_in_charge_is_left_to_its_own_backend(scene: Scene) -> None:
    configure(scene, "")
    scene.host.run(["iptables-nft", "-P", "INPUT", "DROP"])
    before = scene.rig.state(scene.host)
    assert scene.allow("api", persist=False, check=True)["backend"] == "iptables"
    result = scene.allow("api", backend="nftables")
    assert result["failed"] and "chain ip filter INPUT would drop the traffic and belongs to iptables" in result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))


def test_two_firewalls_in_charge_are_both_named(scene: Scene) -> None:
    scene.host.run(["ip6tables-nft", "-A", "INPUT", "-p", "tcp", "-j", "REJECT"])
    before = scene.rig.state(scene.host)
    result = scene.allow("api")
    assert result["failed"] and "several firewalls filter what comes to this host: nftables and iptables" in result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))


def test_iptables_legacy_is_named_though_nft_does_not_show_it(scene: Scene) -> None:
    if scene.host.run(["iptables-legacy", "-N", "sub"], check=False).returncode:
        pytest.skip("this kernel has no tables of the old iptables")
    scene.host.run(["iptables-legacy", "-A", "FORWARD", "-j", "DROP"])
    assert scene.allow("api")["changed"]
    scene.host.run(["iptables-legacy", "-A", "sub", "-p", "tcp", "-j", "REJECT"])
    assert not scene.allow("api")["changed"]
    scene.host.run(["iptables-legacy", "-A", "INPUT", "-i", "eth0", "-j", "sub"])
    result = scene.allow("api")
    assert result["failed"] and "several firewalls filter what comes to this host: nftables and iptables" in result["msg"]


def test_iptables_that_filters_nothing_is_in_nobodys_way(scene: Scene) -> None:
    """Docker and Kubernetes leave such tables on most hosts."""

    # Docker keeps its containers' addresses from the outside like that.
    scene.host.run(["iptables-nft", "-t", "raw", "-A", "PREROUTING", "-d", "172.17.0.2/32", "!", "-i", "docker0", "-j", "DROP"])

    def saved() -> List[str]:
        lines = scene.host.run(["iptables-nft-save"]).stdout.splitlines()
        return [line for line in lines if not line.startswith("#")]  # comments have the time of day

    scene.host.run(
        ["iptables-nft", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "80", "-j", "REDIRECT", "--to-ports", "8080"]
    )
    scene.host.run(["iptables-nft", "-P", "FORWARD", "DROP"])
    before = saved()
    result = scene.allow("api")
    assert result["changed"] and not result["warnings"]
    assert scene.reached() == {"admin", "api"}
    assert saved() == before


FIREWALLD = """table inet firewalld {
 chain filter_INPUT { type filter hook input priority filter + 10; policy accept; ct state established,related accept
 reject with icmpx admin-prohibited
 }
}
"""


def test_firewalld_is_left_to_its_own_backend(scene: Scene) -> None:
    """The table is as firewalld makes it; the daemon itself is not there."""
    configure(scene, FIREWALLD)
    before = scene.rig.state(scene.host)
    result = scene.allow("api")
    assert result["failed"] and "cannot ask firewalld" in result["msg"]
    result = scene.allow("api", backend="nftables")
    assert result["failed"] and "belongs to firewalld" in result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))


def test_ufw_is_left_to_its_own_backend(scene: Scene) -> None:
    """Its configuration says that it is on; the program itself is not there."""
    configure(scene, "")
    scene.host.write("/etc/ufw/ufw.conf", "# a comment\nENABLED=yes\nLOGLEVEL=low\n")
    assert scene.allow("api", check=True)["backend"] == "ufw"
    scene.host.write("/etc/ufw/ufw.conf", "ENABLED=no\n")
    assert scene.allow("api")["enforcing"] is False


@pytest.mark.slow
def test_a_table_that_a_program_owns_is_named(scene: Scene) -> None:
    configure(scene, "")
    owner = scene.host.popen(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert owner.stdin is not None
    owner.stdin.write("add table inet own { flags owner; }\n")
    owner.stdin.write("add chain inet own input { type filter hook input priority 0; policy drop; }\n")
    owner.stdin.flush()
    for _attempt in range(100):
        if "input" in scene.host.run(["nft", "list", "ruleset"]).stdout:
            break
    result = scene.allow("api")
    assert result["failed"] and "a program that owns it" in result["msg"]
    owner.kill()
    owner.wait()


# Keeping the rules.


@pytest.mark.slow
def test_mode_owner_and_link_of_the_configuration_are_kept(scene: Scene) -> None:
    scene.host.run(["sh", "-c", "mkdir /etc/fw && mv /etc/nftables.conf /etc/fw/main && ln -s fw/main /etc/nftables.conf"])
    scene.host.run(["chown", "65534:65533", "/etc/fw/main"])
    scene.host.run(["chmod", "0640", "/etc/fw/main"])
    assert scene.allow("api")["changed"]
    listed = scene.host.run(["stat", "-c", "%F %a %u %g", "/etc/nftables.conf", "/etc/fw/main", "/etc/netports.nft"]).stdout
    link, main, own = listed.splitlines()
    assert link.startswith("symbolic link")
    assert main == "regular file 640 65534 65533"
    assert own == "regular file 600 0 0"
    scene.reboot()
    assert scene.reached() == {"admin", "api"}


@pytest.mark.slow
def test_a_configuration_that_grew_below_our_line(scene: Scene) -> None:
    scene.allow("api")
    text = scene.host.path("/etc/nftables.conf").read_text()
    scene.host.write("/etc/nftables.conf", text + "insert rule inet filter input tcp dport 5000-6000 drop")
    scene.reboot()
    assert scene.reached() == {"admin"}
    assert scene.allow("api")["changed"]
    scene.reboot()
    assert scene.reached() == {"admin", "api"}
    assert scene.host.path("/etc/nftables.conf").read_text().count("netports") == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "file",
    ["/etc/nftables.conf", "/etc/netports.nft"],
)
def test_files_that_somebody_put_back_are_written_again(scene: Scene, file: str) -> None:
    scene.allow("api", "dns")
    if file == firewall.CONFIGURATION:
        scene.host.write(file, firewall.DEFAULT_DROP)
    else:
        scene.host.path(file).unlink()
        # The line alone is no error at boot.
        scene.reboot()
        assert scene.reached() == {"admin"}
    assert scene.allow("api", "dns")["changed"]
    scene.reboot()
    assert scene.reached() == {"admin", "api", "dns"}


@pytest.mark.slow
def test_a_boot_still_works_when_the_operator_drops_a_table(scene: Scene) -> None:
    scene.allow("api")
    text = scene.host.path("/etc/nftables.conf").read_text()
    scene.host.write("/etc/nftables.conf", text.replace("inet filter", "inet renamed"))
    scene.reboot()
    assert scene.reached() == {"admin"}
    assert scene.allow("api")["changed"]
    scene.reboot()
    assert scene.reached() == {"admin", "api"}


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        (firewall.DEFAULT_DROP.replace("inet filter", "inet b"), "has no input chain inet filter input (it has: inet b input)"),
        ("flush ruleset\n", "has no input chain inet filter input (it has: none)"),
        ("flush ruleset\ntable inet filter {\n chain input { type filter", "/etc/nftables.conf does not load: "),
        (None, "no boot configuration of nftables to add the rules to: /etc/sysconfig/nftables.conf or /etc/nftables.conf"),
    ],
)
def test_rules_that_would_not_outlast_a_boot_are_refused(scene: Scene, configuration: Any, said: str) -> None:
    if configuration is None:
        scene.host.path("/etc/nftables.conf").unlink()
    else:
        scene.host.write("/etc/nftables.conf", configuration)
    before = scene.rig.state(scene.host)
    result = scene.allow("api")
    assert result["failed"] and said in result["msg"] and "persist: false" in result["msg"], result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))
    assert scene.allow("api", persist=False)["changed"]
    assert scene.reached() == {"admin", "api"}
    assert scene.allow(state="absent")["changed"]


@pytest.mark.slow
def test_a_configuration_that_a_namespace_cannot_load_is_checked_in_place(scene: Scene) -> None:
    """`iif` and flowtables want interfaces that a private namespace does not have."""
    configure(scene, filter_table('iif "eth0" tcp dport 9 accept', SSH, policy="drop"))
    result = scene.allow("api")
    assert result["changed"] and any("could not be rehearsed" in note for note in result["notes"])
    assert not scene.allow("api")["changed"]
    scene.reboot()
    assert scene.reached() == {"admin", "api"}
    # There too, a chain that the configuration lacks is found.
    scene.host.write("/etc/nftables.conf", 'flush ruleset\ntable inet a {\n chain b {\n  iif "eth0" tcp dport 9 accept\n }\n}\n')
    result = scene.allow("api", "low")
    assert result["failed"] and "would not load with the rules added" in result["msg"]


@pytest.mark.slow
def test_a_full_disk_changes_nothing(scene: Scene) -> None:
    scene.host.run(["sh", "-c", "cp -a /etc /run/copy && mount -t tmpfs -o size=8m none /etc && cp -a /run/copy/. /etc"])
    fill = "dd if=/dev/zero of=/etc/fill bs=4k; for i in $(seq 2000); do echo x > /etc/fill.$i || break; done"
    scene.host.run(["sh", "-c", fill], check=False)
    before = scene.rig.state(scene.host)
    result = scene.allow("api")
    assert result["failed"] and "No space left on device; nothing was changed" in result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))
    assert scene.reached() == {"admin"}


# What the host may lack.


def stand_in(host: Host, script: str) -> Dict[str, str]:
    """An environment in which `nft` is this script."""
    host.write("/run/lab/bin/nft", "#!/bin/sh\n" + script, 0o755)
    return {"PATH": "/run/lab/bin:" + host.environment()["PATH"]}


FAILING = [
    ('[ "$1" != -j ] || { echo "Error: JSON support not compiled-in" >&2; exit 1; }', "cannot print JSON"),
    ("echo \"nft: invalid option -- 'j'\" >&2; exit 1", "cannot print JSON"),
    ('echo "netlink: Error: cache initialization failed: Protocol not supported" >&2; exit 1', "has no nf_tables"),
    ("echo truncated; exit 0", "printed no usable JSON"),
    ("exit 0", "cannot read the ruleset"),
    ('[ "$1" = -j ] || { echo "/dev/stdin:1:1-9: Error: Operation too weird" >&2; exit 1; }', "too weird"),
]


def test_an_nft_that_fails(scene: Scene) -> None:
    """Stand-ins for versions and kernels that cannot be had here."""
    before = scene.rig.state(scene.host)
    for script, said in FAILING:
        environment = stand_in(scene.host, script + '; exec /usr/sbin/nft "$@"')
        result = scene.allow("api", env=environment, persist=False)
        assert result["failed"] and said in result["msg"], result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))


def test_no_nft_at_all(scene: Scene) -> None:
    scene.host.write("/run/lab/empty", "", 0o644)
    scene.host.run(["mount", "--bind", "/run/lab/empty", "/usr/sbin/nft"])
    result = scene.allow("api")
    assert result["failed"] and "the command nft is not installed (package nftables)" in result["msg"]


def test_no_privilege(scene: Scene) -> None:
    before = scene.rig.state(scene.host)
    result = scene.allow("api", wrapper='exec setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$@"')
    assert result["failed"] and "become: true" in result["msg"], result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))


@pytest.mark.slow
def test_another_program_changes_the_ruleset_meanwhile(scene: Scene) -> None:
    """A rule that we are about to delete goes away between our reading and our writing: plan again."""
    scene.allow("low", persist=False)
    script = """if [ "$1" = -f ] && [ ! -e /run/lab/once ]; then
  touch /run/lab/once
  handle=$(/usr/sbin/nft -a list ruleset | sed -n 's/.*netports:.*handle //p')
  /usr/sbin/nft delete rule inet filter input handle $handle
fi
exec /usr/sbin/nft "$@"
"""
    result = scene.allow("api", env=stand_in(scene.host, script), persist=False)
    assert result["changed"], result
    assert scene.host.path("/run/lab/once").exists()
    assert scene.reached() == {"admin", "api"}
    assert scene.rig.running(scene.host).count("netports:") == 1


# Killed at any moment.

_KILLED = """
import os, signal, sys
step, argv = int(sys.argv[1]), sys.argv[2:]
events = ("subprocess.Popen", "os.rename", "os.remove", "fcntl.flock", "os.chmod", "os.chown", "os.listdir")
count = 0
def hook(event, arguments):
    global count
    writing = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_DIRECTORY)
    if event in events or writing:
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
sys.argv = ["module", *argv]
exec(compile(%r, "runner", "exec"))
"""


def marked(scene: Scene) -> List[str]:
    return sorted(line.partition(" #")[0].strip() for line in scene.rig.running(scene.host).splitlines() if "netports:" in line)


def booted(scene: Scene) -> List[str]:
    """The marked rules that a boot would bring."""
    script = "nft -f %s && nft list ruleset" % firewall.CONFIGURATION
    text = scene.host.run(["unshare", "--net", "sh", "-c", script]).stdout
    return sorted(line.strip() for line in text.splitlines() if "netports:" in line)


def killed_at(scene: Scene, step: int, *names: str, **options: Any) -> bool:
    """Run port_allow and kill it at a step; False when it ended before."""
    argv = _module.command("port_allow", {"listeners": listeners(*names), **options})
    python, _c, runner, *rest = argv
    done = scene.host.run([python, "-c", _KILLED % runner, str(step), *rest], check=False, env=_module.environment())
    assert done.returncode in (0, -9), done.stdout + done.stderr
    return done.returncode != 0


class Snapshot:
    """The rules and the files of a host, to come back to without running port_allow."""

    FILES = (firewall.CONFIGURATION, "/etc/netports.nft")

    def __init__(self, host: Host) -> None:
        self.host = host
        self.rules = host.run(["nft", "list", "ruleset"]).stdout
        self.texts = {name: host.path(name).read_text() for name in self.FILES if host.path(name).exists()}

    def restore(self) -> None:
        nft(self.host, "flush ruleset\n" + self.rules)
        for name in self.FILES:
            self.host.path(name).unlink(missing_ok=True)
        for name, text in self.texts.items():
            self.host.write(name, text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "names", "options"),
    [((), ("api", "dns"), {}), (("api", "dns"), ("low", "dns"), {}), (("api", "dns"), (), {"state": "absent"})],
    ids=["create", "modify", "delete"],
)
def test_killed_at_every_step(scene: Scene, before: Any, names: Any, options: Any) -> None:
    if before:
        scene.allow(*before)
    snapshot, old = Snapshot(scene.host), marked(scene)
    assert booted(scene) == old
    scene.allow(*names, **options)
    new = marked(scene)
    assert booted(scene) == new != old
    for step in range(1, 200):
        snapshot.restore()
        killed = killed_at(scene, step, *names, **options)
        assert marked(scene) in (old, new), step
        assert booted(scene) in (old, new), step
        assert not scene.allow(*names, **options).get("failed"), step
        assert (marked(scene), booted(scene)) == (new, new), step
        if not killed:
            break
    kills = step - 1
    # Fewer would mean that the steps of writing were not met.
    assert kills >= 8
    assert not [name for name in scene.host.run(["ls", "-A", "/etc"]).stdout.split() if "netports-new" in name]


@pytest.mark.slow
def test_killed_with_its_children_at_many_moments(scene: Scene) -> None:
    """nft dies with the module here, in the middle of its transaction too."""
    scene.allow("api", "dns")
    snapshot, old = Snapshot(scene.host), marked(scene)
    scene.allow("low", "dns")
    new = marked(scene)
    kills = 0
    for moment in range(40):
        snapshot.restore()
        process = scene.start("low", "dns", wrapper='timeout --signal=KILL %.3f "$@"' % (0.1 + moment * 0.006))
        process.communicate(timeout=60)
        kills += process.returncode != 0
        assert marked(scene) in (old, new)
        assert booted(scene) in (old, new)
    assert kills
    scene.allow("low", "dns")
    assert (marked(scene), booted(scene)) == (new, new)
