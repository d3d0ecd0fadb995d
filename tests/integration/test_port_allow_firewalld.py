# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What port_allow does on a host of firewalld, beyond what every firewall has to do."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Set

import pytest

from tests.integration.rigs import Scene, listeners, unchanged
from tests.integration.rigs.firewalld import FirewalldRig
from tests.lab.machine import Machine, Machines

pytestmark = [pytest.mark.machines, pytest.mark.slow]


@pytest.fixture
def scene(machines: Machines) -> Scene:
    peer = machines.hosts.get("peer") or machines.host("peer")
    host = machines.renewed("host") if "host" in machines.hosts else machines.host("host")
    return Scene(FirewalldRig(), host, peer)


def cmd(scene: Scene, *arguments: str) -> str:
    return scene.host.run(["firewall-cmd", *arguments]).stdout.strip()


def systemctl(scene: Scene, *arguments: str) -> None:
    scene.host.run(["systemctl", *arguments])


def services(scene: Scene, *arguments: str) -> Set[str]:
    return set(cmd(scene, *arguments, "--list-services").split())


def same_again(scene: Scene, *names: str, **options: Any) -> Dict[str, Any]:
    """A second run, which has to find everything as it should be and to touch nothing."""
    before = scene.rig.state(scene.host)
    result = scene.allow(*names, **options)
    assert not result.get("failed"), result
    assert not result["changed"], result["diff"]
    assert unchanged(before, scene.rig.state(scene.host))
    return result


def test_serves_at_once_and_for_good_and_leaves_what_others_did_at_run_time(scene: Scene) -> None:
    """https://github.com/ansible/ansible/issues/15270, https://github.com/firewalld/firewalld/issues/863"""
    cmd(scene, "--add-port=7000/tcp")
    cmd(scene, "--add-rich-rule=rule family=ipv4 source address=192.0.2.7 drop")
    scene.host.run(["nft", "add table inet mesh; add chain inet mesh outbound"])
    scene.allow("api", "dns", "tunnel", label="kuma_cp")
    assert scene.reached() == {"admin", "other", "api", "dns", "tunnel"}
    assert "192.0.2.7" in cmd(scene, "--list-rich-rules")
    assert "mesh" in scene.host.run(["nft", "list", "tables"]).stdout
    # The daemon knows it too: what others change for good right after keeps it.
    assert services(scene, "--permanent") == {"ssh", "dhcpv6-client", "netports-kuma_cp"}
    cmd(scene, "--permanent", "--add-port=7000/tcp")
    assert services(scene, "--permanent") == {"ssh", "dhcpv6-client", "netports-kuma_cp"}
    assert "7000/tcp" in cmd(scene, "--permanent", "--list-ports")
    same_again(scene, "api", "dns", "tunnel", label="kuma_cp")

    for how in (["--reload"], ["--complete-reload"]):
        cmd(scene, *how)
        assert services(scene) == {"ssh", "dhcpv6-client", "netports-kuma_cp"}
        assert cmd(scene, "--list-rich-rules") == ""
        assert scene.reached() == {"admin", "other", "api", "dns", "tunnel"}
        same_again(scene, "api", "dns", "tunnel", label="kuma_cp")
    systemctl(scene, "restart", "firewalld")
    cmd(scene, "--state")
    same_again(scene, "api", "dns", "tunnel", label="kuma_cp")
    scene.allow(state="absent", label="kuma_cp")
    scene.forget_connections()
    assert scene.reached() == {"admin", "other"}
    cmd(scene, "--reload")
    assert scene.reached() == {"admin", "other"}
    assert services(scene, "--permanent") == {"ssh", "dhcpv6-client"}


def test_a_role_whose_ports_change_after_a_reload_drops_the_old_ones(scene: Scene) -> None:
    scene.allow("api", "low", label="role.v1")
    cmd(scene, "--reload")
    scene.allow("api", "high", label="role.v1")
    assert scene.reached() == {"admin", "api", "high"}
    same_again(scene, "api", "high", label="role.v1")
    # The service that the running firewalld knows admits low, and is not to come back before the reload that renews it.
    assert not [name for name in services(scene) if name.startswith("netports")]
    cmd(scene, "--reload")
    assert scene.reached() == {"admin", "api", "high"}
    same_again(scene, "api", "high", label="role.v1")


