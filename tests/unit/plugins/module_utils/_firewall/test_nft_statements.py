# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a statement may do to the mark of a packet, and what is a verdict."""

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import nft_statements
from ansible_collections.netports.core.plugins.module_utils._firewall.nft_statements import ALL_BITS

MARK = {"meta": {"key": "mark"}}


@pytest.mark.parametrize(
    ("kind", "value", "bits"),
    [
        ("mangle", {"key": MARK, "value": 8}, 8),
        ("mangle", {"key": MARK, "value": MARK}, 0),
        ("mangle", {"key": MARK, "value": "?"}, ALL_BITS),
        ("mangle", {"key": MARK, "value": {"|": [MARK, 8], "no such": 1}}, ALL_BITS),
        ("mangle", {"key": {"meta": {"key": "priority"}}, "value": 8}, 0),
        ("mangle", None, 0),
        # A mark that is looked up is not written.
        ("map", {"key": MARK, "data": "@marks"}, 0),
        ("xt", {"type": "target", "name": "MARK"}, ALL_BITS),
        ("xt", {"type": "target", "name": "CONNMARK"}, ALL_BITS),
        ("xt", {"type": "target", "name": "LOG"}, 0),
        ("xt", {"type": "match", "name": "MARK"}, 0),
        # As old versions print any extension.
        ("xt", None, ALL_BITS),
    ],
)
def test_bits_of_the_mark_that_a_statement_may_set(kind, value, bits):
    assert nft_statements.bits_set_by(kind, value) == bits


def test_a_verdict_of_another_kind_is_unknown():
    assert nft_statements.verdict_of({"no such verdict": {"x": 1}}) == ("unknown", {"x": 1})
