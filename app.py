"""Entry of the app: the page catalog becomes the navigation; imported, the application that a server runs."""

import streamlit as st

if __name__ == "__main__":
    from akl_viz.ui import shell, waiting

    shell.configure()
    with waiting.one_run():
        shell.navigate()
else:
    from akl_viz import served

    # `streamlit run` looks for this very line, and serves what it makes.
    app = st.App(__file__, routes=served.routes(), middleware=served.MIDDLEWARE, lifespan=served.browser_opened)
