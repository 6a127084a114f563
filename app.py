"""Entry of the app: the page catalog becomes the navigation."""

import streamlit as st

from akl_viz.ui import catalog, shell

shell.configure()
st.navigation(catalog.navigation()).run()
