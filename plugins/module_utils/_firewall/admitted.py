# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the firewall of this host admits its listeners. Needs none of the backends, which do not travel with it."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.netports.core.plugins.module_utils._firewall import (
    answers,
    family_answers,
    intervals,
    model,
    nft_match,
    observed,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.model import (
    CLOSED,
    REDIRECTED,
    STRAIGHT,
    UNFILTERED,
    UNKNOWN,
    Admission,
    FirewallError,
)
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_match import Packet
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Ruleset
from ansible_collections.netports.core.plugins.module_utils._listener import REDIRECT, Listener
from ansible_collections.netports.core.plugins.module_utils._run import Effects, RunError


def admissions(
    listeners: Sequence[Listener],
    source: Optional[str] = None,
    enter: Sequence[str] = (),
    clients: Optional[Mapping[str, Any]] = None,
) -> Dict[str, Admission]:
    """By name of listener: does the host firewall admit new connections to it, or redirect them where that is what it is to do?

    Changes nothing and never fails.

    What filters is read, whoever made it. `enter` is a command that runs its arguments in another
    network namespace. `clients` are addresses by client, as port_allow takes them. Raises Problem for those alone.
    """
    known = model.parse_clients(clients)
    try:
        effects = Effects(check_mode=True)
        ruleset = observed.read_with_addresses(effects, enter) if known else observed.read(effects, enter)
        found = answers.admissions(ruleset, listeners, source, known)
        for one in listeners:
            redirection = _redirection(ruleset, one) if one.seen_as == REDIRECT else None
            if redirection is not None and (redirection.state != REDIRECTED or not one.allow):
                found[one.name] = redirection
            elif one.allow:
                found[one.name] = _detoured(ruleset, one, source, known, found[one.name])
        return found
    except (FirewallError, RunError) as error:
        asked = [listener for listener in listeners if listener.allow or listener.seen_as == REDIRECT]
        return {listener.name: Admission(UNKNOWN, str(error)) for listener in asked}


def _redirection(ruleset: Ruleset, listener: Listener) -> Admission:
    """Whether rules send its packets to another port of this host, in each family that it must be served in."""
    if listener.ports is None:
        return Admission(UNKNOWN, "a port that is not known cannot be looked for among the redirected ones")
    each: Dict[str, Admission] = {}
    for family in model.families_of(listener):
        detour = _detour(ruleset, listener, family, listener.ports[0])
        if detour is None:
            each[family] = Admission(STRAIGHT, "%s: no rule redirects it" % family)
        elif detour.port is None:
            each[family] = Admission(UNKNOWN, "%s: it %s" % (family, detour.who))
        else:
            each[family] = Admission(REDIRECTED, "%s: redirected to port %d" % (family, detour.port))
    rank = (REDIRECTED, UNKNOWN, STRAIGHT)
    judged = sorted(each.values(), key=lambda one: rank.index(one.state))
    # Family `any` is served by one of them.
    chosen = judged[0] if listener.family == "any" else judged[-1]
    return Admission(chosen.state, "; ".join(one.reason for one in each.values() if one.state == chosen.state))


def _detour(ruleset: Ruleset, listener: Listener, family: str, port: int) -> Optional[Any]:
    if not any(chain.type == "nat" for chain in ruleset.chains.values()):
        return None
    from ansible_collections.netports.core.plugins.module_utils._firewall import detours

    return detours.of(ruleset, Packet(family, nft_match.PROTOCOLS[listener.protocol], port))


def _detoured(
    ruleset: Ruleset, listener: Listener, source: Optional[str], clients: Mapping[str, Any], found: Admission
) -> Admission:
    """The answer, where the input rules of the host see the listener's packets; what becomes of them, where not."""
    if found.state in (UNFILTERED, CLOSED) or listener.ports is None:
        return found
    sent = {family: _detour(ruleset, listener, family, listener.ports[0]) for family in model.families_of(listener)}
    if not any(sent.values()):
        return found
    each: List[Admission] = []
    for family, detour in sent.items():
        if source is not None and intervals.parse_network(source)[0] != family:
            continue
        port = listener.ports if detour is None or detour.port is None else (detour.port, detour.port)
        one = answers.admissions(ruleset, [listener._replace(family=family, ports=port)], source, clients)[listener.name]
        if detour is not None and one.state != CLOSED:
            said = detour.said("%s %s" % (listener.protocol, listener.port_text))
            one = (
                Admission(UNKNOWN, said)
                if detour.port is None
                else one._replace(reason="; ".join(filter(None, (said, one.reason))))
            )
        each.append(one)
    return family_answers.of_families(listener, each) if each else found
