"""The inspector's controls: a pair, a text and how to compare. Their state is in the page's address."""

from __future__ import annotations

import streamlit as st

from akl_viz.errors import AklVizError, InvalidInput
from akl_viz.models import Policy, bundled_models, parse_reference
from akl_viz.models.choices import DEVICES, DTYPES
from akl_viz.records import BOUNDARIES, Boundary, Settings
from akl_viz.ui import permalink
from akl_viz.ui.filled import begin, fill, held, keep, listen, menu, widget
from akl_viz.ui.passages import passages
from akl_viz.ui.permalink import PASSAGE, PREFIX, TEXT
from akl_viz.ui.plain import plain
from akl_viz.ui.tracing import TraceRequest

DEFAULT_TEACHER = "bundled:teacher"
DEFAULT_STUDENT = "bundled:akl-80"
DEFAULT_PASSAGE = "engaged-to-darcy"
_SHOWN = PREFIX + "shown_passage"
"""Session key of the passage whose text was put into the box last."""

_REFERENCE_HELP = (
    "A bundled model, or type the path of a local folder (also of a LoRA adapter) or a hub id such as `owner/name`; "
    "`#revision` pins one. Only safetensors are read and no code of a checkpoint runs."
)


def trace_request() -> TraceRequest | None:
    """Draw the controls and return what they ask for; None with a message where that is no valid request."""
    keep(PREFIX)
    begin(PREFIX, {PASSAGE: DEFAULT_PASSAGE, TEXT: ""})
    try:
        teacher_column, student_column, passage_column = st.columns([1, 1, 1.2])
        with teacher_column:
            teacher = _model("teacher", "Teacher", DEFAULT_TEACHER)
        with student_column:
            student = _model("student", "Student", DEFAULT_STUDENT)
        with passage_column:
            chosen = _passage()
        with st.expander("Text, head rule, temperature, device", expanded=chosen == permalink.OWN_TEXT):
            text = _text(chosen)
            settings, dtype, device = _settings()
        if not all([_agreed(teacher), _agreed(student)]):
            return None
        _check_length(text)
        return TraceRequest(teacher, student, text, Settings(*settings), dtype, device)
    except AklVizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None


def _agreed(reference: str) -> bool:
    """Whether a person chose this model here: a link alone must not make this machine download one."""
    chosen: set[str] = st.session_state.setdefault("tokens.chosen", set())
    if parse_reference(reference, Policy.for_app()).kind != "hub" or reference in chosen:
        return True
    st.warning(f"This link asks for {plain(reference)} from the hub.", icon=":material/download:")
    st.button(f"Load {plain(reference)}", key=f"tokens.load.{reference}", on_click=chosen.add, args=(reference,))
    return False


def _choose(key: str) -> None:
    st.session_state.setdefault("tokens.chosen", set()).add((st.session_state.get(key) or "").strip())


@st.cache_resource(show_spinner=False)
def bundled_references() -> tuple[str, ...]:
    """References of the bundled models, the teacher first."""
    return tuple(model.reference for model in bundled_models())


def _model(key: str, label: str, default: str) -> str:
    options = bundled_references()
    typed = Policy.for_app().kinds != {"bundled"}
    chosen = st.selectbox(
        label,
        options,
        index=options.index(default) if default in options else 0,
        key=key,
        on_change=_choose,
        args=(key,),
        accept_new_options=typed,
        help=_REFERENCE_HELP if typed else "A bundled model: this server loads no others.",
        bind="query-params",
    )
    return (chosen or default).strip()


def _passage() -> str:
    texts = passages()
    options = [*texts, permalink.OWN_TEXT]
    shown = st.session_state.get(_SHOWN)
    if shown in texts and held(PREFIX, PASSAGE) == shown and held(PREFIX, TEXT) != texts[shown].text:
        # Editing a passage makes it one's own.
        fill(PREFIX, {PASSAGE: permalink.OWN_TEXT})
    # Not bound to the address: Streamlit would write the label there, which is no stable name.
    permalink.restore_passage(options, DEFAULT_PASSAGE)
    chosen: str = st.selectbox(
        "Text",
        options,
        format_func=lambda key: "Own text…" if key == permalink.OWN_TEXT else texts[key].label,
        **menu(PREFIX, PASSAGE, options),
    )
    permalink.publish_passage(chosen, DEFAULT_PASSAGE)
    return chosen


def _text(chosen: str) -> str:
    """The text of the passage, or what was typed."""
    if chosen == permalink.OWN_TEXT:
        permalink.restore_text()
    elif st.session_state.get(_SHOWN) != chosen:
        fill(PREFIX, {TEXT: passages()[chosen].text})
    st.session_state[_SHOWN] = chosen
    typed = st.text_area(
        "Text to score",
        height=160,
        help=f"Every token is scored from the tokens before it. A text longer than the models' context is cut, and "
        f"the page says where; one of more than {permalink.MAX_TEXT:,} characters is not taken.",
        **widget(PREFIX, TEXT),
    )
    listen(PREFIX)
    permalink.publish_text(typed if chosen == permalink.OWN_TEXT else None)
    return typed or ""


def _check_length(text: str) -> None:
    """Refuse a text over the limit; that of the box itself would drop what is pasted beyond it without a word."""
    if len(text) > permalink.MAX_TEXT:
        raise InvalidInput(
            f"The text has more than the {permalink.MAX_TEXT:,} characters that are scored here: shorten it, or score "
            "a file of it with akl-viz inspect."
        )


def _settings() -> tuple[tuple[float, Boundary, float], str, str]:
    defaults = Settings()
    columns = st.columns([1.4, 1, 1, 1, 1])
    mu = columns[0].slider(
        "μ, mass of the head",
        0.05,
        0.95,
        defaults.mu,
        0.05,
        key="mu",
        bind="query-params",
        help="The head is the teacher's likeliest tokens up to this probability mass; the rest is the tail.",
    )
    boundary: Boundary = columns[1].segmented_control(
        "Boundary",
        BOUNDARIES,
        default=defaults.boundary,
        key="boundary",
        required=True,
        bind="query-params",
        help="The token that crosses μ: *below* leaves it to the tail (the authors' code), *reach* puts it in the head "
        "(DSKD, KDFlow, ToDi). The likeliest token is always in the head.",
    )
    temperature = columns[2].number_input(
        "Temperature",
        0.05,
        20.0,
        defaults.temperature,
        0.25,
        key="temperature",
        bind="query-params",
        help="From 0.05 to 20. Divides the logits of both models.",
    )
    dtype = columns[3].selectbox("dtype", DTYPES, key="dtype", bind="query-params")
    device = columns[4].selectbox("Device", DEVICES, key="device", bind="query-params")
    return (mu, boundary, temperature), dtype, device
