"""How a run is paused, stopped and cancelled from another thread."""

from __future__ import annotations

import threading

from akl_viz.errors import Cancelled


class Control:
    """The switches of one run. Every method may be called from any thread, and at any time."""

    def __init__(self) -> None:
        """A run that may go on."""
        self._stop = threading.Event()
        self._cancel = threading.Event()
        self._go = threading.Event()
        self._go.set()

    def pause(self) -> None:
        """Hold the run after the step it is in, until `resume`, `stop` or `cancel`."""
        self._go.clear()

    def resume(self) -> None:
        """Let a paused run go on."""
        self._go.set()

    def stop(self) -> None:
        """End the run after the step it is in, with a checkpoint and a measurement."""
        self._stop.set()
        self._go.set()

    def cancel(self) -> None:
        """End the run as soon as possible without a checkpoint; earlier ones stay and it can be resumed from them."""
        self._cancel.set()
        self.stop()

    @property
    def paused(self) -> bool:
        """Whether the run is held, or will be after its step."""
        return not self._go.is_set()

    @property
    def stopping(self) -> bool:
        """Whether the run was told to end."""
        return self._stop.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether the run was told to end without a checkpoint."""
        return self._cancel.is_set()

    def wait(self) -> bool:
        """Wait while paused; return whether the run may go on."""
        self._go.wait()
        return not self.stopping

    def check(self) -> None:
        """Raise Cancelled where the run was told to end: for work between steps, which is given up halfway."""
        if self.stopping:
            raise Cancelled("The run was stopped.")

    def check_cancelled(self) -> None:
        """Raise Cancelled where the run was told to end at once: for the measurement a stopped run ends with."""
        if self.cancelled:
            raise Cancelled("The run was cancelled.")
