"""The race's controls: from widgets, or from an address, to a configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from akl_viz.distill import DistillConfig
from akl_viz.distill.atomic import make_folder, write_bytes
from akl_viz.distill.config import BUNDLED_TEXT, TOY_TEXT
from akl_viz.errors import AklVizError, InvalidInput
from akl_viz.paths import runs_root
from akl_viz.ui import permalink
from akl_viz.ui.plain import plain
from akl_viz.ui.race.fields import draw_fields, draw_main, within_widgets

UPLOAD = "upload"
TEXT_KINDS = {BUNDLED_TEXT: "Austen's novels", TOY_TEXT: "Toy language", UPLOAD: "Own file"}
UPLOAD_TYPES = ["txt", "jsonl", "csv", "parquet"]
PREFIX = "race."
_KIND = PREFIX + "text_kind"
_FILE = PREFIX + "text_file"
_LINK = PREFIX + "link"


def configured() -> DistillConfig | None:
    """Draw the controls and return what they ask for; None with a message where that is no valid run."""
    _restore()
    try:
        draw_main()
        with st.expander("Text, data, optimiser, measurements, device"):
            text = _text()
            draw_fields()
        config = DistillConfig.from_json(_collected(text))
    except AklVizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    _publish(config)
    return config


def flat(config: DistillConfig) -> dict[str, Any]:
    """Every setting by its dotted name, as widgets hold it: lists of numbers and lines as text."""
    found: dict[str, Any] = {}
    for name, value in config.to_json().items():
        found |= (
            {f"{name}.{part}": inner for part, inner in value.items()} if isinstance(value, dict) else {name: value}
        )
    found["losses"] = list(found["losses"])
    found["probe.watched"] = ", ".join(map(str, found["probe.watched"]))
    found["probe.prompts"] = "\n".join(found["probe.prompts"])
    return found


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object `DistillConfig.from_json` reads, from the settings of `flat`.

    Raises:
        InvalidInput: the list of watched positions is not one of whole numbers.
    """
    built: dict[str, Any] = {}
    for name, value in values.items():
        section, dot, part = name.partition(".")
        if name == "probe.watched":
            value = _numbers(str(value))
        elif name == "probe.prompts":
            value = [line for line in str(value).splitlines() if line.strip()]
        if dot:
            built.setdefault(section, {})[part] = value
        else:
            built[name] = value
    return built


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.replace(";", ",").split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts):
        raise InvalidInput("Watched positions must be whole numbers separated by commas, for example 15, 40, 63.")
    return [int(part) for part in parts]


def _collected(text: str) -> dict[str, Any]:
    """What the widgets hold; a setting without a widget has what the address said, or its default."""
    values = {name: st.session_state.get(PREFIX + name, value) for name, value in flat(DistillConfig()).items()}
    values["data.text"] = text
    if text == TOY_TEXT:
        values |= {"teacher": "toy:teacher", "student": "toy:student"}
    return nested(values)


def _restore() -> None:
    """Fill the widgets from the address once per address, and with the defaults on the first visit."""
    packed = st.query_params.get("config")
    fresh = packed is not None and packed != st.session_state.get(_LINK)
    config = _from_link(packed) if packed is not None and fresh else None
    if fresh and config is None:
        st.warning(
            "The settings in this address cannot be used here (the link was cut, it names a file that is not here, or "
            "a value is outside its range): below are others.",
            icon=":material/link_off:",
        )
    if config is not None:
        st.session_state[_LINK] = packed
        for name, value in flat(config).items():
            st.session_state[PREFIX + name] = value
        st.session_state[_KIND] = config.data.text if config.data.text in TEXT_KINDS else UPLOAD
        if st.session_state[_KIND] == UPLOAD:
            st.session_state[_FILE] = config.data.text
    for name, value in flat(DistillConfig()).items():
        st.session_state.setdefault(PREFIX + name, value)
    st.session_state.setdefault(_KIND, BUNDLED_TEXT)


def _from_link(packed: str) -> DistillConfig | None:
    """The configuration of an address; None where it is none, or names a file that was not uploaded here."""
    text = permalink.unpack_text(packed)
    try:
        config = DistillConfig.from_json(json.loads(text or ""))
    except (AklVizError, ValueError, RecursionError):
        return None
    if not within_widgets(flat(config)):
        return None
    named = config.data.text
    return config if named in (BUNDLED_TEXT, TOY_TEXT) or _is_upload(Path(named)) else None


def _is_upload(path: Path) -> bool:
    return path.parent == uploads() and path.is_file()


def _publish(config: DistillConfig) -> None:
    """Put the configuration into the address, unless it is the default."""
    packed = permalink.pack_text(json.dumps(config.to_json())) if config != DistillConfig() else None
    st.session_state[_LINK] = packed
    permalink.set_parameter("config", packed)


def uploads() -> Path:
    """Where uploaded texts are kept: runs refer to them when they are resumed."""
    return runs_root() / ".uploads"


def _text() -> str:
    """The text to learn on: a word, or the path of an uploaded file."""
    kind = st.segmented_control(
        "Text to learn on",
        list(TEXT_KINDS),
        key=_KIND,
        format_func=TEXT_KINDS.__getitem__,
        required=True,
        persist_state="session",
        help="The toy language has two tiny models of its own and takes seconds; its true distribution is known.",
    )
    if kind != UPLOAD:
        return str(kind)
    given = st.file_uploader(
        "A .txt, .jsonl, .csv or .parquet file, 20 MB at most", type=UPLOAD_TYPES, key=PREFIX + "upload"
    )
    if given is not None:
        st.session_state[_FILE] = str(_stored(given.name, given.getvalue()))
    kept = st.session_state.get(_FILE)
    if kept is None:
        raise InvalidInput("Choose a file to learn on, or another text.")
    return str(kept)


def _stored(name: str, data: bytes) -> Path:
    """Keep an upload under a name made of its contents: nothing of the given name reaches the disk but its type."""
    kind = name.rpartition(".")[2].lower()
    path = uploads() / f"{hashlib.sha256(data).hexdigest()[:16]}.{kind if kind in UPLOAD_TYPES else 'txt'}"
    try:
        make_folder(path.parent)
        if not path.exists():
            write_bytes(path, data)
    except OSError as error:
        raise InvalidInput(f"The file cannot be kept in {path.parent} ({error.strerror}): make room there.") from error
    return path
