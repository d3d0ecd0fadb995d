# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners as an application profile of ufw. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _export, _report

# What ufw takes; it passes over a profile that breaks one of these with a warning at the most.
_NAME = r"(?!all$)(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9 _.+-]{0,63}"
_LONGEST_VALUE = 1024


def render(listeners: Any, name: str, title: str, description: str) -> str:
    """The INI file. A profile is of both families, and the rule that uses it says for whom. Raises Problem."""
    what = "a name of a profile: 1 to 64 letters, digits, blanks and _.+-, beginning with a letter or a digit"
    name = _export.checked(name, "name", _NAME, what)
    found = _export.openings(listeners).openings
    _export.refuse_ip(found, "a profile of ufw")
    ports = dict.fromkeys("%s/%s" % (one.listener.port_text.replace("-", ":"), one.listener.protocol) for one in found)
    if not ports:
        raise Problem("", "ufw takes no profile without ports, and none of the listeners has to be admitted")
    values = {"title": _report.plain(title), "description": _report.plain(description), "ports": "|".join(ports)}
    for key, value in values.items():
        if not value:
            raise Problem(key, "is empty; ufw takes no profile without it")
        if len(value) > _LONGEST_VALUE:
            raise Problem(key, "has %d characters, and ufw reads %d at the most" % (len(value), _LONGEST_VALUE))
    return "[%s]\n%s" % (name, "".join("%s=%s\n" % item for item in values.items()))
