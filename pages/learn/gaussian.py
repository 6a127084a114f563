"""Gaussian student: when does a student that cannot fit its teacher seek the mean, and when a mode?"""

import streamlit as st

from akl_viz.ui import catalog, charts, shell
from akl_viz.ui.gaussian import explorer, fits

row = catalog.page("learn/gaussian")
shell.lead(row)

# Controls, compute and figures: one fragment, so that a drag reruns the fits alone
explorer.explorer()

# Explanation
st.divider()
shell.prose(row)
fits.warm_up()
charts.send(row.key)
