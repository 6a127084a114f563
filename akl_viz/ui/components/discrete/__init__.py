"""The animation of learn/discrete."""

from akl_viz.ui.components.assets import Component

COMPONENT = Component(
    scripts=(
        *("format", "dom", "packed"),
        *(f"discrete/{name}" for name in ("scales", "lines", "tip", "stage", "gaps", "player", "readout", "animation")),
    ),
    styles=("discrete/discrete",),
    html="discrete/discrete",
    draws="Animation",
)
