# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what `product_config` names on the host: files and a systemd unit, with one shell script over the connection.

A module of its own, imported when it is needed: Ansible compiles what it imports from a collection anew in each process.
What is read may hold secrets; a Problem here tells paths, and what the host said about them.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible.plugins.action import ActionBase

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _environment, _product_config
from ansible_collections.netports.core.plugins.plugin_utils._product_config import File, OnHost, Unit

_LIMIT_MIB = 1
_PROPERTIES = ("Id", "LoadState", "MainPID", "NeedDaemonReload", "Environment", "EnvironmentFiles")
_MISSING = "No such file or directory"
_OK = "ok"
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+")

# Plain sh with the tools that busybox has too. What separates the parts is a word that no file can foresee.
_SCRIPT = """\
PATH="$PATH:/usr/sbin:/sbin:/usr/bin:/bin" LC_ALL=C; export PATH LC_ALL
part() { printf '\\n%%s %%s\\n' %(boundary)s "$*"; }
file() {
part "$1 $2"
if [ -e "$2" ] && [ ! -f "$2" ]; then echo 'Not a regular file'
elif ! e=$(head -n 1 "$2" 2>&1 >/dev/null); then printf '%%s\\n' "${e##*: }"
elif [ "$(wc -c <"$2")" -gt %(limit)d ]; then echo 'Larger than %(limit_mib)d MiB, which no configuration is'
else echo %(ok)s; cat "$2"
fi
}
unit() {
part unit
o=$(systemctl show --no-pager %(properties)s -- "$1" 2>&1) || { printf '%%s\\n' "$o"; return; }
echo %(ok)s; printf '%%s\\n' "$o"
printf '%%s\\n' "$o" | sed -n 's/^EnvironmentFiles\\{0,1\\}=\\(.*\\) (ignore_errors=[a-z]*)$/\\1/p' |
{ i=0; IFS=; while read -r p; do for f in $p; do file "unit.$i" "$f"; done; i=$((i+1)); done; }
m=$(printf '%%s\\n' "$o" | sed -n 's/^MainPID=\\([1-9][0-9]*\\)$/\\1/p')
if [ -n "$m" ] && [ -r "/proc/$m/environ" ]; then part running; echo %(ok)s; tr '\\n\\000' ' \\n' <"/proc/$m/environ"; fi
}
%(calls)s
part end
"""


class Answer(NamedTuple):
    """What the script ended with."""

    rc: int
    stdout: str
    stderr: str


class _Path(NamedTuple):
    """A file that was asked for; `optional` where it may be missing."""

    path: str
    optional: bool


class _Part(NamedTuple):
    """What the host said to one thing it was asked for; `status` is `ok`, or why there is no `text`."""

    kind: str
    path: str
    status: str
    text: str


class _Asked(NamedTuple):
    """The files by the keys that name them, and the unit."""

    files: Mapping[str, list[_Path]]
    unit: str | None


def read(value: Mapping[str, Any], execute: Callable[[str], Answer], where: str = "product_config") -> OnHost:
    """What a `product_config` names on the host; `execute` runs a script of sh there. Raises Problem, which names the key."""
    _product_config.check_keys(value, where)
    asked = _asked(value, where)
    boundary = "netports-" + secrets.token_hex(16)
    parts = _parts(execute(_script(asked, boundary)), boundary, where)
    found = {
        key: [
            file
            for index, path in enumerate(paths)
            for file in _files(parts, "%s.%d" % (key, index), path, "%s.%s" % (where, key))
        ]
        for key, paths in asked.files.items()
    }
    return OnHost(
        config=next(iter(found["config_file"]), None),
        env=found["env_file"],
        unit=None if asked.unit is None else _unit(parts, asked.unit, where),
        dataplane=found["dataplane_file"],
    )


def execute(action: ActionBase, script: str) -> Answer:
    """What a script prints on the host of a task, also in check mode. It may be secret, so it is not shown."""
    # With -vvv a connection shows what commands print, unless it knows of no_log.
    play_context = action._connection._play_context
    said, play_context.no_log = play_context.no_log, True
    try:
        answer: dict[str, Any] = action._low_level_execute_command(script)
    finally:
        play_context.no_log = said
    return Answer(answer["rc"], answer["stdout"], answer["stderr"])


