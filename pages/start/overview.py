"""Overview: filled from a stored trace before torch is imported."""

import streamlit as st

from akl_viz.ui import catalog, overview, shell

row = catalog.page("start/overview")
shell.lead(row)

# Figures
overview.sentences()
overview.strip()
overview.command()

# Explanation
overview.sections()
st.divider()
shell.prose(row)
shell.warm_up()
