"""What a person chose on the page: checked, packed for an address, and read from one.

Values from an address or from the browser are untrusted: each is checked, and one that is not valid is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec
from akl_viz.records import BOUNDARIES, Settings
from akl_viz.ui.small_vocabulary.presets import MAX_TOKENS, MIN_TOKENS, PRESETS, REAL, rounded
from akl_viz.ui.view import SCALES

MAX_NUMBER = 1e9
_BETWEEN = "_"
"""Between the weights of an address: it needs no escape there."""


@dataclass(frozen=True)
class State:
    """One view of the page."""

    preset: str = next(iter(PRESETS))
    size: int = 10
    """Tokens asked for; a real position may keep fewer."""
    position: int | None = None
    """Index of the real position; None takes the default one."""
    teacher: tuple[float, ...] | None = None
    """Weights; None where they are still the preset's."""
    student: tuple[float, ...] | None = None
    loss: LossSpec = field(default_factory=lambda: LossSpec("forward_kl"))
    """The divergence whose contributions and steps are drawn."""
    settings: Settings = field(default_factory=Settings)
    target: int | None = None
    """The target token; None takes the teacher's likeliest."""
    scale: str = SCALES[0]


def from_address(query: Mapping[str, str]) -> State:
    """The state of an address; whatever is not valid is left at its default."""
    return checked(_given(query))


def unusable(query: Mapping[str, str]) -> list[str]:
    """The parameters of an address that `from_address` leaves at their defaults."""
    given = _given(query)
    found = checked(given)
    settings = found.settings
    taken: dict[str, Any] = {
        "preset": found.preset,
        "size": found.size,
        "position": found.position,
        "mu": settings.mu,
        "boundary": settings.boundary,
        "temperature": settings.temperature,
        "target": found.target,
        "scale": found.scale,
    }
    names = [name for name, value in taken.items() if name in query and (value is None or given[name] != value)]
    spoilt = {"p": found.teacher is None, "q": found.student is None, "loss": _loss(given.get("loss")) is None}
    return names + [name for name, lost in spoilt.items() if name in query and lost]


def _given(query: Mapping[str, str]) -> dict[str, Any]:
    """The parameters as text, numbers and lists; None where one is no number."""
    given: dict[str, Any] = {name: query[name] for name in ("preset", "boundary", "loss", "scale") if name in query}
    given |= {name: _whole(query.get(name)) for name in ("size", "position", "target")}
    given |= {name: _decimal(query.get(name)) for name in ("mu", "temperature")}
    return given | {side: _weights_of(query.get(name)) for side, name in (("teacher", "p"), ("student", "q"))}


def to_address(state: State) -> dict[str, str | None]:
    """The parameters `from_address` reads as this state; None where a part is at its default."""
    default, chosen = State(), state.settings
    return {
        "preset": _unless(state.preset, default.preset),
        "size": _unless(state.size, default.size),
        "position": _unless(state.position, None),
        "p": _listed(state.teacher),
        "q": _listed(state.student),
        "loss": _unless(state.loss, default.loss),
        "mu": _unless(chosen.mu, default.settings.mu),
        "boundary": _unless(chosen.boundary, default.settings.boundary),
        "temperature": _unless(chosen.temperature, default.settings.temperature),
        "target": _unless(state.target, None),
        "scale": _unless(state.scale, default.scale),
    }


def checked(given: Mapping[str, Any]) -> State:
    """A state from loose values: text, numbers and lists; whatever is not valid is left at its default."""
    default = State()
    size, target = _number(given.get("size")), _number(given.get("target"))
    return State(
        preset=_word(given.get("preset"), (*PRESETS, REAL)) or default.preset,
        size=size if size is not None and MIN_TOKENS <= size <= MAX_TOKENS else default.size,
        position=_number(given.get("position")),
        teacher=weights_from(given.get("teacher")),
        student=weights_from(given.get("student")),
        loss=_loss(given.get("loss")) or default.loss,
        settings=_settings(given),
        target=target if target is not None and target < MAX_TOKENS else None,
        scale=_word(given.get("scale"), SCALES) or default.scale,
    )


def weights_from(value: Any) -> tuple[float, ...] | None:
    """The list as weights at full length, or None where it is no distribution over a small vocabulary."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not 2 <= len(value) <= MAX_TOKENS:
        return None
    numbers = [float(one) for one in value if _is_small(one)]
    if len(numbers) != len(value) or min(numbers) < 0.0 or sum(numbers) <= 0.0:
        return None
    return rounded(numbers)


def _settings(given: Mapping[str, Any]) -> Settings:
    boundary = given.get("boundary")
    settings = Settings(boundary=boundary if isinstance(boundary, str) and boundary in BOUNDARIES else BOUNDARIES[0])
    for name in ("mu", "temperature"):
        value = given.get(name)
        if _is_small(value):
            part: dict[str, Any] = {name: float(value)}
            with suppress(InvalidInput):
                settings = replace(settings, **part)
    return settings


def _loss(value: Any) -> LossSpec | None:
    """The specification if it is well formed; whether the table knows it is found where the table is at hand."""
    try:
        return LossSpec.parse(value) if isinstance(value, str) and len(value) <= 200 else None
    except InvalidInput:
        return None


def _word(value: Any, allowed: Sequence[str]) -> str | None:
    return value if isinstance(value, str) and value in allowed else None


def _number(value: Any) -> int | None:
    """The value if it is a whole number from 0 to a million."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000 else None


def _is_small(value: Any) -> TypeGuard[float]:
    """Whether it is a number a bar or a knob can have; a whole number of a browser may be too long for a float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 7 else None


def _decimal(text: str | None) -> float | None:
    try:
        return float(text) if text is not None and len(text) < 30 else None
    except ValueError:
        return None


def _weights_of(text: str | None) -> list[float | None] | None:
    return None if text is None else [_decimal(part) for part in text.split(_BETWEEN)[: MAX_TOKENS + 1]]


def _listed(weights: tuple[float, ...] | None) -> str | None:
    return None if weights is None else _BETWEEN.join(f"{weight:g}" for weight in weights)


def _unless(value: Any, default: Any) -> str | None:
    return None if value == default else str(value)