def test_persist_false_is_gone_with_the_reload(scene: Scene) -> None:
    scene.allow("api", persist=False)
    same_again(scene, "api", persist=False)
    cmd(scene, "--reload")
    assert scene.reached() == {"admin"}
    # What somebody opens then is not taken for ours.
    cmd(scene, "--add-port=5678/tcp")
    scene.allow(state="absent")
    assert scene.reached() == {"admin", "api"}


def test_what_runtime_to_permanent_kept_of_ours_goes_with_the_rest(scene: Scene) -> None:
    scene.allow("api", "low", label="role")
    cmd(scene, "--permanent", "--add-rich-rule=rule priority=7 port port=7000 protocol=tcp accept")
    cmd(scene, "--add-rich-rule=rule priority=7 port port=7000 protocol=tcp accept")
    cmd(scene, "--runtime-to-permanent")
    assert "netports-role" not in services(scene, "--permanent")
    scene.allow("api", label="role")
    same_again(scene, "api", label="role")
    assert "netports-role" in services(scene, "--permanent")
    assert scene.reached() == {"admin", "api", "other"}
    cmd(scene, "--reload")
    assert scene.reached() == {"admin", "api", "other"}
    assert cmd(scene, "--list-rich-rules") == 'rule priority="7" port port="7000" protocol="tcp" accept'
    scene.allow(state="absent", label="role")
    assert scene.reached() == {"admin", "other"}


def test_hundreds_of_sources_are_one_service_and_one_set_after_a_reload(scene: Scene) -> None:
    clients = {"app": ["10.%d.%d.0/25" % (i, j) for i in range(6) for j in range(20)] + [str(scene.peer.ipv4)]}
    result = scene.allow("xds", clients=clients)
    assert any("121 rich rules until its next reload" in note for note in result["notes"])
    assert scene.reached() == {"admin", "xds ipv4"}
    cmd(scene, "--reload")
    assert len(cmd(scene, "--list-rich-rules").splitlines()) == 1
    assert scene.reached() == {"admin", "xds ipv4"}
    result = same_again(scene, "xds", clients=clients)
    assert result["notes"] == []
    # From now on the set takes other sources at once.
    for other, found in (("192.0.2.1", {"admin"}), (str(scene.peer.ipv4), {"admin", "xds ipv4"})):
        clients["app"][-1] = other
        assert scene.allow("xds", clients=clients)["changed"]
        assert scene.reached() == found
        assert len(cmd(scene, "--list-rich-rules").splitlines()) == 1
        same_again(scene, "xds", clients=clients)
    came_by = {"SSH_CONNECTION": "%s 40000 %s 5681" % (scene.peer.ipv4, scene.host.ipv4)}
    clients["app"][-1] = "192.0.2.1"
    assert "it would shut out" in scene.allow("xds", clients=clients, env=came_by)["msg"]


def test_opens_the_zones_by_which_clients_come_in(scene: Scene) -> None:
    host, peer = scene.host, scene.peer
    host.run(["ip", "link", "add", "docker0", "type", "veth", "peer", "guest"])
    host.run(["ip", "address", "add", "172.17.0.1/16", "dev", "docker0"])
    for arguments in (
        ["--permanent", "--zone=internal", "--change-interface=eth0"],
        ["--permanent", "--zone=work", "--add-source=%s" % peer.ipv6],
        ["--permanent", "--zone=drop", "--add-source=192.0.2.0/24"],
        ["--permanent", "--zone=trusted", "--add-source=198.51.100.0/24"],
        ["--permanent", "--zone=dmz", "--change-interface=docker0"],
        ["--permanent", "--zone=dmz", "--remove-service=ssh"],
        ["--reload"],
    ):
        cmd(scene, *arguments)
    result = scene.allow("api")
    assert [rule["zones"] for rule in result["rules"]] == [["internal", "work"]]
    assert scene.reached() == {"admin", "api"}
    for zone, has in (("internal", True), ("work", True), ("public", False), ("drop", False), ("trusted", False), ("dmz", False)):
        assert ("netports-custom" in services(scene, "--permanent", "--zone=" + zone)) == has, zone
        assert bool(cmd(scene, "--zone=" + zone, "--list-rich-rules")) == has, zone
    same_again(scene, "api")
    scene.allow(state="absent")
    assert scene.reached() == {"admin"}


