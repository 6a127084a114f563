"""Results of the page: the stored one, those kept from before, and those computed in the background."""

from __future__ import annotations

import streamlit as st

from akl_viz.models.warm import import_libraries
from akl_viz.toys import LowRankConfig, LowRankResult, stored_lowrank
from akl_viz.ui.jobs import Job, KeptJobs

KEPT = 8
RunJobs = KeptJobs[LowRankConfig, LowRankResult]


def compute(config: LowRankConfig, job: Job[LowRankResult]) -> LowRankResult:
    """Train the students; imports torch.

    Args:
        config: the experiment.
        job: told the progress; may stop.

    Raises:
        InvalidInput: a loss or parameter that does not exist.
        Cancelled: the job was told to stop.
    """
    job.report(0.0, "Importing the mathematics")
    import_libraries()
    from akl_viz.toys import run_lowrank
    from akl_viz.toys.threads import one_core

    students = len(config.losses) * len(config.ranks)

    def tell(share: float) -> None:
        at = min(int(share * students), students - 1)
        loss, rank = config.losses[at // len(config.ranks)], config.ranks[at % len(config.ranks)]
        job.report(share, f"{share:.0%}: {loss}, rank {rank}, {config.seeds} seeds at once")

    with one_core():
        return run_lowrank(config, progress=tell, cancelled=lambda: job.stopped)


@st.cache_resource(show_spinner=False)
def runs() -> RunJobs:
    """The runs of this server: a few results are kept, one is computed at a time."""
    return RunJobs("The run", compute, KEPT)


@st.cache_resource(show_spinner=False)
def stored() -> LowRankResult:
    """The result that comes with the project. Raises InvalidInput where it is missing or damaged."""
    return stored_lowrank()
