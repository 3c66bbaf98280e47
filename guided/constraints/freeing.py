"""What is no longer needed is freed by a thread of its own, not by the call that made it superfluous.

An old grammar has lain untouched since its last use: to free its thousand pieces waits for memory at each of them, a
quarter of what compiling a new one takes. Nobody waits for the thread; it gets its turn when the caller's own work
lets go of the interpreter, above all while a model runs.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue

__all__ = ["Freeing"]


class Freeing:
    """Lets go of objects, in order, in a thread that is started when the first one comes."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[object] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, thing: object) -> None:
        """Let go of `thing` soon; the caller must not hold it either. Calls may not overlap."""
        if self._thread is None or not self._thread.is_alive():  # in a forked child the parent's is not there
            self._queue = SimpleQueue()
            self._thread = threading.Thread(target=_free, args=(self._queue,), name="guided-freeing", daemon=True)
            self._thread.start()
        self._queue.put(thing)


def _free(queue: SimpleQueue[object]) -> None:
    while True:
        queue.get()  # and nobody keeps it
