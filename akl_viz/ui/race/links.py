"""From the checkpoints of a run to the token inspector."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from akl_viz.distill import Run
from akl_viz.distill.config import TOY_TEXT
from akl_viz.ui import catalog


def inspect_links(run: Run) -> None:
    """From the run's checkpoints to the token inspector: against the teacher, or one student against another."""
    found = [(step, loss, folder) for loss in run.losses for step, folder in run.checkpoints(loss).items()]
    saved = {f"{loss}, step {step}": str(folder.absolute()) for step, loss, folder in found}
    missing = _why_not(run, bool(saved))
    if missing:
        st.markdown(f":small[{missing}]")
        return
    teacher = run.teacher_reference
    st.markdown("**Look closer** at a trained student, token by token")
    left, right, link = st.columns([1.3, 1.3, 1], vertical_alignment="bottom")
    sides = {f"teacher ({teacher})": teacher} | saved
    last = max(step for step, _, _ in found)
    newest = [name for name, (step, _, _) in zip(saved, found, strict=True) if step == last][-1]
    against = _side(left, "Against", list(sides), f"teacher ({teacher})", run)
    student = _side(right, "Student", list(saved), newest, run)
    link.page_link(
        catalog.streamlit_page(catalog.page("inspect/tokens")),
        label="Open in the token inspector",
        icon=":material/segment:",
        query_params={"teacher": sides[against], "student": saved[student]},
    )


def _side(place: DeltaGenerator, label: str, options: list[str], default: str, run: Run) -> str:
    """A side of a comparison: what a person chose of this run, else the default of this moment.

    A box keeps what it showed first, so that one which nobody touched would go on naming a checkpoint that is not the
    newest any more.
    """
    key = f"race.inspect.{label.lower()}"
    mine: tuple[str, str] | None = st.session_state.get(f"{key}.chosen")
    kept = mine is not None and mine[0] == run.folder.name and mine[1] in options
    st.session_state[key] = mine[1] if mine is not None and kept else default

    def choose() -> None:
        st.session_state[f"{key}.chosen"] = (run.folder.name, st.session_state[key])

    return place.selectbox(label, options, key=key, on_change=choose)


def _why_not(run: Run, saved: bool) -> str:
    """Why the token inspector cannot open a run; empty where it can."""
    if run.config is not None and run.config.data.text == TOY_TEXT:
        return (
            "The token inspector compares models on a text, and the toy language has none: its tokens are numbers. "
            "Race on Austen's novels or on a file of yours to look closer at a student."
        )
    if not saved:
        return "This run holds no checkpoint, so there is no student of it to open in the token inspector."
    if not run.teacher_reference:
        return "The token inspector needs a teacher, and this run does not say which one it had."
    return ""
