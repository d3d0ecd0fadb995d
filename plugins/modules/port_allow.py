#!/usr/bin/python

# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opens the host firewall for listeners."""

from __future__ import annotations

DOCUMENTATION = r"""
module: port_allow
short_description: Open the host firewall for the listeners of a role
version_added: 0.1.0
description:
  - Makes the host firewall admit new connections to the listeners that need it, for IPv4 and IPv6, now and after a reboot,
    without a reload of the firewall.
  - It writes firewalld, ufw, nftables, iptables and Cumulus Linux. What it writes where, and what each of them cannot do, is in
    U(https://github.com/netports/netports.core/blob/main/docs/firewalls.md).
  - It owns only rules that carry its mark, a comment C(netports:<label>) or a name that begins with C(netports-<label>), and
    leaves those of everybody else as they are.
  - It refuses a change that would shut out the address and port of the SSH connection by which it came.
  - A host that filters nothing is left as it is, with a warning and RV(enforcing=false).
extends_documentation_fragment:
  - netports.core.attributes
  - netports.core.spec
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: linux
    support: full
  action:
    support: full
  async:
    support: partial
    details: Not with O(rollback_after).
options:
  state:
    description:
      - V(present) opens the ports, and takes away what the same label opened before and needs no more.
      - V(absent) takes away everything that O(label) opened, whatever its listeners are.
    type: str
    choices: [present, absent]
    default: present
  backend:
    description:
      - The firewall to write.
      - V(auto) finds the one that is in charge. Two in charge is an error that names both.
      - V(nftables) puts rules at the head of every input chain that would drop the connections. An accept in a table of its own
        would not help against a drop in another.
      - V(firewalld) adds a service C(netports-<label>) to the zones by which clients come in. The running daemon learns of new
        services only by a reload; until somebody reloads it, rich rules serve.
      - V(ufw) adds rules with an application profile C(netports-<label>). C(ufw status) and C(ufw delete) work with them.
      - V(iptables) fills a chain C(netports) in each family, in the flavour that filters.
      - V(cumulus_acl) writes one policy file of its own on Cumulus Linux and installs it with C(cl-acltool). Where NVUE owns the
        rules for the control plane (release 5.9 and later), nothing is changed, and RV(commands) are the C(nv) commands to run.
      - V(cumulus_nvue), which is never chosen by itself, runs these commands.
    type: str
    choices: [auto, cumulus_acl, cumulus_nvue, firewalld, iptables, nftables, ufw]
    default: auto
  label:
    description:
      - Marks the rules, so that those of one role are told from those of another.
      - By default the name of the role; C(custom) for O(listeners).
    type: str
  clients:
    description:
      - >-
        Addresses or networks by client, in the words that the listeners' C(clients) use, for example
        C({kuma_dp: [192.0.2.0/24, "2001:db8::/32"]}).
      - V(any) among the addresses is everybody, an empty list is nobody.
      - Names are resolved on the controller, to all their IPv4 and IPv6 addresses.
      - A listener is open to these addresses alone when all its clients are named here. Otherwise it is open to everybody,
        unless O(restrict=inventory).
    type: dict
  restrict:
    description:
      - V(none) restricts the listeners whose clients O(clients) names.
      - V(inventory) restricts every listener to the addresses of its clients. A client is the hosts of the inventory group of its
        name, hyphens as underscores if you like; for a role of the port spec also those of roles that include it.
      - A client that O(clients) names is who is named there, and its group is not asked.
      - A client that has neither a group nor a place in O(clients) is an error, and so is a host whose addresses are not known.
        Listeners with the client C(any) are open to everybody.
      - >-
        The addresses of a host are its variable C(netports_addresses) (a list of addresses, networks or names); without it the
        addresses in its gathered facts, but for loopback and link-local ones; without facts C(ansible_host) or the name of the
        host, which is resolved on the controller.
    type: str
    choices: [none, inventory]
    default: none
  exclusive:
    description: Take away the marked rules of every other label.
    type: bool
    default: false
  persist:
    description:
      - Keep the rules over a reboot, where the firewall keeps its own. For nftables that is the configuration that the
        distribution's service loads, a last line of which includes C(/etc/netports.nft); for iptables the saved rules that the
        distribution restores.
      - For these two the boot is rehearsed in a private network namespace first. Where the rules would not be there after it, the
        module fails before it changes anything.
      - With V(false) no file for the next boot is written.
    type: bool
    default: true
  rollback_after:
    description:
      - The host takes the change back by itself unless it is confirmed within so many seconds, 5 or more.
      - The confirmation comes over a new connection, which the action plugin makes once the module has ended. Where there can
        be none, the task fails, and says when the host takes the change back.
      - What waits on the host is a process of its own, which outlives the connection, the session and the module, and works when
        the module is killed. It brings back the rules that the labels had before, for the next boot too. When it is ended, as
        when the host shuts down, it takes the change back at once.
      - After a loss of power in this time the host comes up with the new rules if they were written already, see O(persist).
      - As long as a change waits, other runs on the host wait for its outcome, for a minute at the most. The next run warns of a
        change that was taken back, or could not be; the system log has both too.
      - In check mode, and where nothing changes, there is nothing to confirm. It cannot be used with C(async).
    type: int
notes:
  - Needs root, and the commands of the firewall. C(nft) has to be 0.9.0 or later, built with JSON; firewalld 0.9.0 or later,
    which is asked by C(busctl).
  - Ports that are C(dynamic) cannot be opened; a warning names them.
  - On a host where nothing filters, no rule is made, and a firewall that is switched on later has to be opened then.
seealso:
  - module: netports.core.port_verify
author:
  - netports contributors (@netports)
"""

