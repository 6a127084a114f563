"""Proof: why do both losses share one optimum, and what does the proof leave out?"""

import streamlit as st

from akl_viz.ui import catalog, charts, shell
from akl_viz.ui.proof import blocks, controls, numbers

row = catalog.page("learn/proof")
shell.lead(row)
controls.restore()

# Controls, compute and figures: one fragment per block
blocks.phi_block()
blocks.simplex_block()
charts.head_start(row.key)
blocks.plateau_block()
blocks.late_block()
controls.finish()
st.markdown(":small[The address of this page holds the whole view: copy it to share it.]")

# Explanation
st.divider()
shell.prose(row)
numbers.warm_up()
charts.send(row.key)
