# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host admits a listener in one address family, and what the families together say.

Pure. The common ground of `answers` and `client_answers`.
"""

from __future__ import annotations

from typing import Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, model, nft_admission, nft_plan
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Admission
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Ruleset
from ansible_collections.netports.core.plugins.module_utils._listener import Listener


def out_of_sight(listener: Listener) -> Optional[Admission]:
    """The answer for a listener of which no ruleset tells whether it is admitted; None for all others."""
    if listener.seen_as == "nodeport":
        return Admission(model.UNKNOWN, "kube-proxy forwards a NodePort before the host firewall's input rules see it")
    if listener.dynamic:
        return Admission(model.UNKNOWN, "the port is not known before the service runs")
    return None


def of_families(listener: Listener, found: Sequence[Admission]) -> Admission:
    """One answer of those for each family in which clients come to the listener; not all of them are closed."""
    closed = [one for one in found if one.state == model.CLOSED]
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
