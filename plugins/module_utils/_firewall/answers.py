# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules of a host mean for its listeners, and for the connection by which a task came.

Pure, and the same for every firewall: all that filters is in the Ruleset.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils import _address
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, model, nft_admission, nft_plan
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Admission, Connection
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Ruleset
from ansible_collections.netports.core.plugins.module_utils._listener import Listener


def cut(before: Ruleset, after: Ruleset, connection: Connection) -> Optional[str]:
    """What would refuse the connection after a change, if it is admitted before; else None."""
    packet = _packet_of(connection)
    old, new = nft_admission.judge(before, packet), nft_admission.judge(after, packet)
    # It does come in now, so what is unknown before counts as admitted; what is unknown after does not.
    admitted = ("admitted", nft_admission.PARTIAL)
    refused = new.state == "dropped" if old.state == "unknown" else new.state not in admitted
    return new.reason if refused and old.state != "dropped" else None


def admissions(
    ruleset: Ruleset,
    listeners: Sequence[Listener],
    source: Optional[str] = None,
    clients: Optional[Mapping[str, Any]] = None,
) -> Dict[str, Admission]:
    """By name of listener, for those that must be admitted. Without `source` a client may come from anywhere.

    With `clients` (parsed) every address must be admitted that rules made for them admit; `source` is not given then.
    """
    if source is not None:
        family, interval = intervals.parse_network(source)
        only: Dict[str, intervals.Intervals] = {family: (interval,)}
        return {one.name: _admission(ruleset, one, only) for one in listeners if one.allow}
    return {one.name: _of_clients(ruleset, one, clients or {}) for one in listeners if one.allow}


def _packet_of(connection: Connection) -> nft_admission.Packet:
    client, server = intervals.number_of(connection.client), intervals.number_of(connection.server)
    return nft_admission.Packet(
        family=_address.family_of(connection.client),
        protocol=nft_admission.TCP,
        port=connection.port,
        source=((client, client),),
        destination=((server, server),),
        loopback=client == server or _address.is_loopback(connection.client),
    )


def _of_clients(ruleset: Ruleset, listener: Listener, clients: Mapping[str, Any]) -> Admission:
    sources = model.sources_to_admit(listener, clients)
    if any(sources.values()) or len(sources) < len(model.families_of(listener)):
        from ansible_collections.netports.core.plugins.module_utils._firewall import client_answers

        return client_answers.admission(ruleset, listener, sources)
    return _admission(ruleset, listener, {})


def _admission(ruleset: Ruleset, listener: Listener, sources: Dict[str, intervals.Intervals]) -> Admission:
    """One answer of several packets: every port of a range, and every family that must be served."""
    unclear = out_of_sight(listener)
    if unclear is not None:
        return unclear
    families = [f for f in model.families_of(listener) if not sources or f in sources]
    if not families:
        return Admission(model.UNKNOWN, "the source is of another address family")
    return of_families(listener, [family_admission(ruleset, listener, family, sources.get(family, ())) for family in families])


def out_of_sight(listener: Listener) -> Optional[Admission]:
    """The answer for a listener of which no ruleset tells whether it is admitted; None for all others."""
    if listener.seen_as == "nodeport":
        return Admission(model.UNKNOWN, "kube-proxy forwards a NodePort before the host firewall's input rules see it")
    if listener.dynamic:
        return Admission(model.UNKNOWN, "the port is not known before the service runs")
    return None


def of_families(listener: Listener, found: Sequence[Admission]) -> Admission:
    """One answer of those for each family in which clients come to the listener."""
    closed = [one for one in found if one.state == model.CLOSED]
    if len(closed) == len(found):
        return Admission(model.CLOSED, "; ".join(dict.fromkeys(one.reason for one in closed)))
    rank = (model.UNFILTERED, model.ADMITTED, model.UNKNOWN, model.DROPPED)
    judged = sorted((one for one in found if one not in closed), key=lambda admission: rank.index(admission.state))
    # Family `any` is served when one of them is, `both` when the worse one is.
    chosen = judged[0] if listener.family == "any" else judged[-1]
    if rank.index(chosen.state) > rank.index(model.ADMITTED):
        return chosen
    alike = [one.reason for one in found if one.state in (chosen.state, model.CLOSED) and one.reason]
    return chosen._replace(reason="; ".join(dict.fromkeys(alike)))


def family_admission(ruleset: Ruleset, listener: Listener, family: str, source: intervals.Intervals) -> Admission:
    """The answer for sources that are judged together; empty for everybody."""
    if not nft_admission.filters(ruleset, family):
        return Admission(model.UNFILTERED, "")
    rules = [model.Rule("", listener.protocol, model.numbers_of(listener), family, source)]
    judgements = [nft_admission.judge(ruleset, packet) for rule in rules for packet in nft_plan.packets_of(rule, ruleset)]
    states = {judgement.state for judgement in judgements}
    said = "%s: %s"
    if states == {"dropped"}:
        return Admission(model.DROPPED, said % (family, judgements[0].reason + " drops new connections"))
    if states <= {"admitted", nft_admission.PARTIAL}:
        partial = [j.reason for j in judgements if j.state == nft_admission.PARTIAL]
        return Admission(model.ADMITTED, said % (family, "not from every source: %s" % partial[0]) if partial else "")
    unclear = next(j for j in judgements if j.state not in ("admitted", nft_admission.PARTIAL))
    return Admission(model.UNKNOWN, said % (family, "%s may drop new connections" % unclear.reason))
