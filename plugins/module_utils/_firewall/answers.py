# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules of a host mean for its listeners, and for the connection by which a task came.

Pure, and the same for every firewall: all that filters is in the Ruleset.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils import _address
from ansible_collections.netports.core.plugins.module_utils._firewall import (
    client_answers,
    family_answers,
    intervals,
    model,
    nft_admission,
    nft_match,
)
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


def _packet_of(connection: Connection) -> nft_match.Packet:
    client, server = intervals.number_of(connection.client), intervals.number_of(connection.server)
    return nft_match.Packet(
        family=_address.family_of(connection.client),
        protocol=nft_match.TCP,
        port=connection.port,
        source=((client, client),),
        destination=((server, server),),
        loopback=client == server or _address.is_loopback(connection.client),
    )


def _of_clients(ruleset: Ruleset, listener: Listener, clients: Mapping[str, Any]) -> Admission:
    sources = model.sources_to_admit(listener, clients)
    if any(sources.values()) or len(sources) < len(model.families_of(listener)):
        return client_answers.admission(ruleset, listener, sources)
    return _admission(ruleset, listener, {})


def _admission(ruleset: Ruleset, listener: Listener, sources: Dict[str, intervals.Intervals]) -> Admission:
    """One answer of several packets: every port of a range, and every family that must be served."""
    unclear = family_answers.out_of_sight(listener)
    if unclear is not None:
        return unclear
    families = [f for f in model.families_of(listener) if not sources or f in sources]
    if not families:
        return Admission(model.UNKNOWN, "the source is of another address family")
    found = [family_answers.family_admission(ruleset, listener, family, sources.get(family, ())) for family in families]
    return family_answers.of_families(listener, found)
