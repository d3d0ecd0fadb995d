# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job before your eyes, in a sandbox: a firewalled host, the real role, real packets of a peer.

    tools/demo.py [ROLE]        make demo ROLE=netq_cluster; the default is kuma_zone_cp

What is real: the kernel's firewall (nftables), sockets and packets; ansible-playbook; the collection of this checkout.
What is a stand-in: the product's processes, which hold their ports under their names and do nothing else. Every step is
checked by what the peer finds; the demo ends with exit code 1 and says what differs as soon as something does.
Works as root and as an ordinary user; changes nothing on the machine. --verbose shows all that Ansible prints.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from typing import Any, Dict, List, Optional, Set, Tuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".venv" / "collections"
if not COLLECTIONS.is_dir():
    sys.exit("demo: run `make demo`, which sets up .venv/ first")
sys.dont_write_bytecode = True  # nothing outside of .venv/ is written
sys.path[:0] = [str(ROOT), str(COLLECTIONS)]

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _spec_model  # noqa: E402
from tests.lab import ansible_runs as ansible  # noqa: E402
from tests.lab import firewall, role_host  # noqa: E402
from tests.lab.sandbox import SEARCH_PATH, Lab, LabError, Target  # noqa: E402
from tests.lab.standins import listener as standin  # noqa: E402

DEFAULT_ROLE = "kuma_zone_cp"
SSH = role_host.admit("tcp", 22)
# Where the ports of a role come from a resource of the user's, the demo brings one.
DATAPLANE = """
type: Dataplane
mesh: default
name: web-1
networking:
  address: %s
  inbound:
    - port: 10080
      servicePort: 8080
      tags: {kuma.io/service: web}
  outbound:
    - port: 10081
      tags: {kuma.io/service: backend}
"""
Found = Dict[role_host.Knock, str]


class Disagreement(Exception):
    """Reality is not as the demo says it must be."""


