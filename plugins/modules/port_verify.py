#!/usr/bin/python
# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: port_verify
short_description: Verify what listens on a host against the port spec
version_added: 0.1.0
author:
  - netports contributors (@netports)
description:
  - Compares the sockets that listen on a host with those that a role of the port spec, or a list of listeners, expects,
    and gives each expectation a verdict with its reason.
  - It knows whether an IPv6 wildcard serves IPv4 too, which device or VRF a socket is bound to, and which process owns it.
  - What the evidence cannot tell is V(unverifiable) and says why; a source of evidence that fails is an error.
  - Changes nothing.
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
    support: full
  async:
    support: partial
    details: Not with O(gather=raw) and O(capture), which are judged on the controller.
seealso:
  - module: netports.core.port_info
  - module: netports.core.port_allow
"""

EXAMPLES = r"""
- name: Verify a Kuma zone control plane, waiting up to half a minute for all of its listeners
  netports.core.port_verify:
    role: kuma_zone_cp
    version: "2.9"
    timeout: 30

- name: Verify that nothing holds the ports of a NetQ server before it is installed
  netports.core.port_verify:
    role: netq_server
    state: free

- name: Verify listeners that no spec knows, and that nothing else listens but what every host has
  netports.core.port_verify:
    listeners:
      - {name: http, protocol: tcp, port: 80, family: both, process: nginx}
      - {name: admin, protocol: tcp, port: 8081, bind: loopback, process: nginx}
    unexpected: fail
    tolerate: [tcp/22, chronyd, 127.0.0.0/8]

- name: Verify a switch on which no Python may run
  netports.core.port_verify:
    role: cumulus_linux
    gather: raw

- name: Judge what somebody saved, without touching a host
  netports.core.port_verify:
    role: cumulus_linux
    version: "3.2"
    conditions:
      rmp: true
    capture: "{{ lookup('ansible.builtin.file', 'netstat.txt') }}"
"""

RETURN = r"""
listeners:
  description: The expectations in their order. Each has the keys of the expected listener and the following.
  returned: always
  type: list
  elements: dict
  contains:
    verdict:
      description:
        - V(ok), V(absent), V(exposed) (bound wider than expected), V(confined) (bound narrower than needed), V(wrong_owner),
          V(taken) (with O(state=free)), V(shut) (with O(check_firewall=true)) or V(unverifiable).
        - V(ok) and V(unverifiable) do not fail, nor does V(absent) for an optional listener.
      type: str
    reason:
      description: Why, in words.
      type: str
    observed:
      description: The sockets that were looked at, with the keys of RV(netports.core.port_info#module:sockets).
      type: list
      elements: dict
unexpected:
  description: Sockets that no expectation knows, with the keys of RV(netports.core.port_info#module:sockets).
  returned: always
  type: list
  elements: dict
summary:
  description: How many listeners got each verdict, zeros included, and how many sockets were unexpected.
  returned: always
  type: dict
  sample: {ok: 6, absent: 1, exposed: 0, confined: 0, wrong_owner: 0, taken: 0, shut: 0, unverifiable: 0, unexpected: 0}
report:
  description: The verdicts as lines of a table.
  returned: always
  type: list
  elements: str
gathered_by:
  description: The source of the evidence.
  returned: always
  type: str
  sample: sock_diag
notes:
  description: What is worth knowing about the evidence, such as sources that failed before another one served.
  returned: always
  type: list
  elements: str
waited:
  description: Seconds for which it waited.
  returned: always
  type: float
passed:
  description:
    - Whether it did not fail. Unlike C(failed) it says so with C(failed_when=false) too, for tasks that judge later.
  returned: always, but for errors
  type: bool
role:
  description: The role that was resolved.
  returned: when O(role) is given
  type: str
version:
  description: The version for which it was resolved.
  returned: when O(role) is given
  type: str
conditions:
  description: The conditions under which it was resolved, defaults included.
  returned: when O(role) is given
  type: dict
"""

from ansible_collections.netports.core.plugins.module_utils import _verify_module


def main() -> None:
    _verify_module.run()


if __name__ == "__main__":
    main()
