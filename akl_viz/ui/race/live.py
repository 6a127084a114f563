"""A run on the page: its state, its curves, and what can be done with it."""

from __future__ import annotations

import time
from collections.abc import Hashable

import pandas as pd
import streamlit as st

from akl_viz.analysis.export import table_csv
from akl_viz.distill import Run
from akl_viz.distill import open_run as open_run_folder
from akl_viz.errors import AklVizError
from akl_viz.figures.race import PANELS, key_html, race_panel
from akl_viz.ui.clicked import clicked
from akl_viz.ui.plain import plain
from akl_viz.ui.race.moment import moment
from akl_viz.ui.race.saved import STORED, STORED_TITLE, asking, comparison
from akl_viz.ui.race.service import Race, service
from akl_viz.ui.race.start import shown_run
from akl_viz.ui.race.uploads import titled
from akl_viz.ui.results import theme

POLL_SECONDS = 0.7
REDRAW_SECONDS = 3.0
ELSEWHERE_SECONDS = 2.0
OTHERS_SECONDS = 3.0
_MOST_NOTES = 12
_DRAWN = "race.drawn"
"""Session key: the run whose curves are on the page, its measurements then, and when that was."""


def show(name: str) -> Run | None:
    """The open run, live while it goes on. Returns it once it has a folder."""
    changes = service().changes(name)
    race = service().find(name)
    if service().known(name):
        st.subheader(plain(name), anchor=False)
    if race is not None:
        st.session_state[_DRAWN] = (name, race.probes, time.monotonic())
        _live(name)
    try:
        run = service().run(name)
    except AklVizError as error:
        if race is None:
            _gone(name, str(error))
        return None
    if race is None and run.status == "running":
        _elsewhere(name, _mark(run))
    elif race is None:
        _ended(run)
        _changed(name, changes)
    _notes(run)
    curves(run)
    if not moment(run, key=f"race.moment.{name}") and race is None and run.status != "running":
        st.info("Nothing was measured in this run.", icon=":material/info:")
    return run


def _notes(run: Run) -> None:
    """What of the files, rows and models the run does not use, as its command says on the shell."""
    for note in run.notes[:_MOST_NOTES]:
        st.caption(plain(note))
    if len(run.notes) > _MOST_NOTES:
        st.caption(f"The run's run.json says more: {len(run.notes) - _MOST_NOTES:,} further.")


@st.fragment(run_every=ELSEWHERE_SECONDS)
def _elsewhere(name: str, drawn: Hashable) -> None:
    """State of a run that another program or a command writes; the page runs again when it was measured or ended."""
    try:
        run = service().run(name)
    except AklVizError:
        st.rerun()
    if _mark(run) != drawn:
        st.rerun()
    st.info(f"{_at(run, 'Running')} Another program trains it: stop it there.", icon=":material/sensors:")


@st.fragment(run_every=OTHERS_SECONDS)
def _changed(name: str, changes: int) -> None:
    """Draw nothing; the page runs again where another tab resumed or deleted the run. No file is read for it."""
    if service().changes(name) != changes:
        st.rerun()


def _mark(run: Run) -> Hashable:
    """What changes when there is something new to draw."""
    return run.status, tuple(run.done.items())


def _at(run: Run, status: str) -> str:
    """How far a run is; another program's says nothing of where it ends."""
    step = f"{max(run.done.values(), default=0):,}"
    return f"{status} at step {step} of {run.steps:,}." if run.config is not None else f"{status} at step {step}."


def _gone(name: str, why: str) -> None:
    """Say what became of a run without a readable folder; one that left no word had a folder and lost it."""
    ended = service().ended(name)
    if ended is None or not ended.message:
        st.error(plain(why), icon=":material/error:")
    elif ended.control.stopping:
        st.info(plain(ended.message), icon=":material/info:")
    else:
        st.error(plain(titled(ended.message)), icon=":material/error:")


def show_stored() -> Run:
    """The run that comes with the app, so that a first visit sees what a run gives."""
    run = open_run_folder(STORED)
    st.subheader(STORED_TITLE, anchor=False)
    st.markdown(
        f":small[{run.steps} steps of {len(run.losses)} losses on the bundled pair, one seed. Start a run of your own "
        "above; the same command gives these curves again.]"
    )
    curves(run)
    moment(run, key="race.moment.stored")
    return run


