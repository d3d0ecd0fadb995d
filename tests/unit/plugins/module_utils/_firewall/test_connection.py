# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection by which a task came, as sshd describes it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Optional

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import connection
from ansible_collections.netports.core.plugins.module_utils._firewall.model import Connection


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("192.0.2.1 40000 198.51.100.2 22", Connection("192.0.2.1", "198.51.100.2", 22)),
        ("2001:DB8::1 40000 2001:db8:0::2 2222", Connection("2001:db8::1", "2001:db8::2", 2222)),
        # An IPv6 socket that serves IPv4: the packets are IPv4's.
        ("::ffff:192.0.2.1 40000 ::ffff:198.51.100.2 22", Connection("192.0.2.1", "198.51.100.2", 22)),
        ("fe80::1%eth0 40000 fe80::2%eth0 22", Connection("fe80::1", "fe80::2", 22)),
        # What sshd says of a connection that is no TCP.
        ("UNKNOWN 65535 UNKNOWN 65535", None),
        ("192.0.2.1 40000 198.51.100.2", None),
        ("192.0.2.1 40000 198.51.100.2 ssh", None),
        ("", None),
    ],
)
def test_parse(value: str, expected: Optional[Connection]) -> None:
    assert connection.parse(value) == expected


_SESSION = """
import sys
sys.path[:0] = sys.argv[1].split(":")
from ansible_collections.netports.core.plugins.module_utils._firewall import connection
print(connection.session())
"""
_WRAPPED = 'SSH_CONNECTION="%s" sh -c \'env -u SSH_CONNECTION %s "$@"; exit $?\' sh "$@"; exit $?'


def _session(inside: str, extra: str = "") -> str:
    """What a process finds whose grandparent came by the connection `inside`, and who may have a variable of its own."""
    argv = ["sh", "-c", _WRAPPED % (inside, extra), "sh", sys.executable, "-c", _SESSION, ":".join(sys.path)]
    environment = {name: value for name, value in os.environ.items() if name != "SSH_CONNECTION"}
    return subprocess.run(argv, env=environment, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def test_the_session_is_found_behind_a_cleaned_environment() -> None:
    assert _session("192.0.2.1 40000 198.51.100.2 22") == "192.0.2.1 40000 198.51.100.2 22"


def test_what_the_process_has_itself_comes_first() -> None:
    own = "192.0.2.9 40009 198.51.100.2 22"
    assert _session("192.0.2.1 40000 198.51.100.2 22", 'SSH_CONNECTION="%s"' % own) == own
