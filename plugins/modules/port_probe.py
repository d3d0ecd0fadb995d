#!/usr/bin/python
# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: port_probe
short_description: Tell which ports of other hosts can be reached
version_added: 0.1.0
author:
  - netports contributors (@netports)
description:
  - Asks all targets at once, over TCP or UDP, IPv4 and IPv6, and tells what kind of broken a broken path is.
  - A silent UDP port is never called open. A service is asked what it must answer, where that is known.
  - A target that is not as expected fails the task; RV(results) is returned all the same.
  - It takes at most O(timeout) for the names, and O(timeout) for each O(concurrency) addresses.
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
  targets:
    description:
      - What is to be reached.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description:
          - A name or an address. A name is resolved once, and all its addresses are probed.
        type: str
        required: true
      port:
        description:
          - The port.
        type: int
        required: true
      protocol:
        description:
          - The protocol.
        type: str
        choices: [tcp, udp]
        default: tcp
      expect:
        description:
          - V(open) passes when one of the addresses is open.
          - V(closed) fails when one of them is open, and when it could not be tried.
          - Silence of a UDP port that was not asked anything proves neither. It does not fail.
        type: str
        choices: [open, closed]
        default: open
      name:
        description:
          - What the target is called in messages and in the results.
        type: str
      question:
        description:
          - What a UDP service is asked, V(dns), V(ntp), or bytes in hexadecimal.
          - Without it, V(dns) for the ports 53, 5653 and 15053, V(ntp) for 123, and an empty datagram for all others.
        type: str
      token:
        description:
          - What the target has to say, the token of M(netports.core.port_listen). For TCP and UDP.
          - So a proxy that accepts or repeats everything is not taken for the target.
        type: str
      tls:
        description:
          - Whether to make a TLS handshake and read the certificate. Nothing is decided about trust.
          - A handshake that fails fails O(targets[].expect=open).
        type: bool
        default: false
  timeout:
    description:
      - For how many seconds an answer of an address is waited for, with all repetitions.
    type: float
    default: 3.0
  concurrency:
    description:
      - How many addresses are probed at once. It is lowered by itself where the host allows fewer open files.
    type: int
    default: 1000
  retries:
    description:
      - How often a question is asked again, at equal steps of O(timeout), because packets get lost.
      - TCP makes a further connection, beside the first, whose late answer still counts.
      - Of 3000 open ports behind a link that loses 30 percent of all packets in both directions, 22 were V(filtered) by
        default, and none with 5 retries.
    type: int
    default: 2
  family:
    description:
      - The addresses that are probed.
    type: str
    choices: [any, ipv4, ipv6]
    default: any
  source_address:
    description:
      - The address of the host to ask from. Only targets' addresses of its family are probed.
    type: str
  device:
    description:
      - The interface or VRF to ask by.
    type: str
  network_namespace:
    description:
      - Network namespace to ask from, as a name (see C(ip netns)), the ID of a process in it, or the absolute path of its file.
      - Names are resolved with the host's own C(/etc/resolv.conf) and C(/etc/hosts).
    type: str
notes:
  - No privilege is needed, but for O(network_namespace), and for O(device) on kernels before 5.7.
seealso:
  - module: netports.core.port_listen
  - module: netports.core.port_verify
  - module: ansible.builtin.wait_for
"""

EXAMPLES = r"""
- name: A zone reaches its global control plane, and nobody reaches the admin port
  netports.core.port_probe:
    targets:
      - {name: sync, host: global.example.com, port: 5685, tls: true}
      - {name: resolver, host: 192.0.2.53, port: 53, protocol: udp}
      - {name: admin, host: global.example.com, port: 5680, expect: closed}
    timeout: 2

- name: Tell where packets get lost, and go on
  netports.core.port_probe:
    targets:
      - {host: etcd-1.example.com, port: 2379}
      - {host: etcd-1.example.com, port: 2380}
    device: mgmt
  register: probed
  ignore_errors: true
"""

RETURN = r"""
results:
  description: What was found, in the order of O(targets).
  returned: always, but for errors
  type: list
  elements: dict
  contains:
    name:
      description: The name of the target, V(null) without one.
      type: str
    host:
      description: Its host, as given.
      type: str
    port:
      description: Its port.
      type: int
    protocol:
      description: V(tcp) or V(udp).
      type: str
    expect:
      description: V(open) or V(closed).
      type: str
    passed:
      description: Whether it is as expected, V(null) where silence cannot tell.
      type: bool
    state:
      description:
        - The state of the address in RV(results[].address).
        - V(open), it accepts connections or answered.
        - V(refused), the host says that nothing listens there.
        - V(filtered), a TCP port that gave no answer, or an administrative refusal on the way.
        - V(unreachable), there is no way to the address.
        - V(unresolved), the name has no address, or none of O(family).
        - V(no_answer), a UDP port that is silent, or a connection that was accepted by what does not know the token.
        - V(error), this host could not ask.
      type: str
    reason:
      description: How that is known, with the sender of an ICMP message where there is one.
      type: str
    address:
      description: The address that the state is of, the best of its addresses. V(null) when unresolved.
      type: str
    seconds:
      description: How long it took.
      type: float
    attempts:
      description: How often it was asked. Repetitions that TCP makes by itself are not counted.
      type: int
    tls:
      description: What the handshake showed. V(null) without O(targets[].tls) or without a connection.
      type: dict
      contains:
        version:
          description: The version of the protocol.
          type: str
        subject:
          description: The subject of the certificate.
          type: str
        issuer:
          description: Its issuer.
          type: str
        names:
          description: Its alternative names, which are DNS names, IP and mail addresses and URIs.
          type: list
          elements: str
        not_before:
          description: From when it is valid, in UTC.
          type: str
        not_after:
          description: Until when it is valid, in UTC.
          type: str
        expired:
          description: Whether that is over by the clock of the host that asks.
          type: bool
        error:
          description: Why the handshake failed, else V(null).
          type: str
    addresses:
      description:
        - All addresses of a name with RV(results[].state), RV(results[].reason), RV(results[].seconds)
          and RV(results[].attempts).
        - Empty for a target that is an address.
      type: list
      elements: dict
  sample:
    - name: sync
      host: global.example.com
      port: 5685
      protocol: tcp
      expect: open
      passed: false
      address: 192.0.2.7
      state: filtered
      reason: no answer within 2 s
      seconds: 2.0004
      attempts: 3
      tls: null
      addresses:
        - {address: 192.0.2.7, state: filtered, reason: no answer within 2 s, seconds: 2.0004, attempts: 3}
passed:
  description: Whether no target failed.
  returned: always, but for errors
  type: bool
summary:
  description: The number of targets by state.
  returned: always, but for errors
  type: dict
  sample: {open: 2, refused: 0, filtered: 1, no_answer: 0, unreachable: 0, error: 0, unresolved: 0}
seconds:
  description: How long all of it took.
  returned: always, but for errors
  type: float
notes:
  description: What is worth knowing about the run, such as a lowered concurrency.
  returned: always, but for errors
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netports.core.plugins.module_utils import _probe
from ansible_collections.netports.core.plugins.module_utils._light import end_quickly
from ansible_collections.netports.core.plugins.module_utils._probing.model import ProbeError


def main() -> None:
    end_quickly()
    module = AnsibleModule(argument_spec=_probe.probe_arguments(), supports_check_mode=True)
    try:
        result = _probe.probe(module.params)
    except ProbeError as error:
        module.fail_json(msg=str(error))
    if result["failed"]:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
