"""The token inspector: one component that draws a whole trace in the browser, in the app or in a file of its own."""

from __future__ import annotations

import html
import json
import re
import weakref
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import streamlit as st

from akl_viz.metrics import DEFAULT_METRIC, METRICS
from akl_viz.records import TokenTrace
from akl_viz.ui.components.assets import markup, script, style
from akl_viz.ui.components.payload import default_pins, static_payload, valid_pins
from akl_viz.ui.moved import hold
from akl_viz.ui.view import BARS, SCALES, View

_COMPONENT = st.components.v2.component(
    "akl_inspector", html=markup("inspector"), css=style(), js=script("streamlit"), isolate_styles=True
)
_packed: dict[int, tuple[weakref.ref[TokenTrace], dict[str, Any]]] = {}


def payload(trace: TokenTrace, view: View | None = None) -> dict[str, Any]:
    """Everything the browser needs to draw a trace; equal input gives an equal dict.

    Args:
        trace: the record of one text under one pair.
        view: how to open it; what is not valid in it is left at its default, and pins None pins the position with
            the largest AKL.

    Returns:
        A dict for `json.dumps(..., allow_nan=False)`: `ver` is a hash of the trace, `initial` the state to open
        with; see `akl_viz.ui.components.payload.static_payload` for the rest.
    """
    return {**_packed_once(trace), "initial": _as_dict(_valid(view or View(), trace))}


def inspector(trace: TokenTrace, *, key: str, view: View | None = None) -> View:
    """Draw the inspector and return what the person chose.

    `view` says how a trace opens. Later reruns with the same trace leave the view as the person made it, whatever
    they pass, and send nothing to the browser; a new trace opens with the view passed then. Pointing at tokens
    never runs the script; a changed view does.

    Args:
        trace: the record to draw.
        key: identity of the component on the page.
        view: how to open it, see `payload`.

    Returns:
        The present view, checked against the trace; its pins are never None.
    """
    packed = _packed_once(trace)
    memory = f"{key}:opened"
    opened = st.session_state.get(memory)
    if key not in st.session_state or opened is None or opened[0] != packed["ver"]:
        opened = (packed["ver"], _valid(view or View(), trace))
        st.session_state[memory] = opened
    data = {**packed, "initial": _as_dict(opened[1])}
    result = _COMPONENT(key=key, data=data, default={"view": None}, on_view_change=hold)
    return _checked(result.get("view"), trace, opened)


def standalone_html(trace: TokenTrace, view: View | None = None, *, title: str = "Token inspector") -> str:
    """The inspector as one HTML file: same drawing code, data inside, nothing to load, opens without a network.

    Args:
        trace: the record to draw.
        view: how to open it, see `payload`.
        title: heading and title of the document, plain text.

    Returns:
        A complete HTML document; labels and text of the trace are inert data in it.
    """
    settings = trace.settings
    subtitle = (
        f"Teacher {trace.teacher.reference}, student {trace.student.reference}, mu {settings.mu:g}, "
        f"boundary {settings.boundary}, temperature {settings.temperature:g}, "
        f"n = {trace.n_scored} scored tokens"
    )
    parts = {
        "TITLE": html.escape(title),
        "SUBTITLE": html.escape(subtitle),
        "CSS": style(),
        "DATA": script_json(payload(trace, view)),
        "JS": script("file"),
    }
    return re.sub("@([A-Z]+)@", lambda place: parts[place[1]], markup("standalone"))


def script_json(value: Any) -> str:
    """JSON that is safe inside a script element: no character in it can end the element or open a comment."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _packed_once(trace: TokenTrace) -> dict[str, Any]:
    """The static payload, packed once per trace object for as long as the object lives."""
    known = _packed.get(id(trace))
    if known is not None and known[0]() is trace:
        return known[1]
    packed, number = static_payload(trace), id(trace)
    _packed[number] = (weakref.ref(trace, lambda _: _packed.pop(number, None)), packed)
    return packed


def _valid(view: View, trace: TokenTrace) -> View:
    """The view with what the trace or the tables do not know at its default."""
    pins = default_pins(trace) if view.pins is None else valid_pins(view.pins, trace)
    return View(
        metric=view.metric if view.metric in METRICS else DEFAULT_METRIC,
        pins=tuple(pins),
        fit=view.fit is True,
        bars=view.bars if view.bars in BARS else BARS[0],
        scale=view.scale if view.scale in SCALES else SCALES[0],
        glyphs=view.glyphs is not False,
    )


def _as_dict(view: View) -> dict[str, Any]:
    return {**asdict(view), "pins": list(view.pins or ())}


def _checked(sent: Any, trace: TokenTrace, opened: tuple[str, View]) -> View:
    """What the browser sent, if it speaks of this trace and is well formed; else the view it opened with."""
    ver, initial = opened
    if not isinstance(sent, Mapping) or sent.get("ver") != ver or not isinstance(sent.get("pins"), list | tuple):
        return initial
    known = {field.name: sent[field.name] for field in fields(View) if field.name in sent}
    return _valid(View(**known), trace)
