# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""port_allow on Cumulus Linux, beyond what every backend does: cl-acltool and nv are stand-ins, kernel and packets are real."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List

import pytest

from tests.integration.rigs import Rig, Scene, cumulus, unchanged
from tests.lab.sandbox import Host, Lab

# Together they take too long for the quick tests, which have the same backbone in nftables.
pytestmark = pytest.mark.slow

OWN_FILE = cumulus.POLICY + "/02_netports.rules"
EVERYBODY_DROPS = """[iptables]
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p tcp --dport 22 -j ACCEPT
-A INPUT -j DROP

[ip6tables]
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p ipv6-icmp -j ACCEPT
-A INPUT -p tcp --dport 22 -j ACCEPT
-A INPUT -j DROP
"""


class _Switch(cumulus.CumulusRig):
    """A rig with other files or another release."""

    def __init__(self, install: Callable[[Host], None] = cumulus.install) -> None:
        self._install = install

    def install(self, host: Host) -> None:
        self._install(host)


def _scene(lab: Lab, rig: Rig) -> Scene:
    return Scene(rig, lab.host("host"), lab.host("peer"))


@pytest.fixture
def scene(lab: Lab) -> Scene:
    return _scene(lab, _Switch())


def _own(host: Host) -> List[str]:
    path = host.path(OWN_FILE)
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")] if path.exists() else []


def _others(host: Host) -> Dict[str, str]:
    files = host.path("/etc/cumulus/acl").rglob("*")
    return {str(file): file.read_text() for file in files if file.is_file() and file.name != "02_netports.rules"}


def _saved(host: Host) -> str:
    return _Switch().running(host)


def test_the_file_is_what_the_manual_describes_and_others_stay_as_they_are(scene: Scene) -> None:
    before = _others(scene.host)
    scene.allow("api", "xds", "dns", label="web", clients={"app": [str(scene.peer.ipv4), "10.0.0.0/8"], "operator": []})
    assert _own(scene.host) == [
        "[iptables]",
        "-A INPUT -s 10.0.0.0/8,%s -p tcp -m multiport --dports 5678,5681 -m comment --comment netports:web -j ACCEPT"
        % scene.peer.ipv4,
        "-A INPUT -i swp+ -s 10.0.0.0/8,%s -p tcp -m multiport --dports 5678,5681 -m comment --comment netports:web -j ACCEPT"
        % scene.peer.ipv4,
        "-A INPUT -p udp --dport 5353 -m comment --comment netports:web -j ACCEPT",
        "-A INPUT -i swp+ -p udp --dport 5353 -m comment --comment netports:web -j ACCEPT",
        "[ip6tables]",
        "-A INPUT -p udp --dport 5353 -m comment --comment netports:web -j ACCEPT",
        "-A INPUT -i swp+ -p udp --dport 5353 -m comment --comment netports:web -j ACCEPT",
    ]
    assert _others(scene.host) == before
    assert scene.reached() == {"admin", "api ipv4", "xds ipv4", "dns"}


def test_more_ports_than_a_line_can_have(scene: Scene) -> None:
    listeners = [{"name": "p%d" % port, "protocol": "tcp", "port": port} for port in range(6000, 6040, 2)]
    result = scene.allow(listeners=listeners)
    assert result["changed"] and not scene.allow(listeners=listeners)["changed"]
    assert scene.reached() == {"admin", "low", "high"}


def test_ports_of_the_switch_are_named_only_where_something_refuses_by_them(lab: Lab) -> None:
    files = {**cumulus.DEFAULT_FILES, "50_operator.rules": EVERYBODY_DROPS}
    scene = _scene(lab, _Switch(lambda host: cumulus.install(host, files)))
    scene.allow("api")
    assert not any(" -i " in line for line in _own(scene.host)) and scene.reached() == {"admin", "api"}
    scene.host.write(cumulus.POLICY + "/60_bonds.rules", "[iptables]\n-A INPUT -i bond+ -p tcp -j DROP\n")
    cumulus.load(scene.host)
    assert scene.allow("api")["changed"]
    assert [line.split()[3] for line in _own(scene.host) if " -i " in line] == ["bond+"]


