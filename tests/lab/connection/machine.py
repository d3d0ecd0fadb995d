# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection `local`, but in the namespaces of a process: the cheapest way to a machine, or to another host of a lab."""

from __future__ import annotations

import shlex
import shutil

from ansible.plugins.connection import local

DOCUMENTATION = """
name: machine
short_description: Execute in the namespaces of a process
description: As ansible.builtin.local, in all namespaces of a process of this machine.
author: netports contributors
options:
  pid:
    description: The process.
    type: int
    required: true
    vars:
      - name: ansible_machine_pid
  exported:
    description: The environment of commands, with nothing of the controller's in it. By default that of the machine's own shell.
    type: dict
    default:
      HOME: /root
      USER: root
      LANG: C.UTF-8
      PATH: /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    vars:
      - name: ansible_machine_environment
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
    transport = "machine"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        clean = " ".join("%s=%s" % (name, shlex.quote(value)) for name, value in self.get_option("exported").items())
        inside = "exec nsenter --target %d --all -- env -i %s /bin/sh -c %s" % (self.get_option("pid"), clean, shlex.quote(cmd))
        return super().exec_command(inside, in_data, sudoable)

    # Those of `local` follow the link that the root of another process is.
    def put_file(self, in_path: str, out_path: str) -> None:
        shutil.copyfile(in_path, self._seen_from_here(out_path))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        shutil.copyfile(self._seen_from_here(in_path), out_path)

    def _seen_from_here(self, path: str) -> str:
        return "/proc/%d/root%s" % (self.get_option("pid"), path)
