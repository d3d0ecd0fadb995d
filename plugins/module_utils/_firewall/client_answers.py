# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host admits the clients of a listener whose addresses are known: all of them, in each family that they have.

Pure. `answers` comes here with listeners that are not for everybody.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils._firewall import (
    family_answers,
    intervals,
    model,
    nft_admission,
    nft_plan,
    nft_sources,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Intervals
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Admission
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import Packet
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_sources import Part
from ansible_collections.netports.core.plugins.module_utils._listener import Listener

_LONGEST_LIST = 5
_NOBODY = "nobody has to be admitted, since its clients have no address"


def admission(ruleset: Ruleset, listener: Listener, sources: Mapping[str, Intervals]) -> Admission:
    """`sources` are those of `model.sources_to_admit`."""
    unclear = family_answers.out_of_sight(listener)
    families = model.families_of(listener)
    if not sources:
        wider = [_wider(ruleset, listener, family, ()) for family in families] if unclear is None else []
        return Admission(model.CLOSED, "; ".join(filter(None, (_NOBODY, *wider))))
    if unclear is not None:
        return unclear
    found = [_of_family(ruleset, listener, family, sources.get(family)) for family in families]
    partly = [one.admission for one in found if one.partly]
    if partly:
        return min(partly, key=lambda admission: admission.state != model.DROPPED)
    answer = family_answers.of_families(listener, [one.admission for one in found])
    if answer.state not in (model.ADMITTED, model.UNFILTERED):
        return answer
    # Family `any` passes by one of them; clients that have only the other want to know.
    worse = [one.admission.reason for one in found if one.admission.state in (model.DROPPED, model.UNKNOWN)]
    return answer._replace(reason="; ".join(filter(None, (answer.reason, *worse))))


class _Answer(NamedTuple):
    """For one family. `partly`: it holds for some clients and not for others, which no other family makes up for."""

    admission: Admission
    partly: bool = False


def _of_family(ruleset: Ruleset, listener: Listener, family: str, sources: Optional[Intervals]) -> _Answer:
    if sources == ():
        return _Answer(family_answers.family_admission(ruleset, listener, family, ()))
    wider = _wider(ruleset, listener, family, sources or ())
    if sources is None:
        return _Answer(Admission(model.CLOSED, "; ".join(filter(None, ("%s: %s there" % (family, _NOBODY), wider)))))
    if not nft_admission.filters(ruleset, family):
        return _Answer(Admission(model.UNFILTERED, wider))
    each_port = [
        [part for packet in _ways(ruleset, asked) for part in nft_sources.judge_parts(ruleset, packet)]
        for asked in _packets(ruleset, listener, family, sources)
    ]
    refused = _refused(each_port)
    if refused:
        said = Admission(model.DROPPED, "%s: %s" % (family, _refusal(each_port[0], refused, family)))
        return _Answer(said, partly=refused != _sources(each_port[0]))
    for parts in each_port:
        unclear = [part for part in parts if part.judgement.state != "admitted"]
        if unclear:
            return _Answer(
                Admission(model.UNKNOWN, "%s: %s" % (family, _doubt(unclear, family))), partly=len(unclear) < len(parts)
            )
    return _Answer(Admission(model.ADMITTED, wider))


def _packets(ruleset: Ruleset, listener: Listener, family: str, sources: Intervals) -> Iterator[Packet]:
    return nft_plan.packets_of(model.Rule("", listener.protocol, model.numbers_of(listener), family, sources), ruleset)


def _ways(ruleset: Ruleset, packet: Packet) -> List[Packet]:
    """The packet by the ways that its sources have: those of the host itself come by the loopback interface."""
    local = ruleset.local.get(packet.family, ())
    own = intervals.common(packet.source, local)
    others = intervals.without(intervals.common(packet.source, intervals.ordinary_addresses(packet.family)), local)
    ways = [packet._replace(source=others)] if others else []
    return ways + [packet._replace(source=own, destination=local, loopback=True)] * bool(own) or [packet]


def _wider(ruleset: Ruleset, listener: Listener, family: str, sources: Intervals) -> str:
    """That others than the sources are admitted too, all of them; else empty."""
    strangers = intervals.without(intervals.ordinary_addresses(family), sources)
    if not strangers:
        return ""
    packets = _packets(ruleset, listener, family, strangers)
    if any(nft_admission.judge(ruleset, packet).state != "admitted" for packet in packets):
        return ""
    return "%s: everybody is admitted%s" % (family, ", not its clients alone" if sources else "")


def _sources(parts: Sequence[Part]) -> Intervals:
    return intervals.merged(interval for part in parts for interval in part.sources)


def _refused(each_port: Sequence[Sequence[Part]]) -> Intervals:
    """The clients that are dropped at every port."""
    refused: Optional[Intervals] = None
    for parts in each_port:
        dropped = _sources([part for part in parts if part.judgement.state == "dropped"])
        refused = dropped if refused is None else intervals.common(refused, dropped)
    return refused or ()


def _refusal(parts: Sequence[Part], refused: Intervals, family: str) -> str:
    """Who drops them."""
    by_reason: Dict[str, List[intervals.Interval]] = {}
    for part in parts:
        if part.judgement.state == "dropped":
            by_reason.setdefault(part.judgement.reason, []).extend(intervals.common(part.sources, refused))
    named = {where: _text(dropped, family) for where, dropped in by_reason.items() if dropped}
    if len(named) == 1 and refused == _sources(parts):
        named = dict.fromkeys(named, "all clients")
    return "; ".join(["%s drops new connections from %s" % item for item in named.items()][:_LONGEST_LIST])


def _doubt(unclear: Sequence[Part], family: str) -> str:
    where = unclear[0].judgement.reason
    sources = _sources([part for part in unclear if part.judgement.reason == where])
    return "%s may drop new connections from %s" % (where, _text(sources, family))


def _text(sources: Sequence[intervals.Interval], family: str) -> str:
    texts = [intervals.network_text(interval, family) for interval in intervals.merged(sources)]
    more = ["and %d more" % (len(texts) - _LONGEST_LIST)] if len(texts) > _LONGEST_LIST else []
    return ", ".join(texts[:_LONGEST_LIST] + more)
