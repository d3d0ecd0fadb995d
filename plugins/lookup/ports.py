# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: ports
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Listeners that the port spec expects of a role
description:
  - Returns the listeners of one or more roles of the port spec as a flat list of dictionaries,
    for templates, for firewalls that this collection does not manage, and for tables.
  - Everything is read on the controller; no host is contacted.
options:
  _terms:
    description:
      - Names of roles, such as V(kuma_zone_cp). The lists of several roles are joined.
    type: list
    elements: str
    required: true
  version:
    description:
      - Version of the product, such as V(2.10).
      - Always quote it. YAML reads C(2.10) without quotes as C(2.1), so a number is refused.
      - A version newer than the spec knows gives the listeners of the newest known one, with a warning.
      - By default the newest known release that has the role.
    type: raw
  conditions:
    description:
      - What is true of the host, such as C(environment=kubernetes). What is not given has the default of the spec.
      - An unknown condition or value is an error that lists those that exist.
    type: dict
    default: {}
  ports:
    description:
      - Ports that differ from the spec, as a mapping of the listener's name to a number or a range.
      - V(null) leaves the listener out.
    type: dict
    default: {}
  product_config:
    description:
      - The product's own configuration, from which ports, addresses and switched off listeners are taken.
      - C(config) is the product's YAML configuration, as text or as a mapping.
      - C(env) are its environment variables, as a mapping or as lines of C(KEY=VALUE). They win over C(config).
      - C(dataplane) are Kuma's Dataplane, ZoneIngress or ZoneEgress resources of this host, as YAML text, a mapping or a
        list of mappings.
      - What the modules read on the host (C(config_file), C(env_file), C(unit), C(dataplane_file)) is refused here.
    type: dict
    default: {}
  spec_dirs:
    description:
      - Directories with further spec files, which add products and override single listeners. Later ones win.
      - A relative path is relative to the playbook.
    type: list
    elements: str
    default: []
notes:
  - The format of the spec is described in
    U(https://github.com/netports/netports.core/blob/main/docs/spec-format.md).
seealso:
  - plugin: netports.core.by_name
    plugin_type: filter
  - plugin: netports.core.port_specs
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what a Kuma 1.6 zone control plane listens on in Kubernetes
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'kuma_zone_cp', version='1.6', conditions={'environment': 'kubernetes'}) }}"

- name: Print one line for each port that other hosts have to reach
  ansible.builtin.debug:
    msg: "{{ item.port }}/{{ item.protocol }} {{ item.purpose }}"
  loop: "{{ query('netports.core.ports', 'kuma_global_cp', version='2.9') | selectattr('allow') }}"
  loop_control:
    label: "{{ item.name }}"

- name: Take the ports from the configuration that the control plane itself reads
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'kuma_zone_cp', product_config={'config': config}) | map(attribute='port') }}"
  vars:
    config: |
      apiServer:
        http:
          port: 15681

- name: Use one port of a role in a template
  ansible.builtin.debug:
    msg: "http://localhost:{{ (query('netports.core.ports', 'kuma_zone_cp') | netports.core.by_name)['http-api'].port }}"
"""

RETURN = r"""
_raw:
  description:
    - The listeners in the order of the spec. Every dictionary has all of these keys; what does not apply is V(null).
  type: list
  elements: dict
  contains:
    name:
      description: Name of the listener, unique in the role.
      type: str
    protocol:
      description: V(tcp), V(udp), or V(ip) for an IP protocol, which has a RV(_raw[].number) and no port.
      type: str
    port:
      description: The port, a range such as V(30001-65535) out of which one port is used, or V(dynamic).
      type: raw
    number:
      description: Number of the IP protocol.
      type: int
    family:
      description: V(ipv4), V(ipv6), V(both), or V(any) where either one will do.
      type: str
    bind:
      description: V(any) where other hosts must reach it, V(loopback), or an address.
      type: str
    device:
      description: VRF or interface that the socket must be bound to.
      type: str
    process:
      description:
        - Names of processes that may own the socket; V(kernel) for sockets with no process.
        - Empty where the owner is not checked.
      type: list
      elements: str
    seen_as:
      description: V(socket), V(nodeport), V(protocol) or V(redirect).
      type: str
    clients:
      description: Who connects. Roles, or words such as V(operator).
      type: list
      elements: str
    allow:
      description: Must the firewall of the host admit it.
      type: bool
    versions:
      description: Versions of the product that have it.
      type: str
    when:
      description: Conditions under which it is there.
      type: dict
    optional:
      description: Whether its absence is no failure.
      type: bool
    preinstalled:
      description: Whether the system has it before the product is installed.
      type: bool
    setting:
      description: Key of the product's configuration that moves the port.
      type: str
    env:
      description: Environment variable that moves the port.
      type: str
    bind_setting:
      description: Key of the product's configuration that moves the address.
      type: str
    bind_env:
      description: Environment variable that moves the address.
      type: str
    enabled_setting:
      description: Key of the product's configuration that switches it; inverted with a leading V(!).
      type: str
    enabled_env:
      description: Environment variable that switches it; inverted with a leading V(!).
      type: str
    tls:
      description: V(none), V(server) or V(mutual).
      type: str
    purpose:
      description: What it is for.
      type: str
    note:
      description: Where the vendor's documentation is wrong or silent.
      type: str
    verified:
      description: V(false) where no source confirms it.
      type: bool
    expand:
      description: Which ports of a Dataplane resource it stands for.
      type: str
    source:
      description: The sources that the spec cites for it.
      type: list
      elements: str
  sample:
    - name: dp-server
      protocol: tcp
      port: 5678
      family: any
      bind: any
      process: [kuma-cp]
      allow: true
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import SpecError


class LookupModule(LookupBase):
    """Roles to listeners, for templates."""

    def run(self, terms: list[Any], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        base = Path(self.get_basedir(variables or {}))
        spec_dirs = [str(base / Path(directory).expanduser()) for directory in self.get_option("spec_dirs")]
        asked = {name: self.get_option(name) for name in ("version", "conditions", "ports", "product_config")}
        listeners = []
        for role in terms:
            try:
                resolution = _resolve.resolve(_spec_load.load(spec_dirs, role), role, **asked)
            except SpecError as error:
                raise AnsibleLookupError("netports.core.ports: %s" % error) from error
            for warning in resolution.warnings:
                Display().warning("%s: %s" % (role, warning))
            listeners += resolution.listeners
        return listeners
