"""The fits of a state: stored for the view the page opens with, computed for every other."""

from __future__ import annotations

import json
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import streamlit as st

from akl_viz.errors import InvalidInput
from akl_viz.models.warm import import_libraries
from akl_viz.paths import DATA
from akl_viz.toys import NO_MINIMUM
from akl_viz.ui.gaussian.payload import packed
from akl_viz.ui.gaussian.state import State, config_of
from akl_viz.ui.gaussian.sweep import sweep

if TYPE_CHECKING:
    from akl_viz.toys import GaussianConfig, GaussianFits

STORED = DATA / "toys" / "gaussian.json"
"""The fits of the view the page opens with, so that they are there before torch is imported, and the sweep over sd."""
_ready = threading.Event()


def ready() -> bool:
    """Whether fits come at once: the mathematics is imported."""
    return _ready.is_set()


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import the mathematics behind the first page and run it once, so that the first drag need not wait."""
    thread = threading.Thread(target=fitted, args=(State(),), name="warm-up-gaussian", daemon=True)
    thread.start()
    return thread


def fitted(state: State) -> dict[str, GaussianFits]:
    """The fits on each grid of a state, the drawn one first; without a grid on which no start ended at a minimum.

    Raises:
        InvalidInput: the parts are too narrow for how far they lie apart, or no start ended at a minimum on any grid.
    """
    configs = {grid: config_of(state, grid) for grid in state.grids}
    import_libraries()
    tried = {grid: _fit(config) for grid, config in configs.items()}
    _ready.set()
    found = {grid: fits for grid, fits in tried.items() if fits.found}
    if not found:
        raise InvalidInput(NO_MINIMUM)
    return found


def numbers_of(state: State) -> dict[str, Any] | None:
    """The packed fits; None until the mathematics is imported.

    Raises:
        InvalidInput: as `fitted`.
    """
    if not ready():
        known = stored()
        return known["opening"] if known is not None and state == State() else None
    return packed(fitted(state), state.grids)


@st.cache_resource(show_spinner=False)
def stored() -> dict[str, Any] | None:
    """The stored document; None where the file is missing or spoiled, which only costs the wait for torch."""
    try:
        found = json.loads(STORED.read_text(encoding="utf-8"))
        return found if {"opening", "sweep"} <= found.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def document() -> dict[str, Any]:
    """What is stored, computed anew."""
    return {"opening": packed(fitted(State()), State().grids), "sweep": sweep()}


def store() -> None:
    """Write the stored document anew: `python -m akl_viz.ui.gaussian.fits` after a change of the engine."""
    STORED.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(), allow_nan=False, ensure_ascii=False, indent=1)
    STORED.write_text(text + "\n", encoding="utf-8")


@lru_cache(maxsize=64)
def _fit(config: GaussianConfig) -> GaussianFits:
    from akl_viz.toys import fit_gaussians
    from akl_viz.toys.threads import one_core

    with one_core():
        return fit_gaussians(config)


if __name__ == "__main__":
    store()
