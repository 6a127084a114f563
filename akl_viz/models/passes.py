"""How a loaded model is run over a text: in blocks with a cache where those equal one pass, else in one pass.

What a model says about a text is what one forward pass without a cache says, over all its tokens but the last, which
predicts nothing (docs/decisions/0012-one-pass.md). Blocks with a cache need less memory, and rows side by side less
time, and not every model gives the same numbers that way: rotary frequencies may depend on the length of the text, or
of the longest one beside it, a recurrent state may not carry over, a model may keep no cache. A trial on the loaded
model decides, and everything that runs a model asks here.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from akl_viz.models.memory import is_out_of_memory
from akl_viz.models.positions import follows_length, fresh, stated_context

_SHORT = 24
"""Tokens of the trial every model passes through."""
_BLOCKS = (7, 61)
"""Positions per block of the short and of the longer trial: several blocks, the last one shorter."""
_LONGEST = 1024
"""Most tokens of a trial, however small the model."""
_WEIGHT_PASSES = 2e9
"""Weights times tokens that a longer trial may cost: a second or so on a processor."""
_STRIDE = 7919
"""Prime step between the token ids of the trial: ids from all over the vocabulary, none twice in a row."""
_LENGTHS = re.compile(r"original_max_position|sliding_window|window_size|chunk|block_size|index_topk|truncated")
"""Settings of a configuration that name a length from which a model may treat a text in another way."""


@dataclass(frozen=True)
class Passes:
    """What the trial of one model found."""

    cached_to: float
    """Most tokens of a text for which blocks with a cache equal one pass: 0 for none, infinity without an end."""
    parted: bool
    """Whether the output layer may be run apart from the layers below it, block by block."""
    together_to: float
    """Most positions of a padded batch whose rows are each scored as if alone; infinity without an end."""


_KNOWN: WeakKeyDictionary[Any, Passes] = WeakKeyDictionary()
"""The trial of every model that is still held."""


def passes_of(model: Any) -> Passes:
    """How this model may be run, from a trial on a few tokens that is made once per model.

    Args:
        model: a causal language model in any mode; it is left in that mode.
    """
    # What several processes train stands inside what joins them.
    bare = getattr(model, "module", model)
    if bare not in _KNOWN:
        _KNOWN[bare] = _tried(bare)
    return _KNOWN[bare]


def stated_together_to(model: Any) -> float:
    """`Passes.together_to` as far as the configuration alone tells, for a model that cannot be tried."""
    settings = _settings(model)
    return min(_lengths(settings), default=math.inf) - 1.0 if follows_length(settings) else math.inf


def one_pass(model: Any, ids: Tensor) -> Tensor:
    """(B, T, V) logits of one pass without a cache over (B, T) ids: what all other ways are held against."""
    with fresh(model):
        logits: Tensor = model(input_ids=ids, use_cache=False).logits
    return logits


def padded_pass(model: Any, ids: Tensor, lengths: Sequence[int]) -> Tensor:
    """(B, T, V) logits of rows that are padded at the end to (B, T), each row as one pass over it alone gives it.

    Attention is causal, so rows stand side by side without a mask; where their logits depend on the longest of them
    all the same, only rows of one length do. What stands at padded positions means nothing.
    """
    if len(set(lengths)) == 1 or ids.shape[1] <= passes_of(model).together_to:
        return one_pass(model, ids)
    whole = ids.new_zeros(0)
    for length in sorted(set(lengths)):
        rows = [row for row, own in enumerate(lengths) if own == length]
        part = one_pass(model, ids[rows, :length])
        if not len(whole):
            whole = part.new_zeros(*ids.shape, part.shape[-1])
        whole[rows, :length] = part
    return whole


def cached_blocks(model: Any, ids: Tensor, block: int) -> Iterator[Tensor]:
    """Logits (B, b, V) of block after block of (B, T) ids, the cache carrying what came before."""
    cache = None
    for start in range(0, ids.shape[1], block):
        # A generator must not hold inference mode across its yields: it would leak into the caller's code.
        with torch.inference_mode(), fresh(model):
            output = model(input_ids=ids[:, start : start + block], past_key_values=cache, use_cache=True)
            cache, logits = output.past_key_values, output.logits
        yield logits


def parted_blocks(model: Any, ids: Tensor, block: int) -> Iterator[Tensor]:
    """Logits (B, b, V) of block after block of (B, T) ids, from one pass of the layers below the output layer.

    The model's own forward runs each time, with a body that hands out hidden states which were computed once: whatever
    it does to them (a bias, a scale, a soft cap) is done.

    Raises:
        AttributeError, KeyError: the model has no body of its own.
    """
    whole, name = _whole(model)
    front, body = copy.copy(whole), _Body(getattr(whole, name))
    front.__dict__["_modules"] = whole._modules | {name: body}
    with torch.inference_mode(), fresh(model):
        front(input_ids=ids, use_cache=False)
    for start in range(0, ids.shape[1], block):
        body.part = slice(start, start + block)
        with torch.inference_mode():
            logits = front(input_ids=ids[:, body.part], use_cache=False).logits
        yield logits


class _Body(nn.Module):
    """Stands in for the layers below the output layer: runs them once, then hands out parts of what they gave."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        # Not as a part of this module: it stays where it is.
        self.__dict__["body"] = body
        self.part = slice(-1, None)
        self._kept: Any = None

    def __getattr__(self, name: str) -> Any:
        """Whatever else the model asks its body for."""
        return getattr(self.__dict__["body"], name)

    def forward(self, *args: Any, **options: Any) -> Any:
        """What the body gives at the wanted positions; at first, when it runs, at the last one."""
        if self._kept is None:
            self._kept = self.__dict__["body"](*args, **options)
        return type(self._kept)(last_hidden_state=self._kept.last_hidden_state[:, self.part])


