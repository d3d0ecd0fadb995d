#!/usr/bin/python
# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: port_info
short_description: List the listening sockets of a host and their owners
version_added: 0.1.0
author:
  - netports contributors (@netports)
description:
  - Lists the TCP sockets in state LISTEN and the unconnected UDP sockets of a host, or of one of its network namespaces.
  - It tells which IPv6 wildcards take IPv4 too, which device or VRF a socket is bound to, and all processes that own it.
  - A source that fails is an error or a note, never an empty list.
extends_documentation_fragment:
  - netports.core.attributes
attributes:
  check_mode:
    support: full
    details: Check mode is the same run.
  diff_mode:
    support: none
  platform:
    support: full
    platforms: linux
  action:
    support: none
  async:
    support: full
options:
  gather:
    description:
      - Where the sockets are read from.
      - V(auto) takes the first that works, in the order of the choices.
      - V(sock_diag) asks the kernel over netlink. It costs what listens, however much is connected.
      - V(proc) reads C(/proc/net). It cannot tell whether an IPv6 wildcard takes IPv4 too, nor the device.
      - V(ss) and V(netstat) run these commands and read their text.
    type: str
    choices: [auto, sock_diag, proc, ss, netstat]
    default: auto
  owners:
    description:
      - Whether to look for the processes that own the sockets.
      - Without it the module is done in milliseconds. V(ss) and V(netstat) print owners in any case.
    type: bool
    default: true
  network_namespace:
    description:
      - Network namespace whose listeners are meant, as a name (see C(ip netns)), the ID of a process in it,
        or the absolute path of its file.
      - Owners are processes as the host sees them.
    type: str
notes:
  - Owners of other users' sockets can be seen only with privilege; become root. Where it is missing, RV(owners_complete)
    is V(false) and RV(sockets[].owner_state) is V(hidden).
  - An unconnected UDP client looks like a listener to every tool.
seealso:
  - module: netports.core.port_verify
"""

EXAMPLES = r"""
- name: List what listens
  netports.core.port_info:
  register: listening

- name: Show the TCP ports that other hosts reach
  ansible.builtin.debug:
    msg: "{{ reachable | map(attribute='port') | unique | sort }}"
  vars:
    reachable: >-
      {{ listening.sockets
         | selectattr('protocol', 'eq', 'tcp')
         | rejectattr('address', 'match', '127[.]|::1$|::ffff:127[.]') }}

- name: List what listens in the network namespace of a container, from its host
  netports.core.port_info:
    network_namespace: "{{ container.State.Pid }}"
  when: container is defined
"""

RETURN = r"""
sockets:
  description: The listening sockets, in the order of protocol, port, family and address.
  returned: success
  type: list
  elements: dict
  contains:
    protocol:
      description: V(tcp) or V(udp).
      type: str
    family:
      description: V(ipv4) or V(ipv6). A socket with an IPv4-mapped address is V(ipv6) and takes IPv4.
      type: str
    address:
      description: The address that it is bound to, without zone.
      type: str
    port:
      description: The port that it is bound to.
      type: int
    device:
      description: The interface or VRF that it is bound to. Without one V(null), as where the source cannot tell.
      type: str
    v6only:
      description:
        - Whether an IPv6 socket leaves out IPv4.
        - It is V(null) for IPv4, and for IPv6 where the source cannot tell.
      type: bool
    inode:
      description: Its inode, V(0) where the source does not tell.
      type: int
    owners:
      description: The processes that hold it.
      type: list
      elements: dict
      contains:
        pid:
          description: The ID of the process.
          type: int
        name:
          description: The name of the process, cut to 15 bytes by the kernel, or as C(netstat) prints it.
          type: str
    owner_state:
      description:
        - V(found) with owners.
        - V(kernel) for a socket that no process holds, such as that of a VXLAN device.
        - V(hidden) when there may be an owner that could not be seen.
        - V(unasked) with O(owners=false).
      type: str
  sample:
    - protocol: tcp
      family: ipv6
      address: "::"
      port: 5678
      device: null
      v6only: false
      inode: 30817
      owners:
        - {pid: 811, name: kuma-cp}
      owner_state: found
gathered_by:
  description: The source of the list.
  returned: success
  type: str
  sample: sock_diag
owners_complete:
  description: Whether the owners of all sockets are known.
  returned: success
  type: bool
notes:
  description: What is worth knowing about the list, such as sources that failed before another one served.
  returned: success
  type: list
  elements: str
"""

from typing import Any, Dict, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netports.core.plugins.module_utils._light import end_quickly
from ansible_collections.netports.core.plugins.module_utils._socket_table import FOUND
from ansible_collections.netports.core.plugins.module_utils._sockets import gather


def _information(method: str, namespace: Optional[str], owners: bool) -> Dict[str, Any]:
    table = gather.gather(method, namespace)
    if owners:
        wanted: Dict[int, Any] = {s.inode: () for s in table.sockets if s.inode and s.owner_state != FOUND}
        table = gather.find_owners(table, wanted, namespace, every=True)
    in_order = sorted(table.sockets, key=lambda s: (s.protocol, s.port, s.family, s.address, s.device or "", s.inode))
    return {
        "changed": False,
        "sockets": [s.as_dict() for s in in_order],
        "gathered_by": table.gathered_by,
        "owners_complete": table.owners_complete,
        "notes": list(table.notes),
    }


def main() -> None:
    end_quickly()
    module = AnsibleModule(
        argument_spec={
            "gather": {"type": "str", "default": "auto", "choices": ["auto", "sock_diag", "proc", "ss", "netstat"]},
            "owners": {"type": "bool", "default": True},
            "network_namespace": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        result = _information(module.params["gather"], module.params["network_namespace"], module.params["owners"])
    except gather.GatherError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
