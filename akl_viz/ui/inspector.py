"""The token inspector: one component that draws a whole trace in the browser, in the app or in a file of its own."""

from __future__ import annotations

import html
import json
import re
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from akl_viz.metrics import DEFAULT_METRIC, METRICS
from akl_viz.records import TokenTrace
from akl_viz.ui.components.assets import markup, script, style
from akl_viz.ui.components.payload import default_pins, static_payload, valid_pins

_COMPONENT = st.components.v2.component(
    "akl_inspector", html=markup("inspector"), css=style(), js=script("streamlit"), isolate_styles=True
)
_packed: dict[int, tuple[weakref.ref[TokenTrace], dict[str, Any]]] = {}


@dataclass(frozen=True)
class InspectorState:
    """What a person chose in the inspector: enough to open the same view again."""

    pins: tuple[int, ...]
    """Indices of the pinned tokens, oldest first."""
    metric: str
    """A key of METRICS."""
    fit: bool
    """Whether colours end at the largest value of this text instead of at the metric's fixed limit."""


def payload(
    trace: TokenTrace, *, metric: str = DEFAULT_METRIC, pins: Iterable[int] | None = None, fit: bool = False
) -> dict[str, Any]:
    """Everything the browser needs to draw a trace; equal input gives an equal dict.

    Args:
        trace: the record of one text under one pair.
        metric: key of the metric to colour by at first; an unknown key falls back to the default.
        pins: token indices to pin at first; None pins the position with the largest AKL. What is not a scored
            token is left out.
        fit: whether colours first end at the largest value of this text.

    Returns:
        A dict for `json.dumps(..., allow_nan=False)`: `ver` is a hash of the trace, `initial` the state to open
        with; see `akl_viz.ui.components.payload.static_payload` for the rest.
    """
    return {**_packed_once(trace), "initial": _as_dict(_initial(trace, metric, pins, fit))}


def inspector(
    trace: TokenTrace,
    *,
    key: str,
    metric: str = DEFAULT_METRIC,
    pins: Iterable[int] | None = None,
    fit: bool = False,
    on_change: Callable[[], None] | None = None,
) -> InspectorState:
    """Draw the inspector and return what the person chose.

    `metric`, `pins` and `fit` say how a trace opens. Later reruns with the same trace leave the view as the person
    made it, whatever they pass, and send nothing to the browser; a new trace opens with the values passed then.
    Pointing at tokens never runs the script; pins, metric and range do.

    Args:
        trace: the record to draw.
        key: identity of the component on the page.
        metric: key of METRICS to colour by at first.
        pins: token indices to pin at first; None pins the position with the largest AKL.
        fit: whether colours first end at the largest value of this text.
        on_change: called before the rerun that a change causes.

    Returns:
        The present pins, metric and range, checked against the trace.
    """
    packed = _packed_once(trace)
    memory = f"{key}:opened"
    opened = st.session_state.get(memory)
    if key not in st.session_state or opened is None or opened[0] != packed["ver"]:
        opened = (packed["ver"], _initial(trace, metric, pins, fit))
        st.session_state[memory] = opened
    data = {**packed, "initial": _as_dict(opened[1])}
    result = _COMPONENT(key=key, data=data, default={"view": None}, on_view_change=on_change or _nothing)
    return _checked(result.get("view"), trace, opened)


def standalone_html(
    trace: TokenTrace,
    *,
    metric: str = DEFAULT_METRIC,
    pins: Iterable[int] | None = None,
    fit: bool = False,
    title: str = "Token inspector",
) -> str:
    """The inspector as one HTML file: same drawing code, data inside, nothing to load, opens without a network.

    Args:
        trace: the record to draw.
        metric: key of METRICS to colour by at first.
        pins: token indices to pin at first; None pins the position with the largest AKL.
        fit: whether colours first end at the largest value of this text.
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
        "DATA": script_json(payload(trace, metric=metric, pins=pins, fit=fit)),
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


def _initial(trace: TokenTrace, metric: str, pins: Iterable[int] | None, fit: bool) -> InspectorState:
    """The state to open with, made valid."""
    chosen = default_pins(trace) if pins is None else valid_pins(pins, trace)
    return InspectorState(tuple(chosen), metric if metric in METRICS else DEFAULT_METRIC, bool(fit))


def _as_dict(state: InspectorState) -> dict[str, Any]:
    return {"pins": list(state.pins), "metric": state.metric, "fit": state.fit}


def _checked(view: Any, trace: TokenTrace, opened: tuple[str, InspectorState]) -> InspectorState:
    """What the browser sent, if it speaks of this trace and is well formed; else the state it opened with."""
    ver, initial = opened
    if not isinstance(view, Mapping) or view.get("ver") != ver or not isinstance(view.get("pins"), list | tuple):
        return initial
    return _initial(trace, str(view.get("metric")), view["pins"], view.get("fit") is True)


def _nothing() -> None:
    """Streamlit keeps a state value only where a callback is registered for it."""
