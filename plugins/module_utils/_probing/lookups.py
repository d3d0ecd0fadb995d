# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What blocks, done for many at the same time, and never waited for longer than asked. Imported only for names of hosts."""

from __future__ import annotations

import queue
import threading
import time

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Dict, Sequence, Tuple, TypeVar

    Answer = TypeVar("Answer")

_THREADS = 32


def all_at_once(names: Sequence[str], ask: Callable[[str], Answer], timeout: float) -> Dict[str, Answer]:
    """The answers that came in time. `ask` is called in threads and raises nothing."""
    waiting: queue.Queue[str] = queue.Queue()
    answers: queue.Queue[Tuple[str, Answer]] = queue.Queue()
    for name in names:
        waiting.put(name)

    def work() -> None:
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            answers.put((name, ask(name)))

    # getaddrinfo cannot be interrupted; a thread that hangs in it ends with the process.
    for _number in range(min(_THREADS, len(names))):
        threading.Thread(target=work, name="netports-resolver", daemon=True).start()
    found: Dict[str, Answer] = {}
    deadline = time.monotonic() + timeout
    while len(found) < len(names):
        try:
            name, answer = answers.get(timeout=max(0.001, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[name] = answer
    return found
