"""The simplex of three tokens: teacher and start are dragged, flows and paths follow; script, style and markup."""

from __future__ import annotations

from pathlib import Path

from akl_viz.figures.theme import css_variables_both

_HERE = Path(__file__).resolve().parent
_SHARED = _HERE.parent
_SCRIPTS = (
    *(_SHARED / "js" / f"{name}.js" for name in ("format", "dom")),
    *(_HERE / "js" / f"{name}.js" for name in ("triangle", "explorer")),
    _SHARED / "js" / "host_explorer.js",
)
_STYLES = (_SHARED / "css" / "base.css", _HERE / "css" / "simplex.css")


def script() -> str:
    """One JavaScript module."""
    return "\n".join(path.read_text(encoding="utf-8") for path in _SCRIPTS)


def style() -> str:
    """One style sheet: the theme's colours as variables, then the rules."""
    return "\n".join([f".akl {{\n{css_variables_both()}\n}}", *(path.read_text(encoding="utf-8") for path in _STYLES)])


def markup() -> str:
    """The root element."""
    return (_HERE / "html" / "simplex.html").read_text(encoding="utf-8")
