"""What stands below the inspector: notices, statistics, the command, exports."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import streamlit as st

from akl_viz.analysis.export import trace_csv, trace_json
from akl_viz.analysis.statistics import mean_and_error, summarise
from akl_viz.figures.theme import Theme
from akl_viz.figures.weights import beyond_wall, weight_histogram
from akl_viz.metrics import METRICS
from akl_viz.records import TokenTrace
from akl_viz.ui import permalink
from akl_viz.ui.command import TEXT_FILE, inspect_command, needs_file
from akl_viz.ui.components.payload import default_pins
from akl_viz.ui.inspector import inspector, standalone_html
from akl_viz.ui.plain import plain
from akl_viz.ui.tracing import TraceRequest
from akl_viz.ui.view import View
from akl_viz.words import counted


def theme() -> Theme:
    """The theme the browser shows."""
    return "dark" if st.context.theme.type == "dark" else "light"


def notices(trace: TokenTrace) -> None:
    """What a reader must know before trusting the view: the cut, the dropped rows, infinities."""
    if trace.cut is not None:
        st.warning(
            f"The text was cut after token {trace.cut.tokens_kept:,} (character {trace.cut.character:,}): the models' "
            f"context of {trace.cut.context:,} tokens ends there; {trace.cut.tokens_dropped:,} tokens are not scored.",
            icon=":material/content_cut:",
        )
    shared = trace.shared
    for side, rows, mass in (
        ("teacher", shared.teacher_dropped_rows, shared.teacher_dropped_mass),
        ("student", shared.student_dropped_rows, shared.student_dropped_mass),
    ):
        if rows:
            st.info(
                f"The {side}'s embedding is padded: {rows:,} rows beyond the shared {shared.size:,} tokens were left "
                f"out, with at most {mass:.2g} of the probability mass at any position.",
                icon=":material/info:",
            )


def strip_and_cards(trace: TokenTrace) -> View:
    """The inspector, opened as the address says; what a person changes goes back into the address."""
    state = inspector(trace, key="tokens.inspector", view=permalink.restore_view(trace))
    first = state.pins == tuple(default_pins(trace))
    permalink.publish_view(replace(state, pins=None if first else state.pins))
    return state


def models_line(trace: TokenTrace) -> None:
    """Which two models these are, in one line."""
    parts = []
    for role, model in (("teacher", trace.teacher), ("student", trace.student)):
        parts.append(
            f"{role} {model.parameters / 1e6:,.1f} M parameters, {model.dtype} on {model.device}, {model.revision}"
        )
    st.text(" · ".join(parts))
    for info in dict.fromkeys((trace.teacher, trace.student)):
        for note in info.notes:
            st.caption(plain(note))
    for note in trace.notes:
        st.caption(plain(note))


def summary_table(trace: TokenTrace) -> None:
    """Mean and standard error of every metric over the scored positions."""
    rows = []
    for metric in METRICS.values():
        row = mean_and_error(metric.values(trace))
        rows.append((metric.label, _number(row.mean), "" if row.se is None else f"± {_number(row.se)}", metric.unit))
    agreement = summarise(trace)["top1_agree"]
    error = "" if agreement.se is None else f"± {_number(agreement.se)}"
    rows.append(("Same likeliest token", _number(agreement.mean), error, "share"))
    frame = pd.DataFrame(rows, columns=["", "mean", "s.e.", "unit"]).set_index("")
    st.markdown(f"**Summary** over n = {counted(trace.n_scored, 'scored position')}, mean ± standard error")
    st.table(frame)
    st.caption("Tokens of one text depend on each other: the error describes this text, not others.")


def weights_chart(trace: TokenTrace) -> None:
    """The histogram of forward weights with the wall, explained."""
    single = int((trace.columns["head_size"] == 1).sum())
    beyond = beyond_wall(trace)
    st.markdown("**How AKL weighs** the forward term over this text")
    st.plotly_chart(
        weight_histogram(trace, theme()),
        key="tokens.weights",
        theme=None,
        alt=f"Histogram of the AKL weight of KL(T‖S) over {trace.n_scored} positions; {beyond} lie above 0.5.",
        config={"displaylogo": False, "toImageButtonOptions": {"filename": "akl-weights", "format": "svg"}},
    )
    st.caption(
        f"A head of one token cannot weigh the forward term above 0.5: what the student lacks on that token it has "
        f"elsewhere, so the tail gap is at least as large. Here {single} of {trace.n_scored} positions have such a "
        f"head; {beyond} positions lie above 0.5."
    )


def reproduce(request: TraceRequest, trace: TokenTrace, state: View) -> None:
    """The command of this view, and its numbers as files."""
    with st.expander("Show the command"):
        st.code(inspect_command(request), language="bash", wrap_lines=True)
        if needs_file(request):
            _download("Text", request.text, TEXT_FILE, "text/plain")
        st.caption("Prints the statistics of every token and the summary as JSON, at full precision.")
    with st.container(horizontal=True, vertical_alignment="center"):
        _download("CSV", lambda: trace_csv(trace), "tokens.csv", "text/csv")
        _download("Parquet", lambda: _parquet(trace), "tokens.parquet", "application/vnd.apache.parquet")
        _download("JSON", lambda: json.dumps(trace_json(trace), ensure_ascii=False), "tokens.json", "application/json")
        _download("HTML page", lambda: _html(trace, state), "tokens.html", "text/html")
    if st.session_state.get("tokens.link_too_long"):
        st.caption("The text is too long to be part of this page's address: share the text file and the command.")
    else:
        st.caption("The address of this page holds the whole view: copy it to share it.")


def _download(label: str, data: str | Callable[[], str | bytes], name: str, mime: str) -> None:
    st.download_button(
        label, data, name, mime, key=f"tokens.download.{name}", on_click="ignore", icon=":material/download:"
    )


def _html(trace: TokenTrace, state: View) -> str:
    return standalone_html(trace, state)


def _parquet(trace: TokenTrace) -> bytes:
    buffer = io.BytesIO()
    trace.frame().to_parquet(buffer, index=False)
    return buffer.getvalue()


def _number(value: float) -> str:
    """Four significant digits; a small number stays visible."""
    return f"{value:.4g}"
