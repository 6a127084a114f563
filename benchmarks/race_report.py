"""What the recorded races say: tables and sentences of docs/race.md, every number and every verdict from the CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from akl_viz.records import FloatArray
from akl_viz.toys.intervals import t_interval
from benchmarks.race_evidence import LOSSES, NAME, RECIPE, SEEDS
from benchmarks.record import RESULTS

SHOWN = (5, 10, 20, 40, 80, 160)
BOTH = "both_gaps"
"""Head gap + tail gap, which is twice the total variation distance."""
CONVERGED = 0.1
"""Share of the starting gap below which a student counts as near its optimum."""
_MEASURE = re.compile(r"(\w+) of (\S+), step (\d+), seed (\d+)")

Table = Callable[[tuple[str, ...], list[tuple[str, ...]]], str]
"""Header and rows -> a Markdown table."""
Verdict = Literal["held", "in every seed", "seeds disagree", "opposite in every seed", "opposite"]


@dataclass(frozen=True)
class Interval:
    """Mean over the seeds with the half-width of its 95 % t-interval."""

    mean: float
    half: float

    @classmethod
    def of(cls, values: FloatArray) -> Interval:
        """That of n independent values."""
        return cls(*t_interval(values))


@dataclass(frozen=True)
class Statement:
    """Something that is true or false of every seed at every step: a difference that is below zero where it is true."""

    text: str
    value: tuple[str, str]
    """(quantity, loss) that is said to be lower."""
    against: tuple[str, str] | None
    """(quantity, loss) it is compared with; None for its own value at step 0."""
    share: bool = False
    """Whether both are taken as shares of their values at step 0."""


@dataclass(frozen=True)
class Claim:
    """A claim of Wu et al. (2025), in our words, and what here could contradict it."""

    text: str
    statements: tuple[Statement, ...]


OPTIMUM = "Forward KL, KL(T‖S), and reverse KL, KL(S‖T), have the same optimum, and both reach it given enough epochs."
"""A claim on the end of a training, of which a short race shows only how far off the end is."""

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "Early in training forward KL, KL(T‖S), fits the head of the teacher's distribution, and reverse KL, KL(S‖T), "
        "its tail.",
        (
            Statement(
                "forward_kl is nearer to the teacher on the head than reverse_kl",
                ("head_gap", "forward_kl"),
                ("head_gap", "reverse_kl"),
            ),
            Statement(
                "reverse_kl is nearer to the teacher on the tail than forward_kl",
                ("tail_gap", "reverse_kl"),
                ("tail_gap", "forward_kl"),
            ),
            Statement("forward_kl is nearer on the head than the start was", ("head_gap", "forward_kl"), None),
            Statement("reverse_kl is nearer on the tail than the start was", ("tail_gap", "reverse_kl"), None),
            Statement("reverse_kl is nearer on the head than the start was", ("head_gap", "reverse_kl"), None),
            Statement(
                "forward_kl has a smaller share of its head gap left than of its tail gap",
                ("head_gap", "forward_kl"),
                ("tail_gap", "forward_kl"),
                share=True,
            ),
            Statement(
                "reverse_kl has a smaller share of its tail gap left than of its head gap",
                ("tail_gap", "reverse_kl"),
                ("head_gap", "reverse_kl"),
                share=True,
            ),
        ),
    ),
    Claim(
        "Real training is too short for both to arrive, so mixing them by the gaps (akl) serves better.",
        tuple(
            Statement(f"akl has the smaller sum of both gaps than {other}", (BOTH, "akl"), (BOTH, other))
            for other in ("forward_kl", "reverse_kl", "mixed_kl", "akl:direction=reversed")
        ),
    ),
)


def read(path: Path = RESULTS / f"{NAME}.csv") -> pd.DataFrame:
    """The recorded values: quantity, loss, step, seed, value; with the sum of both gaps as a quantity of its own."""
    with path.open(encoding="utf-8", newline="") as file:
        found = [(*_place(row["measure"]), float(row["value"])) for row in csv.DictReader(file)]
    frame = pd.DataFrame(found, columns=["quantity", "loss", "step", "seed", "value"])
    gaps = frame[frame["quantity"].isin(["head_gap", "tail_gap"])]
    both = gaps.groupby(["loss", "step", "seed"], as_index=False)["value"].sum().assign(quantity=BOTH)
    whole: pd.DataFrame = pd.concat([frame, both[list(frame.columns)]], ignore_index=True)
    return whole


def _place(measure: str) -> tuple[str, str, int, int]:
    """Quantity, loss, step and seed of a row of the results."""
    match = _MEASURE.fullmatch(measure)
    if match is None:
        raise ValueError(f"{measure!r} is no row of {NAME}")
    return match[1], match[2], int(match[3]), int(match[4])


def seeds_of(frame: pd.DataFrame, quantity: str, loss: str, step: int) -> FloatArray:
    """(seeds,) values in order of the seed."""
    rows = frame[(frame["quantity"] == quantity) & (frame["loss"] == loss) & (frame["step"] == step)]
    values: FloatArray = rows.sort_values("seed")["value"].to_numpy()
    return values


def difference(frame: pd.DataFrame, statement: Statement, step: int) -> FloatArray:
    """(seeds,) difference within each seed; below zero where the statement is true of it."""
    value, start = seeds_of(frame, *statement.value, step), seeds_of(frame, *statement.value, 0)
    other, before = start, start
    if statement.against is not None:
        other, before = seeds_of(frame, *statement.against, step), seeds_of(frame, *statement.against, 0)
    found: FloatArray = value / start - other / before if statement.share else value - other
    return found


def verdict(differences: FloatArray) -> Verdict:
    """What the seeds say together: all of one sign or not, and whether the interval leaves zero out."""
    interval = Interval.of(differences)
    apart = abs(interval.mean) > interval.half
    if bool((differences < 0).all()):
        return "held" if apart else "in every seed"
    if bool((differences > 0).all()):
        return "opposite" if apart else "opposite in every seed"
    return "seeds disagree"


def gap_table(frame: pd.DataFrame, quantity: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows: step by loss, mean and half-width; the start first."""
    rows = [
        (
            str(step),
            *(_shown(Interval.of(seeds_of(frame, quantity, loss, step)), signed=False) for loss in LOSSES),
        )
        for step in SHOWN
    ]
    start = f"{seeds_of(frame, quantity, LOSSES[0], 0).mean():.4f}"
    return ("step", *(f"`{loss}`" for loss in LOSSES)), [("0", *[start] * len(LOSSES)), *rows]


