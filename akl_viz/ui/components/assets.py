"""The inspector's script, style and markup, read once from the package's own files: no build step, no download."""

from __future__ import annotations

from pathlib import Path

from akl_viz.figures.theme import LEVELS, css_variables_both

_HERE = Path(__file__).resolve().parent
_SCRIPTS = ("format", "dom", "model", "strip", "readout", "toolbar", "chart", "bars", "card", "inspector")
_STYLES = ("base", "strip", "card")
_FILL_CLASSES = {"p": "teacher", "n": "student", "u": "neutral"}


def script(host: str) -> str:
    """One JavaScript module: the drawing code, then the host it runs in ("streamlit" or "file")."""
    return "\n".join(_read("js", f"{name}.js") for name in (*_SCRIPTS, f"host_{host}"))


def style() -> str:
    """One style sheet: the theme's colours as variables, the fills of the levels, then the rules."""
    return "\n".join(
        [f".akl {{\n{css_variables_both()}\n}}", _fills(), *(_read("css", f"{name}.css") for name in _STYLES)]
    )


def module(*names: str) -> str:
    """One JavaScript module from files of js/, in that order."""
    return "\n".join(_read("js", f"{name}.js") for name in names)


def sheet(*names: str) -> str:
    """One style sheet: the theme's colours as variables, then files of css/, in that order."""
    return "\n".join([f".akl {{\n{css_variables_both()}\n}}", *(_read("css", f"{name}.css") for name in names)])


def markup(name: str) -> str:
    """An HTML file of the package."""
    return _read("html", f"{name}.html")


def _read(folder: str, name: str) -> str:
    return (_HERE / folder / name).read_text(encoding="utf-8")


def _fills() -> str:
    """Class -> fill: p1 to p8 where the teacher leads, n1 to n8 where the student does, u1 to u8 unsigned."""
    return "\n".join(
        f".{letter}{step} {{ background-color: var(--akl-{hue}-{step}); }}"
        for letter, hue in _FILL_CLASSES.items()
        for step in range(1, LEVELS + 1)
    )
