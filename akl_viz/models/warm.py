"""Importing the heavy libraries ahead of the first use."""

from __future__ import annotations

import threading

_LOCK = threading.Lock()


def import_libraries() -> None:
    """Import torch and transformers' model classes, one thread at a time: two at once see half-made modules."""
    with _LOCK:
        import transformers

        # transformers imports a class when it is first asked for; ask now rather than under a user's first click.
        _ = transformers.AutoModelForCausalLM, transformers.LlamaForCausalLM, transformers.AutoTokenizer
