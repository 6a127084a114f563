"""Draggable bars and what every divergence makes of them."""

from akl_viz.ui.components.assets import Component

COMPONENT = Component(
    scripts=(
        *("format", "dom", "packed", "outbox", "knobs"),
        *(f"small_vocabulary/{name}" for name in ("shares", "bars", "losses", "heads", "controls", "explorer")),
    ),
    styles=("controls", "small_vocabulary/small_vocabulary"),
    html="small_vocabulary/small_vocabulary",
)
