"""The race's controls: from widgets, or from an address, to a configuration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from akl_viz.distill import DistillConfig, Run
from akl_viz.distill.config import BUNDLED_TEXT, TOY_TEXT
from akl_viz.distill.content import read_text
from akl_viz.distill.files import read_examples
from akl_viz.distill.places import absolute, found_reference
from akl_viz.distill.tables import is_table
from akl_viz.errors import AklVizError, InvalidInput
from akl_viz.models.reference import Policy
from akl_viz.ui import followed, permalink
from akl_viz.ui.filled import begin, fill, held, keep, listen, widget
from akl_viz.ui.plain import plain
from akl_viz.ui.race import losses, uploads
from akl_viz.ui.race.fields import DEVICE, PREFIX, TEXT_KIND, by_label, draw_fields, draw_main
from akl_viz.ui.race.service import service
from akl_viz.ui.race.settings import flat, nested
from akl_viz.ui.race.start import PAGE

UPLOAD = "upload"
TEXT_KINDS = {BUNDLED_TEXT: "Austen's novels", TOY_TEXT: "Toy language", UPLOAD: "Own file"}
_FILE = "text_file"
"""After the prefix: the session key of the path of the kept upload in use."""
_TAKEN = PREFIX + "text_taken"
"""Session key: which content of the upload box was taken; a link or a run may have put another file in its place."""
_WANTED = PREFIX + "wanted"
"""Session key: settings that a button asked for."""


def configured() -> DistillConfig | None:
    """Draw the controls and return what they ask for; None with a message where that is no valid run."""
    _restore()
    sound = draw_main()
    with st.expander("Text, data, optimiser, measurements, device"):
        text = _text()
        draw_fields()
    listen(PREFIX)
    if not sound or text is None:
        return None
    try:
        config = DistillConfig.from_json(_collected(text))
        _check(config)
    except AklVizError as error:
        st.error(plain(by_label(str(error))), icon=":material/error:")
        return None
    _publish(config)
    return config


def use_again(run: Run) -> None:
    """Ask for the settings of a run at the next run of the page."""
    if run.config is not None:
        teacher, student = (
            found_reference(getattr(run.config, role), run.meta, role, run.folder) for role in ("teacher", "student")
        )
        st.session_state[_WANTED] = replace(run.config, teacher=teacher, student=student)


def _collected(text: str) -> dict[str, Any]:
    """What the widgets hold, as JSON."""
    values = {name: held(PREFIX, name) for name in flat(DistillConfig())}
    values["data.text"] = text
    if text == TOY_TEXT:
        values |= {"teacher": "toy:teacher", "student": "toy:student"}
    return nested(values)


def _check(config: DistillConfig) -> None:
    """What the configuration itself does not refuse and the engine would at the start."""
    if not DEVICE.fullmatch(config.device):
        raise InvalidInput(f"There is no device {config.device!r}: choose auto, cpu, cuda, cuda:N or mps.")
    if config.data.source == "student":
        losses.check(config)


def _restore() -> None:
    """Fill the widgets from a button or, once, from the address; with the defaults where Back led to none."""
    keep(PREFIX)
    begin(PREFIX, flat(DistillConfig()) | {TEXT_KIND: BUNDLED_TEXT, _FILE: None})
    packed, gone = followed.take(PAGE, "config", "run"), followed.gone(PAGE, "config")
    wanted = st.session_state.pop(_WANTED, None)
    if wanted is not None:
        _fill(wanted)
    elif packed is not None:
        try:
            _fill(_from_link(packed))
        except InvalidInput as error:
            st.warning(
                f"The settings in this address cannot be used, so below are others. {plain(by_label(str(error)))}",
                icon=":material/link_off:",
            )
    elif gone:
        _fill(DistillConfig())


def _fill(config: DistillConfig) -> None:
    """Put a configuration into the widgets."""
    text = config.data.text
    own = {"teacher", "student"} if text == TOY_TEXT else set()
    values = {name: value for name, value in flat(config).items() if name not in own}
    values[TEXT_KIND] = text if text in TEXT_KINDS else UPLOAD
    if text not in (BUNDLED_TEXT, TOY_TEXT):
        values[_FILE] = text
    fill(PREFIX, values)


def _from_link(packed: str) -> DistillConfig:
    """The configuration of an address. Raises InvalidInput where it is none, or names a file that is not kept here."""
    text = permalink.unpack_text(packed)
    try:
        given = json.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The link was cut or changed: ask for it again.") from error
    config = DistillConfig.from_json(given)
    named = config.data.text
    if named in (BUNDLED_TEXT, TOY_TEXT):
        return config
    return replace(config, data=replace(config.data, text=str(uploads.find(named))))


def _publish(config: DistillConfig) -> None:
    """Put the configuration into the address, unless it is the default; of an own text only the file's name.

    A local model is named from the root on: a link is opened anywhere.
    """
    shared = absolute(config, Policy.for_app())
    text = shared.data.text
    named = text if text in (BUNDLED_TEXT, TOY_TEXT) else Path(text).name
    shared = replace(shared, data=replace(shared.data, text=named))
    packed = permalink.pack_text(json.dumps(shared.to_json())) if config != DistillConfig() else None
    followed.write(PAGE, "config", packed)
    if packed is None and config != DistillConfig():
        st.markdown(":small[The prompts are too long for the address: a link to this page leaves the settings out.]")


def _text() -> str | None:
    """The text to learn on: a word, or the path of a kept upload; None with a message where there is none yet."""
    kind = st.segmented_control(
        "Text to learn on",
        list(TEXT_KINDS),
        format_func=TEXT_KINDS.__getitem__,
        required=True,
        help="The toy language has two tiny models of its own and takes seconds; its true distribution is known.",
        **widget(PREFIX, TEXT_KIND, "default"),
    )
    if kind != UPLOAD:
        return str(kind)
    largest = st.get_option("server.maxUploadSize")
    given = st.file_uploader(
        f"A .txt, .jsonl, .csv or .parquet file, {largest} MB at most", type=uploads.TYPES, key=PREFIX + "upload"
    )
    try:
        if given is not None and given.file_id != st.session_state.get(_TAKEN):
            st.session_state[PREFIX + _FILE] = str(uploads.store(given.name, given.getvalue(), service().texts()))
            st.session_state[_TAKEN] = given.file_id
        return _kept()
    except InvalidInput as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None


def _kept() -> str | None:
    """The path of the upload in use. Raises InvalidInput where it is gone, or holds nothing that can be learnt on."""
    kept = held(PREFIX, _FILE)
    if kept is None:
        st.info("Choose a file to learn on, or another text.", icon=":material/upload_file:")
        return None
    path = Path(kept)
    if not uploads.is_kept(path):
        raise InvalidInput(
            f"The text {uploads.titled(path.name)} is not among the files uploaded here: choose it again."
        )
    wrong = _unreadable(kept, *(str(held(PREFIX, f"data.{name}")) for name in ("column", "response")))
    if wrong:
        raise InvalidInput(uploads.titled(wrong))
    st.markdown(f":small[Learning on {plain(uploads.titled(path.name))}]")
    return str(kept)


@st.cache_data(show_spinner="Reading the file", max_entries=64)
def _unreadable(path: str, column: str, response: str) -> str:
    """Why a file cannot be learnt on, as far as that is seen without a tokenizer; empty where it can.

    A kept file never changes: its name holds a hash of its contents.
    """
    try:
        read_examples(Path(path), column, response) if is_table(Path(path)) else read_text(Path(path))
    except InvalidInput as error:
        return str(error)
    return ""
