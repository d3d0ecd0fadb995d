# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A package manager for whom everything is installed already."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    arguments = {"name": {"type": "raw"}, "state": {"type": "str"}}
    AnsibleModule(argument_spec=arguments, supports_check_mode=True).exit_json(changed=False)


if __name__ == "__main__":
    main()
