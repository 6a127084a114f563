"""Entry of the app: the page catalog becomes the navigation."""

from akl_viz.ui import shell

shell.configure()
shell.navigate()
