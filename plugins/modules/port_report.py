#!/usr/bin/python
# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: port_report
short_description: Report what was opened and verified on all hosts of a play
version_added: 0.1.0
author:
  - netports contributors (@netports)
description:
  - Makes one report of what M(netports.core.port_allow) and M(netports.core.port_verify) found on the hosts of a play, as text in
    the run and as files.
  - The playbooks C(netports.core.site), C(netports.core.verify), C(netports.core.preflight) and C(netports.core.reach) end with
    it.
  - It works on the controller alone, in three steps, which are tasks of one play with the strategy C(linear).
  - No host is touched, and none needs Python for it.
extends_documentation_fragment:
  - netports.core.attributes
attributes:
  check_mode:
    support: full
    details: Changes nothing on any host. The files are written in check mode too, they tell what would change.
  diff_mode:
    support: none
  platform:
    support: full
    platforms: all
  action:
    support: full
  async:
    support: none
options:
  step:
    description:
      - V(prepare) finds the roles of each host, which are those of the port spec that its groups are named after, and refuses
        O(files) that could not be written. To be run once, before any host is touched, and registered.
      - V(write) prints the report and writes O(files). To be run once, after the tasks.
      - V(conclude), a task of every host, fails where one of the host's roles has failed, and is unreachable where the host was.
    type: str
    choices: [prepare, write, conclude]
    required: true
  playbook:
    description:
      - What the play was about, for the title. V(preflight) says that the firewall was asked in check mode, V(reach) that
        it is of M(netports.core.port_reach), which O(step=prepare) is not needed for.
    type: str
    choices: [site, verify, preflight, reach]
    default: site
  files:
    description:
      - Files to write the report to. The ending says the format, V(.html), V(.json), V(.md) (Markdown), V(.txt) or V(.xml)
        (JUnit).
      - A relative path starts at the directory in which Ansible was started.
      - A file is complete at any time. With C(serial) it is written after each batch, with all hosts so far.
    type: list
    elements: str
    default: []
  plan:
    description: The variable that the step V(prepare) has registered.
    type: str
    default: netports_plan
  allowed:
    description:
      - The variable that a task with M(netports.core.port_allow) has registered, in a loop over the roles of the host.
      - There may be none.
    type: str
    default: netports_allowed
  verified:
    description: As O(allowed), for M(netports.core.port_verify).
    type: str
    default: netports_verified
  reached:
    description: With O(playbook=reach) the variable that a task of M(netports.core.port_reach) with C(step=judge) has registered.
    type: str
    default: netports_reach_judged
notes:
  - C(netports_spec_dirs) is a variable of hosts with directories of spec files for all roles, C(<role>_spec_dirs) one for a role.
    Relative ones start at the directory in which Ansible was started.
seealso:
  - module: netports.core.port_allow
  - module: netports.core.port_verify
  - module: netports.core.port_reach
  - name: The playbooks
    description: What they do and the variables that they have.
    link: https://github.com/netports/netports.core/blob/main/docs/playbooks.md
"""

EXAMPLES = r"""
- name: Verify what the groups of each host say, and report it
  hosts: all
  gather_facts: false
  strategy: ansible.builtin.linear
  tasks:
    - name: Find the roles of each host
      netports.core.port_report:
        step: prepare
        files: [report.html, report.xml]
      run_once: true
      delegate_to: localhost
      register: netports_plan

    - name: Verify the listeners
      netports.core.port_verify:
        role: "{{ item.name }}"
        spec_dirs: "{{ item.spec_dirs }}"
      loop: "{{ netports_plan.roles[inventory_hostname] }}"
      register: netports_verified
      failed_when: false
      ignore_errors: true
      ignore_unreachable: true

    - name: Report
      netports.core.port_report:
        step: write
        playbook: verify
        files: [report.html, report.xml]
      run_once: true
      delegate_to: localhost

    - name: Fail the hosts that failed
      netports.core.port_report:
        step: conclude
"""

RETURN = r"""
roles:
  description: The roles of the hosts of this batch, by name of the host.
  returned: when O(step=prepare)
  type: dict
  sample:
    netq1.example.com:
      - name: netq_cluster
        spec_dirs: []
msg:
  description: Hosts by their states; with O(step=conclude) what failed on the host.
  returned: when O(step=write) or O(step=conclude)
  type: str
  sample: "300 hosts: 298 ok, 2 failed"
summary:
  description: The number of hosts by state, and of listeners by verdict.
  returned: when O(step=write)
  type: dict
  sample: {hosts: 1, ok: 1, failed: 0, unreachable: 0, not_run: 0, no_role: 0, verdicts: {ok: 6, absent: 0}}
lines:
  description: The text that was printed.
  returned: when O(step=write)
  type: list
  elements: str
files:
  description: The absolute paths of the files that were written.
  returned: when O(step=write)
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netports.core.plugins.module_utils._playbook_options import report_arguments


def main() -> None:
    module = AnsibleModule(argument_spec=report_arguments(), supports_check_mode=True)
    module.fail_json(msg="works on the controller; call the module by its name, so that its action plugin runs")


if __name__ == "__main__":
    main()
