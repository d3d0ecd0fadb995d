# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ansible-test sanity` on each ansible-core that is supported, with no ignore entries.

On the newest it sees the whole checkout, tests too; on the others what is released, as Automation Hub runs it.
"""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from tests.gates.outer import NEWEST, RELEASES, ROOT, VENV, Run, environment

# ansible-test downloads a script that installs pip into each of its venvs. A copy of the one in the venv of the release needs no
# network, and a tenth of the time.
GET_PIP = """\
import pathlib
import shutil
import sysconfig

for found in pathlib.Path({packages!r}).glob("pip*"):
    shutil.copytree(found, pathlib.Path(sysconfig.get_path("purelib")) / found.name, dirs_exist_ok=True)
"""


def own_home(core: str, tools: pathlib.Path) -> pathlib.Path:
    """A home for ansible-test's venvs, kept between runs, with its pip script in place under the name it looks for."""
    home = VENV / "sanity" / core
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (source,) = tools.parent.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py")
    for version in re.findall(r"pip='([\d.]+)'", source.read_text()):
        script = cache / ("get_pip_%s.py" % version.replace(".", "_"))
        script.write_text(GET_PIP.format(packages=str(source.parents[2])))
    return home


def sanity(core: str, collection: pathlib.Path, run: Run) -> None:
    tools = environment("core-" + core) if core in RELEASES else pathlib.Path(sys.executable).parent
    version = run([tools / "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).splitlines()[-1]
    env = {
        "HOME": str(own_home(core, tools)),
        "PIP_CACHE_DIR": str(VENV / "sanity" / "pip"),
        # ansible-test looks for python3.X by name.
        "PATH": "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" % tools,
        "LC_ALL": "C.UTF-8",
    }
    command = [tools / "ansible-test", "sanity", "--color", "no", "--requirements", "--python", version]
    run(command, cwd=collection, env=env, show=r"^(ERROR|FATAL)")


def test_no_ignore_entries() -> None:
    assert [str(path) for path in (ROOT / "tests" / "sanity").glob("ignore*") if path.read_text().strip()] == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("core", [NEWEST])
def test_sanity_of_the_checkout(core: str, run: Run, collection_copy: pathlib.Path) -> None:
    sanity(core, collection_copy, run)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("core", sorted({"2.19", *RELEASES} - {NEWEST}))
def test_sanity_of_what_is_released(core: str, run: Run, installed: pathlib.Path) -> None:
    sanity(core, installed, run)
