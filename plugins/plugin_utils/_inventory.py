# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory, gathered facts and the controller's resolver say about hosts, for `_topology.py`.

Ansible forks a worker for every host of a task, and 300 hosts that are each other's clients are 90,000 look-ups. So the
first worker leaves what it found to the others, in the directory for temporary files of the run.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from ansible import constants
from ansible.errors import AnsibleError

from ansible_collections.netports.core.plugins.plugin_utils import _topology
from ansible_collections.netports.core.plugins.plugin_utils._topology import ADDRESSES, Found, Host

# Resolvers make one wait for seconds, mostly for names that do not exist.
_RESOLVERS = 16
# Hosts may gather facts while others run the task, where the strategy lets them.
_SECONDS = 60
_FACTS = ("all_ipv4_addresses", "all_ipv6_addresses")


@lru_cache(maxsize=4096)
def resolve(name: str) -> tuple[str, ...]:
    """The addresses of a name in both families. Raises ValueError."""
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ValueError(getattr(error, "strerror", None) or str(error)) from None
    return tuple(sorted({str(answer[4][0]) for answer in answers}))


def find_all(names: Collection[str], hostvars: Any, moment: str) -> dict[str, Found]:
    """The addresses of the hosts. What was found for the same `moment` of this run is not looked for again."""
    with _shared(moment) as found:
        missing = [name for name in names if name not in found]
        if missing:
            hosts = [_described(hostvars, name) for name in missing]
            with ThreadPoolExecutor(_RESOLVERS) as pool:
                found.update(zip(missing, pool.map(_find, hosts), strict=True))
    return {name: found[name] for name in names}


def _find(host: Host | Found) -> Found:
    return host if isinstance(host, Found) else _topology.find(host, resolve)


def _described(hostvars: Any, name: str) -> Host | Found:
    """What the inventory says about a host, or why it cannot be read. Facts are never templates, and large."""
    raw = hostvars.raw_get(name)
    facts = raw.get("ansible_facts") or {}
    try:
        addresses, ansible_host, connection = (
            value(hostvars, name, raw, key) for key in (ADDRESSES, "ansible_host", "ansible_connection")
        )
    except ValueError as error:
        return Found((), str(error))
    return Host(
        name=name,
        addresses=addresses,
        facts=tuple(str(address) for key in _FACTS for address in facts.get(key) or ()),
        ansible_host=ansible_host,
        local=connection in _topology.LOCAL_CONNECTIONS,
    )


def value(hostvars: Any, name: str, raw: Mapping[str, Any], key: str) -> Any:
    """A variable of a host, templated only where it has to be: that is most of what reading an inventory costs."""
    found = raw.get(key)
    if _is_plain(found):
        return found
    try:
        found = hostvars[name][key]
    except AnsibleError as error:
        raise ValueError("%s: %s" % (key, error)) from None
    if _is_template(found):  # ansible-core before 2.19 hands back what it cannot resolve
        raise ValueError("%s: %r uses variables that the host does not have" % (key, found))
    return found


def _is_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_template(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_is_template(item) for item in value)
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _is_plain(value: Any) -> bool:
    """Whether the value is as it stands in the inventory; text in a vault is of a type of its own."""
    if isinstance(value, Mapping):
        return all(_is_plain(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (str, bool, int, float)) and not _is_template(value)


class Variables:
    """The variables of hosts: their own, or those that the play has for all of them. Each host is read once."""

    def __init__(self, task_vars: Mapping[str, Any], template: Callable[[Any], Any]) -> None:
        self._hostvars = task_vars["hostvars"]
        self._task_vars = task_vars
        self._template = template
        self._here = self._hostvars.raw_get(task_vars["inventory_hostname"])
        self._raw: tuple[str, Mapping[str, Any]] = ("", {})

    def __call__(self, host: str, name: str) -> Any:
        if self._raw[0] != host:
            self._raw = (host, self._hostvars.raw_get(host))
        if name not in self._raw[1] and name not in self._here and name in self._task_vars:
            return self._template(self._task_vars[name])
        return value(self._hostvars, host, self._raw[1], name)


@contextlib.contextmanager
def _shared(moment: str) -> Iterator[dict[str, Found]]:
    """What workers of this run found, to be completed; one at a time. Where nothing can be shared, it is not."""
    digest = hashlib.sha256(moment.encode()).hexdigest()[:32]
    path = Path(constants.DEFAULT_LOCAL_TMP) / ("netports-hosts-%s.json" % digest)  # type: ignore[attr-defined]
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("a+b", buffering=0))
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # no such directory any more, or one on a file system without locks
            yield {}
            return
        found = _read(file)
        before = len(found)
        yield found
        if len(found) != before:
            _write(file, found)


def _write(file: IO[bytes], found: dict[str, Found]) -> None:
    content = json.dumps({"time": time.time(), "found": found}).encode()
    with contextlib.suppress(OSError):  # a full disk costs time alone: what is cut short is not read
        file.truncate(0)
        file.write(content)


def _read(file: IO[bytes]) -> dict[str, Found]:
    file.seek(0)
    try:
        content = json.loads(file.read())
    except ValueError:  # the first one, or a worker was killed while it wrote
        return {}
    if not 0 <= time.time() - content["time"] <= _SECONDS:
        return {}
    return {name: Found(tuple(addresses), problem) for name, (addresses, problem) in content["found"].items()}
