# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection without a host: every command has the same output at once, so that what is left is the controller's time."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleError
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: instant
short_description: Every command has the same output
description: Runs nothing, and returns the content of a file.
author: netports contributors
options:
  answer:
    description: The file with the output.
    type: path
    required: true
    vars:
      - name: ansible_instant_answer
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(ConnectionBase):
    transport = "instant"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data, sudoable)
        return 0, Path(self.get_option("answer")).read_bytes(), b""

    def put_file(self, in_path: str, out_path: str) -> None:
        raise AnsibleError("needs ansible_pipelining")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        raise AnsibleError("needs ansible_pipelining")

    def close(self) -> None:
        self._connected = False
