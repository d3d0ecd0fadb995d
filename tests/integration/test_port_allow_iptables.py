# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_allow on iptables: rules as operators and programs leave them, both flavours, real packets, and what can go wrong."""

from __future__ import annotations

import subprocess
import time
from typing import Dict, List

import pytest

from tests.integration.rigs import Scene, texts, unchanged
from tests.integration.rigs.iptables import ICMP, IptablesLegacyRig
from tests.lab.sandbox import Host, Lab

# Together they take too long for the quick tests, which have the same backbone in nftables.
pytestmark = pytest.mark.slow

SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
LO = "-A INPUT -i lo -j ACCEPT"
ANSWERS = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


class NftInLab(IptablesLegacyRig):
    """The other flavour with the same boot files, so that it needs no machine."""

    name = "iptables-nft in a lab"
    flavour = "nft"


RIGS = {"legacy": IptablesLegacyRig, "nft": NftInLab}


@pytest.fixture
def flavour() -> str:
    return "legacy"


@pytest.fixture
def scene(lab: Lab, flavour: str) -> Scene:
    return Scene(RIGS[flavour](), lab.host("host"), lab.host("peer"))


BOTH_FLAVOURS = pytest.mark.parametrize("flavour", list(RIGS))


def filter_table(*rules: str, policy: str = "ACCEPT", chains: str = "", more: str = "") -> Dict[str, str]:
    """The saved rules of both families; `more` are other tables."""
    head = "*filter\n:INPUT %s [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" % policy
    head += "".join(":%s - [0:0]\n" % chain for chain in chains.split())
    tables = {}
    for program, icmp in ICMP.items():
        lines = [LO, ANSWERS, "-A INPUT -p %s -j ACCEPT" % icmp, *rules]
        tables[program] = head + "".join(line + "\n" for line in lines) + "COMMIT\n" + more
    return tables


def configure(scene: Scene, rules: Dict[str, str]) -> None:
    rig = scene.rig
    assert isinstance(rig, IptablesLegacyRig)
    rig.configure(scene.host, rules)


def sh(host: Host, script: str) -> str:
    return host.run(["sh", "-euc", script]).stdout


def saved(scene: Scene) -> List[str]:
    return [scene.host.path(path).read_text() for path in IptablesLegacyRig.files.values()]


MANGLE = "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
:POSTROUTING ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
-A INPUT -p icmp -j ACCEPT\n-A INPUT -p ipv6-icmp -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n"
RULESETS: Dict[str, Dict[str, str]] = {
    "a policy": filter_table(SSH, policy="DROP"),
    "a last rule that rejects": filter_table(SSH, "-A INPUT -j REJECT"),
    "a drop in the middle": filter_table("-A INPUT -p tcp -m tcp ! --dport 22 -j DROP", SSH, policy="DROP"),
    "a jump to a chain that drops": filter_table(
        "-A INPUT -j services", "-A services -p tcp -m multiport --dports 22,80 -j ACCEPT", "-A services -j refuse",
        "-A refuse -m limit --limit 5/min -j LOG", "-A refuse -j DROP", chains="services refuse",
    ),
    "an interface's goto": filter_table(SSH, "-A INPUT -i eth+ -g refuse", "-A refuse -j REJECT", chains="refuse"),
    "a policy in mangle too": filter_table(SSH, policy="DROP", more=MANGLE),
}  # fmt: skip
CASES = [
    pytest.param(flavour, name, id="%s, %s" % (flavour, name), marks=[] if name == "a policy" else [pytest.mark.slow])
    for flavour in RIGS
    for name in RULESETS
    if flavour == "legacy" or name in ("a policy", "a jump to a chain that drops")
]


