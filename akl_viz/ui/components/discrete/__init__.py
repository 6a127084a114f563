"""The animation of learn/discrete."""

from akl_viz.ui.components.assets import Component

COMPONENT = Component(
    scripts=(
        *("format", "dom", "packed", "scales", "player"),
        *(f"discrete/{name}" for name in ("lines", "tip", "stage", "gaps", "readout", "animation")),
    ),
    styles=("controls", "player", "discrete/discrete"),
    html="discrete/discrete",
    draws="Animation",
)
