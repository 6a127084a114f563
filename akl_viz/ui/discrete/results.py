"""The result of an experiment: stored for the view the page opens with, computed for every other."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import streamlit as st

from akl_viz.models.warm import import_libraries
from akl_viz.paths import DATA
from akl_viz.records import IntArray
from akl_viz.toys import FIELDS, DiscreteConfig, DiscreteRuns
from akl_viz.ui.discrete.choices import DEFAULT, config_of
from akl_viz.ui.jobs import Job, KeptJobs

STORED = DATA / "toys" / "discrete.npz"
"""The result the page opens with, so that it is there before torch is imported."""
KEPT = 6
"""Results held: a large one has 45 MB of curves."""
DECADES = 12
"""Powers of ten below 1 that a drawn probability keeps; smaller ones are drawn at the bottom."""
FULL = 65535
MOST_CODES = 2_000_000
"""Probabilities sent to a browser (4 MB): a larger run is drawn at fewer steps, its curves and numbers at all."""
GAPS = ("head_gap", "tail_gap")

Codes = npt.NDArray[np.uint16]


class Asked(NamedTuple):
    """What a page wants to see."""

    config: DiscreteConfig
    share: float
    """Share of a gap that counts as closed."""
    seed: int
    """The seed whose distributions are drawn: one of the experiment's."""


@dataclass(frozen=True, eq=False)
class Result:
    """An experiment that has run, as the page draws it; equal only to itself, so that a cache can hold what it gave."""

    runs: DiscreteRuns
    """Without frames: they are in `codes`."""
    codes: Codes
    """(L, F, V) one seed's probabilities at the drawn steps; see `encoded`."""
    seed: int
    """That seed."""
    drawn: IntArray
    """(F,) which recorded steps are drawn: places in `runs.steps`."""
    counts: tuple[tuple[str, str], ...]
    """(gap, sentence): whether the first loss or another one brought the gap below the share first."""


def encoded(probabilities: npt.NDArray[Any]) -> Codes:
    """Probabilities as 16 bits: p = 10 ** (DECADES (code / FULL - 1)), exact to 0.03 % at every size down to 1e-12."""
    exponent = np.log10(np.maximum(probabilities.astype(np.float64), 10.0**-DECADES))
    codes: Codes = np.rint(FULL * np.clip(1.0 + exponent / DECADES, 0.0, 1.0)).astype(np.uint16)
    return codes


def compute(asked: Asked, job: Job[Result] | None = None) -> Result:
    """Run the experiment, count who was first, and draw a seed; imports torch.

    Args:
        asked: the experiment, with frames, and what to show of it.
        job: told the progress; may stop.

    Raises:
        InvalidInput: a loss or parameter that does not exist, or a learning rate under which logits became infinite.
        Cancelled: the job was told to stop.
    """
    config = asked.config
    runs = _trained(config, job)
    first = _drawn(runs, config.first_seed, counted(runs, asked.share))
    return first if asked.seed == first.seed else redrawn(first, asked.seed, job)


def redrawn(result: Result, seed: int, job: Job[Result] | None = None) -> Result:
    """The same result with another of its seeds drawn: that one is trained again, as it was among the others."""
    config = result.runs.config
    alone = _drawn(_trained(replace(config, seeds=1, first_seed=seed), job), seed, ())
    return replace(result, codes=alone.codes, seed=seed)


def _trained(config: DiscreteConfig, job: Job[Result] | None) -> DiscreteRuns:
    """The experiment on one core."""
    import_libraries()
    from akl_viz.toys import run_discrete
    from akl_viz.toys.threads import one_core

    stage = f"{config.steps:,} steps of {config.runs:,} students"
    with one_core():
        return run_discrete(config, progress=None if job is None else lambda done: job.report(0.05 + 0.9 * done, stage))