def claim_table(frame: pd.DataFrame, claim: Claim) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows: statement by step, the difference with its half-width, and the seeds in which it is true."""
    rows = [(one.text, *(_cell(difference(frame, one, step)) for step in SHOWN)) for one in claim.statements]
    return ("statement", *(f"step {step}" for step in SHOWN)), rows


def sentences(frame: pd.DataFrame, claim: Claim) -> list[str]:
    """One sentence per statement: at which steps it held, and what happened at the others."""
    return [f"{one.text}: {_reading(frame, one)}." for one in claim.statements]


def _reading(frame: pd.DataFrame, statement: Statement) -> str:
    """The verdicts of all steps, each with its steps."""
    words: dict[Verdict, str] = {
        "held": "**held** at {}",
        "in every seed": "true in every seed at {}, but the interval reaches zero",
        "seeds disagree": "the seeds disagree at {}",
        "opposite in every seed": "false in every seed at {}, but the interval reaches zero",
        "opposite": "**the opposite held** at {}",
    }
    found: dict[Verdict, list[int]] = {}
    for step in SHOWN:
        found.setdefault(verdict(difference(frame, statement, step)), []).append(step)
    return "; ".join(text.format(_steps(found[key])) for key, text in words.items() if key in found)


def optimum(frame: pd.DataFrame) -> str:
    """What these races can say on OPTIMUM: how far off the teacher they end."""
    last = SHOWN[-1]
    left = {
        loss: Interval.of(seeds_of(frame, BOTH, loss, last) / seeds_of(frame, BOTH, loss, 0))
        for loss in ("forward_kl", "reverse_kl")
    }
    told = " and ".join(f"{loss} {each.mean:.0%} ± {each.half:.0%}" for loss, each in left.items())
    far = [loss for loss, each in left.items() if each.mean > CONVERGED]
    closing = (
        f"{'Neither has' if len(far) == 2 else f'{far[0]} has not'} come near an optimum, so these races neither "
        "support nor contradict the claim."
        if far
        else "Both came near the teacher, as the claim says."
    )
    return f"At step {last} the sum of both gaps, as a share of the start's, is {told}. {closing}"


def setting(table: Table) -> str:
    """What was run."""
    data = RECIPE.data
    return (
        f"{len(SEEDS)} seeds, {RECIPE.steps} steps of {data.window * data.rows * data.accumulate} tokens, "
        f"{RECIPE.optimiser.name} at a {RECIPE.optimiser.schedule} learning rate of {RECIPE.optimiser.lr:g}, "
        f"`{RECIPE.teacher}` to `{RECIPE.student}`, measured on {RECIPE.probe.windows} held-out windows, "
        f"mu {RECIPE.probe.mu:g}, boundary {RECIPE.probe.boundary}."
    )


def claims(table: Table) -> str:
    """Every claim with what was measured, and the sentences that says."""
    frame = read()
    parts = [f"**{OPTIMUM}**\n\n{optimum(frame)}"]
    for claim in CLAIMS:
        told = "\n".join(f"- {sentence}" for sentence in sentences(frame, claim))
        parts.append(f"**{claim.text}**\n\n{table(*claim_table(frame, claim))}\n\n{told}")
    return "\n\n".join(parts)


PARTS: dict[str, Callable[[Table], str]] = {
    "race_setting": setting,
    "race_head": lambda table: table(*gap_table(read(), "head_gap")),
    "race_tail": lambda table: table(*gap_table(read(), "tail_gap")),
    "race_claims": claims,
}
"""Section of docs/race.md -> its text, from a function that writes a table."""


def _cell(differences: FloatArray) -> str:
    """A difference as it stands in a table, bold where its interval leaves zero out."""
    interval = Interval.of(differences)
    shown = f"{_shown(interval, signed=True)} ({int((differences < 0).sum())} of {len(differences)})"
    return f"**{shown}**" if verdict(differences) in ("held", "opposite") else shown


def _shown(interval: Interval, *, signed: bool) -> str:
    """Mean and half-width with four decimals."""
    return f"{interval.mean:{'+' if signed else ''}.4f} ± {interval.half:.4f}".replace("-", "−")


def _steps(steps: list[int]) -> str:
    """Steps as words: "every step", "step 5", "steps 5, 10"."""
    if len(steps) == len(SHOWN):
        return "every step"
    return f"step{'s' if len(steps) > 1 else ''} {', '.join(map(str, steps))}"
