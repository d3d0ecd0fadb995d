# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import List, Set

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._sockets import processes


def searched(items: List[str], wanted: Set[str]) -> List[str]:
    spread, order = processes.Spread(items), []
    for item in spread:
        order.append(item)
        if item in wanted:
            spread.found()
    return order


@given(st.integers(0, 200), st.sets(st.integers(0, 200)))
def test_a_spread_search_meets_every_item_once(number: int, wanted: Set[int]) -> None:
    items = [str(item) for item in range(number)]
    assert sorted(searched(items, {str(item) for item in wanted}), key=int) == items


def test_what_stands_together_is_found_together() -> None:
    items = [str(item) for item in range(2000)]
    together = {str(item) for item in range(1000, 1040)}
    order = searched(items, together)
    assert max(order.index(item) for item in together) < 200


def test_the_neighbours_of_the_last_find_are_still_looked_at() -> None:
    spread = processes.Spread(["parent", "child"])
    search = iter(spread)
    assert next(search) == "parent" and not spread.nearby
    spread.found()
    assert spread.nearby and next(search) == "child"