def curves(run: Run) -> None:
    """Every measure against the step, for this run and those it is compared with."""
    history, comparable = comparison(run)
    if history.empty:
        return
    st.html(key_html(history, theme()))
    if not comparable:
        st.warning(
            "These runs learnt from different teachers or texts: their levels are not comparable.",
            icon=":material/warning:",
        )
    early = st.toggle("Give the first steps room", value=True, key="race.early", persist_state="session")
    _panels(history, early)
    st.download_button(
        "CSV of the curves",
        lambda: table_csv(history),
        "race.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/download:",
        key="race.csv",
    )


def _panels(history: pd.DataFrame, early: bool) -> None:
    panels = list(PANELS.values())
    # Rows of columns, so that on a narrow screen the panels keep their order.
    places = [place for start in range(0, len(panels), 3) for place in st.columns(3)[: len(panels) - start]]
    for place, panel in zip(places, panels, strict=True):
        place.plotly_chart(
            race_panel(history, panel, theme(), early=early),
            key=f"race.panel.{panel.column}",
            theme=None,
            alt=f"{panel.title} against the optimiser step, one line per loss; {panel.axis}.",
            config={"displaylogo": False, "toImageButtonOptions": {"filename": panel.column, "format": "svg"}},
        )


@st.fragment(run_every=POLL_SECONDS)
def _live(name: str) -> None:
    """State and buttons of a run that goes on.

    Curves and details change only where something was measured: then the page runs again, but not more often than every
    REDRAW_SECONDS, since drawing takes the cores the training wants.
    """
    race = service().find(name)
    drawn, probes, when = st.session_state.get(_DRAWN, (name, 0, 0.0))
    if race is None:
        st.rerun()
    due = probes != race.probes and time.monotonic() - when > REDRAW_SECONDS
    if drawn == name and due and not asking():
        st.rerun()
    _state(race)


def _state(race: Race) -> None:
    """Where the run is, and its buttons."""
    line = max(race.latest.values(), key=lambda record: (record.step, record.done), default=None)
    share = line.done if line is not None else 0.0
    st.progress(share if race.state == "running" else 0.1 * race.prepared, text=plain(_sentence(race)))
    pause, stop, _ = st.columns([1, 1, 3])
    # Callbacks: they run first, so that a run of the page that ends early (`_live`) cannot lose a click.
    paused = race.control.paused
    # One button with one key, whatever it says: another one in its place would not have the focus of the keyboard.
    pause.button(
        "Go on" if paused else "Pause",
        key="race.pause",
        icon=":material/play_arrow:" if paused else ":material/pause:",
        width="stretch",
        disabled=race.state == "queued",
        on_click=race.control.resume if paused else race.control.pause,
    )
    stop.button(
        "Stop",
        key="race.stop",
        icon=":material/stop:",
        width="stretch",
        disabled=race.control.stopping,
        on_click=service().stop,
        args=(race,),
    )


def _sentence(race: Race) -> str:
    ahead = service().ahead(race)
    if race.state == "queued":
        return f"Waiting for {ahead} other run{'s' if ahead != 1 else ''}"
    if race.control.stopping:
        return "Stopping after this step, with a checkpoint and a measurement"
    if race.state == "preparing":
        return race.stage
    record = max(race.latest.values(), key=lambda one: one.step)
    losses = ", ".join(f"{loss} {one.train_loss:.3f}" for loss, one in race.latest.items() if one.step > 0)
    speed = sum(one.tokens_per_second for one in race.latest.values()) / max(1, len(race.latest))
    paused = "Paused. " if race.control.paused else ""
    eta = record.eta_seconds
    left = "" if race.control.paused or eta is None else f"; about {max(1, round(eta))} s left"
    training = f"; training loss {losses}" if losses else ""
    return f"{paused}Step {record.step} of {record.steps}{training}; {speed:,.0f} tokens per second per loss{left}"


def _ended(run: Run) -> None:
    """How a run ended, and the way to go on."""
    ended = service().ended(run.folder.name)
    message = (ended.message if ended is not None else "") or run.message
    words = _at(run, run.status.capitalize())
    if run.status == "finished":
        st.success(plain(words), icon=":material/flag:")
    elif run.status in ("diverged", "failed"):
        st.error(plain(titled(message) or words), icon=":material/error:")
    else:
        st.info(plain(f"{words} {message}".strip()), icon=":material/info:")
    if not run.resumable:
        return
    click = clicked(st, "Resume", "race.resume", run.folder.name, icon=":material/play_arrow:")
    if click:
        shown = shown_run()
        try:
            shown.name = service().resume(run.folder.name).name
        except AklVizError as error:
            click.done()
            st.error(plain(str(error)), icon=":material/error:")
            return
        click.done()
        st.rerun()
