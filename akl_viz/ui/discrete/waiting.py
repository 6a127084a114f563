"""Which result the page shows: the one of its choices, or what was there before."""

from __future__ import annotations

import streamlit as st

from akl_viz.errors import AklVizError
from akl_viz.ui.discrete.choices import DEFAULT, Choices, check, config_of
from akl_viz.ui.discrete.results import Asked, Result, results, stored
from akl_viz.ui.plain import plain
from akl_viz.ui.waiting import Waiting

_RESULTS: Waiting[Asked, Result] = Waiting("discrete", "experiment", lambda: results())
_LAST = "discrete.last"


def result_for(choices: Choices) -> tuple[Result | None, bool]:
    """The result to show and whether it answers the choices; else the last one of this session, or the default."""
    result = None
    try:
        check(choices)
        asked = Asked(config_of(choices), choices.share, choices.seed)
    except AklVizError as error:
        _RESULTS.want(None)
        st.error(plain(str(error)), icon=":material/error:")
    else:
        result = _RESULTS.result(asked)
    if result is not None:
        st.session_state[_LAST] = result
        return result, True
    last = st.session_state.get(_LAST)
    if isinstance(last, Result):
        return last, False
    # Others may have asked for so much since that it is no longer kept.
    return results().known(Asked(config_of(DEFAULT), DEFAULT.share, DEFAULT.seed)) or stored(), False
