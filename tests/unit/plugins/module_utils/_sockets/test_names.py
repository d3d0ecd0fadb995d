# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._sockets import names


@pytest.mark.parametrize(
    "title, name",
    [
        ("/usr/sbin/ntpd", "ntpd"),
        ("nginx: master process /usr/sbin/nginx -g daemon on;", "nginx"),
        ("nginx: master p", "nginx"),
        ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", "sshd"),
        ("sshd -D [list", "sshd"),
        ("/opt/zookeeper/bin/java -Dx", "java"),
        ("postgres: 14/main: logger ", "postgres"),
        ("my program wi", "my program wi"),
        ("kuma-cp", "kuma-cp"),
    ],
)
def test_the_name_in_a_title(title: str, name: str) -> None:
    assert name in names.of_title(title)


def test_what_is_known_already_is_left_out() -> None:
    assert names.unique(("a", " a", "", "b", "c", "b"), ("c",)) == ("a", "b")


@given(st.text())
def test_any_title(title: str) -> None:
    found: Tuple[str, ...] = names.of_title(title)
    assert all(name.strip() == name and name for name in found)
