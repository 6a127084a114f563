"""Divergences: what does each one punish, and which way does it push a student?"""

import streamlit as st

from akl_viz.ui import catalog, shell
from akl_viz.ui.small_vocabulary import explorer, numbers

row = catalog.page("learn/divergences")
shell.lead(row)

# Controls, compute and figures: one fragment, so that a drag reruns the numbers alone
explorer.explorer()

# Explanation
st.divider()
shell.prose(row)
numbers.warm_up()
