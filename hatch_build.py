"""What a wheel carries besides the package: the app, its pages and the bundled data.

An editable install finds all of it in the checkout and so copies nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLED = (
    "app.py",
    "pages",
    "content",
    "data/README.md",
    "data/checkpoints",
    "data/corpus",
    "data/curves",
    "data/prompts",
    "data/runs",
    "data/tokenizer",
    "data/toys",
    "data/traces",
    ".streamlit",
)


class Bundle(BuildHookInterface):
    """Puts BUNDLED below akl_viz/_bundle, where `akl_viz.paths` looks first."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is built; `version` is "editable" for `pip install -e`."""
        if version != "editable":
            build_data["force_include"] |= {str(Path(self.root) / name): f"akl_viz/_bundle/{name}" for name in BUNDLED}
