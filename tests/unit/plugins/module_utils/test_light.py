# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

from ansible_collections.netports.core.plugins.module_utils import _light


class Slow(NamedTuple):
    port: int
    device: str = "any"

    @property
    def text(self) -> str:
        return "%s:%d" % (self.device, self.port)


class Light(_light.NamedTuple):
    port: int
    device: str = "any"

    @property
    def text(self) -> str:
        return "%s:%d" % (self.device, self.port)


def outcome(kind: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
    try:
        made = kind(*positional, **named)
    except TypeError:
        return TypeError
    return tuple(made), made.port, made.device, made.text, tuple(made._replace(port=9)), repr(made).partition("(")[2]


@pytest.mark.parametrize("positional", [(), (1,), (1, "lo"), (1, "lo", "more")])
@pytest.mark.parametrize("named", [{}, {"port": 2}, {"device": "eth0"}, {"port": 2, "device": "eth0"}, {"other": 1}])
def test_a_light_named_tuple_is_one(positional: tuple[Any, ...], named: dict[str, Any]) -> None:
    assert outcome(Light, positional, named) == outcome(Slow, positional, named)


def test_light_named_tuples_compare_and_hash_by_value() -> None:
    assert Light(1) == Light(port=1, device="any") and len({Light(1), Light(1, "any"), Light(2)}) == 2


def test_reading_sockets_imports_nothing_slow() -> None:
    program = (
        "import sys; sys.path.insert(0, %r)\n"
        "from ansible_collections.netports.core.plugins.module_utils._sockets import gather\n"
        "table = gather.gather('sock_diag')\n"
        "gather.find_owners(table, {s.inode: ('x',) for s in table.sockets})\n"
        "print(sorted({'typing', 're', 'socket', 'enum', 'collections'} & set(sys.modules)))"
    ) % _light.__file__.rpartition("/ansible_collections/")[0]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_probing_addresses_imports_nothing_slow() -> None:
    program = (
        "import sys; sys.path.insert(0, %r)\n"
        "from ansible_collections.netports.core.plugins.module_utils import _probe\n"
        "def complete(options, given):\n"
        "    return dict({name: option.get('default') for name, option in options.items()}, **given)\n"
        "options = _probe.probe_arguments()\n"
        "target = complete(options['targets']['options'], dict(host='127.0.0.1', port=1))\n"
        "_probe.probe(complete(options, dict(targets=[target])))\n"
        "print(sorted({'typing', 're', 'socket', 'enum', 'collections', 'selectors', 'ssl', 'threading'} & set(sys.modules)))"
    ) % _light.__file__.rpartition("/ansible_collections/")[0]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_what_is_there_is_not_collected_at_the_end() -> None:
    known: list[Any] = []
    assert any(each is known for each in gc.get_objects())
    _light.end_quickly()
    try:
        assert not any(each is known for each in gc.get_objects())
    finally:
        gc.unfreeze()
