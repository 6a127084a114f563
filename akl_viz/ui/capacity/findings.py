"""What happened, in sentences that come from the result: counts over seeds, and by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import pandas as pd

from akl_viz.toys import NEGLIGIBLE, Finding, LowRankResult

GAP = "gap"
"""Field of the student's entropy minus its own seed's teacher's."""
_KEPT = 4
"""A page runs again at every click: what follows from its result alone is kept for so many results."""


@dataclass(frozen=True)
class Told:
    """One loss at one rank: the paired difference of entropies, and in how many seeds it was above or below 0."""

    loss: str
    rank: int
    mean: float
    low: float
    high: float
    above: int
    below: int
    n: int

    @property
    def verdict(self) -> str:
        """What the interval allows to say."""
        if self._negligible:
            return "equal"
        known = math.isfinite(self.low)
        if known and self.low > 0.0:
            return "smoother"
        if known and self.high < 0.0:
            return "sharper"
        if self.n < 2:
            return "above" if self.mean > 0.0 else "below"
        return "undecided"

    @property
    def amount(self) -> str:
        """The difference with its interval in words."""
        if self._negligible:
            return f"entropy within {NEGLIGIBLE:g} nats of the teacher's: equal"
        spread = "one seed, no interval" if self.n < 2 else f"95 % interval {self.low:+.3f} to {self.high:+.3f}"
        return f"entropy {self.mean:+.3f} nats from the teacher's ({spread}, n = {self.n})".replace("-", "−")

    @property
    def _negligible(self) -> bool:
        """Whether the mean lies within NEGLIGIBLE of 0, and the whole interval where there is one."""
        ends = (self.mean, *(end for end in (self.low, self.high) if math.isfinite(end)))
        return all(abs(end) < NEGLIGIBLE for end in ends)


def gap_result(result: LowRankResult) -> LowRankResult:
    """The same result with every entropy measured from that of its seed's teacher."""
    return replace(result, values=result.values | {"entropy": result.values["entropy"] - result.teacher["entropy"]})


@lru_cache(maxsize=_KEPT)
def drawn(result: LowRankResult) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the figures draw: (summary by loss, rank and field, one row per seed), both with the field GAP."""
    paired = gap_result(result)
    own = paired.summary()
    gap = own[own["field"] == "entropy"].assign(field=GAP)
    seeds = result.frame().assign(**{GAP: paired.frame()["entropy"]})
    return pd.concat([result.summary(), gap], ignore_index=True), seeds


@lru_cache(maxsize=_KEPT)
def told(result: LowRankResult) -> tuple[Told, ...]:
    """Every loss at every rank."""
    paired = gap_result(result)
    rows = paired.summary()
    found = []
    for row in rows[rows["field"] == "entropy"].itertuples():
        values = paired.value("entropy", str(row.loss), int(row.rank))  # type: ignore[arg-type]
        above, below = int((values > 0.0).sum()), int((values < 0.0).sum())
        ends = (float(row.mean), float(row.low), float(row.high))  # type: ignore[arg-type]
        found.append(Told(str(row.loss), int(row.rank), *ends, above, below, len(values)))  # type: ignore[arg-type]
    return tuple(found)


def headline(result: LowRankResult) -> list[str]:
    """One sentence per loss: at which ranks its student was smoother, sharper or equal, judged by the interval."""
    rows = told(result)
    sentences = []
    for loss in result.config.losses:
        parts = []
        for verdict, words in (
            ("smoother", "more spread out than its teacher"),
            ("sharper", "sharper than its teacher"),
            ("equal", f"within {NEGLIGIBLE:g} nats of its teacher's entropy"),
            ("undecided", "neither more spread out nor sharper with confidence"),
            ("above", "more spread out than its teacher in this one seed"),
            ("below", "sharper than its teacher in this one seed"),
        ):
            ranks = [row.rank for row in rows if row.loss == loss and row.verdict == verdict]
            if ranks:
                parts.append(f"{words} at rank{'s' if len(ranks) > 1 else ''} {_listed(ranks)}")
        sentences.append(f"Trained by {loss}, the student is {'; '.join(parts)}.")
    return sentences


def sentences(result: LowRankResult, rank: int) -> list[str]:
    """The findings at one rank with counts and intervals, then by how much each loss's student differs."""
    counted = [finding.sentence for finding in _findings(result) if finding.rank == rank]
    return counted + [f"{row.loss}: {row.amount}." for row in told(result) if row.rank == rank]


@lru_cache(maxsize=_KEPT)
def _findings(result: LowRankResult) -> tuple[Finding, ...]:
    return tuple(result.findings())


def table(result: LowRankResult) -> pd.DataFrame:
    """One row per loss and rank, as the page lists it."""
    rows = [
        {
            "loss": row.loss,
            "rank": row.rank,
            "entropy − teacher's (nats)": row.mean,
            **({"95 % from": row.low, "95 % to": row.high} if row.n > 1 else {}),
            "seeds above": f"{row.above} of {row.n}",
            "seeds below": f"{row.below} of {row.n}",
        }
        for row in told(result)
    ]
    return pd.DataFrame(rows)


def _listed(ranks: list[int]) -> str:
    return str(ranks[0]) if len(ranks) == 1 else ", ".join(map(str, ranks[:-1])) + f" and {ranks[-1]}"
