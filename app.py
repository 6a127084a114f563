"""Entry of the app: the page catalog becomes the navigation."""

from akl_viz.ui import shell, waiting

shell.configure()
with waiting.one_run():
    shell.navigate()