def test_nothing_filters_on_a_switch_as_it_is_delivered(lab: Lab) -> None:
    """Up to 5.8: martians are dropped and protocols policed, and no client is refused."""
    scene = _scene(lab, _Switch(lambda host: cumulus.install(host, cumulus.DEFAULT_FILES, "3.7.12")))
    before = scene.rig.state(scene.host)
    result = scene.allow("api")
    assert (result["backend"], result["changed"], result["enforcing"], result["rules"]) == ("cumulus_acl", False, False, [])
    assert any("nothing on this host filters" in warning for warning in result["warnings"])
    assert unchanged(before, scene.rig.state(scene.host))


def test_before_the_whitelist_where_plain_files_are_in_charge(lab: Lab) -> None:
    """5.9 and later without NVUE: behind the rules against floods, before the whitelist and what it drops."""
    scene = _scene(lab, _Switch(lambda host: cumulus.install(host, cumulus.WHITELIST_FILES, "5.9.1")))
    result = scene.allow("api", "dns")
    assert (result["changed"], result["warnings"]) == (True, [])
    assert {"api", "dns"} <= scene.reached()
    # The whitelist has these, and nothing filters IPv6.
    assert scene.allow("admin", "other", label="two")["rules"] == []
    assert {rule["family"] for rule in result["rules"]} == {"ipv4"} and "[ip6tables]" not in _own(scene.host)
    saved = _saved(scene.host)
    order = [saved.index(part) for part in ("TCPGENERAL", "netports:custom", "acl-default-whitelist")]
    assert order == sorted(order)


def test_a_drop_that_is_installed_before_ours_is_told(lab: Lab) -> None:
    early = {**cumulus.OPERATOR_FILES, "01_early.rules": "[iptables]\n-A INPUT -p tcp --dport 5678 -j DROP\n"}
    scene = _scene(lab, _Switch(lambda host: cumulus.install(host, early)))
    result = scene.allow("api", "low")
    assert scene.reached() == {"admin", "api ipv6", "low"}
    assert any("tcp 5678 are dropped by rule `-A INPUT -p tcp --dport 5678 -j DROP`" in w for w in result["warnings"])


