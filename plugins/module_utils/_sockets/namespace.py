# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work in another network namespace without taking the calling process there."""

from __future__ import annotations

import errno
import os

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, List, TypeVar

    T = TypeVar("T")

_NAMED = "/run/netns"
_CLONE_NEWNET = 0x40000000


class NamespaceError(Exception):
    """The namespace cannot be found or entered; says what does exist."""


def path_of(namespace: str) -> str:
    """The file of a namespace given by name, process ID or absolute path."""
    if namespace.isdigit():
        return "/proc/%s/ns/net" % namespace
    if namespace.startswith("/"):
        return namespace
    return _NAMED + "/" + namespace


def run_in(namespace: str, work: Callable[[], T]) -> T:
    """What `work` returns or raises, done by a thread inside the namespace. Raises NamespaceError."""
    handle = _open(namespace)
    outcome: List[T] = []
    failure: List[BaseException] = []

    def body() -> None:
        try:
            # setns moves the calling thread alone, and the thread ends here.
            _enter(handle, namespace)
            outcome.append(work())
        except BaseException as problem:
            failure.append(problem)

    import threading

    try:
        thread = threading.Thread(target=body, name="netports-namespace")
        thread.start()
        thread.join()
    finally:
        os.close(handle)
    if failure:
        raise failure[0]
    return outcome[0]


def _open(namespace: str) -> int:
    if not namespace.strip() or "/" in namespace and not namespace.startswith("/"):
        raise NamespaceError("network_namespace: %r is neither a name nor a process ID nor an absolute path" % (namespace,))
    path = path_of(namespace)
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno != errno.ENOENT:
            raise NamespaceError("network_namespace: %s cannot be opened: %s" % (path, problem.strerror)) from None
        raise NamespaceError("network_namespace: %s does not exist%s" % (path, _hint(namespace))) from None


def _hint(namespace: str) -> str:
    if namespace.isdigit():
        return "; there is no process %s" % namespace
    try:
        named = sorted(os.listdir(_NAMED))
    except OSError:
        named = []
    return "; named namespaces are: %s" % ", ".join(named) if named else "; there are no named namespaces"


def _enter(handle: int, namespace: str) -> None:
    try:
        _setns(handle)
    except OSError as problem:
        if problem.errno == errno.EINVAL:
            why = "it is no network namespace"
        elif problem.errno == errno.EPERM:
            why = "it takes the privilege CAP_SYS_ADMIN; become root"
        else:
            why = problem.strerror or str(problem)
        raise NamespaceError("network_namespace: %s cannot be entered: %s" % (path_of(namespace), why)) from None


def _setns(handle: int) -> None:
    native = getattr(os, "setns", None)
    if native is not None:
        native(handle, _CLONE_NEWNET)
        return
    # Python before 3.12.
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(handle, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
