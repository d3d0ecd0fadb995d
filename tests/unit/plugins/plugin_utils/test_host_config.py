# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading on the host: the script through a real sh, with files of its own and a systemctl that answers as told."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils._host_config import Answer, read
from ansible_collections.netports.core.plugins.plugin_utils._product_config import File, OnHost

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(shell: str, script: str, path: Path) -> Answer:
    command = [shell, "sh"] if shell == "busybox" else [shell]
    environment = {"PATH": "%s:%s" % (path, os.environ["PATH"])}
    done = subprocess.run([*command, "-c", script], capture_output=True, text=True, env=environment, check=False, timeout=60)
    return Answer(done.returncode, done.stdout, done.stderr)


def asked(shell: str, tmp_path: Path, **value: Any) -> OnHost:
    return read(value, lambda script: run(shell, script, tmp_path))


def refusal(shell: str, tmp_path: Path, **value: Any) -> str:
    with pytest.raises(Problem) as caught:
        asked(shell, tmp_path, **value)
    return str(caught.value)


def systemctl(directory: Path, says: str, status: int = 0) -> None:
    program = directory / "systemctl"
    program.write_text("#!/bin/sh\ncat <<'END'\n%s\nEND\nexit %d\n" % (says, status))
    program.chmod(0o755)


def test_files_come_as_they_are(shell: str, tmp_path: Path) -> None:
    names = {"config": "a b'c.yml", "one": "one", "two": "*"}
    contents = {"config": "a: 1\n\n\n", "one": "A=$(id) `id` \\n ü\r\n%s", "two": ""}
    paths = {key: tmp_path / name for key, name in names.items()}
    for key, path in paths.items():
        path.write_bytes(contents[key].encode())
    found = asked(
        shell,
        tmp_path,
        config_file=str(paths["config"]),
        env_file=[str(paths["one"]), "-%s" % paths["two"], "-/nowhere/at/all"],
        dataplane_file=str(paths["one"]),
    )
    one = File(str(paths["one"]), contents["one"].replace("\r\n", "\n"))
    assert found.config == File(str(paths["config"]), contents["config"])
    assert found.env == [one, File(str(paths["two"]), "")]
    assert found.dataplane == [one]
    assert found.unit is None


def test_what_cannot_be_read_is_refused_with_its_path(shell: str, tmp_path: Path) -> None:
    fifo, link, large = tmp_path / "fifo", tmp_path / "link", tmp_path / "large"
    os.mkfifo(fifo)
    link.symlink_to("nowhere")
    large.write_bytes(b"#" * (2**20 + 1))
    message = "product_config.%s: %s: cannot be read on the host: %s"
    missing = "No such file or directory"
    assert refusal(shell, tmp_path, config_file="/nowhere") == message % ("config_file", "/nowhere", missing)
    assert refusal(shell, tmp_path, config_file=str(link)) == message % ("config_file", link, missing)
    assert refusal(shell, tmp_path, env_file=[str(fifo)]) == message % ("env_file", fifo, "Not a regular file")
    assert refusal(shell, tmp_path, env_file="-%s" % tmp_path) == message % ("env_file", tmp_path, "Not a regular file")
    found = refusal(shell, tmp_path, dataplane_file=str(large))
    assert found == message % ("dataplane_file", large, "Larger than 1 MiB, which no configuration is")


def test_a_unit_with_its_files(shell: str, tmp_path: Path) -> None:
    directory = tmp_path / "env d"
    directory.mkdir()
    for name in ("1.env", "2.env", "other"):
        (directory / name).write_text("FROM=%s" % name)
    # A process that writes its title, as a test's own may, writes it over its environment.
    with subprocess.Popen(["sleep", "60"], env={**os.environ, "TOY": "1"}) as running:
        says = "Id=toy.service\nLoadState=loaded\nMainPID=%d\nEnvironment=A=1\n" % running.pid
        says += "EnvironmentFiles=%s/*.env (ignore_errors=no)\nEnvironmentFiles=/nowhere (ignore_errors=yes)" % directory
        systemctl(tmp_path, says)
        unit = asked(shell, tmp_path, unit="toy").unit
        running.kill()
    assert unit is not None
    assert (unit.name, [file.text for file in unit.files]) == ("toy.service", ["FROM=1.env", "FROM=2.env"])
    assert "Environment=A=1\n" in unit.shown
    assert unit.running is not None and "TOY=1" in unit.running.split("\n")


