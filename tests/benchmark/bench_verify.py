# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `ansible -m netports.core.port_verify` costs on a busy host, as whole processes, against what else could be run.

    python tests/benchmark/bench_verify.py [--pairs 15] [--small]

Needs root. The peer, community.general.listen_ports_facts, comes with the package `ansible` from PyPI, of which only that
collection is kept, in .venv/peers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmark import _pairs, _scenario

ROOT = Path(__file__).resolve().parents[2]
_PEERS = ROOT / ".venv" / "peers"
_PEER_PACKAGE = "ansible==12.*"
_PEER_COLLECTION = "ansible_collections/community/general/"


def fetch_peers() -> None:
    """community.general under .venv/peers, once."""
    if (_PEERS / _PEER_COLLECTION).is_dir():
        return
    with tempfile.TemporaryDirectory() as directory:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", directory]
        subprocess.run([*pip, _PEER_PACKAGE], check=True)
        (wheel,) = Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.startswith(_PEER_COLLECTION)]
            archive.extractall(_PEERS, members)


def _empty_configuration(home: str) -> str:
    """Instead of the machine's."""
    path = Path(home, "ansible.cfg")
    path.touch()
    return str(path)


def _ansible(title: str, module: str, arguments: dict[str, object], expected: str, home: str) -> _pairs.Command:
    argv = [str(ROOT / ".venv/bin/ansible"), "localhost", "--inventory", "localhost,", "--connection", "local"]
    # The interpreter is given, as finding it would cost both the same and more than what is measured.
    argv += ["--extra-vars", "ansible_python_interpreter=%s" % sys.executable, "--module-name", module]
    if arguments:
        argv += ["--args", json.dumps(arguments)]
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": "%s:%s" % (ROOT / ".venv/collections", _PEERS),
        "ANSIBLE_LIBRARY": str(ROOT / "tests/benchmark/library"),
        "ANSIBLE_HOME": home,
        "ANSIBLE_CONFIG": _empty_configuration(home),
        "ANSIBLE_NOCOLOR": "1",
    }
    return _pairs.Command(title, argv, expected, environment)


def _verify(host: _scenario.BusyHost, home: str) -> _pairs.Command:
    listeners = [
        {"name": name, "protocol": "tcp", "port": port, "family": "any", "process": [name]}
        for name, port in host.services.items()
    ]
    return _ansible("port_verify", "netports.core.port_verify", {"listeners": listeners}, '"ok": %d' % len(listeners), home)


def measure(size: _scenario.Size, pairs: int, slow_pairs: int) -> list[_pairs.Row]:
    """The rows of the table. The peers take so long that few pairs of them are stable."""
    with tempfile.TemporaryDirectory() as home, _scenario.BusyHost(size) as host:
        ours = _verify(host, home)
        nothing = _ansible("nothing", "nothing", {}, '"changed": false', home)
        peers = {
            tool: _ansible(tool, "community.general.listen_ports_facts", {"command": tool}, '"port": 5000,', home)
            for tool in ("ss", "netstat")
        }
        what = "`ansible -m port_verify`"
        return [
            _pairs.Row(what, "a module that does nothing", _pairs.compare(ours, nothing, pairs), 1.08),
            _pairs.Row(what, "`listen_ports_facts` with ss", _pairs.compare(ours, peers["ss"], slow_pairs), 0.13),
            _pairs.Row(what, "`listen_ports_facts` with netstat", _pairs.compare(ours, peers["netstat"], slow_pairs), 0.10),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument(
        "--small", action="store_true", help="without connections and bystanders: to try the script, not to measure"
    )
    options = parser.parse_args()
    fetch_peers()
    _scenario.enter_private_namespace()
    size = _scenario.S0._replace(listeners=40) if options.small else _scenario.S2
    rows = measure(size, options.pairs, max(1, options.pairs // 3))
    print(_pairs.table(rows))
    sys.exit(0 if options.small or all(row.kept for row in rows) else 1)


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("needs root: owners of other users' sockets cannot be seen without it")
    main()
