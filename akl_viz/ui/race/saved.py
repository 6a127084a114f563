"""Runs on the disk: choose, compare, delete."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from akl_viz.distill import Run
from akl_viz.errors import AklVizError
from akl_viz.paths import DATA
from akl_viz.ui import followed
from akl_viz.ui.clicked import clicked
from akl_viz.ui.plain import plain
from akl_viz.ui.race import setup, uploads
from akl_viz.ui.race.service import service
from akl_viz.ui.race.start import PAGE, shown_run

STORED = DATA / "runs" / "forty-steps"
STORED_TITLE = "A run to begin with"
_COMPARED = "race.compared"
_CHOSEN = "race.chosen"
"""Session key: the name of the run that is chosen in the list."""
_ASKING = "race.asking"
"""Session key: whether the question before a deletion is open; every run of the page closes it."""


def opened() -> str | None:
    """The run to show: of this session, else of the address, else one that goes on, which is kept when it has ended.

    One that is gone stays the one to show, so that this can be said, but not in the address.
    """
    _answered()
    asked = followed.take(PAGE, "run")
    if asked is not None or followed.gone(PAGE, "run"):
        shown_run().name = asked
    going = service().active()
    name = shown_run().name or (going[0].name if going else None)
    shown_run().name = name
    named = name if name is not None and service().known(name) else None
    followed.write(PAGE, "run", named)
    return name


def comparison(run: Run) -> tuple[pd.DataFrame, bool]:
    """The history of a run and of those chosen beside it, and whether their levels can be compared."""
    runs = [run]
    for name in st.session_state.get(_COMPARED, []):
        try:
            runs.append(service().run(name))
        except AklVizError:
            continue
    drawn = [(one, history) for one in runs if len(history := one.history())]
    if not drawn:
        return run.history(), True
    frames = [history.assign(run=_title(one)) for one, history in drawn]
    return pd.concat(frames, ignore_index=True), _comparable([one for one, _ in drawn])


def _title(run: Run) -> str:
    """What a run is called: by its folder, since a copied or moved run still has its old name inside."""
    return STORED_TITLE if run.folder == STORED else run.folder.name


def _comparable(runs: list[Run]) -> bool:
    """Whether all learnt from one teacher on one text, as far as they say: another program's run says neither."""
    learnt = {(_weights_of(run), str(run.meta.get("text_digest", run.config.data.text))) for run in runs if run.config}
    return len(learnt) <= 1


def _weights_of(run: Run) -> str:
    """What tells two teachers apart: the fingerprint of the weights, or the name where a run has recorded none."""
    told = run.meta.get("teacher")
    recorded = str(told.get("revision") or "") if isinstance(told, dict) else ""
    return recorded or (run.config.teacher if run.config is not None else "")


def listing(shown: str | None) -> None:
    """Every saved run with what can be done with it."""
    runs = service().saved()
    if not runs:
        return
    st.subheader("Saved runs", anchor=False)
    frame = pd.DataFrame(
        {
            "Run": [run.folder.name for run in runs],
            "State": [run.status for run in runs],
            "Steps": [f"{max(run.done.values(), default=0):,} of {run.steps:,}" for run in runs],
            "Losses": [", ".join(run.losses) for run in runs],
            "Text": [_text_of(run) for run in runs],
        }
    )
    chosen = _choose(frame)
    others = [run.folder.name for run in runs if run.folder.name != shown]
    kept = [name for name in st.session_state.get(_COMPARED, []) if name in others]
    if kept != st.session_state.get(_COMPARED, []):
        # Only then: what is put there takes the place of what a person chooses before it has come to the browser.
        st.session_state[_COMPARED] = kept
    st.multiselect(
        "Draw these runs into the curves above", others, kept or None, key=_COMPARED, persist_state="session"
    )
    for run in runs:
        if run.folder.name == chosen:
            _actions(run, shown)


def _choose(frame: pd.DataFrame) -> str | None:
    """Draw the list and return the name of the chosen run.

    The browser knows a selection by its row, and rows move when a run comes or goes: another list is another table,
    which begins with the run that was chosen in the one before.
    """
    names = list(frame["Run"])
    before = st.session_state.get(_CHOSEN)
    default: Any = {"selection": {"rows": [names.index(before)]}} if before in names else None
    event = st.dataframe(
        frame,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        selection_default=default,
        key=f"race.table.{hashlib.sha256(repr(names).encode()).hexdigest()[:16]}",
        alt="Saved runs",
    )
    chosen = next((names[row] for row in event.selection.rows if row < len(names)), None)
    st.session_state[_CHOSEN] = chosen
    return chosen


def _actions(run: Run, shown: str | None) -> None:
    """Open and delete."""
    name = run.folder.name
    with st.container(horizontal=True, vertical_alignment="center"):
        if name != shown:
            click = clicked(st, f"Open {plain(name)}", "race.show", name, icon=":material/visibility:")
            if click:
                shown_run().name = name
                click.done()
                st.rerun()
        if run.config is not None:
            words, icon = "Fills the boxes above.", ":material/replay:"
            click = clicked(st, "Use its settings again", "race.again", name, icon=icon, help=words)
            if click:
                setup.use_again(run)
                click.done()
                st.rerun()
        # A run that waits to be resumed is not written yet, but somebody wants it.
        wanted = run.status == "running" or any(race.name == name for race in service().active())
        click = clicked(st, f"Delete {plain(name)}", "race.delete", name, icon=":material/delete:", disabled=wanted)
        if click:
            st.session_state[_ASKING] = True
            _confirm(name, sum(file.stat().st_size for file in run.folder.rglob("*") if file.is_file()))
            click.done()


def asking() -> bool:
    """Whether a question is open, which another run of the page would close."""
    return _ASKING in st.session_state


def _answered() -> None:
    st.session_state.pop(_ASKING, None)


@st.dialog("Delete this run?", on_dismiss=_answered)
def _confirm(name: str, size: int) -> None:
    st.write(f"{plain(name)} with its checkpoints and curves, {size / 1e6:.1f} MB, will be gone for good.")
    if st.button("Delete", key="race.delete.sure"):
        try:
            service().delete(name)
        except AklVizError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        if shown_run().name == name:
            shown_run().name = None
        st.rerun()


def _text_of(run: Run) -> str:
    if run.config is None:
        return "another program"
    text = run.config.data.text
    return setup.TEXT_KINDS.get(text) or uploads.titled(Path(text).name)
