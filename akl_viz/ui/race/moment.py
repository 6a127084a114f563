"""One moment of a run, scrubbed in the browser: watched positions, weights and samples of every loss, step by step."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from akl_viz.distill import ProbeDetail, Run, TeacherDetail
from akl_viz.errors import AklVizError
from akl_viz.models.reference import Policy
from akl_viz.models.token_labels import labels_in
from akl_viz.models.warm import import_libraries
from akl_viz.ui.components.assets import markup, module, sheet
from akl_viz.ui.plain import plain
from akl_viz.ui.race.details import read_moments, shown_steps, stamps

TEACHER_TOKENS = 10
"""Bars of a watched position: the teacher's likeliest tokens, the token that follows, and what students prefer."""
STUDENT_TOKENS = 2

_COMPONENT = st.components.v2.component(
    "akl_moment",
    html=markup("moment"),
    css=sheet("base", "moment"),
    js=module("format", "dom", "moment"),
    isolate_styles=True,
)


def moment(run: Run, key: str) -> bool:
    """Draw the scrubber of a run, or say why it cannot be drawn; False where nothing has been measured yet."""
    steps, measured = shown_steps(run)
    if not steps:
        return False
    try:
        data = moment_payload(run, steps, measured, _stamp(run, steps))
    except AklVizError as error:
        st.warning(f"The measured moments of this run cannot be shown. {plain(str(error))}", icon=":material/warning:")
    else:
        _COMPONENT(key=key, data=data)
    return True


def _stamp(run: Run, steps: tuple[int, ...]) -> Hashable:
    """What changes when anything that is drawn does."""
    return str(run.folder), run.losses, tuple(_tokenizers(run)), stamps(run, steps)


@st.cache_data(show_spinner=False, max_entries=16)
def moment_payload(_run: Run, steps: tuple[int, ...], measured: int, stamp: Hashable) -> dict[str, Any]:
    """Everything the browser needs to draw any measured step of a run.

    Args:
        _run: a run folder, finished or going on.
        steps: those to draw.
        measured: how many there are in all.
        stamp: the run and what changes with its files.

    Returns:
        A dict for JSON: `steps`, `measured`, `losses`, per watched position the tokens with the teacher's probability
        and `students[loss][step][token]`, per loss and step the histogram of AKL weights and the samples.

    Raises:
        InvalidInput: a file is missing, broken, or does not fit the others.
    """
    moments = read_moments(_run, steps, measured)
    teacher, details = moments.teacher, moments.details
    return {
        "steps": list(steps),
        "measured": measured,
        "losses": _losses(_run.losses),
        "positions": _positions(_run, teacher, details),
        "weights": {loss: [one.weight_counts.tolist() for one in row] for loss, row in details.items()},
        "prompts": list(teacher.prompts),
        "teacherSamples": list(teacher.samples),
        "samples": {loss: [list(one.samples) for one in row] for loss, row in details.items()},
    }


def _losses(losses: Sequence[str]) -> list[dict[str, str]]:
    """Name and colour key of every loss."""
    return [{"name": loss, "key": loss.partition(":")[0]} for loss in losses]


def _positions(run: Run, teacher: TeacherDetail, details: dict[str, list[ProbeDetail]]) -> list[dict[str, Any]]:
    chosen = [_tokens(teacher, details, place) for place in range(len(teacher.positions))]
    labels = _labels(run, sorted({int(token) for tokens in chosen for token in tokens}))
    rows = []
    for place, tokens in enumerate(chosen):
        p = _with_rest(np.exp(teacher.watched[place].astype(np.float64)), tokens)
        students = {
            loss: [_with_rest(np.exp(one.watched[place].astype(np.float64)), tokens) for one in row]
            for loss, row in details.items()
        }
        rows.append(
            {
                "index": int(teacher.positions[place]),
                "context": teacher.contexts[place],
                "observed": teacher.observed_text[place],
                "tokens": [labels[int(token)] for token in tokens],
                "isObserved": [bool(token == teacher.observed[place]) for token in tokens],
                "teacher": p,
                "students": students,
            }
        )
    return rows


def _tokens(teacher: TeacherDetail, details: dict[str, list[ProbeDetail]], place: int) -> list[int]:
    """The ids worth a bar, the teacher's likeliest first."""
    row = teacher.watched[place]
    wanted = {int(token) for token in np.argsort(-row, kind="stable")[:TEACHER_TOKENS]}
    wanted.add(int(teacher.observed[place]))
    for probes in details.values():
        wanted |= {int(token) for token in np.argsort(-probes[-1].watched[place], kind="stable")[:STUDENT_TOKENS]}
    return sorted(wanted, key=lambda token: (-row[token], token))


def _with_rest(probabilities: npt.NDArray[np.float64], tokens: list[int]) -> list[float]:
    """The probabilities of the tokens, and as last entry that of all others together."""
    others = np.ones(len(probabilities), dtype=bool)
    others[tokens] = False
    return [*map(float, probabilities[tokens]), float(probabilities[others].sum())]


@st.cache_data(show_spinner=False, max_entries=64)
def _labels_once(reference: str, ids: tuple[int, ...]) -> dict[int, str]:
    import_libraries()
    return dict(zip(ids, labels_in(reference, ids, Policy.for_app()), strict=True))


def _labels(run: Run, ids: list[int]) -> dict[int, str]:
    """id -> label, by the tokenizer of the teacher or of a checkpoint of the run; a number where there is none."""
    for reference in _tokenizers(run):
        try:
            return _labels_once(reference, tuple(ids))
        except AklVizError:
            continue
    return {token: f"⟨id {token}⟩" for token in ids}


def _tokenizers(run: Run) -> list[str]:
    """Where a tokenizer of the run may be, on this machine: a drawing must not make it ask the hub."""
    teacher = run.teacher_reference
    here = [teacher] if teacher.startswith("bundled:") or Path(teacher).is_absolute() else []
    return here + [str(folder) for loss in run.losses for folder in run.checkpoints(loss).values()][:1]
