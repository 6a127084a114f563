"""The numbers of a scene: stored for the view the page opens with, computed for every other."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from akl_viz.errors import InvalidInput
from akl_viz.models.warm import import_libraries
from akl_viz.paths import CONTENT
from akl_viz.ui.small_vocabulary.payload import packed
from akl_viz.ui.small_vocabulary.scene import Scene, scene
from akl_viz.ui.small_vocabulary.state import State

if TYPE_CHECKING:
    from akl_viz.analysis.small_vocabulary import Comparison

STORED = CONTENT / "learn" / "divergences.json"
"""The packed numbers of the view the page opens with, so that they are there before torch is imported."""
_ready = threading.Event()


def ready() -> bool:
    """Whether numbers come at once: the mathematics is imported."""
    return _ready.is_set()


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import the mathematics behind the first page and run it once, so that the first drag need not wait."""
    thread = threading.Thread(target=comparison, args=(scene(State()),), name="warm-up-divergences", daemon=True)
    thread.start()
    return thread


def comparison(found: Scene, *, chosen_only: bool = False) -> Comparison:
    """Every divergence on the scene, the chosen one with its own parameters; imports torch where that is not done yet.

    Args:
        found: the scene.
        chosen_only: leave all but the chosen divergence out.

    Raises:
        InvalidInput: the chosen divergence or a parameter of it does not exist.
    """
    import_libraries()
    from akl_viz.analysis.small_vocabulary import compare
    from akl_viz.divergences import DIVERGENCES
    from akl_viz.loss_spec import LossSpec

    state = found.state
    specs = [state.loss if key == state.loss.key else LossSpec(key) for key in DIVERGENCES]
    if state.loss.key not in DIVERGENCES or chosen_only:
        specs = [state.loss]
    computed = compare(found.teacher, found.student, state.settings, target=state.target, losses=specs)
    _ready.set()
    return computed


def numbers_of(found: Scene) -> tuple[Scene, dict[str, Any] | None]:
    """The scene and its packed numbers; None in their place until the mathematics is imported.

    A loss that does not exist, as only an address can ask for, is replaced by the default.
    """
    if not ready():
        return found, stored() if _as_stored(found) else None
    try:
        return found, packed(comparison(found))
    except InvalidInput:
        found = Scene(replace(found.state, loss=State().loss), found.start)
        return found, packed(comparison(found))


@st.cache_resource(show_spinner=False)
def stored() -> dict[str, Any] | None:
    """The stored numbers; None where the file is missing or spoiled, which only costs the wait for torch."""
    try:
        found: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "losses" in found else None


def _as_stored(found: Scene) -> bool:
    """Whether the stored numbers are those of this scene: which loss is drawn and on which scale is no matter."""
    stands = replace(found.state, loss=State().loss, scale=State().scale)
    known = stored()
    drawn = () if known is None else [row["key"] for row in known["losses"]]
    return stands == scene(State()).state and not found.state.loss.given and found.state.loss.key in drawn


def store() -> None:
    """Write the stored numbers anew: `python -m akl_viz.ui.small_vocabulary.numbers` after a new divergence."""
    document = json.dumps(packed(comparison(scene(State()))), allow_nan=False, ensure_ascii=False, indent=1)
    STORED.write_text(document + "\n", encoding="utf-8")


if __name__ == "__main__":
    store()