def _whole(model: Any) -> tuple[Any, str]:
    """The model without what wraps it, and the name of its body."""
    whole = model.get_base_model() if hasattr(model, "peft_config") else model
    name = next((name for name in (whole.base_model_prefix, "model") if name in whole._modules), None)
    if name is None:
        raise AttributeError(f"{type(whole).__name__} has no part of its layers alone")
    return whole, name


def _tried(model: Any) -> Passes:
    """Run one model in every way and compare."""
    settings = _settings(model)
    weights = sum(parameter.numel() for parameter in model.parameters())
    limit = (stated_context(model) if settings else None) or _LONGEST
    short = min(_SHORT, limit)
    room = max(short, min(limit, _LONGEST, int(_WEIGHT_PASSES / max(weights, 1))))
    changes = sorted(set(_lengths(settings)))
    # Whoever asks may stand inside autocast, whose few digits are not those of the model.
    device = next(model.parameters(), torch.empty(0)).device
    with still(model), torch.autocast(device.type, enabled=False):
        cached = _held(model, short, cached_blocks)
        parted = _held(model, short, parted_blocks)
        reach = short
        crossed = [length for length in changes if short <= length < room]
        if cached and crossed:
            longer = min(crossed[-1] + _SHORT, room)
            reach = longer if _held(model, longer, cached_blocks) else short
        # A configuration's word is enough: in few digits the trial might not see what it says.
        stated = stated_together_to(model)
        together_to = stated if stated < math.inf else _together_to(model, changes, room)
    cached_to = next((float(length) for length in changes if length >= reach), math.inf) if cached else 0.0
    return Passes(cached_to, parted, together_to)


def _held(model: Any, length: int, way: Any) -> bool:
    """Whether a way of running a model equals one pass over `length` tokens."""
    try:
        ids = _trial_ids(model, length)
        with torch.inference_mode():
            right = one_pass(model, ids)[0]
        return _close(torch.cat(list(way(model, ids, _BLOCKS[length > _SHORT])), dim=1)[0], right)
    except Exception as error:  # a model that cannot be run in this way fails in its own words
        if is_out_of_memory(error):
            raise
        return False


def _together_to(model: Any, changes: list[int], room: int) -> float:
    """Most positions for which the beginning of a longer text is scored as if it were the whole text."""
    near = [length for length in changes if 1 < length < room]
    try:
        ids = _trial_ids(model, min(max(near, default=0) + _SHORT, room))
        with torch.inference_mode():
            whole = one_pass(model, ids)[0]
            # The first one is for a model that no length of its configuration tells of.
            for length in (0, *near):
                tokens = length - 1 if length else ids.shape[1] // 2
                if not _close(one_pass(model, ids[:, :tokens])[0], whole[:tokens]):
                    return max(length - 1.0, 0.0)
    except Exception as error:  # a model that cannot be run over a text fails in its own words
        if is_out_of_memory(error):
            raise
    return math.inf


def _trial_ids(model: Any, length: int) -> Tensor:
    """(1, length) tokens of a trial."""
    rows = model.get_input_embeddings().weight.shape[0]
    ids: Tensor = torch.arange(1, length + 1, device=next(model.parameters()).device) * _STRIDE % rows
    return ids[None]


def _close(found: Tensor, right: Tensor) -> bool:
    """Whether logits agree to half the digits of their format.

    Rounding stays far below that, and what a model sees or does not see shows far above it.
    """
    if found.shape != right.shape:
        return False
    same = (found == right) | (found.isnan() & right.isnan())
    difference = float(torch.where(same, 0.0, (found - right).abs()).max())
    finite = right[right.isfinite()]
    largest = float(finite.abs().max()) if len(finite) else 0.0
    return difference <= largest * math.sqrt(torch.finfo(right.dtype).eps)


def _settings(model: Any) -> dict[str, Any]:
    """What the configuration of a model says of its language model."""
    return model.config.get_text_config().to_dict() if hasattr(model, "config") else {}


def _lengths(settings: dict[str, Any]) -> Iterator[int]:
    """Every length that a configuration names as one where something changes."""
    if follows_length(settings):
        # Where no other length is named, frequencies follow the length of the text from here on.
        yield from _numbers({"original_max_position": settings.get("max_position_embeddings")})
    yield from _numbers(settings)


def _numbers(settings: dict[str, Any]) -> Iterator[int]:
    """The whole numbers in a configuration whose names say that they are such a length, at any depth."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        elif type(value) is int and value > 0 and _LENGTHS.search(str(name)):
            yield value


@contextmanager
def still(model: Any) -> Iterator[None]:
    """A model in evaluation mode, each of its modules put back afterwards into the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