@pytest.mark.parametrize(("flavour", "name"), CASES)
def test_opens_before_what_would_drop(scene: Scene, name: str) -> None:
    configure(scene, RULESETS[name])
    state = scene.rig.contents(scene.host)
    assert scene.reached() == {"admin"}
    result = scene.allow("api", "low", "dns", "tunnel")
    assert result["changed"] and result["enforcing"] and not result["warnings"], result
    assert scene.reached() == {"admin", "api", "low", "dns", "tunnel"}
    before = scene.rig.state(scene.host)
    assert not scene.allow("api", "low", "dns", "tunnel")["changed"]
    assert unchanged(before, scene.rig.state(scene.host))
    scene.reboot()
    assert scene.reached() == {"admin", "api", "low", "dns", "tunnel"}
    assert not scene.allow("api", "low", "dns", "tunnel")["changed"]
    scene.allow(state="absent")
    assert scene.rig.contents(scene.host) == state


@pytest.mark.slow
def test_a_host_that_filters_nothing_is_left_alone(scene: Scene) -> None:
    configure(scene, filter_table(SSH, "-A INPUT -p tcp -m tcp --dport 5678 -j ACCEPT"))
    before = scene.rig.state(scene.host)
    for backend in ("auto", "iptables"):
        result = scene.allow("api", backend=backend)
        assert (result["changed"], result["enforcing"], result["rules"]) == (False, False, [])
    assert unchanged(before, scene.rig.state(scene.host))


@pytest.mark.slow
@BOTH_FLAVOURS
def test_bans_that_come_first_stay_in_force(scene: Scene) -> None:
    """As fail2ban has them: a chain of its own, entered from the first rule of INPUT; before and after our run."""
    program = "iptables-" + scene.rig.flavour  # type: ignore[attr-defined]
    ban = "%s -N f2b && %s -A f2b -s %s -j REJECT && %s -A f2b -j RETURN && %s -I INPUT -p tcp -j f2b"
    sh(scene.host, ban % (program, program, scene.peer.ipv4, program, program))
    result = scene.allow("api", persist=False)
    assert result["changed"] and any("for some sources" in warning for warning in result["warnings"])
    assert scene.reached() == {"admin ipv6", "api ipv6"}
    sh(scene.host, "%s -D INPUT -p tcp -j f2b" % program)
    assert scene.reached() == {"admin", "api"}
    sh(scene.host, "%s -I INPUT -p tcp -j f2b" % program)
    assert not scene.allow("api", persist=False)["changed"]
    assert scene.reached() == {"admin ipv6", "api ipv6"}


DOCKER = """*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -j DOCKER
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
"""


@pytest.mark.slow
@BOTH_FLAVOURS
def test_what_others_wrote_stays_and_is_not_saved(scene: Scene, flavour: str) -> None:
    scene.host.run(["iptables-%s-restore" % flavour, "--noflush"], input=DOCKER)
    before = scene.rig.running(scene.host)
    files = saved(scene)
    assert scene.allow("api")["changed"]
    kept = [line for line in scene.rig.running(scene.host).splitlines() if "netports" not in line]
    assert kept == before.splitlines()
    for text, old in zip(saved(scene), files):
        assert "DOCKER" not in text
        assert [line for line in text.splitlines() if "netports" not in line] == old.splitlines()
    scene.allow(state="absent")
    assert (scene.rig.running(scene.host), saved(scene)) == (before, files)


@pytest.mark.slow
def test_a_jump_that_a_drop_shadows_is_moved(scene: Scene) -> None:
    scene.allow("api", "dns")
    sh(scene.host, "iptables-legacy -I INPUT -p tcp --dport 5000:6000 -j DROP")
    assert scene.reached() == {"admin", "api ipv6", "dns"}
    assert scene.allow("api", "dns")["changed"]
    assert scene.reached() == {"admin", "api", "dns"}
    assert not scene.allow("api", "dns")["changed"]
    assert sh(scene.host, "iptables-legacy-save").count("-A INPUT -j netports") == 1


