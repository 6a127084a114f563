"""The palette stays apart for every kind of colour vision and stays readable in both themes."""

from itertools import combinations

import numpy as np
import pytest

from akl_viz.figures.theme import (
    BACKGROUND,
    DIVERGENCE_COLOURS,
    HEAD_SHADE,
    HUES,
    INK,
    LEVELS,
    MUTED,
    STUDENT,
    STUDENT_TEXT,
    SURFACE,
    TEACHER,
    TEACHER_TEXT,
    THEMES,
    WALL,
    css_variables_both,
    loss_colours,
    named_colours,
    ramp,
)

APART = 10.0
"""CIEDE2000 between any two colours with a meaning (DESIGN 9)."""
READABLE = 4.5
"""WCAG 2.2 AA for text."""
VISIBLE = 3.0
"""WCAG 2.2 AA for graphics that carry meaning."""
TABLE_DIGITS = 5e-5
"""The published table of CIEDE2000 test pairs has four decimals."""

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear sRGB.
SIMULATIONS = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
D65 = np.array([0.95047, 1.0, 1.08883])


def linear(colour):
    values = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    ratio = XYZ @ rgb / D65
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def ciede2000(one, two):
    """Sharma, Wu and Dalal (2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, two
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1 + 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + 25.0**7)))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    hue = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    level, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    dl = (l2 - l1) / (1 + 0.015 * (level - 50) ** 2 / np.sqrt(20 + (level - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    spread = np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2)))
    cross = -np.sin(spread) * 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    return np.sqrt(dl**2 + dc**2 + dh**2 + cross * dc * dh)


def contrast(one, two):
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, two))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_colour_difference_reproduces_published_pairs(one, two, expected):
    """Sharma, Wu and Dalal (2005), table 1, pairs 1, 16, 25 and 34."""
    assert ciede2000(one, two) == pytest.approx(expected, abs=TABLE_DIGITS)


def meaningful(theme):
    named = {key: shades[theme] for key, shades in DIVERGENCE_COLOURS.items()}
    return {"teacher": TEACHER[theme], "student": STUDENT[theme], **named}


def test_a_loss_has_the_colour_of_its_divergence_whatever_its_parameters():
    assert loss_colours("akl:direction=reversed,mu=0.6") == loss_colours("akl") == DIVERGENCE_COLOURS["akl"]
    assert loss_colours("unheard_of") == MUTED


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", SIMULATIONS)
def test_colours_with_a_meaning_are_far_apart(theme, vision):
    seen = {name: lab(np.clip(SIMULATIONS[vision] @ linear(c), 0, 1)) for name, c in meaningful(theme).items()}
    near = {
        (one, two): round(float(ciede2000(seen[one], seen[two])), 1)
        for one, two in combinations(seen, 2)
        if ciede2000(seen[one], seen[two]) < APART
    }
    assert near == {}


@pytest.mark.parametrize("theme", THEMES)
def test_colours_with_a_meaning_stand_out_from_the_page(theme):
    faint = [name for name, colour in meaningful(theme).items() if contrast(colour, BACKGROUND[theme]) < VISIBLE]
    assert faint == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("text", [INK, MUTED, TEACHER_TEXT, STUDENT_TEXT, WALL])
@pytest.mark.parametrize("paper", [BACKGROUND, SURFACE, HEAD_SHADE])
def test_text_is_readable_on_every_surface(theme, text, paper):
    assert contrast(text[theme], paper[theme]) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("hue", HUES)
def test_text_is_readable_on_every_fill(theme, hue):
    assert min(contrast(INK[theme], fill) for fill in ramp(hue, theme)) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("hue", HUES)
def test_a_stronger_fill_is_further_from_the_page(theme, hue):
    distances = [contrast(BACKGROUND[theme], fill) for fill in ramp(hue, theme)]
    assert len(distances) == LEVELS
    assert distances == sorted(distances)
    assert len(set(distances)) == LEVELS


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", SIMULATIONS)
def test_the_two_sides_of_a_signed_fill_are_told_apart(theme, vision):
    ends = [lab(np.clip(SIMULATIONS[vision] @ linear(ramp(hue, theme)[-1]), 0, 1)) for hue in ("teacher", "student")]
    assert ciede2000(*ends) >= APART


def test_style_sheets_get_every_colour_of_both_themes():
    both = css_variables_both().splitlines()
    light, dark = (named_colours(theme) for theme in THEMES)
    assert both == [f"--akl-{name}: light-dark({light[name]}, {dark[name]});" for name in light]
