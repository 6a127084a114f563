"""Charts of plotly and the prose of a page, which come after its first results.

The browser takes plotly in one piece: about a second of work on a small machine, in which nothing else is drawn; the
prose takes a tenth of one. So in a new session a page is first sent with room left for its charts, its prose once the
browser has drawn what stands above it, and last the charts.
"""

from __future__ import annotations

from time import sleep
from typing import Any

import streamlit as st

_TAKEN = "charts.taken"
_GIVEN = "charts.head_start"
HEAD_START_S = 0.5
"""Seconds in which the browser draws what it has, before more is sent."""
_HEIGHT = 450
"""Pixels of a figure that names no height of its own."""


def chart(figure: Any, *, key: str, alt: str, config: dict[str, Any]) -> None:
    """Draw a figure in its own colours; on a session's first page, leave its room.

    Args:
        figure: a plotly figure.
        key: of the element.
        alt: what it shows, in words.
        config: of plotly.
    """
    if st.session_state.get(_TAKEN):
        st.plotly_chart(figure, theme=None, key=key, alt=alt, config=config)
    else:
        st.space(int(figure.layout.height or _HEIGHT))


def head_start() -> None:
    """Above the prose: once in a session, let the browser draw what it has."""
    if not st.session_state.get(_GIVEN):
        st.session_state[_GIVEN] = True
        sleep(HEAD_START_S)


def send() -> None:
    """At the end of a page: draw the charts whose room was left."""
    if not st.session_state.get(_TAKEN):
        head_start()
        st.session_state[_TAKEN] = True
        st.rerun()
