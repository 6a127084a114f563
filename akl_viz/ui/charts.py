"""What comes after the first result of a learn page: what stands below it, and charts of plotly.

The browser takes plotly in one piece: about a second of work on a small machine, in which nothing else is drawn; prose
and widgets take a tenth to a third of one. So in a new session a page is first sent down to its first result, with room
left for charts; half a second later comes what stands below it, and last the charts.
"""

from __future__ import annotations

from time import sleep
from typing import Any

import streamlit as st

_TAKEN = "charts.taken"
_GIVEN = "charts.head_start"
"""The page that was given its head start."""
HEAD_START_S = 0.5
"""Seconds in which the browser draws what it has, before more is sent."""
_HEIGHT = 450
"""Pixels of a figure that names no height of its own."""


def chart(figure: Any, *, key: str, alt: str, file: str) -> None:
    """Draw a figure in its own colours, with a button that saves it; on a session's first page, leave its room.

    Plotly's other buttons would lie over the figure, on a phone always: a drag zooms, a double click zooms back.

    Args:
        figure: a plotly figure.
        key: of the element.
        alt: what it shows, in words.
        file: name of the saved picture.
    """
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"filename": file, "format": "svg"},
    }
    if st.session_state.get(_TAKEN):
        st.plotly_chart(figure, theme=None, key=key, alt=alt, config=config)
    else:
        st.space(int(figure.layout.height or _HEIGHT))


def head_start(page: str) -> None:
    """Below a page's first result: on the first page of a session that calls it, let the browser draw what it has."""
    if _GIVEN not in st.session_state:
        _give(page)


def send(page: str) -> None:
    """At the end of a page: draw the charts whose room was left, after a head start that was not another page's."""
    if not st.session_state.get(_TAKEN):
        if st.session_state.get(_GIVEN) != page:
            _give(page)
        st.session_state[_TAKEN] = True
        st.rerun()


def _give(page: str) -> None:
    st.session_state[_GIVEN] = page
    sleep(HEAD_START_S)
