"""Before a run: what it will cost, the command that does the same, and the button."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

from akl_viz.distill import DistillConfig
from akl_viz.distill.duration import duration
from akl_viz.distill.estimate import Estimate, Sizes, estimate, machine_flops
from akl_viz.distill.options import command_of
from akl_viz.distill.places import absolute
from akl_viz.errors import AklVizError
from akl_viz.models.files import read_json
from akl_viz.models.locate import locate
from akl_viz.models.reference import Policy, parse_reference
from akl_viz.ui.clicked import clicked
from akl_viz.ui.plain import plain
from akl_viz.ui.race.service import Race, service

PAGE = "race"
"""Whose parameters of the address they are."""
_SHOWN = "race.shown"
"""Session key of the run that is shown."""
_PRESS = "race.press"
"""Session key of the last press of Start."""
TWICE_SECONDS = 2.0
"""Within it a second press of Start is the same press: the page needs half a second to show what the first one did."""
_TOY = Sizes(40_000, 20_000, 64)
"""Order of magnitude of the toy pair: the estimate says seconds whatever it is exactly."""


@dataclass
class Press:
    """The last press of Start in a session.

    It is changed in place: a run of the page may end at any write to the session's state, and then the run would be
    started but not known to be.
    """

    race: Race | None = None
    when: float = 0.0

    def start(self, config: DistillConfig) -> Race:
        """Start a run; a second press for the same one gives the run of the first. Raises InvalidInput."""
        if self.race is None or not self._repeats(self.race, config):
            self.race, self.when = service().start(config), time.monotonic()
        return self.race

    def _repeats(self, race: Race, config: DistillConfig) -> bool:
        """Whether that run was asked for just now, or nothing of it can be seen yet."""
        if race.config != config or race.control.stopping:
            return False
        return (race.active and not race.latest) or time.monotonic() - self.when < TWICE_SECONDS


@dataclass
class Shown:
    """The run that a session shows; changed in place, for the same reason."""

    name: str | None = None
    """None shows the stored one."""


def shown_run() -> Shown:
    """The run that this session shows: a new name counts from the next run of the page on."""
    shown: Shown = st.session_state.setdefault(_SHOWN, Shown())
    return shown


def start_row(config: DistillConfig | None) -> None:
    """Estimate, start button and command."""
    button, words = st.columns([1, 3], vertical_alignment="center")
    options = {"icon": ":material/flag:", "disabled": config is None, "width": "stretch"}
    click = clicked(button, "Start", "race.start", **options)
    if config is None:
        click.done()
        return
    words.markdown(f":gray[{_cost(config)}]")
    if click:
        press, shown = st.session_state.setdefault(_PRESS, Press()), shown_run()
        # From here to the end of the click nothing looks into the session, so that no other run comes in between.
        try:
            shown.name = press.start(config).name
        except AklVizError as error:
            click.done()
            st.error(plain(str(error)), icon=":material/error:")
            return
        click.done()
        st.rerun()


def show_command(config: DistillConfig) -> None:
    """The command of this run."""
    with st.expander("Show the command"):
        st.code(command_of(absolute(config, Policy.for_app()), "RUN"), language="bash", wrap_lines=True)
        st.caption(
            "Both start the same engine. The same seed gives the same numbers, up to the last digits: this page leaves "
            "one core to itself."
        )


def _cost(config: DistillConfig) -> str:
    """The estimate as a sentence."""
    sizes = _sizes(config.teacher, config.student)
    if sizes is None:
        return "Time and memory are unknown until the models are here."
    cost: Estimate = estimate(config, sizes, _flops())
    return (
        f"About {duration(max(1.0, cost.seconds))} and {cost.bytes / 1e9:.1f} GB on this machine's CPU, "
        f"{len(config.probe_steps)} measurements of {len(config.losses)} losses. An estimate from the models' sizes."
    )


@st.cache_resource(show_spinner=False)
def _flops() -> float:
    return machine_flops()


@st.cache_data(show_spinner=False, ttl=60)
def _sizes(teacher: str, student: str) -> Sizes | None:
    """Sizes from the files, without loading anything; None for what is not on this machine or not allowed."""
    if teacher.startswith("toy:"):
        return _TOY
    try:
        found = [
            locate(parse_reference(name, Policy.for_app()), Policy.for_app(), download=False)
            for name in (teacher, student)
        ]
        rows = read_json(found[0].place / "config.json", Policy.for_app()).get("vocab_size")
    except AklVizError:
        return None
    # A folder from anywhere may say anything there; that the model cannot be loaded is said at the start.
    return Sizes(found[0].entries, found[1].entries, rows) if type(rows) is int and rows > 0 else None
