"""The mixture that is dragged and the Gaussians fitted to it: script, style and markup."""

from __future__ import annotations

from pathlib import Path

from akl_viz.figures.theme import css_variables_both

_HERE = Path(__file__).resolve().parent
_SHARED = _HERE.parent
_SCRIPTS = (
    *(_SHARED / "js" / f"{name}.js" for name in ("format", "dom", "model")),
    *(_SHARED / "discrete" / "js" / f"{name}.js" for name in ("scales", "player")),
    *(_HERE / "js" / f"{name}.js" for name in ("mixture", "line", "plane", "handles", "controls", "tables")),
    _HERE / "js" / "explorer.js",
    _SHARED / "js" / "host_explorer.js",
)
_STYLES = (_SHARED / "css" / "base.css", _HERE / "css" / "gaussian.css")


def script() -> str:
    """One JavaScript module."""
    return "\n".join(path.read_text(encoding="utf-8") for path in _SCRIPTS)


def style() -> str:
    """One style sheet: the theme's colours as variables, then the rules."""
    return "\n".join([f".akl {{\n{css_variables_both()}\n}}", *(path.read_text(encoding="utf-8") for path in _STYLES)])


def markup() -> str:
    """The root element."""
    return (_HERE / "html" / "gaussian.html").read_text(encoding="utf-8")
