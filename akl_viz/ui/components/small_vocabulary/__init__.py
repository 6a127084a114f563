"""Draggable bars and what every divergence makes of them: script, style and markup, from the package's own files."""

from __future__ import annotations

from pathlib import Path

from akl_viz.figures.theme import css_variables_both

_HERE = Path(__file__).resolve().parent
_SHARED = _HERE.parent
_SCRIPTS = (
    _SHARED / "js" / "format.js",
    _SHARED / "js" / "dom.js",
    _SHARED / "js" / "model.js",
    *(_HERE / "js" / f"{name}.js" for name in ("shares", "bars", "losses", "heads", "controls", "explorer")),
    _SHARED / "js" / "host_explorer.js",
)
_STYLES = (_SHARED / "css" / "base.css", _HERE / "css" / "small_vocabulary.css")


def script() -> str:
    """One JavaScript module."""
    return "\n".join(path.read_text(encoding="utf-8") for path in _SCRIPTS)


def style() -> str:
    """One style sheet: the theme's colours as variables, then the rules."""
    return "\n".join([f".akl {{\n{css_variables_both()}\n}}", *(path.read_text(encoding="utf-8") for path in _STYLES)])


def markup() -> str:
    """The root element."""
    return (_HERE / "html" / "small_vocabulary.html").read_text(encoding="utf-8")
