"""What a run of the free softmax student is made of: plain data, checked when it is made, without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec
from akl_viz.records import Boundary, FloatArray, Settings
from akl_viz.toys.targets import FAR_SHARE, TARGETS, ZIPF_TOKENS, own_target, zipf

OPTIMISERS = ("adam", "adamw", "sgd", "momentum")
DEFAULT_LR = {"adam": 0.2, "adamw": 0.2, "sgd": 1.0, "momentum": 0.1}
STARTS = ("uniform", "zeros", "warm", "missing-mode")
TAILS = ("rest", "far", "bottom")
LOSSES = ("forward_kl", "reverse_kl", "akl", "akl:direction=reversed")
"""The four of the golden table."""
MOST_STEPS = 50_000
MOST_SEEDS = 1_000
MOST_NUMBERS = 40_000_000
"""Recorded numbers of a run (320 MB)."""
MOST_WORK = 2e10
"""Token updates of a run: steps x runs x vocabulary; about twenty minutes on one core."""
MOST_FRAMES = 100_000_000
"""Probabilities kept for an animation (400 MB)."""
OWN = "own"


@dataclass(frozen=True)
class Optimiser:
    """How one optimiser moves the logits; the updates are those of torch.optim. No weight decay but adamw's."""

    name: str = "adam"
    lr: float = 0.2
    momentum: float = 0.9
    """Of "momentum"."""
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01
    """Of "adamw"."""

    def __post_init__(self) -> None:
        """Refuse what no optimiser can run with."""
        if self.name not in OPTIMISERS:
            raise InvalidInput(f"The optimiser must be one of {', '.join(OPTIMISERS)}, not {self.name!r}.")
        if not 0.0 < self.lr < math.inf:
            raise InvalidInput(f"lr must be a positive number, not {self.lr:g}.")
        for field in ("momentum", "beta1", "beta2"):
            if not 0.0 <= getattr(self, field) < 1.0:
                raise InvalidInput(f"{field} must be from 0 to below 1, not {getattr(self, field):g}.")
        if not (0.0 < self.eps < math.inf and 0.0 <= self.weight_decay < math.inf):
            raise InvalidInput("eps must be above 0 and weight_decay at least 0.")

    @classmethod
    def of(cls, name: str, lr: float | None = None) -> Optimiser:
        """The optimiser with this learning rate, or with the default one of its kind."""
        return cls(name, DEFAULT_LR.get(name, 1.0) if lr is None else lr)

    @property
    def label(self) -> str:
        """How it is called in results: name and learning rate."""
        return f"{self.name} lr {self.lr:g}"


@dataclass(frozen=True)
class Start:
    """The student's logits before the first step.

    uniform: U(0, 1), as in the notebooks. zeros: all 0. warm: the teacher's logits plus N(0, noise).
    missing-mode: the teacher's logits with the tokens of one stretch lowered by `depth`.
    """

    kind: str = "uniform"
    noise: float = 1.0
    """Standard deviation of "warm", in logits."""
    depth: float = 10.0
    """How far "missing-mode" lowers the logits of the dropped stretch."""
    dropped: tuple[int, int] | None = None
    """First token of that stretch and the one after its last; None for the first half of the vocabulary."""

    def __post_init__(self) -> None:
        """Refuse what is no start."""
        if self.kind not in STARTS:
            raise InvalidInput(f"The start must be one of {', '.join(STARTS)}, not {self.kind!r}.")
        if not 0.0 <= self.noise <= 100.0:
            raise InvalidInput(f"The start's noise must be from 0 to 100, not {self.noise:g}.")
        if not 0.0 <= self.depth <= 500.0:
            raise InvalidInput(f"The depth must be from 0 to 500, not {self.depth:g}.")

    @property
    def random(self) -> bool:
        """Whether seeds differ."""
        return self.kind == "uniform" or (self.kind == "warm" and self.noise > 0.0)


