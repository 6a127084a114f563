"""The widgets of a run's settings. Each is named after its setting, so that an address can fill it.

Their ranges are those of the configuration. What a widget still cannot hold (a whole number beyond those of the
browser) is shown as it is, with a way to give it up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import streamlit as st

from akl_viz.distill import DistillConfig
from akl_viz.distill.config import OPTIMISERS, PRECISIONS, RESPONSES, SCHEDULES, SOURCES, TOY_TEXT
from akl_viz.figures.theme import DIVERGENCE_COLOURS
from akl_viz.models.choices import DEVICES
from akl_viz.models.reference import Policy
from akl_viz.records import BOUNDARIES
from akl_viz.ui.controls import bundled_references
from akl_viz.ui.filled import held, menu, widget
from akl_viz.ui.plain import plain
from akl_viz.ui.race.losses import mistake
from akl_viz.ui.race.settings import REALS, flat

PREFIX = "race."
"""Before the name of a setting: the session key of its widget."""
TEXT_KIND = "text_kind"
"""After the prefix: the session key of the kind of text."""
LARGEST_WHOLE = 2**53 - 1
"""Beyond it a browser's numbers skip some."""
DEVICE = re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,4})?")


@dataclass(frozen=True)
class Number:
    """A number box."""

    name: str
    label: str
    lower: float
    upper: float | None
    """None for no end."""
    step: float
    help: str = ""
    form: str | None = None

    def holds(self, value: float) -> bool:
        """Whether the box can show the value: Streamlit would put its lower end in the place of another."""
        if self.name not in REALS and value > LARGEST_WHOLE:
            return False
        return self.lower <= value and (self.upper is None or value <= self.upper)


@dataclass(frozen=True)
class Choice:
    """A menu of words."""

    name: str
    label: str
    options: tuple[str, ...]
    help: str = ""
    typed: bool = False
    """Whether other words may be typed."""


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

_MILLION = 1_000_000

GROUPS: dict[str, tuple[Field, ...]] = {
    "Data": (
        Choice("data.source", "Sequences", SOURCES, "The text itself, or sampled from the teacher or the student."),
        Number("data.window", "Tokens per sequence", 2, _MILLION, 8),
        Number("data.rows", "Sequences per step", 1, _MILLION, 1),
        Number("data.accumulate", "Micro-batches per step", 1, _MILLION, 1),
        Number("data.limit", "Different sequences", 0, _MILLION, 1, "They repeat after these; 0 for all there are."),
        Number("data.prompt_tokens", "Tokens of a sample's prompt", 1, _MILLION, 1),
        Number("data.sample_temperature", "Temperature of samples", 0.01, 100.0, 0.1),
        Number("data.teacher_temperature", "Temperature of a noisy teacher", 0.01, 100.0, 0.1, "1: the true teacher."),
        Number("data.label_noise", "Share of shifted teacher rows", 0.0, 1.0, 0.05, "0 for the true teacher."),
        Line("data.column", "Column with the text or prompt", "Of a jsonl, csv or parquet file; empty to find it."),
        Line("data.response", "Column with the response"),
        Switch("data.chat", "Apply the chat template"),
        Switch("data.response_only", "Loss on the response only"),
        Choice("data.responses", "Responses of a chat", RESPONSES, "Which of several the loss on responses counts on."),
    ),
    "Optimiser": (
        Choice("optimiser.name", "Optimiser", OPTIMISERS),
        Number("optimiser.lr", "Learning rate", 0.0, None, 1e-4, form="%.6g"),
        Choice("optimiser.schedule", "Schedule", SCHEDULES),
        Number("optimiser.warmup", "Warm-up steps", 0, None, 1),
        Number("optimiser.floor", "Share of the rate at the end", 0.0, 1.0, 0.05, "Of cosine and linear."),
        Number("optimiser.clip", "Largest gradient norm", 0.0, None, 0.5, "0 for no clipping."),
        Number("optimiser.weight_decay", "Weight decay", 0.0, None, 0.01, form="%.4g"),
        Number("optimiser.momentum", "Momentum of sgd", 0.0, 1.0, 0.05, "Below 1."),
        Number("optimiser.beta1", "β₁ of adamw and adam", 0.0, 1.0, 0.01, "Below 1.", form="%.6g"),
        Number("optimiser.beta2", "β₂ of adamw and adam", 0.0, 1.0, 0.01, "Below 1.", form="%.6g"),
        Number("kd_ratio", "Share of the divergence", 0.0, 1.0, 0.05, "The rest is the language-model loss."),
        Number("temperature", "Temperature in the loss", 0.01, 100.0, 0.1),
        Number("lora_rank", "LoRA rank", 0, _MILLION, 1, "0 trains all weights; above 0 needs peft."),
        Number("lora_alpha", "LoRA α", 0.0, None, 1.0, form="%.4g"),
        Switch("dropout", "Dropout while training"),
    ),
    "Measurements and device": (
        Number(
            "probe.windows", "Held-out sequences", 1, 10_000, 1, "At most so many: the held-out text may hold fewer."
        ),
        Number("probe.every", "Steps between measurements", 0, None, 1, "0 for 0, 1, 2, 5, 10, 20, 40, 80, …"),
        Number("probe.mu", "μ, mass of the head", 0.0, 1.0, 0.05, "Between 0 and 1."),
        Choice("probe.boundary", "Boundary", BOUNDARIES, "Whether the token that crosses μ is left out or taken in."),
        Line(
            "probe.watched",
            "Watched positions",
            "In the first held-out sequence, or in its response where only that is learnt; separated by commas.",
        ),
        Number("probe.samples", "Samples", 0, 16, 1, "Where no prompts are given."),
        Number("probe.sample_tokens", "Tokens per sample", 1, 512, 1),
        Line("probe.prompts", "Prompts, one a line", "Empty: beginnings of held-out sequences.", several=True),
        Number("checkpoint_every", "Steps between checkpoints", 0, _MILLION, 1, "0 for the last step alone."),
        Number("keep", "Checkpoints kept", 0, _MILLION, 1, "The newest of each loss; 0 for all."),
        Choice("device", "Device", DEVICES, "`cuda:1` and so on may be typed.", typed=True),
        Choice("precision", "Precision", PRECISIONS),
        Number("cache_mb", "Memory for the teacher, MB", 0, _MILLION, 16, "Keeps its logits where sequences repeat."),
    ),
}
"""Heading -> its fields, in order."""


