#!/usr/bin/python
# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: port_verify_firewall
short_description: What port_verify runs on a host to check the firewall too
version_added: 0.1.0
author:
  - netports contributors (@netports)
description:
  - M(netports.core.port_verify) runs this module in its own place when O(netports.core.port_verify#module:check_firewall=true).
    There is no need to call it.
  - It is a module of its own so that what reads firewalls is sent only to hosts whose firewall is read.
extends_documentation_fragment:
  - netports.core.spec
  - netports.core.verify
  - netports.core.attributes
attributes:
  check_mode:
    support: full
    details: Check mode is the same run.
  diff_mode:
    support: full
    details: Shows the expected table and the seen one.
  platform:
    support: full
    platforms: linux
  action:
    support: none
  async:
    support: full
seealso:
  - module: netports.core.port_verify
"""

EXAMPLES = r"""
- name: Verify a Kuma zone control plane and that the firewall of its host admits it
  netports.core.port_verify:
    role: kuma_zone_cp
    check_firewall: true
"""

RETURN = r"""
report:
  description: The verdicts as lines of a table. All other values are those of M(netports.core.port_verify).
  returned: always
  type: list
  elements: str
"""

from ansible_collections.netports.core.plugins.module_utils import _verify_module
from ansible_collections.netports.core.plugins.module_utils._firewall import admitted


def main() -> None:
    _verify_module.run(admitted.admissions)


if __name__ == "__main__":
    main()
