"""The explorer on its page: the component, the sweep over sd, and the command and files of the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from akl_viz.analysis.export import table_csv
from akl_viz.errors import InvalidInput
from akl_viz.figures.gaussian import optima_against_sd
from akl_viz.ui import charts
from akl_viz.ui.components.gaussian import COMPONENT
from akl_viz.ui.folded import folded
from akl_viz.ui.gaussian.fits import fitted, numbers_of, ready, stored
from akl_viz.ui.gaussian.payload import payload
from akl_viz.ui.gaussian.state import GRIDS, PRESETS, Part, State, checked, command, from_address, to_address, unusable
from akl_viz.ui.gaussian.sweep import marked, sweep_commands, turns
from akl_viz.ui.moved import given_of, hold, last_sent, newest, write
from akl_viz.ui.results import theme
from akl_viz.ui.unusable import note_unusable, tell_unusable

if TYPE_CHECKING:
    import pandas as pd

KEY = "gaussian.explorer"
_KEPT = "gaussian.state"
_DIGITS = 9
"""Of a share of the weights: 3 and 5 are the paper's .375 and .625."""
_COMPONENT = st.components.v2.component("akl_gaussian", **COMPONENT.parts(), isolate_styles=True)


@st.fragment
def explorer() -> None:
    """Draw the explorer. What a person changes runs this fragment alone."""
    sent = last_sent(KEY)
    state = _state(sent)
    tell_unusable("gaussian", state)
    problem, numbers = "", None
    try:
        numbers = numbers_of(state)
    except InvalidInput as error:
        problem = str(error)
    seq = sent["seq"] if sent is not None else 0
    _COMPONENT(key=KEY, data=payload(state, numbers, seq, problem), default={"view": None}, on_view_change=hold)
    st.session_state[_KEPT] = state
    if sent is None or sent.get("settled") is not False:
        write("gaussian", to_address(state))
    if not ready() and numbers is None and not problem:
        fitted(State())
        st.rerun()
    charts.head_start("learn/gaussian")
    _where_it_turns(state)
    _reproduce(state, whole=not problem)


def _state(sent: Mapping[str, Any] | None) -> State:
    """What the browser sent, what the address says, or what was there before."""
    given = given_of(to_address(State()))
    source = newest("gaussian", sent, given)
    if source == "sent" and sent is not None:
        return checked(sent)
    if source == "address":
        found = from_address(given)
        note_unusable("gaussian", unusable(given), found)
        return found
    kept = st.session_state.get(_KEPT)
    return kept if isinstance(kept, State) else State()


def _where_it_turns(state: State) -> None:
    """The sweep over sd on both grids, with the sd of the view marked where it is one of the sweep's targets."""
    known = stored()
    if known is None:
        return
    st.subheader("Where mode-seeking stops being the best", anchor=False)
    shown, which = marked(_sd_of(state))
    st.markdown(
        ":small[Target .375 N(25, sd) + .625 N(75, sd). The lower line is the global optimum of KL(S‖T); "
        + which
        + ".]"
    )
    commands = []
    for column, (grid, label) in zip(st.columns(2), GRIDS.items(), strict=True):
        with column:
            rows = [row for row in known["sweep"] if row["grid"] == grid]
            between = turns(rows, grid)
            commands += sweep_commands(grid, between or (rows[-1]["sd"],))
            told = (
                f"from an sd between {between[0]:g} and {between[1]:g} on, the student that spans both is the best."
                if between
                else f"up to sd {rows[-1]['sd']:g}, the student on one mode stays the best."
            )
            st.markdown(f"**{label[0].upper()}{label[1:]}**: {told}")
            charts.chart(
                optima_against_sd(rows, shown, theme()),
                key=f"gaussian.sweep.{grid}",
                alt=f"KL(S‖T) of the optima against the sd of both modes, {label}.",
                file=f"gaussian-sweep-{grid}",
            )
    with folded("Commands of these charts", "gaussian.sweep.command") as opened:
        if opened:
            st.code("\n".join(commands), language="bash", wrap_lines=True)
            st.markdown(":small[On either side of each turn; a point of the charts is one such line with its own sd.]")
    _download("Optima against sd, CSV", lambda: table_csv(_table(known["sweep"])), "optima-against-sd.csv")


def _sd_of(state: State) -> float | None:
    """The common sd of a target of the sweep; None for any other."""
    paper, sds = PRESETS[State().preset].parts, {part[1] for part in state.parts}
    return sds.pop() if _but_sd(state.parts) == _but_sd(paper) and len(sds) == 1 else None


def _but_sd(parts: Sequence[Part]) -> list[tuple[float, float]]:
    """Mean and share of every part."""
    total = sum(part[-1] for part in parts)
    return [(part[0], round(part[-1] / total, _DIGITS)) for part in parts]


def _reproduce(state: State, whole: bool) -> None:
    """The command of this view, and its numbers as a file."""
    with folded("Show the command", "gaussian.command") as opened:
        if opened:
            st.code(command(state), language="bash", wrap_lines=True)
            st.markdown(":small[Prints every optimum of both losses with its moments; one line per grid.]")
    _download("Optima, CSV", lambda: _optima(state), "optima.csv", disabled=not whole)
    st.markdown(":small[The address of this page holds the whole view: copy it to share it.]")


def _download(label: str, data: Callable[[], str], name: str, *, disabled: bool = False) -> None:
    st.download_button(
        label, data, name, "text/csv", key=f"gaussian.csv.{name}", on_click="ignore", icon=":material/download:",
        disabled=disabled,
    )  # fmt: skip


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)


def _optima(state: State) -> str:
    import pandas as pd

    found = fitted(state)
    table = pd.concat({grid: fits.frame() for grid, fits in found.items()}, names=["grid", None])
    return table_csv(table.reset_index(level="grid"))
