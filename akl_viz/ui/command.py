"""The shell command that reproduces a view."""

from __future__ import annotations

import shlex

from akl_viz.records import Settings
from akl_viz.ui.tracing import TraceRequest

LONG_TEXT = 1_500
TEXT_FILE = "text.txt"


def inspect_command(request: TraceRequest) -> str:
    """`akl-viz inspect ...` with what differs from the defaults; a long text is read from text.txt."""
    words = ["akl-viz", "inspect", "--teacher", request.teacher, "--student", request.student]
    words += ["--text-file", TEXT_FILE] if needs_file(request) else [f"--text={request.text}"]
    defaults = Settings()
    chosen = request.settings
    options = (
        ("--mu", chosen.mu, defaults.mu),
        ("--boundary", chosen.boundary, defaults.boundary),
        ("--temperature", chosen.temperature, defaults.temperature),
        ("--dtype", request.dtype, "auto"),
        ("--device", request.device, "auto"),
    )
    for name, value, default in options:
        if value != default:
            words += [name, str(value)]
    return shlex.join([*words, "--json"])


def needs_file(request: TraceRequest) -> bool:
    """Whether the text is too long to stand in the command."""
    return len(request.text) > LONG_TEXT
