"""Token inspector: where does this student differ from this teacher, and what would each loss do about it?"""

import streamlit as st

from akl_viz.ui import catalog, controls, results, shell, waiting

row = catalog.page("inspect/tokens")
shell.lead(row)

# Controls
request = controls.trace_request()

# Compute
trace, current = waiting.trace_for(request)

# Figures
if trace is not None:
    if not current:
        st.caption("Below: the comparison before this one.")
    results.notices(trace)
    state = results.strip_and_cards(trace)
    results.models_line(trace)
    table, chart = st.columns([1.2, 1], gap="large")
    with table:
        results.summary_table(trace)
    with chart:
        results.weights_chart(trace)
    if current and request is not None:
        results.reproduce(request, trace, state)

# Explanation
st.divider()
shell.prose(row)
shell.warm_up()
