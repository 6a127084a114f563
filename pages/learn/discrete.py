"""Free softmax student: which loss closes which gap first, and does it matter in the end?"""

import streamlit as st

from akl_viz.ui import catalog, shell
from akl_viz.ui.discrete import experiment

row = catalog.page("learn/discrete")
shell.lead(row)

# Controls, compute and figures
experiment.experiment()

# Explanation
st.divider()
shell.prose(row)
shell.warm_up()
