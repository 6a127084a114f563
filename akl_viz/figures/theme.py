"""The colours of everything drawn: plain strings and dicts, one home, both themes.

The teacher is blue and the student is orange everywhere; every divergence has its own colour. Within a theme all
these colours stay apart for readers with protanopia, deuteranopia and tritanopia (CIEDE2000 of at least 10 under the
simulation of Machado, Oliveira and Fernandes, 2009, at full severity), and text keeps a contrast of at least 4.5 on
every surface and on every step of a fill.
"""

from __future__ import annotations

from typing import Literal

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")

LEVELS = 8
"""Steps of a fill between nothing and the full colour."""

BACKGROUND: dict[Theme, str] = {"light": "#ffffff", "dark": "#0e1117"}
"""The page, as in .streamlit/config.toml."""
SURFACE: dict[Theme, str] = {"light": "#f6f7f9", "dark": "#171b23"}
"""Quiet boxes: formulas, the read-out."""
INK: dict[Theme, str] = {"light": "#1b1f24", "dark": "#f2f4f7"}
"""Text, and text on fills."""
MUTED: dict[Theme, str] = {"light": "#56606b", "dark": "#a3adb9"}
"""Labels, units, axis numbers."""
LINE: dict[Theme, str] = {"light": "#dde2e8", "dark": "#2b323d"}
"""Hairlines and borders."""
HATCH: dict[Theme, str] = {"light": "#e2e6eb", "dark": "#252c36"}
"""Stripes over what was not scored."""

TEACHER: dict[Theme, str] = {"light": "#0072b2", "dark": "#56b4e9"}
"""Bars and lines of the teacher."""
TEACHER_TEXT: dict[Theme, str] = {"light": "#00649c", "dark": "#6cc0f0"}
STUDENT: dict[Theme, str] = {"light": "#d17a00", "dark": "#f0a030"}
"""Bars and lines of the student."""
STUDENT_TEXT: dict[Theme, str] = {"light": "#8f5200", "dark": "#f4b052"}

HEAD_SHADE: dict[Theme, str] = {"light": "#edf2f7", "dark": "#1a212c"}
"""Behind rows that belong to the teacher's head."""
HEAD_GAP: dict[Theme, str] = {"light": "#5f6f80", "dark": "#9fb0c3"}
TAIL_GAP: dict[Theme, str] = {"light": "#aebac7", "dark": "#566577"}
WALL: dict[Theme, str] = {"light": "#b4232f", "dark": "#ff8a80"}
"""Thresholds: the mu line, the wall of the forward weight at 0.5."""

DIVERGENCE_COLOURS: dict[str, dict[Theme, str]] = {
    "forward_kl": {"light": "#1ca376", "dark": "#98f4bf"},
    "reverse_kl": {"light": "#761951", "dark": "#af5690"},
    "mixed_kl": {"light": "#5409af", "dark": "#9363fb"},
    "jsd": {"light": "#594e09", "dark": "#fbf17f"},
    "tvd": {"light": "#c53d45", "dark": "#dc433d"},
    "akl": {"light": "#1b1f24", "dark": "#f2f4f7"},
    "skew_forward_kl": {"light": "#314030", "dark": "#abc783"},
    "skew_reverse_kl": {"light": "#886366", "dark": "#967f65"},
    "hellinger": {"light": "#9b1643", "dark": "#b52b5c"},
    "alpha_beta": {"light": "#121dfe", "dark": "#f86ac5"},
    "todi": {"light": "#777ff8", "dark": "#7f45c4"},
    "amid": {"light": "#3b5377", "dark": "#166f62"},
    "drkl": {"light": "#422b04", "dark": "#5b740f"},
    "bdkd": {"light": "#8b91ba", "dark": "#d6bbc0"},
    "klr": {"light": "#999196", "dark": "#9da38c"},
    "taid": {"light": "#656e85", "dark": "#7a8882"},
}
"""Registry key -> colour of its curve, bar or arrow."""

_FILL_END: dict[str, dict[Theme, str]] = {
    "teacher": {"light": "#6db4e0", "dark": "#1f6797"},
    "student": {"light": "#f0b14f", "dark": "#8f560a"},
    "neutral": {"light": "#a79fd0", "dark": "#6a5eab"},
}
HUES: tuple[str, ...] = tuple(_FILL_END)
"""Hues of a fill: one for each side of a signed metric, one for an unsigned metric."""


def loss_colours(loss: str) -> dict[Theme, str]:
    """The colour of a loss in both themes: that of its divergence whatever its parameters, else the quiet one."""
    return DIVERGENCE_COLOURS.get(loss.partition(":")[0], MUTED)


def ramp(hue: str, theme: Theme) -> tuple[str, ...]:
    """The fills of one hue, weakest first: equal steps in sRGB from the page's background to the full colour.

    Args:
        hue: one of HUES.
        theme: "light" or "dark".

    Returns:
        LEVELS colours as "#rrggbb".
    """
    start, end = _channels(BACKGROUND[theme]), _channels(_FILL_END[hue][theme])
    return tuple(
        "#" + "".join(f"{round(a + (b - a) * step / LEVELS):02x}" for a, b in zip(start, end, strict=True))
        for step in range(1, LEVELS + 1)
    )


def named_colours(theme: Theme) -> dict[str, str]:
    """Name -> colour for style sheets: the roles above, "loss-KEY" per divergence, "HUE-STEP" per fill."""
    roles = {
        "surface": SURFACE,
        "ink": INK,
        "muted": MUTED,
        "line": LINE,
        "hatch": HATCH,
        "teacher": TEACHER,
        "teacher-text": TEACHER_TEXT,
        "student": STUDENT,
        "student-text": STUDENT_TEXT,
        "head-shade": HEAD_SHADE,
        "head-gap": HEAD_GAP,
        "tail-gap": TAIL_GAP,
        "wall": WALL,
    }
    colours = {name: shades[theme] for name, shades in roles.items()}
    colours |= {f"loss-{key}": shades[theme] for key, shades in DIVERGENCE_COLOURS.items()}
    for hue in HUES:
        colours |= {f"{hue}-{step}": colour for step, colour in enumerate(ramp(hue, theme), start=1)}
    return colours


def css_variables_both() -> str:
    """The colours of both themes as CSS declarations with `light-dark()`, which follows the page's color-scheme."""
    light, dark = (named_colours(theme) for theme in THEMES)
    return "\n".join(f"--akl-{name}: light-dark({colour}, {dark[name]});" for name, colour in light.items())


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
