"""Loading without noise on standard error, and without any way to the network."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from logging import CRITICAL
from typing import Any

from akl_viz.models.warm import import_libraries

_LOCK = threading.RLock()


@contextmanager
def quiet(*, offline: bool) -> Iterator[None]:
    """Keep transformers' progress bars, reports and warnings off standard error; one load at a time.

    What they would say is checked by our own code and said in one sentence. The hub client's offline switch is
    a module attribute that it reads at every request, so it can be set for one load and put back.

    Args:
        offline: True for everything but a hub id that a user typed.
    """
    with _LOCK, ExitStack() as undo:
        import_libraries()
        import huggingface_hub
        import transformers

        client: Any = huggingface_hub
        noise: Any = transformers.utils.logging
        undo.callback(setattr, client.constants, "HF_HUB_OFFLINE", client.constants.HF_HUB_OFFLINE)
        client.constants.HF_HUB_OFFLINE = client.constants.HF_HUB_OFFLINE or offline
        undo.callback(noise.set_verbosity, noise.get_verbosity())
        noise.set_verbosity(CRITICAL)
        if noise.is_progress_bar_enabled():
            undo.callback(noise.enable_progress_bar)
            noise.disable_progress_bar()
        if not client.utils.are_progress_bars_disabled():
            undo.callback(client.utils.enable_progress_bars)
            client.utils.disable_progress_bars()
        undo.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield
