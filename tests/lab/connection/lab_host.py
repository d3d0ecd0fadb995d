# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection `local`, but to another host of the same lab: Ansible on one host runs modules on the others."""

from __future__ import annotations

import shlex
import shutil

from ansible.plugins.connection import local

DOCUMENTATION = """
name: lab_host
short_description: Execute on another host of the lab
description: As ansible.builtin.local, in the namespaces of a process of the lab.
author: netports contributors
options:
  pid:
    description: The process, as it is numbered within the lab.
    type: int
    required: true
    vars:
      - name: ansible_lab_pid
  become_success_timeout:
    description: As for ansible.builtin.local.
    type: int
    default: 10
  become_strip_preamble:
    description: As for ansible.builtin.local.
    type: bool
    default: true
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(local.Connection):
    transport = "lab_host"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        # The environment is the same on all hosts; its paths are of the one that is entered.
        inside = "exec nsenter --target %d --mount --uts --net -- /bin/sh -c %s" % (self.get_option("pid"), shlex.quote(cmd))
        return super().exec_command(inside, in_data, sudoable)

    # Those of `local` follow the link that the root of another process is.
    def put_file(self, in_path: str, out_path: str) -> None:
        shutil.copyfile(in_path, self._seen_from_here(out_path))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        shutil.copyfile(self._seen_from_here(in_path), out_path)

    def _seen_from_here(self, path: str) -> str:
        return "/proc/%d/root%s" % (self.get_option("pid"), path)
