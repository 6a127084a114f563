"""From one value per position to one number: the only masked mean."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from akl_viz.errors import InvalidInput

Reduction = Literal["mean", "sum", "none", "batchmean"]
REDUCTIONS: tuple[Reduction, ...] = get_args(Reduction)


def check_reduction(reduction: str) -> None:
    """Raise InvalidInput that lists the reductions there are."""
    if reduction not in REDUCTIONS:
        raise InvalidInput(f"reduction must be one of {', '.join(REDUCTIONS)}, not {reduction!r}.")


def divisor(reduction: Reduction, unmasked: int, shape: torch.Size) -> int:
    """What the sum over unmasked positions is divided by; 1 where the count is 0, so that an empty mean is 0.

    Args:
        reduction: "mean" divides by the number of unmasked positions of the whole batch, "batchmean" by the size of
            the first dimension of `shape` (1 if there is none), "sum" and "none" by 1.
        unmasked: number of positions that count.
        shape: shape of the positions (...).
    """
    if reduction == "mean":
        return max(unmasked, 1)
    if reduction == "batchmean":
        return max(shape[0], 1) if shape else 1
    return 1


def reduced(values: Tensor, mask: Tensor | None, reduction: Reduction) -> Tensor:
    """Values of the unmasked positions, reduced; masked ones count as 0 whatever they hold, even NaN.

    Args:
        values: (...) nats.
        mask: (...) bool, true where a position counts; None for all.
        reduction: see `divisor`; "none" keeps one value per position.

    Returns:
        A scalar, or (...) for "none"; 0 where no position counts.
    """
    kept = values if mask is None else torch.where(mask, values, torch.zeros_like(values))
    if reduction == "none":
        return kept
    unmasked = values.numel() if mask is None else int(mask.sum())
    return kept.sum() / divisor(reduction, unmasked, values.shape)


def masked_mean(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """The mean over the positions that count, 0 where none does.

    Args:
        values: (...).
        mask: (...) bool, true where a position counts; None for all.

    Returns:
        A scalar.
    """
    return reduced(values, mask, "mean")
