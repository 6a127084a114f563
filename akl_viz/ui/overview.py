"""The default page: one stored comparison, three sentences about it, and where to go from there."""

from __future__ import annotations

import numpy as np
import streamlit as st

from akl_viz.analysis.statistics import mean_and_error
from akl_viz.records import TokenTrace
from akl_viz.ui import catalog
from akl_viz.ui.command import inspect_command
from akl_viz.ui.inspector import inspector
from akl_viz.ui.tracing import request_of, stored_trace

MISSING = "The stored comparison is missing: run `make data` to build it. The pages below work without it."


def sentences() -> None:
    """Three sentences with the numbers of the stored trace."""
    trace = stored_trace()
    if trace is None:
        st.warning(MISSING)
        return
    for sentence in three_sentences(trace):
        st.markdown(f"- {sentence}")


def three_sentences(trace: TokenTrace) -> tuple[str, str, str]:
    """What is shown, where the two models differ, and what AKL makes of it: every number computed from the trace."""
    head, tail = (mean_and_error(trace.columns[name]) for name in ("head_gap", "tail_gap"))
    agree = int(np.nansum(trace.columns["top1_agree"]))
    weights = trace.columns["weight_forward"][trace.scored]
    heads = trace.columns["head_size"][trace.scored]
    return (
        f"A teacher of {trace.teacher.parameters / 1e6:.1f} M parameters and its student of "
        f"{trace.student.parameters / 1e6:.1f} M read a held-out page of Jane Austen; each token is coloured by "
        "who gave it more probability, and they agree on the likeliest next token at "
        f"{agree} of {trace.n_scored} positions.",
        f"On the teacher's likeliest tokens (the head, half of its mass) the student is off by {head.mean:.2f} ± "
        f"{head.se or 0:.2f} on average, on all the others (the tail) by {tail.mean:.2f} ± {tail.se or 0:.2f}, both as "
        f"a sum of |p − q| over n = {head.n} positions.",
        f"Adaptive KL weighs forward and reverse KL by these two gaps: here the forward term gets "
        f"{np.mean(weights):.2f} on average, and never more than {np.max(weights[heads == 1], initial=0.0):.2f} at "
        f"the {int((heads == 1).sum())} positions whose head is a single token.",
    )


def strip() -> None:
    """The stored trace in the inspector, one position pinned."""
    trace = stored_trace()
    if trace is not None:
        inspector(trace, key="overview.inspector")


def command() -> None:
    """The command that prints the numbers of this page."""
    trace = stored_trace()
    if trace is not None:
        with st.expander("Show the command"):
            st.code(inspect_command(request_of(trace)), language="bash", wrap_lines=True)


def sections() -> None:
    """A link and a question for every other page."""
    st.subheader("Where to go")
    for row in catalog.PAGES:
        if not row.default:
            st.page_link(catalog.streamlit_page(row), label=f"**{row.title}**: {row.question}", icon=row.icon)
