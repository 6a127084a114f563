"""The catalog of bundled models: what `akl-viz models` lists and the pickers offer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models.fingerprint import fingerprint
from akl_viz.models.reference import SMOLLM2, SMOLLM2_FILE, SMOLLM2_FOLDER
from akl_viz.paths import DATA

Role = Literal["teacher", "student", "extra"]
"""The two of the bundled pair; or a model that was installed besides, which has a vocabulary of its own."""

SMOLLM2_PARAMETERS = 134_515_008
"""Numbers of SmolLM2-135M: 30 layers of width 576, 49,152 tokens, tied embeddings."""


@dataclass(frozen=True)
class BundledModel:
    """One bundled checkpoint, with the fields of `akl-viz models --json` in their order."""

    reference: str
    """`bundled:NAME`."""
    role: Role
    path: str
    """The checkpoint's folder, or its one file."""
    parameters: int
    loss: str | None
    """Registry key of the loss the student was distilled with; None for the teacher and the warmed-up start."""
    step: int | None
    """Optimiser steps of distillation; 0 for the warmed-up start, None for the teacher."""
    perplexity: float | None
    """On the held-out passages; None where it was not measured."""
    revision: str
    """Fingerprint of the weights."""


def bundled_models(data: Path = DATA) -> list[BundledModel]:
    """List the bundled models: the teacher first, then the students in order of step, last what was installed besides.

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
    return [*sorted(models, key=lambda model: (model.role != "teacher", model.step or 0)), *_installed(data)]


def _installed(data: Path) -> list[BundledModel]:
    """SmolLM2, where `make smollm2` put it."""
    file = data / SMOLLM2_FOLDER / SMOLLM2_FILE
    if not file.is_file():
        return []
    return [
        BundledModel(
            reference=f"bundled:{SMOLLM2}",
            role="extra",
            path=str(file.resolve()),
            parameters=SMOLLM2_PARAMETERS,
            loss=None,
            step=None,
            perplexity=None,
            revision=fingerprint([file]),
        )
    ]


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
