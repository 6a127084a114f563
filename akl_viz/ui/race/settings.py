"""The settings of a run as widgets hold them: flat, by dotted name, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from akl_viz.distill import DistillConfig
from akl_viz.errors import InvalidInput


def flat(config: DistillConfig) -> dict[str, Any]:
    """Every setting by its dotted name, as widgets hold it: lists of numbers and lines as text.

    A setting that takes any real number is a float, also where an address or a file wrote it without a point.
    """
    found = _spread(config)
    return {name: float(value) if name in REALS else value for name, value in found.items()}


def _spread(config: DistillConfig) -> dict[str, Any]:
    """The settings by dotted name, numbers as they were given."""
    found: dict[str, Any] = {}
    for name, value in config.to_json().items():
        found |= (
            {f"{name}.{part}": inner for part, inner in value.items()} if isinstance(value, dict) else {name: value}
        )
    found["losses"] = list(found["losses"])
    found["probe.watched"] = ", ".join(map(str, found["probe.watched"]))
    found["probe.prompts"] = "\n".join(found["probe.prompts"])
    return found


REALS = frozenset(name for name, value in _spread(DistillConfig()).items() if isinstance(value, float))
"""The settings that take any real number."""


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
