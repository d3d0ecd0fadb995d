# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: to_ufw_profile
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn listeners into an application profile of ufw
description:
  - Turns listeners into the text of a file such as C(/etc/ufw/applications.d/kuma).
  - What a firewall need not admit, such as listeners on loopback, is left out.
  - A listener that has to be admitted and whose port is V(dynamic) is refused.
  - Listeners of an IP protocol are refused, since a profile has ports alone.
  - What serves one family is admitted in both, since a profile has no families.
  - Clients are for the rule that names the profile.
extends_documentation_fragment:
  - netports.core.listeners
positional: _input
options:
  name:
    description:
      - Name of the profile, as rules will say it.
    type: str
    required: true
  title:
    description:
      - Title, for people. By default the name.
    type: str
  description:
    description:
      - What it is for. By default the title.
    type: str
"""

EXAMPLES = r"""
- name: Show a profile of ufw for a Kuma zone control plane
  ansible.builtin.debug:
    msg: "{{ query('netports.core.ports', 'kuma_zone_cp') | netports.core.to_ufw_profile('kuma-zone') }}"
"""

RETURN = r"""
_value:
  description:
    - The text of the profile.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export_ufw, _filter


def to_ufw_profile(listeners: Any, name: str, title: str | None = None, description: str | None = None) -> str:
    """The text of an application profile."""
    with _filter.problems_of("to_ufw_profile"):
        return _export_ufw.render(listeners, name, title or name, description or title or name)


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_ufw_profile": to_ufw_profile}
