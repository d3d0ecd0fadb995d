# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the doors of filters share: errors and warnings as Ansible shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.netports.core.plugins.module_utils._listener import Problem


@contextmanager
def problems_of(name: str) -> Iterator[None]:
    """A Problem becomes the error of the filter `name`."""
    try:
        yield
    except Problem as problem:
        raise AnsibleFilterError("netports.core.%s: %s" % (name, problem)) from problem


def warn(name: str, warnings: Iterable[str]) -> None:
    for warning in warnings:
        Display().warning("netports.core.%s: %s" % (name, warning))
