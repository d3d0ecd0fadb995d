# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edges, and reports of who reaches whom, for the tests of the renderers."""

from __future__ import annotations

from typing import Any


def edge(source: str, target: str, **changes: Any) -> Any:
    state = changes.get("state", "open")
    given = {
        "from": source,
        "to": target,
        "role": "kuma_dp",
        "listener": "inbound",
        "protocol": "tcp",
        "port": "15006",
        "family": "any",
        "expect": "open",
        "optional": False,
        "state": state,
        "passed": None if state == "not_run" else state == changes.get("expect", "open"),
        "reason": "it accepts connections",
        "address": "192.0.2.7",
        "seconds": 0.0004,
        "attempts": 1,
        "tls": None,
        "cause": "",
        "remedy": "",
    }
    given.update(changes)
    given.setdefault("failing", given["passed"] is False and not given["optional"])
    return given