CHANGED_BY_HAND = (
    "-R netports 1 -p tcp --dport 5679 -m comment --comment netports:custom -j ACCEPT",
    "-R netports 1 -p tcp --dport 5678 -m comment --comment netports:custom -j DROP",
    "-R netports 1 -s 10.0.0.1 -p tcp --dport 5678 -m comment --comment netports:custom -j ACCEPT",
    "-R netports 1 -p tcp --dport 5678 -m time --weekdays Mo -m comment --comment netports:custom -j ACCEPT",
    "-A netports -p tcp --dport 5678 -m comment --comment netports:custom -j ACCEPT",
    "-A INPUT -p tcp --dport 5678 -m comment --comment netports:custom -j ACCEPT",
    "-A INPUT -j netports",
    "-D INPUT -j netports",
    "-F netports",
)


@pytest.mark.slow
def test_what_somebody_changed_in_ours_is_put_right(scene: Scene) -> None:
    scene.allow("api")
    right = scene.rig.running(scene.host)
    for edit in CHANGED_BY_HAND:
        sh(scene.host, "iptables-legacy " + edit)
        assert scene.allow("api")["changed"], edit
        assert scene.rig.running(scene.host) == right, edit
    assert scene.reached() == {"admin", "api"}


@pytest.mark.slow
def test_a_rule_of_others_in_our_chain_is_kept(scene: Scene) -> None:
    scene.allow("api")
    sh(scene.host, "iptables-legacy -A netports -p tcp --dport 7000 -j ACCEPT")
    scene.allow(state="absent")
    assert scene.reached() == {"admin", "other ipv4"}
    assert not scene.allow(state="absent")["changed"]


def stand_in(host: Host, program: str, script: str) -> Dict[str, str]:
    """An environment in which the program is this script; $real is what it stands in for."""
    host.write("/run/lab/bin/" + program, "#!/bin/sh\nreal=/usr/sbin/%s\n%s\n" % (program, script), 0o755)
    return {"PATH": "/run/lab/bin:" + host.environment()["PATH"]}


@pytest.mark.slow
@BOTH_FLAVOURS
def test_a_second_run_calls_nothing_that_writes(scene: Scene, flavour: str) -> None:
    sources = {"app": ["10.0.%d.0/24" % (2 * i) for i in range(50)], "operator": []}
    scene.allow("api", "dns", clients=sources)
    environment: Dict[str, str] = {}
    for program in ("iptables-%s-restore" % flavour, "ip6tables-%s-restore" % flavour, "iptables-restore", "unshare"):
        environment = stand_in(scene.host, program, 'echo "$0 $*" >> /run/lab/calls; exec $real "$@"')
    environment = stand_in(scene.host, "ipset", 'echo "$0 $*" >> /run/lab/calls; exec $real "$@"')
    assert not scene.allow("api", "dns", clients=sources, env=environment)["changed"]
    calls = scene.host.path("/run/lab/calls").read_text().splitlines()
    assert calls and all(call.endswith(("ipset save", "ipset -n list")) for call in calls), calls


@pytest.mark.slow
@pytest.mark.parametrize("failing", ["iptables-legacy-restore", "ip6tables-legacy-restore"])
def test_a_family_that_is_refused_takes_the_other_one_back(scene: Scene, failing: str) -> None:
    scene.allow("low", label="first")
    before = scene.rig.state(scene.host)
    script = 'case "$*" in *noflush*) echo "it is too weird" >&2; exit 2;; esac; exec $real "$@"'
    environment = stand_in(scene.host, failing, script)
    sources = {"app": ["10.0.%d.0/24" % (2 * i) for i in range(50)]}
    result = scene.allow("api", "xds", "dns", clients=sources, env=environment)
    assert result["failed"] and "it is too weird, nothing was changed" in result["msg"], result
    assert unchanged(before, scene.rig.state(scene.host))
    result = scene.allow("api", label="first", exclusive=True, env=environment)
    assert result["failed"] and unchanged(before, scene.rig.state(scene.host))


