"""The simplex of three tokens: teacher and start are dragged, flows and paths follow."""

from akl_viz.ui.components.assets import Component

COMPONENT = Component(
    scripts=("format", "dom", "outbox", "scales", "player", "proof/triangle", "proof/explorer"),
    styles=("controls", "player", "proof/simplex"),
    html="proof/simplex",
)
