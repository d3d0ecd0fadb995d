# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for `nv`, the command of NVUE on Cumulus Linux, which cannot be had: made from its documentation alone.

    nv.py set|unset WORDS...
    nv.py config apply -y | config detach | config diff [startup applied] [-o commands] | config save | config show -o commands

It knows access lists for the control plane, whether a configuration saves itself, and host names, and refuses the rest.
`set` and `unset` change a pending revision; `apply` writes 50_nvue.rules and has cl-acltool install it. The release of
/etc/lsb-release decides how a port is spelled and whether what is applied is saved too.

Independent of the collection's own code on purpose: it is the judge of it.
"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
from typing import Dict, List, NoReturn, Optional, Sequence, Tuple

STATE = pathlib.Path("/run/lab/nvue")
APPLIED, PENDING = STATE / "applied", STATE / "pending"
STARTUP = pathlib.Path("/etc/nvue.d/startup.yaml")
REFUSED = pathlib.Path("/run/lab/nv-refuses")  # a pattern
RULES = pathlib.Path("/etc/cumulus/acl/policy.d/50_nvue.rules")
PROTOCOLS = ("tcp", "udp", "ospf", "pim", "icmp", "icmpv6", "igmp", "vrrp")
PORT = r"(?:ANY|ssh|bgp|ldap|https|clag|\d{1,5}(?::\d{1,5})?)"
ADDRESS = r"(?:ANY|[0-9a-f.:]+(?:/\d+)?)"
LEAVES = (r"type \S+", r"action \S+", r"protocol \S+", r"source-ip \S+", r"hostname \S+", r"auto-save \S+ \S+")

Path = Tuple[str, ...]


def fail(text: str) -> NoReturn:
    print("Error: %s" % text, file=sys.stderr)
    sys.exit(1)


def release() -> Tuple[int, ...]:
    found = re.search(r"DISTRIB_RELEASE=(\S+)", pathlib.Path("/etc/lsb-release").read_text())
    return tuple(int(part) for part in found.group(1).split(".")) if found else (5, 0)


def grammar() -> List[str]:
    by_protocol = release() >= (5, 9)
    port = "match ip (?:tcp|udp) dest-port %s" if by_protocol else "match ip dest-port %s"
    rule = [port % PORT, "match ip protocol (?:%s)" % "|".join(PROTOCOLS), "match ip source-ip %s" % ADDRESS]
    rule += ["action (?:permit|deny)", 'remark "?[^"]+"?']
    known = [r"acl [\w.-]+ rule [1-9]\d{0,4} %s" % words for words in rule]
    known += [r"acl [\w.-]+ type (?:ipv4|ipv6|mac)", r"system hostname \S+"]
    known.append("system config auto-save (?:state (?:enabled|disabled)|enable (?:on|off))")
    if release() >= (5, 5):
        known.append(r"system control-plane acl [\w.-]+ (?:inbound|outbound)")
    return known


def load(path: pathlib.Path) -> List[Path]:
    return [tuple(line.split()) for line in path.read_text().splitlines()] if path.exists() else []


def store(path: pathlib.Path, paths: Sequence[Path]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(" ".join(words) + "\n" for words in paths))


def pending() -> List[Path]:
    return load(PENDING) if PENDING.exists() else load(APPLIED)


def set_(words: Path) -> None:
    text = " ".join(words)
    if REFUSED.exists() and re.search(REFUSED.read_text().strip(), text):
        fail("this host was told to refuse: set %s" % text)
    if not any(re.fullmatch(pattern, text) for pattern in grammar()):
        fail("Invalid Command: set %s" % text)
    paths = pending()
    if any(re.search("(?:^| )%s$" % leaf, text) for leaf in LEAVES):
        paths = [path for path in paths if path[:-1] != words[:-1]]
    store(PENDING, paths + ([words] if words not in paths else []))


def unset(words: Path) -> None:
    store(PENDING, [path for path in pending() if path[: len(words)] != words])


