"""What of a batch both models are given: all of it that they take, so that both predict from the same."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from akl_viz.errors import InvalidInput
from akl_viz.models.passes import passes_of, stated_together_to

BOUNDARIES = frozenset({"cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k", "seq_idx"})
"""Where rows that were packed into one begin: taken by attention kernels, through any forward with **kwargs."""
_NOT_ASKED = {
    "num_items_in_batch": "divides the loss the model makes, which is not used",
    "return_loss": "asks for the loss the model makes, which is not used",
    "return_dict": "says how outputs are packed",
    "output_attentions": "asks for more outputs",
    "output_hidden_states": "asks for more outputs",
    "output_router_logits": "asks for more outputs, and for a loss of the router, which is not used",
    "use_cache": "asks for a cache, which is not used",
    "logits_to_keep": "says how many logits are made",
    "skip_logits": "says whether logits are made",
}
"""Keys that change no logit -> why; neither model is given them, since we ask both for what the loss needs."""
_OWN = ("inputs_embeds", "past_key_values")
"""Keys that hold what one model made of tokens, which means nothing to another."""


def asked_of(batch: Mapping[str, Any]) -> dict[str, Any]:
    """What of a trainer's batch its student is given: all but labels, and what says how outputs are made.

    Raises:
        InvalidInput: the batch holds what one model made of tokens in place of the tokens.
    """
    own = next((name for name in _OWN if batch.get(name) is not None), None)
    if own is not None:
        raise InvalidInput(
            f"The batch holds {own}, which are one model's own: give both models the tokens (input_ids)."
        )
    return {name: value for name, value in batch.items() if name not in {"labels", "shift_labels", *_NOT_ASKED, *_OWN}}


def shared_batch(batch: Mapping[str, Any], student: nn.Module, teacher: nn.Module) -> dict[str, Any]:
    """The part of a batch that the teacher is given: every key its forward takes.

    Args:
        batch: what the student is given (`asked_of`).
        student: the model in training, wrapped as it may be.
        teacher: the model it learns from.

    Raises:
        InvalidInput: one of the two would be given something that the other does not take (images, another kind of
            positions).
    """
    ours, theirs = (taken(one, batch) for one in (student, teacher))
    for name in batch:
        if (name in ours) == (name in theirs) or _says_nothing(name, batch):
            continue
        takes, other = ("student", "teacher") if name in ours else ("teacher", "student")
        raise InvalidInput(
            f"The batch holds {name}, which the {takes} takes and the {other} does not, so the two would not predict "
            "from the same input: use a pair that takes the same inputs, or leave it out of the batch."
        )
    return {name: value for name, value in batch.items() if name in theirs}


def taken(model: nn.Module, batch: Mapping[str, Any]) -> frozenset[str]:
    """The keys of a batch that a model's forward has a name for, or hands on to its attention."""
    parameters = inspect.signature(bare(model).forward).parameters
    open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    return frozenset(name for name in batch if name in parameters or (open_ended and name in BOUNDARIES))


def bare(model: Any) -> Any:
    """The model without what wraps it: processes, a compiler, an adapter."""
    for name in ("module", "_orig_mod"):
        while isinstance(getattr(model, name, None), nn.Module):
            model = getattr(model, name)
    return model.get_base_model() if hasattr(model, "peft_config") and hasattr(model, "get_base_model") else model


def _says_nothing(name: str, batch: Mapping[str, Any]) -> bool:
    """Whether a key holds what a model that does not take it does by itself: whole rows, counted from 0."""
    value = batch[name]
    if not isinstance(value, Tensor) or value.dim() != 2:
        return False
    if name == "position_ids":
        return bool((value == torch.arange(value.shape[1], device=value.device)).all())
    return name == "attention_mask" and bool((value == 1).all())


def refuse_long(length: int, models: Mapping[str, int | None]) -> None:
    """Refuse texts of more tokens than a model has positions.

    Args:
        length: positions that the longest text needs.
        models: how each is called -> the positions it has, or None.

    Raises:
        InvalidInput: names the model, both numbers and the remedy.
    """
    for side, positions in models.items():
        if positions is not None and length > positions:
            raise InvalidInput(
                f"The {side} has {positions} positions, but a row needs {length}: cut the rows to {positions} tokens, "
                f"or use another {side}."
            )


def positions_of(batch: Mapping[str, Any]) -> int:
    """Positions that the longest text of a batch needs, by its tokens, or as it counts them itself."""
    given = batch.get("position_ids")
    if isinstance(given, Tensor) and given.numel():
        return int(given.max()) + 1
    return int(batch["input_ids"].shape[-1]) if "input_ids" in batch else 0


def limits_together(models: Mapping[str, nn.Module], *, spread: bool) -> dict[str, float]:
    """The models whose logits of a row depend on the rows beside it -> positions of a batch up to which they do not.

    Args:
        models: how each is called -> the model.
        spread: whether no process holds all weights, so that no trial can be made.
    """
    limits = {side: stated_together_to(one) if spread else passes_of(one).together_to for side, one in models.items()}
    return {side: most for side, most in limits.items() if most < math.inf}


def beside_longer(batch: Mapping[str, Any], most: float) -> bool:
    """Whether a text of a batch stands beside a longer one, or padding, that reaches beyond `most` positions."""
    positions, mask = batch.get("position_ids"), batch.get("attention_mask")
    if isinstance(positions, Tensor) and positions.dim() == 2:
        ends = torch.ones_like(positions, dtype=torch.bool)
        ends[:, :-1] = positions[:, 1:] <= positions[:, :-1]
        lengths = positions[ends] + 1
        longest = int(lengths.max())
    elif isinstance(mask, Tensor) and mask.dim() == 2:
        lengths, longest = mask.sum(-1), mask.shape[-1]
    else:
        return False
    return longest > most and int(lengths.min()) < longest


def longest_row(dataset: Any) -> int:
    """Tokens of the longest row of a dataset that can say so without being read whole by a loader; 0 of others.

    Packed rows hold several texts, each with positions of its own, and count as nothing here.
    """
    columns = getattr(dataset, "column_names", None)
    if isinstance(columns, list) and hasattr(dataset, "with_format"):
        if "input_ids" not in columns or {"seq_lengths", "position_ids"} & set(columns) or not hasattr(dataset, "data"):
            return 0
        return max(_arrow_lengths(dataset), default=0)
    if not isinstance(dataset, list | tuple):
        return 0
    rows = (row for row in dataset if isinstance(row, Mapping) and "position_ids" not in row)
    return max((len(row["input_ids"]) for row in rows if hasattr(row.get("input_ids"), "__len__")), default=0)


def _arrow_lengths(dataset: Any) -> Iterator[int]:
    """The length of every list in the column input_ids, without making Python objects of the tokens."""
    import pyarrow.compute as compute

    for table in dataset.with_format("arrow", columns=["input_ids"]).iter(batch_size=10_000):
        longest = compute.max(compute.list_value_length(table.column("input_ids"))).as_py()
        yield longest or 0
