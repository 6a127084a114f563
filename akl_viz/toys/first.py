"""Who was first: in how many seeds one loss closed a gap before another, with an interval."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from akl_viz.errors import InvalidInput
from akl_viz.metrics import loss_name
from akl_viz.records import FloatArray
from akl_viz.toys.intervals import binomial_interval, told_interval
from akl_viz.toys.results import GAPS, DiscreteRuns
from akl_viz.words import counted

_STARTS = {
    "uniform": "from logits drawn from 0 to 1",
    "zeros": "from a uniform student",
    "warm": "from a warmed-up start",
    "missing-mode": "from a start without a mode",
}
_GAPS = {"head_gap": "head gap", "tail_gap": "tail gap", "far_gap": "far gap"}


@dataclass(frozen=True)
class FirstCount:
    """In how many of n seeds the second loss was ahead of the first, and in how many the other way round."""

    first: str
    second: str
    field: str
    share: float | None
    """The share of the starting gap to get below; None where gaps were compared at a step."""
    step: int | None
    wins: int
    """Seeds in which the second loss was strictly ahead."""
    ties: int
    """Seeds in which neither was ahead."""
    never: int
    """Ties in which neither ever got below the share."""
    empty: int
    """Ties in which there was no gap from the beginning."""
    n: int
    steps: int
    """Steps of the runs."""
    every: int
    """Steps from one that was recorded to the next."""
    low: float
    """Lower end of the exact 95 % interval (Clopper & Pearson 1934) of wins / n."""
    high: float
    setting: str
    """Optimiser and start in words."""

    @property
    def losses(self) -> int:
        """Seeds in which the first loss was strictly ahead."""
        return self.n - self.wins - self.ties

    @property
    def turned(self) -> FirstCount:
        """The same count told of the other loss."""
        low, high = binomial_interval(self.losses, self.n)
        return replace(self, first=self.second, second=self.first, wins=self.losses, low=low, high=high)

    def sentence(self) -> str:
        """What happened, as one sentence with n and the interval, told of the loss that was ahead more often."""
        return self.turned._told() if self.losses > self.wins else self._told()

    def _told(self) -> str:
        """Told of `second`."""
        first, second = loss_name(self.first), loss_name(self.second)
        gap, seeds = _GAPS[self.field], f"{self.n} seed{'s' * (self.n != 1)}"
        if self.share is not None:
            bring = f"the {gap} below {100.0 * self.share:.6g} % of its start"
            if self.ties == self.n:
                return (
                    f"Under {self.setting}, neither {first} nor {second} was the first to bring {bring}: {self._ties}."
                )
            what = f"{second} brought {bring} before {first}"
        else:
            what = f"{second} had a smaller {gap} than {first} at step {self.step}"
        told = f"Under {self.setting}, {what} in {self.wins} of {seeds} ({told_interval(self.low, self.high)})"
        if self.losses:
            told += f", the other way round in {self.losses}"
        return told + (f"; {self._ties}." if self.ties else ".")

    @property
    def _ties(self) -> str:
        """How the seeds without a first one came about."""
        same = self.ties - self.never - self.empty
        seeds = f"in all {self.n} seeds" if self.n > 1 else "in the one seed"
        parts = []
        kinds = (
            (self.empty, f"the {_GAPS[self.field]} was 0 from the beginning"),
            (self.never, f"neither got there within {counted(self.steps, 'step', ',')}"),
            (same, self._same),
        )
        for count, what in kinds:
            if count:
                parts.append(f"{seeds if count == self.n else f'in {count}'} {what}")
        return ", ".join(parts)

    @property
    def _same(self) -> str:
        if self.share is None:
            return "both had the same"
        if self.every == 1:
            return "both got there at the same step"
        return f"both got there between the same two recorded steps, {self.every} apart"


def who_was_first(
    runs: DiscreteRuns, first: str, second: str, *, field: str = "tail_gap", share: float = 0.5, optimiser: int = 0
) -> FirstCount:
    """In how many seeds `second` brought a gap below a share of its start at an earlier step than `first`.

    Both start from the same logits. Reaching it at the same recorded step, or never, is a tie, and no win.

    Raises:
        InvalidInput: a loss that did not run, a field that is no gap, or a share outside 0 to 1.
    """
    check_share(share)
    _check_gap(field)
    when = [_first_below(runs.share_left(field, loss, optimiser), share) for loss in (first, second)]
    return _count(runs, (first, second), when, (field, share, None), optimiser)


def who_was_ahead(
    runs: DiscreteRuns, first: str, second: str, *, field: str = "tail_gap", step: int, optimiser: int = 0
) -> FirstCount:
    """In how many seeds `second` had the smaller gap at a recorded step.

    Raises:
        InvalidInput: a loss that did not run, a field that is no gap, or a step that was not recorded.
    """
    _check_gap(field)
    places = np.flatnonzero(runs.steps == step)
    if not len(places):
        raise InvalidInput(f"Step {step} was not recorded; the last one is {runs.steps[-1]}.")
    gaps = [runs.curve(field, loss, optimiser)[:, places[0]] for loss in (first, second)]
    return _count(runs, (first, second), gaps, (field, None, step), optimiser)


def check_share(share: float) -> None:
    """Raise InvalidInput unless the share lies between 0 and 1."""
    if not 0.0 < share < 1.0:
        raise InvalidInput(f"The share must lie between 0 and 1, not {share:g}.")


def _check_gap(field: str) -> None:
    if field not in GAPS:
        raise InvalidInput(f"field must be one of {', '.join(GAPS)}, not {field!r}.")


def _first_below(shares: FloatArray, share: float) -> FloatArray:
    """(S,) place of the first recorded step below the share, infinite where there is none."""
    below = shares < share
    return np.where(below.any(axis=1), below.argmax(axis=1).astype(np.float64), np.inf)


def _count(
    runs: DiscreteRuns,
    losses: tuple[str, str],
    smaller_is_ahead: list[FloatArray],
    asked: tuple[str, float | None, int | None],
    optimiser: int,
) -> FirstCount:
    """The count with its interval. Starts without randomness make all seeds one."""
    once = not runs.config.start.random
    a, b = (values[:1] if once else values for values in smaller_is_ahead)
    field, share, step = asked
    begin = runs.curve(field, losses[0], optimiser)[: len(a), 0]
    empty = int((begin == 0.0).sum()) if share is not None else 0
    never = int((np.isinf(a) & np.isinf(b)).sum())
    wins, ties = int((b < a).sum()), int((b == a).sum())
    low, high = binomial_interval(wins, len(a))
    setting = f"{runs.config.optimisers[optimiser].label} {_STARTS[runs.config.start.kind]}"
    count = (wins, ties, never, empty, len(a), int(runs.steps[-1]), runs.config.every)
    return FirstCount(*losses, field, share, step, *count, low, high, setting)
