"""The mixture that is dragged and the Gaussians fitted to it."""

from akl_viz.ui.components.assets import Component

COMPONENT = Component(
    scripts=(
        *("format", "dom", "packed", "outbox", "scales", "player", "knobs"),
        *(
            f"gaussian/{name}"
            for name in ("mixture", "line", "plane", "handles", "weights", "controls", "tables", "explorer")
        ),
    ),
    styles=("controls", "player", "gaussian/gaussian"),
    html="gaussian/gaussian",
)
