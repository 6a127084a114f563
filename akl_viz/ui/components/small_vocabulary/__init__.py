"""Draggable bars and what every divergence makes of them."""

from akl_viz.ui.components.assets import Component

COMPONENT = Component(
    scripts=(
        *("format", "dom", "packed", "outbox"),
        *(f"small_vocabulary/{name}" for name in ("shares", "bars", "losses", "heads", "controls", "explorer")),
    ),
    styles=("small_vocabulary/small_vocabulary",),
    html="small_vocabulary/small_vocabulary",
)