@pytest.mark.slow
def test_another_program_moves_the_rules_meanwhile(scene: Scene) -> None:
    """Rules above the place for the jump go away between our reading and our writing."""
    configure(scene, filter_table(SSH, "-A INPUT -j DROP"))
    script = """if [ ! -e /run/lab/once ]; then
  touch /run/lab/once
  iptables-legacy -D INPUT -i lo -j ACCEPT
fi
exec $real "$@"
"""
    environment = stand_in(scene.host, "iptables-legacy-restore", script)
    result = scene.allow("api", env=environment, persist=False)
    assert result["changed"], result
    assert scene.host.path("/run/lab/once").exists()
    assert scene.reached() == {"admin", "api"}


@pytest.mark.slow
def test_waits_for_the_lock_of_iptables(scene: Scene) -> None:
    holder = scene.host.popen(["flock", "/run/xtables.lock", "sh", "-c", "echo held; sleep 3"], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    start = time.monotonic()
    assert scene.allow("api")["changed"]
    assert time.monotonic() - start > 2
    assert scene.reached() == {"admin", "api"}
    holder.wait()


@pytest.mark.slow
def test_filtering_by_both_flavours_is_refused(scene: Scene) -> None:
    sh(scene.host, "iptables-nft -A INPUT -p tcp --dport 5000:6000 -j DROP")
    before = scene.rig.state(scene.host)
    for backend in ("auto", "iptables"):
        result = scene.allow("api", backend=backend)
        assert result["failed"] and "both flavours of iptables filter on this host" in result["msg"], result
    assert unchanged(before, scene.rig.state(scene.host))


@pytest.mark.slow
def test_the_flavour_that_filters_is_written_whatever_the_command_is(scene: Scene) -> None:
    """The alternative in charge is the other one, for which there is nothing but empty chains."""
    for program in ICMP:
        for verb in ("", "-save", "-restore"):
            scene.host.run(["ln", "-sf", "/usr/sbin/%s-nft%s" % (program, verb), "/etc/alternatives/%s%s" % (program, verb)])
    sh(scene.host, "iptables -L; ip6tables -L")
    assert scene.allow("api")["changed"]
    assert scene.reached() == {"admin", "api"}
    assert not scene.allow("api")["changed"]


# Many sources, many ports.

MANY = ["10.%d.%d.0/25" % (i, j) for i in range(10) for j in range(10)]


def set_names(scene: Scene) -> List[str]:
    return sh(scene.host, "ipset -n list").split()


@pytest.mark.slow
@BOTH_FLAVOURS
def test_sets_of_sources_come_and_go_with_their_rules(scene: Scene) -> None:
    v6 = ["2001:db8:%x::/64" % i for i in range(20)] + [str(scene.peer.ipv6)]
    scene.allow("xds", clients={"app": MANY + v6})
    names = set_names(scene)
    assert len(names) == 2 and scene.reached() == {"admin", "xds ipv6"}
    assert sh(scene.host, "iptables-save; ip6tables-save").count("--match-set") == 2
    changed = scene.allow("xds", clients={"app": [*MANY, str(scene.peer.ipv4)]})
    assert len(changed["rules"]) == 1 and len(changed["rules"][0]["sources"]) == 101
    assert scene.reached() == {"admin", "xds ipv4"}
    assert len(set_names(scene)) == 1 and not set(set_names(scene)) & set(names)
    # What somebody takes out of a set is put back.
    sh(scene.host, "ipset del %s %s" % (set_names(scene)[0], scene.peer.ipv4))
    assert scene.reached() == {"admin"}
    assert scene.allow("xds", clients={"app": [*MANY, str(scene.peer.ipv4)]})["changed"]
    assert scene.reached() == {"admin", "xds ipv4"}
    # The sets are gone after a boot, and the file does not ask for them.
    scene.reboot()
    assert set_names(scene) == [] and scene.reached() == {"admin", "xds ipv4"}
    assert not scene.allow("xds", clients={"app": [*MANY, str(scene.peer.ipv4)]})["changed"]
    scene.allow(state="absent")
    assert "netports" not in sh(scene.host, "iptables-save; ip6tables-save; ipset save")


def hide(host: Host, *programs: str) -> None:
    """Take programs out of the host's /usr/sbin."""
    script = "mkdir -p /run/lab/sbin; cp -a /usr/sbin/. /run/lab/sbin; cd /run/lab/sbin; rm %s"
    sh(host, script % " ".join(programs) + "; mount --bind /run/lab/sbin /usr/sbin")


@pytest.mark.slow
def test_without_ipset_each_source_is_a_rule(scene: Scene) -> None:
    hide(scene.host, "ipset")
    clients = {"app": [*MANY, str(scene.peer.ipv4)]}
    result = scene.allow("xds", clients=clients)
    assert any("ipset is not installed" in note for note in result["notes"])
    assert len(result["rules"]) == 1 and len(result["rules"][0]["sources"]) == 101
    assert scene.reached() == {"admin", "xds ipv4"}
    assert sh(scene.host, "iptables-save").count('"netports:custom"') == 101
    assert not scene.allow("xds", clients=clients)["changed"]
    fewer = scene.allow("xds", clients={"app": clients["app"][1:]})
    assert fewer["changed"] and sh(scene.host, "iptables-save").count('"netports:custom"') == 100


@pytest.mark.slow
def test_more_ports_than_one_match_takes(scene: Scene) -> None:
    ports = [*range(5600, 5640, 2), "5700-5702", 5678, 6000]
    listeners = [{"name": "p%s" % port, "protocol": "tcp", "port": port} for port in ports]
    result = scene.allow(listeners=listeners)
    assert len(result["rules"]) == 1 and result["rules"][0]["family"] == "both"
    assert scene.reached() == {"admin", "api", "low"}
    assert not scene.allow(listeners=list(reversed(listeners)))["changed"]
    ranges = scene.allow(listeners=[*listeners, {"name": "wide", "protocol": "tcp", "port": "5000-6500"}])
    assert texts(ranges["rules"]) == {"tcp 5000-6500 both"}
    assert scene.reached() == {"admin", "api", "xds", "low", "high"}


@pytest.mark.slow
def test_sources_that_no_prefix_fits(scene: Scene) -> None:
    clients = {"app": ["10.0.0.%d" % n for n in range(1, 7)] + [str(scene.peer.ipv4)]}
    assert scene.allow("xds", clients=clients, persist=False)["changed"]
    assert scene.reached() == {"admin", "xds ipv4"}
    assert not scene.allow("xds", clients=clients, persist=False)["changed"]


# The next boot.


@pytest.mark.slow
def test_nothing_that_loads_rules_at_boot(scene: Scene) -> None:
    sh(scene.host, "rm /etc/init.d/iptables")
    before = scene.rig.state(scene.host)
    result = scene.allow("api")
    assert result["failed"] and "nothing on this host loads the rules of iptables at boot" in result["msg"]
    assert "iptables-persistent" in result["msg"] and "persist: false" in result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))
    # What the operator has opened needs no rule of ours, now or at boot.
    assert not scene.allow("admin").get("failed")
    assert scene.allow("api", persist=False)["changed"]


