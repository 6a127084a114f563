"""What a person chose on the page: checked, packed for an address, and read from one.

Values from an address or from the browser are untrusted: each is checked, and one that is not valid is left out.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from akl_viz.toys import GaussianConfig, Mixture, gaussian_config

Part = tuple[float, ...]
"""Mean, sd and weight of a part; in the plane two means, two sds and the weight."""

GRIDS = {"paper": "the paper's grid, 0 to 98", "wide": "a wide grid"}
ENGINE_PRESETS = {"paper": "paper-modes", "wide": "plain-modes"}
"""Grid of the line -> the preset of the engine that has it."""
MOST_PARTS = 4
MEANS = (0.0, 100.0)
SDS = {1: (2.0, 30.0), 2: (5.0, 30.0)}
"""By dimension: narrower parts would want a finer grid than half a second allows."""
WEIGHTS = (0.01, 100.0)
_BETWEEN = "_"
"""Between the numbers of an address: it needs no escape there."""
_DECIMALS = 3


@dataclass(frozen=True)
class Preset:
    """A target with a name."""

    label: str
    parts: tuple[Part, ...]

    @property
    def dimension(self) -> int:
        """1 on the line, 2 in the plane."""
        return len(self.parts[0]) // 2


PRESETS: dict[str, Preset] = {
    "modes": Preset("Two modes", ((25.0, 8.0, 0.375), (75.0, 8.0, 0.625))),
    "near": Preset("Two near parts", ((40.0, 8.0, 0.5), (62.0, 8.0, 0.5))),
    "three": Preset("Three modes", ((18.0, 5.0, 0.3), (50.0, 5.0, 0.3), (82.0, 5.0, 0.4))),
    "broad": Preset("A peak on a broad ground", ((50.0, 24.0, 0.6), (70.0, 4.0, 0.4))),
    "plane": Preset("Two modes in the plane", ((30.0, 30.0, 8.0, 12.0, 0.4), (70.0, 65.0, 12.0, 8.0, 0.6))),
}
"""In the order of the menu; the first is the default."""


@dataclass(frozen=True)
class State:
    """One view of the page."""

    preset: str = next(iter(PRESETS))
    own: tuple[Part, ...] | None = None
    """The parts; None where they are still the preset's."""
    grid: str = next(iter(GRIDS))
    """The grid that is drawn; in the plane there is only the wide one."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the target."""
        return self.own or PRESETS[self.preset].parts

    @property
    def dimension(self) -> int:
        """1 on the line, 2 in the plane."""
        return PRESETS[self.preset].dimension

    @property
    def grids(self) -> tuple[str, ...]:
        """The grids there are fits on, the drawn one first."""
        return ("wide",) if self.dimension == 2 else (self.grid, *(grid for grid in GRIDS if grid != self.grid))


def from_address(query: Mapping[str, str]) -> State:
    """The state of an address; whatever is not valid is left at its default."""
    preset = query.get("preset", "")
    known = checked({"preset": preset})
    return checked({"preset": preset, "grid": query.get("grid"), "parts": _parts(query.get("parts"), known.dimension)})


def unusable(query: Mapping[str, str]) -> list[str]:
    """The parameters of an address that `from_address` leaves at their defaults."""
    found = from_address(query)
    names = [name for name in ("preset", "grid") if name in query and query[name] != getattr(found, name)]
    if "parts" in query and not _are_parts(_parts(query["parts"], found.dimension), found.dimension):
        names.append("parts")
    return names


def to_address(state: State) -> dict[str, str | None]:
    """The parameters `from_address` reads as this state; None where a part is at its default."""
    default = State()
    numbers = None if state.own is None else _BETWEEN.join(f"{value:g}" for part in state.own for value in part)
    return {
        "preset": state.preset if state.preset != default.preset else None,
        "grid": state.grid if state.grid != default.grid else None,
        "parts": numbers,
    }


def checked(given: Mapping[str, Any]) -> State:
    """The state of untrusted values: preset, grid, and parts as lists of numbers."""
    preset, grid, parts = given.get("preset"), given.get("grid"), given.get("parts")
    state = State(
        preset=preset if isinstance(preset, str) and preset in PRESETS else State().preset,
        grid=grid if isinstance(grid, str) and grid in GRIDS else State().grid,
    )
    if state.dimension == 2:
        state = replace(state, grid="wide")
    if not _are_parts(parts, state.dimension):
        return state
    own = tuple(tuple(round(float(value), _DECIMALS) for value in part) for part in parts)
    return state if own == state.parts else replace(state, own=own)


def _parts(text: str | None, dimension: int) -> list[list[float | None]]:
    """The numbers of an address in groups of a part, whatever they are."""
    listed = [_decimal(part) for part in (text or "").split(_BETWEEN)[: 5 * MOST_PARTS + 1]]
    width = 2 * dimension + 1
    return [listed[start : start + width] for start in range(0, len(listed), width)]


def _are_parts(parts: Any, dimension: int) -> TypeGuard[list[list[float]]]:
    return (
        isinstance(parts, list) and 1 <= len(parts) <= MOST_PARTS and all(_is_part(part, dimension) for part in parts)
    )


def _is_part(part: Any, dimension: int) -> bool:
    if not isinstance(part, list) or len(part) != 2 * dimension + 1:
        return False
    bounds = [MEANS] * dimension + [SDS[dimension]] * dimension + [WEIGHTS]
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        for value, (low, high) in zip(part, bounds, strict=True)
    )


def _decimal(text: str) -> float | None:
    try:
        value = float(text) if len(text) < 30 and "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def config_of(state: State, grid: str) -> GaussianConfig:
    """The fit of a state on a grid. Raises InvalidInput where the parts are too narrow for how far they lie apart."""
    d = state.dimension
    target = Mixture(
        means=tuple(part[:d] for part in state.parts),
        sds=tuple(part[d : 2 * d] for part in state.parts),
        weights=tuple(part[-1] for part in state.parts),
    )
    return gaussian_config(_engine_preset(state, grid), target=target)


def command(state: State) -> str:
    """`akl-viz toy gaussian ...`, a line per grid."""
    d = state.dimension
    columns = {
        "means": (part[:d] for part in state.parts),
        "sds": (part[d : 2 * d] for part in state.parts),
        "weights": (part[-1:] for part in state.parts),
    }
    options = [
        f"--{name}={','.join(':'.join(f'{value:g}' for value in row) for row in rows)}"
        for name, rows in columns.items()
    ]
    lines = (
        ["akl-viz", "toy", "gaussian", "--preset", _engine_preset(state, grid), *options, "--json"]
        for grid in state.grids
    )
    return "\n".join(map(shlex.join, lines))


def _engine_preset(state: State, grid: str) -> str:
    return "plane" if state.dimension == 2 else ENGINE_PRESETS[grid]
