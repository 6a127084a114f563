"""Where the view of a page comes from whose component holds it: what the browser sent last, or the page's address.

Every settled change stands in the address, so the browser's Back and Forward bring an earlier address to a component
that knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from akl_viz.ui.permalink import set_parameter

_SEEN, _OUTDATED, _WRITTEN = ".moved.seen", ".moved.outdated", ".moved.written"
Source = Literal["sent", "address", "kept"]


def last_sent(key: str) -> Mapping[str, Any] | None:
    """What the component with this key sent last, if it is well formed: its `seq` numbers it."""
    component = st.session_state.get(key)
    view = component.get("view") if isinstance(component, Mapping) else None
    known = isinstance(view, Mapping) and isinstance(view.get("seq"), int) and not isinstance(view.get("seq"), bool)
    return view if known else None


def newest(page: str, sent: Mapping[str, Any] | None, given: Mapping[str, str]) -> Source:
    """Where the present view is: in what was sent, in the address, or in what the page kept of its last run.

    Args:
        page: begins the keys of the session.
        sent: `last_sent`; None on the first run of a visit.
        given: the page's parameters in the address.
    """
    state = st.session_state
    if sent is None:
        # A new component counts from the beginning.
        for name in (_SEEN, _OUTDATED):
            state.pop(page + name, None)
        return "address" if given else "kept"
    if sent["seq"] == state.get(page + _SEEN) and given != state.get(page + _WRITTEN, given):
        # Nobody moved anything, and yet the address is another one.
        state[page + _OUTDATED] = sent["seq"]
        return "address"
    state[page + _SEEN] = sent["seq"]
    return "kept" if sent["seq"] == state.get(page + _OUTDATED) else "sent"


def write(page: str, parameters: Mapping[str, str | None]) -> None:
    """Put the view into the address; a parameter that is None is left out."""
    st.session_state[page + _WRITTEN] = {name: text for name, text in parameters.items() if text is not None}
    for name, text in parameters.items():
        set_parameter(name, text)


def given_of(names: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of these names in the address."""
    return {name: text for name, text in st.query_params.to_dict().items() if name in names}
