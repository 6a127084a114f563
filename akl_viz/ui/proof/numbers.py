"""The numbers of the page: stored for the view it opens with and for every depth, computed for all else."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from akl_viz.models.warm import import_libraries
from akl_viz.paths import DATA
from akl_viz.records import FloatArray
from akl_viz.ui.proof.state import DEPTHS, LOSSES, OPTIMISERS, PATH_STEPS, State, Three

STORED = DATA / "toys" / "proof.json"
"""So that the page is filled before torch is imported, and its slider of depths answers at once."""
DENSITY = 13
THRESHOLD, LIMIT = 0.05, 20_000
"""Of the plateau: total variation to get below, most steps."""
EARLY = 400
"""First steps of the plateau, recorded one by one; the later ones come every LIMIT / 400."""
CURVE_POINTS = 70
DIGITS, EXACT = 5, 12
"""Significant digits of what is only drawn, and of what is also read and saved."""

Numbers = dict[str, Any]


@st.cache_resource(show_spinner=False)
def stored() -> Numbers:
    """The stored numbers; nothing where the file is missing or spoiled, which only costs the wait for torch."""
    try:
        found: Numbers = json.loads(STORED.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def phi(state: State) -> Numbers:
    """The curve for the weight of the view, and those of both ends."""
    return _stored_or("phi", state.weight == State().weight, lambda: _phi(state.weight))


def simplex(state: State) -> Numbers:
    """The field and the paths of every loss."""
    part = replace(State(), teacher=state.teacher, start=state.start, optimiser=state.optimiser)
    return _stored_or("simplex", part == State(), lambda: _simplex(state.teacher, state.start, state.optimiser))


def plateau() -> Numbers:
    """Optimiser -> steps and curves by loss for every depth."""
    return _stored_or("plateau", True, _plateau)


def late(state: State) -> Numbers:
    """How alike both KLs are at falling distances."""
    default = State()
    usual = (state.target, state.seed) == (default.target, default.seed)
    return _stored_or("late", usual, lambda: _late(state.target, state.teacher, state.seed))


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import the mathematics behind the first page and run it once, so that the first drag need not wait."""
    default = State()
    thread = threading.Thread(
        target=_simplex, args=(default.teacher, default.start, default.optimiser), name="warm-up-proof", daemon=True
    )
    thread.start()
    return thread


def _stored_or(name: str, usual: bool, compute: Any) -> Numbers:
    found = stored().get(name) if usual else None
    return found if isinstance(found, dict) else compute()


@st.cache_data(show_spinner=False, max_entries=64)
def _phi(weight: float) -> Numbers:
    import_libraries()
    from akl_viz.toys import phi_of_mix

    found = phi_of_mix(weight)
    return {name: _rounded(getattr(found, name), EXACT) for name in ("ratios", "reverse", "mix", "forward")}


@st.cache_data(show_spinner=False, max_entries=64)
def _simplex(teacher: Three, start: Three, optimiser: str) -> Numbers:
    import_libraries()
    from akl_viz.toys import Optimiser, simplex_run
    from akl_viz.toys.threads import one_core

    rule = Optimiser(optimiser, OPTIMISERS[optimiser])
    with one_core():
        found = simplex_run(teacher, start, LOSSES, rule, steps=PATH_STEPS, density=DENSITY, threshold=THRESHOLD)
    return {
        "points": _rounded(found.field.points),
        "arrows": {loss: _rounded(found.field.steps[loss]) for loss in LOSSES},
        "paths": {loss: _rounded(found.paths[loss], EXACT) for loss in LOSSES},
        "tvd": {loss: _rounded(found.tvd(loss), EXACT) for loss in LOSSES},
        "reached": {loss: found.reached(loss) for loss in LOSSES},
    }


@st.cache_data(show_spinner=False)
def _plateau() -> Numbers:
    """Every depth of the slider at once; minutes of nothing but steps are kept as CURVE_POINTS points."""
    import_libraries()
    from akl_viz.toys import Optimiser, plateau_steps
    from akl_viz.toys.threads import one_core

    found: Numbers = {}
    depths = [float(depth) for depth in DEPTHS]
    for name, lr in OPTIMISERS.items():
        with one_core():
            runs = [
                plateau_steps(depths, LOSSES, Optimiser(name, lr), threshold=THRESHOLD, limit=limit)
                for limit in (EARLY, LIMIT)
            ]
        early, late = (run.recorded for run in runs)
        steps = np.concatenate([early, late[late > early[-1]]])
        kept = np.unique(np.rint(np.geomspace(1, len(early), CURVE_POINTS // 2)).astype(int) - 1)
        kept = np.unique([*kept, *np.rint(np.geomspace(len(early), len(steps), CURVE_POINTS // 2)).astype(int) - 1])
        curves = {
            loss: np.concatenate([runs[0].curves[loss], runs[1].curves[loss][:, late > early[-1]]], axis=1)
            for loss in LOSSES
        }
        found[name] = {
            "level": runs[1].level,
            "steps": steps[kept].tolist(),
            "curves": {loss: _rounded(curves[loss][:, kept]) for loss in LOSSES},
            "reached": {loss: [runs[1].steps[loss, depth] for depth in depths] for loss in LOSSES},
        }
    return found


@st.cache_data(show_spinner=False, max_entries=64)
def _late(target: str, teacher: Three, seed: int) -> Numbers:
    import_libraries()
    from akl_viz.toys import discrete_config, late_equivalence
    from akl_viz.toys.threads import one_core

    probabilities = teacher if target == "three" else tuple(discrete_config(target).teacher().tolist())
    with one_core():
        found = late_equivalence(probabilities, seed=seed)
    return found.columns


def _rounded(values: FloatArray, digits: int = DIGITS) -> Any:
    """The numbers as nested lists at so many significant digits: a small one stays what it is."""
    flat = [float(f"{one:.{digits}g}") for one in values.reshape(-1).tolist()]
    return np.asarray(flat).reshape(values.shape).tolist()


def store() -> None:
    """Write the stored numbers anew: `python -m akl_viz.ui.proof.numbers` after a change of the engine."""
    default = State()
    document: Mapping[str, Numbers] = {
        "phi": _phi(default.weight),
        "simplex": _simplex(default.teacher, default.start, default.optimiser),
        "plateau": _plateau(),
        "late": _late(default.target, default.teacher, default.seed),
    }
    STORED.parent.mkdir(parents=True, exist_ok=True)
    STORED.write_text(json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    store()
