# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host of which no firewall is in charge: there is nothing to open, and what was opened before may have to go."""

from __future__ import annotations

from typing import Optional

from ansible_collections.netports.core.plugins.module_utils._firewall.base import Backend, Plan, Request, unchanged
from ansible_collections.netports.core.plugins.module_utils._firewall.model import NOTHING_FILTERS, Connection


class Unfiltered(Backend):
    """Adds nothing, also where containers, meshes or bans have rules of their own; takes away as `other` does.

    Rules of ours that are there are left for the day when the operator switches filtering on again.
    """

    def __init__(self, other: Backend) -> None:
        super().__init__(other.effects)
        self._other = other
        self.name = other.name

    def plan(self, request: Request) -> Plan:
        if not request.rules:
            return self._other.plan(request)._replace(enforcing=False)
        return unchanged(NOTHING_FILTERS)

    def apply(self, plan: Plan) -> None:
        self._other.apply(plan)

    def cuts(self, plan: Plan, connection: Connection) -> Optional[str]:
        return self._other.cuts(plan, connection)