def test_without_the_daemon_the_permanent_configuration_is_written(scene: Scene) -> None:
    """https://github.com/ansible-collections/ansible.posix/issues/81"""
    clients = {"app": [scene.peer.ipv4, "192.0.2.0/24"]}
    systemctl(scene, "stop", "firewalld")
    result = scene.allow("api", "xds", backend="firewalld", clients=clients)
    assert result["changed"] and not result["enforcing"] and result["persisted"]
    assert any("serve when it starts" in note for note in result["notes"])
    scene.host.run(["firewall-offline-cmd", "--check-config"])
    offline = ["firewall-offline-cmd", "--list-services"]
    assert "netports-custom" in scene.host.run(offline).stdout.split()
    same_again(scene, "api", "xds", backend="firewalld", clients=clients)
    # The first that asks is a run of ours, while it is still starting.
    systemctl(scene, "start", "--no-block", "firewalld")
    assert not scene.allow("api", "xds", clients=clients)["changed"]
    assert scene.reached() == {"admin", "api", "xds ipv4"}

    systemctl(scene, "disable", "--now", "firewalld")
    before = scene.rig.contents(scene.host)
    result = scene.allow("low", backend="firewalld")
    assert not result["changed"] and not result["enforcing"] and not result["persisted"]
    assert any("neither running nor enabled" in warning for warning in result["warnings"])
    assert scene.rig.contents(scene.host) == before
    assert scene.allow(state="absent", backend="firewalld")["changed"]
    assert scene.host.run(["find", "/etc/firewalld", "-name", "*.xml", "-mindepth", "2"]).stdout == ""


def test_refusals_of_firewalld_are_passed_on_and_nothing_was_changed(scene: Scene) -> None:
    cmd(scene, "--panic-on")
    before = scene.rig.state(scene.host)
    result = scene.allow("api")
    assert result["failed"] and "panic mode" in result["msg"]
    assert unchanged(before, scene.rig.state(scene.host))
    cmd(scene, "--panic-off")

    scene.host.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/etc/firewalld/services"])
    before = scene.rig.state(scene.host)
    scene.host.run(["sh", "-c", "head -c 4096 /dev/zero > /etc/firewalld/services/full"])
    result = scene.allow("api")
    assert result["failed"] and "No space left" in result["msg"], result
    scene.host.run(["rm", "/etc/firewalld/services/full"])
    assert unchanged(before, scene.rig.state(scene.host))
    scene.host.run(["umount", "/etc/firewalld/services"])

    before = scene.rig.state(scene.host)
    # As it comes, root is exempt.
    scene.host.run(["sed", "-i", "/user id/d", "/etc/firewalld/lockdown-whitelist.xml"])
    cmd(scene, "--reload")
    cmd(scene, "--lockdown-on")
    result = scene.allow("api")
    assert result["failed"] and "ACCESS_DENIED" in result["msg"], result
    assert scene.reached() == {"admin"}
    assert "netports" not in scene.rig.running(scene.host) + cmd(scene, "--permanent", "--list-all")
    assert scene.host.run(["ls", "/etc/firewalld/services"]).stdout == ""


def test_what_others_deny_stays_denied_and_is_told(scene: Scene) -> None:
    cmd(scene, "--permanent", "--add-rich-rule=rule port port=5678 protocol=tcp drop")
    cmd(scene, "--reload")
    for _run in range(2):
        result = scene.allow("api", "low")
        assert any("tcp 5678 are dropped by" in warning for warning in result["warnings"]), result
        assert scene.reached() == {"admin", "low"}
        cmd(scene, "--reload")
    drop = ["ipv4", "filter", "INPUT", "0", "-p", "tcp", "--dport", "6000", "-j", "DROP"]
    cmd(scene, "--direct", "--add-rule", *drop)
    result = scene.allow("api", "low")
    assert result["backend"] == "firewalld"
    assert any("tcp 6000 are dropped by" in warning for warning in result["warnings"]), result
    assert scene.reached() == {"admin", "low ipv6"}


def test_lets_go_of_a_port_that_others_admit_too(scene: Scene) -> None:
    """The task came by SSH, which the zone's own service admits."""
    came_by = {"SSH_CONNECTION": "%s 40000 %s 22" % (scene.peer.ipv4, scene.host.ipv4)}
    scene.allow("admin", "api", env=came_by)
    assert scene.allow("api", env=came_by)["changed"]
    assert scene.reached() == {"admin", "api"}
    scene.allow("admin", env=came_by)
    cmd(scene, "--remove-service=ssh")
    for _run in range(2):
        result = scene.allow(state="absent", env=came_by)
        assert result["failed"] and "zone public of firewalld would drop it" in result["msg"], result
        # As a service of the zone, too.
        cmd(scene, "--permanent", "--remove-service=ssh")
        cmd(scene, "--reload")
    assert scene.reached() == {"admin"}


