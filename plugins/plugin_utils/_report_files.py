# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a report goes: files whose endings say their format."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils._report import Report

# Endings and the modules of their renderers, imported when they are asked for.
FORMATS = {".html": "html", ".json": "json", ".md": "markdown", ".txt": "text", ".xml": "junit"}
_PACKAGE = __name__.rpartition(".")[0]


def rendered(report: Report, ending: str) -> str:
    text: str = importlib.import_module("%s._report_%s" % (_PACKAGE, FORMATS[ending])).render(report)
    return text


def paths(files: Sequence[str], option: str) -> list[Path]:
    """The files as absolute paths; relative ones start where the user stands. Raises Problem for what cannot be written."""
    found = []
    for index, text in enumerate(files):
        path = Path(text).expanduser().absolute()
        with _naming("%s[%d]" % (option, index)):
            if path.suffix not in FORMATS:
                known = ", ".join(FORMATS)
                raise ValueError("%r: the ending says the format, and %r is none; known are %s" % (text, path.suffix, known))
            if path.is_dir():
                raise ValueError("%s is a directory" % path)
            if not path.parent.is_dir():
                raise ValueError("%s is not a directory; make it first" % path.parent)
            if not os.access(path.parent, os.W_OK | os.X_OK):
                raise ValueError("no file can be made in %s" % path.parent)
        found.append(path)
    return found


def write(report: Report, path: Path) -> None:
    """Write the report; who reads the file meanwhile reads the former one, or this. Raises Problem."""
    # A link stays one.
    target = path.resolve()
    try:
        with _beside(target) as file:
            file.write(rendered(report, path.suffix))
    except OSError as error:
        raise Problem(str(path), "cannot be written: %s" % error.strerror) from None


@contextlib.contextmanager
def _naming(option: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise Problem(option, str(error)) from None


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[IO[str]]:
    """A file that takes the place of `target` at the end, and is gone if there is none."""
    descriptor, name = tempfile.mkstemp(prefix=".%s." % target.name, dir=target.parent)
    made = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            yield file
        made.chmod(_mode(target))
        made.replace(target)
    except BaseException:
        made.unlink()
        raise


def _mode(target: Path) -> int:
    """The mode that the file has, or that a new one would have."""
    with contextlib.suppress(FileNotFoundError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