@dataclass(frozen=True)
class DiscreteConfig:
    """One experiment: a teacher, several losses and optimisers side by side, several seeds.

    Make one with `discrete_config(PRESET, ...)`, which fills in what the preset stands for.
    """

    preset: str = "paper-longtail"
    """A key of TARGETS, or "own" with `target`."""
    target: tuple[float, ...] = ()
    """Own probabilities, divided by their sum."""
    tokens: int = ZIPF_TOKENS
    """Vocabulary of "zipf"."""
    losses: tuple[str, ...] = LOSSES
    """LossSpec strings; akl takes mu and boundary from here where it gives none."""
    optimisers: tuple[Optimiser, ...] = (Optimiser(),)
    start: Start = Start()
    steps: int = 800
    """Optimiser steps, each on the full gradient of the one distribution."""
    seeds: int = 1
    first_seed: int = 1
    mu: float = 0.5
    boundary: Boundary = "below"
    tail: str = "rest"
    """What `tail_gap` sums over: "rest" (all but the head), "far" (from token `far_from` on), "bottom" (the `bottom`
    tokens the teacher finds least likely)."""
    far_from: int | None = None
    """First token of the far region; None for 0.575 of the vocabulary (46 of 80, the notebook's inset)."""
    bottom: int = 10
    every: int = 1
    """Record every so many steps, and the last."""
    frames: bool = False
    """Keep the student's whole distribution of the first seed at every recorded step."""

    def __post_init__(self) -> None:
        """Refuse what cannot be run, with one sentence. Whether losses exist is checked by `run_discrete`."""
        Settings(self.mu, self.boundary)
        _check_counts(self)
        if self.preset != OWN and self.preset not in TARGETS:
            raise InvalidInput(f"There is no preset {self.preset!r}; choose one of {', '.join([*TARGETS, OWN])}.")
        if (self.preset == OWN) != bool(self.target):
            raise InvalidInput('A target of your own goes with the preset "own", and only with it.')
        if self.tail not in TAILS:
            raise InvalidInput(f"tail must be one of {', '.join(TAILS)}, not {self.tail!r}.")
        if not self.losses or not self.optimisers:
            raise InvalidInput("Choose at least one loss and one optimiser.")
        for loss in self.losses:
            LossSpec.parse(loss)
        _check_tokens(self, len(self.teacher()))

    def teacher(self) -> FloatArray:
        """(V,) the teacher's probabilities."""
        if self.preset == OWN:
            return own_target(self.target)
        return zipf(self.tokens) if self.preset == "zipf" else TARGETS[self.preset].make()

    @property
    def recorded(self) -> tuple[int, ...]:
        """The recorded steps: 0, every, 2 every, ... and the last."""
        steps = range(0, self.steps + 1, self.every)
        return tuple(steps) if steps[-1] == self.steps else (*steps, self.steps)

    @property
    def runs(self) -> int:
        """Number of students trained side by side."""
        return len(self.losses) * len(self.optimisers) * self.seeds


def discrete_config(preset: str = "paper-longtail", **changes: Any) -> DiscreteConfig:
    """The experiment a preset stands for, with some of it changed.

    Raises:
        InvalidInput: an unknown preset, or a value outside its range.
    """
    facts = _PRESETS.get(preset, {}) | {name: value for name, value in changes.items() if value is not None}
    return DiscreteConfig(preset=preset, **facts)


_PRESETS: dict[str, dict[str, Any]] = {
    "paper-longtail": {"optimisers": (Optimiser("adam", 0.2),), "steps": 800},
    "paper-bimodal": {"optimisers": (Optimiser("adam", 0.1),), "steps": 200},
    "paper-broad": {"optimisers": (Optimiser("adam", 0.1),), "steps": 200},
    "zipf": {"optimisers": (Optimiser("sgd", 1.0),), "start": Start("warm"), "steps": 100},
    OWN: {"steps": 200},
}


def _check_counts(config: DiscreteConfig) -> None:
    """Refuse numbers of steps, seeds and records out of range."""
    if not 1 <= config.steps <= MOST_STEPS:
        raise InvalidInput(f"steps must be from 1 to {MOST_STEPS:,}, not {config.steps:,}.")
    if not 1 <= config.seeds <= MOST_SEEDS:
        raise InvalidInput(f"seeds must be from 1 to {MOST_SEEDS:,}, not {config.seeds:,}.")
    if not 0 <= config.first_seed < 2**31:
        raise InvalidInput(f"first_seed must be from 0 to 2147483647, not {config.first_seed}.")
    if not 1 <= config.every <= config.steps:
        raise InvalidInput(f"every must be from 1 to the number of steps, not {config.every}.")


def _check_tokens(config: DiscreteConfig, tokens: int) -> None:
    """Refuse regions outside the vocabulary and runs too large to hold."""
    limits = (
        ("The first far token", config.far_from),
        ("k, the number of tokens in the tail,", config.bottom if config.tail == "bottom" else None),
    )
    for name, value in limits:
        if value is not None and not 1 <= value < tokens:
            raise InvalidInput(f"{name} must be from 1 to {tokens - 1}, not {value}.")
    first, last = config.start.dropped or (0, 1)
    if not 0 <= first < last <= tokens:
        raise InvalidInput(f"The dropped stretch must lie within the {tokens} tokens, not from {first} to {last}.")
    kept = len(config.recorded) * config.runs
    frames = len(config.recorded) * len(config.losses) * len(config.optimisers) * tokens if config.frames else 0
    if kept * 7 > MOST_NUMBERS or frames > MOST_FRAMES or config.steps * config.runs * tokens > MOST_WORK:
        raise InvalidInput("That is too much for one run: take fewer steps, seeds, losses or tokens.")


def far_from(config: DiscreteConfig, tokens: int) -> int:
    """First token of the far region."""
    return max(1, round(FAR_SHARE * tokens)) if config.far_from is None else config.far_from
