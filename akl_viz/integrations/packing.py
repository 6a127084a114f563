"""Rows that were laid end to end into one: whether teacher and student both keep them apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from akl_viz.errors import InvalidInput
from akl_viz.integrations.batches import BOUNDARIES, bare, taken
from akl_viz.models.memory import is_out_of_memory
from akl_viz.models.passes import still

_HALF = 6
"""Tokens of each of the two rows of the trial."""
_STRIDE = 7919
"""Prime step between their ids."""
_FAINT = 0.25
"""Share of what a row changes in the one after it, where nothing parts them, that still counts as nothing: rounding."""

_KNOWN: WeakKeyDictionary[nn.Module, dict[frozenset[str], bool | None]] = WeakKeyDictionary()
"""Model -> what tells it of packed rows -> whether it keeps them apart."""


def refuse_joined(batch: Mapping[str, Any], student: nn.Module, teacher: nn.Module) -> None:
    """Refuse packed rows of which one model sees each alone and the other one all that came before.

    Args:
        batch: what the student is given, without labels.
        student: the model in training, wrapped as it may be.
        teacher: the model it learns from.

    Raises:
        InvalidInput: names both.
    """
    if not is_packed(batch):
        return
    apart = {
        side: keeps_apart(model, taken(model, batch)) for side, model in (("student", student), ("teacher", teacher))
    }
    if set(apart.values()) == {True, False}:
        parting, joining = sorted(apart, key=lambda side: not apart[side])
        raise InvalidInput(
            f"The batch holds rows laid end to end, which the {parting} keeps apart and the {joining} reads as one "
            "text, so the two would not predict from the same input: train on padded rows, without packing."
        )


def is_packed(batch: Mapping[str, Any]) -> bool:
    """Whether a batch says that several texts stand in one of its rows."""
    positions, mask = batch.get("position_ids"), batch.get("attention_mask")
    if any(name in batch for name in BOUNDARIES):
        return True
    if not isinstance(positions, Tensor) or positions.dim() != 2:
        return False
    begins = positions[:, 1:] == 0
    if isinstance(mask, Tensor) and mask.dim() == 2:
        # Padding is often counted as position 0 too.
        begins = begins & (mask[:, 1:] == 1) & (mask[:, :-1] == 1)
    return bool(begins.any())


@torch.no_grad()
def keeps_apart(model: nn.Module, names: Iterable[str]) -> bool | None:
    """Whether a text that stands behind another one in a row is scored without it; None where no trial can tell.

    Args:
        model: wrapped as it may be.
        names: the keys of a batch that the model takes.
    """
    told = frozenset(names) & ({"position_ids", "attention_mask"} | BOUNDARIES)
    known = _KNOWN.setdefault(bare(model), {})
    if told not in known:
        known[told] = _tried(model.module if isinstance(model, DistributedDataParallel) else model, told)
    return known[told]


def _tried(model: nn.Module, told: frozenset[str]) -> bool | None:
    """Change the first of two packed rows, and see how much the second changes against two rows told of as one."""
    try:
        with still(model):
            packed, joined = (_change(model, told, length) for length in (_HALF, 2 * _HALF))
    except Exception as error:  # what cannot be run in a trial fails on its batch, in its own words
        if is_out_of_memory(error):
            raise
        return None
    return packed < _FAINT * joined if joined else None


def _change(model: nn.Module, told: frozenset[str], length: int) -> float:
    """Largest change of a logit of the last tokens where the first ones change, in rows told to be of a length."""
    inner = bare(model)
    device, rows = next(inner.parameters()).device, int(inner.config.get_text_config().vocab_size)
    ids = torch.arange(3 * _HALF, device=device) * _STRIDE % rows
    given = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in _told(length).items()}
    given = {name: value for name, value in given.items() if name in told}
    first, second = (
        model(input_ids=torch.cat([ids[start : start + _HALF], ids[-_HALF:]])[None], use_cache=False, **given).logits
        for start in (0, _HALF)
    )
    return float((first - second)[0, _HALF:].float().abs().max())


def _told(length: int) -> dict[str, Any]:
    """Everything a batch may say of rows of a length in two halves."""
    places = torch.arange(2 * _HALF)[None]
    ends = torch.arange(0, 2 * _HALF + 1, length, dtype=torch.int32)
    return {
        "position_ids": places % length,
        "attention_mask": torch.ones_like(places),
        "cu_seq_lens_q": ends,
        "cu_seq_lens_k": ends,
        "max_length_q": length,
        "max_length_k": length,
        "seq_idx": (places // length).int(),
    }
