"""The controls of the page. Each widget is named after a choice, so that a preset or an address can fill it.

Boxes of numbers have no bounds: one with bounds keeps a number beyond them to itself; see `choices.check`.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import streamlit as st

from akl_viz.figures.theme import DIVERGENCE_COLOURS
from akl_viz.records import BOUNDARIES
from akl_viz.toys import DEFAULT_LR, LOSSES, OPTIMISERS, STARTS, TAILS, TARGETS
from akl_viz.ui import moved
from akl_viz.ui.discrete import choices as chosen
from akl_viz.ui.discrete import look
from akl_viz.ui.discrete.choices import Choices, defaults, from_address, to_address, unusable
from akl_viz.ui.filled import begin, fill, held, keep, listen, menu, widget
from akl_viz.ui.folded import folded
from akl_viz.ui.unusable import note_unusable, tell_unusable

PREFIX = "discrete."
_PRESET_LABELS = {key: target.label for key, target in TARGETS.items()} | {chosen.OWN: "Own target"}
_START_LABELS = {
    "uniform": "logits from U(0, 1)",
    "zeros": "uniform student",
    "warm": "warmed up",
    "missing-mode": "without a mode",
}
_TAIL_LABELS = {"rest": "1 − μ", "far": "far region", "bottom": "bottom k"}
_FROM_PRESET = ("optimiser", "lr", "start", "noise", "depth", "steps", "bottom", "share")
"""Choices that a preset brings along; the others stay as they are."""
_LEADING = ("preset", "optimiser", "seeds", "first_seed")
"""Choices that others follow."""
_KNOWN = PREFIX + "known"


def choices() -> Choices:
    """Draw the controls and return what they hold."""
    _restore()
    preset, losses, optimiser, lr = st.columns([1.5, 3, 0.9, 0.8])
    preset.selectbox(
        "Teacher",
        chosen.PRESETS,
        format_func=_PRESET_LABELS.__getitem__,
        **menu(PREFIX, "preset", chosen.PRESETS),
    )
    losses.multiselect(
        "Losses side by side; the first one is compared with each other",
        _known_losses(),
        accept_new_options=True,
        max_selections=chosen.MOST_LOSSES,
        filter_mode="prefix",
        select_all=False,
        help="Keys of the table of divergences; type parameters as in `akl:direction=reversed,mu=0.6`.",
        **widget(PREFIX, "losses", "default"),
    )
    optimiser.selectbox("Optimiser", OPTIMISERS, **menu(PREFIX, "optimiser", OPTIMISERS))
    lr.number_input(
        "Learning rate", step=0.05, format="%g", help="The loss is a plain sum over tokens.", **widget(PREFIX, "lr")
    )
    if held(PREFIX, "preset") == chosen.OWN:
        st.text_area(
            "Your teacher: probabilities, divided by their sum",
            height=70,
            help="Separated by spaces, commas or lines; all above 0.",
            **widget(PREFIX, "target"),
        )
    with folded("Start, steps, seeds, head and tail", PREFIX + "more") as opened:
        if opened:
            _run()
            _regions()
    listen(PREFIX)
    now = _collected()
    moved.chose("discrete", now)
    tell_unusable("discrete", now)
    return now


def publish(now: Choices) -> None:
    """Put the choices into the address; what is at the preset's default is left out."""
    moved.write("discrete", to_address(now))


def _run() -> None:
    """How a run starts and how long it is."""
    columns = st.columns(5)
    columns[0].selectbox(
        "Student's start", STARTS, format_func=_START_LABELS.__getitem__,
        help="*Warmed up*: the teacher's logits plus noise. *Without a mode*: the teacher, its first half lowered.",
        **menu(PREFIX, "start", STARTS),
    )  # fmt: skip
    start = held(PREFIX, "start")
    columns[1].number_input(
        "Noise of the start", step=0.25, help="Standard deviation, in logits.",
        disabled=start != "warm", **widget(PREFIX, "noise"),
    )  # fmt: skip
    columns[2].number_input(
        "Depth of a missing mode", step=1.0, help="How far the logits of the first half are lowered.",
        disabled=start != "missing-mode", **widget(PREFIX, "depth"),
    )  # fmt: skip
    columns[3].number_input("Steps", step=50, **widget(PREFIX, "steps"))
    columns[4].number_input(
        "Tokens of Zipf's law", step=100,
        disabled=held(PREFIX, "preset") != "zipf", **widget(PREFIX, "tokens"),
    )  # fmt: skip
    seeds, first, shown, share = st.columns(4)
    seeds.number_input("Seeds", step=1, help="More than one draws medians and bands.", **widget(PREFIX, "seeds"))
    first.number_input("First seed", step=1, **widget(PREFIX, "first_seed"))
    shown.number_input(
        "Seed of the animation", step=1, help="One of the seeds; curves and counts are over all.",
        disabled=held(PREFIX, "seeds") == 1, **widget(PREFIX, "seed"),
    )  # fmt: skip
    share.number_input(
        "Share of a gap to get below",
        step=0.05,
        format="%g",
        help="Who gets there first is told below.",
        **widget(PREFIX, "share"),
    )


