"""The experiment on its page: figures, what happened in words, and below it the command and the files."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from akl_viz.analysis.export import table_csv
from akl_viz.errors import AklVizError
from akl_viz.figures.capacity import GAP, PANELS, Panel, key_html
from akl_viz.toys import LowRankConfig, LowRankResult
from akl_viz.ui import charts
from akl_viz.ui.capacity import findings
from akl_viz.ui.capacity.controls import every_seed, publish, rank_of, wanted
from akl_viz.ui.capacity.pictures import pictures
from akl_viz.ui.capacity.runs import stored
from akl_viz.ui.capacity.state import command
from akl_viz.ui.capacity.waiting import result_for
from akl_viz.ui.folded import folded
from akl_viz.ui.plain import plain
from akl_viz.ui.remark import remark
from akl_viz.ui.results import theme


def experiment() -> None:
    """Controls, figures, findings, command and files."""
    with st.container():
        now = wanted()
    with st.container():
        result, current = result_for(now)
        if result is not None:
            remark(f"{'Shown' if current else 'Still shown'}: {plain(_summary(result))}")
    publish(now)
    if result is None:
        return
    _headline(result)
    _figures(result)
    _by_seed(result)
    _reproduce(result)


def _summary(result: LowRankResult) -> str:
    config = result.config
    several = config.seeds > 1
    seeds = f"seeds {config.first_seed} to {config.first_seed + config.seeds - 1}" if several else "one seed, "
    seeds += f" (n = {config.seeds})" if several else f"{config.first_seed}"
    kind = "the stored result" if _is_stored(result) else "a run of this server"
    bars = " Bars: 95 % intervals of the mean over seeds (Student's t)." if several else ""
    return (
        f"{kind}, {seeds}; {config.contexts} contexts, {config.tokens} tokens, teacher of rank {config.teacher_rank}, "
        f"{config.steps:,} Adam steps.{bars}"
    )


def _is_stored(result: LowRankResult) -> bool:
    try:
        return result is stored()
    except AklVizError:
        return False


def _figures(result: LowRankResult) -> None:
    """The entropy gap on top, the other measures as small multiples."""
    scheme = theme()
    gap, *others = pictures(result, scheme, every_seed())
    st.html(key_html(result.config.losses, scheme))
    st.markdown(f"**{GAP.title}**: {GAP.axis}")
    charts.chart(gap, key="capacity.gap", alt=_alt(GAP), file=f"capacity-{GAP.field}")
    places = [place for start in range(0, len(PANELS), 3) for place in st.columns(3)]
    for place, panel, figure in zip(places, PANELS, others, strict=True):
        with place:
            charts.chart(figure, key=f"capacity.{panel.field}", alt=_alt(panel), file=f"capacity-{panel.field}")


def _alt(panel: Panel) -> str:
    return f"{panel.title} against the student's rank, one line per loss; {panel.axis}. The numbers are in the CSV."


def _headline(result: LowRankResult) -> None:
    """Where over-smoothing and over-sharpening came back."""
    st.markdown("**What happened here**")
    with st.container(key="capacity-headline"):
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in findings.headline(result)))


def _by_seed(result: LowRankResult) -> None:
    """In how many seeds, at one rank."""
    told = findings.sentences(result, rank_of(result.config.ranks))
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in told))
    if result.config.seeds == 1:
        remark("One seed says little: take more.")
    with folded("All ranks as a table", "capacity.table") as opened:
        if opened:
            st.dataframe(
                findings.table(result), hide_index=True, alt="Entropy difference by loss and rank, with counts."
            )


def _reproduce(result: LowRankResult) -> None:
    """The command of the shown result, and its numbers as files."""
    config: LowRankConfig | None = None if _is_stored(result) else result.config
    with folded("Show the command", "capacity.command") as opened:
        if opened:
            st.code(command(config), language="bash", wrap_lines=True)
            remark("Prints every measure of every loss, rank and seed, and the findings, as JSON at full precision.")
        if opened and config is None:
            remark("`akl-viz toy lowrank --preset capacity --json` computes it anew: a few minutes on one core.")
    with st.container(horizontal=True, vertical_alignment="center"):
        _download("Seeds, CSV", result.frame, "capacity-seeds.csv")
        _download("Means and intervals, CSV", lambda: findings.drawn(result)[0], "capacity-means.csv")
    remark("The address of this page holds the whole view: copy it to share it.")


def _download(label: str, frame: Callable[[], pd.DataFrame], name: str) -> None:
    st.download_button(
        label, lambda: table_csv(frame()), name, "text/csv",
        key=f"capacity.download.{name}", on_click="ignore", icon=":material/download:",
    )  # fmt: skip
