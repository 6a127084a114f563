"""The widgets of a run's settings. Each is named after its setting, so that an address can fill it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from akl_viz.distill.config import OPTIMISERS, PRECISIONS, SCHEDULES, SOURCES
from akl_viz.figures.theme import DIVERGENCE_COLOURS
from akl_viz.models.choices import DEVICES
from akl_viz.models.reference import Policy
from akl_viz.records import BOUNDARIES
from akl_viz.ui.controls import bundled_references


@dataclass(frozen=True)
class Number:
    """A number box."""

    name: str
    label: str
    lower: float
    upper: float
    step: float
    help: str = ""
    form: str | None = None


@dataclass(frozen=True)
class Choice:
    """A menu of words."""

    name: str
    label: str
    options: tuple[str, ...]
    help: str = ""


@dataclass(frozen=True)
class Switch:
    """On or off."""

    name: str
    label: str
    help: str = ""


@dataclass(frozen=True)
class Line:
    """A line of text, or several."""

    name: str
    label: str
    help: str = ""
    several: bool = False


Field = Number | Choice | Switch | Line

GROUPS: dict[str, tuple[Field, ...]] = {
    "Data": (
        Choice("data.source", "Sequences", SOURCES, "The text itself, or sampled from the teacher or the student."),
        Number("data.window", "Tokens per sequence", 8, 2048, 8),
        Number("data.rows", "Sequences per step", 1, 256, 1),
        Number("data.accumulate", "Micro-batches per step", 1, 64, 1),
        Number("data.limit", "Different sequences", 0, 1_000_000, 1, "They repeat after these; 0 for all there are."),
        Number("data.prompt_tokens", "Tokens of a sample's prompt", 1, 1024, 1),
        Number("data.sample_temperature", "Temperature of samples", 0.1, 10.0, 0.1),
        Number("data.teacher_temperature", "Temperature of a noisy teacher", 0.1, 10.0, 0.1, "1 for the true teacher."),
        Number("data.label_noise", "Share of shifted teacher rows", 0.0, 1.0, 0.05, "0 for the true teacher."),
        Line("data.column", "Column with the text or prompt", "Of a jsonl, csv or parquet file; empty to find it."),
        Line("data.response", "Column with the response"),
        Switch("data.chat", "Apply the chat template"),
        Switch("data.response_only", "Loss on the response only"),
    ),
    "Optimiser": (
        Choice("optimiser.name", "Optimiser", OPTIMISERS),
        Number("optimiser.lr", "Learning rate", 1e-6, 10.0, 1e-4, form="%.2e"),
        Choice("optimiser.schedule", "Schedule", SCHEDULES),
        Number("optimiser.warmup", "Warm-up steps", 0, 100_000, 1),
        Number("optimiser.clip", "Largest gradient norm", 0.0, 1000.0, 0.5, "0 for no clipping."),
        Number("optimiser.weight_decay", "Weight decay", 0.0, 1.0, 0.01),
        Number("optimiser.momentum", "Momentum of sgd", 0.0, 0.999, 0.05),
        Number("kd_ratio", "Share of the divergence", 0.0, 1.0, 0.05, "The rest is the language-model loss."),
        Number("temperature", "Temperature in the loss", 0.1, 20.0, 0.1),
        Number("lora_rank", "LoRA rank", 0, 256, 1, "0 trains all weights; above 0 needs peft."),
    ),
    "Measurements and device": (
        Number("probe.windows", "Held-out sequences", 1, 256, 1),
        Number("probe.every", "Steps between measurements", 0, 10_000, 1, "0 for 0, 1, 2, 5, 10, 20, 40, 80, …"),
        Number("probe.mu", "μ, mass of the head", 0.05, 0.95, 0.05),
        Choice("probe.boundary", "Boundary", BOUNDARIES, "Whether the token that crosses μ is left out or taken in."),
        Line("probe.watched", "Watched positions", "In the first held-out sequence, separated by commas."),
        Number("probe.sample_tokens", "Tokens per sample", 1, 256, 1),
        Line("probe.prompts", "Prompts, one a line", "Empty: beginnings of held-out sequences.", several=True),
        Number("checkpoint_every", "Steps between checkpoints", 0, 100_000, 1),
        Choice("device", "Device", DEVICES),
        Choice("precision", "Precision", PRECISIONS),
    ),
}
"""Heading -> its fields, in order."""


_MAIN = (Number("steps", "Steps", 1, 100_000, 1), Number("seed", "Seed", 0, 2**31, 1))


def within_widgets(values: Mapping[str, Any]) -> bool:
    """Whether the widgets can hold these settings, by dotted name: Streamlit would turn others into their lower end."""
    for field in (*_MAIN, *(one for fields in GROUPS.values() for one in fields)):
        value = values[field.name]
        match field:
            case Number() if not field.lower <= value <= field.upper:
                return False
            case Choice() if value not in field.options:
                return False
    return True


def draw_main() -> None:
    """Who teaches whom, by which losses, for how long."""
    teacher, student, steps, seed = st.columns([1.3, 1.3, 0.8, 0.8])
    for column, name, label in ((teacher, "teacher", "Teacher"), (student, "student", "Student, the common start")):
        column.selectbox(
            label,
            _references(name),
            key=f"race.{name}",
            accept_new_options=Policy.for_app().kinds != {"bundled"},
            persist_state="session",
        )
    for column, field in zip((steps, seed), _MAIN, strict=True):
        with column:
            _draw(field)
    st.multiselect(
        "Losses that race, each from the same start on the same sequences",
        _losses(),
        key="race.losses",
        accept_new_options=True,
        persist_state="session",
        help="Keys of the table of divergences; type parameters as in `akl:direction=reversed,mu=0.6`.",
    )


def draw_fields() -> None:
    """Everything else, by heading."""
    for heading, fields in GROUPS.items():
        st.markdown(f"**{heading}**")
        columns = st.columns(4)
        for place, field in enumerate(fields):
            with columns[place % 4]:
                _draw(field)


def _references(name: str) -> list[str]:
    """The bundled models, and what an address or a person named before."""
    current = st.session_state.get(f"race.{name}")
    options = list(bundled_references())
    return options if current in options or not current else [*options, current]


def _losses() -> list[str]:
    """Every key, and the specifications in use."""
    keys = list(DIVERGENCE_COLOURS)
    return keys + [loss for loss in st.session_state.get("race.losses", []) if loss not in keys]


def _draw(field: Field) -> None:
    common: dict[str, Any] = {"key": f"race.{field.name}", "persist_state": "session"}
    match field:
        case Number():
            kind = int if isinstance(st.session_state[common["key"]], int) else float
            bounds = (kind(field.lower), kind(field.upper))
            st.number_input(
                field.label, *bounds, step=kind(field.step), format=field.form, help=field.help or None, **common
            )
        case Choice():
            st.selectbox(field.label, field.options, help=field.help or None, **common)
        case Switch():
            st.checkbox(field.label, help=field.help or None, **common)
        case Line(several=True):
            st.text_area(field.label, height=80, max_chars=4_000, help=field.help or None, **common)
        case Line():
            st.text_input(field.label, max_chars=400, help=field.help or None, **common)
