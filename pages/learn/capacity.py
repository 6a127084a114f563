"""Capacity: what comes back when the student is too small for its teacher?"""

import streamlit as st

from akl_viz.ui import catalog, charts, shell
from akl_viz.ui.capacity import experiment

row = catalog.page("learn/capacity")
shell.lead(row)

# Controls, compute and figures
experiment.experiment()

# Explanation
st.divider()
charts.head_start(row.key)
shell.prose(row)
shell.warm_up()
charts.send(row.key)
