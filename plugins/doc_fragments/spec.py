# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options that say what to expect."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of `plugins/module_utils/_spec_options.py`."""

    DOCUMENTATION = r"""
options:
  role:
    description:
      - Role of the port spec whose listeners are meant, for example V(kuma_zone_cp).
      - Exactly one of O(role) and O(listeners) must be given.
      - The spec is resolved on the controller; the host needs neither the spec nor a YAML parser.
    type: str
  version:
    description:
      - Version of the product, for example V(2.9). Quote it in YAML, which reads C(2.10) as C(2.1).
      - By default the newest version that the spec knows for the role.
      - A version newer than that uses the newest one, with a warning.
    type: str
  conditions:
    description:
      - "Values for the conditions of the product, for example C({environment: kubernetes}) or C({rmp: true})."
      - A condition that is not given has the default that the spec names.
    type: dict
  ports:
    description:
      - Ports that differ from the spec, by name of listener. V(null) drops a listener.
    type: dict
  product_config:
    description:
      - The product's own configuration, from which its ports are taken.
      - C(config) is the text of a YAML configuration file, or the mapping in it; C(config_file) is its path on the host.
      - C(env) is a mapping of environment variables, or their C(KEY=VALUE) lines; C(env_file) is the path on the host of a
        file with such lines, or a list of paths, with C(-) before those that may be missing.
      - C(unit) is a systemd unit on the host, of which C(Environment=) and C(EnvironmentFile=) count.
      - C(dataplane) is a Kuma Dataplane resource, as YAML text (of one or more documents), a mapping or a list;
        C(dataplane_file) is the path on the host of a file with one or more, or a list of paths.
      - The environment wins over the configuration, and what is given over what is read on the host.
      - Files and unit are read with one more remote run, in check mode too; hosts without Python can have them.
      - What is read stays on the controller and is not shown, but for a wrong value of a key that counts.
      - See U(https://github.com/netports/netports.core/blob/main/docs/product-config.md).
    type: dict
  spec_dirs:
    description:
      - Directories on the controller with spec files that add products and override listeners; later ones win.
      - A relative path starts at the directory of the playbook.
    type: list
    elements: path
  listeners:
    description:
      - Listeners to use instead of a role of the spec, each with the keys of a listener in the spec.
      - C(name), C(protocol) and C(port) are required.
    type: list
    elements: dict
"""
