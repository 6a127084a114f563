"""One moment of a run, scrubbed in the browser: watched positions, weights and samples of every loss, step by step."""

from __future__ import annotations

from collections.abc import Sequence
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
    """Draw the scrubber of a run; False where nothing has been measured yet."""
    data = moment_payload(run)
    if data is None:
        return False
    _COMPONENT(key=key, data=data)
    return True


def moment_payload(run: Run) -> dict[str, Any] | None:
    """Everything the browser needs to draw any measured step of a run; None where there is none.

    Args:
        run: a run folder, finished or going on. Steps that not every loss has reached are left out.

    Returns:
        A dict for JSON: `steps`, `losses`, per watched position the tokens with the teacher's probability and
        `students[loss][step][token]`, per loss and step the histogram of AKL weights and the samples.
    """
    measured = [set(run.probes(loss)) for loss in run.losses]
    steps = sorted(set.intersection(*measured)) if measured else []
    try:
        teacher = run.teacher_detail()
        details = {loss: [run.detail(loss, step) for step in steps] for loss in run.losses}
    except AklVizError:
        # The folder is being written, or was not written by us: there is nothing to draw yet.
        return None
    if not steps:
        return None
    return {
        "steps": steps,
        "losses": _losses(run.losses),
        "positions": _positions(run, teacher, details),
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
    teacher = run.config.teacher if run.config is not None else ""
    saved = [str(folder) for loss in run.losses for folder in run.checkpoints(loss).values()]
    for reference in [teacher] * teacher.startswith("bundled:") + saved:
        try:
            return _labels_once(reference, tuple(ids))
        except AklVizError:
            continue
    return {token: f"⟨id {token}⟩" for token in ids}
