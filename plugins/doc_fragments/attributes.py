# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of what the modules can do in Ansible's own terms."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes that every module of the collection states."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  platform:
    description: Target systems that it works on.
  action:
    description: Has an action plugin of the same name, so that some of its work is done on the controller.
  async:
    description: Supports being used with the C(async) keyword.
"""