def _drawn(runs: DiscreteRuns, seed: int, counts: tuple[tuple[str, str], ...]) -> Result:
    """The runs with the distributions they kept, those of their first seed, as codes."""
    frames = np.zeros((0, 0, 0, 0)) if runs.frames is None else runs.frames
    places = drawn_places(len(runs.steps), len(runs.config.losses) * len(runs.teacher))
    return Result(replace(runs, frames=None), encoded(frames[:, 0, places]), seed, places, counts)


def counted(runs: DiscreteRuns, share: float) -> tuple[tuple[str, str], ...]:
    """(gap, sentence) for the first loss against each other one; see `Result.counts`."""
    from akl_viz.toys import who_was_first

    first, *others = runs.config.losses
    told = [who_was_first(runs, first, other, field=gap, share=share) for other in others for gap in GAPS]
    return tuple((one.field, one.sentence()) for one in told)


def drawn_places(recorded: int, numbers: int) -> IntArray:
    """(F,) the recorded steps to draw: all where they fit, else the early ones densely and the last.

    Args:
        recorded: how many steps are recorded.
        numbers: probabilities per step.
    """
    most = max(2, MOST_CODES // numbers)
    if recorded <= most:
        return np.arange(recorded)
    return np.unique(np.rint(np.geomspace(1.0, recorded, most)).astype(np.int64) - 1)


class ResultJobs(KeptJobs[Asked, Result]):
    """Results of this server: a few are kept, one experiment runs at a time."""

    def __init__(self) -> None:
        super().__init__("The experiment", self._run, KEPT)

    def _run(self, asked: Asked, job: Job[Result]) -> Result:
        job.report(0.0, "Loading torch")
        import_libraries()
        same = [one for one in self.kept() if one[0].config == asked.config]
        if not same:
            return compute(asked, job)
        # Another share needs no training, only counting; another seed is trained alone.
        result = replace(same[0][1], counts=counted(same[0][1].runs, asked.share))
        drawn = next((other for _, other in same if other.seed == asked.seed), None)
        if drawn is None:
            return redrawn(result, asked.seed, job)
        return replace(result, codes=drawn.codes, seed=drawn.seed)


@st.cache_resource(show_spinner=False)
def results() -> ResultJobs:
    """The one of this server; it starts with the stored result."""
    made = ResultJobs()
    found = stored()
    if found is not None:
        made.keep(Asked(found.runs.config, DEFAULT.share, found.seed), found)
    return made


def stored() -> Result | None:
    """The stored result; None where the file is missing or spoiled, which only costs the wait for torch."""
    try:
        with np.load(STORED, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        facts = json.loads(str(arrays["facts"]))
        if facts["config"] != repr(config_of(DEFAULT)):
            return None
        values = dict(zip(FIELDS, arrays["values"], strict=True))
        places = {name: arrays[name] for name in ("teacher", "in_head", "in_tail", "in_far", "steps")}
        runs = DiscreteRuns(config_of(DEFAULT), **places, values=values)
        codes = np.cumsum(arrays["changes"], axis=1, dtype=np.uint16)
        return Result(runs, codes, DEFAULT.seed, np.arange(len(runs.steps)), _counts(facts["counts"]))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError):
        return None


def store() -> None:
    """Write the stored result anew: `python -m akl_viz.ui.discrete.results` after a change of the engine."""
    result = compute(Asked(config_of(DEFAULT), DEFAULT.share, DEFAULT.seed))
    runs = result.runs
    facts = json.dumps({"config": repr(runs.config), "counts": result.counts}, ensure_ascii=False)
    STORED.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        STORED,
        facts=np.array(facts),
        teacher=runs.teacher,
        in_head=runs.in_head,
        in_tail=runs.in_tail,
        in_far=runs.in_far,
        steps=runs.steps,
        values=np.stack([runs.values[name] for name in FIELDS]),
        # From step to step little changes: differences, modulo 65536, compress to a fraction.
        changes=np.diff(result.codes, axis=1, prepend=np.uint16(0)),
    )


def _counts(rows: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((gap, sentence) for gap, sentence in rows)


if __name__ == "__main__":
    store()
