# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `netports.core.site` costs the controller, for inventories of several sizes: whole processes of ansible-playbook.

    python tests/benchmark/bench_site.py [--pairs 2] [--small]

No host takes part: a connection that answers at once stands in for all, so that what is measured is what Ansible and the
collection do on the controller. Held against a play of the role alone, and against a play with two modules that do nothing,
over the same connection. The last rows hold the time of a host in an inventory against that of a host in a smaller one: above
1 it is no straight line.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".venv" / "collections"))

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load
from tests.benchmark import _ansible, _pairs

ROLE = "netq_cluster"
SIZES = (10, 100, 300)
SMALL = (2, 4)


def _answer() -> dict[str, Any]:
    """What port_allow and port_verify say of a host on which all is well, in one: the connection does not know who asks."""
    resolution = _resolve.resolve(_spec_load.load(role=ROLE), ROLE)
    listeners = [{**one, "verdict": "ok", "reason": "", "observed": []} for one in resolution.listeners]
    return {
        "changed": False,
        "backend": "nftables",
        "enforcing": True,
        "rules": [],
        "notes": [],
        "diff": {"before": "", "after": ""},
        "role": ROLE,
        "version": resolution.version,
        "listeners": listeners,
        "unexpected": [],
        "summary": {"ok": len(listeners)},
    }


def _commands(directory: Path, size: int) -> tuple[_pairs.Command, ...]:
    """The playbook, and what it is held against, over as many hosts."""
    home = directory / str(size)
    home.mkdir()
    (home / "answer").write_text(json.dumps(_answer()))
    (home / "nothing").write_text(json.dumps({"changed": False}))
    settings = {"ansible_python_interpreter": sys.executable, "ansible_pipelining": True}
    groups = {ROLE: ["host%03d" % number for number in range(size)]}

    def controller(answer: str) -> _ansible.Controller:
        place = home / ("by-" + answer)
        place.mkdir()
        variables = {**settings, "ansible_instant_answer": str(home / answer)}
        return _ansible.Controller(str(place), variables, "instant", groups)

    last = "host%03d" % (size - 1)
    report = "netports_report=%s" % (home / "report.html")
    with_answers = controller("answer")
    nothing = [{"name": name, "nothing": {}} for name in ("First", "Second")]
    role = [{"name": "Role", "ansible.builtin.import_role": {"name": "netports.core.%s" % ROLE}}]
    return (
        with_answers.of_collection("site", "site", "%d hosts: %d ok" % (size, size), "--extra-vars", report),
        with_answers.playbook("the role alone", role, last),
        controller("nothing").playbook("two modules that do nothing", nothing, last),
    )


def measured(sizes: Sequence[int], pairs: int) -> Iterator[_pairs.Row]:
    with tempfile.TemporaryDirectory() as directory:
        groups = [_commands(Path(directory), size) for size in sizes]
        for command in groups[0]:
            _pairs.seconds(command)
        times = _pairs.in_turns(groups, pairs)
    for size, (ours, *others) in zip(sizes, times):
        for against, theirs in zip(("the role alone", "two modules that do nothing"), others):
            yield _pairs.Row("`site`, %d hosts" % size, against, _pairs.pair(ours, theirs))
    for (small, before), (large, after) in itertools.pairwise((size, ours) for size, (ours, *_others) in zip(sizes, times)):
        pair = _pairs.pair([one / large for one in after], [one / small for one in before])
        yield _pairs.Row("a host of `site`, of %d" % large, "a host of %d" % small, pair, 1.1)


def main() -> None:
    options = _pairs.options(__doc__, pairs=2).parse_args()
    rows = list(measured(SMALL if options.small else SIZES, 1 if options.small else options.pairs))
    _pairs.report(rows, judged=not options.small)


if __name__ == "__main__":
    main()
