"""What of a view is in its address beyond the bound widgets: a typed text, pins, metric, scale.

Values from an address are untrusted: each is checked, and one that is not valid is left out.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

import streamlit as st

from akl_viz.metrics import DEFAULT_METRIC, METRICS

MAX_LINK = 6_000
"""Longest packed text in an address: servers and proxies refuse longer request lines."""
MAX_TEXT = 60_000
"""Characters the text box takes: a trace of them still fits one message to the browser."""
MAX_PINS = 12
NO_PINS = "none"
"""Stands for a view without pins: an empty parameter would be dropped from the address."""
PASSAGE = "tokens.passage"
"""Session key of the chosen passage."""


def pack_text(text: str) -> str | None:
    """The text compressed for an address; None where it would not fit."""
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode("ascii").rstrip("=")
    return packed if len(packed) <= MAX_LINK else None


def unpack_text(packed: str) -> str | None:
    """The text of an address; None where it is not one that `pack_text` made."""
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        # A few bytes can stand for gigabytes: never inflate more than a text may have.
        text = zlib.decompressobj().decompress(data, 4 * MAX_TEXT).decode("utf-8")
    except (binascii.Error, zlib.error, ValueError):
        return None
    return text[:MAX_TEXT]


def restore_passage(options: list[str], default: str) -> None:
    """Choose the passage of the address, once per address; one that does not exist is left out."""
    st.session_state.setdefault(PASSAGE, default)
    wanted = st.query_params.get("passage")
    if wanted in options and wanted != st.session_state.get("tokens.link_passage"):
        st.session_state[PASSAGE] = wanted


def publish_passage(chosen: str, default: str) -> None:
    """Put the chosen passage into the address, unless it is the default."""
    named = chosen if chosen != default else None
    st.session_state["tokens.link_passage"] = named
    _set("passage", named)


def restore_text() -> None:
    """Put the text of the address into the text box, once per address."""
    packed = st.query_params.get("text")
    if packed is None or packed == st.session_state.get("tokens.link_text"):
        return
    text = unpack_text(packed)
    if text is not None:
        st.session_state["tokens.text"] = text
    st.session_state["tokens.link_text"] = packed


def publish_text(text: str | None) -> None:
    """Put a typed text into the address; take it out where there is none or it is too long."""
    packed = pack_text(text) if text else None
    st.session_state["tokens.link_text"] = packed
    st.session_state["tokens.link_too_long"] = bool(text) and packed is None
    _set("text", packed)


@dataclass(frozen=True)
class ViewRequest:
    """How the inspector is asked to open a trace."""

    metric: str = DEFAULT_METRIC
    pins: tuple[int, ...] | None = None
    """None leaves the choice of a first pin to the inspector."""
    fit: bool = False


def parse_view(metric: str | None, pins: str | None, fit: str | None) -> ViewRequest:
    """A view from the strings of an address; whatever is not valid is left at its default."""
    chosen = metric if metric in METRICS else DEFAULT_METRIC
    places = None
    if pins is not None:
        parts = [part for part in pins.split(".")[:MAX_PINS] if part.isascii() and part.isdigit() and len(part) < 7]
        places = tuple(int(part) for part in parts)
    return ViewRequest(chosen, places, fit == "1")


def restore_view() -> ViewRequest:
    """The view of the address, or of the last visit of this session where the address has none."""
    query = st.query_params
    keys = ("metric", "pins", "fit")
    if any(key in query for key in keys):
        return parse_view(*(query.get(key) for key in keys))
    kept = st.session_state.get("tokens.view")
    return kept if isinstance(kept, ViewRequest) else ViewRequest()


def publish_view(view: ViewRequest) -> None:
    """Put the view into the address; parts at their default are left out."""
    st.session_state["tokens.view"] = view
    _set("metric", view.metric if view.metric != DEFAULT_METRIC else None)
    _set("pins", None if view.pins is None else ".".join(map(str, view.pins)) or NO_PINS)
    _set("fit", "1" if view.fit else None)


def _set(name: str, value: str | None) -> None:
    """Change one parameter only where it differs: each change is a message to the browser."""
    if value is None:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != value:
        st.query_params[name] = value
