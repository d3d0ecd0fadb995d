# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Effects on the host: commands that ask, commands that change, files. Check mode is decided here and nowhere else."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import subprocess
import time
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"))
COMMAND_TIMEOUT = 120
# How the names of files end that are written and not yet in place.
STAGED = ".netports-new"
LOCK_TIMEOUT = 60
# Extended attributes that a file's replacement keeps: the SELinux label and the access list.
_ATTRIBUTES = ("security.selinux", "system.posix_acl_access")


class RunError(Exception):
    """A command or a file could not be had; says which and why."""


class Answer(NamedTuple):
    rc: int
    stdout: str
    stderr: str


class FileChange(NamedTuple):
    """A file's new text; None removes it."""

    path: str
    text: Optional[str]


def find_program(name: str) -> Optional[str]:
    return shutil.which(name, path=SEARCH_PATH)


def read_text(path: str) -> Optional[str]:
    """The text of a file, bytes that are no UTF-8 kept; None when there is none. Raises RunError."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise RunError("cannot read %s: %s" % (path, error.strerror)) from None


def _run(argv: Sequence[str], text: str) -> Answer:
    environment = {**os.environ, "LC_ALL": "C", "LANG": "C"}
    try:
        # Not module.run_command: the same code serves modules and tests, and takes bytes that are no text.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            list(argv),
            input=text.encode("utf-8", "surrogateescape"),
            capture_output=True,
            env=environment,
            cwd="/",
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
    except OSError as error:
        raise RunError("cannot run %s: %s" % (argv[0], error.strerror)) from None
    except subprocess.TimeoutExpired:
        raise RunError("%s did not end within %d s" % (" ".join(argv), COMMAND_TIMEOUT)) from None
    return Answer(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


class Effects:
    """What a module may do to the host. In check mode, whatever would change it does nothing."""

    def __init__(self, check_mode: bool = False) -> None:
        self.check_mode = check_mode

    def query(self, argv: Sequence[str], text: str = "") -> Answer:
        """Run a command that changes nothing. Raises RunError when it cannot be run."""
        return _run(argv, text)

    def change(self, argv: Sequence[str], text: str = "") -> Answer:
        """Run a command that changes something."""
        return Answer(0, "", "") if self.check_mode else _run(argv, text)

    @contextlib.contextmanager
    def lock(self, path: str, kind: Callable[[int, int], object] = fcntl.flock) -> Iterator[None]:
        """Keep other runs of the collection on this host out, or the program whose `kind` of lock it is. Raises RunError."""
        if self.check_mode:
            yield
            return
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise RunError("cannot open the lock %s: %s" % (path, error.strerror)) from None
        try:
            _acquire(descriptor, path, kind)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def staged(self, changes: Sequence[FileChange]) -> Iterator[Staged]:
        """Write the new files beside the old ones, so that putting them in place can hardly fail. Raises RunError."""
        staged = Staged([] if self.check_mode else changes)
        try:
            staged.write()
            yield staged
        finally:
            staged.discard()


def _acquire(descriptor: int, path: str, kind: Callable[[int, int], object]) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            kind(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise RunError("cannot lock %s: %s" % (path, error.strerror)) from None
        if time.monotonic() > deadline:
            raise RunError("another run has held %s for %d s" % (path, LOCK_TIMEOUT))
        time.sleep(0.05)


class Staged:
    """New files that are written, safe on the disk, and not yet in place."""

    def __init__(self, changes: Sequence[FileChange]) -> None:
        self._changes = [FileChange(os.path.realpath(change.path), change.text) for change in changes]
        self._temporary: Dict[str, str] = {}

    def write(self) -> None:
        for path, text in self._changes:
            if text is None:
                continue
            directory, name = os.path.split(path)
            # A fixed name, under the lock: what a killed run left behind is overwritten, not collected.
            temporary = os.path.join(directory, ".%s%s" % (name, STAGED))
            self._temporary[path] = temporary
            try:
                _write_durably(temporary, text, path)
            except OSError as error:
                raise RunError("cannot write %s: %s; nothing was changed" % (temporary, error.strerror)) from None

    def commit(self) -> None:
        """Put the files in place, in the order given; each is old or new at any moment."""
        for path, text in self._changes:
            try:
                if text is not None:
                    os.rename(self._temporary.pop(path), path)
                elif os.path.lexists(path):
                    os.unlink(path)
                _sync_directory(os.path.dirname(path))
            except OSError as error:
                raise RunError("cannot put %s in place: %s" % (path, error.strerror)) from None

    def discard(self) -> None:
        for temporary in self._temporary.values():
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        self._temporary = {}


def _write_durably(temporary: str, text: str, model: str) -> None:
    """Write a file with the mode, owner and attributes of `model`, 0600 when that is not there."""
    attributes = _attributes_of(model)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)
        if attributes is not None:
            status, extended = attributes
            os.fchown(descriptor, status.st_uid, status.st_gid)
            for name, value in extended:
                os.setxattr(descriptor, name, value)
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
        file.flush()
        os.fsync(descriptor)


def _attributes_of(path: str) -> Optional[Tuple[os.stat_result, List[Tuple[str, bytes]]]]:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    extended: List[Tuple[str, bytes]] = []
    for name in _ATTRIBUTES:
        try:
            extended.append((name, os.getxattr(path, name)))
        except OSError as error:
            # ENODATA: it has none. EOPNOTSUPP: the file system knows none.
            if error.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
                raise
    return status, extended


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
