"""The tokens and the two distributions a state stands for."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from akl_viz.records import Settings
from akl_viz.ui.small_vocabulary.presets import PRESETS, REAL, Start, default_position, invented, positions, real
from akl_viz.ui.small_vocabulary.state import State
from akl_viz.ui.tracing import stored_trace


@dataclass(frozen=True)
class Scene:
    """A state with nothing left open."""

    state: State
    start: Start
    """Where the preset begins: labels, and what "reset" goes back to."""

    @property
    def teacher(self) -> tuple[float, ...]:
        """(V,) weights."""
        return self.state.teacher or self.start.teacher

    @property
    def student(self) -> tuple[float, ...]:
        """(V,) weights."""
        return self.state.student or self.start.student

    @property
    def note(self) -> str:
        """Where the distributions come from, in words."""
        if self.state.preset != REAL:
            return PRESETS[self.state.preset].note
        shown = len(self.start.labels) - 1
        trace = stored_trace()
        pair = "" if trace is None else f" ({trace.teacher.reference}, {trace.student.reference})"
        return (
            f"The teacher's {shown} likeliest tokens at this position of the bundled pair{pair}; the rest of both "
            "models' mass is folded into one bin, nothing is renormalised."
        )


def scene(state: State) -> Scene:
    """The scene of a state; parts that do not fit it (bars of another length, no such token) are left out."""
    trace = stored_trace()
    if state.preset == REAL and trace is not None:
        known = {index for index, _ in positions(trace)}
        position = state.position if state.position in known else default_position(trace)
        start = real(trace, position, state.size)
    else:
        position = None
        state = state if state.preset != REAL else replace(state, preset=State().preset)
        start = invented(PRESETS[state.preset], state.size)
    count = len(start.labels)
    fitting = replace(
        state,
        position=position,
        teacher=state.teacher if _fits(state.teacher, count, start.teacher) else None,
        student=state.student if _fits(state.student, count, start.student) else None,
        target=state.target if state.target is not None and state.target < count else None,
    )
    return Scene(fitting, start)


def left_out(asked: State, found: Scene) -> list[str]:
    """The parameters of an address that are well formed but do not fit the scene that is shown."""
    shown, count = found.state, len(found.start.labels)
    kept = {
        name: getattr(asked, name) in (None, getattr(shown, name)) for name in ("preset", "position", "target", "loss")
    }
    bars = {"p": asked.teacher, "q": asked.student}
    kept |= {name: weights is None or len(weights) == count for name, weights in bars.items()}
    return [name for name, fits in kept.items() if not fits]


def _fits(weights: tuple[float, ...] | None, count: int, start: tuple[float, ...]) -> bool:
    return weights is not None and len(weights) == count and weights != start


def command(found: Scene) -> str:
    """`akl-viz divergence ...` with what differs from the defaults; a second line for a loss with own parameters."""
    words = ["akl-viz", "divergence", f"--teacher={_numbers(found.teacher)}", f"--student={_numbers(found.student)}"]
    state, defaults = found.state, Settings()
    options = (
        ("--mu", state.settings.mu, defaults.mu),
        ("--boundary", state.settings.boundary, defaults.boundary),
        ("--temperature", state.settings.temperature, defaults.temperature),
        ("--target", state.target, None),
    )
    for name, value, default in options:
        if value != default:
            words += [name, str(value)]
    lines = [shlex.join([*words, "--json"])]
    if state.loss.given:
        lines.append(shlex.join([*words, "--loss", str(state.loss), "--json"]))
    return "\n".join(lines)


def _numbers(weights: Sequence[float]) -> str:
    return ",".join(f"{weight:g}" for weight in weights)