def test_with_the_iptables_backend(scene: Scene) -> None:
    scene.host.run(["sed", "-i", "s/^FirewallBackend=.*/FirewallBackend=iptables/", "/etc/firewalld/firewalld.conf"])
    systemctl(scene, "restart", "firewalld")
    clients = {"app": [scene.peer.ipv4, "192.0.2.0/24"]}
    result = scene.allow("api", "xds", clients=clients)
    assert result["changed"] and result["backend"] == "firewalld" and result["enforcing"], result
    assert scene.reached() == {"admin", "api", "xds ipv4"}
    same_again(scene, "api", "xds", clients=clients)
    cmd(scene, "--reload")
    assert scene.reached() == {"admin", "api", "xds ipv4"}
    same_again(scene, "api", "xds", clients=clients)
    scene.allow(state="absent")
    assert scene.reached() == {"admin"}


OLD, NEW = {"admin", "api"}, {"admin", "low", "high"}
# Stands before busctl: kills who called it at the writing call of a number, before it is made or after.
KILLER = """#!/bin/sh
case "$*" in
*setZoneSettings2*|*addService2*|*update2*|*remove*)
    echo >> /run/calls
    if [ "$(wc -l < /run/calls)" = %d ]; then
        [ %s = before ] || /usr/bin/busctl "$@"
        kill -9 $PPID
        exit 1
    fi;;
esac
exec /usr/bin/busctl "$@"
"""


def killed_run(scene: Scene, number: int, when: str, *names: str, **options: Any) -> bool:
    """Run port_allow; whether it was killed."""
    scene.host.run(["rm", "-f", "/run/calls"])
    scene.host.write("/usr/local/bin/busctl", KILLER % (number, when))
    scene.host.run(["chmod", "+x", "/usr/local/bin/busctl"])
    process = scene.start(*names, **options)
    output, _errors = process.communicate(timeout=120)
    scene.host.run(["rm", "/usr/local/bin/busctl"])
    return output == ""


def test_killed_at_any_call_it_leaves_old_or_new(scene: Scene) -> None:
    """At run time, and for good: all of one or all of the other, and never a port that no label has."""
    seen: List[str] = []
    number, when = 1, "before"
    while True:
        scene.allow("api", label="role")
        if not killed_run(scene, number, when, "low", "high", label="role"):
            break
        running = scene.reached()
        assert running in (OLD, NEW), (number, when, running)
        kept = scene.host.run(["cat", "/etc/firewalld/services/netports-role.xml"]).stdout
        assert ('port="5678"' in kept) != ('port="6000"' in kept and 'port="6002"' in kept), kept
        seen.append("new" if running == NEW else "old")
        if number % 2:
            # Whatever it was, the label lets go of all of it.
            scene.allow(state="absent", label="role")
            assert scene.reached() == {"admin"}
            assert "priority" not in cmd(scene, "--list-rich-rules")
        number, when = (number, "after") if when == "before" else (number + 1, "before")
    assert {"old", "new"} == set(seen), seen
    assert len(seen) >= 4


def test_a_label_that_is_killed_while_it_comes_leaves_nothing_without_an_owner(scene: Scene) -> None:
    """Killed between the running firewall and the files."""
    assert killed_run(scene, 2, "before", "api", label="role")
    assert scene.reached() == {"admin", "api"}
    noted = json.loads(scene.host.run(["cat", "/run/netports-firewalld.json"]).stdout)
    assert list(noted) == ["role"]
    assert scene.allow("api", label="role")["changed"]
    assert "netports-role" in services(scene, "--permanent")
    scene.allow(state="absent", label="role")
    assert scene.reached() == {"admin"}


def test_reboots_into_the_service(scene: Scene) -> None:
    assert isinstance(scene.host, Machine)
    scene.allow("api", label="role")
    scene.reboot()
    assert "netports-role" in services(scene)
    assert scene.host.run(["ls", "/run"]).stdout.find("netports-firewalld") == -1
    assert not scene.allow(label="role", listeners=listeners("api"))["changed"]
