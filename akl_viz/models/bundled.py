"""The catalog of bundled models: what `akl-viz models` lists and the pickers offer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models.fingerprint import fingerprint
from akl_viz.paths import DATA

Role = Literal["teacher", "student"]


@dataclass(frozen=True)
class BundledModel:
    """One bundled checkpoint, with the fields of `akl-viz models --json` in their order."""

    reference: str
    """`bundled:NAME`."""
    role: Role
    path: str
    """The checkpoint's folder."""
    parameters: int
    loss: str | None
    """Registry key of the loss the student was distilled with; None for the teacher and the warmed-up start."""
    step: int | None
    """Optimiser steps of distillation; 0 for the warmed-up start, None for the teacher."""
    perplexity: float
    """On the held-out passages."""
    revision: str
    """Fingerprint of the weights."""


def bundled_models(data: Path = DATA) -> list[BundledModel]:
    """List the bundled models: the teacher first, then the students in order of step.

    Args:
        data: the folder whose `checkpoints/index.json` is the catalog.

    Raises:
        CheckpointUnavailable: the catalog or the weights of one of its models are missing or unreadable.
    """
    index = data / "checkpoints" / "index.json"
    try:
        rows = json.loads(index.read_text(encoding="utf-8"))
        models = [_model(row, index.parent) for row in rows]
    except FileNotFoundError as error:
        raise CheckpointUnavailable(f"{error.filename or index} is missing: run `make data` to build it.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointUnavailable(f"{index} cannot be read: run `make data` to build it again.") from error
    return sorted(models, key=lambda model: (model.role != "teacher", model.step or 0))


def _model(row: dict[str, Any], folder: Path) -> BundledModel:
    """One row of the catalog with its folder and the fingerprint of its weights."""
    place = folder / row["name"]
    if row["role"] not in {"teacher", "student"}:
        raise ValueError(row["role"])
    weights = sorted(place.glob("*.safetensors"))
    if not weights:
        raise FileNotFoundError(2, "no weights", str(place / "model.safetensors"))
    return BundledModel(
        reference=f"bundled:{row['name']}",
        role=row["role"],
        path=str(place.resolve()),
        parameters=int(row["parameters"]),
        loss=row["loss"],
        step=row["step"],
        perplexity=float(row["perplexity"]),
        revision=fingerprint(weights),
    )
