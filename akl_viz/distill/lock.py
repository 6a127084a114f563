"""One writer per run folder: a lock the system gives back when its process ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType

from akl_viz.errors import InvalidInput

LOCK = "lock"
"""Name of the lock file; its being there means nothing, only its being held does."""


_PAUSES = (0.0, 0.02, 0.1, 0.4)
"""Seconds before each try: someone who only asks whether a run is going holds the lock for a moment."""


class RunLock:
    """Held while a process writes a run.

    Raises:
        InvalidInput: another process, or another thread, writes this run.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock of a run folder."""
        self._handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        if not any(_taken(self._handle, pause) for pause in _PAUSES):
            os.close(self._handle)
            raise InvalidInput(
                f"The run {folder} is being written by another process: stop it, or choose a new folder."
            )

    def __enter__(self) -> RunLock:
        """The held lock."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        self.release()

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def is_held(folder: Path) -> bool:
    """Whether some process writes this run right now."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _take(handle, shared=True)
    finally:
        os.close(handle)


def _taken(handle: int, pause: float) -> bool:
    """Try once more after a pause."""
    time.sleep(pause)
    return _take(handle)


if sys.platform == "win32":
    import msvcrt

    def _take(handle: int, *, shared: bool = False) -> bool:
        """Try to lock the first byte; this system has no shared locks."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _take(handle: int, *, shared: bool = False) -> bool:
        """Try to lock the file, for oneself or beside others who share it."""
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
