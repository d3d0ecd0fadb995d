# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the archive of a module that the role's next task will send, while the host works on this one."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import functools
import threading
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase

# In the directory that Ansible makes for each run, where it keeps the archives too.
_MARK = "netports-archive"
_COLLECTION = "netports.core"


def make(action: ActionBase, module: str, task_vars: dict[str, Any]) -> threading.Thread | None:
    """Begin to make it, once a run and in the collection's own roles alone, where that task is known to follow.

    Nothing depends on the outcome: an archive that is not there is made by the task that sends it. The thread is to be
    joined at the end of the task, as half an archive would be of no use to the next.
    """
    role = action._task._role
    if role is None or role._role_collection != _COLLECTION or not _first():
        return None
    # Ansible keeps what it works on in context variables.
    work = functools.partial(contextvars.copy_context().run, _make, action, module, task_vars)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _first() -> bool:
    try:
        # Ansible sets its constants when it starts.
        Path(constants.DEFAULT_LOCAL_TMP, _MARK).touch(exist_ok=False)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True


def _make(action: ActionBase, module: str, task_vars: dict[str, Any]) -> None:
    # A templar of its own, since this one is used at the same time.
    action = copy.copy(action)
    # What is wrong with the module is for the task that sends it to tell.
    with contextlib.suppress(Exception):
        action._templar = action._templar.copy_with_new_env()
        action._configure_module(module_name=module, module_args={}, task_vars=task_vars)