def _asked(value: Mapping[str, Any], where: str) -> _Asked:
    config, unit = value.get("config_file"), value.get("unit")
    if config is not None and not isinstance(config, str):
        raise Problem(where + ".config_file", "%r is not a path" % (config,))
    if unit is not None and (not isinstance(unit, str) or not _UNIT.fullmatch(unit)):
        raise Problem(where + ".unit", "%r is not the name of a systemd unit" % (unit,))
    # Resources that are given are the whole answer; those of the host would only be thrown away.
    dataplane = value.get("dataplane_file") if value.get("dataplane") is None else None
    files = {
        "config_file": _paths(config, where + ".config_file"),
        "env_file": _paths(value.get("env_file"), where + ".env_file", may_be_optional=True),
        "dataplane_file": _paths(dataplane, where + ".dataplane_file"),
    }
    return _Asked(files, unit)


def _paths(value: Any, where: str, may_be_optional: bool = False) -> list[_Path]:
    values = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)):
        raise Problem(where, "%r is not a path or a list of paths" % (value,))
    return [_path(item, where, may_be_optional) for item in values]


def _path(value: Any, where: str, may_be_optional: bool) -> _Path:
    optional = may_be_optional and isinstance(value, str) and value.startswith("-")
    path = value[1:] if optional else value
    if not isinstance(path, str) or not path.startswith("/") or not path.isprintable():
        raise Problem(where, "%r is not an absolute path on the host" % (value,))
    return _Path(path, optional)


def _script(asked: _Asked, boundary: str) -> str:
    calls = [
        "file %s.%d %s" % (key, index, shlex.quote(path.path))
        for key, paths in asked.files.items()
        for index, path in enumerate(paths)
    ]
    if asked.unit is not None:
        calls.append("unit %s" % shlex.quote(asked.unit))
    return _SCRIPT % {
        "boundary": boundary,
        "limit": _LIMIT_MIB * 2**20,
        "limit_mib": _LIMIT_MIB,
        "ok": _OK,
        "properties": " ".join("-p " + name for name in _PROPERTIES),
        "calls": "\n".join(calls),
    }


def _parts(answer: Answer, boundary: str, where: str) -> list[_Part]:
    # A terminal makes two characters of a newline.
    text = "\n" + answer.stdout.replace("\r\n", "\n")
    parts = [_part(piece) for piece in text.split("\n%s " % boundary)[1:]]
    if not parts or parts[-1].kind != "end":
        said = answer.stderr.strip().splitlines()[-1:] or ["exit status %d" % answer.rc]
        raise Problem(where, "the host did not answer in full when it was asked for what is on it: %s" % said[0])
    return parts


def _part(piece: str) -> _Part:
    head, _newline, body = piece.partition("\n")
    kind, _blank, path = head.partition(" ")
    status, _newline, text = body.partition("\n")
    return _Part(kind, path, status, text)


def _files(parts: list[_Part], kind: str, path: _Path, where: str) -> list[File]:
    """The files of one path or pattern. Raises Problem."""
    files = []
    for part in parts:
        if part.kind != kind or (path.optional and part.status == _MISSING):
            continue
        if part.status != _OK:
            raise Problem("%s: %s" % (where, part.path), "cannot be read on the host: %s" % part.status)
        files.append(File(part.path, part.text))
    return files


def _unit(parts: list[_Part], name: str, where: str) -> Unit:
    (answer,) = (part for part in parts if part.kind == "unit")
    path = "%s.unit: %s" % (where, name)
    if answer.status != _OK:
        raise Problem(path, "systemctl cannot show it on the host: %s" % answer.status)
    shown = _environment.parse_shown(answer.text)
    state = shown.properties.get("LoadState")
    if state != "loaded":
        raise Problem(path, "is no unit that systemd on the host has loaded; it says: %s" % state)
    files = [
        file
        for index, (pattern, optional) in enumerate(shown.files)
        for file in _files(parts, "unit.%d" % index, _Path(pattern, optional), path)
    ]
    running = next((part.text for part in parts if part.kind == "running" and part.text.strip()), None)
    return Unit(shown.properties.get("Id", name), answer.text, files, running)
