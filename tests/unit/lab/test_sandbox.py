# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
from typing import Dict

import pytest

from tests.lab import sandbox


@pytest.mark.parametrize(
    ("settings", "number", "says"),
    [
        (
            {"kernel.apparmor_restrict_unprivileged_userns": "1"},
            errno.EACCES,
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ({"kernel.unprivileged_userns_clone": "0"}, errno.EPERM, "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        ({"user.max_user_namespaces": "0"}, errno.ENOSPC, "sudo sysctl -w user.max_user_namespaces=10000"),
        ({}, errno.ENOSYS, "Linux 5.12"),
        ({}, errno.EPERM, "--privileged"),
    ],
)
def test_a_refusal_names_its_cure(monkeypatch: pytest.MonkeyPatch, settings: Dict[str, str], number: int, says: str) -> None:
    # Stands in for machines that this one is not; what this one does is tested in tests/integration/test_lab.py.
    monkeypatch.setattr(sandbox, "_sysctl", settings.get)
    assert says in sandbox._cure(number)


def test_missing_tools_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SEARCH_PATH", "/nonexistent")
    with pytest.raises(sandbox.LabError, match="apt-get install iproute2 nftables util-linux"), sandbox.Lab():
        pass
