#!/usr/bin/python
# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: port_reach
short_description: Find out who reaches whom, by the roles of an inventory
version_added: 0.1.0
author:
  - netports contributors (@netports)
description:
  - The steps of the playbook C(netports.core.reach), which is the way to use it.
  - The port spec says which role connects to which. Each host asks all hosts to which it connects in one run of
    M(netports.core.port_probe). The targets of what is broken are asked what they know of it.
  - A task leaves what it found to the next ones in files of the controller, which are gone when Ansible ends.
extends_documentation_fragment:
  - netports.core.attributes
attributes:
  check_mode:
    support: full
    details: Check mode is the same run, but that nothing is held with O(before_install), and so nothing asked.
  diff_mode:
    support: none
  platform:
    support: full
    platforms: linux
  action:
    support: full
  async:
    support: none
options:
  step:
    description:
      - V(prepare) finds the roles, addresses and sites of all hosts of the inventory, and refuses wrong options and files.
        To be run once, before any host is touched, and registered.
      - V(read) reads on O(host) what its products are configured with, for the hosts that RV(read) names.
      - V(plan), to be run once, says who asks whom.
      - V(hold), a task of every host, holds its ports as M(netports.core.port_listen) does. For O(before_install) alone.
      - V(probe), a task of every host, asks the others.
      - V(release), a task of every host, ends what V(hold) has begun.
      - V(judge), to be run once and registered, says what is wrong, for M(netports.core.port_report); and again after V(ask).
      - V(ask), a task of every host, asks the targets of what is broken whether they serve and admit it.
    type: str
    choices: [prepare, read, plan, hold, probe, release, judge, ask]
    required: true
  run:
    description: The variable that the step V(prepare) has registered, for all others.
    type: str
    default: netports_reach_run
  before_install:
    description:
      - Whether the products are not installed yet, so that M(netports.core.port_listen) has to stand in for them.
      - For O(step=prepare), as all of the following but O(host), O(held) and O(probed).
    type: bool
    default: false
  strict:
    description:
      - Whether to prove too that listeners for the host itself, or for some roles alone, are closed to the other hosts.
    type: bool
    default: false
  sample:
    description:
      - How many others each host asks. V(0) is all of them.
      - They are chosen so that every host is asked, and every pair of sites covered, which are the values of the variable
        C(netports_site) of hosts. The same inventory has the same sample.
    type: raw
    default: 0
  timeout:
    description: For how many seconds each host waits for answers.
    type: float
    default: 3.0
  files:
    description: The files that M(netports.core.port_report) is to write at the end, to be refused before any host is touched.
    type: list
    elements: str
    default: []
  host:
    description: The host that is read with O(step=read).
    type: str
  held:
    description: The variable that the step V(hold) has registered, for O(step=judge).
    type: str
    default: netports_reach_held
  probed:
    description: As O(held), for the step V(probe).
    type: str
    default: netports_reach_probed
seealso:
  - module: netports.core.port_probe
  - module: netports.core.port_listen
  - module: netports.core.port_report
  - name: Who reaches whom
    description: The playbook, its variables, and how to read what it finds.
    link: https://github.com/netports/netports.core/blob/main/docs/reach.md
"""

EXAMPLES = r"""
# ansible-playbook -i inventory.yml netports.core.reach

- name: Hold nothing and ask, then look at what is broken
  hosts: all
  gather_facts: false
  strategy: ansible.builtin.linear
  tasks:
    - name: Find the roles of each host
      netports.core.port_reach:
        step: prepare
        sample: 5
      run_once: true
      delegate_to: localhost
      register: netports_reach_run

    - name: Plan who asks whom
      netports.core.port_reach:
        step: plan
      run_once: true
      delegate_to: localhost

    - name: Ask the others
      netports.core.port_reach:
        step: probe
      register: netports_reach_probed
      ignore_unreachable: true

    - name: Find out what is broken
      netports.core.port_reach:
        step: judge
      run_once: true
      delegate_to: localhost
      register: netports_reach_judged
"""

RETURN = r"""
run:
  description: What tells this run from others.
  returned: when O(step=prepare) or O(step=judge)
  type: str
read:
  description: The hosts whose configuration has to be read on themselves.
  returned: when O(step=prepare)
  type: list
  elements: str
msg:
  description: How much is asked.
  returned: when O(step=plan)
  type: str
  sample: 4950 edges of 9900 pairs of hosts, of 9900; 100 hosts ask
coverage:
  description: Pairs of hosts and of sites, and how many of them are asked.
  returned: when O(step=plan)
  type: dict
not_probed:
  description: What nobody asks, by reason, with how many of it and examples.
  returned: when O(step=plan)
  type: list
  elements: dict
  sample:
    - reason: the inventory has no group for this client
      count: 1
      examples: ["operator -> cp1 http-api tcp/5681"]
passed:
  description: Whether all is as expected; with O(step=judge) on all hosts of the batch.
  returned: when O(step=probe) or O(step=judge)
  type: bool
wrong:
  description: The hosts of the batch with which something is wrong, with C(state) and C(msg).
  returned: when O(step=judge)
  type: dict
  sample: {cp1: {state: failed, msg: 1 of 12 edges failed}}
summary:
  description: The number of targets by state.
  returned: when O(step=probe)
  type: dict
  sample: {open: 11, filtered: 1}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netports.core.plugins.module_utils._playbook_options import reach_arguments


def main() -> None:
    module = AnsibleModule(argument_spec=reach_arguments(), supports_check_mode=True)
    module.fail_json(msg="works on the controller; call the module by its name, so that its action plugin runs")


if __name__ == "__main__":
    main()
