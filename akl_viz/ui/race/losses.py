"""Whether losses can race, said at once rather than when the run starts."""

from __future__ import annotations

from akl_viz.distill import DistillConfig
from akl_viz.errors import InvalidInput
from akl_viz.figures.theme import DIVERGENCE_COLOURS
from akl_viz.models.warm import import_libraries


def mistake(losses: tuple[str, ...]) -> str:
    """What is wrong with the losses of a run, in the engine's own words; empty where nothing is.

    Plain keys of the table need no look into it, and so no torch: a first visit draws its controls at once.
    """
    try:
        config = DistillConfig(losses=losses)
        if not set(losses) <= set(DIVERGENCE_COLOURS):
            check(config)
    except InvalidInput as error:
        return str(error)
    return ""


def check(config: DistillConfig) -> None:
    """The engine's check of losses and their data, which needs torch. Raises InvalidInput."""
    import_libraries()
    from akl_viz.distill.starting import check_losses

    check_losses(config)