REFUSALS: Dict[str, Any] = {
    "not included": (
        lambda host: host.write(cumulus.CONFIGURATION, "include %s/50_operator.rules\n" % cumulus.POLICY),
        "does not include %s, so that its rules would not be installed. Add the line: include %s/*.rules"
        % (OWN_FILE, cumulus.POLICY),
    ),
    "only in the kernel": (
        lambda host: host.run(["iptables", "-I", "INPUT", "-s", "192.0.2.66", "-j", "DROP"]),
        "the kernel has a rule that no policy file has, and cl-acltool -i would take it away: -A INPUT -s 192.0.2.66/32 -j DROP",
    ),
    "not ours": (
        lambda host: host.write(OWN_FILE, "[iptables]\n-A INPUT -p tcp --dport 1 -j ACCEPT\n"),
        "has a rule that is not of this collection: -A INPUT -p tcp --dport 1 -j ACCEPT. Move it",
    ),
    "does not pass": (
        lambda host: host.write(cumulus.POLICY + "/70_broken.rules", "[iptables]\n-A INPUT -o swp1 -j DROP\n"),
        "cl-acltool would not take the rules, nothing was changed: error: line 2 : output interface specified with INPUT chain",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_with_the_remedy_and_nothing_changed(scene: Scene, case: str) -> None:
    spoil, said = REFUSALS[case]
    spoil(scene.host)
    before = scene.rig.state(scene.host)
    result = scene.allow("api")
    assert result["failed"] and said in result["msg"], result
    assert unchanged(before, scene.rig.state(scene.host))


@pytest.mark.slow
def test_a_failed_installation_is_taken_back(scene: Scene) -> None:
    scene.allow("low")
    before, text = _saved(scene.host), _own(scene.host)
    scene.host.write("/run/lab/tcam", "20 20")
    clients = {"app": ["10.%d.0.0/16" % i for i in range(0, 60, 2)]}
    result = scene.allow("xds", label="many", clients=clients)
    assert result["failed"] and "hw sync failed" in result["msg"]
    assert "The files are as they were, and the rules were installed as before" in result["msg"]
    assert (_saved(scene.host), _own(scene.host)) == (before, text)
    assert scene.reached() == {"admin", "low"}

    scene.host.write("/run/lab/tcam", "1 1")
    result = scene.allow("high", label="more")
    assert result["failed"] and "installing them again failed too: error: hw sync failed" in result["msg"]
    assert (_saved(scene.host), _own(scene.host)) == (before, text)


def test_a_release_without_a_dry_run(scene: Scene) -> None:
    scene.host.write("/run/lab/no-dry-run", "")
    assert scene.allow("api")["changed"] and scene.reached() == {"admin", "api"}


@pytest.mark.slow
def test_killed_between_file_and_kernel_the_next_run_installs(scene: Scene) -> None:
    scene.allow("low", label="kept")
    scene.host.write("/run/lab/before-install", "#!/bin/sh\nkill -9 $CALLER\nkill -9 $PPID\n", mode=0o755)
    scene.host.run(["true"])
    killed = scene.start("api")
    assert killed.wait(60) != 0
    scene.host.path("/run/lab/before-install").unlink()
    assert any("5678" in line for line in _own(scene.host))
    assert scene.reached() == {"admin", "low"}
    assert scene.allow("api")["changed"]
    assert scene.reached() == {"admin", "api", "low"}
    before = scene.rig.state(scene.host)
    assert not scene.allow("api")["changed"]
    assert unchanged(before, scene.rig.state(scene.host))


@pytest.mark.slow
def test_rules_that_were_not_to_be_kept_outlast_what_another_label_does(scene: Scene) -> None:
    scene.allow("api", label="brief", persist=False)
    assert scene.allow("low", label="kept")["changed"]
    assert scene.reached() == {"admin", "api", "low"}
    assert not any("netports:brief" in line for line in _own(scene.host))
    scene.reboot()
    assert scene.reached() == {"admin", "low"}


# NVUE.

OPEN = {"admin", "other"}  # what the whitelist has
OVER_IPV6 = {name + " ipv6" for name in ("api", "xds", "low", "high", "dns", "tunnel")}


def _nvue(lab: Lab, release: str = "5.9.1") -> Scene:
    return _scene(lab, _Switch(lambda host: cumulus.install_nvue(host, release)))


def _reached(scene: Scene) -> Any:
    """The default rules are for IPv4 alone, and all is open over IPv6."""
    reached = scene.reached()
    return {name for name in reached if not name.endswith(" ipv6")} - OPEN


API = [
    "nv set acl netports-web-ipv4 type ipv4",
    "nv set acl netports-web-ipv4 rule 10 match ip protocol tcp",
    "nv set acl netports-web-ipv4 rule 10 match ip tcp dest-port 5678",
    "nv set acl netports-web-ipv4 rule 10 action permit",
    "nv set system control-plane acl netports-web-ipv4 inbound",
    "nv config apply -y",
]


def test_where_nvue_is_in_charge_its_commands_are_printed_and_nothing_changes(lab: Lab) -> None:
    scene = _nvue(lab)
    before = scene.rig.state(scene.host)
    result = scene.allow("admin", "other")  # the whitelist has them
    assert "commands" not in result and not result["changed"] and result["warnings"] == []
    for check in (True, False):
        result = scene.allow("api", label="web", check=check)
        assert (result["backend"], result["changed"], result["enforcing"]) == ("cumulus_acl", False, True)
        assert result["commands"] == API
        assert any("backend: cumulus_nvue" in warning for warning in result["warnings"])
    assert unchanged(before, scene.rig.state(scene.host)) and _reached(scene) == set()
    # They do what they are printed for, and then there are none.
    for command in result["commands"]:
        scene.host.run(command.split())
    assert _reached(scene) == {"api"}
    result = scene.allow("api", label="web")
    assert "commands" not in result and result["warnings"] == [] and not result["changed"]
    result = scene.allow(label="web", state="absent")
    assert result["commands"] == [
        "nv unset system control-plane acl netports-web-ipv4",
        "nv unset acl netports-web-ipv4",
        "nv config apply -y",
    ]


@pytest.mark.slow
def test_nvue_steps(lab: Lab) -> None:
    scene = _nvue(lab)
    others = {name: text for name, text in _others(scene.host).items() if "nvue" not in name}
    steps: Any = (
        (("api",), {}, {"api"}),
        (("api", "low", "dns"), {}, {"api", "low", "dns"}),
        (("high",), {"label": "two"}, {"api", "low", "dns", "high"}),
        (("low",), {"label": "three", "exclusive": True}, {"low"}),
        ((), {"label": "three", "state": "absent"}, set()),
    )
    for names, options, expected in steps:
        before = scene.rig.state(scene.host)
        foreseen = scene.allow(*names, backend="cumulus_nvue", check=True, **options)
        assert unchanged(before, scene.rig.state(scene.host))
        done = scene.allow(*names, backend="cumulus_nvue", **options)
        assert foreseen == done and done["changed"] and done["warnings"] == []
        assert _reached(scene) == expected
        before = scene.rig.state(scene.host)
        assert not scene.allow(*names, backend="cumulus_nvue", **options)["changed"]
        assert unchanged(before, scene.rig.state(scene.host))
    assert cumulus.configured(scene.host) == []
    assert {name: text for name, text in _others(scene.host).items() if "nvue" not in name} == others
    assert _own(scene.host) == []


def test_nvue_sources_and_ranges(lab: Lab) -> None:
    scene = _nvue(lab)
    listeners = [{"name": "range", "protocol": "tcp", "port": "6000-6002", "clients": ["app"]}]
    options = {"listeners": listeners, "clients": {"app": [str(scene.peer.ipv4), "10.0.0.0/8"]}, "backend": "cumulus_nvue"}
    result = scene.allow(**options)
    assert "nv set acl netports-custom-ipv4 rule 10 match ip source-ip 10.0.0.0/8" in result["commands"]
    assert "nv set acl netports-custom-ipv4 rule 20 match ip tcp dest-port 6000:6002" in result["commands"]
    assert _reached(scene) == {"low", "high"} and result["warnings"] == []
    assert not scene.allow(**options)["changed"]


@pytest.mark.slow
def test_nvue_before_5_9(lab: Lab) -> None:
    """Ports are spelled otherwise, and what is applied has to be saved."""
    scene = _nvue(lab, "5.6.0")
    result = scene.allow("api", backend="cumulus_nvue")
    assert "nv set acl netports-custom-ipv4 rule 10 match ip dest-port 5678" in result["commands"]
    assert result["commands"][-2:] == ["nv config apply -y", "nv config save"]
    assert "5678" in scene.host.path("/etc/nvue.d/startup.yaml").read_text() and _reached(scene) == {"api"}
    before = scene.host.path("/etc/nvue.d/startup.yaml").read_text()
    assert scene.allow("low", label="two", backend="cumulus_nvue", persist=False)["commands"][-1] == "nv config apply -y"
    assert scene.host.path("/etc/nvue.d/startup.yaml").read_text() == before
    # NVUE leaves files of one's own alone there, and one needs no more.
    assert scene.allow("high", label="three")["changed"] and _reached(scene) == {"api", "low", "high"}


def _pending(host: Host) -> None:
    host.run(["nv", "set", "system", "hostname", "leaf01"])


NVUE_REFUSALS: Dict[str, Any] = {
    "pending": (_pending, "NVUE has a pending change of somebody else", {}),
    "set": (
        lambda host: host.write("/run/lab/nv-refuses", "action permit"),
        "`nv set acl netports-custom-ipv4 rule 10 action permit` failed, nothing was changed: Error: this host was told",
        {},
    ),
    "apply": (
        lambda host: host.write("/run/lab/tcam", "1 1"),
        "`nv config apply -y` failed, nothing was changed: Error: apply failed: error: hw sync failed",
        {},
    ),
    "persist": (lambda host: None, "NVUE saves whatever it applies", {"persist": False}),
    "release": (
        lambda host: host.write("/etc/lsb-release", 'DISTRIB_ID="Cumulus Linux"\nDISTRIB_RELEASE=5.4.0\n'),
        "NVUE of Cumulus Linux 5.4.0 binds access lists to single interfaces only. Use backend: cumulus_acl",
        {},
    ),
    "protocol": (lambda host: None, "NVUE has no word for IP protocol 4", {"names": ("tunnel",)}),
}


@pytest.mark.parametrize("case", NVUE_REFUSALS)
def test_nvue_refuses_or_is_refused_and_nothing_changed(lab: Lab, case: str) -> None:
    scene = _nvue(lab)
    spoil, said, options = NVUE_REFUSALS[case]
    spoil(scene.host)
    before, configured = scene.rig.contents(scene.host), cumulus.configured(scene.host)
    pending = scene.host.run(["nv", "config", "diff"]).stdout
    result = scene.allow(*options.pop("names", ("api",)), backend="cumulus_nvue", **options)
    assert result["failed"] and said in result["msg"], result
    assert (scene.rig.contents(scene.host), cumulus.configured(scene.host)) == (before, configured)
    assert scene.host.run(["nv", "config", "diff"]).stdout == pending


@pytest.mark.slow
def test_nvue_killed_at_any_moment_there_are_the_old_rules_or_the_new(lab: Lab) -> None:
    scene = _nvue(lab, "5.8.0")
    scene.allow("low", backend="cumulus_nvue")
    started = time.monotonic()
    scene.allow("high", backend="cumulus_nvue")
    whole = time.monotonic() - started
    for step in range(3):
        now, then = ("low", "high") if step % 2 else ("high", "low")
        scene.allow(now, backend="cumulus_nvue")
        process = scene.start(then, backend="cumulus_nvue")
        time.sleep(whole * (step + 1) / 4)
        process.kill()
        process.wait()
        time.sleep(0.5)  # nv itself goes on to its end
        assert _reached(scene) in ({now}, {then})
        scene.allow(then, backend="cumulus_nvue")
        assert _reached(scene) == {then}
        assert not scene.allow(then, backend="cumulus_nvue")["changed"]


def test_nvue_goes_on_where_a_killed_run_has_ended(lab: Lab) -> None:
    scene = _nvue(lab, "5.8.0")
    scene.host.run(["nv", "set", "acl", "netports-custom-ipv4", "type", "ipv4"])
    result = scene.allow("api", backend="cumulus_nvue")
    assert result["commands"][0] == "nv config detach" and _reached(scene) == {"api"}
    # Applied, and not yet saved.
    scene.host.write("/etc/nvue.d/startup.yaml", "")
    result = scene.allow("api", backend="cumulus_nvue")
    assert result["changed"] and result["commands"] == ["nv config save"]
    assert result["diff"]["before"] != result["diff"]["after"]
    assert "5678" in scene.host.path("/etc/nvue.d/startup.yaml").read_text()
    assert not scene.allow("api", backend="cumulus_nvue")["changed"]


def test_nvue_refuses_to_shut_out_the_connection_by_which_it_came(lab: Lab) -> None:
    scene = _nvue(lab)
    came_by = {"SSH_CONNECTION": "%s 40000 %s 5678" % (scene.peer.ipv4, scene.host.ipv4)}
    assert scene.allow("api", backend="cumulus_nvue", env=came_by)["changed"]
    result = scene.allow("low", backend="cumulus_nvue", env=came_by)
    assert result["failed"] and "it would shut out %s port 5678" % scene.host.ipv4 in result["msg"]
    assert _reached(scene) == {"api"}


def test_a_file_from_before_an_upgrade_is_taken_away_under_nvue(lab: Lab) -> None:
    scene = _nvue(lab, "5.8.0")
    scene.allow("api")
    scene.host.write("/etc/lsb-release", 'DISTRIB_ID="Cumulus Linux"\nDISTRIB_RELEASE=5.9.0\n')
    assert not scene.allow("api")["changed"]
    assert scene.allow(state="absent")["changed"]
    assert _own(scene.host) == [] and _reached(scene) == set()