_MAIN = (Number("steps", "Steps", 1, 10_000_000, 1), Number("seed", "Seed", 0, LARGEST_WHOLE, 1))
_DEFAULTS = flat(DistillConfig())
_LABELS = {
    field.name.rpartition(".")[2]: field.label
    for field in (*_MAIN, *(one for fields in GROUPS.values() for one in fields))
}
"""Name of a setting in the configuration's own messages -> what stands at its box."""
_NAME = r"[a-z][a-z0-9_]*"
_NAMED = re.compile(rf"\b{_NAME}\b(?=,| and | must | is | \()")


def by_label(sentence: str) -> str:
    """A message of the configuration with its settings named as at their boxes; any other message as it is."""
    first = re.match(_NAME, sentence)
    if first is None or first[0] not in _LABELS:
        return sentence
    return _NAMED.sub(lambda name: f'"{_LABELS[name[0]]}"' if name[0] in _LABELS else name[0], sentence)


def draw_main() -> bool:
    """Who teaches whom, by which losses, for how long; False, with a message at the losses, where they cannot race."""
    toy = held(PREFIX, TEXT_KIND) == TOY_TEXT
    teacher, student, steps, seed = st.columns([1.3, 1.3, 0.8, 0.8])
    for column, name, label in ((teacher, "teacher", "Teacher"), (student, "student", "Student, the common start")):
        options = _references(name)
        column.selectbox(
            label,
            options,
            accept_new_options=Policy.for_app().kinds != {"bundled"},
            disabled=toy,
            help="The toy language has a teacher and a student of its own." if toy else None,
            **menu(PREFIX, name, options),
        )
    for column, field in zip((steps, seed), _MAIN, strict=True):
        with column:
            _draw(field)
    # Above the losses: the open list of options covers what is below.
    place = st.container()
    losses = st.multiselect(
        "Losses that race, each from the same start on the same sequences",
        _losses(),
        accept_new_options=True,
        filter_mode="prefix",
        select_all=False,
        help="Keys of the table of divergences; type parameters as in `akl:direction=reversed,mu=0.6`.",
        **widget(PREFIX, "losses", "default"),
    )
    wrong = mistake(tuple(losses))
    if wrong:
        place.error(plain(wrong), icon=":material/error:")
    return not wrong


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
    return _with_current(bundled_references(), name)


def _with_current(options: tuple[str, ...], name: str) -> list[str]:
    """The options, and the present value where it is none of them."""
    current = held(PREFIX, name)
    return list(options) if current in options or not current else [*options, current]


def _losses() -> list[str]:
    """Every key, and the specifications in use."""
    keys = list(DIVERGENCE_COLOURS)
    return keys + [loss for loss in held(PREFIX, "losses") if loss not in keys]


def _draw(field: Field) -> None:
    help = field.help or None
    match field:
        case Number():
            _draw_number(field, help)
        case Choice():
            options = _with_current(field.options, field.name) if field.typed else field.options
            drawn = menu(PREFIX, field.name, options)
            st.selectbox(field.label, options, accept_new_options=field.typed, help=help, **drawn)
        case Switch():
            st.checkbox(field.label, help=help, **widget(PREFIX, field.name))
        case Line(several=True):
            st.text_area(field.label, height=80, help=help, **widget(PREFIX, field.name))
        case Line():
            st.text_input(field.label, help=help, **widget(PREFIX, field.name))


def _draw_number(field: Number, help: str | None) -> None:
    """A number box, or the value of an address that a box cannot hold."""
    drawn = widget(PREFIX, field.name)
    value = drawn["value"]
    if value is None or field.holds(value):
        kind = float if field.name in REALS else int
        upper = None if field.upper is None else kind(field.upper)
        st.number_input(
            field.label, kind(field.lower), upper, step=kind(field.step), format=field.form, help=help, **drawn
        )
        return
    st.text_input(field.label, str(value), disabled=True, help="As the address or the run has it: too large for a box.")
    st.button("Use the default", key=f"{drawn['key']}.reset", on_click=_reset, args=(field.name,))


def _reset(name: str) -> None:
    """Put the default in the place of a setting's value."""
    st.session_state[PREFIX + name] = _DEFAULTS[name]
