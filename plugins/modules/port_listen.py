#!/usr/bin/python
# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: port_listen
short_description: Hold the free ports of a role for some time and answer on them
version_added: 0.1.0
author:
  - netports contributors (@netports)
description:
  - Listens in place of a product that is not installed yet, so that the way to it can be proven from other hosts.
  - A process that stays when the task has ended holds every port of the role that is free, for IPv4 and IPv6 as the spec says.
    It takes nothing that something else holds.
  - It ends after O(seconds), with O(state=stopped), when its process is told to end, and with the host. Nothing of it is in a
    file, and none of its connections keeps a port from the product that is installed next.
  - To a TCP connection it says O(token) and a newline. What only pretends to listen, such as a proxy that accepts everything,
    does not know it.
  - A datagram is answered with O(token), without a newline, when it begins with O(token) or with C(netports) and is longer than
    O(token). Answers are shorter than their questions, so that nobody can use them against others.
extends_documentation_fragment:
  - netports.core.spec
  - netports.core.attributes
attributes:
  check_mode:
    support: full
    details: Says what would be held, by the sockets of the host and its addresses. No port is taken, not even for a moment.
  diff_mode:
    support: none
  platform:
    support: full
    platforms: linux
  action:
    support: full
  async:
    support: full
    details: Not needed; the task ends as soon as the ports are held.
options:
  state:
    description:
      - V(started) holds the ports. With a O(token) of an earlier run it adds ports to those of that run.
      - V(stopped) frees what was held with O(token), or without it all that this user's runs hold. It needs neither O(role) nor
        O(listeners), and looks at neither.
    type: str
    choices: [started, stopped]
    default: started
  seconds:
    description:
      - For how long, 1 to 3600.
      - All ports that are held with the same O(token) are held for at least this long from now. The time is never made shorter.
    type: int
    default: 300
  token:
    description:
      - What is answered, 1 to 64 printable ASCII characters without blanks. It is no secret.
      - Without it one is made up, so that each run has its own.
    type: str
notes:
  - Without root, ports below 1024 and devices are not held, and a host that ends the processes of a session with the session
    frees the ports early.
  - A product that starts while its port is held finds it taken. Stop first.
  - The host's firewall is not opened; that is M(netports.core.port_allow).
  - Processes of other users are neither extended nor ended.
seealso:
  - module: netports.core.port_verify
  - module: netports.core.port_allow
"""

EXAMPLES = r"""
- name: Hold the ports of a Kuma zone control plane for two minutes
  netports.core.port_listen:
    role: kuma_zone_cp
    version: "2.9"
    seconds: 120
  register: listening

- name: See from the controller that it is this host that answers
  ansible.builtin.wait_for:
    host: "{{ ansible_host }}"
    port: "{{ item.port }}"
    search_regex: "^{{ listening.token }}"
    timeout: 5
  loop: "{{ listening.held | selectattr('protocol', 'eq', 'tcp') }}"
  delegate_to: localhost

- name: Free them before the installation
  netports.core.port_listen:
    state: stopped
    token: "{{ listening.token }}"
"""

RETURN = r"""
held:
  description: The listeners whose ports are held with the token, by this run or an earlier one, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    listener:
      description: The name of the listener.
      type: str
    protocol:
      description: V(tcp) or V(udp).
      type: str
    port:
      description: The port.
      type: int
    family:
      description: V(ipv4), V(ipv6) or V(both).
      type: str
    addresses:
      description: What its sockets are bound to, one for each family.
      type: list
      elements: str
    device:
      description: The interface or VRF that they are bound to, V(null) without one.
      type: str
  sample:
    - listener: dp-server
      protocol: tcp
      port: 5678
      family: both
      addresses: ["0.0.0.0", "::"]
      device: null
not_held:
  description: The listeners that are not held, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    listener:
      description: The name of the listener.
      type: str
    protocol:
      description: V(tcp), V(udp) or V(ip).
      type: str
    port:
      description: The port, range or protocol number.
      type: str
    reason:
      description: Why, in words; who holds the port, where that can be seen.
      type: str
token:
  description: What is answered.
  returned: success
  type: str
until:
  description: The time in UTC at which the ports are free again at the earliest, V(null) when nothing is held.
  returned: success
  type: str
  sample: "2025-06-01T12:05:00Z"
pid:
  description: The process that holds the ports; the newest one where several runs have the same token. V(null) in check mode.
  returned: success
  type: int
changed:
  description: Whether ports were taken or freed. That they are held for longer is not a change.
  returned: success
  type: bool
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netports.core.plugins.module_utils import _hold, _spec_options
from ansible_collections.netports.core.plugins.module_utils._light import end_quickly
from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.module_utils._run import RunError
from ansible_collections.netports.core.plugins.module_utils._sockets.gather import GatherError


def main() -> None:
    end_quickly()
    module = AnsibleModule(argument_spec={**_spec_options.spec_arguments(), **_hold.listen_arguments()}, supports_check_mode=True)
    try:
        result = _hold.listen(module.params, module.check_mode)
    except (Problem, GatherError, RunError) as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
