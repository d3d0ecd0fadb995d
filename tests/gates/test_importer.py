# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The artefact as Galaxy takes it in: galaxy-importer has nothing to say about it.

ansible-test, which it runs in a container, is test_sanity.py's. Its flake8 is off as on galaxy.ansible.com: it selects both of
two rules that exclude each other, W503 and W504.
"""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from tests.gates.outer import ROOT, Run, environment


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_galaxy_imports_it_without_errors_or_warnings(artefact: pathlib.Path, tmp_path: pathlib.Path, run: Run) -> None:
    tools = environment("importer")
    env = {"HOME": str(tmp_path), "PATH": "%s:/usr/local/bin:/usr/bin:/bin" % tools, "GALAXY_IMPORTER_CONFIG": ""}
    output = run([tools / "python", "-m", "galaxy_importer.main", artefact], cwd=tmp_path, env=env)
    assert re.findall(r"^(?:WARNING|ERROR|CRITICAL).*", output, re.MULTILINE) == []
    assert "Importer processing completed successfully" in output
    assert "ansible-lint run complete" in output
    contents = json.loads((tmp_path / "importer_result.json").read_text())["contents"]
    found = {(item["content_type"], item["name"]) for item in contents}
    assert {("role", path.name) for path in (ROOT / "roles").iterdir()} <= found
    assert {("module", path.stem) for path in (ROOT / "plugins" / "modules").glob("port_*.py")} <= found
