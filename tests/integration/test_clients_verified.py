# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What port_allow admits for known clients, port_verify finds admitted, whatever the firewall: by its rules, and by packets."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import pytest

from tests.integration import _module
from tests.integration.rigs import Scene, listeners
from tests.integration.test_port_allow_conformance import NewHost, new_host, rig, scene

__all__ = ["new_host", "rig", "scene"]  # fixtures


def judged(scene: Scene, **clients: Any) -> Dict[str, Tuple[str, str]]:
    options = {"listeners": listeners("api", "xds"), "check_firewall": True, "check_process": False, "clients": clients}
    found = _module.run(scene.host, "port_verify_firewall", options)["listeners"]
    return {one["name"]: (one["verdict"], one["reason"]) for one in found}


@pytest.mark.slow
def test_clients_are_found_admitted_and_others_are_not(new_host: NewHost, scene: Scene) -> None:
    stranger = new_host("stranger")
    many = ["10.%d.%d.0/25" % (i, j) for i in range(10) for j in range(10)]
    clients = {"app": [scene.peer.ipv4, scene.host.ipv4, *many], "operator": [scene.peer.ipv6]}
    assert not {"ok"} & {verdict for verdict, _reason in judged(scene, **clients).values()}
    scene.allow("api", "xds", clients=clients)
    assert scene.reached() == {"admin", "api", "xds ipv4"}
    found = judged(scene, **clients)
    assert {name: verdict for name, (verdict, _reason) in found.items()} == {"api": "ok", "xds": "ok"}, found
    assert "ipv6: nobody has to be admitted" in found["xds"][1]

    more = judged(scene, app=[*clients["app"], stranger.ipv4], operator=clients["operator"])
    assert scene.reached(stranger) == {"admin"}
    for verdict, reason in more.values():
        # Where rules ask for interfaces, nobody knows by which one a stranger comes.
        said = {"shut": "drops", "unverifiable": "may drop"}[verdict]
        assert reason.endswith(" %s new connections from %s" % (said, stranger.ipv4)), more
    assert judged(scene, app=[], operator=[])["xds"][0] == "ok"