def _regions() -> None:
    """Which tokens are the head and the tail."""
    columns = st.columns([1.3, 1, 1.3, 1])
    columns[0].slider("μ, mass of the head", 0.05, 0.95, step=0.05, **widget(PREFIX, "mu"))
    columns[1].segmented_control(
        "Boundary", BOUNDARIES, required=True,
        help="The token that crosses μ: *below* leaves it to the tail (the authors' code), *reach* takes it in.",
        **widget(PREFIX, "boundary", "default"),
    )  # fmt: skip
    columns[2].segmented_control(
        "Tail", TAILS, required=True, format_func=_TAIL_LABELS.__getitem__,
        help="What the tail gap sums over; 1 − μ: all but the head. AKL's own weights always use that.",
        **widget(PREFIX, "tail", "default"),
    )  # fmt: skip
    tail = held(PREFIX, "tail")
    if tail == "far":
        columns[3].number_input(
            "First far token",
            step=1,
            help="Counted in tokens from 0; 0 stands for 57.5 % of the way, the notebook's inset.",
            **widget(PREFIX, "far_from"),
        )
    elif tail == "bottom":
        columns[3].number_input("k", step=1, **widget(PREFIX, "bottom"))


def _restore() -> None:
    """Fill the widgets with the defaults on the first visit, and from the address where somebody went to one."""
    keep(PREFIX)
    begin(PREFIX, _as_widgets(asdict(chosen.DEFAULT)))
    given = moved.given_of(to_address(chosen.DEFAULT))
    # The animation takes its own out of the address as soon as it is drawn.
    spoiled = look.unusable(moved.given_of(look.to_address(look.Look())))
    if moved.opened("discrete", _collected(), given):
        _fill(asdict(from_address(given)))
        _remember()
        spoiled = unusable(given) + spoiled
    else:
        _follow()
    note_unusable("discrete", spoiled, _collected())


def _fill(values: dict[str, Any]) -> None:
    fill(PREFIX, _as_widgets(values))


def _as_widgets(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _follow() -> None:
    """Fill what follows from a choice that was just made: from the preset, the optimiser, the seeds."""
    now = {name: held(PREFIX, name) for name in _LEADING}
    known = st.session_state.setdefault(_KNOWN, now)
    if now["preset"] != known["preset"]:
        found = asdict(defaults(now["preset"]))
        _fill({name: found[name] for name in _FROM_PRESET})
    elif now["optimiser"] != known["optimiser"]:
        _fill({"lr": DEFAULT_LR[now["optimiser"]]})
    if (now["seeds"], now["first_seed"]) != (known["seeds"], known["first_seed"]):
        seed = held(PREFIX, "seed")
        _fill({"seed": chosen.within(seed, now["first_seed"], now["seeds"])})
    _remember()


def _remember() -> None:
    st.session_state[_KNOWN] = {name: held(PREFIX, name) for name in _LEADING}


def _known_losses() -> list[str]:
    """Every key, reversed AKL, and the specifications in use."""
    keys = list(dict.fromkeys([*DIVERGENCE_COLOURS, *LOSSES]))
    return keys + [loss for loss in held(PREFIX, "losses") if loss not in keys]


def _collected() -> Choices:
    values = {field.name: held(PREFIX, field.name) for field in fields(Choices)}
    return Choices(**values | {"losses": tuple(values["losses"]), "target": values["target"] or ""})