UNFIT = (
    (None, "/etc/iptables/rules6-save, from which the IPv6 rules are loaded, is missing"),
    ("*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n", "has no chain filter INPUT"),
    ("*filter\n:INPUT DROP [0:0]\n-I INPUT -j ACCEPT\nCOMMIT\n", "rules6-save is not as iptables-save writes it"),
    ("*filter\n:INPUT DROP [0:0]\n-A INPUT -m no -j ACCEPT\nCOMMIT\n", "rules6-save would not load with the rules added"),
)


@pytest.mark.slow
def test_a_saved_file_that_would_not_bring_the_rules(scene: Scene) -> None:
    path = scene.host.path("/etc/iptables/rules6-save")
    for text, said in UNFIT:
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        before = scene.rig.state(scene.host)
        for check in (True, False):
            result = scene.allow("api", check=check)
            assert result["failed"] and said in result["msg"], result
        assert unchanged(before, scene.rig.state(scene.host))
    assert scene.reached() == {"admin"}


@pytest.mark.slow
def test_the_saved_file_decides_where_the_jump_goes_in_it(scene: Scene) -> None:
    """What boots drops earlier than what runs."""
    path = scene.host.path("/etc/iptables/rules-save")
    path.write_text(RULESETS["a drop in the middle"]["iptables"])
    assert scene.allow("api")["changed"]
    assert scene.reached() == {"admin", "api"}
    scene.reboot()
    assert scene.reached() == {"admin", "api"}


