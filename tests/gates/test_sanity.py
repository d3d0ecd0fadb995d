# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ansible-test sanity` on each ansible-core that is supported, with no ignore entries."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from tests.gates.outer import ROOT, VENV, Run, environment

# ansible-test downloads a script that installs pip into its own venvs; Python's own copy of pip does, and needs no network.
GET_PIP = "import ensurepip\n\nensurepip.bootstrap(upgrade=True)\n"


def own_home(core: str, tools: pathlib.Path) -> pathlib.Path:
    """A home for ansible-test's venvs, kept between runs, with its pip script in place under the name it looks for."""
    home = VENV / "sanity" / core
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (source,) = tools.parent.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py")
    for version in re.findall(r"pip='([\d.]+)'", source.read_text()):
        (cache / ("get_pip_%s.py" % version.replace(".", "_"))).write_text(GET_PIP)
    return home


def test_no_ignore_entries() -> None:
    assert [str(path) for path in (ROOT / "tests" / "sanity").glob("ignore*") if path.read_text().strip()] == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("core", ["2.16", "2.18", "2.19", "2.21"])
def test_sanity(core: str, run: Run, collection_copy: pathlib.Path) -> None:
    tools = pathlib.Path(sys.executable).parent if core == "2.19" else environment("core-" + core)
    version = run([tools / "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).splitlines()[-1]
    env = {
        "HOME": str(own_home(core, tools)),
        # ansible-test looks for python3.X by name.
        "PATH": "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" % tools,
        "LC_ALL": "C.UTF-8",
    }
    command = [tools / "ansible-test", "sanity", "--color", "no", "--requirements", "--python", version]
    run(command, cwd=collection_copy, env=env, show=r"^(ERROR|FATAL)")
