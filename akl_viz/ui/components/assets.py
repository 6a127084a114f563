"""The components' scripts, styles and markup, read from the package's own files: no build step, no download."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from akl_viz.figures.theme import LEVELS, css_variables_both

_HERE = Path(__file__).resolve().parent
_SCRIPTS = ("format", "dom", "packed", "model", "strip", "readout", "toolbar", "chart", "bars", "card", "inspector")
_STYLES = ("strip", "card")
_FILL_CLASSES = {"p": "teacher", "n": "student", "u": "neutral"}


@dataclass(frozen=True)
class Component:
    """A component that Streamlit mounts: the files it is made of, each named as `module` does."""

    scripts: tuple[str, ...]
    styles: tuple[str, ...]
    html: str
    draws: str = "Explorer"
    """The class of the scripts that is made on the root element."""
    sends: str = "view"
    """The state value in which the page finds what a person did."""

    def parts(self) -> dict[str, str]:
        """What `st.components.v2.component` takes: html, css and js as text.

        Raises:
            FileNotFoundError: a file that is named is not there.
        """
        hosted = hosted_module(*self.scripts, draws=self.draws, sends=self.sends)
        return {"html": markup(self.html), "css": sheet("base", *self.styles), "js": hosted}


def script(host: str) -> str:
    """The inspector's module: the drawing code, then the host it runs in ("streamlit" or "file")."""
    if host == "streamlit":
        return hosted_module(*_SCRIPTS, draws="Inspector", sends="view")
    return module(*_SCRIPTS, f"host_{host}")


def style() -> str:
    """The inspector's style sheet: the theme's colours as variables, the fills of the levels, then the rules."""
    return "\n".join([sheet("base"), _fills(), *(_read("css", name) for name in _STYLES)])


def hosted_module(*names: str, draws: str, sends: str) -> str:
    """A module of these files for Streamlit to mount: it draws with that class and sends that state value."""
    constants = f'const Drawing = {draws};\nconst SENT = "{sends}";'
    return "\n".join([module(*names), constants, module("host_streamlit")])


def module(*names: str) -> str:
    """One JavaScript module of these files, in order: "dom" is js/dom.js, "proof/triangle" is proof/js/triangle.js."""
    return "\n".join(_read("js", name) for name in names)


def sheet(*names: str) -> str:
    """One style sheet: the theme's colours as variables, then these files of css/, named as in `module`."""
    return "\n".join([f".akl {{\n{css_variables_both()}\n}}", *(_read("css", name) for name in names)])


def markup(name: str) -> str:
    """A file of html/, named as in `module`."""
    return _read("html", name)


def _read(kind: str, name: str) -> str:
    folder, _, stem = name.rpartition("/")
    return (_HERE / folder / kind / f"{stem}.{kind}").read_text(encoding="utf-8")


def _fills() -> str:
    """Class -> fill: p1 to p8 where the teacher leads, n1 to n8 where the student does, u1 to u8 unsigned."""
    return "\n".join(
        f".{letter}{step} {{ background-color: var(--akl-{hue}-{step}); }}"
        for letter, hue in _FILL_CLASSES.items()
        for step in range(1, LEVELS + 1)
    )
