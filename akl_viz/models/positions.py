"""What a model makes of the length of a text: rotary frequencies that follow it, and whether it remembers others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

_FOLLOWING = re.compile("dynamic|longrope")
"""Kinds of rotary positions whose frequencies follow the longest row of a batch."""


def follows_length(settings: Mapping[str, Any]) -> bool:
    """Whether a configuration says that rotary frequencies follow the length of the text."""
    return bool(_FOLLOWING.search(str(settings.get("rope_parameters") or settings.get("rope_scaling"))))


@contextmanager
def fresh(model: nn.Module) -> Iterator[None]:
    """Let a model score a text as if it were its first.

    Dynamic NTK keeps the rotary frequencies of the longest text so far. They are forgotten here, and put back
    afterwards: whoever else runs the model finds it as it was.
    """
    keeping = [one for one in model.modules() if "dynamic" in str(vars(one).get("rope_type", ""))]
    before = [vars(one) | {"_buffers": dict(one._buffers)} for one in keeping]
    for one in keeping:
        _forget(one)
    try:
        yield
    finally:
        for one, state in zip(keeping, before, strict=True):
            vars(one).clear()
            vars(one).update(state)


def _forget(rotary: Any) -> None:
    """Give rotary positions the frequencies they were made with: one set for all layers, or one per kind of layer."""
    for name in [*vars(rotary), *rotary._buffers]:
        if name.endswith("original_inv_freq"):
            kind = name.removesuffix("original_inv_freq")
            device = rotary._buffers[f"{kind}inv_freq"].device
            rotary._buffers[f"{kind}inv_freq"] = getattr(rotary, name).to(device)
            setattr(rotary, f"{kind}max_seq_len_cached", rotary.original_max_seq_len)
