# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make demo` as users see it. The demo checks itself; here is what it cannot: that it can fail, and leaves nothing."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
from typing import Any, Dict, List

import pytest

from tests.integration.test_lab import gone, processes_in
from tests.lab import ordinary_user
from tools import picture

DEFAULT_ROLE = "kuma_zone_cp"
ROLES = sorted(path.name for path in (pathlib.Path(__file__).parent.parent.parent / "roles").iterdir() if path.is_dir())


class User:
    """A user with a home and a directory for temporary files of their own, which must be as empty after as before."""

    def __init__(self, directory: pathlib.Path, ordinary: bool) -> None:
        self.directory = directory
        self.ordinary = ordinary
        for path in (directory / "home", directory / "tmp"):
            path.mkdir()
            os.chown(path, *([ordinary_user.UID] * 2 if ordinary else [0, 0]))

    def start(self, checkout: pathlib.Path, *arguments: str) -> subprocess.Popen[str]:
        # sys.prefix's own interpreter, as make calls it; PATH as an ordinary user of Debian has it.
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.directory / "home"), "TMPDIR": str(self.directory / "tmp")}
        options: Dict[str, Any] = {"preexec_fn": ordinary_user.become()} if self.ordinary else {}
        options.update(cwd=checkout, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        options.update(text=True, start_new_session=True)  # a process group of its own, as in a terminal
        return subprocess.Popen([sys.executable, "tools/demo.py", *arguments], **options)

    def left_behind(self) -> List[pathlib.Path]:
        return [path for path in self.directory.rglob("*") if path.parent != self.directory]


@pytest.fixture(params=[pytest.param("root", marks=pytest.mark.slow), "ordinary user"])
def user(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> User:
    # pytest's own directories cannot be entered by others.
    directory = tmp_path_factory.mktemp("user")
    for path in (directory, *directory.parents):
        if path == pathlib.Path("/tmp"):
            break
        path.chmod(path.stat().st_mode | 0o011)
    return User(directory, request.param != "root")


def machine_ruleset() -> str:
    return subprocess.run(["nft", "-s", "list", "ruleset"], check=True, capture_output=True, text=True).stdout


def run_demo(user: User, checkout: pathlib.Path, role: str) -> str:
    before = machine_ruleset()
    with user.start(checkout, role) as process:
        output = process.communicate(timeout=110)[0]
    assert process.returncode == 0, output
    assert machine_ruleset() == before
    assert user.left_behind() == []
    return output


def test_the_demo_shows_the_main_job(user: User, checkout: pathlib.Path) -> None:
    output = run_demo(user, checkout, DEFAULT_ROLE)
    assert re.search(r"dp-server +tcp/5678 +filtered -> open +filtered -> open\n", output)
    assert output.count(" ok ") >= 6 + 9  # a verdict a listener, and every step
    assert re.search(r"absent +[a-z-]+ +tcp/\d+", output)
    assert "\033" not in output  # no colours where no terminal is
    assert picture.drawn(output) == picture.PICTURE.read_text(), "the README shows another run: tools/picture.py"


@pytest.mark.slow
@pytest.mark.parametrize("role", [role for role in ROLES if role != DEFAULT_ROLE])
def test_the_demo_of_every_role(role: str, checkout: pathlib.Path, tmp_path: pathlib.Path) -> None:
    run_demo(User(tmp_path, ordinary=False), checkout, role)


def test_a_role_that_does_not_exist(user: User, checkout: pathlib.Path) -> None:
    with user.start(checkout, "kuma_zonecp") as process:
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "did you mean kuma_zone_cp" in output
    assert "Traceback" not in output


# A port of the role is open before the role was run: the demo must notice that its first claim is wrong.
FAULT = """
import runpy, sys
from tests.lab import firewall
firewall.DEFAULT_DROP = firewall.DEFAULT_DROP.replace("tcp dport 22 accept", "tcp dport { 22, 5678 } accept")
firewall.install.__defaults__ = (firewall.DEFAULT_DROP,)
sys.argv = ["demo"]
runpy.run_path("tools/demo.py", run_name="__main__")
"""


def test_the_demo_fails_when_reality_disagrees(checkout: pathlib.Path) -> None:
    argv = [sys.executable, "-B", "-c", FAULT]
    env = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(argv, cwd=checkout, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "FAILED: the peer finds\ndp-server, tcp/5678 over ipv4: open, not filtered" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_demo_leaves_nothing(user: User, checkout: pathlib.Path, number: signal.Signals) -> None:
    before = machine_ruleset()
    with user.start(checkout) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("[3/"):  # ansible-playbook is about to run
                break
        holder = pathlib.Path("/proc/%d/task/%d/children" % (process.pid, process.pid)).read_text().split()[0]
        namespace = os.readlink("/proc/%s/ns/pid_for_children" % holder)
        assert processes_in(namespace)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does: Ansible and all else of the demo get it too
        else:
            process.send_signal(number)
        output = process.communicate(timeout=20)[0]
    if number == signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert process.returncode == 128 + number
        assert "interrupted; nothing of the demo is left" in output
    assert gone(namespace)
    assert user.left_behind() == []
    assert machine_ruleset() == before
