# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netports.core.plugins.filter.by_name import FilterModule

by_name = FilterModule().filters()["by_name"]


def test_listeners_by_their_names() -> None:
    api, admin = {"name": "api", "port": 1}, {"name": "admin", "port": 2}
    assert by_name([api, admin]) == {"api": api, "admin": admin}
    assert by_name([]) == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("api", "netports.core.by_name: wants a list of listeners, not str"),
        ([{"name": "api"}, {"port": 5}], "netports.core.by_name: [1]: {'port': 5} has no name"),
        (["api"], "netports.core.by_name: [0]: 'api' has no name"),
        ([{"name": "api"}, {"name": "api"}], "netports.core.by_name: [1]: api is there twice"),
    ],
)
def test_what_would_lose_a_listener_is_refused(value: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        by_name(value)
    assert message in str(caught.value)
