"""What the page animates, packed for the browser: pure data, equal for equal results. The browser only draws."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np

from akl_viz.figures.theme import DIVERGENCE_COLOURS
from akl_viz.loss_spec import LossSpec
from akl_viz.records import FloatArray
from akl_viz.toys import TARGETS, DiscreteConfig, DiscreteRuns
from akl_viz.toys.settings import far_from
from akl_viz.ui.components.payload import pack
from akl_viz.ui.discrete.look import Look
from akl_viz.ui.discrete.results import DECADES, FULL, GAPS, Codes, Result, encoded

SHOWN = ("head_gap", "tail_gap", "forward_kl", "reverse_kl")
"""Fields of the read-out."""
LEVEL = 0.9
"""Share of the seeds inside a band."""


def payload(result: Result, look: Look, turn: int) -> dict[str, Any]:
    """Everything the browser needs: frames, teacher, regions, read-out and curves.

    Args:
        result: the experiment.
        look: how to open it.
        turn: another number says that the look is to be taken again, in place of what the browser has.
    """
    packed = _packed(result)
    return packed | {"ver": f"{packed['ver']}.{turn}", "look": look.packed(), "turn": turn}


@lru_cache(maxsize=4)
def _packed(result: Result) -> dict[str, Any]:
    """All but the look: made once for as long as a result is looked at."""
    runs = result.runs
    config, losses = runs.config, runs.config.losses
    keys = [_coloured(loss) for loss in losses]
    several = config.seeds > 1 and config.start.random
    curves = np.stack([[runs.band(gap, loss, share=True, level=LEVEL) for loss in losses] for gap in GAPS])
    fields = np.stack([[runs.curve(field, loss) for loss in losses] for field in SHOWN])
    positions = TARGETS[config.preset].positions if config.preset in TARGETS else None
    return {
        "ver": hashlib.sha256(repr((config, result.seed)).encode()).hexdigest(),
        "losses": [
            {"name": loss, "key": key, "again": key in keys[:place]}
            for place, (loss, key) in enumerate(zip(losses, keys, strict=True))
        ],
        "steps": runs.steps.tolist(),
        "tokens": len(runs.teacher),
        "positions": list(positions) if positions else None,
        "codes": _bytes(result.codes),
        "frames": len(result.drawn),
        "frame": pack(np.searchsorted(result.drawn, np.arange(len(runs.steps)), side="right") - 1, "i4"),
        "teacher": _bytes(encoded(runs.teacher)),
        "decades": DECADES,
        "full": FULL,
        "top": _top(max(float(runs.teacher.max()), _largest(result))),
        "floor": _floor(runs.teacher),
        "head": pack(runs.in_head.astype(np.uint8), "u1"),
        "tail": pack(runs.in_tail.astype(np.uint8), "u1"),
        "masses": [float(runs.teacher[runs.in_head].sum()), float(runs.teacher[runs.in_tail].sum())],
        "headName": f"head: likeliest tokens up to mass μ = {config.mu:g} ({config.boundary})",
        "tailName": f"tail: {tail_words(config, len(runs.teacher))}",
        "fields": list(SHOWN),
        "shown": pack(fields[:, :, result.seed - config.first_seed], "f4"),
        "medians": pack(np.median(fields, axis=2), "f4") if several else None,
        "curves": pack(curves if several else curves[:, :, 1:2], "f4"),
        "band": f"line: median of {config.seeds} seeds; band: middle {LEVEL:.0%} of them" if several else "",
        "seed": result.seed if config.start.random else None,
        "seeds": config.seeds if several else 1,
    }


def tail_words(config: DiscreteConfig, tokens: int) -> str:
    """What the tail gap sums over."""
    if config.tail == "far":
        return f"far region, tokens from {far_from(config, tokens)} on"
    if config.tail == "bottom":
        return f"the teacher's {config.bottom} least likely tokens"
    return "all tokens but the head"


def overlap_words(runs: DiscreteRuns) -> str:
    """That what was chosen as the tail holds tokens of the head; empty where it does not."""
    both = runs.in_head & runs.in_tail
    if not both.any():
        return ""
    told = (
        f"The tail chosen here holds {int(both.sum())} of the {int(runs.in_head.sum())} tokens of the head, "
        f"{float(runs.teacher[both].sum()):.0%} of the teacher's mass: its gap is not that of a tail."
    )
    usual = runs.config.tail == "far" and runs.config.far_from is None
    return f"{told} The far region was made for the long-tailed teacher." if usual else told


def _bytes(codes: Codes) -> dict[str, str]:
    """16-bit codes, little-endian, as the bytes they are."""
    return pack(np.frombuffer(codes.astype("<u2").tobytes(), np.uint8), "u1")


def _coloured(loss: str) -> str:
    """The key whose colour it has; a key without one is drawn grey."""
    key = LossSpec.parse(loss).key
    return key if key in DIVERGENCE_COLOURS else ""


def _largest(result: Result) -> float:
    """The largest probability of any student at any step."""
    return float(10.0 ** (DECADES * (float(result.codes.max()) / FULL - 1.0)))


def _top(largest: float) -> float:
    """The end of the linear axis: the next round number."""
    power = 10.0 ** np.floor(np.log10(largest))
    return float(
        next(
            (power * factor for factor in (1, 1.2, 1.6, 2, 2.5, 3, 4, 5, 6, 8) if largest <= power * factor * 1.02),
            10 * power,
        )
    )


def _floor(teacher: FloatArray) -> int:
    """The lower end of the logarithmic axis, as a power of ten."""
    return int(max(-DECADES, np.floor(np.log10(teacher.min())) - 1))
