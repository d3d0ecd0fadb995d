# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real ansible-playbook of this checkout over real ssh to a machine with systemd."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any, Dict, List, Optional

from tests.lab.ansible_runs import COLLECTION, COLLECTIONS, Event, Run
from tests.lab.machine import Machine
from tests.lab.sandbox import HERE

OPERATOR = "somebody"  # an ordinary user who may become root


class Controller:
    """Runs plays on one machine; its files are under `directory`."""

    def __init__(self, machine: Machine, directory: pathlib.Path) -> None:
        self.machine = machine
        self._directory = directory
        # A socket's path is short: what ControlPersist keeps must not lie under a long one.
        self._sockets = pathlib.Path("/tmp") / ("cp-%d-%s" % (os.getpid(), machine.name))
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        (directory / "ansible.cfg").touch()
        self._key = directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key)], check=True)
        self._admit()

    def _admit(self) -> None:
        key = self._key.with_suffix(".pub").read_text()
        self.machine.run(["useradd", "--create-home", "--shell", "/bin/sh", OPERATOR])
        for home in ("/root", "/home/%s" % OPERATOR):
            # authorized_keys of root is not to be written in these machines.
            self.machine.write(home + "/.ssh/authorized_keys2", key)
        self.machine.run(["chown", "-R", OPERATOR, "/home/%s/.ssh" % OPERATOR])
        # No password to type, as with NOPASSWD for sudo.
        self.machine.write(
            "/etc/pam.d/su", "auth sufficient pam_permit.so\naccount required pam_permit.so\nsession required pam_unix.so\n"
        )
        self.machine.run(["systemctl", "start", "ssh"])

    def playbook(self, tasks: List[Dict[str, Any]], *options: str, user: str = "root", pipelining: bool = True) -> Run:
        """Run tasks on the machine as root, without facts."""
        events, play = self._directory / "events", self._directory / "play.yml"
        events.unlink(missing_ok=True)
        # With -l the environment is a clean one, as sudo makes it.
        become = {"become": True, "become_method": "su", "become_flags": "-l"} if user != "root" else {}
        play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks, **become}]))
        argv = [sys.executable, "-m", "ansible", "playbook", "--inventory", "%s," % self.machine.ipv4, "--user", user]
        environment = {**os.environ, **self._environment(), "ANSIBLE_PIPELINING": str(pipelining), "LAB_EVENTS": str(events)}
        done = subprocess.run(
            [*argv, str(play), *options], env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        lines = events.read_text().splitlines() if events.exists() else []
        parsed = [json.loads(line) for line in lines]
        found = [Event(one["outcome"], one["action"].replace(COLLECTION, ""), one["result"]) for one in parsed]
        return Run(done.returncode, done.stdout + done.stderr, found)

    def _environment(self) -> Dict[str, str]:
        ssh = ["-o StrictHostKeyChecking=no", "-o UserKnownHostsFile=/dev/null", "-o LogLevel=ERROR"]
        ssh += ["-o ControlMaster=auto", "-o ControlPersist=60s"]
        # The machines' network is a namespace of its own.
        ssh += ["-o 'ProxyCommand=nsenter --net=%s nc %%h %%p'" % self.machine.network]
        return {
            "ANSIBLE_CONFIG": str(self._directory / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self._directory / "ansible"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "lab_events",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PRIVATE_KEY_FILE": str(self._key),
            "ANSIBLE_PYTHON_INTERPRETER": self.machine.python,
            "ANSIBLE_SSH_ARGS": " ".join(ssh),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._sockets),
            "ANSIBLE_TIMEOUT": "3",
        }

    def connections(self, user: Optional[str] = None) -> int:
        """How many times sshd let somebody in since it was started."""
        shown = self.machine.run(["journalctl", "--unit", "ssh", "--output", "cat"]).stdout
        return shown.count("Accepted publickey for %s" % (user or ""))

    def close(self) -> None:
        for socket in self._sockets.iterdir():
            subprocess.run(["ssh", "-o", "ControlPath=%s" % socket, "-O", "exit", "any"], capture_output=True, check=False)
        shutil.rmtree(self._sockets, ignore_errors=True)
