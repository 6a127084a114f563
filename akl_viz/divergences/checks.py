"""What rows, targets and temperatures are accepted; every refusal is one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from akl_viz.errors import InvalidInput


def working_dtype(rows: Tensor) -> torch.dtype:
    """The dtype a row is computed in: at least fp32."""
    if not rows.is_floating_point():
        raise InvalidInput(f"Expected rows of floating-point numbers, not {rows.dtype}.")
    return torch.promote_types(rows.dtype, torch.float32)


def check_temperature(temperature: float) -> None:
    """Raise InvalidInput unless the temperature is a positive finite number."""
    if not 0.0 < temperature < float("inf"):
        raise InvalidInput(f"temperature must be a positive number, not {temperature!r}.")


def check_vocabulary(rows: Tensor, what: str) -> None:
    """Refuse a tensor without a vocabulary axis."""
    if rows.dim() == 0 or rows.shape[-1] == 0:
        raise InvalidInput(f"{what} must have a vocabulary as last axis, not shape {tuple(rows.shape)}.")


def check_shapes(teacher: Tensor, student: Tensor) -> None:
    """Refuse rows that do not score the same vocabulary at the same positions."""
    if teacher.shape != student.shape:
        raise InvalidInput(
            f"Teacher has shape {tuple(teacher.shape)} and student {tuple(student.shape)}: they must be the same."
        )
    check_vocabulary(teacher, "teacher and student")


def check_rows(maximum: Tensor, side: str, name: Callable[[int], str]) -> None:
    """Refuse NaN, +inf and rows that are -inf throughout, which is all visible in the rows' maxima."""
    # One sum tells: it is finite unless an entry is not, or entries near the end of the range add up beyond it.
    if math.isfinite(float(maximum.sum())) or bool(maximum.isfinite().all()):
        return
    row = int((~maximum.isfinite()).flatten().nonzero()[0])
    value = float(maximum.flatten()[row])
    if value == -torch.inf:
        wrong = "is -inf throughout, so no token is possible: unmask at least one token"
    else:
        found = "+inf" if value == torch.inf else "NaN"
        wrong = f"holds {found}: check the model's weights and dtype"
    raise InvalidInput(f"Row {name(row)} of the {side} {wrong}.")


def checked_mask(mask: Tensor | None, lead: torch.Size, device: torch.device) -> Tensor | None:
    """The mask as bool on the device, for positions of shape `lead`. Raises InvalidInput."""
    if mask is None:
        return None
    if mask.shape != lead:
        raise InvalidInput(f"mask has shape {tuple(mask.shape)}, but the logits have positions {tuple(lead)}.")
    if mask.dtype != torch.bool and not bool(((mask == 0) | (mask == 1)).all()):
        raise InvalidInput("mask must be bool or hold only 0 and 1.")
    return mask.to(device, torch.bool)


def check_target_shape(target: Tensor, lead: torch.Size) -> None:
    """Refuse targets that are not one whole number per position."""
    if target.shape != lead:
        raise InvalidInput(f"target has shape {tuple(target.shape)}, but there are positions {tuple(lead)}.")
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise InvalidInput(f"target must hold integer token ids, not {target.dtype}.")


def checked_target(target: Tensor | None, shape: torch.Size, device: torch.device) -> Tensor | None:
    """The target ids as int64 on the device, for rows of that shape (..., V). Raises InvalidInput."""
    if target is None:
        return None
    check_target_shape(target, shape[:-1])
    outside = (target < 0) | (target >= shape[-1])
    if bool(outside.any()):
        found = int(target[outside].flatten()[0])
        raise InvalidInput(f"target holds {found}, but token ids go from 0 to {shape[-1] - 1}: mask such positions.")
    return target.to(device, torch.int64)
