"""Charts of plotly on a page, which come after the first results.

The browser takes plotly in one piece: about a second of work on a small machine, in which nothing else is drawn. So in
a new session a page is first sent with room left for its charts, and again with them once the browser has drawn it.
"""

from __future__ import annotations

from time import sleep
from typing import Any

import streamlit as st

_TAKEN = "charts.taken"
HEAD_START_S = 0.5
"""Seconds in which the browser draws what it has, before plotly is sent for."""
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


def send() -> None:
    """At the end of a page: draw the charts whose room was left."""
    if not st.session_state.get(_TAKEN):
        sleep(HEAD_START_S)
        st.session_state[_TAKEN] = True
        st.rerun()
