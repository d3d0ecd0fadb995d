# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every test run shares: the import path of the collection, who may run what, and the list of what was not covered.

Runs on Python 3.7 with pytest 7.4 too, for the unit tests of what runs on targets.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from typing import Iterator, List, Optional

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".venv" / "collections"
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

if not (COLLECTIONS / "ansible_collections" / "netports" / "core").exists():
    raise pytest.UsageError("this checkout is not set up; run `make setup` first")
sys.path.insert(0, str(COLLECTIONS))
# Subprocesses of the tests (ansible, ansible-playbook) see the same collection whatever their working directory.
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
# They find the tools of the Python that runs the tests by name, so that each ansible-core of the matrix tests itself.
os.environ["PATH"] = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])


def why_no_namespaces() -> Optional[str]:
    """Why network namespaces cannot be made here; None where they can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [tool for tool in ("ip", "nft") if shutil.which(tool) is None]
    if missing:
        return "needs %s; tools/setup test says what to install" % " and ".join(missing)
    # A namespace of the child's own: nothing is left behind, nothing on the machine changes.
    command = ["unshare", "-n", "nft", "list", "ruleset"]
    probe = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if probe.returncode != 0:
        return "needs network namespaces: %s" % probe.stdout.decode(errors="replace").strip()
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> None:
    needing = []
    for item in items:
        if "integration" in item.path.relative_to(ROOT).parts[:-1] and item.get_closest_marker("rootless") is None:
            item.add_marker(pytest.mark.root)
        if item.get_closest_marker("root") is not None:
            needing.append(item)
    reason = why_no_namespaces() if needing else None
    if reason is None:
        return
    if IN_CI:
        raise pytest.UsageError("%d tests cannot run here: %s" % (len(needing), reason))
    for item in needing:
        item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The last thing before pytest's own summary line: what a green run does not prove, by name."""
    by_reason = {}  # type: Dict[str, List[str]]
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if reason.startswith("Skipped: "):
            reason = reason[len("Skipped: ") :]
        by_reason.setdefault(reason, []).append(report.nodeid)
    if not by_reason:
        return
    terminalreporter.section("Not covered by this run:")
    for reason, tests in sorted(by_reason.items()):
        terminalreporter.write_line("%s (%d)" % (reason, len(tests)))
        for nodeid in tests:
            terminalreporter.write_line("    " + nodeid)


@pytest.fixture(scope="session")
def checkout() -> pathlib.Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def _own_ansible_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ansible's caches and temporary files of a test run go nowhere near the user's."""
    home = tmp_path_factory.mktemp("ansible_home")
    before = os.environ.get("ANSIBLE_HOME")
    os.environ["ANSIBLE_HOME"] = str(home)
    yield
    if before is None:
        del os.environ["ANSIBLE_HOME"]
    else:
        os.environ["ANSIBLE_HOME"] = before
