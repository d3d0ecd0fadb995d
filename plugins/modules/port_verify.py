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
options:
  state:
    description:
      - V(listening) verifies that each listener is served as expected.
      - V(free) is a check before an installation, for which nothing may hold the ports yet.
        A TCP socket that is bound but does not listen is not seen.
    type: str
    choices: [listening, free]
    default: listening
  unexpected:
    description:
      - What to do about sockets that listen though no expectation knows their protocol, port and family.
      - V(report) lists them in RV(unexpected), V(fail) fails for them too.
      - An unconnected UDP client looks like a listener; see O(tolerate).
    type: str
    choices: [ignore, report, fail]
    default: ignore
  tolerate:
    description:
      - Sockets that are never unexpected.
      - Each entry is a port V(tcp/22), a range V(udp/30000-32767), an address or a network that the socket is bound in
        V(127.0.0.0/8), or the name of a process V(chronyd).
    type: list
    elements: str
    default: []
  check_process:
    description:
      - Whether the owner of a socket must be one of the processes that the listener names.
    type: bool
    default: true
  check_firewall:
    description:
      - Whether the firewall of the host must admit the listeners that other hosts reach.
      - Needs Python on the host.
    type: bool
    default: false
  timeout:
    description:
      - Seconds to wait until all listeners pass. One loop waits for all of them. V(0) looks once.
    type: float
    default: 0
  interval:
    description:
      - Seconds between two looks while waiting.
    type: float
    default: 1
  gather:
    description:
      - Where the sockets are read from.
      - V(auto) asks the kernel (V(sock_diag)), then V(proc), V(ss) and V(netstat),
        and falls back to V(raw) on a host without a usable Python.
      - V(raw) runs C(ss) or C(netstat) through the connection alone and judges on the controller,
        so that the host needs no Python.
      - V(proc) and V(netstat) cannot tell whether an IPv6 wildcard takes IPv4 too, nor which device a socket is bound to.
    type: str
    choices: [auto, sock_diag, proc, ss, netstat, raw]
    default: auto
  capture:
    description:
      - Text of an earlier C(ss -lntup) or C(netstat -nlp) run, to judge instead of the host. No host is touched.
      - A list is joined, lines of one text or texts of several runs.
    type: raw
  network_namespace:
    description:
      - Network namespace whose listeners are meant, as a name (see C(ip netns)), the ID of a process in it,
        or the absolute path of its file.
      - With the ID of a container's process, the container is verified from its host.
    type: str
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

import time
from typing import Any, Dict, Optional, Sequence

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netports.core.plugins.module_utils import _spec_options, _verify
from ansible_collections.netports.core.plugins.module_utils._listener import Listener, Problem
from ansible_collections.netports.core.plugins.module_utils._sockets import gather


def _admissions(listeners: Sequence[Listener]) -> Dict[str, Any]:
    from ansible_collections.netports.core.plugins.module_utils._firewall import registry

    return registry.admissions(listeners)


def _verified(params: Dict[str, Any], diff: bool) -> Dict[str, Any]:
    options = _verify.parse_options(params, diff)
    listeners = _spec_options.expected(params)
    if params["gather"] == "raw" or params["capture"] is not None:
        raise Problem("gather", "raw evidence is judged by the action plugin; call the module by its name, so that it runs")
    namespace: Optional[str] = params["network_namespace"]
    result = _verify.verify(
        lambda: gather.gather(params["gather"], namespace),
        lambda table, wanted: gather.find_owners(table, wanted, namespace),
        listeners,
        options,
        time,
        _admissions(listeners) if params["check_firewall"] else None,
    )
    result.update(_spec_options.resolved(params))
    return result


def main() -> None:
    arguments = dict(_spec_options.spec_arguments(), **_verify.verify_arguments())
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    try:
        result = _verified(module.params, module._diff)
    except (Problem, gather.GatherError) as error:
        module.fail_json(msg=str(error))
    if result["failed"]:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
