"""What a person chose on the page: checked, packed for an address, read from one, and as commands.

Values from an address or from the browser are untrusted: each is checked, and one that is not valid is left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOSSES = ("forward_kl", "reverse_kl", "akl", "mixed_kl")
"""The losses drawn on the simplex, in their order."""
OPTIMISERS: dict[str, float] = {"sgd": 1.0, "adam": 0.1}
"""Optimiser -> its learning rate on this page: those of the plateau in PAPER 4.4."""
TEACHERS: dict[str, str] = {
    "paper-longtail": "long tail, 80 tokens",
    "paper-bimodal": "two modes, 50 tokens",
    "three": "the three tokens above",
}
"""Teachers of the last block."""
DEPTHS = range(1, 21)
EDGE = 0.001
"""Smallest probability of a token on the simplex: on the edge itself nothing moves."""
LAST_SEED = 999
_BETWEEN = "_"

Three = tuple[float, float, float]


@dataclass(frozen=True)
class State:
    """One view of the page."""

    weight: float = 0.5
    """w of phi."""
    teacher: Three = (0.6, 0.3, 0.1)
    start: Three = (0.04, 0.16, 0.8)
    optimiser: str = "sgd"
    depth: int = 10
    """How far the logits of the left mode are lowered."""
    target: str = "paper-longtail"
    """Teacher of the last block."""
    seed: int = 0
    """Seed of its direction."""


def from_address(query: Mapping[str, str]) -> State:
    """The view of an address; whatever is not valid is left at its default."""
    default = State()
    return State(
        weight=_share(query.get("w"), default.weight),
        teacher=three(_numbers(query.get("p"))) or default.teacher,
        start=three(_numbers(query.get("q"))) or default.start,
        optimiser=str(_word(query.get("optimiser"), OPTIMISERS) or default.optimiser),
        depth=_whole(query.get("depth"), DEPTHS, default.depth),
        target=str(_word(query.get("target"), TEACHERS) or default.target),
        seed=_whole(query.get("seed"), range(LAST_SEED + 1), default.seed),
    )


def to_address(state: State) -> dict[str, str | None]:
    """The parameters `from_address` reads as this view; None where a part is at its default."""
    default = State()
    parts = {
        "w": (state.weight, default.weight, f"{state.weight:g}"),
        "p": (state.teacher, default.teacher, _BETWEEN.join(f"{one:g}" for one in state.teacher)),
        "q": (state.start, default.start, _BETWEEN.join(f"{one:g}" for one in state.start)),
        "optimiser": (state.optimiser, default.optimiser, state.optimiser),
        "depth": (state.depth, default.depth, str(state.depth)),
        "target": (state.target, default.target, state.target),
        "seed": (state.seed, default.seed, str(state.seed)),
    }
    return {name: text if value != usual else None for name, (value, usual, text) in parts.items()}


def three(value: Any) -> Three | None:
    """Three probabilities of at least EDGE that sum to 1 at four digits, or None where the value is no such thing."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) != 3:
        return None
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and 0.0 <= one <= 1e6 for one in value):
        return None
    total = sum(value)
    if total <= 0.0:
        return None
    first, second, _ = (max(EDGE, round(one / total, 4)) for one in value)
    third = round(1.0 - first - second, 4)
    if third < EDGE:
        largest = max(first, second)
        change = round(EDGE - third, 4)
        first, second = (first - change, second) if first == largest else (first, second - change)
    return (round(first, 4), round(second, 4), max(EDGE, third))


def simplex_command(state: State) -> str:
    """The flows and paths on the simplex."""
    words = [f"--teacher={_listed(state.teacher)}", f"--start={_listed(state.start)}"]
    words += ["--optimizer", state.optimiser, "--lr", f"{OPTIMISERS[state.optimiser]:g}"]
    return _toy("proof", "simplex", *words)


def phi_command(state: State) -> str:
    """The curve of phi."""
    return _toy("proof", "phi", "--weight", f"{state.weight:g}")


def plateau_command(state: State, optimiser: str) -> str:
    """The steps it takes to bring a mode back from this depth."""
    words = ["--depths", str(state.depth), "--optimizer", optimiser, "--lr", f"{OPTIMISERS[optimiser]:g}"]
    for loss in LOSSES:
        words += ["--loss", loss]
    return _toy("plateau", *words)


def late_command(state: State) -> str:
    """How alike both KLs become."""
    teacher = [f"--teacher={_listed(state.teacher)}"] if state.target == "three" else ["--preset", state.target]
    return _toy("proof", "late", *teacher, "--seed", str(state.seed))


def _toy(*words: str) -> str:
    return shlex.join(["akl-viz", "toy", *words, "--json"])


def _listed(weights: Sequence[float]) -> str:
    return ",".join(f"{weight:g}" for weight in weights)


def _numbers(text: str | None) -> list[float] | None:
    try:
        return None if text is None or len(text) > 60 else [float(part) for part in text.split(_BETWEEN)]
    except ValueError:
        return None


def _share(text: str | None, default: float) -> float:
    try:
        value = float(text) if text is not None and len(text) < 20 else default
    except ValueError:
        return default
    return round(value, 2) if 0.0 <= value <= 1.0 else default


def _whole(text: str | None, allowed: range, default: int) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 4:
        return default
    return int(text) if int(text) in allowed else default


def _word(value: Any, allowed: Mapping[str, object]) -> str | None:
    return value if isinstance(value, str) and value in allowed else None
