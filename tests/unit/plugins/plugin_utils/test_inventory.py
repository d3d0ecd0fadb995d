# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How hosts are read and what workers share; templates and facts of real inventories are in the integration tests."""

from __future__ import annotations

import contextlib
import os
import resource
import time

import pytest
from ansible import constants

from ansible_collections.netports.core.plugins.plugin_utils import _inventory
from ansible_collections.netports.core.plugins.plugin_utils._topology import Found


class HostVars:
    """An inventory whose hosts have plain variables; counts how often it is read."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.read = []

    def raw_get(self, name):
        self.read.append(name)
        return self.hosts[name]


@pytest.fixture
def run_directory(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return tmp_path


def hosts(count):
    return {"h%d" % number: {"ansible_host": "192.0.2.%d" % number} for number in range(1, count + 1)}


def test_variables_and_facts_of_a_host(run_directory):
    facts = {"all_ipv4_addresses": ["192.0.2.2", "127.0.0.1"], "all_ipv6_addresses": ["fe80::1", "2001:db8::2"], "mounts": []}
    hostvars = HostVars(
        {
            "stated": {"netports_addresses": ["192.0.2.1"], "ansible_facts": facts},
            "gathered": {"ansible_host": "192.0.2.3", "ansible_facts": facts},
            "half": {"ansible_host": "192.0.2.3", "ansible_facts": {"all_ipv4_addresses": ["192.0.2.4"]}},
            "bare": {"ansible_host": "192.0.2.3", "ansible_facts": {}},
            "local": {"ansible_connection": "local"},
        }
    )
    assert _inventory.find_all(list(hostvars.hosts), hostvars, "x") == {
        "stated": Found(("192.0.2.1",)),
        "gathered": Found(("192.0.2.2", "2001:db8::2")),
        "half": Found(("192.0.2.4",)),
        "bare": Found(("192.0.2.3",)),
        "local": Found((), "its connection is local"),
    }


def test_what_one_worker_found_another_does_not_look_for(run_directory):
    hostvars = HostVars({**hosts(3), "unknown": {"ansible_connection": "local"}})
    first = _inventory.find_all(["h1", "unknown"], hostvars, "task")
    second = _inventory.find_all(["unknown", "h1", "h2"], hostvars, "task")
    assert second == {**first, "h2": Found(("192.0.2.2",))}
    assert hostvars.read == ["h1", "unknown", "h2"]


def test_another_task_looks_again(run_directory):
    hostvars = HostVars(hosts(1))
    _inventory.find_all(["h1"], hostvars, "task")
    hostvars.hosts["h1"] = {"ansible_host": "192.0.2.99"}
    assert _inventory.find_all(["h1"], hostvars, "other task") == {"h1": Found(("192.0.2.99",))}


def test_what_was_found_grows_old(run_directory, monkeypatch):
    hostvars = HostVars(hosts(1))
    _inventory.find_all(["h1"], hostvars, "task")
    now = time.time()
    for shift in (61, -1):  # a clock that was set back is no younger
        monkeypatch.setattr(_inventory.time, "time", lambda shift=shift: now + shift)
        _inventory.find_all(["h1"], hostvars, "task")
    assert hostvars.read == ["h1"] * 3


def test_a_worker_that_was_killed_while_it_wrote_is_forgotten(run_directory):
    hostvars = HostVars(hosts(2))
    _inventory.find_all(["h1"], hostvars, "task")
    (file,) = run_directory.iterdir()
    file.write_text(file.read_text()[:-5])
    assert _inventory.find_all(["h1", "h2"], hostvars, "task") == {"h1": Found(("192.0.2.1",)), "h2": Found(("192.0.2.2",))}


def test_where_nothing_can_be_shared_it_is_not(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "gone"))
    assert _inventory.find_all(["h1"], HostVars(hosts(1)), "task") == {"h1": Found(("192.0.2.1",))}


def forked(work):
    """A process of its own that ends with what `work` returns, 9 where it raises."""
    child = os.fork()
    if child == 0:
        status = 9
        with contextlib.suppress(BaseException):
            status = work()
        os._exit(status)
    return child


def status_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("left", [0, 10])
def test_a_full_disk_costs_time_alone(run_directory, left):
    def work():
        resource.setrlimit(resource.RLIMIT_FSIZE, (left, left))
        answers = [_inventory.find_all(["h1"], HostVars(hosts(1)), "task") for _again in range(2)]
        return 0 if answers == [{"h1": Found(("192.0.2.1",))}] * 2 else 1

    assert status_of(forked(work)) == 0
    assert [file.stat().st_size for file in run_directory.iterdir()] == [left]


def test_workers_at_once_look_once(run_directory):
    ready, go = os.pipe()

    def work():
        os.close(go)
        os.read(ready, 1)  # until all were forked
        hostvars = HostVars(hosts(200))
        found = _inventory.find_all(list(hostvars.hosts), hostvars, "task")
        return 2 if len(found) != 200 else 0 if hostvars.read else 1

    children = [forked(work) for _number in range(8)]
    os.close(ready)
    os.close(go)
    assert sorted(map(status_of, children)) == [0, *[1] * 7]


def test_names_are_those_of_the_controllers_resolver():
    assert set(_inventory.resolve("localhost")) & {"127.0.0.1", "::1"}
    for name in ("no-such-name.invalid", "a" * 70 + ".invalid", "a..b"):
        with pytest.raises(ValueError, match="."):
            _inventory.resolve(name)
