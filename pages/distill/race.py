"""Live distillation: what do the losses do to a real student?"""

import streamlit as st

from akl_viz.ui import catalog, shell
from akl_viz.ui.race import links, live, saved, setup, start

row = catalog.page("distill/race")
shell.lead(row)

# Controls
config = setup.configured()

# Compute
start.start_row(config)
name = saved.opened()

# Figures
run = live.show(name) if name is not None else live.show_stored()
if run is not None:
    links.inspect_links(run)
saved.listing(name)
if config is not None:
    start.show_command(config)

# Explanation
st.divider()
shell.prose(row)
shell.warm_up()
