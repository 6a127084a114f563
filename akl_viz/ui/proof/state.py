"""What a person chose on the page: checked, packed for an address, read from one, and as commands.

Values from an address or from the browser are untrusted: each is checked, and one that is not valid is left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from akl_viz.ui.address import Readers, fields_of, invalid, word
from akl_viz.ui.limits import Limit

LOSSES = ("forward_kl", "reverse_kl", "akl", "mixed_kl")
"""The losses drawn on the simplex, in their order."""
OPTIMISERS: dict[str, float] = {"sgd": 1.0, "adam": 0.1}
"""Optimiser -> its learning rate on this page: those of the plateau in PAPER 4.4."""
TEACHERS: dict[str, str] = {"paper-longtail": "long tail", "paper-bimodal": "two modes", "three": "the three above"}
"""Teachers of the last block: short names, as all three must fit a phone."""
DEPTHS = range(1, 21)
PATH_STEPS = 200
"""Steps of the paths on the simplex."""
STEP = Limit("The step", 0, PATH_STEPS)
EDGE = 0.001
"""Smallest probability of a token on the simplex: a token at 0 stays there."""
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
    arrows: str = LOSSES[0]
    """The loss whose flow is drawn."""
    step: int = 5
    """Where the students stand on their paths."""
    depth: int = 10
    """How far the logits of the left mode are lowered."""
    target: str = "paper-longtail"
    """Teacher of the last block."""
    seed: int = 0
    """Seed of its direction."""


def from_address(query: Mapping[str, str]) -> State:
    """The view of an address; whatever is not valid is left at its default."""
    return State(**fields_of(_READERS, query))


def unusable(query: Mapping[str, str]) -> list[str]:
    """The parameters of an address that `from_address` leaves at their defaults."""
    return invalid(_READERS, query)


def to_address(state: State) -> dict[str, str | None]:
    """The parameters `from_address` reads as this view; None where a part is at its default."""
    default = State()
    parts = {
        "w": (state.weight, default.weight, f"{state.weight:g}"),
        "p": (state.teacher, default.teacher, _BETWEEN.join(f"{one:g}" for one in state.teacher)),
        "q": (state.start, default.start, _BETWEEN.join(f"{one:g}" for one in state.start)),
        "optimiser": (state.optimiser, default.optimiser, state.optimiser),
        "arrows": (state.arrows, default.arrows, state.arrows),
        "step": (state.step, default.step, str(state.step)),
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


def _three(text: str) -> Three | None:
    try:
        return three([float(part) for part in text.split(_BETWEEN)]) if len(text) <= 60 else None
    except ValueError:
        return None


def _share(text: str) -> float | None:
    value = Limit("w", 0.0, 1.0).read(text)
    return None if value is None else round(value, 2)


_READERS: Readers = {
    "w": ("weight", _share),
    "p": ("teacher", _three),
    "q": ("start", _three),
    "optimiser": ("optimiser", word(OPTIMISERS)),
    "arrows": ("arrows", word(LOSSES)),
    "step": ("step", STEP.read),
    "depth": ("depth", Limit("The depth", DEPTHS[0], DEPTHS[-1]).read),
    "target": ("target", word(TEACHERS)),
    "seed": ("seed", Limit("The seed", 0, LAST_SEED).read),
}
