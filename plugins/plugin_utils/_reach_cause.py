# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a probe found, and what the target says itself, to what kind of broken an edge is, and what to do. Pure.

What the network shows is one half: a packet that is lost was lost somewhere. The target's own evidence is the other half.
"""

from __future__ import annotations

from ansible_collections.netports.core.plugins.module_utils import _verdict
from ansible_collections.netports.core.plugins.module_utils._probing.model import (
    ERROR,
    FILTERED,
    NO_ANSWER,
    NOT_LET_OUT,
    OPEN,
    REFUSED,
    UNREACHABLE,
    UNRESOLVED,
)
from ansible_collections.netports.core.plugins.plugin_utils._reach import CLOSED, HELD, NOT_HELD, EdgeResult, Evidence
from ansible_collections.netports.core.plugins.plugin_utils._report import Explanation

EXPOSED = "exposed"
IMPOSTOR = "impostor"
SOURCE = "source"
NAME = "name"
ROUTE = "route"
HOST_FIREWALL = "host_firewall"
NETWORK = "network"
PATH = "path"
SERVICE = "service"
BIND = "bind"
BIND_OR_NAMESPACE = "bind_or_namespace"
HELD_BY_OTHERS = "not_held"
TLS = "tls"
NOT_TOLD = "not_known"

# The most urgent first. docs/reach.md has the same table, and a test that compares the two.
CAUSES = {
    EXPOSED: Explanation(
        "it is open, and should not be for this host",
        "bind it to loopback if nobody else needs it, or open it for its clients alone: `port_allow` with `restrict`",
    ),
    IMPOSTOR: Explanation(
        "something takes connections or holds the port, and is not what was asked for",
        "`port_info` on the target tells who holds the port; if nobody does, a proxy or NAT on the way answers in its place",
    ),
    SOURCE: Explanation(
        "the asking host could not ask, or a rule of its own does not let it out",
        "the reason has the error of that host; its rules for outgoing packets, its open files and its Python are the places",
    ),
    NAME: Explanation(
        "the asking host finds no address for the target's name", "set right its resolver, or `netports_addresses` of the target"
    ),
    ROUTE: Explanation(
        "there is no way to the target's address",
        "look at the routes of the asking host, then at the router that the reason names; the target may be down",
    ),
    HOST_FIREWALL: Explanation("the target's own firewall does not admit it", "run the role on the target, or `port_allow`"),
    NETWORK: Explanation(
        "the target serves and admits it, and packets do not get there or back",
        "ask for the port in the firewalls between the two, and in the asking host's own; then look at the way back and the MTU",
    ),
    PATH: Explanation(
        "packets are dropped or turned away, on the way or by the target's own firewall",
        "open it on the target with the role or `port_allow`, and run again; what is still broken is the network between",
    ),
    SERVICE: Explanation("nothing serves it on the target", "start the service; if it moved, set the role's `_ports`"),
    BIND: Explanation(
        "it is bound narrower than needed: loopback, one family, another VRF",
        "fix the bind address; for a VRF run the service in the right one",
    ),
    BIND_OR_NAMESPACE: Explanation(
        "the target has a socket that should serve it and admits it, and its address turns the packets away",
        "compare the address that was asked with those of the socket and its network namespace; another machine may have it too",
    ),
    HELD_BY_OTHERS: Explanation(
        "`port_listen` could not hold the port for the test",
        "the reason names what holds it, or what was in the way; move or stop it before you install",
    ),
    TLS: Explanation(
        "it takes connections, and a TLS handshake fails",
        "the reason has the error; the service may speak another protocol there, or ask for a certificate",
    ),
    NOT_TOLD: Explanation(
        "the evidence does not tell what is broken",
        "run `netports.core.verify` on the target; the probe's reason is all that is known",
    ),
}

# Whatever the target says.
_OF_STATE = {UNREACHABLE: ROUTE, UNRESOLVED: NAME, ERROR: SOURCE, OPEN: TLS}
_REFUSED = {
    _verdict.ABSENT: SERVICE,
    _verdict.SHUT: HOST_FIREWALL,
    _verdict.CONFINED: BIND,
    _verdict.WRONG_OWNER: IMPOSTOR,
    _verdict.OK: BIND_OR_NAMESPACE,
    HELD: PATH,
    NOT_HELD: HELD_BY_OTHERS,
}
# What drops a packet does so before anybody could say that nothing listens: only an answer about the firewall tells more.
_FILTERED = {_verdict.OK: NETWORK, _verdict.SHUT: HOST_FIREWALL}
# UDP that was asked what it has to answer.
_SILENT = {**_REFUSED, _verdict.OK: NOT_TOLD}


def cause(edge: EdgeResult, evidence: Evidence, others: bool) -> tuple[str, str]:
    """The kind of broken, and what to do; both empty for an edge that is as expected, or of which nothing can be told.

    `edge` has the reason as port_probe gave it. `others`: whether the same listener was open from another host.
    """
    if edge["passed"] is not False:
        return "", ""
    kind = _cause(edge, evidence.verdict, others)
    return kind, CAUSES[kind].remedy


def _cause(edge: EdgeResult, said: str, others: bool) -> str:
    state = edge["state"]
    taken = state == NO_ANSWER and edge["protocol"] == "tcp"
    if edge["expect"] == CLOSED and (state == OPEN or taken):
        return EXPOSED
    if state in _OF_STATE:
        return _OF_STATE[state]
    if state == FILTERED:
        return SOURCE if edge["reason"] == NOT_LET_OUT else _FILTERED.get(said, PATH)
    if taken:
        return HELD_BY_OTHERS if said == NOT_HELD else IMPOSTOR
    if others and said in (_verdict.OK, HELD):
        # The socket serves other hosts, so what turns this one away is not the socket.
        return NETWORK if said == _verdict.OK else PATH
    if state == REFUSED:
        return _REFUSED.get(said, PATH if others else NOT_TOLD)
    return _SILENT.get(said, NOT_TOLD)
