# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for `cl-acltool` of Cumulus Linux, which cannot be had: made from its documentation, and from nothing else.

    cl_acltool.py (-i | -F all | -L | -h) [-p FILE] [-P DIRECTORY] [-n]

It reads the policy files as the manual describes them, refuses what the manual calls unsupported, and hands the rest to
the kernel with iptables-restore and ip6tables-restore, all tables anew: what is in no file is gone afterwards. There is
no hardware. Targets that only Cumulus' kernel has (POLICE, SETCLASS and their like) are checked and left out. The limits
that it enforces are those documented for Spectrum-2 in atomic mode; a file /run/lab/tcam with two numbers sets others.
Each run that installs something is a line of /run/lab/cl-acltool.log.

Independent of the collection's own code on purpose: it is the judge of it.
"""

from __future__ import annotations

import argparse
import glob
import itertools
import os
import pathlib
import re
import subprocess
import sys
from typing import Dict, Iterator, List, NamedTuple, NoReturn, Tuple

CONFIGURATION = pathlib.Path("/etc/cumulus/acl/policy.conf")
LOG, TCAM = pathlib.Path("/run/lab/cl-acltool.log"), pathlib.Path("/run/lab/tcam")
HOOK = pathlib.Path("/run/lab/before-install")  # run before the kernel is changed, with the process that called as $CALLER
LIMITS = (12500, 6250)
SECTIONS = {"iptables": "iptables-restore", "ip6tables": "ip6tables-restore", "ebtables": ""}
TABLES = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
}
TARGETS = {"ACCEPT", "DROP", "LOG", "ULOG"}
CUMULUS_TARGETS = {"SETCLASS", "SETQOS", "POLICE", "TRICOLORPOLICE", "SPAN", "ERSPAN"}


class Rule(NamedTuple):
    section: str
    table: str
    chain: str
    options: str
    origin: str


class Refused(Exception):
    """What the tool says."""


def fail(text: str) -> NoReturn:
    print("error: %s" % text, file=sys.stderr)
    sys.exit(1)


def policy_files(arguments: argparse.Namespace) -> List[pathlib.Path]:
    if arguments.P:
        directory = pathlib.Path(arguments.P)
        if not directory.is_dir():
            fail("Cannot find policy dir %s" % directory)
        return sorted(path for path in directory.iterdir() if path.is_file())
    conf = pathlib.Path(arguments.p) if arguments.p else CONFIGURATION
    if not conf.is_file():
        fail("Cannot find policy files")
    if arguments.p:
        return [conf]
    patterns = re.findall(r"(?m)^\s*include\s+(\S+)", conf.read_text())
    found = itertools.chain.from_iterable(sorted(glob.glob(pattern)) for pattern in patterns)
    # The master file takes rule files by their suffix alone.
    return [pathlib.Path(path) for path in dict.fromkeys(found) if path.endswith(".rules")]


def rules_of(path: pathlib.Path) -> Iterator[Rule]:
    section = ""
    variables: Dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        origin = "line %d : %%s error processing rule '%s'" % (number, text)
        if not text or text.startswith("#"):
            continue
        header = re.fullmatch(r"\[(\w+)\]", text)
        if header:
            section = header.group(1)
            if section not in SECTIONS:
                raise Refused(origin % "unknown section")
            continue
        assignment = re.fullmatch(r"(\w+)\s*=\s*(.+)", text)
        if assignment:
            variables[assignment.group(1)] = assignment.group(2).strip("\"'")
            continue
        for name in re.findall(r"\$(\w+)", text):
            if name not in variables:
                raise Refused(origin % ("variable %s is not set" % name))
        text = re.sub(r"\$(\w+)", lambda match: variables[match.group(1)], text)
        if not section:
            raise Refused(origin % "rule outside of a section")
        yield from expanded(section, text, origin)


def expanded(section: str, text: str, origin: str) -> Iterator[Rule]:
    """One rule a chain and interface of its lists."""
    match = re.fullmatch(r"(?:-t\s+(\w+)\s+)?-A\s+(\w+(?:\s*,\s*\w+)*)\s+(.+)", text)
    if not match:
        raise Refused(origin % "not a rule")
    table, chains, options = match.group(1) or "filter", re.split(r"\s*,\s*", match.group(2)), match.group(3)
    if section == "ebtables":
        return
    check(table, chains, options, origin)
    interface = re.search(r"(?<!\S)(?:-i|--in-interface)\s+(\S+(?:\s*,\s*\S+)*)", options)
    names = re.split(r"\s*,\s*", interface.group(1)) if interface else [""]
    for chain, name in itertools.product(chains, names):
        here = options if interface is None else options.replace(interface.group(0), "-i %s" % name)
        yield Rule(section, table, chain, here, origin)


def check(table: str, chains: List[str], options: str, origin: str) -> None:
    words = options.split()
    if table not in TABLES or not set(chains) <= set(TABLES[table]):
        raise Refused(origin % "chains of one's own are not supported;")
    if "INPUT" in chains and {"-o", "--out-interface"} & set(words):
        raise Refused(origin % "output interface specified with INPUT chain")
    for name in re.findall(r"(?<!\S)(?:-i|--in-interface|-o|--out-interface)\s+(\S+)", options):
        if any(one.endswith("+") and one not in ("swp+", "bond+") for one in name.split(",")):
            raise Refused(origin % "only swp+ and bond+ are wildcards;")
    # Cumulus' own protection of the control plane asks for an inverted segment size, which acts in the kernel alone.
    if "!" in words and "tcpmss" not in words:
        raise Refused(origin % "inverse match is not supported;")
    target = re.search(r"(?<!\S)(?:-j|--jump)\s+(\S+)", options)
    if target and target.group(1) not in TARGETS | CUMULUS_TARGETS:
        raise Refused(origin % ("target %s is not supported;" % target.group(1)))
    ports = re.search(r"--dports\s+(\S+)", options)
    if ports and sum(2 if ":" in port else 1 for port in ports.group(1).split(",")) > 15:
        raise Refused(origin % "too many ports specified;")


def entries(rule: Rule) -> int:
    """How many entries of the TCAM the rule takes: rules for Ethernet ports take none."""
    if re.search(r"-i\s+eth", rule.options):
        return 0
    sources = re.search(r"(?<!\S)-s\s+(\S+)", rule.options)
    ports = re.search(r"--dports\s+(\S+)", rule.options)
    ranges = sum(":" in port for port in ports.group(1).split(",")) if ports else 1
    return max(1, ranges) * (len(sources.group(1).split(",")) if sources else 1)


def script(rules: List[Rule]) -> str:
    """All tables, for iptables-restore."""
    text = ""
    for table, chains in TABLES.items():
        text += "*%s\n" % table + "".join(":%s ACCEPT [0:0]\n" % chain for chain in chains)
        for rule in rules:
            target = re.search(r"(?<!\S)(?:-j|--jump)\s+(\S+)", rule.options)
            if rule.table == table and not (target and target.group(1) in CUMULUS_TARGETS):
                text += "-A %s %s\n" % (rule.chain, rule.options)
        text += "COMMIT\n"
    return text


def check_space(rules: List[Rule]) -> None:
    limits = tuple(int(word) for word in TCAM.read_text().split()) if TCAM.exists() else LIMITS
    for section, limit in zip(("iptables", "ip6tables"), limits):
        if sum(entries(rule) for rule in rules if rule.section == section) > limit:
            raise Refused("hw sync failed (sync_acl hardware installation failed) Rolling back .. failed.")


def restore(rules: List[Rule], *options: str) -> None:
    for section, program in SECTIONS.items():
        if not program:
            continue
        here = script([rule for rule in rules if rule.section == section])
        done = subprocess.run([program, *options], input=here, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Refused("%s: %s" % (section, (done.stderr.strip().splitlines() or ["failed"])[-1]))


def load(arguments: argparse.Namespace) -> List[Rule]:
    rules: List[Rule] = []
    for path in policy_files(arguments):
        print("Reading rule file %s ..." % path)
        print("Processing rules in file %s ..." % path)
        rules += rules_of(path)
    return rules


def parse_arguments(words: List[str]) -> Tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="cl-acltool")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-i", "--install", action="store_true", help="install acl policies")
    what.add_argument("-F", "--flush", choices=["all", "ip", "ip6", "eb"], help="flush rules")
    what.add_argument("-L", "--list", nargs="?", const="all", help="list rules")
    parser.add_argument("-p", metavar="POLICY_FILE")
    parser.add_argument("-P", metavar="POLICY_DIR")
    # Later releases do not document it: a host says that it has it.
    if pathlib.Path("/run/lab/no-dry-run").exists():
        parser.set_defaults(dry_run=False)
    else:
        parser.add_argument("-n", "--dry-run", action="store_true")
    return parser, parser.parse_args(words)


def main() -> None:
    _parser, arguments = parse_arguments(sys.argv[1:])
    if arguments.list:
        subprocess.run(["iptables-save"], check=True)
        subprocess.run(["ip6tables-save"], check=True)
        return
    try:
        rules = [] if arguments.flush else load(arguments)
        restore(rules, "--test")
        if arguments.dry_run:
            print("Done.")
            return
        if HOOK.exists():
            subprocess.run([str(HOOK)], env={**os.environ, "CALLER": str(os.getppid())}, check=False)
        with LOG.open("a") as log:
            log.write(" ".join(sys.argv[1:]) + "\n")
        print("Installing acl policy ...")
        check_space(rules)
        restore(rules)
        print("Done.")
    except Refused as error:
        fail(str(error))


if __name__ == "__main__":
    main()
