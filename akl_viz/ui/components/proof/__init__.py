"""The simplex of three tokens: teacher and start are dragged, flows and paths follow."""

from akl_viz.ui.components.assets import Component

COMPONENT = Component(
    scripts=("format", "dom", "outbox", "proof/triangle", "proof/explorer"),
    styles=("proof/simplex",),
    html="proof/simplex",
)
