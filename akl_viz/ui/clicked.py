"""Buttons whose click is not lost where a run of the page ends before it has done what was clicked for.

Streamlit tells a click to one run of the script. A person who clicks and goes on at once asks for another run, which
ends the first: on a slow machine that is far above the button then. So a click is noted before the script begins, in an
object that the button holds already (a look into the session could end the run as well), and stays until it is done.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

_KEY = "clicked"


@dataclass
class Click:
    """Whether a button was clicked, as a truth value."""

    _noted: dict[str, Hashable]
    _key: str
    _there: bool = field(init=False)

    def __post_init__(self) -> None:
        self._there = self._key in self._noted

    def __bool__(self) -> bool:
        return self._there

    def done(self) -> None:
        """Say that what was clicked for is done. Until then every run of the page comes to do it again."""
        self._noted.pop(self._key, None)


def clicked(place: Any, label: str, key: str, what: Hashable = None, **options: Any) -> Click:
    """Draw a button and return its click.

    Args:
        place: where to draw it: `st`, or a part of the page.
        label: of the button.
        key: of the button.
        what: it is about. A click that was about something else counts for nothing.
        **options: of Streamlit's button.
    """
    noted = _noted()
    place.button(label, key=key, on_click=noted.__setitem__, args=(key, what), **options)
    if key in noted and noted[key] != what:
        del noted[key]
    return Click(noted, key)


def forget_clicks() -> None:
    """Say at the end of a run of a page that clicks on buttons which are not there any more count for nothing."""
    _noted().clear()


def _noted() -> dict[str, Hashable]:
    """Key of a button -> what it was about when it was clicked."""
    noted: dict[str, Hashable] = st.session_state.setdefault(_KEY, {})
    return noted
