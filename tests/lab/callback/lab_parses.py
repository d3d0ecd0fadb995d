# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which process of a run parses which spec file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

from ansible_collections.netports.core.plugins.plugin_utils import _spec_model

DOCUMENTATION = """
name: lab_parses
type: aggregate
short_description: Spec files as they are parsed
description: Adds a line to the file that the environment variable E(LAB_PARSES) names for each spec file that is parsed.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "lab_parses"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        parse = _spec_model.parse_file

        def told(data: Any, file: str) -> _spec_model.SpecFile:
            with Path(os.environ["LAB_PARSES"]).open("a", encoding="utf-8") as log:
                log.write("%s %d\n" % (file, os.getpid()))
            return parse(data, file)

        _spec_model.parse_file = told