def diff(before: List[Path], after: List[Path], as_commands: bool) -> None:
    if as_commands:
        print("".join("nv unset %s\n" % " ".join(path) for path in before if path not in after), end="")
        print("".join("nv set %s\n" % " ".join(path) for path in after if path not in before), end="")
        return
    for title, paths in (("unset", [p for p in before if p not in after]), ("set", [p for p in after if p not in before])):
        if paths:
            print("- %s:" % title)
            print("\n".join("    " + " ".join(path) for path in paths))


def rules(paths: Sequence[Path]) -> str:
    """50_nvue.rules of the access lists that are bound to the control plane."""
    sections: Dict[str, List[str]] = {"ipv4": [], "ipv6": []}
    for name in (path[3] for path in paths if path[:3] == ("system", "control-plane", "acl") and path[4:] == ("inbound",)):
        here = [path[2:] for path in paths if path[:2] == ("acl", name)]
        type_ = next((path[1] for path in here if path[0] == "type"), None)
        if type_ not in sections:
            fail("acl %s has no type" % name)
        for number in sorted({int(path[1]) for path in here if path[0] == "rule"}):
            rule = [path[2:] for path in here if path[:2] == ("rule", str(number))]
            sections[type_].append(line(name, number, rule))
    text = ""
    for section, type_ in (("iptables", "ipv4"), ("ip6tables", "ipv6")):
        text += "[%s]\n%s\n" % (section, "\n".join(sections[type_]))
    return text


def line(name: str, number: int, rule: Sequence[Path]) -> str:
    def value(*words: str) -> Optional[str]:
        return next((path[-1] for path in rule if path[:-1] == words), None)

    action = {"permit": "ACCEPT", "deny": "DROP"}.get(value("action") or "", "")
    if not action:
        fail("acl %s rule %d has no action" % (name, number))
    words = ["-A INPUT -m comment --comment rule_id:%d,acl_name:%s,dir:inbound,interface_id:control-plane" % (number, name)]
    source, protocol = value("match", "ip", "source-ip"), value("match", "ip", "protocol")
    words += ["-s %s" % source] if source not in (None, "ANY") else []
    words += ["-p %s" % protocol] if protocol else []
    ports = [path[-1] for path in rule if "dest-port" in path and path[-1] != "ANY"]
    if ports:
        words.append("--dport %s" % ports[0] if len(ports) == 1 else "-m multiport --dports %s" % ",".join(ports))
    return " ".join([*words, "-j %s" % action])


def saves_itself(paths: Sequence[Path]) -> bool:
    said = [path[-1] for path in paths if path[:3] == ("system", "config", "auto-save")]
    return said[-1] in ("enabled", "on") if said else release() >= (5, 9)


def apply() -> None:
    paths = pending()
    old = RULES.read_text() if RULES.exists() else None
    RULES.write_text(rules(paths))
    done = subprocess.run(["cl-acltool", "-i"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        RULES.unlink() if old is None else RULES.write_text(old)
        fail("apply failed: %s" % done.stderr.strip())
    store(APPLIED, paths)
    PENDING.unlink(missing_ok=True)
    if saves_itself(paths):
        store(STARTUP, paths)
    print("applied")


def main() -> None:
    words = tuple(sys.argv[1:])
    if words[:1] == ("set",):
        set_(words[1:])
    elif words[:1] == ("unset",):
        unset(words[1:])
    elif words in (("config", "apply", "-y"), ("config", "apply", "--assume-yes")):
        apply()
    elif words == ("config", "detach"):
        PENDING.unlink(missing_ok=True)
    elif words[:2] == ("config", "diff") and words[2:] in ((), ("-o", "commands")):
        diff(load(APPLIED), pending(), bool(words[2:]))
    elif words == ("config", "diff", "startup", "applied", "-o", "commands"):
        diff(load(STARTUP), load(APPLIED), True)
    elif words == ("config", "save"):
        store(STARTUP, load(APPLIED))
    elif words == ("config", "show", "-o", "commands"):
        print("".join("nv set %s\n" % " ".join(path) for path in sorted(load(APPLIED))), end="")
    else:
        fail("Invalid Command: %s" % " ".join(words))


if __name__ == "__main__":
    main()
