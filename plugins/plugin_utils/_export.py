# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What exports to other tools share: which listeners go in, from where they are admitted, and how what cannot be said is refused.

Pure. One format a file beside this one: `_export_<format>.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _listener
from ansible_collections.netports.core.plugins.module_utils._address import IPV4, IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import intervals, model
from ansible_collections.netports.core.plugins.module_utils._firewall.intervals import Intervals
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem

FAMILIES = (IPV4, IPV6)
# Labels that metrics and targets have of themselves.
OWN_LABELS = ("listener", "protocol", "port", "verdict")
_LABEL = r"(?!__)[A-Za-z_][A-Za-z0-9_]*"


class Opening(NamedTuple):
    """A listener that a firewall has to admit. `sources` by family, empty for everybody; a family without any is left out."""

    listener: Listener
    sources: Mapping[str, Intervals]

    @property
    def to_everybody(self) -> bool:
        """Whether all addresses of both families are admitted."""
        return all(family in self.sources and not self.sources[family] for family in FAMILIES)

    def networks(self, family: str) -> list[str]:
        """The admitted networks of a family; all of it for everybody, none for nobody."""
        return networks(self.sources[family], family) if family in self.sources else []


class Openings(NamedTuple):
    """What a firewall has to admit, in the order of the listeners, and what people should know about it."""

    openings: tuple[Opening, ...]
    warnings: tuple[str, ...]


def networks(sources: Intervals, family: str) -> list[str]:
    """Addresses as networks that have a prefix each, in as few as there can be; all of the family where `sources` is empty."""
    texts = [
        intervals.network_text(block, family)
        for source in sources or intervals.whole_family(family)
        for block in intervals.blocks(source, family)
    ]
    return [text if "/" in text else "%s/%d" % (text, intervals.BITS[family]) for text in texts]


def parse(listeners: Any) -> list[Listener]:
    """The listeners of a filter's input. Those of several roles may share a name. Raises Problem: `[4].port: ...`."""
    if not isinstance(listeners, (list, tuple)):
        raise Problem("", "wants a list of listeners, not %s" % type(listeners).__name__)
    parsed = []
    for index, data in enumerate(listeners):
        try:
            parsed.append(_listener.parse_listener(data))
        except Problem as problem:
            raise problem.under("[%d]" % index) from None
    return parsed


def openings(listeners: Any, clients: Any = None) -> Openings:
    """The listeners that the host firewall must admit, by the rules of port_allow. Raises Problem, also for dynamic ports."""
    admitted = [listener for listener in parse(listeners) if listener.allow]
    refuse([one for one in admitted if one.dynamic], "its port is known only when the service runs")
    if clients is not None and not isinstance(clients, Mapping):
        raise Problem("clients", "%r is not a mapping of clients to addresses" % (clients,))
    known = model.parse_clients(clients)
    found = [Opening(listener, model.sources_to_admit(listener, known)) for listener in admitted]
    return Openings(tuple(found), model.intent("export", admitted, clients).warnings)


def refuse(listeners: Sequence[Listener], why: str) -> None:
    """Raises Problem with all listeners that a format cannot say, unless there are none."""
    if listeners:
        names = list(dict.fromkeys(listener.name for listener in listeners))
        cure = "rejectattr('name', 'in', %s)" % names
        raise Problem("", "%s: %s. Leave out what is to be without it: %s" % (", ".join(names), why, cure))


def refuse_ip(found: Iterable[Opening], format_name: str) -> None:
    """Raises Problem for listeners of an IP protocol, which have no port."""
    refuse([one.listener for one in found if one.listener.protocol == "ip"], "%s knows no IP protocols" % format_name)


def checked(text: Any, option: str, pattern: str, what: str) -> str:
    """A name as the format takes it. Raises Problem with the option."""
    if not isinstance(text, str) or not re.fullmatch(pattern, text):
        raise Problem(option, "%r is not %s" % (text, what))
    return text


def labels(values: Any) -> dict[str, str]:
    """Labels of Prometheus from the option `labels`. Raises Problem."""
    if values is not None and not isinstance(values, Mapping):
        raise Problem("labels", "%r is not a mapping of labels to values" % (values,))
    named = {checked(name, "labels", _LABEL, "a name of a label"): str(value) for name, value in (values or {}).items()}
    taken = [name for name in named if name in OWN_LABELS]
    if taken:
        raise Problem("labels", "%s is a label that says what is watched; take another name" % taken[0])
    return named
