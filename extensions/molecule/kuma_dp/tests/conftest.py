# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of the scenario, as the tests of all scenarios have them (../../shared/tests/conftest.py)."""

import pathlib
import runpy

_shared = runpy.run_path(str(pathlib.Path(__file__).parents[2] / "shared/tests/conftest.py"))
fleet, pytest_generate_tests = _shared["fleet"], _shared["pytest_generate_tests"]
