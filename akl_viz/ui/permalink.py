"""What of a view is in its address beyond the bound widgets: a typed text and how its trace is looked at.

Values from an address are untrusted: each is checked, and one that is not valid is left out.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from akl_viz.metrics import METRICS
from akl_viz.records import TokenTrace
from akl_viz.ui import followed
from akl_viz.ui.components.payload import MAX_PINS
from akl_viz.ui.filled import fill
from akl_viz.ui.view import BARS, SCALES, View

MAX_LINK = 6_000
"""Longest packed text in an address: servers and proxies refuse longer request lines."""
MAX_TEXT = 60_000
"""Most characters that are scored: a trace of them still fits one message to the browser."""
_MOST_BYTES = 4 * (MAX_TEXT + 1)
"""So many bytes of an address are unpacked: a text of which there are more is over the limit, whatever its letters."""
NO_PINS = "none"
"""Stands for a view without pins: an empty parameter would be dropped from the address."""
_PAGE = "tokens"
"""Whose parameters of the address they are."""
PREFIX = "tokens."
"""Before the name of a widget that this module fills: its session key."""
PASSAGE, TEXT = "passage", "text"
"""After the prefix: session keys of the chosen passage and of the text in the box."""
OWN_TEXT = "own"
"""Stands for a text that is none of the passages."""


def pack_text(text: str) -> str | None:
    """The text compressed for an address; None where it would not fit."""
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode("ascii").rstrip("=")
    return packed if len(packed) <= MAX_LINK else None


def unpack_text(packed: str) -> str | None:
    """The text of an address; None where it is not one that `pack_text` made.

    Of a text far over MAX_TEXT only the beginning is unpacked, which is over MAX_TEXT too: whoever takes texts up to
    that length can say so.
    """
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        # A few bytes can stand for gigabytes: never inflate more than a text may have.
        inflater = zlib.decompressobj()
        unpacked = inflater.decompress(data, _MOST_BYTES)
        text = unpacked.decode("utf-8", "ignore" if inflater.unconsumed_tail else "strict")
    except (binascii.Error, zlib.error, ValueError):
        return None
    cut = not inflater.eof and not inflater.unconsumed_tail
    return None if cut else text


def restore_passage(options: list[str], default: str) -> None:
    """Choose the passage of the address, once per address; one that does not exist is left out.

    A person's own text that the address lacks is replaced by the default passage, and a message says so.
    """
    wanted = followed.take(_PAGE, "passage", "text")
    if followed.gone(_PAGE, "passage"):
        wanted = default
    if wanted not in options:
        return
    if wanted == OWN_TEXT and not unpack_text(st.query_params.get("text", "")):
        st.warning(
            "This address does not hold the text it was made for (it may have been too long, or the link was cut): "
            "below is another one.",
            icon=":material/link_off:",
        )
        return
    fill(PREFIX, {PASSAGE: wanted})


def publish_passage(chosen: str, default: str) -> None:
    """Put the chosen passage into the address, unless it is the default."""
    followed.write(_PAGE, "passage", chosen if chosen != default else None)


def restore_text() -> None:
    """Put the text of the address into the text box, once per address."""
    packed = followed.take(_PAGE, "text")
    text = unpack_text(packed) if packed is not None else None
    if text is not None:
        fill(PREFIX, {TEXT: text})


def publish_text(text: str | None) -> None:
    """Put a typed text into the address; take it out where there is none or it is too long."""
    packed = pack_text(text) if text else None
    st.session_state["tokens.link_too_long"] = bool(text) and packed is None
    followed.write(_PAGE, "text", packed)


def parse_view(query: Mapping[str, str]) -> View:
    """A view from the parameters of an address; whatever is not valid is left at its default."""
    default = View()
    metric, bars, scale = (query.get(name, "") for name in ("metric", "bars", "scale"))
    return View(
        metric=metric if metric in METRICS else default.metric,
        pins=_parse_pins(query["pins"]) if "pins" in query else None,
        fit=query.get("fit") == "1",
        bars=bars if bars in BARS else default.bars,
        scale=scale if scale in SCALES else default.scale,
        glyphs=query.get("glyphs") != "0",
    )


def _parse_pins(listed: str) -> tuple[int, ...]:
    parts = [part for part in listed.split(".")[:MAX_PINS] if part.isascii() and part.isdigit() and len(part) < 7]
    return tuple(int(part) for part in parts)


def format_view(view: View) -> dict[str, str | None]:
    """The parameters of an address that `parse_view` reads as this view; None where a part is at its default."""
    default = View()
    return {
        "metric": view.metric if view.metric != default.metric else None,
        "pins": None if view.pins is None else ".".join(map(str, view.pins)) or NO_PINS,
        "fit": "1" if view.fit else None,
        "bars": view.bars if view.bars != default.bars else None,
        "scale": view.scale if view.scale != default.scale else None,
        "glyphs": None if view.glyphs else "0",
    }


def restore_view(trace: TokenTrace) -> View:
    """The view of the address, or of the last visit of this session where the address has none.

    Pins belong to the tokens they were set on: where this session showed another text before, they are left out.
    """
    query = st.query_params
    if any(name in query for name in format_view(View())):
        view = parse_view(query.to_dict())
    else:
        kept = st.session_state.get("tokens.view")
        view = kept if isinstance(kept, View) else View()
    pinned_on = st.session_state.setdefault("tokens.pinned_on", trace.pieces)
    if pinned_on != trace.pieces:
        st.session_state["tokens.pinned_on"] = trace.pieces
        return replace(view, pins=None)
    return view


def publish_view(view: View) -> None:
    """Put the view into the address; parts at their default are left out."""
    st.session_state["tokens.view"] = view
    for name, value in format_view(view).items():
        followed.set_parameter(name, value)
