"""The rank-limited student: what is run and what is measured, as plain data without torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec
from akl_viz.paths import DATA
from akl_viz.records import FloatArray
from akl_viz.toys.intervals import binomial_interval, t_interval, told_interval

LOWRANK_FIELDS = ("forward_kl", "reverse_kl", "tvd", "entropy", "top5", "bottom_half", "loss_value")
"""Means over contexts: both KLs and the loss in nats, total variation, the student's entropy in nats, its mass on the
teacher's five likeliest tokens and on the half of the vocabulary the teacher finds less likely, context by context."""
TEACHER_FIELDS = ("entropy", "top5", "bottom_half")
MOST_STEPS = 20_000
MOST_WORK = 6e10
"""Token updates of a run: about an hour on one core."""
_LARGEST_LR = 100.0
STORED = Path("toys") / "lowrank.json"
NEGLIGIBLE = 1e-3
"""Nats. Entropies closer than this are called equal: what is left is where an optimiser stopped."""
_MORE = f"more than {NEGLIGIBLE:g} nats"
_SCHEMA = 1


@dataclass(frozen=True)
class LowRankConfig:
    """A student whose logits over all contexts have a limited rank, for a teacher of higher rank.

    The teacher's logits are 2 A B / sqrt(teacher_rank) - ln(token's rank), with A, B ~ N(0, 1) from
    numpy.random.default_rng(seed); the student's are C D + b. Each seed draws a teacher and a start.
    """

    losses: tuple[str, ...] = ("forward_kl", "reverse_kl", "akl")
    ranks: tuple[int, ...] = (2, 4, 8)
    seeds: int = 10
    first_seed: int = 0
    """Seed 0 draws the teacher of the published single-seed table."""
    steps: int = 3000
    """Adam steps on the mean over contexts, the learning rate falling to 0 as half a cosine."""
    lr: float = 0.05
    contexts: int = 64
    tokens: int = 200
    teacher_rank: int = 32

    def __post_init__(self) -> None:
        """Refuse what cannot be run. Whether losses exist is checked by `run_lowrank`."""
        if not self.losses or not self.ranks:
            raise InvalidInput("Give at least one loss and one rank.")
        for loss in self.losses:
            LossSpec.parse(loss)
        limits = {
            "seeds": (1, 200), "first_seed": (0, 2**31 - 1), "steps": (1, MOST_STEPS), "contexts": (1, 1024),
            "tokens": (10, 5000), "teacher_rank": (1, 1024),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise InvalidInput(f"{name} must be from {low} to {high:,}, not {getattr(self, name)}.")
        most = min(self.contexts, self.tokens)
        if not all(1 <= rank <= most for rank in self.ranks) or len(set(self.ranks)) < len(self.ranks):
            raise InvalidInput(f"Ranks must be different whole numbers from 1 to {most}.")
        if not 0.0 < self.lr <= _LARGEST_LR:
            raise InvalidInput(f"lr must be above 0 and at most {_LARGEST_LR:g}, not {self.lr:g}.")
        runs = self.seeds * len(self.ranks) * len(self.losses)
        if runs * self.steps * self.contexts * self.tokens > MOST_WORK:
            raise InvalidInput("That is too much for one run: take fewer steps, seeds, ranks, contexts or tokens.")


LOWRANK_PRESETS: dict[str, LowRankConfig] = {
    "paper": LowRankConfig(),
    "capacity": LowRankConfig(losses=("forward_kl", "reverse_kl", "akl", "mixed_kl"), ranks=(2, 4, 8, 16, 32)),
    "quick": LowRankConfig(seeds=2, steps=300, contexts=32, tokens=100, lr=0.1),
}


def lowrank_config(preset: str = "paper", **changes: Any) -> LowRankConfig:
    """The experiment a preset stands for, with some of it changed.

    Raises:
        InvalidInput: an unknown preset, or a value outside its range.
    """
    if preset not in LOWRANK_PRESETS:
        raise InvalidInput(f"There is no preset {preset!r}; choose one of {', '.join(LOWRANK_PRESETS)}.")
    facts = {name: getattr(LOWRANK_PRESETS[preset], name) for name in LowRankConfig.__dataclass_fields__}
    return LowRankConfig(**(facts | {name: value for name, value in changes.items() if value is not None}))


@dataclass(frozen=True)
class Finding:
    """In how many of n seeds a statement about one rank held, with the exact 95 % interval of that share."""

    rank: int
    claim: str
    count: int
    n: int
    low: float
    high: float

    @property
    def sentence(self) -> str:
        """The finding in words."""
        seeds = f"{self.count} of {self.n} seed{'s' * (self.n != 1)}"
        return f"At rank {self.rank}, {self.claim} in {seeds} ({told_interval(self.low, self.high)})."


@dataclass(frozen=True, eq=False)
class LowRankResult:
    """Where every student ended, by loss, rank and seed; equal only to itself."""

    config: LowRankConfig
    values: dict[str, FloatArray]
    """field -> (L, ranks, S); fields are LOWRANK_FIELDS."""
    teacher: dict[str, FloatArray]
    """field -> (S,); fields are TEACHER_FIELDS."""

    def value(self, field: str, loss: str, rank: int) -> FloatArray:
        """(S,) one field of one loss at one rank. Raises InvalidInput for what did not run."""
        if loss not in self.config.losses or rank not in self.config.ranks:
            raise InvalidInput(f"{loss} at rank {rank} is not part of this run.")
        found: FloatArray = self.values[field][self.config.losses.index(loss), self.config.ranks.index(rank)]
        return found

    def frame(self) -> pd.DataFrame:
        """One row per loss, rank and seed: the LOWRANK_FIELDS and the teacher's."""
        seeds = range(self.config.first_seed, self.config.first_seed + self.config.seeds)
        index = pd.MultiIndex.from_product(
            [self.config.losses, self.config.ranks, seeds], names=["loss", "rank", "seed"]
        )
        columns = {name: values.reshape(-1) for name, values in self.values.items()}
        times = len(self.config.losses) * len(self.config.ranks)
        columns |= {f"teacher_{name}": np.tile(values, times) for name, values in self.teacher.items()}
        return pd.DataFrame(columns, index=index).reset_index()

    def summary(self) -> pd.DataFrame:
        """One row per loss, rank and field: mean over seeds and the ends of its 95 % interval (Student's t), n."""
        rows = []
        for loss in self.config.losses:
            for rank in self.config.ranks:
                for field in LOWRANK_FIELDS:
                    rows.append({"loss": loss, "rank": rank, "field": field, **_mean(self.value(field, loss, rank))})
        return pd.DataFrame(rows)

    def findings(self) -> list[Finding]:
        """Where over-smoothing and over-sharpening came back: counts over seeds for each rank."""
        found = []
        entropy, has = self.teacher["entropy"], set(self.config.losses)
        for rank in self.config.ranks:
            at = {loss: self.value("entropy", loss, rank) for loss in self.config.losses}
            if "forward_kl" in has:
                claim = f"the student of KL(T‖S) was more spread out than the teacher (entropy above by {_MORE})"
                found.append(_finding(rank, claim, at["forward_kl"] - entropy > NEGLIGIBLE))
            if "reverse_kl" in has:
                claim = f"the student of KL(S‖T) was sharper than the teacher (entropy below by {_MORE})"
                found.append(_finding(rank, claim, entropy - at["reverse_kl"] > NEGLIGIBLE))
            if {"forward_kl", "reverse_kl", "akl"} <= has:
                claim = "the entropy of AKL's student lay between those two students'"
                between = (at["reverse_kl"] < at["akl"]) & (at["akl"] < at["forward_kl"])
                apart = at["forward_kl"] - at["reverse_kl"] > NEGLIGIBLE
                found.append(_finding(rank, claim, between & apart))
        return found

    def to_json(self) -> dict[str, Any]:
        """The document of `akl-viz toy lowrank --json`; `LowRankResult.from_json` reads it."""
        runs = [
            {"loss": loss, "rank": rank, **{name: self.value(name, loss, rank).tolist() for name in LOWRANK_FIELDS}}
            for loss in self.config.losses
            for rank in self.config.ranks
        ]
        teacher = {name: values.tolist() for name, values in self.teacher.items()}
        findings = [asdict(one) | {"sentence": one.sentence} for one in self.findings()]
        return {
            "schema": _SCHEMA,
            "config": asdict(self.config),
            "teacher": teacher,
            "runs": runs,
            "findings": findings,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> LowRankResult:
        """Read what `to_json` wrote. Raises InvalidInput for another format."""
        if document["schema"] != _SCHEMA:
            raise InvalidInput(f"The result has format {document['schema']}, expected {_SCHEMA}: make it again.")
        facts = document["config"] | {name: tuple(document["config"][name]) for name in ("losses", "ranks")}
        config = LowRankConfig(**facts)
        shape = (len(config.losses), len(config.ranks), config.seeds)
        values = {
            name: np.asarray([run[name] for run in document["runs"]], dtype=np.float64).reshape(shape)
            for name in LOWRANK_FIELDS
        }
        teacher = {name: np.asarray(document["teacher"][name], dtype=np.float64) for name in TEACHER_FIELDS}
        return cls(config, values, teacher)


def stored_lowrank(path: Path | None = None) -> LowRankResult:
    """The result that comes with the project. Raises InvalidInput where it is missing or damaged."""
    file = DATA / STORED if path is None else path
    try:
        return LowRankResult.from_json(json.loads(file.read_text(encoding="utf-8")))
    except InvalidInput:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"{file.name} is missing or damaged: make it with akl-viz toy lowrank --out FILE."
        ) from error


def _mean(values: FloatArray) -> dict[str, float | int]:
    """Mean over seeds with the ends of its interval; no ends for one seed."""
    mean, half = t_interval(values)
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": len(values)}


def _finding(rank: int, claim: str, held: np.ndarray[Any, Any]) -> Finding:
    count, n = int(held.sum()), len(held)
    return Finding(rank, claim, count, n, *binomial_interval(count, n))
