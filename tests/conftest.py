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

import hypothesis
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

# No deadlines: how long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile("full", deadline=None)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=20)
# For tools/mutation.py: a mutant that one run kills is one that every run kills; tests run many times in one process.
hypothesis.settings.register_profile(
    "mutation",
    deadline=None,
    max_examples=20,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("full")


def why_no_root() -> Optional[str]:
    """Why what needs root cannot run here; None where it can."""
    return None if os.geteuid() == 0 else "needs root"


def why_no_machines() -> Optional[str]:
    """Why hosts with systemd cannot run here; None where they can."""
    from tests.lab import machine

    return machine.why_not()


def why_no_namespaces() -> Optional[str]:
    """Why network namespaces with a firewall cannot be made here; None where they can, as root or as anyone."""
    # Ordinary users often have no sbin in PATH.
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    missing = [tool for tool in ("ip", "nft", "unshare") if shutil.which(tool, path=path) is None]
    if missing:
        return "needs %s; tools/setup test says what to install" % " and ".join(missing)
    # A namespace of the child's own: nothing is left behind, nothing on the machine changes.
    command = ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    probe = subprocess.run(
        command + ["nft", "add", "table", "inet", "probe"],
        env=dict(os.environ, PATH=path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if probe.returncode != 0:
        return "needs network namespaces: %s" % probe.stdout.decode(errors="replace").strip()
    return None


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    for item in items:
        if "integration" in item.path.relative_to(ROOT).parts and item.get_closest_marker("anywhere") is None:
            item.add_marker(pytest.mark.namespaces)
    for marker, why_not in (("root", why_no_root), ("namespaces", why_no_namespaces), ("machines", why_no_machines)):
        needing = [item for item in items if item.get_closest_marker(marker) is not None]
        reason = why_not() if needing else None
        if reason is None:
            continue
        if IN_CI:
            raise pytest.UsageError("%d tests cannot run here: %s" % (len(needing), reason))
        for item in needing:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The last thing before pytest's own summary line: figures of gates, and what a green run does not prove, by name."""
    passed = terminalreporter.stats.get("passed", [])
    figures = [text for report in passed for name, text in getattr(report, "user_properties", ()) if name == "figure"]
    if figures:
        terminalreporter.section("Measured:")
        for text in figures:
            terminalreporter.write_line(str(text))
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
