"""How a person looks at the animation: where it stands, on which axes, and which losses are hidden.

Values from an address or from the browser are untrusted: each is checked, and one that is not valid is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from akl_viz.ui.address import Many, Readers, fields_of, invalid, known_loss, word
from akl_viz.ui.discrete.choices import BETWEEN, MOST_LOSSES, MOST_STEPS
from akl_viz.ui.view import SCALES

_MEDIAN = "median"
FIRST_STEP = 5
"""The step the page opens at: the losses lie well apart there."""


@dataclass(frozen=True)
class Look:
    """One way of looking at a result."""

    step: int = FIRST_STEP
    """Any; the last one stands for what is beyond."""
    scale: str | None = None
    """Axis of the probabilities; None for the one that the number of tokens asks for."""
    gap_scale: str = SCALES[0]
    """Axis of the gaps."""
    hidden: tuple[str, ...] = ()
    """Losses that are not drawn."""
    median: bool = False
    """Whether the table shows medians, where there are several seeds."""

    def packed(self) -> dict[str, Any]:
        """For the browser."""
        shown = {"hidden": list(self.hidden), "median": self.median}
        return {"step": self.step, "scale": self.scale, "gapScale": self.gap_scale, **shown}


def sent(view: Mapping[str, Any]) -> Look:
    """What the browser sent."""
    step, scale, gap_scale, hidden = (view.get(name) for name in ("step", "scale", "gapScale", "hidden"))
    known = isinstance(step, int) and not isinstance(step, bool) and 0 <= step <= MOST_STEPS
    names = tuple(one for one in hidden if _loss(one)) if isinstance(hidden, list | tuple) else ()
    return Look(
        step=step if known and step is not None else FIRST_STEP,
        scale=scale if scale in SCALES else None,
        gap_scale=gap_scale if gap_scale in SCALES else SCALES[0],
        hidden=names[:MOST_LOSSES],
        median=view.get("median") is True,
    )


def from_address(query: Mapping[str, str]) -> Look:
    """The look of an address; whatever is not valid is left at its default."""
    return Look(**fields_of(_READERS, query))


def unusable(query: Mapping[str, str]) -> list[str]:
    """The parameters of an address that `from_address` leaves at their defaults."""
    return invalid(_READERS, query)


def to_address(look: Look) -> dict[str, str | None]:
    """The parameters `from_address` reads as this look; None where a part is at its default."""
    return {
        "step": None if look.step == FIRST_STEP else str(look.step),
        "scale": look.scale,
        "gaps": None if look.gap_scale == SCALES[0] else look.gap_scale,
        "hidden": BETWEEN.join(look.hidden) or None,
        "table": _MEDIAN if look.median else None,
    }


def _loss(text: Any) -> str | None:
    return text if isinstance(text, str) and known_loss(text) else None


def _step(text: str) -> int | None:
    """A step of any run; one beyond the longest run stands for the last."""
    plain = text.isascii() and text.isdigit() and len(text) < 9
    return min(int(text), MOST_STEPS) if plain else None


_READERS: Readers = {
    "step": ("step", _step),
    "scale": ("scale", word(SCALES)),
    "gaps": ("gap_scale", word(SCALES)),
    "hidden": ("hidden", Many(_loss, BETWEEN, MOST_LOSSES)),
    "table": ("median", {_MEDIAN: True}.get),
}