@pytest.mark.slow
def test_a_boot_that_needs_a_set_is_not_rehearsed(scene: Scene) -> None:
    """The operator's own sets are restored by something else, and are not there in an empty namespace."""
    sh(scene.host, "ipset create trusted hash:ip")
    rules = filter_table(SSH, policy="DROP")
    line = "-A INPUT -m set --match-set trusted src -j ACCEPT\nCOMMIT\n"
    configure(scene, {**rules, "iptables": rules["iptables"].replace("COMMIT\n", line)})
    result = scene.allow("api")
    assert result["changed"] and any("could not be rehearsed" in note for note in result["notes"]), result
    assert not scene.allow("api")["changed"]
    assert scene.reached() == {"admin", "api"}


@pytest.mark.slow
def test_a_service_that_is_not_enabled_is_told(scene: Scene) -> None:
    sh(scene.host, "rm /etc/runlevels/default/iptables /etc/runlevels/default/ip6tables")
    for _run in range(2):
        result = scene.allow("api")
        assert any("the service iptables is not enabled" in warning for warning in result["warnings"])


# What the host may lack.


@pytest.mark.slow
def test_rules_for_ipv4_alone(scene: Scene) -> None:
    """Nothing filters IPv6: nothing to open there, and no file for it."""
    sh(scene.host, "ip6tables -P INPUT ACCEPT; ip6tables -F; rm /etc/iptables/rules6-save")
    result = scene.allow("api")
    assert result["changed"] and texts(result["rules"]) == {"tcp 5678 ipv4"}
    assert "netports" not in sh(scene.host, "ip6tables-save")
    assert "api" in scene.reached()
    assert not scene.allow("api")["changed"]


@pytest.mark.slow
def test_without_the_command_for_ipv6(scene: Scene) -> None:
    hide(scene.host, "ip6tables-legacy-restore", "ip6tables-restore")
    before = scene.rig.state(scene.host)
    result = scene.allow("api")
    assert result["failed"] and "ip6tables-legacy-restore is not installed" in result["msg"], result
    assert unchanged(before, scene.rig.state(scene.host))
    listener = {"name": "api", "protocol": "tcp", "port": 5678, "family": "ipv4"}
    assert scene.allow(listeners=[listener])["changed"]
    assert scene.reached() == {"admin", "api ipv4"}


@pytest.mark.slow
@BOTH_FLAVOURS
def test_without_nft(scene: Scene) -> None:
    """As old distributions are: what iptables-save prints is all that there is to read."""
    hide(scene.host, "nft")
    before = scene.rig.contents(scene.host)
    assert scene.allow("api", "dns", "tunnel")["changed"]
    assert scene.reached() == {"admin", "api", "dns", "tunnel"}
    assert not scene.allow("api", "dns", "tunnel")["changed"]
    scene.allow(state="absent")
    assert scene.rig.contents(scene.host) == before


@pytest.mark.slow
@BOTH_FLAVOURS
def test_no_privilege(scene: Scene) -> None:
    before = scene.rig.state(scene.host)
    result = scene.allow("api", wrapper='exec setpriv --bounding-set=-net_admin,-net_raw --inh-caps=-net_admin,-net_raw "$@"')
    assert result["failed"] and "become: true" in result["msg"], result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))
