"""What a model makes of the length of a text: how many positions it has, and frequencies that follow the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

_CONTEXT_FIELDS = ("max_position_embeddings", "max_seq_len", "seq_length", "n_ctx")
_PLACED = re.compile("rotary|rope|pos(?!t)|wpe")
"""Names of the parts of a model by which it knows where a token stands."""
_FOLLOWING = re.compile("dynamic|longrope")
"""Kinds of rotary positions whose frequencies follow the longest row of a batch."""


def follows_length(settings: Mapping[str, Any]) -> bool:
    """Whether a configuration says that rotary frequencies follow the length of the text."""
    return bool(_FOLLOWING.search(str(settings.get("rope_parameters") or settings.get("rope_scaling"))))


def stated_context(model: Any) -> int | None:
    """Most tokens the model was made for, where its configuration says so, YaRN and dynamic NTK included."""
    config = model.config.get_text_config()
    values = (getattr(config, name, None) for name in _CONTEXT_FIELDS)
    stated = next((value for value in values if isinstance(value, int) and value > 0), None)
    return None if stated is None else max(stated, *_scaled(config, stated, ("yarn", "dynamic")))


def position_limit(model: Any) -> int | None:
    """Most positions of a text that a model takes, or was made for; None where they have no end or none is stated."""
    config, stated = model.config.get_text_config(), stated_context(model)
    if stated is None or getattr(config, "alibi", False) or "dynamic" in str(getattr(config, "rope_parameters", None)):
        return None
    names = (name for name, _ in (*model.named_modules(), *model.named_parameters(), *model.named_buffers()))
    # The ALiBi of MPT has no part of its own, and is made for the stated length alone.
    if config.model_type != "mpt" and not any(_PLACED.search(name) for name in names):
        return None
    # Of linear scaling a configuration does not say whether it is in the stated length already.
    return max(stated, *_scaled(config, stated, ("linear",)))


def _scaled(config: Any, stated: int, kinds: tuple[str, ...]) -> Iterator[int]:
    """0, and the lengths that the scaled rotary positions of some kinds stand for, one for each kind of layer."""
    yield 0
    settings = getattr(config, "rope_parameters", None) or {}
    for rope in (settings, *settings.values()):
        if isinstance(rope, Mapping) and rope.get("rope_type") in kinds:
            yield int((rope.get("factor") or 1) * (rope.get("original_max_position_embeddings") or stated))


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