class Screen:
    """Progress for people: one line as each step begins, its time as it ends."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.number = 0
        self.colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.start = self.begun = time.monotonic()

    def paint(self, text: str, colour: int) -> str:
        return "\033[%dm%s\033[0m" % (colour, text) if self.colours else text

    def step(self, title: str) -> None:
        self.number += 1
        self.begun = time.monotonic()
        print(self.paint("\n[%d/%d] %s" % (self.number, self.steps, title), 1), flush=True)

    def say(self, text: str) -> None:
        for line in text.splitlines():
            print("      " + line, flush=True)

    def proven(self, text: str) -> None:
        self.say("%s %s (%.1f s)" % (self.paint("ok", 32), text, time.monotonic() - self.begun))

    def seconds(self) -> float:
        return time.monotonic() - self.start


class Machine:
    """What the demo must leave as it is: the machine's own ruleset, and the files that it would be restored from."""

    FILES = ("/etc/nftables.conf", "/etc/nftables.d", "/etc/netports.nft", "/etc/passwd", "/etc/hosts")

    def __init__(self) -> None:
        self.ruleset = self._ruleset()
        self.files = {path: self._digest(pathlib.Path(path)) for path in self.FILES}

    @staticmethod
    def _ruleset() -> Optional[str]:
        """None where this user may not read it, and so may not change it either."""
        nft = shutil.which("nft", path=SEARCH_PATH)
        listed = subprocess.run([nft or "nft", "-s", "list", "ruleset"], capture_output=True, text=True, check=False)
        return None if listed.returncode else listed.stdout

    @staticmethod
    def _digest(path: pathlib.Path) -> str:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        digest = hashlib.sha256()
        for file in files:
            if file.is_file() and os.access(file, os.R_OK):
                digest.update(str(file).encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()

    def check_same(self) -> str:
        now = Machine()
        if now.ruleset != self.ruleset:
            raise Disagreement("the ruleset of this machine changed while the demo ran: compare `nft list ruleset`")
        changed = [path for path in self.FILES if now.files[path] != self.files[path]]
        if changed:
            raise Disagreement("changed on this machine while the demo ran: %s" % ", ".join(changed))
        if self.ruleset is None:
            return "this machine's own firewall cannot even be read by this user; its files are as before"
        size = "%d lines" % len(self.ruleset.splitlines()) if self.ruleset else "empty"
        return "this machine's own ruleset (%s) and files are as before" % size


def table(rows: List[Tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def port_text(target: Target) -> str:
    return "%s/%d" % (target.protocol, target.port)


class Demo:
    """The steps, in their order."""

    STEPS = 9

    def __init__(self, role: str, verbose: bool) -> None:
        self.role = role
        self.verbose = verbose
        self.screen = Screen(self.STEPS)
        self.variables: Dict[str, Any] = {}

    def run(self, lab: Lab) -> None:
        machine = Machine()
        self.make_hosts(lab)
        before = self.shut()
        self.run_role()
        self.open(before)
        self.verdicts()
        self.again()
        self.reboot()
        self.missing()
        self.screen.step("This machine")
        self.screen.proven(machine.check_same())

    def make_hosts(self, lab: Lab) -> None:
        self.screen.step("A host with a firewall, and a peer, in a private sandbox")
        self.host, self.peer = lab.host("demo-host"), lab.host("peer")
        firewall.install(self.host)
        self.resolve()
        self.served = role_host.RoleHost(self.host, self.listeners)
        self.served.start()
        self.screen.say("host %s and %s; nftables drops all but SSH and answers" % (self.host.ipv4, self.host.ipv6))
        self.screen.say(self.what_is_real())
        self.screen.proven("%d sockets listen" % len(self.served.bound))

    def resolve(self) -> None:
        """The listeners that the port spec expects, which are also what the stand-ins open."""
        if self.role == "kuma_dp":
            self.variables["product_config"] = {"dataplane": DATAPLANE % self.host.ipv4}
        spec = _spec_load.load(role=self.role)
        resolution = _resolve.resolve(spec, self.role, product_config=self.variables.get("product_config"))
        self.listeners = resolution.listeners
        self.admitted = role_host.to_admit(self.listeners) | SSH
        self.screen.say("%s, release %s, %d listeners" % (self.role, resolution.version, len(self.listeners)))

    def what_is_real(self) -> str:
        owners: Dict[str, List[str]] = {}
        nothing = []
        for item in self.served.listeners:
            if role_host.is_kernel(item) or standin.wants_socket(item):
                owners.setdefault(standin.owner(item), []).append(item["name"])
            else:
                nothing.append(item["name"])
        kinds = {standin.KERNEL: "real socket of the kernel", standin.UNNAMED: "stand-in for a process of any name"}
        lines = ["%s: %s" % (kinds.get(name, "stand-in for " + name), ", ".join(names)) for name, names in owners.items()]
        lines += ["served by packet filter rules on a real host, by nothing here: %s" % ", ".join(nothing)] * bool(nothing)
        return "\n".join(textwrap.fill(line, 110, subsequent_indent="  ", break_on_hyphens=False) for line in lines)

    def knock(self, admitted: Set[role_host.Admission]) -> Found:
        """What the peer finds, checked against what it must find."""
        found, wrong = self.served.disagreements(self.peer, admitted)
        if wrong:
            raise Disagreement("the peer finds\n" + "\n".join(wrong))
        return found

    def shut(self) -> Found:
        self.screen.step("The peer knocks before the role was run")
        found = self.knock(SSH)
        self.screen.proven("%d of %d knocks are dropped" % (list(found.values()).count(role_host.FILTERED), len(found)))
        return found

    def ansible_role(self) -> ansible.Run:
        run = ansible.role(self.host, self.role, self.variables, "--diff")
        if self.verbose or run.code:
            self.screen.say(run.output.strip())
        if run.code:
            raise Disagreement("ansible-playbook ended with exit code %d" % run.code)
        return run

    def run_role(self) -> None:
        self.screen.step("ansible-playbook with the role netports.core.%s" % self.role)
        run = self.ansible_role()
        allowed, self.verified = run.result("port_allow"), run.result("port_verify")
        if not (allowed["changed"] and allowed["enforcing"]):
            raise Disagreement("port_allow says changed: %s, enforcing: %s" % (allowed["changed"], allowed["enforcing"]))
        self.ruleset = firewall.ruleset(self.host)
        self.screen.say("\n".join("+ " + line for line in allowed["diff"]["after"].splitlines()))
        self.screen.proven("port_allow changed the %s firewall, port_verify found no failure" % allowed["backend"])

    def open(self, before: Found) -> None:
        self.screen.step("The peer knocks again")
        found = self.knock(self.admitted)
        doors: Dict[str, Dict[str, str]] = {}
        names: Dict[str, List[str]] = {}
        for knock, seen in found.items():
            port = port_text(knock.target)
            doors.setdefault(port, {})[knock.family] = "%s -> %s" % (before[knock], seen)
            if knock.listener not in names.setdefault(port, []):
                names[port].append(knock.listener)
        rows: List[Tuple[str, ...]] = [("LISTENER", "PORT", "IPV4", "IPV6")]
        rows += [(" and ".join(names[port]), port, door["ipv4"], door["ipv6"]) for port, door in doors.items()]
        self.screen.say(table(rows))
        self.screen.proven("what the role admits is open (refused: nothing here behind an open firewall); the rest is shut")

    def verdicts(self) -> None:
        self.screen.step("The verdicts of port_verify")
        self.screen.say("\n".join(self.verified["report"]))
        bound = {bound.listener for bound in self.served.bound}
        wrong = []
        for item in self.verified["listeners"]:
            expected = "ok" if item["name"] in bound and item["protocol"] != "ip" else "unverifiable"
            if item["verdict"] != expected:
                wrong.append("%s is %s (%s), not %s" % (item["name"], item["verdict"], item["reason"], expected))
        if len(self.verified["listeners"]) != len(self.listeners):
            wrong.append("%d verdicts for %d listeners" % (len(self.verified["listeners"]), len(self.listeners)))
        if wrong:
            raise Disagreement("port_verify says\n" + "\n".join(wrong))
        self.screen.proven("every listener that is there is found, by %s" % self.verified["gathered_by"])

    def again(self) -> None:
        self.screen.step("The role once more")
        changed = [event.action for event in self.ansible_role().events if event.result.get("changed")]
        if changed or firewall.ruleset(self.host) != self.ruleset:
            raise Disagreement("the second run changed something: %s" % (", ".join(changed) or "the ruleset"))
        self.screen.proven("nothing to change")

    def reboot(self) -> None:
        self.screen.step("The firewall of the host, loaded from its files as at boot")
        firewall.load(self.host)
        self.knock(self.admitted)
        self.screen.proven("the peer finds the same")

    def missing(self) -> None:
        item = self.one_to_stop()
        self.screen.step("The listener %s is stopped" % item["name"])
        self.served.stop(item["name"])
        arguments = {"role": self.role, "timeout": 0, **self.variables}
        run = ansible.module(self.host, "port_verify", arguments)
        result = run.result("port_verify")
        verdicts = {one["name"]: one["verdict"] for one in result["listeners"]}
        failing = sorted(name for name, verdict in verdicts.items() if verdict not in ("ok", "unverifiable"))
        self.screen.say("\n".join(line for line in result["report"] if item["name"] in line.split()))
        if verdicts[item["name"]] != "absent" or failing != [item["name"]]:
            raise Disagreement("port_verify says %s" % ", ".join("%s: %s" % pair for pair in verdicts.items()))
        if run.code == 0:
            raise Disagreement("port_verify did not fail although %s is absent" % item["name"])
        self.screen.proven("found absent, it alone, and the command failed")

    def one_to_stop(self) -> Dict[str, Any]:
        """A required listener with a socket of its own; best one that peers can reach, and not the way to the host."""
        numbers = [(item["protocol"], role_host.number(item)) for item in self.served.listeners]
        candidates = [
            item
            for item, place in zip(self.served.listeners, numbers, strict=True)
            if standin.wants_socket(item) and place[1] and numbers.count(place) == 1 and not item["optional"]
        ]
        if not candidates:
            raise Disagreement("%s has no required listener with a port of its own" % self.role)
        return max(candidates, key=lambda item: (bool(item["allow"]), item["name"] != "ssh"))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Show a role on a host with a firewall, in a private sandbox.")
    parser.add_argument("role", nargs="?", default=DEFAULT_ROLE, help="a role of the port spec (default: %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="show all that Ansible prints")
    return parser.parse_args()


def interrupted(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(number)


def main() -> int:
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    demo = Demo(options.role, options.verbose)
    try:
        with Lab() as lab:
            demo.run(lab)
    except (Disagreement, LabError, _spec_model.SpecError) as error:
        print(demo.screen.paint("\nFAILED: %s" % error, 31), flush=True)
        return 1
    except KeyboardInterrupt as error:
        print("\ninterrupted; nothing of the demo is left", flush=True)
        return 128 + int(error.args[0])
    print(demo.screen.paint("\nAll as it should be, in %.0f seconds." % demo.screen.seconds(), 32), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