@pytest.mark.parametrize(
    ("says", "status", "message"),
    [
        ("LoadState=not-found", 0, "is no unit that systemd on the host has loaded; it says: not-found"),
        ("LoadState=masked\nEnvironment=A=hunter2", 0, "is no unit that systemd on the host has loaded; it says: masked"),
        ("System has not been booted\nwith systemd", 1, "systemctl cannot show it on the host: System has not been booted"),
        (
            "LoadState=loaded\nEnvironmentFiles=/nowhere (ignore_errors=no)\nEnvironment=A=hunter2",
            0,
            "/nowhere: cannot be read on the host: No such file or directory",
        ),
    ],
)
def test_a_unit_that_cannot_be_read(shell: str, tmp_path: Path, says: str, status: int, message: str) -> None:
    systemctl(tmp_path, says, status)
    assert refusal(shell, tmp_path, unit="toy") == "product_config.unit: toy: " + message


def test_a_unit_that_does_not_run(shell: str, tmp_path: Path) -> None:
    systemctl(tmp_path, "LoadState=loaded\nMainPID=0")
    unit = asked(shell, tmp_path, unit="toy@1.service").unit
    assert unit is not None and unit.running is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"config_file": "kuma.yml"}, "product_config.config_file: 'kuma.yml' is not an absolute path on the host"),
        ({"config_file": ["/a"]}, "product_config.config_file: ['/a'] is not a path"),
        ({"config_file": "-/a"}, "product_config.config_file: '-/a' is not an absolute path on the host"),
        ({"env_file": {"a": 1}}, "product_config.env_file: {'a': 1} is not a path or a list of paths"),
        ({"env_file": ["/a", "/b\nid"]}, "product_config.env_file: '/b\\nid' is not an absolute path on the host"),
        ({"unit": "a b"}, "product_config.unit: 'a b' is not the name of a systemd unit"),
        ({"unit": "*"}, "product_config.unit: '*' is not the name of a systemd unit"),
        ({"unit": "toy\n"}, "product_config.unit: 'toy\\n' is not the name of a systemd unit"),
    ],
)
def test_what_is_no_source(value: dict[str, Any], message: str) -> None:
    with pytest.raises(Problem) as caught:
        read(value, pytest.fail)
    assert str(caught.value) == message


def test_resources_that_are_given_leave_the_file_unread(tmp_path: Path) -> None:
    found = asked("sh", tmp_path, dataplane_file="/nowhere", dataplane={"type": "Dataplane"}, env_file="-/nowhere")
    assert found == OnHost(env=[], dataplane=[])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(127, "", "sh: not found\n"), "sh: not found"),
        (Answer(1, "", ""), "exit status 1"),
        (Answer(0, "Welcome!\n", ""), "exit status 0"),
    ],
)
def test_a_host_that_gives_no_answer(answer: Answer, said: str) -> None:
    with pytest.raises(Problem) as caught:
        read({"env_file": "/a"}, lambda _script: answer)
    assert str(caught.value) == "product_config: the host did not answer in full when it was asked for what is on it: " + said


def test_an_answer_that_breaks_off(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("A=hunter2\nB=2\n")

    def broken(script: str) -> Answer:
        answer = run("sh", script, tmp_path)
        return answer._replace(stdout=answer.stdout[: answer.stdout.index("B=2")])

    with pytest.raises(Problem, match="did not answer in full") as caught:
        read({"env_file": str(file)}, broken)
    assert "hunter2" not in str(caught.value)


def test_a_terminal_and_a_greeting_change_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("A=1\nB=2\n")

    def terminal(script: str) -> Answer:
        answer = run("sh", script, tmp_path)
        return answer._replace(stdout="Welcome!\r\n" + answer.stdout.replace("\n", "\r\n"))

    assert read({"env_file": str(file)}, terminal).env == [File(str(file), "A=1\nB=2\n")]
