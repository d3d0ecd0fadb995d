# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab as pytest fixtures; tests/integration/conftest.py hands them to every integration test."""

from __future__ import annotations

import pathlib
from typing import Iterator, NamedTuple

import pytest

from tests.lab import firewall
from tests.lab.machine import Machines
from tests.lab.sandbox import Host, Lab


class HostPair(NamedTuple):
    """A host with a default-drop firewall, and a peer that knocks."""

    host: Host
    peer: Host


@pytest.fixture
def lab(tmp_path: pathlib.Path) -> Iterator[Lab]:
    """An empty lab; the test's tmp_path is writable in it."""
    with Lab(writable=[tmp_path]) as made:
        yield made


@pytest.fixture
def lab_host_pair(lab: Lab) -> HostPair:
    """`host` and `peer` joined by IPv4 and IPv6; the host's firewall admits SSH and answers alone."""
    pair = HostPair(lab.host("host"), lab.host("peer"))
    firewall.install(pair.host)
    return pair


@pytest.fixture(scope="session")
def machines() -> Iterator[Machines]:
    """A network for hosts with systemd, shared by all tests: a peer is kept, a host under test is `renewed`."""
    with Machines() as made:
        yield made
