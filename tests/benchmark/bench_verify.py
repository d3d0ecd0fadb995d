# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `ansible -m netports.core.port_verify` costs on a busy host, as whole processes, against what else could be run.

    python tests/benchmark/bench_verify.py [--pairs 15] [--small]

Needs root. The peer, community.general.listen_ports_facts, comes with the package `ansible` from PyPI, of which only that
collection is kept, in .venv/peers.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmark import _ansible, _pairs, _scenario


def _verify(host: _scenario.BusyHost, controller: _ansible.Controller) -> _pairs.Command:
    listeners = [
        {"name": name, "protocol": "tcp", "port": port, "family": "any", "process": [name]}
        for name, port in host.services.items()
    ]
    arguments = {"listeners": listeners}
    return controller.module("port_verify", "netports.core.port_verify", arguments, '"ok": %d' % len(listeners))


def measure(size: _scenario.Size, pairs: int, slow_pairs: int) -> list[_pairs.Row]:
    """The rows of the table. The peers take so long that few pairs of them are stable."""
    with tempfile.TemporaryDirectory() as home, _scenario.BusyHost(size) as host:
        controller = _ansible.Controller(home, {"ansible_python_interpreter": sys.executable})
        ours = _verify(host, controller)
        nothing = controller.module("nothing", "nothing", {}, '"changed": false')
        peers = {
            tool: controller.module(tool, "community.general.listen_ports_facts", {"command": tool}, '"port": 5000,')
            for tool in ("ss", "netstat")
        }
        what = "`ansible -m port_verify`"
        return [
            _pairs.Row(what, "a module that does nothing", _pairs.compare(ours, nothing, pairs), 1.08),
            _pairs.Row(what, "`listen_ports_facts` with ss", _pairs.compare(ours, peers["ss"], slow_pairs), 0.13),
            _pairs.Row(what, "`listen_ports_facts` with netstat", _pairs.compare(ours, peers["netstat"], slow_pairs), 0.10),
        ]


def main() -> None:
    options = _pairs.options(__doc__).parse_args()
    _ansible.fetch_peers("community.general")
    _scenario.enter_private_namespace()
    size = _scenario.SMALL if options.small else _scenario.S2
    _pairs.report(measure(size, options.pairs, max(1, options.pairs // 3)), judged=not options.small)


if __name__ == "__main__":
    main()
