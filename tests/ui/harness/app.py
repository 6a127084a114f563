"""A page with the inspector and nothing else; `?trace=` picks the text, the other parameters the view."""

from functools import cache

import streamlit as st

from akl_viz.ui.inspector import inspector
from akl_viz.ui.permalink import parse_view
from tests.ui.fabricated import fabricated, long_text


@cache
def trace_named(name: str):
    if name.startswith("long"):
        return fabricated(long_text(int(name.removeprefix("long"))), infinite=False)
    if name == "reach":
        return fabricated(boundary="reach")
    return fabricated(mu=0.9 if name == "wide-head" else 0.5)


st.set_page_config(page_title="harness", layout="wide")
st.session_state["runs"] = st.session_state.get("runs", 0) + 1
name = st.query_params.get("trace", "passage")
if st.button("other trace"):
    st.session_state["other"] = not st.session_state.get("other", False)
if st.session_state.get("other"):
    name = "wide-head"
if not st.toggle("away"):
    state = inspector(trace_named(name), key="inspector", view=parse_view(st.query_params.to_dict()))
    with st.container(key="state"):
        st.text(f"pins={list(state.pins)} metric={state.metric} fit={state.fit}")
        st.text(f"bars={state.bars} scale={state.scale} glyphs={state.glyphs}")
with st.container(key="runs"):
    st.text(f"runs={st.session_state['runs']}")