EXAMPLES = r"""
- name: Open the ports of a Kuma zone control plane
  netports.core.port_allow:
    role: kuma_zone_cp
    version: "2.9"

- name: Only for the data planes and the operators
  netports.core.port_allow:
    role: kuma_zone_cp
    clients:
      kuma_dp: [192.0.2.0/24, "2001:db8:1::/48"]
      operator: [198.51.100.7]

- name: Only for the hosts of the inventory that the port spec has as clients
  netports.core.port_allow:
    role: kuma_zone_cp
    restrict: inventory
    clients:
      operator: [bastion.example.com]
      prometheus: [198.51.100.9]
      kubelet: []
      load-balancer: []

- name: Only if the host can be reached afterwards
  netports.core.port_allow:
    role: kuma_zone_cp
    exclusive: true
    rollback_after: 30

- name: Show what would change
  netports.core.port_allow:
    role: kuma_zone_cp
  check_mode: true
  diff: true

- name: A port of one's own, in the running firewall only
  netports.core.port_allow:
    label: web
    persist: false
    listeners:
      - name: http
        protocol: tcp
        port: 8080

- name: Close them again
  netports.core.port_allow:
    role: kuma_zone_cp
    state: absent
"""

RETURN = r"""
state:
  description: The O(state) that was asked for.
  returned: success
  type: str
backend:
  description: The firewall that was asked or written.
  returned: success
  type: str
  sample: nftables
enforcing:
  description: Whether this host filters incoming traffic at all.
  returned: success
  type: bool
rules:
  description:
    - The rules of the label, as they are after the run.
    - Ports that the host admits anyway have none.
  returned: success
  type: list
  elements: dict
  contains:
    label:
      description: The mark of the rule.
      type: str
    protocol:
      description: V(tcp), V(udp), or V(ip) for IP protocols.
      type: str
    ports:
      description: Ports and ranges; for V(ip) the numbers of IP protocols.
      type: list
      elements: str
      sample: ["5676-5678", "5681"]
    family:
      description: V(ipv4), V(ipv6) or V(both).
      type: str
    sources:
      description: Addresses and networks that are admitted; empty for everybody.
      type: list
      elements: str
    chains:
      description: The chains that have the rule. On nftables, iptables and ufw.
      returned: on some firewalls
      type: list
      elements: str
      sample: ["inet filter input"]
    zones:
      description: The zones of firewalld that have it.
      returned: on firewalld
      type: list
      elements: str
      sample: ["public"]
persisted:
  description: Whether the next boot brings the same rules.
  returned: success
  type: bool
rollback:
  description: What O(rollback_after) came to.
  returned: when O(rollback_after) is given
  type: dict
  contains:
    armed:
      description: Whether there was a change that the host would have taken back.
      type: bool
    confirmed:
      description: Whether it was confirmed over a new connection.
      type: bool
    seconds:
      description: The time there was for that.
      type: int
commands:
  description:
    - The C(nv) commands of NVUE on Cumulus Linux.
    - With O(backend=cumulus_nvue) those that were run; otherwise those to run, and nothing was changed.
  returned: when NVUE writes the rules and something has to change
  type: list
  elements: str
  sample:
    - nv set acl netports-web-ipv4 type ipv4
    - nv set acl netports-web-ipv4 rule 10 match ip protocol tcp
    - nv set acl netports-web-ipv4 rule 10 match ip tcp dest-port 8080
    - nv set acl netports-web-ipv4 rule 10 action permit
    - nv set system control-plane acl netports-web-ipv4 inbound
    - nv config apply -y
notes:
  description: What is good to know and no reason to worry.
  returned: success
  type: list
  elements: str
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

from ansible_collections.netports.core.plugins.module_utils import _allow, _spec_options
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError
from ansible_collections.netports.core.plugins.module_utils._light import end_quickly
from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.module_utils._run import RunError


def main() -> None:
    end_quickly()
    arguments = dict(_spec_options.spec_arguments(), **_allow.allow_arguments())
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    try:
        result = _allow.allow(module.params, _spec_options.expected(module.params), module.check_mode)
    except (Problem, FirewallError, RunError) as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(**dict(result, **_spec_options.resolved(module.params)))


if __name__ == "__main__":
    main()
