# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's fixtures for every integration test: hosts in namespaces that cannot touch the machine."""

from __future__ import annotations

from tests.integration._packet_pair import pair
from tests.lab.fixtures import lab, lab_host_pair, machines

__all__ = ["lab", "lab_host_pair", "machines", "pair"]
