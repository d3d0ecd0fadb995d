# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of what the filters take."""

from __future__ import annotations


class ModuleDocFragment:
    """The listeners that every filter of the collection begins with, and the columns of those that make tables."""

    DOCUMENTATION = r"""
options:
  _input:
    description:
      - Listeners, as P(netports.core.ports#lookup) returns them or as written for O(netports.core.port_verify#module:listeners).
    type: list
    elements: dict
    required: true
seealso:
  - plugin: netports.core.ports
    plugin_type: lookup
"""

    TABLE = r"""
options:
  columns:
    description:
      - Keys of listeners in the order of the columns.
    type: list
    elements: str
    default: [name, protocol, port, family, bind, clients, process, purpose]
"""
