# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every firewall that port_allow can write has to do."""

from __future__ import annotations

import abc
from typing import Any, Dict, NamedTuple, Optional, Tuple

from ansible_collections.netports.core.plugins.module_utils._firewall.model import Connection, Rule
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_ruleset import Ruleset
from ansible_collections.netports.core.plugins.module_utils._run import Effects, FileChange


class Request(NamedTuple):
    """The rules that a label is to have; none to take away what it has. `exclusive`: the only label that has any."""

    label: str
    rules: Tuple[Rule, ...]
    exclusive: bool
    persist: bool


class Plan(NamedTuple):
    """What a request comes to on this host. `details` is the backend's own.

    `persisted`: after it, the next boot brings the same rules. `previous`: each label that it changes, with the rules that
    the label has had; to plan and apply these brings back what was. `commands`: what makes the change where another program
    owns the rules, for people to run; the backend of that program runs them itself.
    """

    changed: bool
    enforcing: bool
    rules: Tuple[Dict[str, Any], ...]
    before: str
    after: str
    persisted: bool
    warnings: Tuple[str, ...]
    notes: Tuple[str, ...]
    details: Any
    previous: Tuple[Tuple[str, Tuple[Rule, ...]], ...] = ()
    commands: Tuple[str, ...] = ()


class FilesPlan(NamedTuple):
    """What a request comes to in the files for the next boot; `before` and `after` are lines for people."""

    changes: Tuple[FileChange, ...]
    before: Tuple[str, ...]
    after: Tuple[str, ...]
    warnings: Tuple[str, ...] = ()
    notes: Tuple[str, ...] = ()


def unchanged(warning: str, details: Any = None) -> Plan:
    """For a host that there is nothing to do on, since this firewall filters nothing there."""
    return Plan(False, False, (), "", "", False, (warning,), (), details)


class StaleError(Exception):
    """Somebody else changed the firewall between plan and apply; nothing was changed, and a new plan may succeed."""


class Backend(abc.ABC):
    """One kind of firewall on this host.

    Every verb raises `model.FirewallError` or `RunError` with what to do, and has then changed nothing.
    """

    name: str
    # What filtered on the host when this backend was found to be in charge; None where it was named.
    seen: Optional[Ruleset] = None
    # Of that, what nft showed; None where there is no nft.
    shown: Optional[Ruleset] = None

    def __init__(self, effects: Effects) -> None:
        self.effects = effects

    @abc.abstractmethod
    def plan(self, request: Request) -> Plan:
        """Compare the request with what is there. Changes nothing."""

    @abc.abstractmethod
    def apply(self, plan: Plan) -> None:
        """Carry the plan out: all of it, or on error nothing of it. Raises StaleError too."""

    @abc.abstractmethod
    def cuts(self, plan: Plan, connection: Connection) -> Optional[str]:
        """What would refuse this connection after the plan, if it is admitted now; else None."""
